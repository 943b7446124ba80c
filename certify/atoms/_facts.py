"""What is known of each pair of norms: the polar, how hard it is, its rule, how loose that is."""

from dataclasses import dataclass

from certify.norms import Gauge

CLOSED = "closed"
HARD = "NP-hard"
OPEN = "no closed form"


@dataclass(frozen=True)
class Facts:
    """polar: what sup u^T W v is; kind: closed, NP-hard or without closed form; rule, loose."""

    polar: str
    kind: str
    rule: str
    loose: str


def describe_pair(left: Gauge, right: Gauge) -> Facts:
    """Return what is known of a pair; with one side l1 it is of the lines w of W."""
    if left.axial or right.axial:
        inner = right if left.axial else left
        signed = "" if inner.free else ", of the part that the cone meets"
        return Facts(f"over the lines: {inner.line_polar}{signed}", CLOSED, "lines", inner.line_gap)
    if not (left.exact and right.exact):
        return Facts("sup u^T W v, no formula", OPEN, "spectral; conic", INSIDE)
    free = left.free and right.free
    if left.is_round and right.is_round:
        return round_pair(free=free)
    return wide_pair(left, right, free=free)


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


def wide_pair(left: Gauge, right: Gauge, *, free: bool) -> Facts:
    """Return the facts of pairs with linf, or the largest norm of groups."""
    sides = f"{left.ball} and {right.ball}"
    rule = "spectral with scales (Grothendieck); conic"
    if left.cubic or right.cubic:
        rule = f"corners, exact, for about a dozen coordinates of linf; {rule}"
    if not free:
        return Facts(f"sup over {sides}, on the cones (cut norm)", HARD, rule, LOOSE)
    both = left.cubic and right.cubic
    loose = LOOSE if both else f"at most by sqrt(pi / 2) against l2; {LOOSE}"
    return Facts(f"sup over {sides}", HARD, rule, loose)


LOOSE = (
    "by up to Grothendieck's constant 1.783: the 2 x 2 Hadamard matrix under linf x linf has 2, "
    "the relaxation 2 sqrt(2); exact under linf x linf for W of rank one"
)
