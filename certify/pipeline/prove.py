"""Write the evidence for the kernel, and keep what the kernel proves."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.rigor.flint import Flint
from certify.kernel import arrays as kernel_arrays
from certify.kernel import statement
from certify.kernel import values as kernel_values
from certify.kernel.arithmetic import Arithmetic
from certify.kernel.errors import RejectedError
from certify.kernel.fields import part
from certify.kernel.scalars import Enclosure
from certify.kernel.statement import Point, factor_arrays
from certify.kernel.verdict import Outcome, prove
from certify.polar import exact_text
from certify.polar.proved import split
from certify.problem import Problem
from certify.problem.proof_time import EXACT, WHOLE, tree_seconds
from certify.search import zeros
from certify.search.candidate import Candidate
from certify.search.dual import scaling
from certify.search.dual.orthogonal import Orthogonal
from certify.search.dual.own_size import means
from certify.search.dual.points import Dual
from certify.search.search_result import Evidence

from .certificate.file import (
    Arrays,
    Certificate,
    Json,
    StatedQuestion,
    as_kernel_arrays,
    ask,
    name_factors,
    number_offsets,
    polar_part,
    under_polar,
)
from .certificate.leaf_factors import leaf_factors
from .certificate.tiers import arithmetic

WIDER = (1e-3, 1e-2, 1e-1, 1.0)  # relative margins for an estimated eigenvalue that was too low
QUICK, LONG = 0.25, 1.0  # seconds that an exact proof may always take: for a layer, for a table
MEDIUM, FINER = 4000, (1e-4, *WIDER)  # margins up to this smaller side, where proofs are quick
SHORT = 1e-6  # relative: a proved bound this far below the expected one fell short


@dataclass(frozen=True)
class Proof:
    """A certificate and the outcome that the kernel proved from it."""

    certificate: Certificate
    outcome: Outcome


def affordable(problem: Problem, evidence: Evidence, left: float | None = None) -> Arithmetic[Any]:
    """Return exact arithmetic unless its proof takes longer than the time left.

    Rounded proofs of a hidden layer, of many entries or of many cones are about ten times faster.
    """
    if left is None or evidence.dual is None:
        return arithmetic(problem)
    table = problem.atom.layer is None
    seconds = tree_seconds(problem, evidence.dual.polar.proof, EXACT)
    seconds += table * WHOLE * problem.loss.observed.size
    late = seconds > max(left, LONG if table else QUICK)
    return arithmetic(problem, "rounded" if late else None)


def prove_evidence(
    problem: Problem, question: StatedQuestion, evidence: Evidence, left: float | None = None
) -> Proof:
    """Prove what the evidence allows; left: the seconds left of the budget.

    The bound of a large matrix is an estimate.  If it was too low, the Cholesky factorization
    fails, and a larger bound is tried.
    """
    proof = prove_best(problem, question, evidence, left)
    for more in FINER if min(problem.loss.dims) <= MEDIUM else WIDER:
        if evidence.dual is None or not fell_short(evidence.dual, proof):
            break
        evidence = replace(evidence, dual=raise_bound(problem, evidence.dual, more))
        again = prove_best(problem, question, evidence, left)
        proof = max(proof, again, key=lambda p: p.outcome.lower)
    return proof


def fell_short(dual: Dual, proof: Proof) -> bool:
    """Whether a spectral bound without a stored factor proved less than expected."""
    polar, outcome = dual.polar.proof, proof.outcome
    estimate = polar.get("rule") == "spectral" and "L" not in polar
    used = "W" in proof.certificate.witness
    if not (estimate and used) or outcome.verdict == "CERTIFIED":
        return False
    return bool(outcome.lower < dual.value - SHORT * abs(dual.value))


def raise_bound(problem: Problem, dual: Dual, more: float) -> Dual:
    """Return the same dual point with a larger bound of its polar, and the value it then has."""
    polar = dual.polar
    upper, shift = polar.upper * (1 + more) ** 0.5, polar.proof["shift"] * (1 + more)
    wide = replace(polar, upper=upper, proof=polar.proof | {"shift": shift})
    s = min(1.0, problem.lam / upper)
    if problem.loss.observed.zeros:
        value = zeros.value(problem, dual.point.W, polar.proof, s)
    else:
        value = scaling.value(problem, dual.point.W, s)
    return replace(dual, polar=wide, value=value)


def prove_best(
    problem: Problem, question: StatedQuestion, evidence: Evidence, left: float | None
) -> Proof:
    """Prove what the evidence allows.

    If the kernel rejects a witness (for an overflow, say), it is tried in exact arithmetic, then
    left out: f >= 0 needs no witness.  Raises RejectedError if even that is rejected.
    """
    bare = replace(evidence, dual=None, ky_fan=None, blocks=(), better=None, floor=None)
    exact, usual = Flint(), affordable(problem, evidence, left)
    for one, ar in ((evidence, usual), (evidence, exact), (bare, usual)):
        with suppress(RejectedError):
            return attempt(problem, question, one, ar)
    return attempt(problem, question, bare, exact)


def attempt(
    problem: Problem, question: StatedQuestion, evidence: Evidence, ar: Arithmetic[Any]
) -> Proof:
    """Prove the evidence in one arithmetic."""
    proof, witness = assemble(problem, question, evidence)
    polar = part(proof, "polar")
    if ar.tier == "exact" and polar.get("rule") == "transpose":
        W = {k: a for k, a in witness.items() if k == "W"}
        factors = leaf_factors(question, polar, polar_part(question.statement, witness) | W)
        witness = under_polar(question.statement, factors) | witness
    return prove_written(question, (proof, witness), ar)


def prove_written(
    question: StatedQuestion, written: tuple[Json, Arrays], ar: Arithmetic[Any]
) -> Proof:
    """Let the kernel prove the evidence, and keep the part that the verdict needs."""
    proof, witness = written
    with np.errstate(all="ignore"):  # the kernel rejects numbers that are not finite
        outcome = prove(question.statement, question.given, proof, witness, ar, limit=math.inf)
    if outcome.verdict not in ("REFUTED", "RANK_LIMITED"):
        proof, witness = without_better(proof, witness)
    claim = {"verdict": outcome.verdict, "tier": outcome.tier, "work": outcome.work}
    return Proof(Certificate(question.statement, question.given, claim, proof, witness), outcome)


def assemble(problem: Problem, question: StatedQuestion, evidence: Evidence) -> tuple[Json, Arrays]:
    """Write the evidence as the kernel's JSON and arrays."""
    proof: Json = {}
    arrays: dict[str, Array] = {}
    if question.statement["q"] == "found":
        arrays |= number_offsets("", evidence.start.q)
    extra: Arrays = {}
    if evidence.dual is not None:
        proof["polar"], witness = split(evidence.dual.polar.proof)
        extra |= under_polar(question.statement, witness)
        proof["corrections"] = list_corrections(evidence.dual.point)
        arrays["W"] = evidence.dual.point.W.reshape(-1)
        arrays |= offset_witnesses(problem, evidence.dual.point, "")
    if evidence.ky_fan is not None:
        proof["ky_fan"], witness = split(evidence.ky_fan)
        extra |= witness
        if problem.offsets:
            arrays |= number_offsets("mu.", means(problem))
    if evidence.blocks:
        proof["blocks"], witness = stack_blocks(evidence.blocks)
        extra |= witness
        arrays |= evidence.counts
    if evidence.better is not None:
        proof["better"] = True
        arrays |= {f"better.{k}": x for k, x in name_factors(evidence.better.factors).items()}
        arrays |= number_offsets("better.", evidence.better.q)
    if evidence.floor is not None:
        proof["floor"] = {"corrections": list_corrections(evidence.floor)}
        arrays["floor.W"] = evidence.floor.W.reshape(-1)
        arrays |= offset_witnesses(problem, evidence.floor, "floor.")
    return proof, as_kernel_arrays(arrays) | extra


