"""Climb to slices that earn much for their price: <W, phi(x)> / theta(x), whatever the atom.

A search in floats that knows nothing of the atom's own `attain`.  What it finds is measured
exactly elsewhere; here is luck, never truth.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
from scipy.optimize import minimize

from certify._arrays import Array
from certify._observed import Observed
from certify.atoms import Atom, Slice

VERTICES = 256  # sign patterns tried as starts, and as many random points
STARTS = 3  # best of them that go on
ROUNDS = 8  # of coordinate moves and smooth ascent
STEP = 2.0**-18  # of central differences, relative: their error is about STEP^2
STEPS = 60  # of the smooth ascent
GAIN = 1 + 2.0**-44  # a smaller rise ends a climb


class Climb:
    """The ratio of one atom and one W over flat slices: columns of an array (D, k)."""

    def __init__(self, atom: Atom, W: Array) -> None:
        self.atom, shape = atom, W.shape
        self.observed = Observed(shape[0], W.size // shape[0], dims=shape)
        self.W = W.reshape(self.observed.m, self.observed.n)
        self.shapes = [tuple(s) for s in atom.shapes(shape)]
        self.ends = np.cumsum([0, *(int(np.prod(s)) for s in self.shapes)])

    @property
    def size(self) -> int:
        """D, the numbers in a slice."""
        return int(self.ends[-1])

    def parts(self, X: Array) -> tuple[Array, ...]:
        """Return columns as factors."""
        cut = zip(self.ends[:-1], self.ends[1:], self.shapes, strict=True)
        return tuple(X[a:b].reshape(*s, X.shape[1]) for a, b, s in cut)

    def projected(self, X: Array) -> Array:
        """Return the nearest columns in the domain."""
        held = self.atom.project(self.parts(X))
        return np.vstack([np.asarray(p).reshape(-1, X.shape[1]) for p in held])

    def ratio(self, X: Array) -> Array:
        """Return the ratio of each column, projected; -inf where it costs nothing."""
        parts = self.parts(self.projected(X))
        price = np.asarray(self.atom.theta(parts), dtype=float)
        earned = self.atom.earned(self.W, parts, self.observed)[0]
        return np.where(price > 0, earned / np.where(price > 0, price, 1.0), -np.inf)

    def starts(self, rng: np.random.Generator) -> Array:
        """Return sign patterns, all if they are few, and random points."""
        if 3**self.size <= VERTICES:
            signs = np.array(list(product((0.0, 1.0, -1.0), repeat=self.size))).T
        else:
            signs = rng.integers(-1, 2, (self.size, VERTICES)).astype(float)
        return np.hstack([signs, rng.standard_normal((self.size, VERTICES // 4))])

    def moved(self, x: Array) -> Array:
        """Return x with each coordinate in turn at 0, or at the size of another one."""
        out = [x]
        for a, b in zip(self.ends[:-1], self.ends[1:], strict=True):
            sizes = np.unique(np.abs(x[a:b]))
            for i, size in product(range(a, b), {0.0, *sizes.tolist()}):
                for value in {size, -size}:
                    new = x.copy()
                    new[i] = value
                    out.append(new)
        return np.array(out).T

    def smooth(self, x: Array) -> Array:
        """Return x after quasi-Newton steps among its coordinates that are not 0."""
        at = np.flatnonzero(x)
        step = STEP * float(np.abs(x).max())
        both = np.vstack([np.eye(len(at)), -np.eye(len(at))]) * step

        def filled(y: Array) -> Array:
            """Return columns of full length."""
            out = np.zeros((self.size, y.shape[1]))
            out[at] = y
            return out

        def slope(y: Array) -> tuple[float, Array]:
            """Return minus the ratio and its central differences."""
            values = self.ratio(filled(np.column_stack([y, y[:, None] + both.T])))
            up, down = values[1 : 1 + len(at)], values[1 + len(at) :]
            return -float(values[0]), -(up - down) / (2 * step)

        scale = max(abs(float(self.ratio(x[:, None])[0])), 1.0)
        options = {"gtol": STEP**2 * scale, "maxiter": STEPS}
        found = minimize(slope, x[at], jac=True, method="BFGS", options=options)
        return filled(found.x[:, None])[:, 0]

    def best(self, X: Array) -> Array:
        """Return the column of largest ratio."""
        return X[:, int(np.nan_to_num(self.ratio(X), nan=-np.inf).argmax())]


def climbed(atom: Atom, W: Array, held: Slice, seed: int) -> list[Slice]:
    """Return slices from the best starts and from one that is given, each climbed."""
    climb = Climb(atom, W)
    X = climb.projected(climb.starts(np.random.default_rng(seed)))
    order = np.argsort(-np.nan_to_num(climb.ratio(X), nan=-np.inf), kind="stable")
    first = np.concatenate([np.asarray(p, dtype=float).reshape(-1) for p in held])
    tops = [up(climb, x) for x in (first, *X[:, order[:STARTS]].T)]
    return [tuple(p[..., 0] for p in climb.parts(x[:, None])) for x in tops]


def up(climb: Climb, x: Array) -> Array:
    """Return where coordinate moves and smooth ascent end, in the domain."""
    steps: tuple[Callable[[Array], Array], ...] = (
        lambda x: climb.best(climb.projected(climb.moved(x))),
        lambda x: climb.projected(climb.smooth(x)[:, None])[:, 0],
    )
    for _ in range(ROUNDS):
        before = float(climb.ratio(x[:, None])[0])
        for step in steps:
            x = climb.best(np.column_stack([x, step(x)])) if x.any() else x
        after = float(climb.ratio(x[:, None])[0])
        if not abs(after) < np.inf or after <= max(before * GAIN, before / GAIN):
            break
    return x
