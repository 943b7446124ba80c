"""Bounds of the polar of a hidden layer from both sides."""

from fractions import Fraction

import numpy as np

from certify._arrays import Array
from certify.polar import Proposal

from ._base import Layer, LayerAsk, Slice

__all__ = ["Layer", "LayerAsk", "Slice", "attain", "propose"]


def propose(ask: LayerAsk) -> Proposal:
    """Return the bound of one leaf without products of facts."""
    layer = ask.layer
    m, a = len(layer.features), layer.slope
    size = float(np.linalg.norm(layer.features))
    tau = float(2.0 ** np.round(np.log2(size + 1e-300)))
    rows: Array = np.vstack([(1 - a) * tau * np.eye(m), a * layer.features.T])
    A: Array = rows @ layer.spread(ask.W)
    g: Array = A @ A.T
    shift = float(np.linalg.eigvalsh(g).max()) * (1 + 1e-12 * m) + 1e-300
    node = {"leaf": 0, "tau": tau.hex(), "level": (0.0).hex(), "shift": Fraction(shift)}
    wide = 2 + size**2 / tau**2
    return Proposal(float(np.sqrt(shift * wide)), {"rule": "network", "nodes": [node]})


def attain(ask: LayerAsk) -> tuple[float, Slice]:
    """Return the value of a random slice of theta 1."""
    rng = np.random.default_rng(ask.seed)
    u = rng.normal(size=ask.layer.features.shape[1])
    size = float(ask.layer.size(u[:, None])[0])
    y = ask.W.T @ ask.layer.act(u[:, None] / size)[:, 0]
    v = np.asarray(ask.layer.right.maximizer(y))
    return float(y @ v), (np.asarray(u / size), v)
