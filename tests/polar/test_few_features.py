"""Hidden layers of several outputs in l2 and up to three features are bounded by cones of u."""

import numpy as np
import pytest

from certify.atoms import ReLU
from certify.polar.layers import CLOSE, FEW


@pytest.mark.parametrize("kind", [{}, {"activation": "leaky_relu"}])
def test_several_outputs_of_one_feature_have_a_closed_polar(kind):
    for seed in range(3):
        V = np.random.default_rng(seed).standard_normal((15, 1))
        Q = np.random.default_rng(seed + 9).standard_normal((15, 3))
        layer = ReLU(V, **kind).layer
        exact = max(float(np.linalg.norm(Q.T @ layer.act(np.array([[s]])))) for s in (1.0, -1.0))
        found = ReLU(V, **kind).polar(Q, budget=20.0)
        assert found.lower <= exact * (1 + 1e-12)
        assert exact <= found.upper <= exact * (1 + 1e-9)


@pytest.mark.parametrize("features", range(1, FEW + 1))
def test_bounds_of_few_features_meet_what_is_attained(features):
    rng = np.random.default_rng(features)
    V, Q = rng.standard_normal((10, features)), rng.standard_normal((10, 2))
    found = ReLU(V).polar(Q)
    assert found.proof["rule"] == "cones"
    assert found.lower <= found.upper <= found.lower * (1 + CLOSE)
    more = np.hstack([V, rng.standard_normal((10, FEW + 1 - features))])
    assert ReLU(more).polar(Q, budget=1.0).proof["rule"] == "network"
