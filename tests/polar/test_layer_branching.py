"""Cuts of a hidden layer's tree: they part the neurons that a relaxation mixes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from certify.atoms import ReLU
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.patterns import Pattern
from certify.kernel.rules.polar import polar_bound
from certify.kernel.statement import stated_network
from certify.polar import Proposal
from certify.polar.ascent.layers import attain
from certify.polar.branching import layers as tree
from certify.polar.branching.layer_parts import across, bounder
from certify.polar.layer_query import LayerQuery
from certify.polar.layers import propose
from certify.polar.proved import as_kernel_array, split
from certify.polar.relaxation.layer_admm import Relaxed
from certify.polar.relaxation.layer_multiplier import LayerMultiplier
from tests.layer_oracles import over_patterns


def mixture(points, masses):
    """Return the mean and the second moment of points (r, d)."""
    return masses @ points, (points.T * masses) @ points


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_has_some_of_the_neurons_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    points = np.abs(rng.standard_normal((2 + seed % 4, 5)))  # all on one side of many planes
    points /= np.linalg.norm(points, axis=1)[:, None]
    normal = across(*mixture(points, np.full(len(points), 1 / len(points))), np.eye(5))
    values = points @ normal
    assert values.max() > 0.05
    assert values.min() < -0.05


def test_a_cut_parts_two_neurons_at_right_angles():
    both = np.eye(4)[:2]
    normal = across(*mixture(both, np.array([0.5, 0.5])), np.eye(4))
    assert np.abs(normal) == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0], abs=1e-12)
    assert normal[0] * normal[1] < 0


def test_a_cut_passes_through_a_mean_of_zero_and_of_unequal_masses():
    points = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 0.6, 0.8]])
    assert abs(across(*mixture(points[:2], np.array([0.5, 0.5])), np.eye(3))[0]) == pytest.approx(
        1.0
    )
    mean, spread = mixture(points, np.array([0.7, 0.1, 0.2]))
    normal = across(mean, spread, np.eye(3))
    assert abs(normal @ mean) <= 1e-12
    assert np.linalg.norm(normal) == pytest.approx(1.0)
    others = np.linalg.qr(np.column_stack([mean, np.eye(3)]))[0][:, 1:]
    assert normal @ spread @ normal >= np.linalg.eigvalsh(others.T @ spread @ others)[-1] - 1e-12


def test_spread_counts_where_the_rows_that_earn_see_it():
    mean, spread = np.array([0.0, 0.0, 1.0]), np.diag([0.2, 0.3, 1.0])
    assert np.abs(across(mean, spread, np.eye(3))) == pytest.approx([0, 1, 0], abs=1e-9)
    rows = np.array([[2.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])
    assert np.abs(across(mean, spread, rows)) == pytest.approx([1, 0, 0], abs=1e-9)
    rng = np.random.default_rng(4)
    rows, mean, A = rng.standard_normal((7, 3)), rng.standard_normal(3), rng.standard_normal((3, 3))
    normal = across(mean, A @ A.T, rows)
    assert abs(normal @ mean) <= 1e-9
    tries = np.cross(mean, rng.standard_normal((400, 3)))

    def seen(a):
        return a @ A @ A.T @ a / (a @ np.linalg.solve(rows.T @ rows, a))

    assert max(seen(a) for a in tries) <= seen(normal) * (1 + 1e-9)
    assert np.linalg.norm(across(mean, A @ A.T, np.zeros((2, 3)))) == pytest.approx(1)


def test_a_part_is_cut_between_the_neurons_that_it_mixes():
    rng = np.random.default_rng(2)
    V = rng.standard_normal((9, 4))
    V[0] = [1.0, -1.0, 0.0, 0.0]  # its p is zero for one of the neurons
    solver = bounder(ReLU(V).query(rng.uniform(0.5, 1.0, (9, 1))))
    form, neurons = solver.form, np.eye(4)[:2]
    x = np.hstack([np.maximum(neurons @ form.F.T, 0), neurons])
    X = (x.T * [0.6, 0.4]) @ x
    found = Relaxed(X, LayerMultiplier(np.zeros((0, 0)), np.zeros((0, 0)), 0.0, 0.0, 0.0, 1.0), 1)
    root = solver.split((), found)
    for label in solver.split((root[0],), found):
        sides = neurons @ label.normal[9:]
        assert not label.normal[:9].any()
        assert sides[0] * sides[1] < -0.05


def test_a_cut_heeds_what_rows_weigh_and_not_how_many_they_are():
    V = np.array([[0, 0, 2.0], [1.0, 0, 0.1]] + 6 * [[0, 1.0, 0.1]])
    W = np.array([[1.0], [1.0]] + 6 * [[0.02]])
    solver = bounder(ReLU(V).query(W))
    neurons = np.array([[0.5, 0, 1], [-0.5, 0, 1], [0, 0.5, 1], [0, -0.5, 1]]) / 1.25**0.5
    x = np.hstack([np.maximum(neurons @ solver.form.F.T, 0), neurons])
    best = LayerMultiplier(np.zeros((0, 0)), np.zeros((0, 0)), 0.0, 0.0, 0.0, 1.0)
    found = Relaxed(0.25 * x.T @ x, best, 1)
    root = solver.split((), found)
    normal = solver.split((root[0],), found)[0].normal[8:]
    assert abs(normal[0]) > 2 * abs(normal[1])


def proved(atom, W, found):
    """Return the bound that the kernel proves."""
    at, ar = Pattern(*W.shape), Rounded()
    given = Arrays({k: as_kernel_array(a) for k, a in atom.arrays().items()}, "statement")
    net = stated_network(atom.statement(), given, at)
    text, arrays = split(found.proof)
    w = ar.load(as_kernel_array(W.reshape(-1)))
    return float(polar_bound(ar, net, w, Evidence(text, Arrays(arrays, "proof"))))


@pytest.mark.thorough
def test_the_worst_part_falls_at_every_splitting():
    rng = np.random.default_rng(9)
    V, W = rng.standard_normal((13, 5)), rng.standard_normal((13, 1))
    W -= 0.95 * V @ np.linalg.lstsq(V, W)[0]  # little of it is linear
    atom = ReLU(V)
    truth = over_patterns(V, W[:, 0])
    query = atom.query(W)
    grown, uppers = None, []
    for nodes in (3, 7, 11):
        held = replace(query, nodes=nodes)
        grown = tree.grow_tree(held, truth, grown)
        uppers.append(grown.upper / truth - 1)
    assert uppers[-1] <= 0.3 * uppers[0]
    assert all(b < a for a, b in pairwise(uppers))
    found = Proposal(*tree.proof_of(bounder(held), grown, truth))
    assert truth * (1 - 1e-12) <= proved(atom, W, found) <= grown.upper * (1 + 1e-6)


def test_two_outputs_of_few_rows_with_an_unpriced_bias_are_proved_by_cones():
    rng = np.random.default_rng(0)
    V, W = rng.integers(-4, 5, (8, 2)) * 1.0, rng.integers(-4, 5, (8, 2)) * 1.0
    W[0] -= W.sum(axis=0)
    query = LayerQuery(ReLU(V, bias="free").layer, W)
    found, lower = propose(query), attain(query)[0]
    assert found.proof["rule"] == "cones"
    assert lower <= found.upper <= lower * (1 + 2.0**-9)


@pytest.mark.parametrize("target", [50.0, 60.0, 70.0])
def test_rows_that_w_misses_leave_a_bound_at_a_target_far_above_the_value(target):
    """The block of p is singular there but for roundings, unless it is shifted."""
    data = np.random.default_rng(3).integers(-4, 5, (14, 18)).astype(float)
    W = data[:, -1:] - data[:, -1].mean()
    assert (W == 0).any()
    bound = ReLU(data[:, :-1] / 2, bias="free", right="l2+").propose(W, target, 0, None)
    assert 40.5 < bound.upper <= target
