"""Ratings in blocks of rows: the bracket of the whole table, whatever holds the blocks."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from certify import Problem, check
from certify.atoms import RankOne
from certify.base.cluster import PLACE
from certify.base.errors import InputError
from certify.base.rigor import row_blocks as proved
from certify.base.rigor import tiles
from certify.base.rigor.bounds import ETA, gamma
from certify.losses import Squared
from certify.pipeline import row_blocks
from tests.places import Frozen, Lossy, is_semidefinite, shifted

M, N, R, LAM = 14, 6, 5, 0.75
CUTS = [0, 4, 5, 5, 11, M]  # one row, and none


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Cut six columns into tiles of two."""
    monkeypatch.setattr(tiles, "SIDE", 2)
    monkeypatch.setattr(row_blocks, "SIDE", 2)


def table(seed=0):
    """Return Y, sparse, and factors."""
    rng = np.random.default_rng(seed)
    rows, cols = np.nonzero(rng.random((M, N)) < 0.6)
    Y = sparse.csr_array((rng.standard_normal(len(rows)), (rows, cols)), shape=(M, N))
    return Y, rng.standard_normal((M, R)), rng.standard_normal((N, R))


def cut(Y, U):
    return [(Y[a:b], U[a:b]) for a, b in pairwise(CUTS)]


def exact_residual(Y, U, V):
    """Return Y - U V^T over the entries, in fractions, dense."""
    u, v = ([[Fraction(x) for x in row] for row in f.tolist()] for f in (U, V))
    out = [[Fraction(0)] * N for _ in range(M)]
    listed = Y.tocoo()
    for i, j, y in zip(*(k.tolist() for k in listed.coords), listed.data.tolist(), strict=True):
        out[i][j] = Fraction(y) - sum(a * b for a, b in zip(u[i], v[j], strict=True))
    return out


def trained(sweeps, Y, U, V):
    blocks = cut(Y, U)
    for _ in range(sweeps):
        blocks, V = row_blocks.alternate(blocks, V, LAM)
    return blocks, V


@pytest.mark.parametrize("seed", range(3))
def test_what_is_summed_encloses_the_exact_residual(seed):
    Y, U, V = table(seed)
    R_ = exact_residual(Y, U, V)
    pairs = [proved.residual(row_blocks.read(b, (N, R)), V) for b in cut(Y, U)]
    all_ = proved.total([terms for terms, _ in pairs])
    y = [[Fraction(x) for x in row] for row in Y.toarray().tolist()]
    inner = sum(a * b for s, t in zip(R_, y, strict=True) for a, b in zip(s, t, strict=True))
    size = sum(a * a for row in R_ for a in row)
    for held, true in ((all_.inner, inner), (all_.size, size)):
        assert held.lo <= true <= held.hi
        assert held.hi - held.lo < Fraction(1, 2**32)
    far = [Fraction(x) for x in np.vstack([r.toarray() for _, r in pairs]).reshape(-1).tolist()]
    flat = [a for row in R_ for a in row]
    assert sum((a - b) ** 2 for a, b in zip(far, flat, strict=True)) <= all_.rad
    assert sum(a * a for a in far) <= all_.middle
    assert all_.counts.tolist() == np.diff(Y.tocsc().indptr).tolist()
    for k, held in enumerate(all_.squares):
        assert held.lo <= sum(Fraction(u) ** 2 for u in U[:, k].tolist()) <= held.hi


@pytest.mark.parametrize("seed", range(3))
def test_the_largest_singular_value_is_bounded_by_the_shift_or_by_rows(seed):
    Y, U, V = table(seed)
    dense = np.array([[float(x) for x in row] for row in exact_residual(Y, U, V)])
    top = float(np.linalg.norm(dense, 2)) ** 2
    G = dense.T @ dense
    rows = np.abs(G).sum(axis=1).max()
    blocks = row_blocks.residuals(cut(Y, U), V)
    for share, wanted in ((1 + 2.0**-40, top), (1 - 2.0**-40, rows)):
        found = proved.bracket(blocks, V, Fraction(LAM), Fraction(share * top)).top
        assert wanted * (1 - 2.0**-38) <= float(found**2) <= wanted * (1 + 2.0**-38)
        assert is_semidefinite(
            shifted(sparse.csr_array(dense), found**2 * (1 + Fraction(2) ** -50))
        )


