"""Ky Fan's bound of the distance to rank r, for a matrix or the unfoldings of a tensor."""

import math
from fractions import Fraction
from typing import NamedTuple

from ..arithmetic import Arithmetic, H
from ..arrays import Array, filled, squares_exactly
from ..errors import demand
from ..evidence import Evidence, Multiple
from ..fields import as_list, as_object, switch
from ..offsets import offset_values
from ..patterns import Pattern
from ..scalars import Bound, root
from ..spaces import Deep
from ..statement import Point, Question
from ..values import fit_field
from .forms import UNIT, form_bound
from .witness import gram_side, modes_of


class Fan(NamedTuple):
    """A fully observed matrix, the offsets beside Z, and the witness of its bound.

    rank   a bound of the rank of Z plus the covariates' part
    kinds  the means that the offsets fit: "row", "column"
    axis   0: G = C C^T; 1: G = C^T C
    K      G <= t I + K K^T; form: the witness of t
    """

    at: Pattern
    rank: int
    kinds: frozenset[str]
    axis: int
    K: Array
    form: Evidence


def ky_fan(ar: Arithmetic[H], problem: Question, proof: Evidence, by: Multiple[H] | None) -> Bound:
    """Prove 1/2 |C - Z|^2 >= 1/2 (|C|^2 - K_r(C)^2), C = Y - sW - (any offsets mu), by `tail`.

    For a tensor, C is a sum of parts T_S, each unfolded with a group S of modes as rows.  The list
    "groups" has the modes of the rows, the arrays "T<t>" are the parts; the last part is the rest.
    Every unfolding of Z has rank <= r, so <C, Z> <= sum K_r(T_S) |Z| and

        1/2 |C - Z|^2 >= 1/2 (|C|^2 - (sum K_r(T_S))^2).

    "definite": Z is a sum of x x^T, so only positive eigenvalues count (`definite`).
    """
    at = problem.at
    whole = at.rows is None or (at.zeros and by is None)  # unlisted zeros: nothing in G
    plain = whole and problem.weights is None
    demand(plain, "proof.K", "wrong_rule", "masked or weighted")
    c = ar.load(problem.Y)
    if by is not None:
        c = ar.subtract(c, scaled_dual(ar, by, at))
    own = proof.part("ky_fan")
    if len(at.sizes) > 2:
        demand(not problem.offsets, "statement.offsets", "scope", "a tensor at a fixed size")
        return Bound(unfoldings(ar, problem, own, c) / 2, ("ky_fan",))
    witness = fan(problem, at, own)
    if switch(own.fields, "definite", own.where):
        return Bound(definite(ar, problem, witness, c) / 2, ("ky_fan",))
    if problem.offsets:
        mu = offset_values(own.given, "mu.", problem.offsets, at)
        c = ar.subtract(c, fit_field(ar, problem, Point((), mu)))
    return Bound(tail(ar, witness, c) / 2, ("ky_fan",))


def fan(problem: Question, at: Pattern, proof: Evidence) -> Fan:
    """Read the witness of a matrix.

    Leaving out penalties and signs lowers the infimum.  An intercept is a row of equal
    column intercepts; k covariates add at most k to the rank.  The rank of a slice of a parallel
    network is at most the width of its last hidden layer; any other slice has rank 1.
    """
    axis = gram_side(proof, at, stored=False)
    size = (at.m, at.n)[axis]
    wide = sum(o.width for o in problem.offsets if o.mean == "")
    means = frozenset(o.mean for o in problem.offsets if o.mean)
    unmet = sorted({o.kind for o in problem.offsets if o.mean is None})
    demand(not unmet, "statement.offsets", "scope", unmet)
    K = proof.given.get(f"K{proof.mark}", (size, None))
    rank = problem.rank * (problem.space.widths[-2] if isinstance(problem.space, Deep) else 1)
    return Fan(at, rank + wide, means, axis, K, proof)


def tail(ar: Arithmetic[H], witness: Fan, c: H) -> Fraction:
    """Prove |P(C - Z)P'|^2 >= |PCP'|^2 - K_r(C)^2 for every Z of rank <= r.

    The left side is at least the sum over i > r of sigma_i(PCP')^2 (Eckart-Young).  The
    projections P and P' remove the means that the offsets fit.
    """
    return max(centred_squares(ar, witness, c) - head(ar, witness, c), Fraction(0))


