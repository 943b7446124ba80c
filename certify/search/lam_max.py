"""Networks with one hidden layer: the smallest lam at which no neurons at all are optimal."""

import numpy as np

from certify.base.errors import InputError, OutOfScopeError
from certify.polar import PolarBound
from certify.problem import Problem

from .dual import scaling
from .dual.orthogonal import Orthogonal, orthogonalize


def lam_max(problem: Problem, *, budget: float | None = None, seed: int = 0) -> PolarBound:
    """Enclose Omega*(-grad l) at no neurons and the best offsets; problem.lam is not used.

        lam_max = Omega*(-grad l(A q)),   q the best offsets

    For lam >= lam_max zero is an optimum, for smaller ones it is not.  `lower` and `upper`
    are proved for W = -grad l as a float64 array, made orthogonal to unpenalized offsets:
    lam_max itself for unweighted least squares without offsets, elsewhere but for the
    rounding of W (and of q).

    Raises InputError for a loss without a gradient, OutOfScopeError where Omega* is infinite.
    """
    if not problem.loss.smooth:
        raise InputError(f"lam_max needs a loss with a gradient, got {type(problem.loss).__name__}")
    if problem.l1 is not None:
        raise OutOfScopeError("with an l1 penalty of lower degree, zero is a minimum at every lam")
    if why := problem.atom.why_infinite(problem.offsets):
        raise OutOfScopeError(why)
    shapes = problem.atom.shapes(problem.loss.dims)
    none = tuple(np.zeros((*s, 0)) for s in shapes)
    W = scaling.move_inside(problem.loss, problem.dual_point(none, problem.best_offsets(none)))
    free = any(o.free for o in problem.offsets)
    point = orthogonalize(problem, W) if free else Orthogonal(W)
    if point is None:
        raise OutOfScopeError("no W orthogonal to these offsets is known")
    return problem.atom.polar(problem.loss.observed.array(point.W), budget=budget, seed=seed)
