"""Steps of several cases at once: their iterates are stacked, and no case needs another.

numpy takes one call for a stack of small matrices, which leaves the interpreter's lock; a stack of
large ones is of one case, whose positive part turns the last one's eigenvectors.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from certify.base.arrays import Array, Ints
from certify.polar.relaxation.cone import Columns, Cone
from certify.polar.relaxation.pairs import Path

RELAX = 1.9  # over-relaxation
ALONE = 60  # rows from which a case is a stack of its own
TOGETHER = 16  # smaller ones in a stack
ONE = 1e-9  # relative second eigenvalue under which a case has one component
S = TypeVar("S")
T = TypeVar("T")


@dataclass
class Case:
    """One case: its path, the normals of its cuts, which components, X, U and Y."""

    path: Path
    cuts: Array
    at: Ints
    X: Array
    U: Array
    Y: Array

    @classmethod
    def begin(cls, path: Path, cuts: Array, at: Ints, start: tuple[Array, Array]) -> "Case":
        """Start a case at X = B G B^T, but 0 where that is negative, and at its first rows' U.

        at: its components; start: (G, U)
        """
        (G, U), wide = start, np.zeros((len(cuts) + cuts.shape[1],) * 2)
        case = cls(path, cuts, at, wide, wide, wide)
        case.X = case.Y = np.maximum(case.rows @ G @ case.rows.T, 0.0)
        wide[: len(U), : len(U)] = U
        return case

    @property
    def rows(self) -> Array:
        """B = [I; cuts]."""
        return np.vstack([np.eye(self.cuts.shape[1]), self.cuts])

    def spread(self) -> tuple[float, Array]:
        """Return Y's second largest eigenvalue and its vector; 0 where Y is one component."""
        d = self.cuts.shape[1]
        values, vectors = np.linalg.eigh(self.Y[:d, :d])
        return float(values[-2] if values[-2] > ONE * values[-1] else 0.0), vectors[:, -2]


class Frames:
    """Q = B R^-1, R = (B^T B)^(1/2), of stacked rows B = [I; C], C (cases, c, d).

    Of C = L s V:  R^-1 = I - V^T g V  with g = 1 - (1 + s^2)^(-1/2), and C R^-1 = L s (1 - g) V, so
    that products with Q take d^2 c multiplications.
    """

    def __init__(self, C: Array) -> None:
        L, s, self.V = np.linalg.svd(C, full_matrices=False)
        root = 1 / np.sqrt(1 + s * s)
        self.C, self.lower, self.g = C, L * (s * root)[:, None], (1 - root)[:, :, None]
        self.metric = 0.5 * (1 - root * root)[:, :, None]
        self.turned = self.V @ C.mT
        self.right = np.concatenate([C, -self.V], axis=1)

    def down(self, T: Array, pull: float) -> Array:
        """Return Q^T T Q - pull (B^T B)^-1 of symmetric T (cases, c + d, c + d)."""
        C, V, d = self.C, self.V, self.C.shape[2]
        D = T[:, d:, :d] + 0.5 * T[:, d:, d:] @ C
        W = V @ T[:, :d, :d] + self.turned @ D + (V @ D.mT) @ C
        P = self.g * W - (0.5 * self.g * (W @ V.mT) * self.g.mT) @ V - pull * self.metric * V
        left = np.concatenate([D, P], axis=1)
        one, other = (np.concatenate(x, axis=1) for x in ((self.right, left), (left, self.right)))
        M = one.mT @ other
        M += T[:, :d, :d]
        diagonals(M)[:] -= pull
        return np.asarray(M)

    def up(self, vectors: Array) -> Array:
        """Return Q times vectors (cases, d, k)."""
        W = self.V @ vectors
        return np.concatenate([vectors - self.V.mT @ (self.g * W), self.lower @ W], axis=1)


class Stack:
    """X, U, Y, and the points V whose projections X are: (cases, rows, rows), cases side by side.

    Cases of fewer cuts have rows of zeros.  Their arrays become views of these.
    """

    def __init__(self, cases: Sequence[Case], m: int) -> None:
        """m: rows of W, the first of each case's."""
        self.m, self.d = m, cases[0].cuts.shape[1]
        count, most = len(cases), max(len(c.cuts) for c in cases)
        self.X, self.U, self.Y, self.V = np.zeros((4, count, self.d + most, self.d + most))
        cuts = np.zeros((count, most, self.d))
        for k, c in enumerate(cases):
            q, cuts[k, : len(c.cuts)] = len(c.X), c.cuts
            for name in ("X", "U", "Y"):
                view = getattr(self, name)[k, :q, :q]
                view[:] = getattr(c, name)
                setattr(c, name, view)
        self.frames = Frames(cuts)
        self.cone = Cone(Columns(np.eye(self.d)), np.zeros((self.d, self.d)))

    def positive(self, T: Array) -> tuple[Array, Array]:
        """Return eigenpairs (values, vectors) of positive parts; values of 0 may be among them."""
        if len(T) == 1 and self.d >= ALONE:
            values, vectors = self.cone.pairs(T[0])
            return values[None], vectors[None]
        values, vectors = np.linalg.eigh(T)
        return np.maximum(values, 0.0), vectors

    def step(self, pull: float) -> Array:
        """Move Y and V; return V's blocks (cases, m, n).  pull: lam / (2 rho)."""
        V = np.subtract(self.X, self.U, out=self.V)
        values, vectors = self.positive(self.frames.down(V, pull))
        vectors = self.frames.up(vectors)
        np.matmul(vectors * values[:, None], vectors.mT, out=self.Y)
        np.subtract(self.Y, self.X, out=V)
        V *= RELAX
        V += self.X
        V += self.U
        return np.asarray(V[:, : self.m, self.m : self.d])

    def meet(self, blocks: Array) -> Array:
        """Move X and U; return the squares of Y - X, of X's move, of X and of U."""
        m, d, X = self.m, self.d, np.maximum(self.V, 0.0)
        diagonals(X)[:] = diagonals(self.V)
        X[:, :m, m:d], X[:, m:d, :m] = blocks, blocks.mT
        self.X -= X
        moved = np.vdot(self.X, self.X)
        self.X[:] = X
        np.subtract(self.V, X, out=self.U)
        X -= self.Y
        return np.array([np.vdot(X, X), moved, np.vdot(self.X, self.X), np.vdot(self.U, self.U)])


def stacked(cases: Sequence[Case], m: int) -> list[Stack]:
    """Return cases in stacks."""
    size = 1 if cases[0].cuts.shape[1] >= ALONE else TOGETHER
    return [Stack(cases[k : k + size], m) for k in range(0, len(cases), size)]


def diagonals(X: Array) -> Array:
    """Return a view of the diagonals of stacked matrices."""
    return X.reshape(len(X), -1)[:, :: X.shape[-1] + 1]


def each(pool: Executor, work: Callable[[S], T], items: Sequence[S]) -> list[T]:
    """Return work(item) of each, in order: they run side by side."""
    if len(items) == 1:
        return [work(items[0])]
    tasks = [pool.submit(copy_context().run, work, x) for x in items]
    return [task.result() for task in tasks]
