"""The example families, written out on arrays of Fractions, each by its definition.

`atom` is the package's own, with the same phi: whole numbers go through its floats exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from certify.atoms import CP, Atom, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric

Array = Any  # of Fractions: numpy's dtype object
Slice = list[Array]
V = np.array([[1, 0], [-1, 2], [2, 1]])
SIGNAL = np.array([[1, -2, 3, 0], [2, 1, -1, 4]])  # two samples
PATCHES = np.lib.stride_tricks.sliding_window_view(SIGNAL, 2, axis=1)  # (2, 3, 2)
STACKED, SAMPLES = PATCHES.reshape(6, 2), np.repeat([0, 1], 3)
ONES = np.column_stack([V, np.ones(3, dtype=int)])


@dataclass(frozen=True)
class Family:
    """phi and theta of one slice, homogeneous of `degree`; the shapes of its factors."""

    name: str
    degree: int
    shapes: tuple[tuple[int, ...], ...]
    phi: Callable[[Slice], Array]
    theta: Callable[[Slice], Fraction]
    atom: Atom | None = None


def relu(z: Array) -> Array:
    """Return max(z, 0)."""
    return np.where(z > 0, z, z * 0)


def outer(x: Slice) -> Array:
    """Return x1 o x2 o ... ."""
    return reduce(np.multiply.outer, x)


def squared(x: Array) -> Fraction:
    """Return the sum of squares."""
    return Fraction((x * x).sum())


def product_of_l1(x: Slice) -> Fraction:
    """Return the product of the factors' l1 norms."""
    return reduce(lambda a, b: a * b, (Fraction(abs(f).sum()) for f in x))


def mean_of_powers(x: Slice) -> Fraction:
    """Return (1/K) sum of the K-th powers of the l1 norms."""
    return sum((Fraction(abs(f).sum()) ** len(x) for f in x), Fraction(0)) / len(x)


def weight_decay(x: Slice) -> Fraction:
    """Return half the sum of squares, of degree 2 for any phi."""
    return sum(map(squared, x), Fraction(0)) / 2


def unpriced_bias(x: Slice) -> Fraction:
    """Return weight decay without u's last entry, the bias."""
    return weight_decay([x[0][:-1], x[1]])


def deep(x: Slice) -> Array:
    """Return relu(relu(V X1) X2) X3."""
    return relu(relu(V @ x[0]) @ x[1]) @ x[2]


def pooled(x: Slice, by: Callable[[Array], Array]) -> Array:
    """Return relu of a filter on every patch, pooled in each sample, times v^T."""
    return outer([by(relu(PATCHES @ x[0])), x[1]])


def deep_pooled(x: Slice) -> Array:
    """Return two filters with relu, the largest of each sample, times v^T."""
    hidden = relu(PATCHES @ x[0])
    again = relu(np.lib.stride_tricks.sliding_window_view(hidden, 2, axis=1) @ x[1])
    return outer([again.max(axis=1), x[2]])


FAMILIES = (
    Family("matrix", 2, ((3,), (2,)), outer, product_of_l1, RankOne("l1", "l1")),
    Family("symmetric matrix", 2, ((3,),), lambda x: outer(x * 2), lambda x: squared(x[0]),
           Symmetric("l2")),
    Family("CP", 3, ((2,), (3,), (2,)), outer, product_of_l1, CP(("l1", "l1", "l1"))),
    Family("CP, cubes", 3, ((2,), (3,), (2,)), outer, mean_of_powers, CP(("l1",) * 3, form="sum")),
    Family("one hidden ReLU layer, weight decay", 2, ((2,), (2,)),
           lambda x: outer([relu(V @ x[0]), x[1]]), weight_decay, ReLU(V, form="sum")),
    Family("hidden layer of absolute values with priced biases", 2, ((3,), (2,)),
           lambda x: outer([abs(ONES @ x[0]), x[1]]), weight_decay,
           ReLU(V, activation="abs", bias="regularized", form="sum")),
    Family("hidden ReLU layer with biases of no price", 2, ((3,), (2,)),
           lambda x: outer([relu(ONES @ x[0]), x[1]]), unpriced_bias,
           ReLU(V, bias="free", form="sum")),
    Family("parallel deep linear network", 3, ((2, 2), (2, 1), (1, 2)),
           lambda x: V @ x[0] @ x[1] @ x[2], mean_of_powers, DeepLinear(V, (2, 1))),
    Family("parallel deep ReLU network", 3, ((2, 2), (2, 1), (1, 2)), deep, product_of_l1,
           DeepReLU(V, (2, 1))),
    Family("convolution with ReLU and sum pooling", 2, ((2,), (2,)),
           lambda x: pooled(x, lambda z: z.sum(axis=1)), weight_decay,
           ReLU(STACKED, samples=SAMPLES, form="sum")),
    Family("convolution with ReLU and max-pooling", 2, ((2,), (2,)),
           lambda x: pooled(x, lambda z: z.max(axis=1)), weight_decay,
           ReLU(STACKED, samples=SAMPLES, form="sum", pool="max")),
    Family("two convolutions with ReLU and max-pooling", 3, ((2,), (2,), (2,)), deep_pooled,
           product_of_l1),
)  # fmt: skip
