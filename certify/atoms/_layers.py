"""What the atoms of parallel deep networks share: their slices, values and bounds."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, finite, frozen, real, short
from certify.base.errors import InputError
from certify.norms import L2
from certify.polar import Matrix, PolarQuery, Proposal, smallest

from ._base import Factors, Slice
from ._words import Words, activation, exponent_text, penalty_formula

LARGEST = 1 << 20  # width of a hidden layer


def widths_of(hidden: object) -> tuple[int, ...]:
    """Return the widths of the hidden layers, one at least."""
    widths = tuple(hidden) if isinstance(hidden, Sequence) else (hidden,)
    good = widths and all(isinstance(k, int) and not isinstance(k, bool) for k in widths)
    if not good or not all(0 < k <= LARGEST for k in widths):
        raise InputError(f"hidden must be widths >= 1 of the hidden layers, got {short(hidden)}")
    return widths


def data_of(V: object) -> Array:
    """Return the data as a read-only float64 matrix."""
    data = finite(real(V, "V", ndim=2), "V")
    if not data.size:
        raise InputError(f"V must not be empty, got shape {data.shape}")
    return frozen(data)


def shapes(
    V: Array, hidden: tuple[int, ...], data_shape: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Return the shape of each layer's weights."""
    widths = (V.shape[1], *hidden, data_shape[1])
    return tuple(pairwise(widths))


def outputs(V: Array, x: Slice, slope: float) -> Array:
    """Return s(... s(V X1) X2 ...) XK."""
    values = V
    for k, w in enumerate(x):
        values = (np.where(values > 0, values, slope * values) if k else values) @ w
    return values


def theta(factors: Factors, form: str) -> Array:
    """Return the product, or the mean of the K-th powers, of the layers' Frobenius norms."""
    sizes = [
        np.linalg.norm(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), axis=0) for x in factors
    ]
    if form == "product":
        return np.asarray(np.prod(sizes, axis=0))
    return np.asarray(np.mean(np.power(sizes, len(sizes)), axis=0))


def words(count: int, form: str, slope: float | None) -> Words:
    """Return the layers in a formula; slope: of s between them, None for none."""
    names = [f"X{exponent_text(k)}ₖ" for k in range(1, count + 1)]
    inner = "V"
    for x in names[:-1]:
        inner = f"{inner} {x}" if slope is None else f"s({inner} {x})"
    glosses = [] if slope is None else [activation(slope)]
    penalty = penalty_formula([f"‖{x}‖" for x in names], form)
    return Words(f"{inner} {names[-1]}", penalty, (), glosses, ["‖·‖ the Frobenius norm"])


def thread(u: Array, v: Array, hidden: tuple[int, ...]) -> Slice:
    """Return layers that pass one unit on: u into the first hidden one, v out of the last."""
    first = np.zeros((len(u), hidden[0]))
    first[:, 0] = u
    inner = []
    for a, b in pairwise(hidden):
        inner.append(np.zeros((a, b)))
        inner[-1][0, 0] = 1.0
    last = np.zeros((hidden[-1], len(v)))
    last[0] = v
    return (first, *inner, last)


def spectral(W: Array, target: float | None, seed: int) -> Proposal:
    """Return a bound of sigma_1(W) by the matrix rules."""
    norm = L2()
    return smallest(PolarQuery(W, norm, norm, target, seed))


def by_layers(V: Array, W: Matrix, slope: float, steps: int) -> Proposal:
    """Return sigma_1(W) sigma_1(V) max(1, |slope|)^steps with its proof."""
    dense = np.asarray(W.toarray() if sparse.issparse(W) else W)
    proof: dict[str, Any] = {"rule": "layers"}
    upper = max(1.0, abs(slope)) ** steps
    for name, matrix in (("W", dense), ("F", V)):
        proposal = spectral(matrix, None, 0)
        proof[name] = {k: v for k, v in proposal.proof.items() if k in ("axis", "shift")}
        if "L" in proposal.proof:
            proof[f"{name}.L"] = proposal.proof["L"]
        upper *= proposal.upper
    return Proposal(upper, proof)
