"""Give the evidence to the kernel, and keep what it proved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.rigor.flint import Flint
from certify.kernel.arithmetic import Arithmetic
from certify.kernel.errors import RejectedError
from certify.kernel.fields import part
from certify.kernel.verdict import Outcome, prove
from certify.offsets import Smooth
from certify.polar import exact_text
from certify.polar.proved import split
from certify.problem import Problem
from certify.search.dual import scaling as rays
from certify.search.dual.orthogonal import Orthogonal
from certify.search.dual.own_size import means
from certify.search.dual.points import Dual
from certify.search.search_result import Evidence

from .certificate.file import (
    Arrays,
    Certificate,
    StatedQuestion,
    hand_over,
    named,
    numbered,
    of_polar,
    under_polar,
)
from .certificate.leaf_factors import leaf_factors
from .certificate.tiers import arithmetic

LEAVES, QUICK = 5e7, 0.25  # of relaxations, side cubed, in a second; seconds that are always spent
WIDER = (1e-3, 1e-2, 1e-1, 1.0)  # an estimated eigenvalue that was too low is raised by so much
SHORT = 1e-6  # relative: a bound proved this much below the promised one
Json = dict[str, Any]


@dataclass(frozen=True)
class Proof:
    """A certificate and what the kernel proved from it."""

    certificate: Certificate
    outcome: Outcome


def afforded(problem: Problem, found: Evidence, left: float | None = None) -> Arithmetic[Any]:
    """Return exact arithmetic unless a hidden layer's proof takes longer than there is left.

    Rounded proofs of relaxations are some ten times faster.
    """
    if left is None or problem.atom.layer is None or found.dual is None:
        return arithmetic(problem)
    rows = sum(problem.atom.layer.features.shape)
    seconds = relaxed(found.dual.polar.proof) * float(rows) ** 3 / LEAVES
    return arithmetic(problem, "rounded" if seconds > max(left, QUICK) else None)


def relaxed(proof: Json) -> int:
    """Return how many leaves of a proof are relaxations."""
    nodes = sum(("level" in node) + relaxed(node) for node in proof.get("nodes", ()))
    return nodes + sum(map(relaxed, proof.get("each", ())))


def settle(
    problem: Problem, asked: StatedQuestion, found: Evidence, left: float | None = None
) -> Proof:
    """Prove what the evidence allows; left: the seconds of a budget that are not spent.

    A bound of a large matrix may be an estimate that was too low: its Cholesky factorization
    stops, and a wider one is tried.
    """
    proof = settled(problem, asked, found, left)
    for more in WIDER:
        if found.dual is None or not fell_short(found.dual, proof):
            break
        found = replace(found, dual=widened(problem, found.dual, more))
        proof = max(proof, settled(problem, asked, found, left), key=lambda p: p.outcome.lower)
    return proof


def fell_short(dual: Dual, proof: Proof) -> bool:
    """Whether a spectral bound without a stored factor has proved less than it promised."""
    polar, outcome = dual.polar.proof, proof.outcome
    estimate = polar.get("rule") == "spectral" and "L" not in polar
    believed = "W" in proof.certificate.witness
    if not (estimate and believed) or outcome.verdict == "CERTIFIED":
        return False
    return bool(outcome.lower < dual.value - SHORT * abs(dual.value))


def widened(problem: Problem, dual: Dual, more: float) -> Dual:
    """Return the same dual point with a larger bound of its polar, and what that is worth."""
    polar = dual.polar
    upper, shift = polar.upper * (1 + more) ** 0.5, polar.proof["shift"] * (1 + more)
    wide = replace(polar, upper=upper, proof=polar.proof | {"shift": shift})
    value = rays.value(problem, dual.point.W, min(1.0, problem.lam / upper))
    return replace(dual, polar=wide, value=value)


def settled(problem: Problem, asked: StatedQuestion, found: Evidence, left: float | None) -> Proof:
    """Prove what the evidence allows.

    A witness the kernel refuses (it overflows, say) is tried in exact arithmetic, then left
    out: f >= 0 is proved without any.  Raises RejectedError if even that is refused.
    """
    bare = replace(found, dual=None, ky_fan=None, blocks=(), better=None, floor=None)
    exact, usual = Flint(), afforded(problem, found, left)
    tries = [(found, usual), (found, exact), (bare, usual), (bare, exact)]
    for evidence, ar in tries[:-1]:
        try:
            return attempt(problem, asked, evidence, ar)
        except RejectedError:
            continue
    return attempt(problem, asked, *tries[-1])


def attempt(problem: Problem, asked: StatedQuestion, found: Evidence, ar: Arithmetic[Any]) -> Proof:
    """Prove the evidence in one arithmetic."""
    proof, witness = assemble(problem, asked, found)
    polar = part(proof, "polar")
    if ar.tier == "exact" and polar.get("rule") == "transpose":
        own = of_polar(asked.statement, witness) | {k: a for k, a in witness.items() if k == "W"}
        witness = under_polar(asked.statement, leaf_factors(asked, polar, own)) | witness
    with np.errstate(all="ignore"):  # the kernel refuses what is not finite
        outcome = prove(asked.statement, asked.given, proof, witness, ar, limit=math.inf)
    if outcome.verdict not in ("REFUTED", "RANK_LIMITED"):
        proof, witness = without_better(proof, witness)
    claim = {"verdict": outcome.verdict, "tier": outcome.tier, "work": outcome.work}
    return Proof(Certificate(asked.statement, asked.given, claim, proof, witness), outcome)


def assemble(problem: Problem, asked: StatedQuestion, found: Evidence) -> tuple[Json, Arrays]:
    """Write the evidence as the kernel's JSON and arrays."""
    proof: Json = {}
    arrays: dict[str, Array] = {}
    if asked.statement["q"] == "found":
        arrays |= numbered("", found.start.q)
    extra: Arrays = {}
    if found.dual is not None:
        proof["polar"], held = split(found.dual.polar.proof)
        extra |= under_polar(asked.statement, held)
        proof["corrections"] = listed(found.dual.point)
        arrays["W"] = found.dual.point.W.reshape(-1)
        arrays |= unbent(problem, found.dual.point, "")
    if found.ky_fan is not None:
        proof["ky_fan"], held = split(found.ky_fan)
        extra |= held
        if problem.offsets:
            arrays |= numbered("mu.", means(problem))
    if found.blocks:
        proof["blocks"], held = stacked(found.blocks)
        extra |= held
        if found.most is not None:
            arrays["most"] = found.most.reshape(-1)
    if found.better is not None:
        proof["better"] = True
        arrays |= {f"better.{k}": x for k, x in named(found.better.factors).items()}
        arrays |= numbered("better.", found.better.q)
    if found.floor is not None:
        proof["floor"] = {"corrections": listed(found.floor)}
        arrays["floor.W"] = found.floor.W.reshape(-1)
        arrays |= unbent(problem, found.floor, "floor.")
    return proof, hand_over(arrays) | extra


