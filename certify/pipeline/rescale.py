"""Search at scale 1, prove at the caller's scale: powers of two carry everything exactly.

Y -> 2^-a Y, weights -> 2^-b w, lam -> 2^-(a+b) lam, ridge -> 2^-b ridge, factors ->
2^-(a/p) X, q -> 2^-a q leave the problem the same, p the atom's degree, with
f -> 2^-(2a+b) f and W -> 2^-(a+b) W.  Only data beyond ordinary sizes are moved (a is even
and a multiple of p).  Other losses of data have a degree d: with delta -> 2^-a delta their
value moves by 2^-da alone, so that b = (d - 2) a while their weights stay.
"""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from certify.atoms import Factors
from certify.kernel.scalars import power
from certify.losses import Huber, Squared
from certify.losses._entrywise import Entrywise
from certify.polar import Proposal
from certify.polar.scale import ORDINARY, exponent, ldexp_steps, rescale_fan, rescale_proof
from certify.problem import Problem, Values
from certify.search.candidate import Candidate
from certify.search.dual.orthogonal import Orthogonal
from certify.search.dual.points import Dual
from certify.search.search_result import Evidence

UNMOVED = ("rows", "cols", "modes", "axis", "shift")  # of the proof of a block
FEW = 20  # binary exponents that a descent takes for ordinary, of other losses than squares
HUGE = 2.0**900  # lam beyond it: nothing earns its price either way
TINY, MOST = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)


class Exponents(NamedTuple):
    """data: a (even, a multiple of degree), weights: b; degree: of the atom."""

    data: int = 0
    weights: int = 0
    degree: int = 2

    @property
    def whole(self) -> int:
        """How far a dual point moves: a + b."""
        return self.data + self.weights


def normalize(problem: Problem) -> tuple[Problem, Exponents]:
    """Return the same problem at scale 1, and the exponents taken out; as it is beside l1."""
    loss = problem.loss
    if not isinstance(loss, Entrywise) or not loss.degree or problem.l1 is not None:
        return problem, Exponents()
    squared = isinstance(loss, Squared)
    a = exponent(loss.data, ORDINARY if squared else FEW)
    b = exponent(loss.scale) if squared else 0
    if not a and not b:
        return problem, Exponents()
    step = math.lcm(2, problem.atom.degree)
    data = -(-a // step) * step
    weights = -(-b // 2) * 2
    by = Exponents(data, weights if squared else (loss.degree - 2) * data, problem.atom.degree)
    new = moved(loss, data, weights)
    moved_lam = float(ldexp_steps(np.float64(problem.lam), -by.whole))
    lam = min(max(moved_lam, TINY), HUGE) if problem.lam else 0.0
    offsets = tuple(o.rescaled(-by.data, -by.weights) for o in problem.offsets)
    return Problem(new, problem.atom, lam, offsets), by


def moved(loss: Entrywise, data: int, weights: int) -> Any:  # noqa: ANN401  a loss
    """Return the loss of data and delta times 2^-data and weights times 2^-weights."""
    new = object.__new__(type(loss))
    vars(new).update({k: getattr(loss, k) for k in loss.intervals})
    if isinstance(loss, Huber):
        vars(new).update(delta=float(ldexp_steps(loss.delta, -data)))
    scale = None if loss.scale is None else np.ldexp(loss.scale, -weights)
    vars(new).update(
        Y=None,
        weights=None,
        mask=None,
        observed=loss.observed,
        data=ldexp_steps(loss.data, -data),
        scale=scale,
    )
    return new


def factors_down(factors: Factors, by: Exponents) -> Factors:
    """Move factors to scale 1."""
    return tuple(np.ldexp(x, -by.data // by.degree) for x in factors)


def offsets_down(q: Values, by: Exponents) -> Values:
    """Move offset values to scale 1."""
    return tuple(ldexp_steps(x, -by.data) for x in q)


def value_up(x: float, by: Exponents) -> float:
    """Move an objective value back to the caller's scale."""
    return float(ldexp_steps(ldexp_steps(np.float64(x), by.data), by.data + by.weights))


def value_down(x: float, by: Exponents) -> float:
    """Move an objective value to scale 1."""
    return float(ldexp_steps(ldexp_steps(np.float64(x), -by.data), -by.data - by.weights))


def epsilon_down(rtol: float, atol: float, value: float, by: Exponents) -> float:
    """Return max(atol, rtol |value|) at scale 1, a float where a huge value is not."""
    return min(max(value_down(atol, by), rtol * abs(value)), MOST)


def state_up(s: Candidate | None, by: Exponents) -> Candidate | None:
    """Move factors, offsets and value back."""
    if s is None:
        return None
    factors = tuple(np.ldexp(x, by.data // by.degree) for x in s.factors)
    return Candidate(factors, tuple(ldexp_steps(x, by.data) for x in s.q), value_up(s.value, by))


def point_up(w: Orthogonal | None, by: Exponents) -> Orthogonal | None:
    """Move a dual point back."""
    if w is None:
        return None
    unit = power(by.whole)
    moved_back = tuple((k, c * unit) for k, c in w.corrections)
    return Orthogonal(ldexp_steps(w.W, by.whole), moved_back)


def block_up(block: dict[str, Any], by: Exponents) -> dict[str, Any]:
    """Move the proof of a block back."""
    half = by.weights // 2  # the weights move by an even power
    e = by.data + half if "G" in block else by.data
    by_name = {"left": half, "right": 0, "rest": by.weights, "K": e, "L": e, "G": e}
    moved_up = {
        k: ldexp_steps(v, by_name.get(k, by.data)) for k, v in block.items() if k not in UNMOVED
    }
    return block | moved_up | {"shift": Fraction(block["shift"]) * power(2 * e)}


def evidence_up(evidence: Evidence, by: Exponents) -> Evidence:
    """Move all evidence back to the caller's scale."""
    if not by.data and not by.weights:
        return evidence
    steps = tuple((name, s) for name, old in evidence.steps if (s := state_up(old, by)))
    dual = evidence.dual
    if dual is not None and (point := point_up(dual.point, by)):
        proposal = Proposal(dual.polar.upper, rescale_proof(dual.polar.proof, by.whole))
        dual = Dual(point, proposal, value_up(dual.value, by))
    fan = evidence.ky_fan and rescale_fan(evidence.ky_fan, by.data)
    return replace(
        evidence,
        start=state_up(evidence.start, by) or evidence.start,
        dual=dual,
        ky_fan=fan,
        blocks=tuple(block_up(b, by) for b in evidence.blocks),
        counts={  # of what squares below counts are, curvatures move as weights, all else as data
            k: ldexp_steps(x, by.weights if k == "curve" else by.data)
            for k, x in evidence.counts.items()
        },
        better=state_up(evidence.better, by),
        floor=point_up(evidence.floor, by),
        steps=steps,
    )
