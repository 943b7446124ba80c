"""Functions of several adapters: read a fitted model, and compare the figures that it reports."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Self

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, finite, real, scalar, short
from certify.base.errors import InputError, OutOfScopeError
from certify.base.extras import optional
from certify.losses import Squared
from certify.pipeline.origin import LEAST, Origin
from certify.pipeline.units import OBJECTIVE, Units
from certify.problem import Problem, Values

AGREE = 1e-6  # relative difference of figures that count as equal: check()'s default epsilon
RESOLVED = 0.01  # the same, if codes were solved for again: fits stop early
MARGIN = 8.0  # on rounding errors; that of a sum grows like the root of its length
SCALE = "scale the data by a power of two, such as 2.0**-600, and fit again"
SPARSELY = ("TruncatedSVD", "NMF", "MiniBatchNMF")  # models that are read with a large sparse X
DENSE = 10_000_000  # the most entries of a sparse X that is made dense (80 MB)


class Factors(tuple[Array, Array]):  # noqa: SLOT001  a tuple's subclass cannot have slots
    """(U, V), U (m, r), V (n, r), and the model's own offset values.

    q      one array for each offset of the problem, or None if it has none:
           check(problem, factors, q=factors.q)
    note   how the factors differ from the fit ("W was re-solved; ..."), or ""; check() repeats it
    origin the fit itself, for result.better_model(estimator)
    units  the loss that the library reports: objective = multiple * loss + constant
    """

    q: Values | None
    note: str
    origin: Origin | None = None
    units: Units = OBJECTIVE

    @property
    def multiple(self) -> float:
        """The objective is multiple * loss + constant, `units.name` says which loss."""
        return self.units.multiple

    @property
    def constant(self) -> float:
        """The constant of `multiple`; (result.lower - constant) / multiple bounds the loss."""
        return self.units.constant

    @property
    def rtol(self) -> float:
        """The relative epsilon of the fit's own tolerance, tol, but no less than 1e-6:

        check(problem, factors, q=factors.q, rtol=factors.rtol)
        """
        return LEAST if self.origin is None else self.origin.rtol

    def __new__(
        cls, U: Array, V: Array, q: Values | None = None, note: str = "", **facts: Any
    ) -> Self:
        """Store U, V, q, the note and the attributes of a subclass."""
        factors = super().__new__(cls, (U, V))
        vars(factors).update(q=q, note=note, **facts)
        return factors


Adapted = tuple[Problem, Factors]


@dataclass(frozen=True)
class Fit:
    """A fitted estimator, data, and its codes if the caller has them.

    X        dense, or a scipy.sparse CSR array if it is too large for that
    sparse   whether the caller's X is sparse
    own      whether the model was fitted to X; then the figures that it reports are compared
    """

    model: Any
    X: Any
    codes: Array | None
    sparse: bool
    own: bool = True

    @property
    def name(self) -> str:
        """The estimator's class."""
        return type(self.model).__name__

    @property
    def zeros(self) -> bool:
        """Whether X is sparse; its zeros are then observed."""
        return bool(sparse.issparse(self.X))

    @property
    def squared(self) -> Squared:
        """The least-squares loss of X."""
        return Squared(self.X, zeros="observed") if self.zeros else Squared(self.X)

    @property
    def components(self) -> Array:
        """`components_`, (k, n_features)."""
        return finite(real(self.model.components_, "components_", ndim=2), "components_")

    @property
    def eps(self) -> float:
        """The unit roundoff of the model's precision, the coarser one of components_ and mean_."""
        parts = (getattr(self.model, k, None) for k in ("components_", "mean_"))
        return max(float(np.finfo(np.asarray(x).dtype).eps) for x in parts if x is not None)

    def slack(self, figure: float, *, cancels: bool) -> float:
        """Return the difference of two figures that rounding, or check()'s epsilon, can explain.

        cancels   whether the figure is a difference of sums as large as |X|^2
        """
        energy, grown = squares(self.X), MARGIN * self.eps * sqrt(float(np.prod(self.X.shape)))
        lost = grown * energy if cancels else grown**2 * energy
        return max(AGREE, grown) * abs(figure) + lost


def library(name: str) -> Any:
    """Import a module of scikit-learn."""
    return optional(f"sklearn.{name}", "scikit-learn", "models")


