"""Trees of cases for tensors: the cut of a part is one that its X violates on both sides."""

import numpy as np
import pytest

from certify.norms import gauge
from certify.polar.ascent.products import attain
from certify.polar.branching.products import best_cut, branch
from certify.polar.product_query import ProductQuery
from certify.polar.relaxation.product_admm import solve
from certify.polar.relaxation.products import ProductForm
from certify.polar.relaxation.steps import Stop

NORMS = (gauge("l2+"),) * 3


def cyclic(n, other):
    """Return the tensor of 1 where i + j + k = 0 modulo n, and of another number elsewhere."""
    return np.where(np.indices((n, n, n)).sum(axis=0) % n == 0, 1.0, other)


def relaxed(T, rows=(0, 2)):
    form = ProductForm(ProductQuery(T, NORMS), rows, "hat")
    return form, solve(form.program(), Stop(0.0, 2000, 1e-9), form.start())


def near_cyclic(seed):
    """Return a tensor whose relaxation mixes the directions of its second factor most."""
    return (
        cyclic(3, -0.5) + np.round(np.random.default_rng(seed).standard_normal((3, 3, 3)) * 2) / 8
    )


@pytest.mark.parametrize("seed", [6, 9, 11, 13])
@pytest.mark.parametrize("rows", [(0, 1), (0, 2), (1, 2)])
def test_both_sides_of_a_cut_are_violated(seed, rows):
    form, root = relaxed(near_cyclic(seed), rows)
    cut = best_cut(form, root.X)
    ends = np.linalg.eigvalsh(cut.reduce(root.X)) / np.trace(root.X)
    assert ends[0] < -1e-3
    assert ends[-1] > 1e-3
    assert cut.mode in rows  # the lone factor's cut is one number, 0 at X


@pytest.mark.parametrize(("n", "share"), [(3, 0.3), (4, 0.1)])
def test_a_tree_lowers_a_loose_bound(n, share):
    T = cyclic(n, -0.5)
    form, root = relaxed(T)
    lower, upper = attain(T, NORMS)[0], form.value(root.best.bound)
    made = branch(form, root, 0.0, 31)
    assert lower <= made.upper <= upper - share * (upper - lower)


@pytest.mark.parametrize("seed", [9, 13])
def test_a_tree_closes_a_gap(seed):
    T = near_cyclic(seed)
    form, root = relaxed(T)
    lower = attain(T, NORMS)[0]
    assert form.value(root.best.bound) > 1.01 * lower
    assert branch(form, root, 0.0, 15).upper <= lower * (1 + 1e-9)


def test_a_factor_that_is_known_has_no_cut():
    T = np.zeros((3, 3, 3))
    T[0, 0, 0] = 1.0
    form, _ = relaxed(T)
    X = np.zeros((12, 12))
    X[0, 0] = X[9, 9] = X[0, 9] = X[9, 0] = 1.0
    assert best_cut(form, X) is None


def test_a_relaxation_that_ends_between_two_bounds_has_that_of_its_last_step():
    form = ProductForm(ProductQuery(cyclic(3, -0.5), NORMS), (0, 2), "hat")
    none, few = (solve(form.program(), Stop(0.0, k), form.start()) for k in (0, 7))
    assert (none.steps, few.steps) == (0, 7)
    assert few.best.bound < none.best.bound
