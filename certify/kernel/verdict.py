"""The verdict that follows from a question and a proof."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

from .arithmetic import Arithmetic, H
from .arrays import Array, Arrays, columns
from .budget import FLOOR, PER_BYTE, Budget
from .errors import demand
from .evidence import Evidence
from .exact import Exact
from .fields import Json, reject_null, switch
from .metered import Metered
from .rules.concave import lower_bound
from .rules.floor import floor
from .statement import Question, point, question
from .values import objective

EXITS = {"CERTIFIED": 0, "REFUTED": 10, "UNDECIDED": 12, "RANK_LIMITED": 14}


def allowance(stated: Json, proof: Json, arrays: Iterable[Array]) -> int:
    """Return the budget of a file: FLOOR, and PER_BYTE for each byte of its numbers and text."""
    size = len(json.dumps([stated, proof]))
    size += sum(memoryview(a.data).nbytes for a in arrays)
    return FLOOR + PER_BYTE * size


class Outcome(NamedTuple):
    """The proved bounds, lower <= inf f and f(candidate) <= upper, the verdict, and the work.

    better  an upper bound of f at the better factors, if the proof has any
    work    the units of work of the proof
    """

    verdict: str
    lower: Fraction
    upper: Fraction
    better: Fraction | None
    tier: str
    rules: tuple[str, ...]
    work: int = 0


def prove(  # noqa: PLR0913  the question, its proof, and what it may take
    stated: Json,
    given: Mapping[str, Array],
    proof: Json,
    witness: Mapping[str, Array],
    ar: Arithmetic[Any] | None = None,
    *,
    limit: float | None = None,
) -> Outcome:
    """Prove a verdict about the question with the witness; raise RejectedError for a wrong proof.

    limit  the units of work that it may take; by default the file's `allowance`
    """
    arrays = [*given.values(), *witness.values()]
    budget = Budget(allowance(stated, proof, arrays) if limit is None else limit)
    ar = Metered(ar or Exact(), budget)
    reject_null(proof, "proof", budget)
    problem = question(stated, given, budget)
    problem = replace(problem, loss=problem.loss.within(ar.elementary))
    evidence = Evidence(proof, Arrays(witness, "proof"), "proof")
    candidate = point(Arrays({**witness, **given}, "statement"), "", problem)
    value = objective(ar, problem, candidate)
    bound = lower_bound(ar, problem, evidence, value.hi)
    eps = max(problem.atol, problem.rtol * abs(value.hi))
    better, size = best(ar, problem, evidence)
    verdict = "UNDECIDED"
    if value.hi - bound.value <= eps:
        verdict = "CERTIFIED"
    elif better is not None and better + eps < floor(ar, problem, evidence, value):
        verdict = "REFUTED" if size <= problem.rank else "RANK_LIMITED"
    rules, work = bound.rules, budget.spent
    return Outcome(verdict, bound.value, value.hi, better, ar.tier, rules, work)


def best(ar: Arithmetic[H], problem: Question, proof: Evidence) -> tuple[Fraction | None, int]:
    """Return an upper bound of f at the better factors, and their size."""
    if not switch(proof.fields, "better", "proof"):
        return None, 0
    x = point(proof.given, "better.", problem)
    slices = zip(*map(columns, x.factors), strict=True)
    size = sum(all(map(any, parts)) for parts in slices)  # a zero slice is no slice
    small = problem.claim == "any size" or size <= problem.rank
    demand(small, "proof.better", "size", f"{size} slices at a fixed rank {problem.rank}")
    return objective(ar, problem, x).hi, size
