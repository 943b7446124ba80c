"""Rule `network`: a tree of cases for a layer that sums its rows.

It bounds sup |W^T pool(s(F u))|_2 over |u| <= 1.  Each end of the tree is a part of the ball,
which is bounded by a quadratic form (`network_leaf`) or a linear one (`cell_bound`).
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, partial, reduce
from typing import Generic, NamedTuple

from ..arithmetic import Arithmetic, H
from ..arrays import Array, matrix, rows_of, squares_exactly, transposed
from ..budget import FRACTION, HELD, MADE
from ..errors import demand, shown
from ..evidence import Evidence
from ..fields import Json, as_list, index, number, switch
from ..norms import SIGNS
from ..scalars import power, root
from ..spaces import Network
from .forms import Limits, form_bound, with_facts
from .tree import NODES, End, largest

ADDED = f"{NODES}.added"


class Region(NamedTuple):
    """The conditions of a part: the sign of w^T s that it bounds, (kind, index, sign) of its cuts.

    sign  1 or -1, or 0 for both
    cuts  also the facts "added", whose sign is 1 and whose index is that of `Case.added`
    """

    sign: int = 0
    cuts: tuple[tuple[str, int, int], ...] = ()


class Fact(NamedTuple):
    """p . (F u)_+ + g . u + slack |u| >= 0: p at its places, and g before it is rounded."""

    p: list[tuple[int, float]]
    g: list[Fraction]
    slack: Fraction


class Kind(NamedTuple):
    """The form of a leaf: in x = (p / tau, u) or, radial, (p / tau, u, s).

    linear  it bounds the value times s, not the square of the value
    """

    tau: Fraction
    radial: bool
    linear: bool


@dataclass(frozen=True)
class Case(Generic[H]):
    """The polar of a network that is bounded.

    pulled  (c, m): W^T on the rows of F; omega: the same for one output, exactly
    cuts    the rows of cuts
    values  the results of `value` so far
    added   rows over (p, u, |u|), the facts that nodes met so far have added: at an end, of all
    """

    net: Network
    pulled: H
    omega: Sequence[Fraction]
    cuts: Sequence[Sequence[float]]
    values: dict[tuple[Fraction, bool], H] = field(default_factory=dict[tuple[Fraction, bool], H])
    added: list[Sequence[float]] = field(default_factory=list[Sequence[float]])

    @cached_property
    def rows(self) -> list[list[Fraction]]:
        """The rows of F, exactly."""
        return [[Fraction(x) for x in row] for row in rows_of(self.net.features)]

    def value(self, ar: Arithmetic[H], kind: Kind) -> H:
        """Return A^T, where A x = W^T s(F u) and x is as in `network_leaf`; computed once."""
        at = kind.tau, kind.radial
        if at not in self.values:
            B = facts(self, Region(), float(kind.tau), radial=kind.radial, ranges=False)
            rows = ar.multiply(self.pulled, ar.load(self.net.mixed(B.shape[0])))
            self.values[at] = ar.multiply(ar.load(transposed(B)), rows)
        return self.values[at]


def pull_back(ar: Arithmetic[H], net: Network, w: H) -> H:
    """Return W^T on the rows of F: (outputs, rows)."""
    m, n = net.at.m, net.at.n
    turned = ar.unfold(w, net.at, (1, 0), n)
    if net.samples == range(m):
        return turned
    ar.budget.hold(len(net.samples) * m, f"{len(net.samples)} rows of {m} samples")
    pool = matrix([[(k, 1.0)] if k >= 0 else [] for k in net.samples], m)
    return ar.multiply(turned, ar.load(pool))


def network(ar: Arithmetic[H], net: Network, w: H, proof: Evidence) -> Fraction:
    """Prove sup |W^T pool(s(F u))|_2 over |u| <= 1 <= the largest bound over a tree of cases.

    Only the u count for which the last `net.inside` rows are >= 0; these facts begin every path.

    {"signs": [i, j]}, at the root and for one output, treats w^T s and -w^T s separately (with
    one child if v has a sign).  {"row": i, "plus": a, "minus": b} splits into f_i . u >= 0 and
    f_i . u <= 0.  {"cut": c, ...} splits into a . x >= 0 and a . x <= 0 for a row a of "cuts" over
    x = (p, u), p = (F u)_+.  The children cover everything.  {"above": k, ...} and {"range": ...}
    have one child and add a fact (`add_fact`, `add_range`).  {"cell": ...} is bounded by
    `cell_bound`, {"leaf": t, ...} by `network_leaf`.
    """
    m, d = net.features.shape
    ar.budget.spend(3 * FRACTION * m * d, "rows in fractions")
    cuts = proof.given.find("cuts", (None, m + d))
    omega: list[Fraction] = []
    if net.right.size == 1:
        lines, e = ar.exact_lines(w, 1, net.at)
        omega = [v * power(e) for v in lines[0]]
        omega = [omega[k] if k >= 0 else Fraction(0) for k in net.samples]
    case = Case(net, pull_back(ar, net, w), omega, rows_of(cuts) if cuts else ())
    inside = tuple(("row", i, 1) for i in range(m - net.inside, m))
    splits = dict.fromkeys(("signs", "row", "cut"), partial(branches, case))
    splits["above"] = partial(add_fact, ar, case)
    splits["range"] = partial(add_range, ar, case)
    work = 2 * m * m * (m + d) + 3 * MADE * (m + d) ** 2
    ends = {
        "cell": End(2 * FRACTION * m * (d + 1), partial(cell_bound, ar, case)),
        "leaf": End(work, partial(network_leaf, ar, case, proof)),
    }
    return largest(ar, proof.fields, splits, Region(0, inside), ends)


def branches(case: Case[H], node: Json, path: Region, where: str) -> list[Region]:
    """Return the conditions at each child of a node; "signs" is allowed at the root only."""
    if "signs" in node:
        root = path.sign == 0 and len(path.cuts) == case.net.inside
        demand(case.net.right.size == 1 and root, where, "tree", "signs")
        return [path._replace(sign=s) for s in SIGNS[case.net.right.cone]]
    kind = "row" if "row" in node else "cut"
    limit = len(case.net.samples if kind == "row" else case.cuts)
    k = index(node[kind], limit, where)
    return [path._replace(cuts=(*path.cuts, (kind, k, s))) for s in (1, -1)]


def add_fact(
    ar: Arithmetic[H], case: Case[H], node: Json, path: Region, where: str
) -> list[Region]:
    """Add to a path that p_k is at most a combination of other p_i and q_i.

    {"above": k, "of": [[i, c_i], ...]}, k not among the i.  With e = f_k - sum c_i f_i, as z_+ is
    subadditive and (c z)_+ = |c| (sign(c) z)_+,

        p_k = (sum c_i f_i . u + e . u)_+
           <= sum over c_i > 0 of c_i p_i + sum over c_i < 0 of |c_i| q_i + (e . u)_+.

    q_i = p_i - f_i . u, and r is what the coefficients of u lose when they are rounded to floats.
    e . u and r . u are at most |u| times their `bound_line`, so the slack is the sum of both.
    """
    m, d = case.net.features.shape
    k = index(node["above"], m, where)
    terms = sparse_numbers(node.get("of", []), where, m)
    demand(k not in terms, where, "outside", k)
    work = 4 * FRACTION * (len(terms) + 2) * d + HELD * (m + d + 1)
    ar.budget.spend(work, "a combination of rows")
    exact = combine(case, {i: c for i, c in terms.items() if c < 0})
    e = combine(case, {k: Fraction(1), **{i: -c for i, c in terms.items()}})
    line = [(k, -1.0), *((i, float(abs(c))) for i, c in terms.items())]
    return [add_line(case, Fact(line, exact, bound_line(case, e)), path, where)]


def add_range(
    ar: Arithmetic[H], case: Case[H], node: Json, path: Region, where: str
) -> list[Region]:
    """Add to a path that a combination of rows is at most its largest value, for a free bias b.

    {"range": [[i, c_i], ...]}.  Only the u count whose b is at a break of the value: f_k . u = 0
    for some k (`Network.reach`), as W with its corrections sums to zero over the rows in each
    output.  As the last entry of every f is the same,

        sum c_i f_i . u = e_k . u <= |e_k| |u|,   e_k = sum c_i f_i - (sum c_i) f_k without b,

    and the slack is the largest |e_k| and `bound_line` of what is lost to rounding.
    """
    m, d = case.net.features.shape
    demand(bool(case.net.free), where, "wrong_rule", "range")
    terms = sparse_numbers(node["range"], where, m)
    work = 2 * FRACTION * (len(terms) + 2 * m) * d + HELD * (m + d + 1)
    ar.budget.spend(work, "the range of a combination of rows")
    exact, total = combine(case, terms), sum(terms.values(), Fraction(0))
    rests = ([x - total * y for x, y in zip(exact, f, strict=True)] for f in case.rows)
    far = max(sum((x * x for x in e), Fraction(0)) for e in rests)
    fact = Fact([], [-x for x in exact], root(far).hi)
    return [add_line(case, fact, path, where)]


def add_line(case: Case[H], fact: Fact, path: Region, where: str) -> Region:
    """Add a fact to a path, its numbers rounded: it may lose the `bound_line` of the rest of u."""
    m, d = case.net.features.shape
    rounded = [float_at(x, where) for x in fact.g]
    r = [x - Fraction(y) for x, y in zip(fact.g, rounded, strict=True)]
    slack = fact.slack + bound_line(case, r)
    end = (m + d, float_above(slack, where) if slack else 0.0)
    case.added.append(matrix([[*fact.p, *enumerate(rounded, m), end]], m + d + 1).data)
    return path._replace(cuts=(*path.cuts, ("added", len(case.added) - 1, 1)))


def network_leaf(
    ar: Arithmetic[H], case: Case[H], proof: Evidence, path: Region, node: Json
) -> Fraction:
    """Prove the bound of a part by products of nonnegative facts.

    Let x = (p / tau, u), p = (F u)_+ and q = p - F u.  So p_i q_i = 0 and s(F u) = p - a q; tau is
    a power of two.  The facts B x >= 0 are the rows of p, of q, then those of the path in its
    order: sign * (each cut), and what `add_fact` adds.  With "radial", x has another coordinate
    s = |u| (of the priced part), and after q come the facts s, r_i s - p_i, r_i s - q_i, where r_i
    is at least the largest |f_i . u| over |u| = 1.  An added fact with slack needs it.  "N<t>" is
    packed and >= 0 except where p_i meets q_i, so x^T B^T N B x >= 0.  With "radial" and "Y<t>" the
    facts of s are left out, and the others are multiplied by its cone (`cone_rows`).

    C is A^T A, where A x = W^T s(F u).  With "linear", which needs a sign and one output, x^T C x
    is the value times s, sign * s A x.  Then

        C + B^T N B + B^T L + L^T B <= Diag(0, level, bias, radial) + t I
        =>  the value, squared or linear, <= (level + radial)^+ + bias^+ reach^2 + t^+ |x|^2

    where |x|^2 <= (1 + |F|^2 / tau^2) (1 + reach^2) + 1; reach = 0 without an unpriced bias.
    """
    net, witness = case.net, proof.leaf(node)
    where, (m, d) = witness.where, net.features.shape
    tau = number(node.get("tau"), f"{where}.tau")
    halves = tau.numerator & (tau.numerator - 1) or tau.denominator & (tau.denominator - 1)
    demand(tau > 0 and not halves, f"{where}.tau", "dyadic", shown(tau))
    radial, linear = "radial" in node, switch(node, "linear", where)
    if linear:
        fits = radial and path.sign != 0 and net.right.size == 1
        demand(fits, f"{where}.linear", "wrong_rule", "needs radial, a sign and one output")
    g = leaf_form(ar, case, path, witness, Kind(tau, radial, linear))
    names = ("level", "bias", "radial")
    level, bias, beside = (
        number(node[x], f"{where}.{x}") if x in node else Fraction(0) for x in names
    )
    far = net.reach * net.reach
    wide = (1 + squares_exactly(net.features.data) / (tau * tau)) * (1 + far) + 1
    cost = max(level + beside, Fraction(0)) + max(bias, Fraction(0)) * far
    diagonal = [0.0] * m + [float(level)] * (d - net.free)
    diagonal += [float(bias)] * net.free + [float(beside)] * radial
    bound = form_bound(ar, g, witness, Limits(wide, diagonal, cost))
    return bound if linear else root(bound).hi


def leaf_form(ar: Arithmetic[H], case: Case[H], path: Region, witness: Evidence, kind: Kind) -> H:
    """Return C + B^T N B + B^T L + L^T B.

    C of a linear leaf and the terms of L have the form P E^T + E P^T, where E selects the end
    (u, s) of x.
    """
    m, d = case.net.features.shape
    k, lines = m + d + kind.radial, cone_rows(ar, case, path, witness)
    demand(kind.radial or lines is None, f"proof.Y{witness.mark}", "wrong_rule", "needs radial")
    ranges = kind.radial and lines is None
    h = (4 if ranges else 2) * m + ranges + len(path.cuts)
    ar.budget.hold((k + h) * (k + h), "nonnegative facts")
    B = facts(case, path, float(kind.tau), radial=kind.radial, ranges=ranges)
    across, A = ar.load(transposed(B)), case.value(ar, kind)  # (k, h), (k, c)
    terms, ends = list[H](), list[H]()
    if kind.linear:
        ends.append(ar.multiply(A, ar.load(matrix([[]] * d + [[(0, path.sign / 2)]], 1))))
    else:
        terms.append(ar.multiply(A, A))
    if lines is not None:
        ends.append(ar.multiply(across, ar.load(transposed(lines))))
    if ends:
        end = matrix([[]] * m + [[(j, 1.0)] for j in range(d + 1)], d + 1)
        terms.append(symmetric_product(ar, reduce(ar.add, ends), ar.load(end)))
    g = reduce(ar.add, terms)
    if f"N{witness.mark}" in witness.given.arrays:
        free = {(m + i) * (m + i + 1) // 2 + i for i in range(m)}  # where q_i meets p_i
        g = with_facts(ar, g, across, witness, free)
    return g


def float_at(x: Fraction, where: str) -> float:
    """Return the float nearest to x; reject an x beyond all floats."""
    demand(2 * abs(x) < sys.float_info.max, where, "overflow", shown(x))
    return float(x)


def float_above(x: Fraction, where: str) -> float:
    """Return a finite float that is at least x; reject an x above all floats."""
    return math.nextafter(float_at(x, where), math.inf)


def cone_rows(ar: Arithmetic[H], case: Case[H], path: Region, witness: Evidence) -> Array | None:
    """Return L, its row k (-y_k, 0, t_k) over the end (u, b, s) of x; None without "Y<t>".

    "Y<t>" has a row (y_k, t_k) for each of the facts p, q and cuts; u is without an unpriced bias.
    t_k >= |y_k| is checked exactly, and s = |u|: x^T B^T L x = sum (B x)_k (t_k s - y_k . u) >= 0.
    """
    m, d = case.net.features.shape
    h, width = 2 * m + len(path.cuts), d - case.net.free + 1
    y = witness.find("Y", h, width)
    if y is None:
        return None
    ar.budget.hold(2 * h * (d + 1), "products with a cone")
    ar.budget.spend(FRACTION * h * width, "products with a cone")
    rows = list[list[tuple[int, float]]]()
    for k, (*line, t) in enumerate(rows_of(y)):
        inside = t >= 0 and Fraction(t) ** 2 >= squares_exactly(line)
        demand(inside, f"proof.Y{witness.mark}", "cone", f"row {k}: {t!r}")
        rows.append([*((j, -x) for j, x in enumerate(line)), (d, t)])
    return matrix(rows, d + 1)


def symmetric_product(ar: Arithmetic[H], a: H, b: H) -> H:
    """Return A B^T + B A^T."""
    return ar.add(ar.multiply(a, b), ar.multiply(b, a))


def facts(case: Case[H], path: Region, tau: float, *, radial: bool, ranges: bool) -> Array:
    """Return B: one row for each fact over x = (p / tau, u), or (p / tau, u, s).

    radial  whether x has s; ranges: whether there are the facts s, r_i s - p_i, r_i s - q_i
    """
    m, d = case.net.features.shape
    each = [(i, [*enumerate(f, m)]) for i, f in enumerate(rows_of(case.net.features))]
    out = [[(i, tau)] for i in range(m)]
    out += [[(i, tau), *((j, -x) for j, x in f)] for i, f in each]
    if ranges:
        s, far = m + d, [float_above(x, "statement.features") for x in case.net.radii]
        out.append([(s, 1.0)])
        out += [[(i, -tau), (s, far[i])] for i in range(m)]
        out += [[(i, -tau), *f, (s, far[i])] for i, f in each]
    for kind, k, sign in path.cuts:
        line, where = condition(case, kind, k), "proof.cuts" if kind == "cut" else ADDED
        demand(radial or not line[-1], where, "wrong_rule", "needs radial")
        scaled = in_units(line[: m + d + radial], m, tau, where)
        out.append([(j, sign * x) for j, x in enumerate(scaled)])
    return matrix(out, m + d + radial)


def condition(case: Case[H], kind: str, k: int) -> Sequence[float]:
    """Return a row over (p, u, |u|): of F, of "cuts", or an added one; >= 0 on its side 1."""
    if kind == "added":
        return case.added[k]
    m, d = case.net.features.shape
    if kind == "cut":
        return [*case.cuts[k], 0.0]
    return [*[0.0] * m, *case.net.features.data[k * d : k * d + d], 0.0]


def in_units(line: Sequence[float], m: int, tau: float, where: str) -> list[float]:
    """Return a row over (p, ...) as one over (p / tau, ...), the same in all parts: not rounded."""
    out = [*(tau * x for x in line[:m]), *line[m:]]
    for x, y in zip(line[:m], out, strict=False):
        demand(math.isfinite(y), where, "overflow", x)
        demand(y / tau == x, where, "underflow", x)
    return out


def cell_bound(ar: Arithmetic[H], case: Case[H], path: Region, node: Json) -> Fraction:
    """Bound sign * w^T s(F u) on a part from above, by a linear function.

    Let omega = sign * w on a row f of F, and z = f . u.  With slope a <= 1, s is convex.  If the
    path has the row's sign, s(z) = z or a z.  Otherwise s(z) >= rho z for rho in [a, 1] is used if
    omega < 0 ("rho", by default a), and a line above s on the row's range if omega > 0 (`chords`).
    The coefficients c of the sum are bounded with multipliers mu_k >= 0 of rows on the path:
    sup { c . u : |u| <= 1, the path } <= |c + sum mu_k sign_k f_k|.  As |b| <= reach, the
    coefficient of an unpriced bias is multiplied by reach and added.
    """
    net, where = case.net, "proof.polar.nodes.cell"
    demand(node["cell"] == 0, where, "unknown", node["cell"])
    a, (m, d) = net.slope, net.features.shape
    ar.budget.spend(2 * FRACTION * m * (d + 1), "a cell")
    demand(path.sign != 0 and a <= 1, where, "wrong_rule", "a cell needs a sign and slope <= 1")
    signs = {k: s for kind, k, s in path.cuts if kind == "row"}
    rho = sparse_numbers(node.get("rho", []), where, m)
    chord = chords(case, path, node)
    factors, extra = dict.fromkeys(range(m), Fraction(0)), Fraction(0)
    for i, w in enumerate(case.omega):
        omega = path.sign * w
        if i in signs:
            factors[i] += omega * (1 if signs[i] > 0 else a)
        elif omega < 0:
            factor = rho.get(i, a)
            demand(a <= factor <= 1, where, "sign", f"rho {float(factor)}")
            factors[i] += omega * factor
        elif omega > 0:
            kappa, low, high = chord.get(i, ((1 + a) / 2, case.net.radii[i], case.net.radii[i]))
            factors[i] += omega * kappa
            extra += omega * max((kappa - a) * low, (1 - kappa) * high)
    return farthest(case, path, factors, node.get("mu", [])) + extra


def chords(
    case: Case[H], path: Region, node: Json
) -> dict[int, tuple[Fraction, Fraction, Fraction]]:
    """Read "chords": [[i, kappa, low, high], ...], and prove the range of each row's z = f_i . u.

    mu = high proves z <= hi = |f_i + sum mu_k sign_k f_k|, and mu = low proves -z <= lo in the
    same way.  So -lo <= z <= hi on the path and, for kappa in [a, 1], as s is convex,

        s(z) <= kappa z + max((kappa - a) lo, (1 - kappa) hi).

    A row without a chord has kappa = (1 + a) / 2 and |z| <= |f_i|.
    """
    where, out = "proof.polar.nodes.chords", dict[int, tuple[Fraction, Fraction, Fraction]]()
    for item in as_list(node.get("chords", []), where):
        demand(isinstance(item, list) and len(item) == 4, where, "chord", item)
        i, kappa = item[0], number(item[1], where)
        demand(type(i) is int and 0 <= i < len(case.rows) and i not in out, where, "outside", i)
        demand(case.net.slope <= kappa <= 1, where, "sign", f"kappa {float(kappa)}")
        low, high = (farthest(case, path, {i: Fraction(s)}, item[2 + (s > 0)]) for s in (-1, 1))
        out[i] = kappa, min(low, case.net.radii[i]), min(high, case.net.radii[i])
    return out


def farthest(
    case: Case[H], path: Region, factors: Mapping[int, Fraction], listed: object
) -> Fraction:
    """Bound sup { sum factor_i f_i . u : |u| <= 1, the path } with mu, as in `cell_bound`."""
    where, total = "proof.polar.nodes.cell", dict(factors)
    for k, mu in sparse_numbers(listed, where, len(path.cuts)).items():
        kind, i, s = path.cuts[k]
        demand(mu >= 0 and kind == "row", where, "sign", f"{float(mu)} of a {kind}")
        total[i] = total.get(i, Fraction(0)) + s * mu
    return bound_line(case, combine(case, total))


def combine(case: Case[H], factors: Mapping[int, Fraction]) -> list[Fraction]:
    """Return sum factor_i f_i."""
    used = [(f, case.rows[i]) for i, f in factors.items() if f]
    d = case.net.features.shape[1]
    return [sum((f * row[j] for f, row in used), Fraction(0)) for j in range(d)]


def bound_line(case: Case[H], line: Sequence[Fraction]) -> Fraction:
    """Bound sup { line . u : |u| <= 1 }, where an unpriced bias has |b| <= reach."""
    priced = len(line) - case.net.free
    bias = sum((abs(x) * case.net.reach for x in line[priced:]), Fraction(0))
    return root(sum((x * x for x in line[:priced]), Fraction(0))).hi + bias


def sparse_numbers(listed: object, where: str, limit: int) -> dict[int, Fraction]:
    """Read [[index, "0x..."], ...], each index once."""
    out: dict[int, Fraction] = {}
    for item in as_list(listed, where):
        demand(isinstance(item, list) and len(item) == 2, where, "pair", item)
        k = index(item[0], limit, where)
        demand(k not in out, where, "outside", k)
        out[k] = number(item[1], where)
    return out
