"""Lower bounds from the dual points of a search among networks."""

from dataclasses import replace

import numpy as np

from certify.search.coordinates.layers import Net
from certify.search.found import Found
from certify.search.pricing.layers import above, field_of

from . import scaling as rays
from .points import Dual, Run, bound, dual_at

GLANCE = 0.1  # share of the budget for a look at the candidate's own dual point


def open_gap(run: Run) -> bool:
    """Whether even an exact polar leaves the candidate's own dual point short of epsilon.

    Its bounds take long, and the polar is at least what an ascent finds.
    """
    problem = run.problem
    W = rays.inward(problem.loss, dual_at(problem, run.start))
    if not np.isfinite(W).all():
        return False
    late = run.clock.share(GLANCE).expired
    top = above(field_of(Net(problem), W), np.inf, run.start.factors, run.seed, late)[0]
    s = rays.best_scale(problem, W, top)
    return bool(run.start.value - rays.value(problem, W, s) > run.epsilon)


def bounded(run: Run, trail: Found) -> list[Dual | None]:
    """Bound by the dual points of a search; its neurons are where the polar is attained."""
    held = replace(run, start=trail.best)
    duals = trail.duals or (dual_at(run.problem, trail.best),)
    return [bound(held, W) for W in duals]
