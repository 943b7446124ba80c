"""Bounds of the polar of a tensor from both sides."""

from fractions import Fraction

import numpy as np

from certify._arrays import Array
from certify.gauges import Gauge
from certify.polar import Proposal

from ._base import Slice, TensorAsk

__all__ = ["Slice", "TensorAsk", "attain", "propose"]


def propose(ask: TensorAsk) -> Proposal:
    """Return the spectral bound of the first mode's unfolding."""
    S = ask.T.reshape(len(ask.T), -1)
    top = float(np.linalg.eigvalsh(S @ S.T)[-1])
    shift = Fraction(top * (1 + 1e-12 * len(S)) + 1e-300)
    L = np.linalg.cholesky(float(shift) * np.eye(len(S)) - S @ S.T)
    proof = {
        "rule": "transpose",
        "rows": [0],
        "form": "gram",
        "nodes": [{"leaf": 0, "shift": shift}],
        "L0": L[np.tril_indices(len(S))],
    }
    wide = np.prod([g.cost(np.ones(n)) for g, n in zip(ask.gauges, ask.T.shape, strict=True)])
    return Proposal(float(np.sqrt(float(shift) * wide)), proof)


def attain(
    T: Array,
    gauges: tuple[Gauge, ...],
    *,
    symmetric: bool = False,
    seed: int = 0,
    starts: tuple[Slice, ...] = (),
) -> tuple[float, Slice]:
    """Return the value of a random slice."""
    del starts
    rng = np.random.default_rng(seed)
    x = [g.unit(rng.normal(size=n)) for g, n in zip(gauges, T.shape, strict=True)]
    x = x[:1] * len(x) if symmetric else x
    out = T
    for v in reversed(x):
        out = out @ v
    return float(out), tuple(x[:1] if symmetric else x)
