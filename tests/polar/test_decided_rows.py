"""Where every row of a hidden layer has one sign on a part, its bound is that of a matrix."""

import numpy as np
import pytest

from certify.atoms import ReLU
from certify.polar.layer_query import LayerQuery
from certify.polar.relaxation.layer_multiplier import LayerMultiplier, best_multiplier
from certify.polar.relaxation.layers import form_of
from certify.polar.relaxation.sharp import cancel_products, sharpen, zero_rows

RNG = np.random.default_rng(31)
N, K = 7, 3
W = RNG.integers(-16, 17, (N, K)) / 8
LINE = RNG.integers(1, 17, (N, 1)) * RNG.choice([-1, 1], (N, 1)) / 8
NEAR = 1e-9  # what the weights cost where every row is inside the cone of the cuts
EDGE = 1e-5  # the largest weight's inverse, and what its rounding may cost


def part(V, cuts, slope):
    """Return the form of a part with cuts over u, and the bound of no multiplier at all."""
    atom = ReLU(V, activation="leaky_relu", slope=slope)
    form = form_of(LayerQuery(atom.layer, W))
    rows = np.hstack([np.zeros((len(cuts), N)), np.asarray(cuts, dtype=float)])
    form = form.with_cuts(rows)
    return form, best_multiplier(form, np.zeros((2 * N + len(cuts),) * 2))


@pytest.mark.parametrize("slope", [0.0, 0.25, -1.0])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_half_line_is_bounded_by_its_value(side, slope):
    form, loose = part(LINE, [[side]], slope)
    z = side * LINE
    exact = float(np.linalg.norm(W.T @ np.where(z > 0, z, slope * z)))
    found = sharpen(form, loose, 0.0)
    assert exact <= np.sqrt(found.bound) <= exact * (1 + NEAR)
    assert np.sqrt(loose.bound) > exact * (1 + 100 * EDGE)  # what is without the weights
    free = np.eye(2 * N + 1, k=N) + np.eye(2 * N + 1, k=-N) > 0  # p meets q, and more
    assert found.N[~free].min() >= 0


def test_a_wedge_is_bounded_by_its_matrix():
    V = np.column_stack([np.abs(LINE), np.abs(LINE[::-1])]) * np.sign(LINE)
    form, loose = part(V, np.eye(2), 0.0)
    matrix = W.T @ (V * (LINE > 0))
    found = sharpen(form, loose, 0.0)
    assert np.sqrt(found.bound) <= np.linalg.norm(matrix, 2) * (1 + NEAR)


def test_a_row_on_the_edge_of_the_cone_needs_large_weights():
    V = np.column_stack([np.abs(LINE), np.abs(LINE[::-1])]) * np.sign(LINE)
    V[1] = [1.0, 0.0]  # is a cut
    form, loose = part(V, np.eye(2), 0.0)
    assert cancel_products(form, zero_rows(form)) is None
    found = np.sqrt(sharpen(form, loose, 0.0).bound)
    matrix = np.linalg.norm(W.T @ (V * (V @ np.ones((2, 1)) > 0)), 2)
    assert found <= matrix * (1 + EDGE) < np.sqrt(loose.bound)


def test_a_row_of_two_signs_leaves_the_multiplier_as_it_was():
    V = np.column_stack([LINE, np.ones(N)])
    form, loose = part(V, [[1.0, 0.0]], 0.0)
    assert zero_rows(form) is None
    assert sharpen(form, loose, 0.0) is loose


def test_a_bound_under_the_goal_is_left_alone():
    form, loose = part(LINE, [[1.0]], 0.0)
    assert sharpen(form, loose, 2 * loose.bound) is loose
    bare = form_of(LayerQuery(ReLU(LINE).layer, W))
    held = LayerMultiplier(np.zeros((2 * N, 2 * N)), 1.0, 0.0, 0.0, 1.0)
    assert sharpen(bare, held, 0.0) is held


@pytest.mark.parametrize("kind", [{}, {"activation": "leaky_relu"}])
def test_several_outputs_of_one_feature_have_a_closed_polar(kind):
    for seed in range(3):
        V = np.random.default_rng(seed).standard_normal((15, 1))
        Q = np.random.default_rng(seed + 9).standard_normal((15, K))
        layer = ReLU(V, **kind).layer
        exact = max(float(np.linalg.norm(Q.T @ layer.act(np.array([[s]])))) for s in (1.0, -1.0))
        found = ReLU(V, **kind).polar(Q, budget=20.0)
        assert found.lower <= exact * (1 + 1e-12)
        assert exact <= found.upper <= exact * (1 + 2e-6)
