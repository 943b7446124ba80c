"""Group norms: the sum, or the largest, of the l2 norms over given groups of coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, Ints, accept_word, is_list, short
from certify.base.errors import InputError
from certify.base.minimize import threshold_level

from ._balls import Ellipsoids
from ._base import Gauge

OUTERS = ("l1", "linf")


@dataclass(frozen=True)
class Group(Gauge):
    """g(x) = sum_g |x_g|_2 (outer "l1", group sparsity) or max_g |x_g|_2 (outer "linf").

    groups    a partition of the coordinates: lists of indices, each index in one list; or
              the group number of each coordinate

        g*(y) = max_g |y_g|_2  and  sum_g |y_g|_2.

    Raises InputError for groups that overlap, miss an index or are empty.
    Source: Yuan and Lin (2006).
    """

    groups: Sequence[Sequence[int]] | Sequence[int] | npt.NDArray[Any]
    outer: str = "l1"

    name = "group"
    normalized = True

    def prepare(self) -> None:
        """Take the groups as tuples of distinct natural numbers."""
        accept_word(self.outer, "outer", OUTERS)
        groups = tuple(members(g, k) for k, g in enumerate(group_list(self.groups)))
        seen: dict[int, int] = {}
        for k, g in enumerate(groups):
            for i in g:
                if i in seen:
                    raise InputError(f"groups must not overlap: index {i} is in {seen[i]} and {k}")
                seen[i] = k
        missing = next((i for i in range(len(seen)) if i not in seen), None)
        if missing is not None:
            cure = "give it a group of its own"
            raise InputError(f"groups must hold every index: {missing} is in none; {cure}")
        object.__setattr__(self, "groups", groups)

    def check(self, d: int) -> None:
        """Raise InputError unless every coordinate is in one group."""
        Gauge.check(self, d)
        count = len(self.labels)
        if count < d:
            raise InputError(f"groups must hold every index below {d}: {count} is in none")
        if count > d:
            raise InputError(f"groups hold the index {count - 1}, but there are {d} coordinates")

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """The groups as tuples of indices."""
        return cast("tuple[tuple[int, ...], ...]", self.groups)

    @cached_property
    def labels(self) -> Ints:
        """The group number of each coordinate."""
        out = np.zeros(sum(map(len, self.parts)), dtype=np.int64)
        for k, g in enumerate(self.parts):
            out[list(g)] = k
        return out

    @classmethod
    def examples(cls, d: int) -> dict[str, Gauge]:
        """Return the sum and the maximum over even and odd coordinates."""
        labels = [i % 2 for i in range(d)]
        return {"group": cls(labels), "group_linf": cls(labels, "linf")}

    @classmethod
    def parameter(cls, name: str, text: str) -> str:
        """Return the outer norm."""
        return text

    def parameters(self) -> dict[str, str]:
        """Return the outer norm."""
        return {"outer": self.outer}

    def arrays(self) -> dict[str, Any]:
        """Return the group number of each coordinate."""
        return {"groups": self.labels}

    @property
    def summed(self) -> bool:
        """Whether the outer norm is the sum."""
        return self.outer == "l1"

    @property
    def is_round(self) -> bool:
        """Whether the ball lies in the l2 ball."""
        return self.summed

    @property
    def exact(self) -> bool:
        """Whether the ball is a product: one l2 ball for each group."""
        return not self.summed

    def blocks(self, d: int) -> tuple[tuple[int, ...], ...]:
        """Return the groups if an extreme point lies in one of them, else all coordinates."""
        return self.parts if self.summed else (tuple(range(d)),)

    def ellipsoids(self, d: int) -> Ellipsoids:
        """Return the l2 ball, or one for each group."""
        return super().ellipsoids(d) if self.summed else Ellipsoids(self.labels, np.ones(d))

    def sizes(self, x: Array) -> Array:
        """Return the l2 norm of each group, (groups, ...), without overflow."""
        order = np.argsort(self.labels, kind="stable")
        starts = np.searchsorted(self.labels[order], np.arange(len(self.parts)))
        magnitudes = np.abs(x)[order]
        top = np.maximum.reduceat(magnitudes, starts, axis=0)
        scale = np.where(top > 0, top, 1.0)
        sums = np.add.reduceat(np.square(magnitudes / scale[self.labels[order]]), starts, axis=0)
        return np.asarray(scale * np.sqrt(sums))

    def value(self, x: Array) -> Array:
        """Return the sum or the largest of the groups' norms."""
        sizes = self.sizes(x)
        return np.asarray(sizes.sum(axis=0) if self.outer == "l1" else sizes.max(axis=0))

    def dual(self, y: Array) -> Array:
        """Return the largest or the sum of the groups' norms of `positive(y)`."""
        sizes = self.sizes(self.positive(y))
        return np.asarray(sizes.max(axis=0) if self.outer == "l1" else sizes.sum(axis=0))

    def maximizer(self, y: Array) -> Array:
        """Return the direction of the best group, or of each group."""
        p = self.positive(y)
        sizes = self.sizes(p)
        if not sizes.any():
            return self.unit(y)
        if self.outer == "l1":
            sizes = np.where(np.arange(len(sizes)) == sizes.argmax(), sizes, 0.0)
        each = sizes[self.labels]
        return np.where(each > 0, p / np.where(each > 0, each, 1.0), 0.0)

    def prox(self, x: Array, t: float) -> Array:
        """Return x with each group shortened by t, or to at most one common level."""
        p = self.positive(x)
        sizes = self.sizes(p)
        if self.outer == "l1":
            wanted = np.maximum(sizes - t, 0.0)
        else:
            wanted = np.minimum(sizes, threshold_level(sizes, t))
        return np.asarray(p * (wanted / np.where(sizes > 0, sizes, 1.0))[self.labels])


def group_list(groups: object) -> list[Any]:
    """Return the groups as a list, whose items are not checked."""
    if not is_list(groups):
        raise InputError(f"groups must be lists of indices, got {short(groups)}")
    if not len(groups):
        raise InputError("groups must hold every index, got no group")
    if all(isinstance(g, int | np.integer) and not isinstance(g, bool) for g in groups):
        labels = np.asarray(groups)
        return [np.nonzero(labels == g)[0] for g in np.unique(labels)]
    return list(groups)


def members(group: object, k: int) -> tuple[int, ...]:
    """Return one group's indices."""
    if not is_list(group):
        raise InputError(f"groups[{k}] must be a list of indices, got {short(group)}")
    for i in group:
        whole = isinstance(i, int | np.integer) and not isinstance(i, bool)
        if not whole or i < 0:
            raise InputError(f"groups[{k}] must hold indices >= 0, got {short(i)}")
    if not len(group):
        raise InputError(f"groups[{k}] is empty: leave it out")
    return tuple(int(i) for i in group)
