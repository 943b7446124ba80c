"""A quadratic bound of one part of a layer's ball: rule `network`, node `leaf`."""

import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, on_diagonal, rows_of, squares_exactly, transposed, unpacked
from ..errors import RejectedError, demand, shown
from ..fields import Json, number, shift_of, switched
from ..scalars import root
from .regions import Case, Region
from .witness import largest_eigenvalue


def float_above(x: Fraction, where: str) -> float:
    """Return a finite float at least x; refuse what no float is."""
    demand(2 * x < sys.float_info.max, where, "overflow", shown(x))
    return math.nextafter(float(x), math.inf)


def network_leaf(
    ar: Arithmetic[H], case: Case[H], what: tuple[Region, Json], given: Arrays
) -> Fraction:
    """Prove the bound of a part by products of nonnegative facts.

    x = (p / tau, u), p = (F u)_+, q = p - F u, so p_i q_i = 0 and s(F u) = p - a q; tau is a power
    of two.  Facts B x >= 0: the rows of p, of q, then sign * (each cut of the path).  With
    "radial" x has one coordinate more, s = |u| (of the priced part), and after q the facts
    s, r_i s - p_i, r_i s - q_i, r_i >= the largest |f_i . u| over |u| = 1.
    "N<t>", packed, is >= 0 but where p_i meets q_i, so x^T B^T N B x >= 0.  C is A^T A,
    A x = W^T s(F u); or, "linear", with a sign and one output, sign * s A, the value times s.
    Then

        C + B^T N B <= Diag(0, level, bias, radial) + t I
        =>  the value, squared or linear, <= (level + radial)^+ + bias^+ reach^2 + t^+ |x|^2

    with |x|^2 <= (1 + |F|^2 / tau^2) (1 + reach^2) + 1, reach = 0 where no bias is unpriced.
    """
    path, node = what
    net, where, t = case.net, "proof.polar.nodes", node["leaf"]
    demand(type(t) is int and t >= 0, where, "outside", t)
    tau = number(node.get("tau"), f"{where}.tau")
    halves = tau.numerator & (tau.numerator - 1) or tau.denominator & (tau.denominator - 1)
    demand(tau > 0 and not halves, f"{where}.tau", "dyadic", shown(tau))
    radial, linear = "radial" in node, switched(node, "linear", where)
    k = sum(net.features.shape) + radial
    h = (4 if radial else 2) * len(net.samples) + radial + len(path.cuts)
    ar.budget.hold((k + h) * (k + h), "nonnegative facts")
    B = facts(case, path, float(tau), radial=radial)
    across = ar.load(transposed(B))  # (k, h)
    A = ar.multiply(ar.multiply(across, ar.load(net.mixed(h))), case.pulled)  # (k, c)
    if linear:
        fits = radial and path.sign != 0 and net.right.size == 1
        demand(fits, f"{where}.linear", "wrong_rule", "needs radial, a sign and one output")
        half = ar.load(Array((k, 1), array("d", [0.0] * (k - 1) + [path.sign / 2])))
        g = ar.add(ar.multiply(A, half), ar.multiply(half, A))
    else:
        g = ar.multiply(A, A)
    if f"N{t}" in given.arrays:
        N = products_of_facts(given, f"N{t}", h, net.features.shape[0])
        g = ar.add(g, ar.multiply(ar.multiply(across, ar.load(N)), across))
    levels = {x: leveled(node, x, where) for x in ("level", "bias", "radial")}
    m, d = net.features.shape
    diagonal = [0.0] * m + [float(levels["level"])] * (d - net.free)
    diagonal += [float(levels["bias"])] * net.free + [float(levels["radial"])] * radial
    g = ar.subtract(g, ar.load(on_diagonal(diagonal)))
    top = largest_eigenvalue(ar, g, shift_of(node, f"{where}.shift"), given, f"L{t}")
    far = case.reach * case.reach if net.free else Fraction(0)
    wide = (1 + squares_exactly(net.features.data) / (tau * tau)) * (1 + far) + 1
    both = levels["level"] + (levels["radial"] if radial else 0)
    bound = max(both, Fraction(0)) + max(levels["bias"], Fraction(0)) * far + top * wide
    return bound if linear else root(bound).hi


def leveled(node: Json, name: str, where: str) -> Fraction:
    """Read a number of the diagonal; 0 if there is none."""
    return number(node[name], f"{where}.{name}") if name in node else Fraction(0)


def products_of_facts(given: Arrays, name: str, h: int, m: int) -> Array:
    """Read N: packed, >= 0 but where p_i meets q_i."""
    a = given.get(name, (h * (h + 1) // 2,))
    full = unpacked(a, h)
    for i, end in enumerate(accumulate(range(1, h + 1))):
        row = a.data[end - i - 1 : end]
        free = row[i - m] if m <= i < 2 * m else 0.0
        least = min(row)
        if least < 0 and not (least == free and sum(x < 0 for x in row) == 1):
            raise RejectedError(f"proof.{name}", "sign", least)
    return Array((h, h), array("d", full))


def facts(case: Case[H], path: Region, tau: float, *, radial: bool) -> Array:
    """Return B: one row for each fact over x = (p / tau, u), or (p / tau, u, s)."""
    net = case.net
    m, d = net.features.shape
    rows = rows_of(net.features)
    out = array("d")

    def put(p: Mapping[int, float], u: Sequence[float], s: float) -> None:
        """Append one row."""
        line = array("d", bytes(8 * m))
        for i, x in p.items():
            line[i] = x
        out.extend(line)
        out.extend(u)
        out.extend([s] * radial)

    zero = [0.0] * d
    for i in range(m):
        put({i: tau}, zero, 0.0)
    for i in range(m):
        put({i: tau}, [-x for x in rows[i]], 0.0)
    if radial:
        put({}, zero, 1.0)
        far = [float_above(x, "statement.features") for x in case.radii]
        for i in range(m):
            put({i: -tau}, zero, far[i])
        for i in range(m):
            put({i: -tau}, rows[i], far[i])
    for kind, k, sign in path.cuts:
        if kind == "row":
            put({}, [sign * x for x in rows[k]], 0.0)
            continue
        line = case.cuts.data[k * (m + d) : (k + 1) * (m + d)]
        lost = next((x for x in line[:m] if tau * x / tau != x), None)  # one cut for all parts
        demand(lost is None, "proof.cuts", "underflow", lost)
        put({i: sign * tau * x for i, x in enumerate(line[:m])}, [sign * x for x in line[m:]], 0.0)
    return Array((len(out) // (m + d + radial), m + d + radial), out)
