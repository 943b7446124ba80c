"""DictionaryLearning and SparsePCA, batch and mini-batch: an l1 code, an l2 dictionary."""

from typing import Any

import numpy as np

from certify.atoms import RankOne
from certify.base.arrays import Array, finite, real, scalar
from certify.base.errors import InputError
from certify.losses import Squared
from certify.problem import Problem

from ._fitted import (
    MARGIN,
    Adapted,
    Factors,
    Fit,
    demand_figure,
    library,
    note_resolved,
    quiet_solver,
    squares,
)

SWEEPS = 20_000
SMALLEST = MARGIN * 2.0**-1074  # rounding of the mean of subnormal numbers
STALLED = 1e-14  # relative gain of the last sweep of the group lasso


def dictionary_learning(fit: Fit) -> Adapted:
    """Return the objective of X (n, m) ~ U D, U = codes (n, k), D = components_ (k, m):

        1/2 |X - U D|^2 + alpha sum |U|,  |D_k|_2 <= 1
            >= 1/2 |X - U D|^2 + alpha sum_k |u_k|_1 |D_k|_2,

    with equality if every atom in use has norm 1.  For a shorter atom the right side is the
    library's objective after scaling the atom up and its code down.  The compared figure is the
    left side, error_[-1].  codes are those that fit_transform returned; without them the lasso
    codes at alpha are taken, not those of transform(), which by default are of orthogonal
    matching pursuit.
    """
    errors = fit.model.error_
    if not len(errors):
        raise InputError("DictionaryLearning with max_iter=0 made no step: error_ is empty")
    cure = "pass the X of the fit and codes=U, the U that fit_transform returned"
    alpha, D = scalar(fit.model.alpha, "alpha", zero=True), atoms(fit)
    U, note = lasso(fit, alpha) if fit.codes is None else fit.codes, ""
    figure, slack = ("error_[-1]", float(errors[-1])), fit.slack(errors[-1], cancels=False)
    mine = library_cost(fit, U, D, alpha)
    if fit.codes is None:
        note = note_resolved(fit, "U", figure, mine, slack)
    else:
        demand_figure(fit, figure, mine, cure, slack)
    return problem_of_code(fit, U, D, alpha, note)


def mini_batch_dictionary_learning(fit: Fit) -> Adapted:
    """Return the same objective at the lasso codes; the library does not report it.

    Codes with a larger objective are refused; by default fit_transform returns codes of
    orthogonal matching pursuit.
    """
    alpha, D = scalar(fit.model.alpha, "alpha", zero=True), atoms(fit)
    U = lasso(fit, alpha)
    if fit.codes is not None:
        best = library_cost(fit, U, D, alpha)
        cure = "leave codes out, or pass those of transform_algorithm='lasso_lars' at alpha"
        slack = fit.slack(best, cancels=False)
        figure = ("lasso codes of cost", best)
        demand_figure(fit, figure, library_cost(fit, fit.codes, D, alpha), cure, slack)
        U = fit.codes
    return problem_of_code(fit, U, D, alpha)


def problem_of_code(fit: Fit, U: Array, D: Array, alpha: float, note: str = "") -> Adapted:
    """Return the problem with the model's signs."""
    signs = (
        ("l1+" if fit.model.positive_code else "l1"),
        ("l2+" if fit.model.positive_dict else "l2"),
    )
    return Problem(Squared(fit.X), RankOne(*signs), alpha), Factors(U, D.T, note=note)


def library_cost(fit: Fit, U: Array, D: Array, alpha: float) -> float:
    """Return 1/2 |X - U D|^2 + alpha sum |U|."""
    return 0.5 * squares(fit.X - U @ D) + alpha * float(np.abs(U).sum())


def atoms(fit: Fit) -> Array:
    """Return the dictionary; raise InputError for atoms longer than 1."""
    D = fit.components
    norms = np.linalg.norm(D, axis=1)
    if (longest := norms.max(initial=0.0)) > 1 + MARGIN * fit.eps * D.shape[1] ** 0.5:
        cure = "fit with max_iter > 0"
        raise InputError(f"{fit.name} has an atom of norm {longest:.10g}, above 1: {cure}")
    return D


