"""Ratings in blocks of rows that never meet: a proved bracket, and better factors, on a cluster.

The objective is least squares of the entries that are listed, of factors with l2 norms:

    f(U, V) = 1/2 sum (y_ij - <u_i, v_j>)^2 + lam sum_k |u_k| |v_k|.

A block is some rows of Y and of U; V is known to all.  Workers read it themselves: it is the name
of an .npz file with `rows`, `cols` and `data` of the entries, rows counted from 0 in each block,
and `U`, or a Dask task that returns (Y, U), Y of scipy.sparse, the same whenever it runs.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, finite, real, scalar
from certify.base.cluster import PLACE, Client, Task, on_cluster
from certify.base.errors import InputError
from certify.base.rigor import row_blocks as proved
from certify.base.rigor.row_blocks import Block
from certify.base.rigor.tiles import SIDE, tree
from certify.polar.lanczos import Start, ritz
from certify.polar.proved import above, below

MATRIX = 2
SHARP = 1e-6  # relative change that ends an estimate; cost, never truth
MARGINS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # above it: what the proof tries
MET = 1 + 2.0**-20  # times the shift: a square that was proved


class Bracket(NamedTuple):
    """Proved: lower <= inf f over factors of any size, f(U, V) <= upper.

    shift: what the square of the largest singular value was proved to be at most; given again to
    `bracket`, it proves the same without a search.
    """

    lower: float
    upper: float
    shift: float


def bracket(  # noqa: PLR0913  keywords
    blocks: Sequence[Any],
    V: Array,
    lam: float,
    *,
    shift: float | None = None,
    client: Client | None = None,
    seed: int = 0,
) -> Bracket:
    """Prove a lower bound of the infimum, and an upper bound of f(U, V), in rounded floats.

    blocks  files, tasks, or pairs (Y, U) where there is no cluster; V (n, r)

    Raises InputError where a block is no block, lam is none, or the cluster gives up;
    RejectedError where numbers overflow.
    """
    V, lam = accept_factor(V), scalar(lam, "lam", zero=True)
    with on_cluster(client), np.errstate(all="ignore"):
        place = PLACE.get()
        pairs = residuals(blocks, V)
        if shift is not None:
            return judge(pairs, V, lam, scalar(shift, "shift", zero=True))[1]
        squares, _ = ritz(
            partial(times, [place.run(proved.matrix_of, p) for p in pairs]),
            Start(len(V), seed=seed),
            tol=SHARP,
        )
        tried: list[Bracket] = []
        for margin in MARGINS:
            done, found = judge(pairs, V, lam, max(float(squares[0]), 0.0) * (1 + margin))
            tried.append(found)
            if done:
                break
        return max(tried, key=lambda b: b.lower)


def accept_factor(V: object) -> Array:
    """Return V (n, r).

    Raises InputError where it is none, or is not finite.
    """
    array = finite(real(V, "V"), "V")
    if array.ndim != MATRIX:
        raise InputError(f"V must have 2 dimensions, got shape {array.shape}")
    return array


def judge(pairs: list[Task], V: Array, lam: float, shift: float) -> tuple[bool, Bracket]:
    """Return whether the shift is proved, and the bracket."""
    exact = Fraction(shift)
    found = proved.bracket(pairs, V, Fraction(lam), exact)
    done = found.top**2 <= exact * Fraction(MET)
    return done, Bracket(below(found.lower), above(found.upper), shift)


def residuals(blocks: Sequence[Any], V: Array) -> list[Task]:
    """Return a task of `residual` for each block; what it returns stays where it is made."""
    place = PLACE.get()
    shared = place.persist(place.run(np.asarray, V))
    return [
        place.persist(place.run(proved.residual, place.run(read, source, V.shape), shared))
        for source in blocks
    ]


def times(blocks: list[Task], Q: Array) -> Array:
    """Return R^T R Q."""
    place = PLACE.get()
    shared = place.persist(place.run(np.asarray, Q))
    total = tree(place, lambda R: place.run(gram_times, R, shared), blocks)
    return np.asarray(place.values([total])[0])


def gram_times(R: Any, Q: Array) -> Array:  # noqa: ANN401  scipy.sparse
    """Return R^T R Q of a block."""
    return np.asarray(R.T @ (R @ Q))


def read(source: Any, shape: tuple[int, int]) -> Block:  # noqa: ANN401  a file's name, or Y and U
    """Return a block for V of a shape (n, r).

    Raises InputError where it is none.
    """
    n, r = shape
    if isinstance(source, str | Path):
        try:
            with np.load(source) as held:
                U = held["U"]
                Y: Any = sparse.coo_array((held["data"], (held["rows"], held["cols"])), (len(U), n))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{source} is no block of rows: {error}") from None
    else:
        Y, U = source
    csr, U = sparse.csr_array(Y, dtype=np.float64, copy=True), np.asarray(U, dtype=np.float64)
    csr.sum_duplicates()
    if csr.nnz != Y.nnz:
        raise InputError(f"{Y.nnz - csr.nnz} entries of a block are listed twice")
    if U.shape != (csr.shape[0], r) or csr.shape[1] != n:
        raise InputError(f"a block of shape {csr.shape} beside U {U.shape} and V {shape}")
    finite(csr.data, "data of a block")
    return Block(csr, finite(U, "U of a block"))


def alternate(
    blocks: Sequence[Any], V: Array, lam: float, *, client: Client | None = None
) -> tuple[list[Task], Array]:
    """Return blocks with the best U for this V, then the best V for them.

    A sweep of alternating least squares with lam/2 (|U|^2 + |V|^2).  The blocks are tasks, whose
    factors stay with the workers.

    Raises InputError as `bracket` does, and for lam = 0, where the best factors may not be unique.
    """
    V, lam = accept_factor(V), scalar(lam, "lam", zero=False)
    with on_cluster(client):
        place, (n, r) = PLACE.get(), V.shape
        shared = place.persist(place.run(np.asarray, V))
        better = [
            place.persist(place.run(with_rows, place.run(read, b, V.shape), shared, lam))
            for b in blocks
        ]
        sums = [
            tree(place, partial(place.run, of_columns, slice(a, a + SIDE)), better)
            for a in range(0, n, SIDE)
        ]
        parts = place.values([place.run(solve_ridge, s, r, lam) for s in sums])
        return better, np.vstack(parts)


def with_rows(block: Block, V: Array, lam: float) -> Block:
    """Return the block with the best factors of its rows."""
    return Block(block.Y, solve_ridge(normal(block.Y, V), V.shape[1], lam))


def of_columns(columns: slice, block: Block) -> Array:
    """Return what some columns of a block add to their normal equations."""
    return normal(block.Y[:, columns].T.tocsr(), block.U)


def normal(Y: Any, X: Array) -> Array:  # noqa: ANN401  scipy.sparse
    """Return sum_j x_j x_j^T and sum_j y_ij x_j over the entries of each row, side by side."""
    seen = sparse.csr_array((np.ones(Y.nnz), Y.indices, Y.indptr), shape=Y.shape)
    pairs = (X[:, :, None] * X[:, None, :]).reshape(len(X), X.shape[1] ** 2)
    return np.hstack([seen @ pairs, Y @ X])


def solve_ridge(sums: Array, r: int, lam: float) -> Array:
    """Return the solutions of ridge regressions, one a row."""
    grams = sums[:, : r * r].reshape(-1, r, r) + lam * np.eye(r)
    return np.asarray(np.linalg.solve(grams, sums[:, r * r :, None])[..., 0])
