"""Lower bounds from the dual points of a search among a tensor's factors."""

from dataclasses import replace

import numpy as np

from certify import rays
from certify.atoms import CP
from certify.duals import Dual, Run, bound, dual_at
from certify.explore import Found

from ._climb import Field, above
from ._form import form_of


def open_gap(run: Run) -> bool:
    """Whether even an exact polar leaves the candidate's own dual point short of epsilon.

    Only for tensors, whose bounds take long: the polar is at least what an ascent finds.
    """
    problem = run.problem
    if not isinstance(problem.atom, CP) or problem.offsets:
        return False
    W = rays.inward(problem.loss, dual_at(problem, run.start))
    if not np.isfinite(W).all():
        return False
    form = form_of(problem.atom, problem.loss.dims)
    top = above(Field(problem.loss.observed, W, form), np.inf, run.start.factors, run.seed)[0]
    s = min(1.0, problem.lam / max(top, 1e-300))
    return bool(run.start.value - rays.value(problem, W, s) > run.epsilon)


def bounded(run: Run, trail: Found) -> list[Dual | None]:
    """Bound by the dual points of a search; its slices are where the polar is attained."""
    held = replace(run, start=trail.best)
    duals = trail.duals or (dual_at(run.problem, trail.best),)
    return [bound(held, W) for W in duals]
