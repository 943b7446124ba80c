"""Search for slices with a large ratio <W, phi(x)> / theta(x), for any atom.

The search is in floats and does not use the atom's own `attain`.  Its slices are evaluated
exactly elsewhere, so a slice that it misses makes a test weaker, never wrong.
"""

from itertools import product

import numpy as np
from scipy.optimize import minimize

from certify.atoms import Atom, Slice
from certify.base.arrays import Array
from certify.base.observed import Observed

VERTICES = 256  # sign patterns that are starts; a quarter as many random points are too
STARTS = 16  # the best starts, and as many others, that are improved part by part
FINALISTS = 4  # the best of these, which are improved by moves and smooth ascent
TURNS = 6  # of each part towards its gradient
SWEEPS = 12  # of moves of single coordinates
SHORT = 1 / 32  # of the largest coordinate, for one that leaves 0
ROUNDS = 4  # of moves and smooth ascent
DIGITS = 9  # decimals of the ratio that distinguish starts
STEP = 2.0**-18  # relative step of central differences; their error is about STEP^2
STEPS = 60  # of the smooth ascent
GAIN = 1 + 2.0**-44  # the least relative gain of a round


class Climb:
    """The ratio of an atom and W, as a function of flat slices, the columns of an array (D, k)."""

    def __init__(self, atom: Atom, W: Array) -> None:
        self.atom, shape = atom, W.shape
        self.observed = Observed(shape[0], W.size // shape[0], dims=shape)
        self.W = W.reshape(self.observed.m, self.observed.n)
        self.shapes = [tuple(s) for s in atom.shapes(shape)]
        self.ends = np.cumsum([0, *(int(np.prod(s)) for s in self.shapes)])
        self.sums = False
        self.sums = len(self.shapes) > 1 and bool((self.alone(np.ones((self.size, 1))) > 0).all())

    @property
    def size(self) -> int:
        """D, the number of entries of a slice."""
        return int(self.ends[-1])

    def parts(self, X: Array) -> tuple[Array, ...]:
        """Return columns as factors."""
        cut = zip(self.ends[:-1], self.ends[1:], self.shapes, strict=True)
        return tuple(X[a:b].reshape(*s, X.shape[1]) for a, b, s in cut)

    def project(self, X: Array) -> Array:
        """Return the nearest columns in the domain."""
        parts = self.atom.project(self.parts(X))
        flat = np.vstack([np.asarray(p).reshape(-1, X.shape[1]) for p in parts])
        return self.balance(flat) if self.sums else flat

    def alone(self, X: Array) -> Array:
        """Return theta with all parts but one at 0, a row for each part."""
        rows = []
        for a, b in zip(self.ends[:-1], self.ends[1:], strict=True):
            single = np.zeros_like(X)
            single[a:b] = X[a:b]
            rows.append(np.asarray(self.atom.theta(self.parts(single)), dtype=float))
        return np.array(rows)

    def balance(self, X: Array) -> Array:
        """Return columns scaled so that all parts have the same theta, for theta of form "sum"."""
        sizes = self.alone(X) ** (1 / self.atom.degree)
        known = (sizes > 0).all(axis=0)
        safe = np.where(known, sizes, 1.0)
        by = np.exp(np.log(safe).mean(axis=0)) / safe
        return np.asarray(X * np.repeat(by, np.diff(self.ends), axis=0))

    def ratio(self, X: Array) -> Array:
        """Return the ratio of each projected column; -inf if it is not finite."""
        parts = self.parts(self.project(X))
        price = np.asarray(self.atom.theta(parts), dtype=float)
        inner = self.atom.inner_products(self.W, parts, self.observed)[0]
        ratios = inner / np.where(price > 0, price, 1.0)
        return np.where((price > 0) & np.isfinite(ratios), ratios, -np.inf)

    def starts(self, rng: np.random.Generator) -> Array:
        """Return sign patterns (all of them, if there are few) and random points."""
        if 3**self.size <= VERTICES:
            signs = np.array(list(product((0.0, 1.0, -1.0), repeat=self.size))).T
        else:
            signs = rng.integers(-1, 2, (self.size, VERTICES)).astype(float)
        return np.hstack([signs, rng.standard_normal((self.size, VERTICES // 4))])

    def inner_products(self, X: Array) -> Array:
        """Return <W, phi> of each column."""
        return np.asarray(self.atom.inner_products(self.W, self.parts(X), self.observed)[0])

    def turn_parts(self, X: Array) -> Array:
        """Return each column with one part after the other replaced, if that is better.

        A part is replaced by the gradient g of <W, phi>, by sign(g), or by the largest entry of g:
        the best points of the l2, linf and l1 balls if <W, phi> is linear in the part.
        """
        for a, b in zip(self.ends[:-1], self.ends[1:], strict=True):
            rows, count = np.arange(a, b), X.shape[1]
            step = STEP * np.maximum(np.abs(X).max(axis=0), 2.0**-30)
            shifts = np.zeros((b - a, *X.shape))
            shifts[rows - a, rows] = step
            both = np.hstack([*(X + s for s in shifts), *(X - s for s in shifts)])
            up, down = self.inner_products(both).reshape(2, b - a, count)
            g = (up - down) / step
            largest = g * (np.abs(g) == np.abs(g).max(axis=0))
            tries = [X.copy() for _ in range(4)]
            for new, part in zip(tries[1:], (g, np.sign(g), largest), strict=True):
                new[a:b] = part
            every = np.stack([self.project(new) for new in tries])
            values = np.stack([self.ratio(new) for new in every])
            X = every[values.argmax(axis=0), :, np.arange(count)].T
        return X

    def move_coordinates(self, X: Array) -> Array:
        """Return each column with coordinates at 0, near 0, or as large as another, if better.

        Such moves reach zeros, ties and the corners of balls, which smooth ascent does not reach.
        """
        lots = [X]
        for a, b in zip(self.ends[:-1], self.ends[1:], strict=True):
            for i, j in product(range(a, b), repeat=2):
                for sign in (1.0, -1.0) if i > j else ():
                    for k, other in ((i, j), (j, i)):
                        lots.append(X.copy())
                        lots[-1][k] = sign * np.abs(X[other])
                if i >= j:
                    lots.append(X.copy())
                    lots[-1][[i, j]] = 0.0
                for sign in (1.0, -1.0) if i == j else ():
                    lots.append(X.copy())
                    lots[-1][i] = sign * SHORT * np.abs(X[a:b]).max(axis=0)
        owner = np.tile(np.arange(X.shape[1]), len(lots))
        every = self.project(np.hstack(lots))
        values = self.ratio(every)
        order = np.lexsort((-values, owner))
        first = np.searchsorted(owner[order], np.arange(X.shape[1]))
        return every[:, order[first]]

    def sweep(self, X: Array) -> Array:
        """Return columns after moves, as long as one of them is better."""
        for _ in range(SWEEPS):
            before, X = X, self.move_coordinates(X)
            if np.array_equal(before, X):
                break
        return X

    def smooth(self, x: Array, at: Array) -> Array:
        """Return x after quasi-Newton steps of some coordinates; at: which ones, booleans."""
        step = STEP * float(np.abs(x).max())
        size = int(at.sum())
        both = np.vstack([np.eye(size), -np.eye(size)]) * step

        def full_columns(y: Array) -> Array:
            """Return columns of full length."""
            out = np.zeros((self.size, y.shape[1]))
            out[at] = y
            return out

        def slope(y: Array) -> tuple[float, Array]:
            """Return minus the ratio, and its gradient by central differences."""
            values = self.ratio(full_columns(np.column_stack([y, y[:, None] + both.T])))
            up, down = values[1 : 1 + size], values[1 + size :]
            return -float(values[0]), -(up - down) / (2 * step)

        scale = max(abs(float(self.ratio(x[:, None])[0])), 1.0)
        options = {"gtol": STEP**2 * scale, "maxiter": STEPS}
        result = minimize(slope, x[at], jac=True, method="BFGS", options=options)
        return full_columns(result.x[:, None])[:, 0] if np.isfinite(result.x).all() else x

    def top(self, X: Array, count: int) -> Array:
        """Return the columns with the largest ratios, one for each ratio."""
        values = self.ratio(X)
        first = np.unique(np.round(values, DIGITS), return_index=True)[1]
        return X[:, first[::-1][:count]]


@np.errstate(all="ignore")  # a ratio that is not finite counts as -inf
def climb_starts(atom: Atom, W: Array, start: Slice, seed: int) -> list[Slice]:
    """Return the slices that the search reaches from the best starts and from a given one."""
    climb = Climb(atom, W)
    X = climb.project(climb.starts(np.random.default_rng(seed)))
    X = np.hstack([climb.top(X, STARTS), X[:, -STARTS:]])
    for _ in range(TURNS):
        X = climb.turn_parts(X)
    first = np.concatenate([np.asarray(p, dtype=float).reshape(-1) for p in start])
    tops = [ascend(climb, x) for x in (first, *climb.top(X, FINALISTS).T)]
    return [tuple(p[..., 0] for p in climb.parts(x[:, None])) for x in tops]


def ascend(climb: Climb, x: Array) -> Array:
    """Return the slice that moves and smooth ascent reach from x, in the domain."""
    for _ in range(ROUNDS):
        before = float(climb.ratio(x[:, None])[0])
        if not x.any() or not np.isfinite(before):
            break
        x = climb.sweep(x[:, None])[:, 0]
        for at in (x != 0, np.full(x.shape, True)):  # within a face, and off it
            new = climb.project(climb.smooth(x, at)[:, None])
            x = climb.top(np.column_stack([x, new]), 1)[:, 0]
        if float(climb.ratio(x[:, None])[0]) <= max(before * GAIN, before / GAIN):
            break
    return x