def lasso(fit: Fit, alpha: float) -> Array:
    """Return argmin_U 1/2 |X - U D|^2 + alpha sum |U| by the algorithm of the fit."""
    model: Any = fit.model
    with quiet_solver(fit):
        U = library("decomposition").sparse_encode(
            fit.X,
            fit.components,
            algorithm=f"lasso_{model.fit_algorithm}",
            alpha=alpha,
            positive=model.positive_code,
            max_iter=model.transform_max_iter,
        )
    return finite(real(U, "codes", ndim=2), "codes")


def sparse_pca(fit: Fit) -> Adapted:
    """Return the objective of (X - mean)' (m, n) ~ C D, on the transposed data:

        1/2 |(X - mean)' - C D|^2 + alpha sum_k |c_k|_1 |D_k|_2,

    C = components_' up to scales (m, k).  The model does not keep the dictionary D and the scales;
    their product is argmin over D at this C, a group lasso.  The compared figure is error_[-1];
    if the fit did not converge, a note states the difference.
    """
    problem, factors = recover_dictionary(fit)
    if not len(fit.model.error_):
        raise InputError("SparsePCA with max_iter=0 made no step: error_ is empty")
    theirs = float(fit.model.error_[-1])
    mine, slack = problem.objective(tuple(factors)), fit.slack(theirs, cancels=False)
    note = note_resolved(fit, "D", ("error_[-1]", theirs), mine, slack)
    return problem, Factors(*factors, note=note)


def recover_dictionary(fit: Fit) -> Adapted:
    """Return the problem on (X - mean)', with the components as codes and D recovered.

    MiniBatchSparsePCA reports no figure to compare.
    """
    alpha = scalar(fit.model.alpha, "alpha", zero=True)
    if fit.codes is not None:
        raise InputError(f"{fit.name} keeps no codes; they are computed again: leave codes out")
    mean = demand_mean(fit)
    target, C = np.ascontiguousarray((fit.X - mean).T), fit.components.T
    V = group_lasso(target, C, alpha)
    return Problem(Squared(target), RankOne("l1", "l2"), alpha), Factors(C, V)


def demand_mean(fit: Fit) -> Array:
    """Return mean_; raise InputError if it is not the mean of X."""
    mean = finite(real(fit.model.mean_, "mean_", ndim=1), "mean_")
    if not fit.own:
        return mean
    actual = fit.X.mean(axis=0)
    slack = MARGIN * fit.eps * len(fit.X) ** 0.5 * float(np.abs(fit.X).max()) + SMALLEST
    worst = int(np.abs(actual - mean).argmax())
    if not abs(actual[worst] - mean[worst]) <= slack:
        message = f"{fit.name} has mean_[{worst}] = {mean[worst]:.10g}"
        raise InputError(f"{message}, but X has {actual[worst]:.10g} there: pass the X of the fit")
    return mean


def group_lasso(target: Array, C: Array, alpha: float) -> Array:
    """Return argmin_V 1/2 |target - C V'|^2 + alpha sum_k |c_k|_1 |v_k|_2, V (n, k).

    Block-coordinate descent with exact steps: v_k = shrink(g, alpha |c_k|_1) / |c_k|^2, where
    g = (target - C V' + c_k v_k')' c_k and shrink shortens a vector.
    """
    gram, pull = C.T @ C, target.T @ C
    price, V = alpha * np.abs(C).sum(axis=0), np.zeros_like(pull)
    value = np.inf
    for _ in range(SWEEPS):
        for k in np.nonzero(gram.diagonal() > 0)[0]:
            g = pull[:, k] - V @ gram[:, k] + V[:, k] * gram[k, k]
            size = float(np.linalg.norm(g))
            V[:, k] = g * (max(1.0 - price[k] / size, 0.0) / gram[k, k]) if size else 0.0
        fitted = 0.5 * squares(target) + float(np.vdot(V, 0.5 * (V @ gram) - pull))
        last, value = value, fitted + float(price @ np.linalg.norm(V, axis=0))
        if last - value <= STALLED * abs(value):
            break
    return V