def test_what_the_residual_in_floats_has_lost_is_in_the_bound():
    near = 1 + 2.0**-30  # squared it is y + 2^-60, rounded it is y
    y, factor = sparse.csr_array([[near * near]]), np.array([[near]])
    blocks = row_blocks.residuals([(y, factor)] * 4, factor)
    found = proved.bracket(blocks, factor, Fraction(LAM), Fraction(0))
    assert found.top**2 >= 4 * Fraction(1, 2**120)
    assert found.upper >= 2 * Fraction(1, 2**120)


def test_what_a_gram_matrix_in_floats_has_lost_is_in_its_radius(monkeypatch):
    Y, U, V = table()
    radii = []

    def recorded(blocks, n, rad):
        """Note the radius."""
        radii.append(rad)
        return tiles.TiledGram(blocks, n, rad)

    monkeypatch.setattr(proved, "TiledGram", recorded)
    pairs = row_blocks.residuals(cut(Y, U), V)
    proved.bracket(pairs, V, Fraction(LAM), Fraction(1))
    most = int(np.diff(Y.tocsc().indptr).max())
    size = sum(Fraction(x) ** 2 for _, r in pairs for x in r.data.tolist())
    assert gamma(most + 2) * size + 2 * N * most * ETA <= radii[0]
    assert radii[0] <= gamma(most + 2) * size * (1 + Fraction(1, 2**30)) + 2 * N * most * ETA


@pytest.mark.parametrize("sweeps", [0, 1, 300])
def test_the_bracket_holds_the_optimum_and_its_ends_are_what_they_are_made_of(sweeps):
    Y, U, V = table()
    blocks, V = trained(sweeps, Y, U, V)
    U = U if not sweeps else np.vstack([b.U for b in blocks])
    problem = Problem(Squared(Y.tocoo()), RankOne("l2", "l2"), LAM)
    best = check(problem, (U, V), rtol=1e-9)
    found = row_blocks.bracket(blocks, V, LAM)
    value = problem.objective((U, V))
    assert value <= found.upper <= value * (1 + 1e-12)
    optimum = best.upper if best.better_upper is None else best.better_upper
    assert found.lower <= optimum
    W = np.array([[float(x) for x in row] for row in exact_residual(Y, U, V)])
    inner, size = float((W * Y.toarray()).sum()), float((W * W).sum())
    s = min(max(inner, 0.0) / size, LAM / np.sqrt(found.shift))
    assert np.isclose(found.lower, s * inner - s * s * size / 2, rtol=1e-9)
    if sweeps == 300:
        assert best.certified
        assert 1 - found.lower / found.upper < 1e-3


def test_a_bound_is_proved_again_without_a_search(monkeypatch):
    Y, U, V = table()
    blocks, V = trained(20, Y, U, V)
    found = row_blocks.bracket(blocks, V, LAM)
    monkeypatch.setattr(row_blocks, "ritz", None)
    assert row_blocks.bracket(blocks, V, LAM, shift=found.shift) == found
    low = row_blocks.bracket(blocks, V, LAM, shift=0.9 * found.shift)
    assert (low.upper, low.lower < found.lower) == (found.upper, True)


@pytest.mark.parametrize(("short", "proofs"), [(1.0, 1), (0.9995, 2), (0.95, 4), (0.2, 5)])
def test_an_estimate_that_was_too_low_is_raised(monkeypatch, short, proofs):
    Y, U, V = table()
    made, judge, ritz = [], row_blocks.judge, row_blocks.ritz

    def estimate(*given, **more):
        """Return a part of it."""
        squares, vectors = ritz(*given, **more)
        return short * squares, vectors

    monkeypatch.setattr(row_blocks, "ritz", estimate)
    monkeypatch.setattr(row_blocks, "judge", lambda *a: made.append(judge(*a)) or made[-1])
    found = row_blocks.bracket(cut(Y, U), V, LAM)
    assert len(made) == proofs
    assert 0 < found.lower < found.upper
    assert found == max((b for _, b in made), key=lambda b: b.lower)


def test_no_residual_and_no_penalty_have_a_bracket():
    Y, U, V = table()
    listed = Y.tocoo()
    at = listed.coords
    fits = sparse.csr_array(((np.rint(U) @ np.rint(V).T)[at], at), shape=(M, N))
    exact = row_blocks.bracket(cut(fits, np.rint(U)), np.rint(V), LAM)
    assert exact.lower == 0.0
    assert row_blocks.bracket(cut(Y, U), V, 0.0).lower == 0.0


