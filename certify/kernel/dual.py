"""Lower bounds of the dual value d(W), and the conditions of the offsets on a dual point."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic

from . import zeros
from .arithmetic import Arithmetic, H, Line
from .arrays import Array, Arrays, columns, dyadic, filled, flat_of
from .budget import Budget
from .errors import demand, shown
from .evidence import Evidence
from .exact import Exact
from .fields import as_list, index, rational
from .losses.base import Grains
from .losses.piecewise import Squared
from .metered import Metered
from .offsets import Offset
from .patterns import fill_zeros
from .scalars import power, root
from .statement import Question, loss_weights


def loss_dual(problem: Question, dual: "Dual[Any]", s: Fraction) -> Fraction:
    """Return a lower bound of d(sW) for dyadic s >= 0; reject an sW outside the domain of d.

    All groups without a correction share the grid of 2**e.  Each other group has its own grid,
    which is finer by the denominators of its corrections.
    """
    w, y, c = Grains(*dyadic(dual.raw.data)), Grains(*dyadic(problem.Y.data)), loss_weights(problem)
    size = problem.loss.group or problem.at.n
    e = min(w.exp + 1 - s.denominator.bit_length(), c.exp)
    p, q = int(s * power(w.exp - e)), c.exp - e
    ours = [v * p for v in w.ints]
    moved: dict[int, dict[int, Fraction]] = {}
    for k, x in dual.corrections:
        moved.setdefault(k // size, {})[k] = s * x / power(e)

    def bound(groups: Sequence[int], w: Mapping[int, int] | Sequence[int], d: int) -> Fraction:
        """Return a lower bound of d on some groups; w and their weights are times 2**e / d."""
        keys = [k for i in groups for k in range(i * size, i * size + size)]
        data = [w[k] for k in keys], Grains([y.ints[k] for k in keys], y.exp)
        weights = [(c.ints[i] << q) * d for i in groups]
        kind = type(problem.loss).__name__
        demand(problem.loss.inside(*data, weights), f"proof.{dual.name}", "domain", kind)
        return problem.loss.dual(*data, weights) / d

    values = [bound([i for i in range(len(c.ints)) if i not in moved], ours, 1)]
    for i, fixes in moved.items():
        d = math.lcm(*(x.denominator for x in fixes.values()))
        fine = {k: ours[k] * d for k in range(i * size, i * size + size)}
        fine |= {k: fine[k] + int(x * d) for k, x in fixes.items()}
        values.append(bound([i], fine, d))
    return sum(values, Fraction(0)) * power(e)


def least_loss(problem: Question) -> Fraction:
    """Return a lower bound of inf l = d(0), and so of every objective; 0 for losses h >= 0."""
    if not problem.loss.signed:
        return Fraction(0)
    return loss_dual(problem, Dual(None, filled((problem.at.size,), 0.0), ()), Fraction(1))


def coarse(s: Fraction) -> Fraction:
    """Round down to 60 significant bits, a dyadic number."""
    e = s.numerator.bit_length() - s.denominator.bit_length() - 60
    return math.floor(s / power(e)) * power(e)


@dataclass(frozen=True)
class Dual(Generic[H]):
    """W = (a float field) + (exact rational corrections at a few entries).

    low   L and R if unlisted entries are observed zeros: W = (a field of the listed) - L R^T
    """

    field: H
    raw: Array
    corrections: tuple[tuple[int, Fraction], ...]
    name: str = "W"
    low: zeros.Pair | None = None

    @property
    def stray(self) -> Fraction:
        """An upper bound of the norm of the corrections."""
        return root(sum((c * c for _, c in self.corrections), Fraction(0))).hi


Multiple = tuple[Dual[H], Fraction]  # W and s, for the dual point s W


def dual_point(ar: Arithmetic[H], problem: Question, proof: Evidence, name: str) -> Dual[H]:
    """Read W; its corrections are listed as [entry, 'p/q']."""
    given, raw = proof.given, proof.given.get(name, (problem.at.size,))
    where, out = f"proof.{name}.corrections", []
    for item in as_list(proof.fields.get("corrections", []), where):
        demand(isinstance(item, list) and len(item) == 2, where, "pair", item)
        out.append((index(item[0], problem.at.size, where), rational(item[1], where)))
    pay_for_sum([c for _, c in out], ar.budget)
    demand(len({k for k, _ in out}) == len(out), where, "order", "an entry twice")
    low = zeros.low_rank_part(given, name, problem.at) if problem.at.zeros else None
    return Dual(ar.load(raw), raw, tuple(out), name, low)


def pay_for_sum(terms: Sequence[Fraction], budget: Budget) -> None:
    """Charge the work to add fractions: at each step the square of the bits so far."""
    common = 1
    for c in terms:
        common = math.lcm(common, c.denominator)
        bits = common.bit_length() + c.numerator.bit_length()
        budget.spend(bits * bits >> 9, "sums of corrections")


def adjoint(ar: Arithmetic[H], problem: Question, dual: Dual[H], o: Offset) -> list[Fraction]:
    """Return A* W exactly, with corrections; for a smooth q, the sums of W over each component."""
    cells, count = o.cells(problem.at)
    if o.design is None:
        totals = ar.totals(dual.field, cells, count)
        for k, c in dual.corrections:
            totals[cells[k]] += c
        return totals
    exact, out = Metered(Exact(), ar.budget), list[Fraction]()
    raw, ones = exact.load(dual.raw), filled((problem.at.n,), 1.0)
    for column in columns(o.design):
        rows = Array((problem.at.m,), column)
        totals = exact.totals(exact.scaled(raw, rows, ones, problem.at), cells, count)
        for k, c in dual.corrections:
            totals[cells[k]] += Fraction(column[problem.at.entry(k)[0]]) * c
        out += totals
    return out


def ridge_cost(ar: Arithmetic[H], problem: Question, dual: Dual[H], given: Arrays) -> Fraction:
    """Return an upper bound of -2 inf over q of <W, A q> + H(q), over all q but sparse ones.

    For H = ridge/2 sum w q^2 it is sum (A* W)^2 / (ridge w).  In directions without a penalty
    the infimum is -inf unless W is exactly orthogonal to them.  This means A* W = 0 for an
    unpenalized q; for a smooth q with ridge 0, the sums of W over every component are 0 in every
    column.  Any other W is rejected.
    """
    cost = Fraction(0)
    for k, o in enumerate(problem.offsets):
        if o.kind == "sparse":
            continue
        totals = adjoint(ar, problem, dual, o)
        if o.ridge == 0:
            wrong = next((t for t in totals if t), None)
            seen = f"offset {k}: {wrong and shown(wrong)}"
            demand(wrong is None, f"proof.{dual.name}", "orthogonal", seen)
        if o.kind == "smooth":
            cost += smooth_cost(ar, problem, dual, given, k)
        elif o.ridge > 0:
            cost += o.cost(totals)
    return cost


def smooth_cost(
    ar: Arithmetic[H], problem: Question, dual: Dual[H], given: Arrays, k: int
) -> Fraction:
    """Bound tr(W^T K^+ W) = -2 inf over Q of <W, Q> + 1/2 <Q, K Q>, K = rho L + ridge I.

    For any Q0 and R = W + K Q0, an expansion at Q0 shows that the infimum is
    <W, Q0> + 1/2 <Q0, K Q0> - 1/2 tr(R^T K^+ R) if R is orthogonal to ker K.  Moreover
    tr(R^T K^+ R) <= |R|^2 / kappa, where kappa is the least positive eigenvalue of K: at least
    ridge or, if ridge = 0, at least rho times the graph's gap.  As 1^T L = 0 on each component,
    R has the sums of W, which `ridge_cost` demands to be 0.  Without a witness Q0 = 0.
    """
    o, at = problem.offsets[k], problem.at
    name = f"{dual.name.removesuffix('W')}smooth{k}"
    q = given.get(name, (at.m, at.n)) if name in given.arrays else filled((at.m, at.n), 0.0)
    flat, w = ar.load(flat_of(q)), ar.load(fill_zeros(dual.raw, at))
    bent = ar.laplacian(q, o.graph, o.rho, o.ridge)
    inner, energy = ar.inner(flat, w).lo, ar.inner(flat, bent).lo
    for entry, c in dual.corrections:
        i, j = at.entry(entry)
        inner += c * Fraction(q.data[i * at.n + j])
    size = root(ar.squares(ar.add(w, bent), None).hi).hi + dual.stray
    kappa = o.ridge or o.rho * (o.graph.gap or 1)  # no edges: R = W = 0, by `ridge_cost`
    return size * size / kappa - 2 * inner - energy


def dual_limit(ar: Arithmetic[H], problem: Question, dual: Dual[H]) -> Fraction | None:
    """Return the largest s that the sparse offsets allow for s W, or None if any s is allowed.

    inf over Q of <W, Q> + rho |Q|_1 is 0 if every |W_ij| <= rho, and -inf otherwise.
    """
    rhos = [o.rho for o in problem.offsets if o.kind == "sparse"]
    if not rhos:
        return None
    top = ar.lines(dual.field, Line(0, "max", positive=False, signs=(1,)), problem.at)
    for k, c in dual.corrections:
        top = max(top, abs(Fraction(dual.raw.data[k]) + c))
    return min(rhos) / top if top else None


def dual_value(
    ar: Arithmetic[H], problem: Question, dual: Dual[H], cost: Fraction, s: Fraction
) -> Fraction:
    """Return a lower bound of d(sW) - s^2/2 cost for s >= 0 (dyadic except for least squares).

    d(W) = inf over Z of l(Z) + <W, Z>, as the loss bounds it.  For least squares it is
    d(sW) = s <W, Y> - s^2/2 sum W^2 / w, because w/2 (z - y)^2 + W z is least at
    W y - W^2 / (2 w).
    """
    if not isinstance(problem.loss, Squared):
        return loss_dual(problem, dual, s) - s * s / 2 * cost
    if problem.at.zeros:
        inner, size = zeros.dual_terms(ar, dual.field, ar.load(problem.Y), dual.low, problem.at)
        return s * inner - s * s / 2 * size
    inner = ar.inner(dual.field, ar.load(problem.Y)).lo
    size = ar.squares_over(dual.field, problem.weights).hi
    for k, c in dual.corrections:
        w = Fraction(problem.weights.data[k]) if problem.weights is not None else Fraction(1)
        inner += c * Fraction(problem.Y.data[k])
        size += (2 * c * Fraction(dual.raw.data[k]) + c * c) / w
    return s * inner - s * s / 2 * (size + cost)
