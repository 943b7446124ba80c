"""Better factors of blocks of rows: as good as those of the whole table, and with a proof."""

import re
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from certify import improve as improve_whole
from certify.base.cluster import PLACE, Here
from certify.base.errors import InputError
from certify.base.rigor import tiles
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.row_blocks import (
    RowBlocks,
    check,
    checkpoint,
    descent,
    improve,
    search,
    verify,
)
from certify.search.descent import ratings
from tests.pipeline.test_row_blocks import (
    CASES,
    CUTS,
    LAM,
    NORMS,
    M,
    N,
    counts,
    entries,
    offsets_of,
    table,
    weights_of,
    whole,
)
from tests.places import Frozen, Lossy, Odd


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Cut six columns into tiles of two."""
    monkeypatch.setattr(tiles, "SIDE", 2)


def fit_of(ridges, weighted, norms="l2"):
    """Return a table, and a fit in the midst of a search."""
    blocks, factors = table(ridges, weighted=weighted, norms=norms)
    fit = search.begin(blocks, factors)
    return blocks, fit._replace(
        b=np.linspace(-1, 1, N) * (blocks.ridge(ColumnIntercept) is not None)
    )


def dense(weighted):
    Y, C, _, _ = entries()
    seen = C.toarray() > 0
    return Y.toarray(), (C.toarray() if weighted else seen.astype(float))


@pytest.mark.sampled(8)
@pytest.mark.parametrize("norms", NORMS)
@pytest.mark.parametrize(("ridges", "weighted"), CASES)
def test_factors_from_nothing_are_certified(ridges, weighted, norms):
    blocks, _ = table(ridges, weighted=weighted, norms=norms)
    found = improve(blocks, rtol=1e-4)
    problem = whole(ridges, weighted=weighted, norms=norms)
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
    assert [name for name, _ in stages] == ["grow"]  # one look at them
    assert np.array_equal(again.factors[1], better.factors[1])
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(again)


def test_a_gap_that_a_rough_estimate_promises_is_estimated_again(monkeypatch):
    blocks, factors = table(CASES[7][0])
    ritz, stages = search.ritz, []

    def short(times, start, *, tol):
        """Return values of which the rough ones are too small."""
        squares, vectors = ritz(times, start, tol=tol)
        return (0.5 if tol > 1e-6 else 1.0) * squares, vectors

    monkeypatch.setattr(search, "ritz", short)
    found = improve(blocks, factors, rtol=1e-4, progress=lambda *x: stages.append(x))
    assert found.certified
    assert len(stages) > 1


def test_a_search_that_is_ended_proves_what_it_has():
    blocks, factors = table()
    for limit in ({"budget": 1e-9}, {"progress": lambda *_: True}):
        ended = improve(blocks, factors, **limit)
        assert np.array_equal(ended.factors[1], factors[1])
        assert ended.result.upper == check(blocks, factors).upper


def test_a_search_without_progress_goes_on_in_double_precision_and_ends(monkeypatch):
    kinds, asked, stages = [], [], []

    def stay(sides, rows, columns, steps, *_):
        """Note the precision and how many steps are asked for, and take none."""
        kinds.append(sides.empty.kind)
        asked.append(steps)
        return rows, columns

    monkeypatch.setattr(search, "grow", lambda fit, *_: fit)
    monkeypatch.setattr(search, "descend", stay)
    blocks, factors = table()
    found = improve(blocks, factors, progress=lambda *x: stages.append(x))
    assert kinds == [np.float32] * search.STALE + [np.float64] * search.STALE
    assert asked == [asked[0] * k for k in range(1, search.STALE + 1)] * 2
    assert len(stages) == 2 * search.STALE + 1
    assert not found.certified


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda x: x, np.float32),
        (lambda x: x * 2.0**60, np.float64),
        (lambda x: x * 2.0**-60, np.float64),
        (lambda x: x * 0, np.float32),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_whose_squares_single_precision_does_not_hold_are_double(change, kind, weighted):
    Y = entries()[0]
    changed = change(Y)
    blocks = [(Y, abs(changed)) if weighted and kind == np.float64 else changed]
    asked = RowBlocks(blocks, N, LAM)
    assert search.precision(asked, search.begin(asked, None), np.ones(N)) is kind
    huge = [np.full(M, 2.0**60)], np.ones(N)
    for more in ({"lam": 2.0**60}, {"offsets": [RowIntercept(2.0**-60)]}, {"norms": huge}):
        other = replace(asked, **more)
        assert search.precision(other, search.begin(other, None), np.ones(N)) is np.float64
    assert search.precision(asked, search.begin(asked, None), huge[0][0][:N]) is np.float64


@pytest.mark.thorough
def test_rounds_without_progress_take_more_steps():
    rng = np.random.default_rng(4)
    ratings = sparse.random_array(
        (12, N), density=0.6, rng=rng, data_sampler=lambda size: rng.integers(1, 11, size) / 2
    ).tocsr()
    assert improve(RowBlocks([ratings[:6], ratings[6:]], N, 0.02), rtol=1e-5).certified


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


def sort(blocks, fit, kind=np.float64):
    """Return the entries of a fit."""
    q = blocks.column_prices(lambda: counts()[1])
    q = np.ones(N) if q is None else q
    return descent.sort_blocks(fit.data, blocks.prices, q, kind)


def state_of(blocks, fit, kind=np.float64):
    """Return the entries of a fit, and a point at it."""
    sides = sort(blocks, fit, kind)
    biases = [blocks.ridge(k) is not None for k in (RowIntercept, ColumnIntercept)]
    extra = [x for x, there in zip((np.ones(N), fit.b), biases, strict=True) if there]
    x = np.column_stack([fit.V, *extra]).astype(kind)
    return sides, descent.step_to(sides, descent.begin(sides, fit.rows, x), None, 0.0)


def objective(blocks, weighted, at):
    """Return the objective of (U, a), (V, b), with penalties of squares."""
    y, c = dense(weighted)
    (rows, (V, b)), prices = at, blocks.prices
    U, a = (np.concatenate(x) for x in zip(*rows, strict=True))
    p, q = weights_of("given" if blocks.given_weights else blocks.norms)
    value = (c * (y - U @ V.T - a[:, None] - b) ** 2).sum()
    value += LAM * (p @ U**2 + q @ V**2).sum()
    value += float(prices.rows or 0) * a @ a + float(prices.columns or 0) * b @ b
    return value / 2


@pytest.mark.parametrize(("ridges", "weighted"), CASES)
def test_a_point_has_the_value_and_the_slope_of_the_objective(ridges, weighted):
    blocks, fit = fit_of(ridges, weighted)
    sides, now = state_of(blocks, fit)
    at = fit.rows, (fit.V, fit.b)
    assert np.isclose(now.value, objective(blocks, weighted, at), rtol=1e-13)
    values = [descent.step_to(sides, now, np.ones(1), t).value for t in (1e-5, -1e-5)]
    sizes = [float((x.g**2).sum()) for x in (*(s for s, _ in now.blocks), now.columns)]
    assert np.isclose((values[0] - values[1]) / 2e-5, sum(sizes), rtol=1e-7)
    assert np.isclose(now.products, sum(sizes), rtol=1e-13)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("norms", NORMS)
@pytest.mark.parametrize(("ridges", "weighted"), CASES)
def test_steps_in_blocks_are_those_of_the_whole_matrix(ridges, weighted, norms):
    """As `Steps` and the search of one matrix take them, but for rounding."""
    blocks, fit = fit_of(ridges, weighted, norms)
    sides = sort(blocks, fit)
    rows, (V, b) = descent.descend(sides, fit.rows, (fit.V, fit.b), 8)
    problem = whole(ridges, weighted=weighted, norms=norms)
    one = ratings.entries_of(problem, np.float64)
    U = np.vstack([u for u, _ in fit.rows])
    given = [
        None if k is None else x for k, x in zip(one.biases, (np.zeros(len(U)), fit.b), strict=True)
    ]
    end = ratings.descend(one, one.into((U, fit.V), tuple(given)), 8)
    expected, _ = one.out(end.x)
    assert np.allclose(np.vstack([u for u, _ in rows]), expected[0], rtol=1e-8, atol=1e-9)
    assert np.allclose(V, expected[1], rtol=1e-8, atol=1e-9)
    if one.biases[1] is not None:
        assert np.allclose(b, end.x[-N:, -1], rtol=1e-8, atol=1e-9)
    if one.biases[0] is not None:
        a = np.concatenate([a for _, a in rows])
        assert np.allclose(a[one.rows], end.x[:-N, V.shape[1]], rtol=1e-8, atol=1e-9)
    value = objective(blocks, weighted, (rows, (V, b)))
    assert value < objective(blocks, weighted, (fit.rows, (fit.V, fit.b)))
    assert np.isclose(value, end.value, rtol=1e-12)


def test_many_steps_end_where_the_slope_is_nothing():
    blocks, fit = fit_of(CASES[7][0], weighted=True)
    sides = sort(blocks, fit)
    rows, (V, b) = descent.descend(sides, fit.rows, (fit.V, fit.b), 500)
    _, now = state_of(blocks, fit._replace(rows=rows, V=V, b=b))
    assert (
        max(np.abs(s.g).max(initial=0.0) for s in (*(s for s, _ in now.blocks), now.columns)) < 1e-6
    )
    again = descent.descend(sides, rows, (V, b), 5, lambda: True)
    assert np.allclose(again[1][0], V, rtol=1e-14)


def test_a_pair_along_which_the_slope_does_not_rise_is_left_out():
    """The basis is s0, s1, y0, y1, g of two numbers."""
    s, y, g = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[2.0, 0.0], [0.0, 4.0]]), [[1.0, 1.0]]
    basis = np.vstack([s, y, g])
    weights, slope = descent.direction(basis @ basis.T)
    assert np.allclose(weights @ basis, [-0.5, -0.25])
    assert np.isclose(slope, -0.75)
    for bad in (-y[1], 0 * y[1]):
        basis[3] = bad
        weights, _ = descent.direction(basis @ basis.T)
        assert np.allclose(weights @ basis, [-0.5, -0.5])
        assert weights[1] == weights[3] == 0
    weights, slope = descent.direction(np.zeros((1, 1)))
    assert (weights.tolist(), slope) == ([-1.0], 0.0)
    wrong = np.array([[1.0, 1.0, -1e9], [1.0, 1.0, 1.0], [1e9, 1.0, 1.0]])  # of no vectors
    assert descent.direction(wrong)[0].tolist() == [0.0, 0.0, -1.0]


def test_rows_and_columns_without_entries_have_factors_and_biases_of_zero():
    y = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 0.0]])
    blocks = [sparse.csr_array(y[:1]), sparse.csr_array((1, 3)), sparse.csr_array(y[1:])]
    table = RowBlocks(blocks, 3, 0.1, [RowIntercept(0.0), ColumnIntercept(0.0)])
    found = improve(table, rtol=1e-4)
    assert found.certified
    assert not found.factors[1][2].any()
    assert not found.factors[0][1].any()


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
    lam = float(values[1:3].mean())  # two of three earn more
    out = search.grow(fit, sums.W, (values[:3], right[:3].T), lam)
    _, c = dense(weighted=True)
    r, U = fit.V.shape[1], np.vstack([x for x, _ in out.rows])
    assert np.array_equal(out.V[:, :r], fit.V)
    assert np.array_equal(U[:, :r], np.vstack([x for x, _ in fit.rows]))
    for k in range(2):
        step = np.outer(U[:, r + k], out.V[:, r + k])
        price = lam * np.linalg.norm(U[:, r + k]) * np.linalg.norm(out.V[:, r + k])
        assert np.isclose((W * step).sum() - price, (c * step**2).sum(), rtol=1e-10)
        assert np.allclose(step / np.linalg.norm(step), np.outer(u[:, k], right[k]))
    sizes = np.linalg.norm(out.V[:, r:], axis=0) ** 2
    assert np.isclose(
        sizes[2], search.ratings.SLIGHT * sizes[:2].max()
    )  # one that earns too little
    assert search.grow(fit, sums.W, (np.zeros(2), np.zeros((N, 2))), LAM) is fit


@pytest.mark.parametrize("norms", NORMS[1:])
def test_what_is_appended_to_weighted_norms_lowers_the_objective_most_along_itself(norms):
    blocks, fit = fit_of((), weighted=True, norms=norms)
    sums, _ = search.residuals(blocks, fit)
    S = np.vstack([x.toarray() for x in sums.W])
    (p, q), (_, c) = weights_of(norms), dense(weighted=True)
    W = S * np.sqrt(p)[:, None] * np.sqrt(q)
    _, values, right = np.linalg.svd(S)
    lam = float(values[1:3].mean())
    out = search.grow(fit, sums.W, (values[:2], right[:2].T), lam, sums.scale)
    r, U = fit.V.shape[1], np.vstack([x for x, _ in out.rows])
    for k in range(2):
        u, v = U[:, r + k], out.V[:, r + k]
        price = lam * np.sqrt(p @ u**2) * np.sqrt(q @ v**2)
        assert np.isclose(u @ W @ v - price, (c * np.outer(u, v) ** 2).sum(), rtol=1e-10)


@pytest.mark.parametrize("norms", NORMS[1:])
def test_balanced_factors_of_weighted_norms_cost_least(norms):
    fit = fit_of((), weighted=False, norms=norms)[1]
    p, q = weights_of(norms)
    out = search.balance(fit, 1 / np.sqrt(q))
    U, before = (np.vstack([x for x, _ in part]) for part in (out.rows, fit.rows))
    assert np.abs(U @ out.V.T - before @ fit.V.T).max() < 1e-13
    sizes = np.linalg.svd(np.sqrt(p)[:, None] * (before @ fit.V.T) * np.sqrt(q), compute_uv=False)
    kept = np.diag(sizes[: out.V.shape[1]])
    assert np.abs((p[:, None] * U).T @ U - kept).max() < 1e-12
    assert np.abs((q[:, None] * out.V).T @ out.V - kept).max() < 1e-12


def test_no_more_is_appended_than_a_few_beside_what_earns(monkeypatch):
    monkeypatch.setattr(search.ratings, "FEWEST", 1)
    blocks, fit = fit_of((), weighted=False)
    sums, _ = search.residuals(blocks, fit)
    _, values, right = np.linalg.svd(np.vstack([x.toarray() for x in sums.W]))
    for lam, count in ((2 * values[0], 1), (values[:2].mean(), 2), (values[2:4].mean(), 4)):
        out = search.grow(fit, sums.W, (values, right.T), float(lam))
        assert out.V.shape[1] - fit.V.shape[1] == count


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
    with pytest.raises(InputError, match="there are 5 blocks, but U has 4"):
        improve(blocks, (factors[0][:4], factors[1]))
    assert offsets_of(()) == []


@pytest.mark.parametrize(("ridges", "weighted"), [c for c in CASES if "row" in dict(c[0])])
def test_biases_of_rows_are_best_for_the_others(ridges, weighted):
    blocks, fit = fit_of(ridges, weighted)
    b = np.linspace(0, 1, N)
    after = search.set_biases(blocks, fit, b)
    y, c = dense(weighted)
    U, a = (np.concatenate(x) for x in zip(*after.rows, strict=True))
    sums = (c * (y - U @ fit.V.T - a[:, None] - b)).sum(axis=1)
    assert np.allclose(sums, blocks.ridge(RowIntercept) * a, atol=1e-12)
    assert after.b is b
    assert np.array_equal(U, np.vstack([u for u, _ in fit.rows]))


def stop_after(count):
    """Return what ends a search at its so manieth look, and what it was told."""
    told = []
    return lambda _, value: told.append(value) or len(told) >= count, told


@pytest.mark.parametrize("place", [Here, Lossy])
def test_a_search_goes_on_from_its_checkpoint(tmp_path, monkeypatch, place):
    blocks, _ = table(CASES[7][0])
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    token = PLACE.set(place())
    try:
        stop, told = stop_after(3)
        first = improve(blocks, rtol=1e-5, progress=stop, checkpoint=tmp_path / "kept")
        (fit,) = (p for p in (tmp_path / "kept").iterdir() if p.is_dir())
        names = {f"U{k}.npy" for k in range(len(CUTS) - 1)} | {"V.npy"}
        assert {p.name for p in fit.iterdir()} == names
        assert np.array_equal(np.load(fit / "V.npy"), first.factors[1])
        (tmp_path / "kept" / "99").mkdir()  # of a run that was killed as it wrote
        stop, again = stop_after(1)
        ended = improve(blocks, rtol=1e-5, progress=stop, checkpoint=tmp_path / "kept")
        assert np.allclose(again, min(told), rtol=1e-12)  # b is fitted from another start
        assert np.isclose(ended.result.upper, first.result.upper, rtol=1e-12)
        found = improve(blocks, rtol=1e-5, checkpoint=tmp_path / "kept")
        assert found.certified
        assert improve(blocks, rtol=1e-5, progress=stop, checkpoint=tmp_path / "kept").certified
    finally:
        PLACE.reset(token)


def test_a_checkpoint_is_written_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    blocks, _ = table()
    saved, save = [], checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda *x: saved.append(x[2].name) or save(*x))
    improve(blocks, rtol=1e-4, checkpoint=tmp_path)
    assert saved == ["1"]  # at the end alone
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    improve(blocks, rtol=1e-4, checkpoint=tmp_path)
    assert saved[1:] == ["2", "3"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return a table, and the folder of a checkpoint of it."""
    blocks = replace(table()[0], offsets=[RowIntercept(1.0)])
    folder = tmp_path_factory.mktemp("begun")
    improve(blocks, rtol=1e-2, checkpoint=folder)
    return blocks, folder


