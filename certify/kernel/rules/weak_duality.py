"""Lower bounds of f over factors of every size: weak duality."""

from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays
from ..dual import Dual, adjoint, coarse, dual_limit, dual_point, dual_value, least_loss, ridge_cost
from ..errors import demand, shown
from ..fields import Json, part
from ..losses.piecewise import Squared
from ..offsets import Offset
from ..scalars import Bound
from ..spaces import Network
from ..statement import Question
from .polar import named_rule, polar_bound
from .witness import inside


def weak_duality(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f_s >= d(sW) for every size s and all offsets, where P(W) s <= lam.

    f_s >= d(sW) - s<W, sum phi> + lam sum theta >= d(sW), since <W, phi(x)> <= P theta(x).
    f >= d(0) always.
    """
    least = least_loss(asked)
    if "W" not in given.arrays:
        return Bound(least, ("trivial",))
    dual, s, name = multiple(ar, asked, proof, given)
    s = s if isinstance(asked.loss, Squared) else coarse(s)
    value = dual_value(ar, asked, dual, ridge_cost(ar, asked, dual, given, "W"), s)
    return Bound(max(value, least), (name, "weak_duality"))


def multiple(
    ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays
) -> tuple[Dual[H], Fraction, str]:
    """Read W and return it, an s <= 1 with s <W, phi(x)> <= lam theta(x), and the polar's rule.

    The rule scales W itself, so a large bound P only weakens the result: s = lam / P, which is
    0 at lam = 0 unless P is 0.  At most r slices have other arrays L and K beside the polar's,
    whose names begin with "polar." there.
    """
    dual = dual_point(ar, asked, proof, given, "W")
    polar = part(proof, "polar")
    if isinstance(asked.pair, Network) and asked.pair.free:
        unpriced(ar, asked, dual)
    own = inside(given, "polar.") if asked.claim == "rank" else given
    bound, name = polar_bound(ar, asked.pair, dual.field, polar, own), named_rule(polar)
    bound += dual.stray * asked.wide
    s = min(Fraction(1), asked.lam / bound) if bound > 0 else Fraction(1)
    limit = dual_limit(ar, asked, dual)
    return dual, s if limit is None else min(s, limit), name


def unpriced(ar: Arithmetic[H], asked: Question, dual: Dual[H]) -> None:
    """Demand that every column of W sums to zero, exactly: else an unpriced bias has no bound."""
    totals = adjoint(ar, asked, dual, Offset("column", Fraction(0)))
    wrong = next((t for t in totals if t), None)
    demand(wrong is None, f"proof.{dual.name}", "orthogonal", f"bias: {wrong and shown(wrong)}")
