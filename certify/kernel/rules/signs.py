"""Rule `signs`: no entry of W has a positive term in <W, phi>, whatever the norms."""

from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..budget import FRACTION
from ..errors import demand
from ..evidence import Evidence
from ..spaces import Modes, Pair
from .witness import meets


def opposite_signs(ar: Arithmetic[H], space: Pair | Modes, w: H, proof: Evidence) -> Fraction:
    """Prove sup <W, x1 o ... o xK> <= 0: no term W_ij.. x1_i x2_j ... is positive.

    If every coordinate in an entry's term has a sign, so has their product, and W must be 0 or of
    the other sign there.  If a coordinate is fixed to 0 the term is 0; otherwise, if a coordinate
    is free, W must be 0 there.  As the polar is 0, such a W is also of use at lam = 0.
    """
    del proof
    lows, highs, _ = ar.spans(w)
    at, norms = space.at, space.norms
    ones = "".join(n.cone for n in norms)
    if len(ones) == len(norms) and set(ones) <= {"+", "-"}:
        positive = ones.count("-") % 2 == 0
        worst = max(highs, default=0) if positive else -min(lows, default=0)
        demand(worst <= 0, "proof.W", "sign", worst)
        return Fraction(0)
    ar.budget.spend(FRACTION * len(norms) * at.size, "signs of entries")
    for k, ends in enumerate(zip(lows, highs, strict=True)):
        if any(ends):
            signs = [n.sign(i) for n, i in zip(norms, at.place(k), strict=True)]
            demand(all(meets(-x, *signs) for x in ends if x), "proof.W", "sign", k)
    return Fraction(0)
