"""The formula of an atom in reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from certify.norms import Gauge

ACTIVATIONS = {0.0: "max(z, 0)", 1.0: "z", -1.0: "|z|"}
SIGNS = {"+": "{} ≥ 0", "-": "{} ≤ 0"}
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Words:
    """phi and theta of the k-th slice, the signs of the factors, and the meaning of the letters.

    of_theta   the meaning of letters in theta; reports omit it if lam = 0
    """

    phi: str = "φ(xₖ)"
    theta: str = "θ(xₖ)"
    signs: Sequence[str] = ()
    glosses: Sequence[str] = ()
    of_theta: Sequence[str] = ()


def signs_of(names: Sequence[str], norms: Sequence[Gauge]) -> list[str]:
    """Return the conditions on the signs of the factors."""
    mixed = "each entry of {} of its given sign"
    pairs = zip(names, norms, strict=False)
    return [SIGNS.get(g.cone, mixed).format(x) for x, g in pairs if not g.free]


def penalty_formula(norms: Sequence[str], form: str) -> str:
    """Return the product of the norms, or the mean of their K-th powers."""
    if form == "product":
        return " ".join(norms)
    order = len(norms)
    share = "½" if order == 2 else f"1/{order} "  # noqa: PLR2004  a half
    return f"{share}({' + '.join(n + exponent_text(order) for n in norms)})"


def activation(slope: float) -> str:
    """Return the definition of s."""
    return f"s(z) = {ACTIVATIONS.get(slope, f'z where z ≥ 0, else {slope:.7g} z')}"


def exponent_text(number: int) -> str:
    """Return a number as an exponent."""
    return str(number).translate(RAISED)


def nonnegative(norms: Sequence[Gauge]) -> str:
    """Return the adjective of a model whose factors are all >= 0."""
    return "nonnegative " if norms and all(g.cone == "+" for g in norms) else ""
