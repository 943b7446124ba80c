"""What is known of each pair of norms: the polar, how hard it is, its rule, how loose that is."""

from dataclasses import dataclass

from certify.norms import Gauge

CLOSED = "closed"
HARD = "NP-hard"
OPEN = "no closed form"
ROUND = ("l2", "weighted")
WIDE = ("linf", "group of largest")


@dataclass(frozen=True)
class Facts:
    """polar: what sup u^T W v is; kind: closed, NP-hard or without closed form; rule, loose."""

    polar: str
    kind: str
    rule: str
    loose: str


NAMES = {
    "l1": "the largest |entry|",
    "l2": "the largest l2 norm",
    "linf": "the largest l1 norm",
    "weighted": "the largest |D^(-1/2) w|_2",
    "elastic": "the largest level t with |(|w| - alpha t)_+|_2 <= (1 - alpha) t",
    "group": "the largest l2 norm of a group",
    "group of largest": "the largest sum of the groups' l2 norms",
    "variation": "the least max(|f|_inf / rho, |w - B^T f|_2) over flows f",
}


def described(left: Gauge, right: Gauge) -> Facts:
    """Return what is known of a pair; with one side l1 it is of the lines w of W."""
    a, b = kind_of(left), kind_of(right)
    if "l1" in (a, b):
        inner, norm = (b, right) if a == "l1" else (a, left)
        signed = "" if norm.free else ", of the part that the cone meets"
        loose = "exact"
        if inner == "variation" and not norm.free:
            loose = "exact where the l1 side has one sign; else one flow serves both signs"
        return Facts(f"over the lines: {NAMES[inner]}{signed}", CLOSED, "lines", loose)
    free = left.free and right.free
    if a in ROUND and b in ROUND:
        return round_pair(free=free)
    if {a, b} & {"elastic", "group", "variation"}:
        return Facts("sup u^T W v, no formula", OPEN, "spectral; conic", INSIDE)
    return wide_pair(a, b, free=free)


INSIDE = (
    "the spectral rule takes the l2 ball around this one: loose by up to the ratio of the "
    "norms (W all ones, elastic with alpha = 1 on both sides: 1 against sqrt(m n)); "
    "entrywise terms in the conic rule win back a part"
)


def round_pair(*, free: bool) -> Facts:
    """Return the facts of two (weighted) l2 norms."""
    if free:
        return Facts("sigma_1(D^(-1/2) W E^(-1/2))", CLOSED, "spectral", "exact")
    loose = (
        "the multiplier N >= 0 is exact for W >= 0 (Perron) and the doubly nonnegative form for "
        "m + n <= 4; on 14 digits of 16 pixels it lost up to 1.5 %, which branching closed"
    )
    return Facts("sup u^T W v on the cones", HARD, "spectral with N or M; conic", loose)


def wide_pair(a: str, b: str, *, free: bool) -> Facts:
    """Return the facts of pairs with linf, or the largest norm of groups."""
    what = {"linf": "a cube", "l2": "a ball", "weighted": "an ellipsoid"}
    sides = " and ".join(what.get(k, "a product of balls") for k in (a, b))
    rule = "spectral with scales (Grothendieck); conic"
    if not free:
        return Facts(f"sup over {sides}, on the cones (cut norm)", HARD, rule, LOOSE)
    both = a == b == "linf"
    loose = LOOSE if both else f"at most by sqrt(pi / 2) against l2; {LOOSE}"
    return Facts(f"sup over {sides}", HARD, rule, loose)


LOOSE = (
    "by up to Grothendieck's constant 1.783: the 2 x 2 Hadamard matrix under linf x linf has 2, "
    "the relaxation 2 sqrt(2); exact under linf x linf for W of rank one"
)


def kind_of(norm: Gauge) -> str:
    """Return the name of a norm; groups of largest norm have a name of their own."""
    return "group of largest" if getattr(norm, "outer", "") == "linf" else norm.name
