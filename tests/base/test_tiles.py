"""Large Gram matrices by tiles: the same bounds, on any place, whatever is lost on the way."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from certify.base.cluster import PLACE, on_cluster
from certify.base.rigor import tiles
from certify.base.rigor.bounds import up
from certify.base.rigor.fields import Ball
from certify.base.rigor.rounded import Rounded
from certify.kernel.errors import RejectedError
from certify.kernel.patterns import Pattern
from tests.places import Frozen, Lossy, is_semidefinite, shifted

ROUNDED = Rounded()
SIZES = [(3, 7, 12, 10), (4, 1000, 5, 8), (5, 20, 30, 5), (1, 1, 4, 6), (100, 100, 9, 7)]


def cut(monkeypatch, side, entries):
    monkeypatch.setattr(tiles, "SIDE", side)
    monkeypatch.setattr(tiles, "WIDE", side)
    monkeypatch.setattr(tiles, "ENTRIES", entries)


def integers(m, n):
    """A sparse matrix of small integers, of which every sum of products is exact."""
    rng = np.random.default_rng(m)
    dense = rng.integers(-3, 4, (m, n)) * (rng.random((m, n)) < 0.5)
    return sparse.csr_array(dense.astype(float))


def floats(m, n):
    return sparse.csr_array(sparse.random_array((m, n), density=0.4, rng=np.random.default_rng(m)))


def in_tiles(X, c):
    return tiles.in_tiles(tiles.row_blocks(X), X.shape[1], c)


@pytest.mark.parametrize(("side", "entries", "m", "n"), SIZES)
def test_sums_diagonal_and_end_are_those_of_the_matrix(monkeypatch, side, entries, m, n):
    cut(monkeypatch, side, entries)
    X = integers(m, n)
    G = (X.T @ X).toarray()
    top = np.linalg.eigvalsh(G)[-1]
    wanted = up(Fraction(np.abs(G).sum(axis=1).max()), n + 1)
    for c, done in ((1.001 * top, True), (0.999 * top, False), (-1.0, False)):
        found = in_tiles(X, c)
        assert found.rows == wanted
        assert np.array_equal(found.diagonal, c - G.diagonal())
        assert found.done is done


@pytest.mark.parametrize(("side", "entries", "m", "n"), SIZES)
def test_the_bound_by_tiles_is_a_bound_and_a_close_one(monkeypatch, side, entries, m, n):
    cut(monkeypatch, side, entries)
    X = floats(m, n)
    coo = X.tocoo()
    at = Pattern(m, n, *(k.astype(np.int64) for k in coo.coords), dims=(m, n))
    held = Ball(coo.data, Fraction(0))
    top = Fraction(float(np.linalg.eigvalsh((X.T @ X).toarray())[-1]))
    (tiled, _), wide = ROUNDED.gram(held, 1, at), n > side
    assert isinstance(tiled, tiles.TiledGram) is wide
    assert (tiled.shape, tiled.mid.shape) == ((n, n), (n, n))
    assert ROUNDED.measure(tiled).shape == (n, n)
    monkeypatch.setattr(tiles, "WIDE", n)
    whole, _ = ROUNDED.gram(held, 1, at)
    assert type(whole) is Ball
    assert whole.rad == tiled.rad
    for share in (1 + 2.0**-40, 1 - 2.0**-40):
        both = [ROUNDED.top(g, top * Fraction(share), None) for g in (tiled, whole)]
        assert all(is_semidefinite(shifted(X, t)) for t in both)
        assert abs(both[0] - both[1]) <= Fraction(1, 2**40) * top
    assert ROUNDED.top(tiled, top * Fraction(1 + 2.0**-40), None) <= top * Fraction(1 + 2.0**-38)
    assert not is_semidefinite(shifted(X, top * Fraction(1 - 2.0**-38)))


def test_a_gram_matrix_in_tiles_is_added_to_whole(monkeypatch):
    cut(monkeypatch, 2, 9)
    X = integers(8, 5)
    g, one = tiles.gram_of(X, Fraction(0)), Ball(np.eye(5), Fraction(0))
    assert np.array_equal(ROUNDED.add(g, one).mid, (X.T @ X).toarray() + np.eye(5))


@pytest.mark.parametrize(("side", "entries", "m", "n"), SIZES)
def test_neither_place_nor_loss_changes_a_bit(monkeypatch, side, entries, m, n):
    cut(monkeypatch, side, entries)
    X, lossy = floats(m, n), Lossy()
    c = 1.01 * float(np.linalg.norm(X.toarray(), 2)) ** 2
    here = in_tiles(X, c)
    for place in (Frozen(), lossy):
        token = PLACE.set(place)
        found = in_tiles(X, c)
        PLACE.reset(token)
        assert (found.rows, found.done) == (here.rows, True)
        assert np.array_equal(found.diagonal, here.diagonal)
    assert lossy.runs > n // side


def test_rows_come_in_blocks_of_about_equally_many_entries(monkeypatch):
    cut(monkeypatch, 2, 10)
    X = integers(40, 6)
    blocks = tiles.row_blocks(X)
    assert np.array_equal(sparse.vstack(blocks).toarray(), X.toarray())
    assert len(blocks) == -(-X.nnz // 10)
    assert max(b.nnz for b in blocks) <= 10 + 6
    assert len(tiles.row_blocks(sparse.csr_array((3, 2)))) == 1


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e200])
def test_what_is_no_number_is_refused(monkeypatch, bad):
    cut(monkeypatch, 2, 9)
    X = integers(8, 5)
    X.data[3] = bad
    with np.errstate(all="ignore"), pytest.raises(RejectedError, match="overflow"):
        in_tiles(X, 1e3)


def test_a_pivot_that_is_no_number_ends_a_factorization():
    for end in (np.inf, np.nan):
        assert not tiles.completes(tiles.factor(np.array([[end]])))
    assert tiles.factor(np.array([[1.0, 2.0], [2.0, 1.0]])) is None
    assert not tiles.completes(None)
    assert tiles.completes(tiles.factor(np.array([[4.0]])))


def test_nothing_follows_a_factorization_that_has_ended():
    one = np.eye(2)
    assert tiles.factor(None) is None
    assert tiles.solve_below(None, one) is tiles.solve_below(one, None) is None
    for k in range(3):
        assert tiles.update(*(None if j == k else one for j in range(3))) is None


def test_a_cluster_takes_what_one_machine_holds_whole(monkeypatch):
    monkeypatch.setattr(tiles, "SIDE", 4)
    X = integers(8, 5)
    assert type(tiles.gram_of(X, Fraction(0))) is Ball
    with on_cluster("a client"):
        assert type(tiles.gram_of(X, Fraction(0))) is tiles.TiledGram
        assert type(tiles.gram_of(integers(8, 4), Fraction(0))) is Ball
