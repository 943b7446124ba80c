"""Lower bounds from the dual points of a search among a tensor's factors."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import numpy as np

from certify import rays
from certify._arrays import Array
from certify.atoms import CP
from certify.duals import Dual, Run, best, bound, dual_at
from certify.explore import Found
from certify.multilinear import TensorAsk
from certify.multilinear._program import Multiplier
from certify.multilinear.proof import one_leaf
from certify.multilinear.transpose import Form as Relaxation
from certify.orthogonal import Orthogonal
from certify.problem import Problem

from ._climb import Field, above
from ._compress import compressed
from ._form import form_of
from ._joint import Joint, polish

LARGEST = 500  # rows of a relaxation whose steps are quick
STEPS = 1500  # of a polish
LEAST = 3  # modes of a tensor whose polar has no closed form
POLISHING = 0.4  # share of the time left
ENOUGH = 0.5  # of epsilon: the gap at which no further dual point is tried


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


def bounded(run: Run, found: Found) -> list[Dual | None]:
    """Bound by the dual points of a search; its slices are where the polar is attained.

    If the gap stays open, a dual point is looked for that its own relaxation bounds well.
    """
    held = replace(run, start=found.best)
    tries: list[Dual | None] = []
    for W in found.duals or (dual_at(run.problem, found.best),):
        tries.append(bound(held, W))
        top = best(tries)
        if top is not None and found.best.value - top.value <= ENOUGH * run.epsilon:
            return tries
        tries.append(relaxed(held, W))
    return tries


def relaxed(run: Run, W: Array) -> Dual | None:
    """Return a dual point polished together with its relaxation, or None if that is unknown."""
    small = compressed(run.problem)
    problem = run.problem if small is None else small.problem
    form = relaxation(problem)
    if form is None or problem.offsets:
        return None
    joint = Joint(problem, form, W if small is None else small.field_down(W))
    run.clock.tell("dual point of the relaxation", run.start.value)
    found = polish(joint, STEPS, run.start.value, patience(run))
    if found is None:
        return None
    return proved(run.problem, found.W if small is None else small.field_up(found.W), found.J)


def patience(run: Run) -> Callable[[], bool]:
    """Return whether the polish's share of the time left is spent."""
    left = run.clock.left()
    until = np.inf if left is None else monotonic() + POLISHING * left
    return lambda: monotonic() > until


def proved(problem: Problem, W: Array, J: Array) -> Dual | None:
    """Return a dual point with its proof: J from lam I - J >= S^T S / lam on the long mode."""
    held = rays.inward(problem.loss, W)
    form = relaxation(problem, problem.loss.observed.tensor(held))
    if form is None:
        return None
    p = form.lengths[0]
    multiplier = Multiplier(problem.lam * J[:p, :p], np.zeros(1), 0.0)
    polar = one_leaf(replace(form, form="gram"), multiplier)
    if polar is None:
        return None
    s = min(1.0, problem.lam / max(polar.upper, 1e-300))
    return Dual(Orthogonal(held), polar, rays.value(problem, held, s))


def relaxation(problem: Problem, T: Array | None = None) -> Relaxation | None:
    """Return the relaxation with the shortest modes in one group; None for other norms."""
    atom, dims = problem.atom, problem.loss.dims
    if not isinstance(atom, CP) or atom.symmetric or len(dims) < LEAST:
        return None
    signs = [not g.free for g in atom.gauges]
    if any(g.name != "l2" for g in atom.gauges) or all(signs):
        return None
    rows = tuple(sorted(sorted(range(len(dims)), key=lambda k: (dims[k], k))[:-1]))
    form = Relaxation(TensorAsk(np.zeros(dims) if T is None else T, atom.gauges), rows, "hat")
    return form if T is not None or form.size <= LARGEST else None