def read(model: Any, X: Any, codes: Any, *, own: bool = True) -> Fit:
    """Return a fit, if the shapes of the model, its data and its codes agree.

    Raises InputError for an unfitted model, data that are not finite, or wrong shapes.
    """
    if not hasattr(model, "components_"):
        raise InputError(f"the estimator must be fitted first, got an unfitted {short(model)}")
    data, k = dense(X, sparsely=type(model).__name__ in SPARSELY), len(model.components_)
    if not isfinite(squares(data)):
        raise InputError(f"the sum of the squares of X overflows float64: {SCALE}")
    if data.shape[1] != model.components_.shape[1]:
        wanted = f"{model.components_.shape[1]} features, as in the fit"
        raise InputError(f"X must have {wanted}, got shape {data.shape}")
    if codes is not None:
        codes = finite(real(codes, "codes", ndim=2), "codes")
        if codes.shape != (data.shape[0], k):
            raise InputError(f"codes must have shape {(data.shape[0], k)}, got {codes.shape}")
    return Fit(model, data, codes, sparse.issparse(X), own)


def dense(X: Any, *, sparsely: bool = False) -> Any:
    """Return X as an array; the missing entries of a sparse X are zeros, as in scikit-learn.

    sparsely   whether a sparse X with more than DENSE entries may stay sparse
    """
    if sparse.issparse(X):
        if len(X.shape) == 2 and X.shape[0] * X.shape[1] > DENSE:  # noqa: PLR2004  a matrix
            if sparsely:
                finite(real(X.tocoo().data, "X.data"), "X.data")
                return sparse.csr_array(X, dtype=np.float64)
            reason = "the model treats its missing entries as zeros, too many for memory"
            cure = f"judge a fit of at most {DENSE} entries, or one of least squares"
            raise InputError(f"X is sparse and {X.shape[0]} x {X.shape[1]}: {reason}; {cure}")
        X = X.toarray()
    array = finite(real(X, "X", ndim=2), "X")
    if not array.size:
        raise InputError(f"X must not be empty, got shape {array.shape}")
    return array


def squares(a: Any) -> float:
    """Return |a|^2."""
    numbers = a.data if sparse.issparse(a) else a
    return float(np.vdot(numbers, numbers))


def ignored_penalty(one: tuple[str, float], other: tuple[str, float]) -> str:
    """Return a note that the penalty of one factor is ignored, or "" if both have one or none.

    W / t and t H have the product W H, and t -> inf makes the penalty of W alone tend to 0.
    """
    (free, zero), (paid, value) = sorted((one, other), key=lambda pair: pair[1])
    if zero or not value:
        return ""
    message = f"with {free}={zero:g} the penalty of {paid}={value:g} does not change the optimum"
    return f"{message}: rescaling makes it as small as you like; objectives here leave it out"


def weight(value: Any, name: str, model: str) -> float:
    """Return a weight of the penalty; raise OutOfScopeError, with the cure, if it is zero."""
    number = scalar(value, name, zero=True)
    if number == 0:
        reason = f"{model} with {name}={value} has a penalty that rescaling removes"
        raise OutOfScopeError(f"{reason}: fit with {name} > 0")
    return number


def note_resolved(fit: Fit, what: str, figure: tuple[str, float], mine: float, slack: float) -> str:
    """Return a note that codes were solved for again, or "" if the figure is the model's.

    Raises InputError, with both figures, if they differ too much for a fit of this X.
    """
    name, theirs = figure
    if not fit.own or abs(mine - theirs) <= slack:
        return ""
    cure = f"pass the X of the fit, and codes={what}, the {what} that its fit_transform returned"
    cure += " (after fit alone, call fit_transform: it fits again)"
    demand_figure(fit, figure, mine, cure, max(RESOLVED * abs(theirs), slack))
    return (
        f"{what} was re-solved; the fit's own was not kept ({name} {theirs:.8g} of the fit, "
        f"{mine:.8g} of this {what})"
    )


def demand_figure(
    fit: Fit, figure: tuple[str, float], mine: float, cure: str, slack: float
) -> None:
    """Raise InputError, with both figures, if the model's figure is not that of these factors."""
    if fit.own:
        demand_agreement(fit.name, figure, (mine, "these factors on this X"), cure, slack)


def demand_agreement(
    model: str, figure: tuple[str, float], mine: tuple[float, str], cure: str, slack: float
) -> None:
    """Raise InputError, with both figures, if they differ by more than the slack or overflow."""
    (name, theirs), (ours, what) = figure, mine
    if not (isfinite(theirs) and isfinite(ours)):
        raise InputError(f"{name} of {model} overflows float64: {SCALE}")
    if not abs(ours - theirs) <= slack:
        message = f"{model} reports {name} {theirs:.10g}"
        raise InputError(f"{message}, but {what} give {ours:.10g}: {cure}")


@contextmanager
def quiet_solver(fit: Fit) -> Iterator[None]:
    """Let the library solve for codes, without its warnings.

    Raises InputError, with the library's message, if it refuses the data.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # convergence, names of features
        try:
            yield
        except ValueError as error:
            raise InputError(f"{fit.name} cannot solve for codes on this X: {error}") from None
