"""Rule `spectral`: the largest singular value of a shifted and scaled W."""

from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays, filled
from ..errors import demand
from ..fields import Json, shift_of
from ..norms import Norm
from ..scalars import root
from ..spaces import Pair
from .witness import gram_side, largest_eigenvalue, meets


def spectral(ar: Arithmetic[H], pair: Pair, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup u^T W v <= sqrt(c c' lambda_max(X^T X + M)), X = S (W + N) S', S, S' diagonal.

    u^T N v >= 0 if N_ij meets the signs of u_i and v_j (N_ij = 0 where one is free).
    With x = u / s and z = v / s': u^T (W + N) v = x^T X z, |x|_2^2 <= c = sup of
    sum u_i^2 / s_i^2, and z likewise.  M meets the signs of the Gram side's vector, so
    z^T M z >= 0.  Without scales S = I and c is the squared radius of the unit ball.
    """
    at, s = pair.at, w
    axis = gram_side(proof, at, "proof.polar.axis", held="M" in given.arrays)
    if "N" in given.arrays:
        n = given.get("N", (at.size,))
        fixed = "*" not in (pair.left.cone, pair.right.cone)
        demand(fixed, "proof.N", "wrong_rule", "a factor without a sign")
        cones = zip(n.data, at.entries(), strict=True)
        wrong = next(
            (x for x, (i, j) in cones if x and not meets(x, pair.left.sign(i), pair.right.sign(j))),
            None,
        )
        demand(wrong is None, "proof.N", "sign", wrong)
        s = ar.add(w, ar.load(n))
    s, wide = rescaled(ar, pair, s, given)
    g, slack = ar.gram(s, axis, at)
    if "M" in given.arrays:
        g = ar.add(g, multiplier(ar, given, (pair.left, pair.right)[axis]))
    t = largest_eigenvalue(ar, g, shift_of(proof, "proof.polar.shift"), given, "L")
    return (root(t).hi + slack) * root(wide).hi


def rescaled(ar: Arithmetic[H], pair: Pair, s: H, given: Arrays) -> tuple[H, Fraction]:
    """Return (S X S', c c'): the scales, if the proof has any, and what they cost."""
    sides = (("scale.left", pair.left), ("scale.right", pair.right))
    held, cost = [], Fraction(1)
    for name, n in sides:
        if name not in given.arrays:
            held.append(filled((n.size,), 1.0))
            cost *= n.widest
            continue
        a = given.get(name, (n.size,))
        demand(min(a.data) > 0, f"proof.{name}", "sign", min(a.data))
        held.append(a)
        cost *= n.diagonal_cost([1 / Fraction(x) ** 2 for x in a.data])
    scaled = any(name in given.arrays for name, _ in sides)
    return (ar.scaled(s, held[0], held[1], pair.at) if scaled else s), cost


def multiplier(ar: Arithmetic[H], given: Arrays, n: Norm) -> H:
    """Read M: symmetric, of the signs of the products of two coordinates of a factor."""
    k = n.size
    a = given.get("M", (k, k))
    demand(n.cone != "*", "proof.M", "wrong_rule", "the factor of this side has no sign")
    entries = ((x, *divmod(e, k)) for e, x in enumerate(a.data))
    wrong = next((x for x, i, j in entries if x and not meets(x, n.sign(i), n.sign(j))), None)
    demand(wrong is None, "proof.M", "sign", wrong)
    even = all(a.data[i * k + j] == a.data[j * k + i] for i in range(k) for j in range(i))
    demand(even, "proof.M", "symmetric", "M differs from its transpose")
    return ar.load(a)
