"""Rule `spectral`: the largest singular value of a shifted and scaled W."""

from fractions import Fraction
from itertools import product

from .. import zeros
from ..arithmetic import Arithmetic, H
from ..arrays import Arrays, filled
from ..errors import demand
from ..evidence import Evidence
from ..scalars import root
from ..spaces import Pair
from .forms import UNIT, form_bound, symmetric_array
from .witness import gram_side, of_signs


def spectral(
    ar: Arithmetic[H], pair: Pair, w: H, proof: Evidence, low: zeros.Pair | None = None
) -> Fraction:
    """Prove sup u^T W v <= sqrt(c c' t), X^T X + M <= t I, X = S (W + N) S', S, S' diagonal.

    u^T N v >= 0, as N_ij has the sign of u_i v_j (N_ij = 0 if one of them is free).  With
    x = u / s and z = v / s', u^T (W + N) v = x^T X z and |x|_2^2 <= c = sup of sum u_i^2 / s_i^2;
    z and c' likewise.  The signs of M agree with those of z, so z^T M z >= 0, and |X z|^2 <= t for
    |z| <= 1 (`form_bound`).  With axis 0, X X^T and x take the places of X^T X and z.  Without
    scales S = I, and c is the squared radius of the unit ball.

    low: L and R of W - L R^T in the place of W (see `zeros`), without scales; no entry is computed.
    """
    at, s, sides, given = pair.at, w, pair.norms, proof.given
    axis = gram_side(proof, at, stored="M" in given.arrays)
    if (multipliers := given.find("N", (at.size,))) is not None:
        s = ar.add(w, of_signs(ar, multipliers, "N", at.entries(), sides))
    scaled, wide = apply_scales(ar, pair, s, given)
    demand(low is None or scaled is s, "proof.scale", "wrong_rule", "scales beside L R^T")
    g, slack = zeros.gram(ar, scaled, low, axis, at)
    if "M" in given.arrays:
        n = sides[axis]
        m = symmetric_array(given, "M", n.size)
        g = ar.add(g, of_signs(ar, m, "M", product(range(n.size), repeat=2), (n, n)))
    t = form_bound(ar, g, proof, UNIT)
    return (root(t).hi + slack) * root(wide).hi


def apply_scales(ar: Arithmetic[H], pair: Pair, x: H, given: Arrays) -> tuple[H, Fraction]:
    """Return (S X S', c c') with the scales of the proof, which are 1 by default."""
    scales, cost = [], Fraction(1)
    names = "scale.left", "scale.right"
    for name, n in zip(names, pair.norms, strict=True):
        given_here = name in given.arrays
        a = given.positive(name, (n.size,)) if given_here else filled((n.size,), 1.0)
        scales.append(a)
        cost *= n.diagonal_cost([1 / Fraction(x) ** 2 for x in a.data])
    scaled = any(name in given.arrays for name in names)
    return (ar.scaled(x, scales[0], scales[1], pair.at) if scaled else x), cost
