"""A bound over at most as many components as the candidate has, with its certificate.

At lam = 0 this is the only question of `check`.  At lam > 0 it is a second question about the same
factors: how good they are among those of their own size, if more components are better.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.clock import Clock
from certify.base.errors import OutOfScopeError
from certify.problem import Problem, Values
from certify.search.candidate import Candidate, evaluate, lowest
from certify.search.dual import own_size, own_size_blocks, own_size_counts
from certify.search.dual.points import Dual, Run
from certify.search.evidence import at_size, floor_below
from certify.search.search_result import Evidence

from . import rescale
from .certificate.coverage import missing_rules
from .certificate.file import ask
from .prove import Proof, prove_evidence

LARGEST = 1500  # smaller side up to which the second question is always asked


def asks_twice(problem: Problem) -> bool:
    """Whether a bound at the candidate's own size is a second question, and quick."""
    small = min(problem.loss.shape) <= LARGEST
    return problem.lam > 0 and small and is_covered(problem) and not missing_rules(problem)


def is_covered(problem: Problem) -> bool:
    """Whether a bound at a fixed size is known."""
    least = own_size_blocks.applies(problem) or own_size_counts.applies(problem)
    return least or own_size.applies(problem)


def prove_own_size(
    problem: Problem,
    candidate: tuple[Factors, Values | None],
    tolerances: tuple[float, float],
    run: Run,
    evidence: Evidence,
) -> Proof | None:
    """Prove the second question, about at most as many components as the candidate has.

    tolerances  rtol and atol
    run, evidence   the first question at scale 1, and its evidence

    None if it is not asked, or the candidate has too many components.
    """
    if not asks_twice(problem) or run.start.size >= min(problem.loss.shape):
        return None
    fewer = best_of_size(evidence)
    by = rescale.normalize(problem)[1]
    better = None if fewer is None else rescale.candidate_up(fewer, by).factors
    (rtol, atol), prove = tolerances, partial(bound, clock=run.clock, seed=run.seed)
    return prove(problem, *candidate, rtol=rtol, atol=atol, better=better, known=evidence.dual)


def best_of_size(evidence: Evidence) -> Candidate | None:
    """Return the best point that is lower than the start with at most as many components."""
    met = [s for s in (evidence.better, *(s for _, s in evidence.steps)) if s is not None]
    fewer = [s for s in met if s.size <= evidence.start.size and s.value < evidence.start.value]
    return lowest(fewer) if fewer else None


@np.errstate(all="ignore")  # results that are not finite are refused or ignored
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
    """Prove a lower bound of f over at most r components, r the candidate's number, and a verdict.

    better  factors of at most r components that may refute the candidate
    known   a dual point of another search, for the problem at scale 1

    The certificate's verdict is CERTIFIED, REFUTED (by better factors) or UNDECIDED;
    `verify(..., own_size=True)` verifies it.

    Raises OutOfScopeError if no bound at a fixed size is known, InputError for wrong input.
    """
    if not is_covered(problem) or missing_rules(problem):
        raise OutOfScopeError("no bound at a fixed size is known for this problem")
    arrays = problem.accept(factors)
    values = None if q is None else problem.accept_offsets(q)
    question = ask(problem, arrays, values, rtol=rtol, atol=atol, own_size=True)
    rtol, atol = question.tolerances
    clock = Clock() if clock is None else clock
    scaled, by, start = rescale.start_down(problem, arrays, values)
    epsilon = rescale.epsilon_down(rtol, atol, start.value, by)
    fixed = values is not None or not problem.offsets
    rival = None
    if better is not None:
        rival = evaluate(scaled, rescale.factors_down(problem.accept(better), by))
    top = start if rival is None or rival.value > start.value else rival
    run = Run(scaled, start, epsilon, clock, seed, fixed)
    evidence = at_size(run, top, known)
    if evidence is None:
        raise OutOfScopeError("no bound at a fixed size is known for this problem")
    found = evidence.better
    found = rival if found is None or found.value >= start.value else found
    evidence = replace(evidence, better=found, floor=floor_below(run, found))
    return prove_evidence(problem, question, rescale.evidence_up(evidence, by), clock.left())
