"""Better factors of blocks of rows: as good as those of the whole table, and with a proof."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from certify import improve as improve_whole
from certify.base.cluster import PLACE
from certify.base.errors import InputError
from certify.base.rigor import tiles
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.row_blocks import RowBlocks, check, improve, search, verify
from tests.pipeline.test_row_blocks import CASES, CUTS, LAM, N, entries, offsets_of, table, whole
from tests.places import Frozen, Lossy


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Cut six columns into tiles of two."""
    for module in (tiles, search):
        monkeypatch.setattr(module, "SIDE", 2)


def fit_of(ridges, weighted):
    """Return a table, and a fit in the midst of a search."""
    blocks, factors = table(ridges, weighted=weighted)
    fit = search.begin(blocks, factors)
    return blocks, fit._replace(
        b=np.linspace(-1, 1, N) * (blocks.ridge(ColumnIntercept) is not None)
    )


def dense(weighted):
    Y, C, _, _ = entries()
    seen = C.toarray() > 0
    return Y.toarray(), (C.toarray() if weighted else seen.astype(float))


@pytest.mark.parametrize(("ridges", "weighted"), CASES)
def test_factors_from_nothing_are_certified(ridges, weighted):
    blocks, _ = table(ridges, weighted=weighted)
    found = improve(blocks, rtol=1e-4)
    problem = whole(ridges, weighted=weighted)
    nothing = tuple(np.zeros((d, 0)) for d in problem.loss.dims)
    best = improve_whole(problem, nothing, rtol=1e-6).objective
    assert found.certified
    assert found.result.lower <= best <= found.result.upper * (1 + 1e-6)
    assert found.result.upper <= best * (1 + 1e-4)
    U, V = np.vstack(found.factors[0]), found.factors[1]
    value = problem.objective((U, V), problem.best_offsets((U, V)))
    assert np.isclose(value, found.result.upper, rtol=1e-9)
    assert verify(found.result.certificate, blocks, found.factors, rtol=1e-4).certified


def test_given_factors_are_gone_on_from():
    blocks, factors = table(CASES[7][0])
    poor = check(blocks, factors)
    better = improve(blocks, factors, rtol=1e-3)
    assert better.result.upper < poor.upper
    stages = []
    again = improve(blocks, better.factors, rtol=1e-2, progress=lambda *x: stages.append(x))
    assert [name for name, _ in stages] == ["sweep"]  # one look at them
    assert np.array_equal(again.factors[1], better.factors[1])
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(again)


def test_a_search_that_is_ended_proves_what_it_has():
    blocks, factors = table()
    for limit in ({"budget": 1e-9}, {"progress": lambda *_: True}):
        ended = improve(blocks, factors, **limit)
        assert np.array_equal(ended.factors[1], factors[1])
        assert ended.result.upper == check(blocks, factors).upper


def test_a_search_without_progress_ends(monkeypatch):
    monkeypatch.setattr(search, "grow", lambda fit, *_: fit)
    monkeypatch.setattr(search, "descend", lambda _, fit: fit)
    stages = []
    blocks, factors = table()
    found = improve(blocks, factors, progress=lambda *x: stages.append(x))
    assert len(stages) == search.STALE + 1
    assert not found.certified


def test_a_penalty_that_nothing_earns_leaves_no_components():
    blocks, _ = table()
    found = improve(RowBlocks(blocks.blocks, N, 1000.0))
    assert found.certified
    assert found.factors[1].shape == (N, 0)
    biased = improve(RowBlocks(blocks.blocks, N, 1000.0, [RowIntercept(1.0)]), rtol=1e-6)
    assert biased.certified
    assert biased.result.upper < found.result.upper


@pytest.mark.parametrize("place", [Frozen, Lossy])
@pytest.mark.parametrize(("ridges", "weighted"), [CASES[0], CASES[13]])
def test_neither_place_nor_loss_changes_a_bit(place, ridges, weighted):
    blocks, _ = table(ridges, weighted=weighted)
    here = improve(blocks, rtol=1e-2)
    token = PLACE.set(place())
    try:
        there = improve(blocks, rtol=1e-2)
    finally:
        PLACE.reset(token)
    assert np.array_equal(here.factors[1], there.factors[1])
    assert here.result.certificate.statement == there.result.certificate.statement
    assert (here.result.lower, here.result.upper) == (there.result.lower, there.result.upper)


@pytest.mark.parametrize(("ridges", "weighted"), CASES)
def test_a_sweep_solves_both_sides_and_tells_the_objective_between(ridges, weighted):
    blocks, fit = fit_of(ridges, weighted)
    y, c = dense(weighted)
    after, value = search.sweep(blocks, fit)
    U, a = (np.concatenate(x) for x in zip(*after.rows, strict=True))
    rows, columns = blocks.ridge(RowIntercept), blocks.ridge(ColumnIntercept)
    W = c * (y - U @ fit.V.T - a[:, None] - fit.b)
    between = (np.where(c > 0, W**2 / np.where(c > 0, c, 1), 0)).sum() / 2
    between += LAM / 2 * ((U**2).sum() + (fit.V**2).sum())
    between += ((rows or 0) * a @ a + (columns or 0) * fit.b @ fit.b) / 2
    assert np.isclose(value, between, rtol=1e-12)
    assert np.abs(LAM * U - W @ fit.V).max() < 1e-11
    if rows is not None:
        assert np.abs(rows * a - W.sum(axis=1)).max() < 1e-11
    W = c * (y - U @ after.V.T - a[:, None] - after.b)
    assert np.abs(LAM * after.V - W.T @ U).max() < 1e-11
    if columns is None:
        assert not after.b.any()
    else:
        assert np.abs(columns * after.b - W.sum(axis=0)).max() < 1e-11


