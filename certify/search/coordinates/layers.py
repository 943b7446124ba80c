"""Networks with one hidden layer: their neurons, scaled and split, and their derivatives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.norms import Gauge
from certify.polar.layer_query import Layer
from certify.problem import Problem


@dataclass(frozen=True)
class Net:
    """A network's problem: layer, norm of the output weights, and theta = |u| |v|."""

    problem: Problem

    @cached_property
    def layer(self) -> Layer:
        """The hidden layer."""
        if self.problem.atom.layer is None:
            raise TypeError(f"a hidden layer is needed, got {type(self.problem.atom).__name__}")
        return self.problem.atom.layer

    @property
    def right(self) -> Gauge:
        """The norm of the output weights."""
        return self.layer.right

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.problem.loss.observed.n

    @property
    def turns(self) -> bool:
        """Whether output weights may change their direction: several outputs under an l2 norm."""
        return self.outputs > 1 and self.right.spherical

    def sizes(self, factors: Factors) -> Array:
        """Return |u| |v| of each neuron: theta of the balanced one."""
        return self.layer.size(factors[0]) * np.asarray(self.right.value(factors[1]))

    def units(self, factors: Factors) -> Factors:
        """Return the neurons with |u| = |v| = 1; a weight vector of norm 0 stays zero."""
        U, V = factors
        a, b = self.layer.size(U), np.asarray(self.right.value(V))
        return U / np.where(a > 0, a, 1.0), V / np.where(b > 0, b, 1.0)

    def scale(self, factors: Factors, sizes: Array) -> Factors:
        """Return the neurons with |u| = |v| = sqrt(sizes)."""
        U, V = self.units(factors)
        root = np.sqrt(sizes)
        return U * root, V * root

    def balance(self, factors: Factors) -> Factors:
        """Return the neurons of positive price, with equal norms.

        A neuron with u = 0 except for an unpriced bias is a constant, which offsets replace.
        """
        sizes = self.sizes(factors)
        keep = sizes > 0
        return self.scale(tuple(x[:, keep] for x in factors), sizes[keep])

    @cached_property
    def blocks(self) -> tuple[list[int], ...]:
        """The coordinates that one neuron of an optimum may use together: all, or a group's."""
        return tuple(map(list, self.layer.left.blocks(self.layer.features.shape[1])))

    def split_blocks(self, factors: Factors) -> Factors:
        """Return the same network, at the same price, with each neuron in one block."""
        if len(self.blocks) == 1:
            return factors
        U, V = self.units(factors)
        sizes = self.sizes(factors)
        parts = [np.zeros_like(U) for _ in self.blocks]
        for part, g in zip(parts, self.blocks, strict=True):
            part[g] = U[g]
        wide = np.hstack(parts), np.hstack([V] * len(parts))
        return self.balance(self.scale(wide, np.tile(sizes, len(parts)) * self.layer.size(wide[0])))

    def mask(self, U: Array) -> Array:
        """Return 1 in the block of each column of neurons that are split into blocks, else 0."""
        if len(self.blocks) == 1:
            return np.ones_like(U)
        out = np.zeros_like(U)
        for g in self.blocks:
            out[g] = np.abs(U[g]).max(axis=0) > 0
        return out

    def linearize(self, U: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return the outputs of the hidden units, and the adjoint of their derivative in U.

        At a kink, and where two rows of a sample are the largest, it is a one-sided derivative.
        """
        layer, F = self.layer, self.layer.features
        inner = F @ U
        S = layer.gates(inner)
        hidden = layer.gather(S * inner, np.add)
        return hidden, lambda pull: np.asarray(F.T @ (S * pull[layer.owners]))

    def dense(self, W: Array) -> Array:
        """Return a field as (samples, outputs), zero where nothing is observed."""
        return self.problem.loss.observed.spread(W)

    def plain(self, factors: Factors) -> Array:
        """Return the field of the network without offsets."""
        return self.problem.loss.observed.product(self.layer.act(factors[0]), factors[1])
