"""Least squares below the Kullback-Leibler divergence, for a bound at a fixed size."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays, dyadic
from ..budget import FRACTION
from ..errors import demand
from ..exp_log import FINE
from ..losses.base import Grains, Spans, common_grid
from ..losses.likelihoods import KullbackLeibler
from ..losses.piecewise import Squared
from ..scalars import power
from ..spaces import Pair
from ..statement import Question

MORE = 1 + Fraction(1, 2**30)  # 1 + e: the sums of Z are at most this times those of Y
WORK = 384 * FRACTION  # units for each entry: eight logarithms and its squares


def squares_below(
    ar: Arithmetic[H], problem: Question, loss: KullbackLeibler, given: Arrays, upper: Fraction
) -> tuple[Question, Fraction]:
    """Return least squares and g: f is at least their infimum over at most r slices + g, or upper.

    At lam = 0, for a matrix whose entries are all observed.  Let R and C be the row and column
    sums of Y, e = 2**-30, and b = (1 + e) min(R_i, C_j) or, where it is positive and smaller,
    "most".  A "most" must be at least y, and z = b must cost its row and column at least `upper`
    (`loss_where`).  On [0, b] the divergence is at least s/2 (c - z)^2 + g_ij, s = "curve" > 0,
    c = "centre", by `least_over` with t = "touch".

    Proof that z <= b may be assumed.  A row of U may be multiplied by any t >= 0, and the loss is
    least over t where that row of Z has the sum R_i; the same holds for columns.  Scaling all rows
    and all columns in turn never increases the loss, which is >= 0, and each step decreases it by
    the divergence of the sums that it corrects.  So the sums tend to R and C.  Hence for every
    e > 0, every value of the loss is at least that of some Z whose sums are at most (1 + e) R and
    (1 + e) C, and then z_ij <= (1 + e) min(R_i, C_j).  Where f < upper also z <= "most", since the
    cost of the row and the column increases in z from y on.
    """
    at, whole = problem.at, isinstance(problem.space, Pair) and not problem.space.symmetric
    demand(problem.lam == 0, "statement.lam", "scope", "row sums are not kept beside a penalty")
    demand(whole, "statement.atom", "scope", "two factors of a matrix")
    demand(at.rows is None and problem.weights is None, "proof.blocks", "wrong_rule", "not plain")
    demand(not problem.offsets, "statement.offsets", "scope", "row sums beside offsets")
    ar.budget.spend(WORK * at.size, "squares below counts")
    size = (at.size,)
    curve = given.positive("curve", size)
    centre, touch = (given.get(name, size) for name in ("centre", "touch"))
    ys = problem.Y.data
    t = [x if y else 0.0 for x, y in zip(touch.data, ys, strict=True)]
    least = min((x for x, y in zip(t, ys, strict=True) if y), default=1.0)
    demand(least > 0, "proof.touch", "sign", least)
    most = given.get("most", size).data
    b = reach(problem, most)
    at_t, at_b = (divergences(loss, ys, x) for x in (t, b))
    rest = loss_where(problem, loss, b)
    for x, y, limit, *parts in zip(most, ys, b, at_b, *rest, strict=True):
        reached = limit != x or (x >= y and sum(parts) >= upper)
        demand(not x or reached, "proof.most", "divergence", x)
    pairs = (curve.data, centre.data), (t, at_t), (b, at_b)
    squares, touching, ends = (zip(*pair, strict=True) for pair in pairs)
    unit = power(min(dyadic(ys)[1], 0) - FINE)
    low = unit * sum(x // unit for x in map(least_over, ys, squares, touching, ends))
    return replace(problem, loss=Squared(), Y=centre, weights=curve), low


def totals(problem: Question) -> tuple[list[Fraction], list[Fraction]]:
    """Return the sums of the row, and of the column, of each entry of Y."""
    at = problem.at
    ints, e = dyadic(problem.Y.data)
    unit = power(e)
    rows = [sum(ints[i * at.n : i * at.n + at.n]) * unit for i in range(at.m)]
    cols = [sum(ints[j :: at.n]) * unit for j in range(at.n)]
    every = range(at.size)
    return [rows[k // at.n] for k in every], [cols[k % at.n] for k in every]


def reach(problem: Question, most: Sequence[float]) -> list[Fraction]:
    """Return b of each entry: "most", or about the smaller of the sums of its row and column."""
    demand(min(most) >= 0, "proof.most", "sign", min(most))
    ends = (min(pair) * MORE for pair in zip(*totals(problem), strict=True))
    return [min(b, Fraction(x)) if x else b for b, x in zip(ends, most, strict=True)]


def loss_where(
    problem: Question, loss: KullbackLeibler, b: Sequence[Fraction]
) -> tuple[list[Fraction], list[Fraction]]:
    """Return lower bounds of the divergence of the rest of the row, and of the column, if z = b.

    The rest of a row has the sum R - y in Y, and at most (1 + e) R - b in Z.  By the log sum
    inequality its divergence is at least that of the two sums, which decreases up to R - y.
    """
    ys, parts = [Fraction(y) for y in problem.Y.data], []
    for total in totals(problem):
        rests = [(R - y, R * MORE - x) for R, y, x in zip(total, ys, b, strict=True)]
        near = [(y, z) if 0 < z < y else (Fraction(0), Fraction(0)) for y, z in rests]
        parts.append(divergences(loss, [y for y, _ in near], [z for _, z in near]))
    return parts[0], parts[1]


def divergences(
    loss: KullbackLeibler,
    ys: Sequence[float] | Sequence[Fraction],
    points: Sequence[float] | Sequence[Fraction],
) -> list[Fraction]:
    """Return a lower bound of the divergence of each point from a count."""
    ints, e = dyadic(points)
    z, y = common_grid(Spans(ints, ints, e), Grains(*dyadic(ys)))
    unit = power(z.exp - FINE)
    return [low * unit for low, _ in loss.ends(z, y)]


def least_over(
    count: float,
    square: tuple[float, float],
    touch: tuple[float, Fraction],
    end: tuple[Fraction, Fraction],
) -> Fraction:
    """Bound g(z) = h(z) - s/2 (c - z)^2 over 0 <= z <= b from below, h the divergence from y.

    count    y;  square: s, c
    touch    t, h(t);  end: b, h(b), or lower bounds of h there

    With p = g'(t) = 1 - y/t - s (t - c), where s t^2 <= y:

        g(z) >= min { g(b), g(t) - p t, g(t) + p (b - t) };  at y = 0, min { g(b), g(0) }.

    As g'(z) - g'(x) = (z - x) (y / (x z) - s), g' increases until s z^2 = y and decreases from
    there.  So g(z) is at least the tangent's value g(t) + p (z - t) for z < t.  For z > t, either
    g(z) >= g(b), or g' > 0 at some u >= z; then g' >= min(p, 0) on [t, u].  At y = 0, h = z and g
    is concave.
    """
    y, s, c, t = map(Fraction, (count, *square, touch[0]))
    b, at_b = end
    here, there = touch[1] - s / 2 * (c - t) ** 2, at_b - s / 2 * (c - b) ** 2
    if not y:
        return min(there, here)
    demand(s * t * t <= y, "proof.touch", "curvature", touch[0])
    p = 1 - y / t - s * (t - c)
    return min(there, here - p * t, here + p * (b - t))
