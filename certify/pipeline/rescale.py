"""Search at scale 1, prove at the caller's scale: scaling by powers of two is exact.

Y -> 2^-a Y, weights -> 2^-b w, lam -> 2^-(a+b) lam, ridge -> 2^-b ridge, factors -> 2^-(a/p) X and
q -> 2^-a q, p the atom's degree, give an equivalent problem with f -> 2^-(2a+b) f and
W -> 2^-(a+b) W.  Only data of unusual size are scaled (a is even and a multiple of p).  Other
losses have a degree d: with parameters that are `measured` -> 2^-a of them (delta) their value is
multiplied by 2^-da, so that b = (d - 2) a while their weights stay.
"""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from certify.atoms import Factors
from certify.kernel.scalars import power
from certify.losses import Entrywise, Squared
from certify.polar import Proposal
from certify.polar.scale import exponent, ldexp_steps, rescale_fan, rescale_proof
from certify.problem import Problem, Values
from certify.problem.scaling import data_exponent, scale_loss
from certify.search.candidate import Candidate, evaluate
from certify.search.dual.orthogonal import Orthogonal
from certify.search.dual.points import Dual
from certify.search.search_result import Evidence

UNMOVED = ("rows", "cols", "modes", "axis", "shift")  # entries of a block's proof without a scale
HUGE = 2.0**900  # at a larger lam no component earns its price
TINY, MOST = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)


class Exponents(NamedTuple):
    """data: a, even and a multiple of the atom's degree; weights: b."""

    data: int = 0
    weights: int = 0
    degree: int = 2

    @property
    def whole(self) -> int:
        """The exponent of a dual point: a + b."""
        return self.data + self.weights


def normalize(problem: Problem) -> tuple[Problem, Exponents]:
    """Return the problem at scale 1, and the exponents taken out; unchanged with an l1 penalty."""
    loss = problem.loss
    if not isinstance(loss, Entrywise) or not loss.degree or problem.l1 is not None:
        return problem, Exponents()
    squared = isinstance(loss, Squared)
    a = data_exponent(loss)
    b = exponent(loss.scale) if squared else 0
    if not a and not b:
        return problem, Exponents()
    step = math.lcm(2, problem.atom.degree)
    data = -(-a // step) * step
    weights = -(-b // 2) * 2
    by = Exponents(data, weights if squared else (loss.degree - 2) * data, problem.atom.degree)
    moved_lam = float(ldexp_steps(np.float64(problem.lam), -by.whole))
    lam = min(max(moved_lam, TINY), HUGE) if problem.lam else 0.0
    offsets = tuple(o.rescale(-by.data, -by.weights) for o in problem.offsets)
    return Problem(scale_loss(loss, data, weights), problem.atom, lam, offsets), by


def start_down(
    problem: Problem, factors: Factors, q: Values | None
) -> tuple[Problem, Exponents, Candidate]:
    """Return the problem at scale 1, the exponents taken out, and the candidate at scale 1."""
    scaled, by = normalize(problem)
    small_q = None if q is None else tuple(ldexp_steps(x, -by.data) for x in q)
    return scaled, by, evaluate(scaled, factors_down(factors, by), small_q)


def factors_down(factors: Factors, by: Exponents) -> Factors:
    """Return factors at scale 1."""
    return tuple(np.ldexp(x, -by.data // by.degree) for x in factors)


def value_up(x: float, by: Exponents) -> float:
    """Return an objective value at the caller's scale."""
    return float(ldexp_steps(ldexp_steps(np.float64(x), by.data), by.data + by.weights))


def value_down(x: float, by: Exponents) -> float:
    """Return an objective value at scale 1."""
    return float(ldexp_steps(ldexp_steps(np.float64(x), -by.data), -by.data - by.weights))


def epsilon_down(rtol: float, atol: float, value: float, by: Exponents) -> float:
    """Return max(atol, rtol |value|) at scale 1, but at most the largest float."""
    return min(max(value_down(atol, by), rtol * abs(value)), MOST)


def candidate_up(s: Candidate, by: Exponents) -> Candidate:
    """Return a candidate at the caller's scale."""
    factors = tuple(np.ldexp(x, by.data // by.degree) for x in s.factors)
    return Candidate(factors, tuple(ldexp_steps(x, by.data) for x in s.q), value_up(s.value, by))


def point_up(w: Orthogonal, by: Exponents) -> Orthogonal:
    """Return a dual point at the caller's scale."""
    corrections = tuple((k, c * power(by.whole)) for k, c in w.corrections)
    return Orthogonal(ldexp_steps(w.W, by.whole), corrections)


def dual_up(dual: Dual, by: Exponents) -> Dual:
    """Return a dual point with its bound at the caller's scale."""
    proposal = Proposal(dual.polar.upper, rescale_proof(dual.polar.proof, by.whole))
    return Dual(point_up(dual.point, by), proposal, value_up(dual.value, by))


def block_up(block: dict[str, Any], by: Exponents) -> dict[str, Any]:
    """Return the proof of a block at the caller's scale."""
    half = by.weights // 2  # b is even
    e = by.data + half if "G" in block else by.data
    by_name = {"left": half, "right": 0, "rest": by.weights, "K": e, "L": e, "G": e}
    arrays = {k: v for k, v in block.items() if k not in UNMOVED}
    scaled = {k: ldexp_steps(v, by_name.get(k, by.data)) for k, v in arrays.items()}
    return block | scaled | {"shift": Fraction(block["shift"]) * power(2 * e)}


def evidence_up(evidence: Evidence, by: Exponents) -> Evidence:
    """Return all evidence at the caller's scale."""
    if not by.data and not by.weights:
        return evidence
    x, curve = evidence, {"curve": by.weights}  # curvatures scale as weights, other counts as data
    return replace(
        evidence,
        start=candidate_up(x.start, by),
        dual=x.dual and dual_up(x.dual, by),
        ky_fan=x.ky_fan and rescale_fan(x.ky_fan, by.data),
        blocks=tuple(block_up(b, by) for b in x.blocks),
        counts={k: ldexp_steps(a, curve.get(k, by.data)) for k, a in x.counts.items()},
        better=x.better and candidate_up(x.better, by),
        floor=x.floor and point_up(x.floor, by),
        steps=tuple((name, candidate_up(s, by)) for name, s in x.steps),
    )