@pytest.mark.parametrize("place", [Frozen, Lossy])
def test_neither_place_nor_loss_changes_a_bit(place):
    Y, U, V = table()
    here = trained(2, Y, U, V)
    wanted = row_blocks.bracket(*here, LAM)
    token = PLACE.set(place())
    there = trained(2, Y, U, V)
    found = row_blocks.bracket(*there, LAM)
    PLACE.reset(token)
    assert found == wanted
    assert np.array_equal(there[1], here[1])


def test_a_sweep_solves_both_ridge_regressions():
    Y, U, V = table()
    blocks, found = row_blocks.alternate(cut(Y, U), V, LAM)
    better = np.vstack([b.U for b in blocks])
    seen, dense = Y.toarray() != 0, Y.toarray()
    for out, fixed, y, at in ((better, V, dense, seen), (found, better, dense.T, seen.T)):
        for k, row in enumerate(out):
            F = fixed[at[k]]
            slope = F.T @ (F @ row - y[k, at[k]]) + LAM * row
            assert np.abs(slope).max() < 1e-12


def test_files_are_blocks(tmp_path):
    Y, U, V = table()
    files = []
    for k, (part, factor) in enumerate(cut(Y, U)):
        listed, order = part.tocoo(), np.random.default_rng(k).permutation(part.nnz)
        rows, cols = (x[order] for x in listed.coords)
        files.append(tmp_path / f"{k}.npz")
        np.savez(files[-1], rows=rows, cols=cols, data=listed.data[order], U=factor)
    assert row_blocks.bracket(files, V, LAM) == row_blocks.bracket(cut(Y, U), V, LAM)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": [0, 0], "cols": [1, 1]}, "1 entries of a block are listed twice"),
        ({"data": [np.nan, 1.0]}, r"data of a block must be finite, got nan at \[0\]"),
        ({"U": np.full((2, R), np.inf)}, r"U of a block must be finite, got inf at \[0, 0\]"),
        ({"cols": [0, N]}, "is no block of rows"),
        ({"data": [1.0]}, "is no block of rows"),
        ({"U": None}, "is no block of rows"),
    ],
)
def test_what_is_no_block_is_refused(tmp_path, change, said):
    held = {"rows": [0, 1], "cols": [0, 1], "data": [1.0, 2.0], "U": np.ones((2, R))} | change
    file = tmp_path / "block.npz"
    np.savez(file, **{k: x for k, x in held.items() if x is not None})
    with pytest.raises(InputError, match=said):
        row_blocks.bracket([file], np.ones((N, R)), LAM)


@pytest.mark.parametrize("act", [row_blocks.bracket, row_blocks.alternate])
def test_what_is_no_penalty_or_no_factor_is_refused(act):
    Y, U, V = table()
    for lam in (-1.0, np.nan, "1"):
        with pytest.raises(InputError, match="lam must be a finite number"):
            act([(Y, U)], V, lam)
    with pytest.raises(InputError, match="V must be finite"):
        act([(Y, U)], np.full_like(V, np.nan), LAM)
    with pytest.raises(InputError, match="V must have 2 dimensions"):
        act([(Y, U)], V[:, 0], LAM)
    with pytest.raises(InputError, match="beside U"):
        act([(Y, U[:, 1:])], V, LAM)


def test_a_negative_shift_is_refused():
    Y, U, V = table()
    with pytest.raises(InputError, match="shift must be"):
        row_blocks.bracket([(Y, U)], V, LAM, shift=-1.0)


def test_entries_that_a_matrix_lists_twice_are_refused():
    Y, U, V = table()
    again = sparse.csr_array((Y.data, Y.indices, Y.indptr), shape=Y.shape)
    again.indices = again.indices.copy()
    again.indices[1] = again.indices[0]
    with pytest.raises(InputError, match="1 entries of a block are listed twice"):
        row_blocks.bracket([(again, U)], V, LAM)
    assert again.nnz == Y.nnz


def test_blocks_of_other_sizes_or_files_that_are_not_there_are_refused(tmp_path):
    Y, U, V = table()
    with pytest.raises(InputError, match=r"beside U \(13, 5\) and V \(6, 5\)"):
        row_blocks.bracket([(Y, U[1:])], V, LAM)
    with pytest.raises(InputError, match=r"gone.npz is no block of rows"):
        row_blocks.bracket([tmp_path / "gone.npz"], V, LAM)