def test_rows_and_columns_without_entries_have_factors_and_biases_of_zero():
    y = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 0.0]])
    blocks = [sparse.csr_array(y[:1]), sparse.csr_array((1, 3)), sparse.csr_array(y[1:])]
    table = RowBlocks(blocks, 3, 0.1, [RowIntercept(0.0), ColumnIntercept(0.0)])
    found = improve(table, rtol=1e-4)
    assert found.certified
    fit = search.begin(table, (tuple(np.ones((1, 1)) for _ in range(3)), np.ones((3, 1))))
    after, _ = search.sweep(table, fit)
    assert after.V[2] == after.b[2] == after.rows[1][0] == after.rows[1][1] == 0


def test_balanced_factors_have_the_same_product_and_no_dead_components():
    _, fit = fit_of((), weighted=False)
    V = np.hstack([fit.V, fit.V[:, :1]])  # a copy
    rows = [(np.hstack([U, 2 * U[:, :1]]), a) for U, a in fit.rows]
    out = search.balance(fit._replace(V=V, rows=rows))
    U, before = (np.vstack([x for x, _ in part]) for part in (out.rows, rows))
    assert out.V.shape == fit.V.shape
    assert np.abs(U @ out.V.T - before @ V.T).max() < 1e-13
    sizes = np.linalg.svd(before @ V.T, compute_uv=False)[: len(out.V[0])]
    for x in (U, out.V):
        assert np.abs(x.T @ x - np.diag(sizes)).max() < 1e-12
    zero = [(0 * U, a) for U, a in fit.rows]
    assert search.balance(fit._replace(rows=zero)).V.shape == (N, 0)


def test_what_is_appended_lowers_the_objective_most_along_itself():
    blocks, fit = fit_of((), weighted=True)
    sums, _ = search.residuals(blocks, fit)
    W = np.vstack([x.toarray() for x in sums.W])
    u, values, right = np.linalg.svd(W)
    out = search.grow(fit, sums.W, (values[:2], right[:2].T), LAM)
    y, c = dense(weighted=True)
    for k in range(2):
        v = out.V[:, fit.V.shape[1] + k]
        size = np.linalg.norm(v)
        step = size**2 * np.outer(u[:, k], right[k])  # the best multiple, less its price
        earned = (W * step).sum() - LAM * size**2
        assert np.isclose(earned, (c * step**2).sum(), rtol=1e-10)
    assert y.shape == W.shape
    assert search.grow(fit, sums.W, (np.zeros(0), np.zeros((N, 0))), LAM) is fit


def test_the_limit_of_linear_steps_is_found_at_once():
    rng = np.random.default_rng(0)
    A, limit, x = rng.standard_normal((6, 6)) / 6, rng.standard_normal(6), np.zeros(6)
    past = []
    for _ in range(7):
        past.append((x, limit + A @ (x - limit)))
        x = past[-1][1]
    assert np.abs(search.extrapolate(past) - limit).max() < 1e-9
    assert np.array_equal(search.extrapolate(past[:1]), past[0][1])


def test_a_start_that_is_worse_is_left(monkeypatch):
    blocks, fit = fit_of((), weighted=False)
    monkeypatch.setattr(search, "SWEEPS", 4)
    plain = fit
    for _ in range(2):
        plain, _ = search.sweep(blocks, plain)
    monkeypatch.setattr(search, "extrapolate", lambda past: 1e3 + past[-1][1])
    found = search.descend(blocks, fit)  # two of the four sweeps were in vain
    assert np.allclose(found.V, plain.V, rtol=1e-12)


def test_factors_are_written_beside_blocks_and_read_again(tmp_path):
    ridges, weighted = CASES[7]
    blocks, _ = table(ridges, weighted=weighted)
    here = improve(blocks, rtol=1e-3)
    found = improve(blocks, rtol=1e-3, folder=tmp_path / "fit")
    names = {f"U{k}.npy" for k in range(len(CUTS) - 1)} | {"V.npy"}
    assert {p.name for p in (tmp_path / "fit").iterdir()} == names
    for k, (a, b) in enumerate(pairwise(CUTS)):
        U = np.load(tmp_path / "fit" / f"U{k}.npy")
        assert np.array_equal(U, here.factors[0][k])
        assert len(U) == b - a
    V = np.load(tmp_path / "fit" / "V.npy")
    assert verify(found.result.certificate, blocks, (found.factors[0], V), rtol=1e-3).certified
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        improve(blocks, rtol=1e-3, folder=tmp_path / "file")


def test_what_has_no_best_factors_is_refused():
    blocks, factors = table()
    with pytest.raises(InputError, match=r"lam must be > 0, got 0\.0"):
        improve(RowBlocks(blocks.blocks, N, 0.0), factors)
    with pytest.raises(InputError, match="there are 5 blocks, and U of 4"):
        improve(blocks, (factors[0][:4], factors[1]))
    assert offsets_of(()) == []