def stacked(blocks: Sequence[Json]) -> tuple[list[Json], Arrays]:
    """Write the proofs of blocks: the t-th one's arrays are named rows<t>, K<t>, mu<t>.row."""
    told, arrays = [], {}
    for t, block in enumerate(blocks):
        text, held = split(block)
        told.append(text)
        for name, a in held.items():
            first, dot, rest = name.partition(".")
            arrays[f"{first}{t}{dot}{rest}"] = a
    return told, arrays


def unbent(problem: Problem, point: Orthogonal, prefix: str) -> dict[str, Array]:
    """Return the witness of each smooth offset's dual value."""
    observed = problem.loss.observed
    held = enumerate(problem.offsets)
    return {
        f"{prefix}smooth{k}": o.unbent(point.W, observed) for k, o in held if isinstance(o, Smooth)
    }


def listed(point: Orthogonal) -> list[list[Any]]:
    """Write corrections as [entry, 'p/q']."""
    return [[k, exact_text(Fraction(c))] for k, c in point.corrections]


def without_better(proof: Json, witness: Arrays) -> tuple[Json, Arrays]:
    """Drop better factors, and the floor, that the verdict does not need."""
    kept = {k: v for k, v in proof.items() if k not in ("better", "floor")}
    return kept, {k: a for k, a in witness.items() if not k.startswith(("better.", "floor."))}
