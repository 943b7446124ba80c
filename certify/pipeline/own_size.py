"""A bound over at most as many components as the candidate has, with its certificate.

At lam = 0 that is all that `check` asks.  At lam > 0 it is a second question about the same
factors: how good they are among those of their own size, where more components do better.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.clock import Clock
from certify.base.errors import OutOfScopeError
from certify.problem import Problem, Values
from certify.search.candidate import Candidate, evaluate, lowest
from certify.search.dual import own_size, own_size_blocks, own_size_counts
from certify.search.dual.points import Dual, Run
from certify.search.evidence import at_size, floor_point
from certify.search.search_result import Evidence

from . import rescale as scaling
from .certificate.coverage import missing_rules
from .certificate.file import ask
from .prove import Proof, settle

LARGEST = 1500  # smaller side up to which a second question is asked without being called for


def asks_twice(problem: Problem) -> bool:
    """Whether a bound at the candidate's own size is another question, and a quick one."""
    small = min(problem.loss.shape) <= LARGEST
    return problem.lam > 0 and small and is_covered(problem) and not missing_rules(problem)


def is_covered(problem: Problem) -> bool:
    """Whether a bound at a fixed size is known."""
    least = own_size_blocks.applies(problem) or own_size_counts.applies(problem)
    return least or own_size.applies(problem)


def second(
    problem: Problem,
    candidate: tuple[Factors, Values | None],
    epsilon: tuple[float, float],
    run: Run,
    evidence: Evidence,
) -> Proof | None:
    """Ask about at most as many components as the candidate has, after any number of them.

    epsilon   rtol and atol
    run, evidence   the first question at scale 1, and its evidence

    None where that is no other question, or has too many components for a bound of its own.
    """
    if not asks_twice(problem) or run.start.size >= min(problem.loss.shape):
        return None
    fewer = scaling.state_up(best_of_size(evidence), scaling.normalize(problem)[1])
    return bound(
        problem,
        *candidate,
        rtol=epsilon[0],
        atol=epsilon[1],
        clock=run.clock,
        seed=run.seed,
        better=None if fewer is None else fewer.factors,
        known=evidence.dual,
    )


def best_of_size(evidence: Evidence) -> Candidate | None:
    """Return the best point met that has no more components than the start, and is lower."""
    met = [s for s in (evidence.better, *(s for _, s in evidence.steps)) if s is not None]
    fewer = [s for s in met if s.size <= evidence.start.size and s.value < evidence.start.value]
    return lowest(fewer) if fewer else None


@np.errstate(all="ignore")  # what is not finite is refused or never taken
def bound(  # noqa: PLR0913  the question's parts
    problem: Problem,
    factors: Sequence[Any],
    q: Sequence[Any] | None = None,
    *,
    rtol: float = 1e-6,
    atol: float | None = None,
    clock: Clock | None = None,
    seed: int = 0,
    better: Sequence[Any] | None = None,
    known: Dual | None = None,
) -> Proof:
    """Prove a lower bound of f over at most r components, r the candidate's, and what follows.

    better  factors of at most r components that may refute the candidate
    known   a dual point of another search, of the problem at scale 1; tried as well

    The certificate's verdict is CERTIFIED, REFUTED (by `better`) or UNDECIDED; it is verified
    by `verify(..., own_size=True)`.

    Raises OutOfScopeError where no bound at a fixed size is known, InputError for wrong input.
    """
    if not is_covered(problem) or missing_rules(problem):
        raise OutOfScopeError("no bound at a fixed size is known for this problem")
    arrays = problem.accept(factors)
    values = None if q is None else problem.accept_offsets(q)
    question = ask(problem, arrays, values, rtol=rtol, atol=atol, own_size=True)
    atol = float.fromhex(question.statement["atol"])
    clock = Clock() if clock is None else clock
    scaled, by = scaling.normalize(problem)
    small_q = None if values is None else scaling.offsets_down(values, by)
    start = evaluate(scaled, scaling.factors_down(arrays, by), small_q)
    epsilon = scaling.epsilon_down(rtol, atol, start.value, by)
    fixed = values is not None or not problem.offsets
    rival = None
    if better is not None:
        rival = evaluate(scaled, scaling.factors_down(problem.accept(better), by))
    top = start if rival is None or rival.value > start.value else rival
    run = Run(scaled, start, epsilon, clock, seed, fixed)
    evidence = at_size(run, top, known)
    if evidence is None:
        raise OutOfScopeError("no bound at a fixed size is known for this problem")
    if evidence.better is None or evidence.better.value >= start.value:
        evidence = replace(evidence, better=rival)
    if not fixed and evidence.better is not None:  # they refute it whatever its offsets are
        evidence = replace(evidence, floor=floor_point(run))
    return settle(problem, question, scaling.evidence_up(evidence, by), clock.left())
