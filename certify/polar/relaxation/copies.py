"""The next level: products that repeat some factors, on vectors symmetric in the copies.

A product with copies, u o v o u, is the same after an exchange of the copies.  In an
orthonormal basis B of the tensors with that symmetry, one row for each multi-index that is
sorted within copies, the relaxation has far fewer rows.  Its multiplier J' gives one of the
whole, J = B (C' + J') B^T - C, for which C + J is 0 on the complement.
Source: Doherty, Parrilo and Spedalieri 2004 (symmetric extensions).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod

import numpy as np

from certify.base.arrays import Array, Ints
from certify.polar.eigen import largest_eigenvalue

from .product_admm import RHO, ProductMultiplier, ProductProgram, Relaxed, Warm, solve
from .products import ProductForm
from .steps import Stop


@dataclass(frozen=True)
class Symmetric:
    """The class of each row of a group under exchanges of copies, and the size of each class."""

    rows: Ints
    counts: Ints

    @classmethod
    def of(cls, form: ProductForm) -> "Symmetric":
        """Sort the indices of each factor within its places."""
        group, shape = form.groups[0], form.query.T.shape
        dims = [shape[k] for k in group]
        index = np.array(np.unravel_index(np.arange(prod(dims)), dims))
        for name in set(group):
            places = [at for at, k in enumerate(group) if k == name]
            index[places] = np.sort(index[places], axis=0)
        flat = np.ravel_multi_index(tuple(index), tuple(dims))
        _, rows, counts = np.unique(flat, return_inverse=True, return_counts=True)
        return cls(rows.reshape(-1), counts)

    @property
    def first(self) -> Ints:
        """One row of each class."""
        return np.unique(self.rows, return_index=True)[1]

    def down(self, X: Array) -> Array:
        """Return B^T X B."""
        k = self.counts.size
        left = np.zeros((k, X.shape[1]))
        np.add.at(left, self.rows, X)
        both = np.zeros((k, k))
        np.add.at(both, self.rows, left.T)
        root = np.sqrt(self.counts)
        return np.asarray(both.T / np.multiply.outer(root, root))

    def up(self, X: Array) -> Array:
        """Return B X B^T."""
        scaled = X / np.multiply.outer(np.sqrt(self.counts), np.sqrt(self.counts))
        return np.asarray(scaled[np.ix_(self.rows, self.rows)])


def height(form: ProductForm) -> int:
    """Return the number of rows of the relaxation."""
    return int(Symmetric.of(form).counts.size)


def reduce(form: ProductForm, symmetric: Symmetric) -> ProductProgram:
    """Return the relaxation on the vectors with the symmetry of the copies."""
    whole = form.program()
    first = symmetric.first
    labels = whole.labels[np.ix_(first, first)]
    used, inverse = np.unique(labels, return_inverse=True)
    ball = whole.ball[first]
    scale = np.sqrt(symmetric.counts.astype(np.float64))
    signed = whole.signed[used]
    labels = inverse.reshape(labels.shape)
    return ProductProgram(symmetric.down(whole.C), labels, signed, ball, whole.sizes, (), scale)


def solve_copies(form: ProductForm, stop: Stop, root: ProductMultiplier) -> Relaxed:
    """Solve a form with copies; return the result with the multiplier of the whole.

    root  the multiplier of the form without copies: the solve begins at J (x) I
    """
    symmetric = Symmetric.of(form)
    program = reduce(form, symmetric)
    relaxed = solve(program, stop, warm(form, symmetric, program, root))
    g = symmetric.up(program.C + relaxed.best.J)
    J = g - form.matrix()
    lifted = np.maximum(relaxed.best.D, 0.0)
    bound = max(largest_eigenvalue(g), 0.0) * program.total
    return relaxed._replace(best=ProductMultiplier(J, lifted, bound))


def warm(
    form: ProductForm, symmetric: Symmetric, program: ProductProgram, root: ProductMultiplier
) -> Warm:
    """Return X at the given slices, and the multiplier of the form without copies."""
    start = form.start()
    point = np.eye(len(program.C)) if start is None else symmetric.down(start)
    again = prod(form.query.T.shape[k] for k in form.copies)
    plain = replace(form, copies=())
    whole = np.asarray(np.kron(plain.matrix() + root.J, np.eye(again)))
    g = symmetric.down(whole)
    size = float(np.linalg.norm(program.C)) or 1.0
    g[np.diag_indices_from(g)] -= root.D[program.ball]
    return Warm(point / program.total, ((program.C - g) / (size * RHO),), RHO)


def with_copies(form: ProductForm, largest: int) -> Iterator[ProductForm]:
    """Yield the form with copies of its l2 modes, the smallest first, up to a size."""
    if form.form != "gram" or form.cubes or form.N is not None:
        return
    modes = [k for k in form.rows if form.query.gauges[k].spherical]
    every = [*combinations(sorted(modes), 1), *combinations(sorted(modes), 2)]
    tries = [replace(form, copies=c) for c in every]
    for other in sorted(tries, key=lambda f: f.size):
        if other.size <= largest:
            yield other
