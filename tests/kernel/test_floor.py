"""What a candidate costs at least, over all its offsets, and what its factors may be."""

from array import array
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from certify.base.rigor.rounded import Rounded
from certify.kernel.arithmetic import Line
from certify.kernel.arrays import Array, Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L2, outside_cone
from certify.kernel.offsets import Intercept, Sparse
from certify.kernel.patterns import Pattern
from certify.kernel.rules.floor import floor
from certify.kernel.scalars import ZERO, Enclosure
from tests.kernel.test_corrections import matrix, numbers

TIERS = pytest.mark.parametrize("tier", [Exact, Rounded])
NOTHING = Arrays({}, "proof")


def test_without_offsets_a_candidate_costs_its_own_least_value():
    asked = matrix(2, 1, [3, 0], [], (numbers([2, 0], 2, 1), numbers([1], 1, 1)))
    upper = Enclosure(Fraction(1), Fraction(2))
    assert floor(Exact(), asked, Evidence({}, NOTHING), upper) == 1


@TIERS
def test_a_floor_is_rounded_down(tier):
    # Y = 0, Z = u with |u| irrational and sum zero: f = |Z|^2 / 2 + |u|, at W = -Z and q = 0
    u = [0.1, -0.1, 0.7, -0.7, 1 / 3, -1 / 3]
    offsets = [Intercept()]
    asked = matrix(6, 1, [0.0] * 6, offsets, (numbers(u, 6, 1), numbers([1], 1, 1)))
    given = Arrays({"floor.W": numbers([-x for x in u])}, "proof")
    found = floor(tier(), asked, Evidence({}, given), ZERO)
    square = sum(Fraction(x) ** 2 for x in u)
    rest = found - square / 2
    assert rest**2 <= square  # rest <= |u|
    assert (rest + Fraction(1, 2**30)) ** 2 > square


@TIERS
def test_a_floor_counts_an_l1_penalty_once(tier):
    offsets = [Intercept()]
    asked = matrix(2, 1, [0.0] * 2, offsets, (numbers([3, -4], 2, 1), numbers([1], 1, 1)))
    given = Arrays({"floor.W": numbers([-3.5, 3.5])}, "proof")
    both = replace(asked, l1=(Fraction(1, 2), Fraction(4)))
    with_l1, without = (floor(tier(), x, Evidence({}, given), ZERO) for x in (both, asked))
    assert with_l1 - without == Fraction(7, 2) + 4


@TIERS
@pytest.mark.parametrize("rho", [1, 2, 8])
def test_a_floor_with_sparse_offsets_is_a_huber_loss(tier, rho):
    # min over q of (4 - q)^2 / 2 + rho |q|: rho 4 - rho^2 / 2 for rho <= 4, else 8
    asked = matrix(
        1,
        1,
        [4.0],
        [Sparse(rho=Fraction(rho))],
        (Array((1, 0), array("d")), Array((1, 0), array("d"))),
    )
    given = Arrays({"floor.W": numbers([4.0])}, "proof")
    found = floor(tier(), asked, Evidence({}, given), ZERO)
    truth = Fraction(8) if rho >= 4 else 4 * rho - Fraction(rho * rho, 2)
    assert truth - Fraction(1, 2**30) <= found <= truth


@pytest.mark.parametrize("cone", ["*", "+", "-", "0+", "+0", "-0", "0*", "+-", "*0"])
def test_a_factor_is_in_its_cone_entry_by_entry(cone):
    n = L2(2, cone)
    for row in product((-1.0, 0.0, 1.0), repeat=4):
        factor = numbers(row, 2, 2)
        allowed = {"*": (-1, 0, 1), "+": (0, 1), "-": (-1, 0), "0": (0,)}
        fits = all(x in allowed[n.sign(k // 2)] for k, x in enumerate(row))
        assert (outside_cone(n, factor) is None) == fits


@TIERS
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("signs", [(1,), (-1,), (1, -1)])
def test_lines_are_at_least_the_largest_norm(tier, axis, positive, signs):
    rng = np.random.default_rng(8)
    for m, n in ((1, 3), (3, 1), (3, 2)):
        X = rng.integers(-8, 9, (m, n)).astype(float)
        ar, at = tier(), Pattern(m, n)
        rows = X.T.tolist() if axis else X.tolist()
        parts = [
            [max(s * x, 0.0) if positive else abs(x) for x in row] for s in signs for row in rows
        ]
        truths = {
            "max": max(map(max, parts)),
            "sum": max(map(sum, parts)),
            "root": max(sum(Fraction(x) ** 2 for x in p) for p in parts),
        }
        for kind, true in truths.items():
            found = ar.lines(ar.load(numbers(X)), Line(axis, kind, positive, signs), at)
            size = found**2 if kind == "root" else found
            assert true <= size <= true * (1 + Fraction(1, 2**40))
