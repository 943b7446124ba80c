"""A linear bound of one part of a layer's ball: rule `network`, node `cell`."""

from collections.abc import Mapping
from fractions import Fraction

from ..arithmetic import H
from ..errors import demand
from ..fields import Json, number
from ..scalars import root
from .regions import Case, Region


def sparse_numbers(held: object, where: str, limit: int) -> dict[int, Fraction]:
    """Read [[index, "0x..."], ...], each index once."""
    demand(isinstance(held, list), where, "list", type(held).__name__)
    out: dict[int, Fraction] = {}
    for item in held if isinstance(held, list) else []:
        demand(isinstance(item, list) and len(item) == 2, where, "pair", item)
        k = item[0]
        demand(type(k) is int and 0 <= k < limit and k not in out, where, "outside", k)
        out[k] = number(item[1], where)
    return out


def cell_bound(case: Case[H], path: Region, node: Json) -> Fraction:
    """Prove sup of sign * w^T s(F u) on a cone: it is at most a linear function there.

    With omega = sign * w on a row f of F and slope a <= 1, s is convex.  Where the path
    holds the row's sign, s(z) = z or a z.  Else omega < 0 uses s(z) >= rho z, rho in [a, 1] ("rho",
    a where it has none), and omega > 0 a line above s on the row's range (`chords`).
    Adding mu_k >= 0 times a row on the path,
    sup { c . u : |u| <= 1, the path } <= |c + sum mu_k sign_k f_k|.  An unpriced bias has
    |b| <= reach, so its coefficient counts that often.
    """
    net, where = case.net, "proof.polar.nodes.cell"
    demand(node["cell"] == 0, where, "unknown", node["cell"])
    a, m = net.slope, net.features.shape[0]
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
            kappa, low, high = chord.get(i, ((1 + a) / 2, case.radii[i], case.radii[i]))
            factors[i] += omega * kappa
            extra += omega * max((kappa - a) * low, (1 - kappa) * high)
    return farthest(case, path, factors, node.get("mu", [])) + extra


def chords(
    case: Case[H], path: Region, node: Json
) -> dict[int, tuple[Fraction, Fraction, Fraction]]:
    """Read "chords": [[i, kappa, low, high], ...], and prove the range of each row's z = f_i . u.

    With mu = high, z <= |f_i + sum mu_k sign_k f_k|, with mu = low the same of -z; so
    -lo <= z <= hi on the path, and for kappa in [a, 1], s being convex,

        s(z) <= kappa z + max((kappa - a) lo, (1 - kappa) hi).

    A row without one has kappa = (1 + a) / 2 and |z| <= |f_i|.
    """
    where, held = "proof.polar.nodes.chords", node.get("chords", [])
    demand(isinstance(held, list), where, "list", type(held).__name__)
    out: dict[int, tuple[Fraction, Fraction, Fraction]] = {}
    for item in held:
        demand(isinstance(item, list) and len(item) == 4, where, "chord", item)
        i, kappa = item[0], number(item[1], where)
        demand(type(i) is int and 0 <= i < len(case.rows) and i not in out, where, "outside", i)
        demand(case.net.slope <= kappa <= 1, where, "sign", f"kappa {float(kappa)}")
        low, high = (farthest(case, path, {i: Fraction(s)}, item[2 + (s > 0)]) for s in (-1, 1))
        out[i] = kappa, min(low, case.radii[i]), min(high, case.radii[i])
    return out


def farthest(
    case: Case[H], path: Region, factors: Mapping[int, Fraction], held: object
) -> Fraction:
    """Bound sup { sum factor_i f_i . u : |u| <= 1, the path } by mu, as `cell_bound` does."""
    where, total = "proof.polar.nodes.cell", dict(factors)
    for k, mu in sparse_numbers(held, where, len(path.cuts)).items():
        kind, i, s = path.cuts[k]
        demand(mu >= 0 and kind == "row", where, "sign", f"{float(mu)} of a {kind}")
        total[i] = total.get(i, Fraction(0)) + s * mu
    used = [(f, case.rows[i]) for i, f in total.items() if f]
    d = case.net.features.shape[1]
    sums = [sum((f * row[j] for f, row in used), Fraction(0)) for j in range(d)]
    last = abs(sums.pop()) * case.reach if case.net.free else Fraction(0)
    return root(sum((x * x for x in sums), Fraction(0))).hi + last
