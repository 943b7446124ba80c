"""Tensors and lists of slices for the zoo; like _truth.py, owes nothing to certify."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import optimize

from certify.base.arrays import Array

Factors = tuple[Array, ...]
LETTERS = "abcdefgh"


def tensor(dims: Sequence[int], listed: dict[tuple[int, ...], float]) -> Array:
    """Return a tensor with the listed entries, zero elsewhere."""
    out = np.zeros(tuple(dims))
    for at, value in listed.items():
        out[at] = value
    return out


def summed(factors: Factors) -> Array:
    """Return the sum of the slices' products."""
    letters = LETTERS[: len(factors)]
    parts = ",".join(f"{x}r" for x in letters)
    return np.asarray(np.einsum(f"{parts}->{letters}", *factors))


def slices(vectors: Iterable[Sequence[Sequence[float]]]) -> Factors:
    """Return factors from one tuple of vectors for each slice."""
    found = list(vectors)
    return tuple(np.array([x[k] for x in found], dtype=float).T for k in range(len(found[0])))


def units(dims: Sequence[int], listed: dict[tuple[int, ...], float]) -> Factors:
    """Return one slice for each entry: unit vectors, the value in the first of them."""
    each = []
    for at, value in listed.items():
        unit = [[float(i == k) for i in range(d)] for d, k in zip(dims, at, strict=True)]
        each.append([[value * x for x in unit[0]], *unit[1:]])
    return slices(each)


def powers(angles: Iterable[float], order: int) -> Factors:
    """Return slices v o ... o v, v = (cos, sin) of each angle."""
    each = [(np.cos(a), np.sin(a)) for a in angles]
    return slices([v] * order for v in each)


def weighted(factors: Factors, weights: Sequence[float]) -> Factors:
    """Multiply each slice by a weight, put into its first factor."""
    return (factors[0] * np.array(weights), *factors[1:])


def balanced(factors: Factors) -> Factors:
    """Return the same slices with all their vectors of one length (in floats)."""
    lengths = np.array([np.linalg.norm(x, axis=0) for x in factors])
    size = np.prod(lengths, axis=0) ** (1 / len(factors))
    return tuple(x * (size / n) for x, n in zip(factors, lengths, strict=True))


def with_zeros(factors: Factors, zeros: int = 1) -> Factors:
    """Append zero slices: the same sum at a larger size."""
    return tuple(np.hstack([x, np.zeros((len(x), zeros))]) for x in factors)


def kept(factors: Factors, r: int) -> Factors:
    """Keep the first r slices."""
    return tuple(x[:, :r] for x in factors)


def descended(T: Array, lam: float, start: Factors, seen: Array | None = None) -> Factors:
    """Descend on 1/2 |sum - T|^2 + lam/K sum |x^k|^K, l2 norms: a good fit of its size."""
    cuts = np.cumsum([x.size for x in start])[:-1]
    order, letters = len(start), LETTERS[: len(start)]

    def parted(flat: Array) -> list[Array]:
        held = np.split(flat, cuts)
        return [x.reshape(s.shape) for x, s in zip(held, start, strict=True)]

    def cost(flat: Array) -> tuple[float, Array]:
        X = parted(flat)
        rest = (summed(tuple(X)) - T) * (1.0 if seen is None else seen)
        value, slopes = 0.5 * float(np.vdot(rest, rest)), []
        for k, x in enumerate(X):
            others = [j for j in range(order) if j != k]
            names = ",".join(f"{letters[j]}r" for j in others)
            slope = np.einsum(f"{letters},{names}->{letters[k]}r", rest, *[X[j] for j in others])
            size = np.linalg.norm(x, axis=0)
            value += lam / order * float((size**order).sum())
            slopes.append((slope + lam * size ** (order - 2) * x).reshape(-1))
        return value, np.concatenate(slopes)

    flat = np.concatenate([x.reshape(-1) for x in start])
    tight = {"ftol": 1e-15, "gtol": 1e-11, "maxiter": 10_000}
    found = optimize.minimize(cost, flat, jac=True, method="L-BFGS-B", options=tight)
    return tuple(parted(np.asarray(found.x)))