def head(ar: Arithmetic[H], witness: Fan, c: H) -> Fraction:
    """Prove K_r(C)^2 <= r t + |K|^2, the sum over i <= r of sigma_i(C)^2.

    It is the sum over i <= r of lambda_i(G), G = C C^T or C^T C, and so at most r t + |K|^2 if
    G <= t I + K K^T and t >= 0 (Ky Fan).  K_r(PCP') <= K_r(C) for projections P and P'.
    """
    g, slack = ar.gram(c, witness.axis, witness.at)
    r, t = witness.rank, form_bound(ar, ar.subtract(g, ar.outer(witness.K)), witness.form, UNIT)
    bound = r * t + squares_exactly(witness.K.data)
    return bound + 2 * slack * root(bound * max(r, 1)).hi + r * slack * slack


def definite(ar: Arithmetic[H], problem: Question, witness: Fan, c: H) -> Fraction:
    """Prove |C - Z|^2 >= |C|^2 - h for every Z = sum of x x^T of rank <= r,

        h = r t^2 + 2 t |K|^2 + |K K^T|^2,  (C + C^T)/2 <= t I + K K^T,  t >= 0.

    <C, Z> <= <M, Z>, M = t I + K K^T, as Z is positive semidefinite; with S the projector on
    the range of Z, <M, Z> = <S M, Z> <= |S M| |Z|, and |S M|^2 = t^2 tr S + 2 t tr(S K K^T)
    + |S K K^T|^2 <= h.
    """
    demand(problem.space.symmetric, "proof.ky_fan.definite", "wrong_rule", "two factors")
    demand(not problem.offsets, "statement.offsets", "scope", "beside x x^T at a fixed size")
    whole = ar.outer(witness.K)
    t = form_bound(ar, ar.subtract(ar.symmetric(c, witness.at), whole), witness.form, UNIT)
    h = witness.rank * t * t + 2 * t * squares_exactly(witness.K.data) + ar.squares(whole, None).hi
    return max(ar.squares(c, None).lo - h, Fraction(0))


def centred_squares(ar: Arithmetic[H], witness: Fan, c: H) -> Fraction:
    """Return a lower bound of |PCP'|^2 = |C|^2 - |1^T C|^2/m - |C 1|^2/n + (1^T C 1)^2/mn.

    Only the means of offsets that are present are removed; the last term needs both kinds.
    """
    at = witness.at
    energy = ar.squares(c, None).lo
    sizes = {"column": at.m, "row": at.n}
    for kind in sorted(witness.kinds):
        energy -= ar.sums(c, kind, at).hi / sizes[kind]
    if len(witness.kinds) == 2:
        energy += ar.sums(c, "intercept", at).lo / (at.m * at.n)
    return energy


def scaled_dual(ar: Arithmetic[H], by: Multiple[H], at: Pattern) -> H:
    """Return s W without its corrections, for a float s."""
    dual, s = by
    if s == 1:
        return dual.field
    return ar.scaled(dual.field, filled((at.m,), float(s)), filled((at.n,), 1.0), at)


def unfoldings(ar: Arithmetic[H], problem: Question, proof: Evidence, c: H) -> Fraction:
    """Prove a lower bound of |C|^2 - (sum K_r(T_S))^2 for a tensor, as in `ky_fan`."""
    at, where = problem.at, "proof.ky_fan.groups"
    groups, order = as_list(proof.fields.get("groups"), where), len(at.sizes)
    demand(0 < len(groups) < 1 << order, where, "list", len(groups))
    rest, total = c, Fraction(0)
    for t, one in enumerate(groups):
        fields = as_object(one, f"{where}[{t}]")
        rows = modes_of(fields.get("rows"), order, f"{where}[{t}].rows")
        cols = [k for k in range(order) if k not in rows]
        piece = rest
        if t < len(groups) - 1:
            piece = ar.load(proof.given.get(f"T{t}", (at.size,)))
            rest = ar.subtract(rest, piece)
        size = math.prod(at.sizes[k] for k in rows)
        flat = ar.unfold(piece, at, (*rows, *cols), 1)
        own = Evidence(fields, proof.given, f"proof.ky_fan{t}", str(t))
        witness = fan(problem, Pattern(size, at.size // size), own)
        total += root(head(ar, witness, flat)).hi
    return max(ar.squares(c, None).lo - total * total, Fraction(0))
