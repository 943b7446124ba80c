"""Copies of fitted scikit-learn estimators with other factors, for `better_model`."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.problem import Values

from ._dictionary import lasso, library_cost
from ._fitted import read
from ._nmf import LOSSES, factor_scale

Rebuild = Callable[[Any, Array, Factors, Values], Any]


def copy_with(estimator: Any, components: Array) -> Any:
    """Return a copy with these components (k, features), in the estimator's precision.

    Raises InputError for k = 0: the library has at least one component.
    """
    if not len(components):
        name = type(estimator).__name__
        raise InputError(f"the better factors are zero, and {name} has at least one component")
    out = deepcopy(estimator)
    out.set_params(n_components=len(components))
    out.components_ = np.ascontiguousarray(components, dtype=estimator.components_.dtype)
    if hasattr(out, "n_components_"):
        out.n_components_ = len(components)
    return out


def nmf(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return the copy with H = V' s and the error sqrt(2 D(Y, U V')), s as in `from_model`."""
    U, V = factors
    out = copy_with(estimator, V.T * factor_scale(estimator, Y.shape))
    out.reconstruction_err_ = float(np.sqrt(2 * LOSSES[estimator.beta_loss](Y).value(U @ V.T)))
    return out


def pca(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return the copy with the principal axes of Y - mean in the span of V.

    Its objective is at most that of U V' + mean.
    """
    mean = Y.mean(axis=0)
    values, axes = singular_axes(Y - mean, factors[1])
    out = copy_with(estimator, axes)
    n, whole = len(Y), (Y - mean).var(axis=0, ddof=1).sum()
    out.mean_, out.singular_values_ = mean.astype(estimator.mean_.dtype), values
    out.explained_variance_ = values**2 / (n - 1)
    out.explained_variance_ratio_ = out.explained_variance_ / whole
    left = min(Y.shape) - len(axes)
    out.noise_variance_ = max(whole - out.explained_variance_.sum(), 0.0) / left if left else 0.0
    return out


def truncated_svd(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return the copy with the singular vectors of Y in the span of V, at least as good as U V'."""
    values, axes = singular_axes(Y, factors[1])
    out = copy_with(estimator, axes)
    out.singular_values_ = values
    out.explained_variance_ = (Y @ axes.T).var(axis=0)
    out.explained_variance_ratio_ = out.explained_variance_ / Y.var(axis=0).sum()
    return out


def singular_axes(Y: Array, V: Array) -> tuple[Array, Array]:
    """Return the singular values and right vectors (k, n) of Y restricted to the span of V."""
    basis = np.linalg.qr(V)[0]
    values, axes = np.linalg.svd(Y @ basis, full_matrices=False)[1:]
    return values, axes @ basis.T


def dictionary_learning(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return the copy with atoms v_k / |v_k| and the error 1/2 |Y - U V'|^2 + alpha sum |u_k|_1.

    A model keeps no codes, so if the lasso codes of these atoms are better, the error is theirs.
    """
    U, V = nonzero(factors)
    out = copy_with_code(estimator, Y, (U, V), V.T / np.linalg.norm(V, axis=0)[:, None])
    fit, alpha = read(out, Y, None), float(out.alpha)
    cost = library_cost(fit, lasso(fit, alpha), fit.components, alpha)
    out.error_[-1] = min(out.error_[-1], cost)
    return out


def sparse_pca(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return the copy with the components u_k / |u_k|, for Y = (X - mean)'."""
    U, V = nonzero(factors)
    return copy_with_code(estimator, Y, (U, V), U.T / np.linalg.norm(U, axis=0)[:, None])


def nonzero(factors: Factors) -> Factors:
    """Return the components that are not zero; zero ones have no direction."""
    U, V = factors
    used = U.any(axis=0) & V.any(axis=0)
    return U[:, used], V[:, used]


def copy_with_code(estimator: Any, Y: Array, factors: Factors, components: Array) -> Any:
    """Return a copy whose last error is 1/2 |Y - U V'|^2 + alpha sum |u_k|_1 |v_k|_2."""
    U, V = factors
    out = copy_with(estimator, components)
    if not hasattr(out, "error_"):  # mini-batch models have none
        return out
    price = float(np.abs(U).sum(axis=0) @ np.linalg.norm(V, axis=0))
    error = 0.5 * float(((Y - U @ V.T) ** 2).sum()) + estimator.alpha * price
    out.error_ = np.append(estimator.error_, error)
    return out


REBUILT: dict[str, Callable[[Any, Array, Factors], Any]] = {
    "NMF": nmf,
    "PCA": pca,
    "IncrementalPCA": pca,
    "TruncatedSVD": truncated_svd,
    "DictionaryLearning": dictionary_learning,
    "SparsePCA": sparse_pca,
    "MiniBatchSparsePCA": sparse_pca,
}


def rebuilt(estimator: Any, Y: Array, factors: Factors, q: Values) -> Any:
    """Return a fitted copy of an estimator with these factors and their errors.

    Raises InputError for another estimator, or one of other data.
    """
    del q  # a decomposition fits its own
    return rebuild_last(estimator, lambda model: rebuild(model, Y, factors))


def rebuild_last(estimator: Any, make: Callable[[Any], Any]) -> Any:
    """Return make(estimator); for a wrapper, a copy of it around make(its estimator).

    For a search, make(its best estimator) is returned.
    """
    if (within := inner_attribute(estimator)) is not None:
        new = rebuild_last(getattr(estimator, within), make)
        if within == "best_estimator_":
            return new
        out = deepcopy(estimator)
        setattr(out, within, new)
        return out
    if not hasattr(estimator, "steps"):
        return make(estimator)
    out, at = deepcopy(estimator), last_active_step(estimator)
    name, last = out.steps[at]
    out.steps[at] = name, rebuild_last(last, make)
    return out


def inner_attribute(estimator: Any) -> str | None:
    """Return the attribute of the fitted estimator in a wrapper of scikit-learn; None for others.

    Wrappers are a frozen estimator, a search and a regressor of transformed targets.
    """
    if type(estimator).__name__ == "FrozenEstimator":  # it also has its estimator's attributes
        return "estimator"
    names = ("best_estimator_", "regressor_")
    return next((k for k in names if getattr(estimator, k, None) is not None), None)


def last_active_step(pipeline: Any) -> int:
    """Return the index of a pipeline's last step that is not idle, or 0."""
    idle = (None, "passthrough")
    places = [at for at, (_, step) in enumerate(pipeline.steps) if step not in idle]
    return places[-1] if places else 0


def rebuild(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return a fitted copy of a decomposition."""
    name = type(estimator).__name__
    if name not in REBUILT or not hasattr(estimator, "components_"):
        listed = ", ".join(REBUILT)
        raise InputError(f"estimator must be a fitted {listed}, got {name}")
    features = len(Y) if REBUILT[name] is sparse_pca else Y.shape[1]
    demand_features(name, estimator.components_.shape[1], features)
    return REBUILT[name](estimator, Y, factors)


def demand_features(name: str, got: int, features: int) -> None:
    """Raise InputError unless a model has the features of the data."""
    if got != features:
        wanted = f"{features} features, as the data of this result"
        raise InputError(f"{name} must have {wanted}, got {got}")
