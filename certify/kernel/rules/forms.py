"""The lemma behind all bounds by eigenvalues: an upper bound of a quadratic form on a set.

The rules `spectral`, `conic`, `transpose` and `network` bound a form z^T G z over a part of a
product of balls.  They add multipliers to G: forms that are >= 0 on that part.  `form_bound` bounds
the sum by a diagonal form, whose bound is known, and one eigenvalue.  `ky_fan` bounds a sum of
eigenvalues by it.
"""

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import NamedTuple

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, on_diagonal, unpacked
from ..errors import demand
from ..evidence import Evidence
from ..fields import shift_of


class Limits(NamedTuple):
    """Bounds that hold for every z: |z|^2 <= wide, and z^T Diag(diagonal) z <= cost."""

    wide: Fraction
    diagonal: Sequence[float] = ()
    cost: Fraction = Fraction(0)


UNIT = Limits(Fraction(1))  # |z| <= 1


def form_bound(ar: Arithmetic[H], g: H, proof: Evidence, limits: Limits) -> Fraction:
    """Prove z^T G z <= cost + t^+ wide for every z within the limits.

    `Arithmetic.top` proves G - Diag(diagonal) <= t I with the shift and, if the proof has one, the
    packed factor L.  So z^T G z <= z^T Diag(diagonal) z + t |z|^2.
    """
    if any(limits.diagonal):
        g = ar.subtract(g, ar.load(on_diagonal(limits.diagonal)))
    k = ar.measure(g).shape[0]
    shift = shift_of(proof.fields, f"{proof.where}.shift")
    t = ar.top(g, shift, proof.find("L", k * (k + 1) // 2))
    return limits.cost + max(t, Fraction(0)) * limits.wide


def congruent(ar: Arithmetic[H], r: H, g: H) -> H:
    """Return R G R^T for a symmetric G: the form in z', where z = R^T z'."""
    return ar.multiply(r, ar.multiply(r, g))


def with_facts(ar: Arithmetic[H], g: H, facts: H, proof: Evidence, free: Collection[int] = ()) -> H:
    """Return G + B^T N B for facts B z >= 0: z^T B^T N B z = sum N_ij (Bz)_i (Bz)_j >= 0.

    facts is B^T.  N is packed and >= 0, except at the places `free`, where (Bz)_i (Bz)_j = 0.
    """
    h = ar.measure(facts).shape[1]
    n = proof.given.get(f"N{proof.mark}", (h * (h + 1) // 2,))
    wrong = next((x for at, x in enumerate(n.data) if x < 0 and at not in free), None)
    demand(wrong is None, f"proof.N{proof.mark}", "sign", wrong)
    return ar.add(g, congruent(ar, facts, ar.load(unpacked(n, h))))


def symmetric_array(given: Arrays, name: str, k: int) -> Array:
    """Read a full k x k matrix that must be symmetric."""
    a = given.get(name, (k, k))
    even = all(a.data[i * k + j] == a.data[j * k + i] for i in range(k) for j in range(i))
    demand(even, f"proof.{name}", "symmetric", f"{name} differs from its transpose")
    return a
