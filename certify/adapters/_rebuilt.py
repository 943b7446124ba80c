"""Copies of fitted scikit-learn estimators with other factors: what `better_model` returns."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.losses import KullbackLeibler, Squared
from certify.problem import Values

from ._dictionary import lasso, library_cost
from ._fitted import read

Rebuild = Callable[[Any, Array, Factors, Values], Any]


def copy_with(estimator: Any, components: Array) -> Any:
    """Return a copy with these components (k, features), in the precision of its own.

    Raises InputError without any: the library fits at least one.
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
    """Return H = V' s and the figure sqrt(2 D(Y, U V')), s as from_model scaled them:

    s = (m alpha_W / (n alpha_H))^(1/4), 1 without squares of both in the penalty.
    """
    (U, V), (n, m) = factors, Y.shape
    alpha_H = estimator.alpha_W if isinstance(estimator.alpha_H, str) else estimator.alpha_H
    s = (
        (m * estimator.alpha_W / (n * alpha_H)) ** 0.25
        if alpha_H * estimator.alpha_W and estimator.l1_ratio < 1
        else 1.0
    )
    out = copy_with(estimator, V.T * s)
    kind = Squared if estimator.beta_loss in ("frobenius", 2) else KullbackLeibler
    out.reconstruction_err_ = float(np.sqrt(2 * kind(Y).value(U @ V.T)))
    return out


def pca(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return the principal axes of Y - mean within the span of V: no worse than U V' + mean."""
    mean = Y.mean(axis=0)
    values, axes = within(Y - mean, factors[1])
    out = copy_with(estimator, axes)
    n, whole = len(Y), (Y - mean).var(axis=0, ddof=1).sum()
    out.mean_, out.singular_values_ = mean.astype(estimator.mean_.dtype), values
    out.explained_variance_ = values**2 / (n - 1)
    out.explained_variance_ratio_ = out.explained_variance_ / whole
    left = min(Y.shape) - len(axes)
    out.noise_variance_ = max(whole - out.explained_variance_.sum(), 0.0) / left if left else 0.0
    return out


def truncated_svd(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return the singular vectors of Y within the span of V: no worse than U V'."""
    values, axes = within(Y, factors[1])
    out = copy_with(estimator, axes)
    out.singular_values_ = values
    out.explained_variance_ = (Y @ axes.T).var(axis=0)
    out.explained_variance_ratio_ = out.explained_variance_ / Y.var(axis=0).sum()
    return out


def within(Y: Array, V: Array) -> tuple[Array, Array]:
    """Return the singular values of Y on the span of V (n, k), and its right vectors (k, n)."""
    basis = np.linalg.qr(V)[0]
    values, axes = np.linalg.svd(Y @ basis, full_matrices=False)[1:]
    return values, axes @ basis.T


def dictionary_learning(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return V as atoms of norm 1, and the figure 1/2 |Y - U V'|^2 + alpha sum |v_k| |u_k|_1.

    A model keeps no codes: where the lasso codes of these atoms cost less, the figure is theirs.
    """
    U, V = nonzero(factors)
    out = copy_with_code(estimator, Y, (U, V), V.T / np.linalg.norm(V, axis=0)[:, None])
    fit, alpha = read(out, Y, None), float(out.alpha)
    cost = library_cost(fit, lasso(fit, alpha), fit.components, alpha)
    out.error_[-1] = min(out.error_[-1], cost)
    return out


def sparse_pca(estimator: Any, Y: Array, factors: Factors) -> Any:
    """Return U as components of norm 1, of Y = (X - mean)'."""
    U, V = nonzero(factors)
    return copy_with_code(estimator, Y, (U, V), U.T / np.linalg.norm(U, axis=0)[:, None])


def nonzero(factors: Factors) -> Factors:
    """Return the components that are not zero; zero ones cost nothing and have no direction."""
    U, V = factors
    used = U.any(axis=0) & V.any(axis=0)
    return U[:, used], V[:, used]


def copy_with_code(estimator: Any, Y: Array, factors: Factors, components: Array) -> Any:
    """Return a copy whose last error is 1/2 |Y - U V'|^2 + alpha sum |u_k|_1 |v_k|_2."""
    U, V = factors
    out = copy_with(estimator, components)
    if not hasattr(out, "error_"):  # in batches none is kept
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
    """Return a fitted copy of an estimator with these factors and their figures.

    Raises InputError for another estimator, or one of other data.
    """
    del q  # a decomposition fits its own
    return rebuild_last(estimator, lambda model: rebuild(model, Y, factors))


def rebuild_last(estimator: Any, make: Callable[[Any], Any]) -> Any:
    """Return what is made of an estimator; of a wrapper a copy with what it holds made anew.

    Of a search its best estimator is taken.
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
    """Return the attribute in which a wrapper of scikit-learn holds the fitted estimator.

    A frozen estimator, a search, a regressor of transformed targets; None for another.
    """
    if type(estimator).__name__ == "FrozenEstimator":  # it has its estimator's attributes, too
        return "estimator"
    names = ("best_estimator_", "regressor_")
    return next((k for k in names if getattr(estimator, k, None) is not None), None)


def last_active_step(pipeline: Any) -> int:
    """Return the index of a pipeline's last step that does anything, or 0."""
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