def test_a_checkpoint_is_gone_on_from_with_another_epsilon(begun, tmp_path):
    blocks, folder = begun
    shutil.copytree(folder, tmp_path / "kept")
    assert improve(blocks, rtol=1e-6, checkpoint=tmp_path / "kept").certified


@pytest.mark.parametrize(
    "change",
    [
        {"lam": 2 * LAM},
        {"norms": "counts"},
        {"norms": ([np.ones(b - a) for a, b in pairwise(CUTS)], np.ones(N))},
        {"offsets": [RowIntercept(2.0)]},
        {"offsets": []},
        {"blocks": None},
    ],
)
def test_a_checkpoint_of_another_question_is_refused(begun, change):
    blocks, folder = begun
    if "blocks" in change:
        change = {"blocks": [*blocks.blocks[:-1], 2 * blocks.blocks[-1]]}
    with pytest.raises(InputError, match="a checkpoint of another table, lam, norms or off"):
        improve(replace(blocks, **change), checkpoint=folder)


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"at": "x", "question": ""}', '{"at": 1}', "[" * 100_000),
        *('{"at": 1e400, "question": ""}', '{"at": true, "question": ""}'),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / checkpoint.HEAD).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"checkpoint.json is not a checkpoint of blocks of rows"):
        improve(table()[0], checkpoint=tmp_path)
    (tmp_path / checkpoint.HEAD).write_text('{"at": 5, "question": ""}', encoding="utf-8")
    with pytest.raises(InputError, match=r"V.npy is no factor, V"):
        improve(table()[0], checkpoint=tmp_path)


