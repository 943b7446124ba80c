"""PCA, IncrementalPCA and TruncatedSVD: the best factors of a fixed rank, at lam = 0."""

import numpy as np

from certify.atoms import RankOne
from certify.base.arrays import Array, finite, real
from certify.losses import Squared
from certify.offsets import ColumnIntercept
from certify.problem import Problem

from ._dictionary import demand_mean
from ._fitted import Adapted, Factors, Fit, demand_figure, note_resolved, squares

PLAIN = RankOne("l2", "l2")
RESIDUAL = "half a squared residual of"
CURE = "pass the X of the fit, and codes, if any, as its fit_transform returned them"


def pca(fit: Fit) -> Adapted:
    """Return 1/2 |X - 1 q' - U V'|^2, q the means: U = (X - 1 q') V, V = components_'.

    The compared figure is 1/2 (|X - 1 q'|^2 - sum singular_values_^2).  Codes of a whitened model
    are multiplied by sqrt(explained_variance_).  A randomized solver, the default above 500 rows
    or columns, reports less variance than its components explain; without codes a note states the
    difference.
    """
    model, V = fit.model, fit.components.T
    randomized = getattr(model, "_fit_svd_solver", model.svd_solver) == "randomized"
    mean = demand_mean(fit) if randomized else finite(real(model.mean_, "mean_", ndim=1), "mean_")
    centred = fit.X - mean
    U = centred @ V if fit.codes is None else unwhiten(fit, fit.codes)
    explained = squares(real(model.singular_values_, "singular_values_"))
    problem = Problem(Squared(fit.X), PLAIN, 0.0, (ColumnIntercept(),))
    factors, theirs = Factors(U, V, (mean,)), 0.5 * (squares(centred) - explained)
    if randomized and fit.codes is None:
        mine, slack = problem.objective((U, V), (mean,)), fit.slack(theirs, cancels=True)
        factors.note = note_resolved(fit, "U", (RESIDUAL, theirs), mine, slack)
        return problem, factors
    return compare_variance(fit, problem, factors, theirs)


def incremental_pca(fit: Fit) -> Adapted:
    """Return the same objective at the codes of transform(); only the mean is compared."""
    mean, V = demand_mean(fit), fit.components.T
    U = (fit.X - mean) @ V if fit.codes is None else unwhiten(fit, fit.codes)
    return Problem(Squared(fit.X), PLAIN, 0.0, (ColumnIntercept(),)), Factors(U, V, (mean,))


def unwhiten(fit: Fit, codes: Array) -> Array:
    """Return the codes at the scale of the data."""
    if not fit.model.whiten:
        return codes
    return codes * np.sqrt(real(fit.model.explained_variance_, "explained_variance_"))


def truncated_svd(fit: Fit) -> Adapted:
    """Return 1/2 |X - U V'|^2: U = X V, V = components_'.

    The compared figure is 1/2 (|X|^2 - n sum (explained_variance_ + mean(U)^2)), n samples.
    """
    V = fit.components.T
    U = fit.X @ V if fit.codes is None else fit.codes
    variance = real(fit.model.explained_variance_, "explained_variance_")
    explained = len(U) * float((variance + U.mean(axis=0) ** 2).sum())
    problem = Problem(fit.squared, PLAIN, 0.0)
    return compare_variance(fit, problem, Factors(U, V), 0.5 * (squares(fit.X) - explained))


def compare_variance(fit: Fit, problem: Problem, factors: Factors, theirs: float) -> Adapted:
    """Compare the objective with the residual that the reported variances imply."""
    mine = problem.objective(tuple(factors), factors.q or ())
    demand_figure(
        fit,
        (f"variances that leave {RESIDUAL}", theirs),
        mine,
        CURE,
        fit.slack(theirs, cancels=True),
    )
    return problem, factors
