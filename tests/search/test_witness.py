"""Witnesses from a general solver: what the kernel proves of them, for every pair of norms."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from certify import Problem, Verdict, check, verify
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.rules.matrices import POLAR_RULES
from certify.losses import Squared
from certify.norms import Elastic, Group, Variation, Weighted, gauge
from certify.polar.proved import kernel_pair, proved_above, split, stored_entries
from certify.search import relax
from certify.search.relax import _solve
from tests.polar.test_polar import located_array
from tests.solver_polars import polar

W = np.array([[0.5, -2.0, 1.0], [1.5, 0.25, -1.0], [-0.75, 1.0, 2.0], [1.0, 1.0, -0.5]])
SOLVER = 1e-6  # relative: what a conic solver's multipliers lose, all told; luck, never truth


def norms(d):
    """Norms that are no l1 norm, on d coordinates."""
    return {
        "l2": gauge("l2"),
        "l2+": gauge("l2+"),
        "linf": gauge("linf"),
        "mixed": gauge("l2").__class__(cone="+-*+"[:d]),
        "elastic": Elastic(0.5),
        "elastic-": Elastic(0.25, cone="-"),
        "groups": Group([[0, 1], list(range(2, d))]),
        "groups+": Group([[0], list(range(1, d))], cone="+"),
        "largest": Group([[0, 1], list(range(2, d))], outer="linf"),
        "variation": Variation([(0, 1), (1, 2)], 0.5),
        "weighted": Weighted(np.arange(1.0, d + 1)),
    }


LEFT, RIGHT = norms(4), norms(3)


def exactly(pair, proof):
    at, flat = stored_entries(W)
    text, arrays = split(proof)
    ar = Flint()
    rule = POLAR_RULES[text["rule"]]
    held = Arrays(arrays, "proof")
    return rule(ar, kernel_pair(at, pair), ar.load(located_array(flat)), Evidence(text, held))


@pytest.mark.sampled(22)
@pytest.mark.parametrize(("left", "right"), list(product(LEFT, RIGHT)))
def test_the_kernel_proves_what_the_solver_found(left, right):
    pair = LEFT[left], RIGHT[right]
    found = relax.witness(W, *pair)
    claimed = polar(W, *pair).value
    proved = float(exactly(pair, found.proof))
    assert proved >= RankOne(*pair).polar(W).lower
    assert proved <= found.upper * (1 + 1e-12)
    assert proved == pytest.approx(claimed, rel=SOLVER)
    assert proved_above(W, pair, found.proof) <= found.upper * (1 + 1e-9)


def test_groups_make_a_tree_of_closed_leaves():
    found = relax.witness(W, LEFT["groups"], RIGHT["l2"])
    assert [next(iter(node)) for node in found.proof["nodes"]] == ["groups", "leaf", "leaf"]
    sizes = [np.linalg.norm(W[:2], 2), np.linalg.norm(W[2:], 2)]
    assert found.upper == pytest.approx(max(sizes), rel=SOLVER)


def test_a_coordinate_fixed_to_zero_is_left_out():
    pair = gauge("l2").__class__(cone="+0*-"), RIGHT["l2"]
    found, free = relax.witness(W, *pair), gauge("l2").__class__(cone="+*-")
    assert found.upper == pytest.approx(relax.witness(W[[0, 2, 3]], free, pair[1]).upper, rel=1e-6)
    assert float(exactly(pair, found.proof)) >= RankOne(*pair).polar(W).lower


@pytest.mark.parametrize("lie", ["fails", "no numbers", "too small", "wrong signs"])
def test_a_solver_that_lies_cannot_lower_a_bound(lie, monkeypatch):
    pair = LEFT["elastic"], RIGHT["l2+"]
    truth = RankOne(*pair).polar(W).lower
    honest = _solve.attempt

    def attempt(program, name, budget):
        status = honest(program, name, budget)
        if lie == "fails":
            return "solver_error"
        for v in program.variables():
            if lie == "no numbers":
                v.save_value(np.full(v.shape, np.nan))
            elif v.value is not None:
                v.save_value(np.asarray(v.value) * (0.5 if lie == "too small" else -1.0))
        return status

    monkeypatch.setattr(_solve, "attempt", attempt)
    found = relax.witness(W, *pair)
    if lie in ("fails", "no numbers"):
        assert found is None
        return
    assert found is None or float(exactly(pair, found.proof)) >= truth


@pytest.mark.thorough
def test_a_grouped_problem_is_certified_by_its_tree():
    Y = np.random.default_rng(0).integers(-4, 5, (8, 7)).astype(float)  # no side for cones
    atom = RankOne(Group([range(4), range(4, 8)]), "l2")
    lam = atom.polar(Y).lower * (1 + 2.0**-20)
    problem = Problem(Squared(Y), atom, lam)
    zero = np.zeros((8, 1)), np.zeros((7, 1))
    result = check(problem, zero, rtol=2.0**-18)
    assert result.verdict is Verdict.CERTIFIED
    assert result.certificate.proof["polar"]["rule"] == "conic"
    assert verify(result.certificate, problem, zero, rtol=2.0**-18).verdict is Verdict.CERTIFIED
    low = Problem(Squared(Y), atom, lam / 2)
    assert check(low, zero).verdict is not Verdict.CERTIFIED


def test_the_bound_of_the_elastic_norm_is_below_that_of_the_ball():
    pair = Elastic(0.5), gauge("l2")
    found = relax.witness(W, *pair)
    assert exactly(pair, found.proof) < Fraction(RankOne(*pair).polar(W).upper)