@pytest.mark.parametrize("name", ["folder", "checkpoint"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_search(tmp_path, name, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(search, "begin", None)
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=f"cannot write {wrong}: "):
            improve(table()[0], **{name: wrong})
    for wrong in (3, b"x", "a\0b"):
        said = re.escape(f"{name} must be the name of a folder, got {wrong!r}")
        with pytest.raises(InputError, match=said):
            improve(table()[0], **{name: wrong})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rtol": "x"}, "rtol must be a finite number >= 0, got 'x'"),
        ({"atol": None}, "atol must be a finite number >= 0, got None"),
        ({"budget": -1}, "budget must be seconds >= 0 or None, got -1"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
    ],
)
def test_wrong_settings_of_a_search_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        improve(table()[0], **change)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("norms", "weighted"), [("l2", True), ("counts", False), ("given", False)])
def test_what_arrives_at_odd_addresses_makes_no_other_bits(monkeypatch, norms, weighted):
    """BLAS multiplies an array by itself in another order than by a copy, which numpy makes."""
    monkeypatch.setattr(tiles, "SIDE", 16)
    rng = np.random.default_rng(0)
    Y = sparse.csr_array(sparse.random_array((120, 40), density=0.3, rng=rng))
    C = sparse.csr_array((rng.uniform(1, 2, Y.nnz), Y.indices, Y.indptr), shape=Y.shape)
    parts = slice(0, 50), slice(50, None)
    blocks = [(Y[k], C[k]) if weighted else Y[k] for k in parts]
    biases = [RowIntercept(0.5), ColumnIntercept(0.5)]
    lam = 0.05 if norms == "counts" else 0.5
    if norms == "given":
        norms = [rng.uniform(0.5, 2, d) for d in (50, 70)], rng.uniform(0.5, 2, 40)
    asked = RowBlocks(blocks, 40, lam, biases, norms=norms)

    def outcome():
        """Return the bytes of factors, the bracket, and the certificate."""
        found = improve(asked, rtol=1e-2)
        U, V = found.factors
        held = [x.tobytes() for x in (*PLACE.get().values(U), V)]
        c = found.result.certificate
        return held, found.result.lower, found.result.upper, c.proof, c.statement

    expected = outcome()
    assert len(expected[0][-1]) > 8 * 40 * 4  # several components
    token = PLACE.set(Odd())
    try:
        assert outcome() == expected
    finally:
        PLACE.reset(token)
