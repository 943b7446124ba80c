"""Multipliers and scales add what their docstrings say, entry by entry, whatever the signs."""

from array import array
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from certify.kernel.arrays import Array, Arrays
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L1, L2, Groups, LInf, Weighted
from certify.kernel.patterns import Pattern
from certify.kernel.rules.conic import Leaf, coordinate_row, signed_facts, split_cut
from certify.kernel.rules.forms import with_facts
from certify.kernel.rules.spectral import apply_scales
from certify.kernel.scalars import power
from certify.kernel.spaces import Pair

EXACT = Exact()
M, N = 2, 2
CONES = ("+", "-", "*", "+-", "-+", "0+", "*-")


def numbers(values, *shape):
    flat = np.asarray(values, dtype=float).reshape(-1)
    return Array(shape or (flat.size,), array("d", flat))


def dense(grid):
    unit = power(grid.exp)
    return np.array([x * unit for x in grid.ints], dtype=object).reshape(grid.shape)


def pair_of(left, right):
    return Pair(Pattern(M, N), L2(M, left), L2(N, right))


def packed(q):
    """Return distinct numbers for the lower triangle of a q x q matrix."""
    return [1 + k for k in range(q * (q + 1) // 2)]


@pytest.mark.parametrize(("left", "right"), list(product(CONES, repeat=2)))
@pytest.mark.parametrize("cuts", [(), ((0, 1),), ((1, -1), (0, -1))])
def test_multipliers_are_a_form_in_sizes_and_cuts(left, right, cuts):
    """z^T (B^T N B) z = b^T N b, b the |z_i| of the signed coordinates, then sign * (row . z)."""
    pair = pair_of(left, right)
    rows = np.array([[1, -2, 3, 1], [2, 1, -1, 0]], dtype=object)
    held = tuple((rows[c].tolist(), sign) for c, sign in cuts)
    leaf = Leaf(held, tuple((i, 1) for i in range(M + N)))
    signs = [n.sign(i) for n in pair.norms for i in range(n.size)]
    signed = [i for i, sign in enumerate(signs) if sign in "+-"]
    q = len(signed) + len(cuts)
    given = Arrays({"N0": numbers(packed(q))}, "proof")
    hat = EXACT.load(numbers(np.zeros(16), 4, 4))
    facts = signed_facts(EXACT, pair, leaf)
    added = dense(with_facts(EXACT, hat, facts, Evidence({}, given, "proof", "0")))
    held = np.zeros((q, q), dtype=object)
    held[np.tril_indices(q)] = packed(q)
    held = held + held.T - np.diag(np.diag(held))
    for z in product((0, 1, 2), repeat=M + N):
        inside = [{"+": x, "-": -x, "0": 0, "*": x - 1}[s] for x, s in zip(z, signs, strict=True)]
        point = np.array(inside, dtype=object)
        b = [abs(point[i]) for i in signed] + [s * (rows[e] @ point) for e, s in cuts]
        b = np.array(b, dtype=object)
        assert point @ added @ point == (b @ held @ b if q else 0)


def test_a_negative_multiplier_is_refused():
    pair, hat = pair_of("+", "-"), EXACT.load(numbers(np.zeros(16), 4, 4))
    leaf = Leaf((), tuple((i, 1) for i in range(4)))
    given = Arrays({"N0": numbers([-1.0] + [0.0] * 9)}, "proof")
    facts = signed_facts(EXACT, pair, leaf)
    with pytest.raises(RejectedError) as error:
        with_facts(EXACT, hat, facts, Evidence({}, given, "proof", "0"))
    assert (error.value.where, error.value.code) == ("proof.N0", "sign")


NORMS = {
    "l1": (L1(2), [(1, 0), (0, 1)]),
    "l2": (L2(2), [(1, 0), (0, 1), (Fraction(3, 5), Fraction(4, 5))]),
    "linf": (LInf(2), [(1, 1), (1, -1)]),
    "weighted": (
        Weighted(2, weights=array("d", [0.25, 4.0])),
        [(2, 0), (0, Fraction(1, 2))],
    ),
    "largest group": (Groups(2, outer="linf", groups=array("q", [0, 1])), [(1, 1), (-1, 1)]),
    "only positive": (L2(2, "+0"), [(1, 0)]),
}
SCALES = [(1.0, 1.0), (0.5, 2.0), (3.0, 0.25)]


@pytest.mark.parametrize("left", NORMS)
@pytest.mark.parametrize("right", NORMS)
def test_scales_cost_the_largest_scaled_ball(left, right):
    """c c' = sup |u / s|^2 sup |v / s'|^2 over the unit balls, attained at these points."""
    (a, us), (b, vs) = NORMS[left], NORMS[right]
    pair, X = Pair(Pattern(2, 2), a, b), [1, 2, 3, 5]
    field = EXACT.load(numbers(X))
    for sides in product([None, *SCALES], repeat=2):
        arrays = dict(zip(("scale.left", "scale.right"), sides, strict=True))
        given = Arrays({k: numbers(v) for k, v in arrays.items() if v}, "proof")
        scaled, cost = apply_scales(EXACT, pair, field, given)
        s, t = (tuple(map(Fraction, x or (1, 1))) for x in sides)
        assert list(dense(scaled)) == [X[2 * i + j] * s[i] * t[j] for i in (0, 1) for j in (0, 1)]
        sizes = [
            max(sum((x / c) ** 2 for x, c in zip(p, scale, strict=True)) for p in points)
            for points, scale in ((us, s), (vs, t))
        ]
        assert cost == sizes[0] * sizes[1]


@pytest.mark.parametrize("wrong", [0.0, -1.0])
def test_a_scale_that_is_not_positive_is_refused(wrong):
    pair, field = pair_of("*", "*"), EXACT.load(numbers([1, 2, 3, 5]))
    given = Arrays({"scale.right": numbers([1.0, wrong])}, "proof")
    with pytest.raises(RejectedError) as error:
        apply_scales(EXACT, pair, field, given)
    assert (error.value.where, error.value.code) == ("proof.scale.right", "sign")


# --- boxes, equal signs and blocks: what stands for a part of the ball ------------------------


@pytest.mark.parametrize("sign", "*+-0")
def test_a_coordinate_of_a_box_takes_the_ends_of_its_interval(sign):
    ends = {"*": {-1, 1}, "+": {0, 1}, "-": {-1, 0}, "0": {0}}[sign]
    n = LInf(2, f"*{sign}")
    for first in (0, 3):
        found = coordinate_row(n, 1, first, box=True)
        values = {
            sum(Fraction(x) * {first: s0, first + 2: s}[j] for j, x in found)
            for s0, s in product((1, -1), repeat=2)
        }
        assert values == ends | {-x for x in ends}  # s_0 = 1, or all signs turned
        own = {sum(Fraction(x) * {first: 1, first + 2: s}[j] for j, x in found) for s in (1, -1)}
        assert own == ends


def agree(z, leaf):
    return all(x == sign * z[c] for x, (c, sign) in zip(z, leaf.classes, strict=True))


@pytest.mark.parametrize("signs", list(product((1, -1), repeat=2)))
@pytest.mark.parametrize("ends", [[1, 3], [3, 1], [0, 2], [1, 2], [3, 0]])
def test_a_split_at_equal_signs_keeps_the_vertices_of_its_side(signs, ends):
    pair = Pair(Pattern(4, 1), LInf(4), L2(1))
    a, b = signs
    leaf = Leaf((), ((0, 1), (0, a), (2, 1), (2, b), (4, 1)))
    before = [z for z in product((1, -1), repeat=5) if agree(z, leaf)]
    both = split_cut(pair, [], {"equal": ends}, leaf, "")
    for side, after in zip((1, -1), both, strict=True):
        wanted = [z for z in before if z[ends[0]] == side * z[ends[1]]]
        assert [z for z in product((1, -1), repeat=5) if agree(z, after)] == wanted


def test_a_block_counts_by_its_frobenius_norm_rounded_up():
    n = Groups(3, outer="l1", groups=array("q", [0, 1, 1]))
    full = [1, 2, 3, 2, 4, 5, 3, 5, 6]  # blocks: 1; (2, 3); (4, 5, 5, 6)
    inside, across = n.largest_entries([Fraction(0)] * 3, [float(x) for x in full])
    assert 16 + 50 + 36 == 102 <= inside**2 <= 102 * (1 + Fraction(1, 2**60))
    assert 4 + 9 == 13 <= across**2 <= 13 * (1 + Fraction(1, 2**60))
