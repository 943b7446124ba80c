"""Lower bounds for a question with an l1 penalty."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from ..arithmetic import Arithmetic, H
from ..budget import FRACTION
from ..dual import coarse, least_loss
from ..errors import demand
from ..evidence import Evidence, with_prefix
from ..fields import as_list, number, only, part
from ..norms import L1, PLAIN
from ..scalars import Bound, root
from ..spaces import Pair
from ..statement import Point, Question
from ..values import objective
from .fixed_rank import fixed_rank
from .weak_duality import weak_duality

MOST = 16  # lines at most, each proved separately


class Line(NamedTuple):
    """level <= l(Z) + lam sum theta + H + slope t, for t = sum |u_k|_1 |v_k|_1."""

    level: Fraction
    slope: Fraction


def lower_bound(ar: Arithmetic[H], problem: Question, proof: Evidence, upper: Fraction) -> Bound:
    """Prove a lower bound of f over all factors of the question's sizes."""
    if problem.l1 is not None:
        return concave(ar, problem, proof, upper)
    if problem.claim == "any size":
        return weak_duality(ar, problem, proof)
    return fixed_rank(ar, problem, proof, upper)


def concave(ar: Arithmetic[H], problem: Question, proof: Evidence, upper: Fraction) -> Bound:
    """Prove f >= min h from lines below the rest, h(t) = max_j (D_j - s_j t) + 2 sqrt(a b t).

    f = rest + sum a |u_k|_1 + b |v_k|_1.  The slices are pairs whose norms are l1, l2 or linf; for
    other slices only penalty >= 0 is used, and all lines have slope 0.  With t = sum x_k and
    x_k = |u_k|_1 |v_k|_1,

        a |u_k|_1 + b |v_k|_1 >= 2 sqrt(a b x_k),   sum sqrt(x_k) >= sqrt(t).

    Each line says rest >= D_j - s_j t, so f >= h(t) >= min h over t >= 0.  Let T contain 0 and the
    t >= 0 where two lines meet.  Between two neighbors in T one line is the largest, and h is
    concave there.  Beyond the last point of T a line of slope 0 is the largest, as inf l is a
    line, and h increases.  So h is least in T.
    """
    lines, rules = [Line(coarse(least_loss(problem)), Fraction(0))], list[str]()
    for line, names in proved_lines(ar, problem, proof, upper):
        lines.append(line)
        rules += [name for name in names if name not in rules]
    ar.budget.spend(FRACTION * len(lines) ** 3, "lines that meet")
    steep = 4 * math.prod(problem.l1 or ())
    places = {Fraction(0)}
    for p in lines:
        places |= {(p.level - q.level) / (p.slope - q.slope) for q in lines if q.slope < p.slope}
    h = (max(p.level - p.slope * t for p in lines) + root(steep * t).lo for t in places if t >= 0)
    return Bound(min(h), (*rules, "concave"))


def proved_lines(
    ar: Arithmetic[H], problem: Question, proof: Evidence, upper: Fraction
) -> list[tuple[Line, tuple[str, ...]]]:
    """Prove the listed lines, each by the rules of a question without l1 penalty.

    "norm": "own" with slope s proves D <= l + (lam + s) sum |u|_a |v|_b + H.  There |u|_a |v|_b is
    at most theta, and at most |u|_1 |v|_1 as no norm here exceeds l1.  "norm": "l1" proves
    D <= l + s t + H.  At a fixed size, the upper value in a line's question is the candidate's
    value in that question; beside offsets no rule uses it.
    """
    where = "proof.lines"
    listed = as_list(proof.fields.get("lines", []), where)
    demand(len(listed) <= MOST, where, "list", f"{len(listed)}, more than {MOST}")
    out = []
    for k, line in enumerate(listed):
        only(line, {"norm", "slope", "proof"}, f"{where}[{k}]")
        slope = number(line.get("slope"), f"{where}[{k}].slope")
        demand(slope >= 0, f"{where}[{k}].slope", "sign", line["slope"])
        below = without_l1(problem, line.get("norm"), slope, f"{where}[{k}].norm")
        inner = part(line, "proof", f"{where}[{k}]")
        evidence = Evidence(inner, with_prefix(proof.given, f"line{k}."), "proof")
        at_size = below.claim == "rank" and not below.offsets
        top = objective(ar, below, Point(below.factors, ())).hi if at_size else upper
        bound = lower_bound(ar, below, evidence, top)
        out.append((Line(coarse(bound.value), slope), bound.rules))
    return out


def admits_slope(problem: Question) -> bool:
    """Whether the slices are pairs u v^T whose norms are at most l1."""
    space, names = problem.space, {n.name for n in problem.space.norms}
    return isinstance(space, Pair) and not space.symmetric and names <= {*PLAIN}


def without_l1(problem: Question, norm: object, slope: Fraction, where: str) -> Question:
    """Return a question without l1 penalty whose objective is at most the rest plus slope t."""
    demand(norm in ("own", "l1"), where, "unknown", repr(norm))
    flat = norm == "own" and not slope
    demand(
        flat or admits_slope(problem), where, "scope", "a slope is for two factors with plain norms"
    )
    if norm == "own":
        return replace(problem, l1=None, form="product", lam=problem.lam + slope)
    at, (left, right) = problem.at, problem.space.norms
    pair = Pair(at, L1(left.size, left.cone), L1(right.size, right.cone))
    return replace(problem, l1=None, form="product", lam=slope, space=pair)