def stack_blocks(blocks: Sequence[Json]) -> tuple[list[Json], Arrays]:
    """Write the proofs of blocks; the arrays of block t are named rows<t>, K<t>, mu<t>.row."""
    proofs, arrays = [], {}
    for t, block in enumerate(blocks):
        text, witness = split(block)
        proofs.append(text)
        for name, a in witness.items():
            first, dot, rest = name.partition(".")
            arrays[f"{first}{t}{dot}{rest}"] = a
    return proofs, arrays


def offset_witnesses(problem: Problem, point: Orthogonal, prefix: str) -> dict[str, Array]:
    """Return the witnesses of the offsets' costs, the number of the offset after each name."""
    observed = problem.loss.observed
    each = [(k, o.witness(point.W, observed)) for k, o in enumerate(problem.offsets)]
    return {f"{prefix}{name}{k}": a for k, held in each for name, a in held.items()}


def list_corrections(point: Orthogonal) -> list[list[Any]]:
    """Write corrections as [entry, 'p/q']."""
    return [[k, exact_text(Fraction(c))] for k, c in point.corrections]


def without_better(proof: Json, witness: Arrays) -> tuple[Json, Arrays]:
    """Drop the better factors and the floor, which the verdict does not need."""
    kept = {k: v for k, v in proof.items() if k not in ("better", "floor")}
    return kept, {k: a for k, a in witness.items() if not k.startswith(("better.", "floor."))}


def value_of(problem: Problem, s: Candidate) -> Enclosure:
    """Enclose the objective of a point in proved arithmetic."""
    ar = arithmetic(problem)
    request: StatedQuestion = ask(problem, s.factors, s.q, rtol=0.0, atol=0.0)
    question = statement.question(request.statement, request.given)
    question = replace(question, loss=question.loss.within(ar.elementary))
    arrays = as_kernel_arrays(number_offsets("", s.q))
    factors = factor_arrays(kernel_arrays.Arrays(request.given, "statement"), "", question.space)
    point = Point(factors, tuple(arrays.values()))
    return kernel_values.objective(ar, question, point)
