"""Ratings in blocks of rows: the bracket of the whole table, whatever holds the blocks."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from certify import Problem
from certify import improve as improve_whole
from certify.atoms import RankOne
from certify.base.cluster import PLACE
from certify.base.rigor import row_blocks as proved
from certify.base.rigor import tiles
from certify.base.rigor.bounds import ETA, gamma
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.base.threads import blas_threads
from certify.kernel.errors import RejectedError
from certify.kernel.scalars import Enclosure, exactly
from certify.kernel.verdict import prove as kernel_prove
from certify.losses import Squared
from certify.norms.weighted import Weighted
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.certificate.file import Certificate, as_numpy, ask
from certify.pipeline.certificate.verify import complete
from certify.pipeline.row_blocks import RowBlocks, check, verify
from certify.pipeline.row_blocks import prove as proofs
from certify.pipeline.row_blocks.question import read
from certify.polar.proved import as_kernel_array
from tests.places import Frozen, Lossy, is_semidefinite, shifted

M, N, R, LAM = 14, 6, 5, 0.75
CUTS = [0, 4, 5, 5, 11, M]  # one row, and none
RIDGES = [(), (("row", 0.5),), (("column", 2.0),), (("row", 1.0), ("column", 0.25))]
FREE = [(("row", 0.0),), (("column", 0.0),), (("column", 0.0), ("row", 0.0))]
MIXED = [(("row", 0.0), ("column", 1.0)), (("row", 1.0), ("column", 0.0))]
NORMS = "l2", "counts", "given"
CASES = [(o, w) for o in (*RIDGES, *FREE, *MIXED) for w in (False, True)]
KINDS = {"row": RowIntercept, "column": ColumnIntercept}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Cut six columns into tiles of two."""
    monkeypatch.setattr(tiles, "SIDE", 2)


def offsets_of(ridges):
    return [KINDS[kind](ridge) for kind, ridge in ridges]


def entries(seed=0, density=0.6):
    """Return Y and weights of its entries, sparse, and factors."""
    rng = np.random.default_rng(seed)
    rows, cols = np.nonzero(rng.random((M, N)) < density)
    numbers = rng.standard_normal(len(rows)) + rng.random(M)[rows] - 3 * rng.random(N)[cols]
    Y = sparse.csr_array((numbers, (rows, cols)), shape=(M, N))
    C = sparse.csr_array((0.25 + rng.random(len(rows)), (rows, cols)), shape=(M, N))
    return Y, C, rng.standard_normal((M, R)), rng.standard_normal((N, R))


def cut(x):
    return [x[a:b] for a, b in pairwise(CUTS)]


def table(ridges=(), *, weighted=False, seed=0, norms="l2"):
    """Return the blocks of a table, and factors."""
    Y, C, U, V = entries(seed)
    blocks = list(zip(cut(Y), cut(C), strict=True)) if weighted else cut(Y)
    return RowBlocks(blocks, N, LAM, offsets_of(ridges), norms=norms_of(norms)), (cut(U), V)


def norms_of(norms):
    """Return the argument of a table."""
    if norms != "given":
        return norms
    p, q = weights_of(norms)
    return cut(p), q


def weights_of(norms, seed=0):
    """Return the weights of the norms."""
    if norms == "counts":
        return counts(seed)
    rng = np.random.default_rng(9)
    return [np.exp(rng.standard_normal(d)) * (norms == "given") + (norms == "l2") for d in (M, N)]


def counts(seed=0):
    """Return the numbers of entries of rows and of columns, at least 1."""
    seen = entries(seed)[1].toarray() > 0
    return [np.maximum(seen.sum(axis=k), 1).astype(float) for k in (1, 0)]


def whole(ridges=(), *, weighted=False, seed=0, norms="l2"):
    """Return the same table as a problem."""
    Y, C, *_ = entries(seed)
    loss = Squared(Y, weights=C.data if weighted else None)
    sides = ["l2", "l2"] if norms == "l2" else [Weighted(p) for p in weights_of(norms, seed)]
    return Problem(loss, RankOne(*sides), LAM, offsets_of(ridges))


def trained(ridges, weighted, seed=0, norms="l2"):
    """Return the table of a problem whose factors are nearly its best."""
    problem = whole(ridges, weighted=weighted, seed=seed, norms=norms)
    _, _, U, V = entries(seed)
    found = improve_whole(problem, (0.1 * U, 0.1 * V), rtol=1e-9).factors
    made = table(ridges, weighted=weighted, seed=seed, norms=norms)[0]
    return made, (cut(found[0]), found[1])


def sums_of(blocks, factors):
    """Return what is proved of a table, with the biases that check() has."""
    made = check(blocks, factors).certificate
    b = as_numpy(made.witness["b"]) if made.witness else None
    tasks = [
        read(source, u, 0, p, factors[1].shape)
        for source, u, p in zip(blocks.blocks, factors[0], blocks.row_prices, strict=True)
    ]
    return proofs.collect(blocks, tasks, factors[1], b), b


def fractions(x):
    return [[Fraction(v) for v in row] for row in np.asarray(x).tolist()]


def exact_residual(blocks, seed, weighted, b):
    """Return Y - U V^T - biases over the entries, the weights, and a, in fractions.

    a is the exact best: what floats have found is hardly worse.
    """
    Y, C, U, V = entries(seed)
    u, v, y, c = map(fractions, (U, V, Y.toarray(), C.toarray()))
    column = [Fraction(0)] * N if b is None else fractions(b[None])[0]
    at = list(zip(*(k.tolist() for k in Y.tocoo().coords), strict=True))
    weights = {(i, j): c[i][j] if weighted else Fraction(1) for i, j in at}
    value = {(i, j): y[i][j] - sum(map(Fraction.__mul__, u[i], v[j])) - column[j] for i, j in at}
    row, ridge = [Fraction(0)] * M, blocks.prices.rows
    for i in range(M if ridge is not None else 0):
        mine = [p for p in at if p[0] == i]
        bottom = sum(weights[p] for p in mine) + ridge
        row[i] = sum(weights[p] * value[p] for p in mine) / bottom if bottom else row[i]
    return {p: x - row[p[0]] for p, x in value.items()}, weights, (row, column)


@pytest.mark.sampled(10)
@pytest.mark.parametrize("norms", NORMS)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("ridges", "weighted"), CASES)
def test_the_upper_bound_is_the_objective(ridges, weighted, seed, norms):
    blocks, factors = table(ridges, weighted=weighted, seed=seed, norms=norms)
    sums, b = sums_of(blocks, factors)
    value, c, biases = exact_residual(blocks, seed, weighted, b)
    size = sum(c[p] * x * x for p, x in value.items()) / 2
    for ridge, a in zip(blocks.prices[1:], biases, strict=True):
        size += (ridge or 0) * sum(x * x for x in a) / 2
    U, V = entries(seed)[2:]
    if norms != "l2":
        both = zip(weights_of(norms, seed), (U, V), strict=True)
        U, V = (np.sqrt(p)[:, None] * x for p, x in both)
    true = float(size) + LAM * (np.linalg.norm(U, axis=0) * np.linalg.norm(V, axis=0)).sum()
    assert true * (1 - 1e-14) <= sums.upper <= true * (1 + 1e-11)


@pytest.mark.sampled(10)
@pytest.mark.parametrize("norms", NORMS)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("ridges", "weighted"), CASES)
def test_the_lower_bound_is_the_value_of_a_dual_point(ridges, weighted, seed, norms, monkeypatch):
    blocks, factors = table(ridges, weighted=weighted, seed=seed, norms=norms)
    grids = []
    dual_block = proved.dual_block
    monkeypatch.setattr(
        proved, "dual_block", lambda *x: grids.append((x[1], x[2])) or dual_block(*x)
    )
    sums, b = sums_of(blocks, factors)
    value, c, _ = exact_residual(blocks, seed, weighted, b)
    scaled = np.vstack([x.toarray() for x in sums.W])
    grids = [x.astype(float).multiply(2.0**e).toarray() for x, e in grids[-len(sums.W) :]]
    dense = np.vstack(grids)
    assert norms != "l2" or np.array_equal(dense, scaled)
    W, y = fractions(dense), fractions(entries(seed)[0].toarray())
    for (i, j), x in value.items():  # it is the residual, on a grid
        assert abs(W[i][j] - c[i, j] * x) < 1e-8
    inner = sum(W[i][j] * y[i][j] for i, j in value)
    size = sum(W[i][j] ** 2 / c[i, j] for i, j in value)
    for ridge, lines in zip(blocks.prices[1:], (W, zip(*W, strict=True)), strict=True):
        totals = [sum(line) for line in lines]
        assert ridge != 0 or not any(totals)
        size += sum(t * t for t in totals) / ridge if ridge else 0
    shift = Fraction(1.001 * float(np.linalg.norm(scaled, 2)) ** 2)
    done, lower = proofs.prove(blocks, sums, shift)
    assert done
    bound = proved.singular_bound(sums.W, sums.counts, sums.duals, shift, sums.wide)
    if norms == "l2":
        assert is_semidefinite(shifted(sparse.csr_array(dense), bound**2))
    else:  # bound^2 Q - W^T P^(-1) W, in fractions
        p, q = (list(map(Fraction, x.tolist())) for x in weights_of(norms, seed))
        rows = [[x / Fraction(r) for x in row] for row, r in zip(W, p, strict=True)]
        gram = [[sum(map(Fraction.__mul__, u, v)) for v in zip(*W, strict=True)]
                for u in zip(*rows, strict=True)]  # fmt: skip
        exact = [[bound**2 * q[i] * (i == j) - gram[i][j] for j in range(N)] for i in range(N)]
        assert is_semidefinite(exact)
    s = min(max(inner, 0) / size, Fraction(LAM) / bound)
    assert 0 <= s * inner - s * s * size / 2 - lower < Fraction(1, 2**36)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("norms", NORMS)
@pytest.mark.parametrize(("ridges", "weighted"), CASES)
def test_the_kernel_proves_as_much_of_the_parts_put_together(ridges, weighted, norms, monkeypatch):
    blocks, factors = trained(ridges, weighted, norms=norms)
    found = check(blocks, factors)
    assert found.certified
    assert verify(found.certificate, blocks, factors).certified
    grids, dual_block = [], proved.dual_block
    monkeypatch.setattr(
        proved, "dual_block", lambda *x: grids.append((x[1], x[2])) or dual_block(*x)
    )
    sums, _ = sums_of(blocks, factors)
    grids = [np.ldexp(x.data.astype(float), e) for x, e in grids[-len(sums.W) :]]
    problem = whole(ridges, weighted=weighted, norms=norms)
    c = found.certificate
    joined = np.vstack(factors[0]), factors[1]
    question = ask(problem, joined, None, rtol=1e-6, atol=0.0)
    q = problem.best_offsets(joined) if ridges else ()
    witness = {f"q{k}": as_kernel_array(x) for k, x in enumerate(q)}
    witness["W"] = as_kernel_array(np.concatenate(grids))
    if norms != "l2":
        for side, p in zip(("left", "right"), weights_of(norms), strict=True):
            witness[f"scale.{side}"] = as_kernel_array(1 / np.sqrt(p))
    proof = {"polar": {"rule": "spectral", "axis": 1, "shift": c.proof["shift"]}}
    made = Certificate(question.statement, question.given, {"verdict": "?"}, proof, witness)
    for ar in (Rounded(), Flint()):
        full = complete(made, question, ar.tier)
        outcome = kernel_prove(question.statement, question.given, full.proof, full.witness, ar)
        more = outcome.lower - Fraction(found.lower)
        assert abs(more) <= Fraction(found.upper) / 10**11
        assert more >= 0 or ar.tier == "rounded"  # that of the whole sums in another order
        assert abs(float(outcome.upper) - found.upper) <= 1e-12 * found.upper


@pytest.mark.parametrize("ridges", [*FREE, *MIXED])
def test_sums_that_are_not_zero_prove_nothing(ridges):
    """What the search hands over is not believed: one unit is too much."""
    blocks, factors = table(ridges)
    sums, _ = sums_of(blocks, factors)
    top, prices = Fraction(1), blocks.prices
    given = sums.duals, sums.totals, sums.e, top
    assert proved.dual_bound(*given, prices) > 0
    if prices.columns == 0:
        totals = sums.totals.copy()
        totals[2] += 1
        assert proved.dual_bound(sums.duals, totals, sums.e, top, prices) == 0
    if prices.rows == 0:
        duals = [sums.duals[0]._replace(balanced=False), *sums.duals[1:]]
        assert proved.dual_bound(duals, *given[1:], prices) == 0


def test_numbers_beyond_the_grid_prove_nothing():
    blocks, factors = table()
    sums, _ = sums_of(blocks, factors)
    Y, _, U, _ = entries()
    most = proved.capacity(N)
    for k, fits in ((most, True), (-most, True), (most + 1, False), (-most - 1, False)):
        W = sparse.csr_array((np.full(Y.nnz, k), Y.indices, Y.indptr), shape=Y.shape)
        dual, _ = proved.dual_block(proved.Block(Y, U), W, sums.e, most)
        assert dual.fits is fits
        assert not dual.balanced
    for at in (
        (np.roll(Y.indices, 1), Y.indptr),
        (Y.indices, np.r_[Y.indptr[:1], Y.indptr[1:-1] - 1, Y.indptr[-1]]),
    ):
        W = sparse.csr_array((np.ones(Y.nnz, dtype=np.int64), *at), shape=Y.shape)
        assert not proved.dual_block(proved.Block(Y, U), W, sums.e, most)[0].fits  # not where Y is
    duals = [sums.duals[0]._replace(fits=False), *sums.duals[1:]]
    zero = proved.dual_bound(duals, sums.totals, sums.e, Fraction(1), blocks.prices)
    assert zero == 0 < proved.dual_bound(sums.duals, *sums[4:6], Fraction(1), blocks.prices)


def test_the_fullest_row_or_column_limits_the_numbers(monkeypatch):
    Y, _, U, V = entries(density=2.0)  # all of them: 14 in a column, 6 in a row
    monkeypatch.setattr(proved, "WORD", 20)
    given, dual_block = [], proved.dual_block
    monkeypatch.setattr(proved, "dual_block", lambda *x: given.append(x[3]) or dual_block(*x))
    check(RowBlocks(cut(Y), N, LAM), (cut(U), V))
    assert {most * M < 2**20 <= 2 * most * M for most in given} == {True}
    del given[:]
    check(RowBlocks([Y[:1]], N, LAM), ([U[:1]], V))  # one in a column, 6 in the row
    assert {most * N < 2**20 <= 2 * most * N for most in given} == {True}


def test_epsilon_is_the_larger_tolerance_and_not_their_sum():
    blocks, factors = table()
    gap = check(blocks, factors).upper - check(blocks, factors).lower
    rtol, atol = 0.75 * gap / check(blocks, factors).upper, 0.75 * gap
    assert not check(blocks, factors, rtol=rtol, atol=atol).certified
    for enough in ({"rtol": 1.4 * rtol}, {"atol": 1.4 * atol}):
        assert check(blocks, factors, **({"rtol": rtol, "atol": atol} | enough)).certified


def test_sums_that_no_float_holds_cost_no_less():
    big = 2**53 + 1
    zero, inner = exactly(Fraction(0)), Fraction(2**60)
    dual = proved.Dual(exactly(inner), zero, zero, zero, balanced=True, fits=True)
    prices = proved.Prices(Fraction(1), None, Fraction(1))
    lower = proved.dual_bound([dual], np.array([big]), 0, Fraction(0), prices)
    exact = inner**2 / (2 * big**2)
    assert exact * (1 - Fraction(1, 2**40)) < lower <= exact
    W = sparse.csr_array(np.array([[2**52, 2**52, 1]]))
    Y = sparse.csr_array(np.ones((1, 3)))
    rows = proved.dual_block(proved.Block(Y, np.ones((1, 1))), W, 0, 2**52)[0].rows
    assert rows.lo <= big**2 <= rows.hi <= rows.lo * (1 + Fraction(1, 2**40))


def test_a_bound_is_that_of_the_worst_numbers_which_are_enclosed():
    """From below: inner at its least, the rest at its most; from above: all at their most."""
    at = [exactly(Fraction(k)) for k in range(9)]
    wide = proved.Dual(
        Enclosure(at[2].lo, at[6].lo), Enclosure(at[1].lo, at[3].lo), at[1],
        Enclosure(at[4].lo, at[5].lo), balanced=True, fits=True,
    )  # fmt: skip
    worst = wide._replace(inner=at[2], size=at[3], rows=at[5])
    prices = proved.Prices(Fraction(3), Fraction(1, 2), None)
    given = np.zeros(N, dtype=np.int64), 0, Fraction(1), prices
    assert proved.dual_bound([wide], *given) == proved.dual_bound([worst], *given) > 0
    free = proved.dual_bound([worst._replace(rows=at[0])], *given)
    assert free == Fraction(2 * 2, 2 * 3)
    fit = proved.Fit(Enclosure(at[1].lo, at[2].lo), [Enclosure(at[3].lo, at[4].lo)],
                     Enclosure(at[5].lo, at[6].lo), 1.0, 1)  # fmt: skip
    most = fit._replace(size=at[2], squares=[at[4]], biases=at[6])
    V = np.ones((1, 1))
    upper = proved.objective_bound([fit], V, None, prices)
    assert upper == proved.objective_bound([most], V, None, prices)
    assert 1 + 3 * 2 + Fraction(6, 4) <= upper <= 8.5 * (1 + 2.0**-40)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_root_in_the_penalty_is_rounded_up(monkeypatch, size):
    monkeypatch.setattr(proved, "square_sum", lambda _: exactly(Fraction(1)))
    zero, two = exactly(Fraction(0)), exactly(Fraction(size))
    fit = proved.Fit(zero, [two], zero, 1.0, 1)
    upper = proved.objective_bound([fit], np.ones((1, 1)), None, proved.Prices(Fraction(1)))
    assert size < upper**2 < size * (1 + Fraction(1, 2**40))
    tops = [Fraction(size)]
    monkeypatch.setattr(Rounded, "top", lambda *_: tops[0])
    dual = proved.Dual(zero, zero, zero, zero, balanced=True, fits=True)
    bound = proved.singular_bound([], np.ones(1, dtype=np.int64), [dual], Fraction(1))
    assert size < bound**2 < size * (1 + Fraction(1, 2**40))


def test_what_a_sum_loses_as_a_float_is_in_its_radius(monkeypatch):
    held, squares = [], Rounded.squares
    monkeypatch.setattr(Rounded, "squares", lambda ar, x, c: held.append(x) or squares(ar, x, c))
    exact = 2**53 + 1
    W = sparse.csr_array(np.array([[2**52, 2**52, 1]]))
    block = proved.Block(sparse.csr_array(np.ones((1, 3))), np.ones((1, 1)))
    dual, _ = proved.dual_block(block, W, 0, 2**52)
    proved.dual_bound([dual], np.array([exact]), 0, Fraction(1), proved.Prices(Fraction(1)))
    assert len(held) == 2
    for x in held:
        assert 1 == abs(Fraction(x.mid[0]) - exact) <= x.rad


@pytest.mark.parametrize("biased", ["rows", "columns"])
def test_what_a_residual_loses_by_each_bias_is_in_its_radius(monkeypatch, biased):
    """The numbers are small beside the biases, and so is what the subtractions before lose."""
    held, squares = [], Rounded.squares
    monkeypatch.setattr(Rounded, "squares", lambda ar, x, c: held.append(x) or squares(ar, x, c))
    y = np.append(1.0, -1e-3 * np.random.default_rng(0).random(100))
    c = np.append(1e6, np.ones(100))
    Y, zero = sparse.csr_array(y[None]), (np.zeros((1, 1)), np.zeros((101, 1)))
    b, ridge = (None, 1.0) if biased == "rows" else (np.full(101, 1e3 / 3), None)
    proved.fit_block(proved.Block(Y, zero[0], c), zero[1], b, ridge)
    less = b if b is not None else proved.shrunk_means(y, c, np.zeros(101, dtype=int), 1, ridge)
    exact = [Fraction(x) - Fraction(z) for x, z in zip(y, np.broadcast_to(less, 101), strict=True)]
    lost = sum((x - Fraction(r)) ** 2 for x, r in zip(exact, held[0].mid, strict=True))
    assert 0 < lost <= held[0].rad ** 2


def test_what_underflows_in_a_gram_matrix_is_in_its_radius(monkeypatch):
    radii = []
    monkeypatch.setattr(Rounded, "top", lambda _, gram, *__: radii.append(gram.rad) or Fraction(1))
    zero = exactly(Fraction(0))
    dual = proved.Dual(zero, zero, zero, zero, balanced=True, fits=True)
    proved.singular_bound([], np.array([3, 7], dtype=np.int64), [dual], Fraction(1))
    assert radii == [2 * 2 * 7 * ETA]


def test_no_sum_of_as_many_numbers_as_fit_is_beyond_a_word():
    for longest in (0, 1, 2, 1023, 1024, 1025, 10**6, 2**40):
        most = proved.capacity(longest)
        assert most * longest < 2**62
        assert most <= 2**52
        e = proved.exponent(1.0, longest)
        assert 8 * 2.0**-e <= most


@pytest.mark.parametrize("place", [Frozen, Lossy])
@pytest.mark.parametrize(("ridges", "weighted"), [CASES[0], CASES[7], CASES[13]])
def test_neither_place_nor_loss_changes_a_bit(tmp_path, place, ridges, weighted):
    blocks, factors = table(ridges, weighted=weighted)
    here = check(blocks, factors, rtol=0.5)
    token = PLACE.set(place())
    try:
        there = check(blocks, factors, rtol=0.5)
        proof = verify(there.certificate, blocks, factors, rtol=0.5)
    finally:
        PLACE.reset(token)
    files = [tmp_path / name for name in ("here", "there")]
    for found, file in zip((here, there), files, strict=True):
        found.certificate.save(file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert (proof.lower, proof.upper) == (here.lower, here.upper) == (there.lower, there.upper)


def test_what_runs_here_has_one_thread_of_blas(monkeypatch):
    seen, ritz = [], proofs.ritz

    def recorded(*given, **more):
        """Note the threads."""
        seen.append(blas_threads())
        return ritz(*given, **more)

    monkeypatch.setattr(proofs, "ritz", recorded)
    with threadpool_limits(2, user_api="blas"):
        check(*table())
        assert blas_threads() == 2
    assert seen == [1]


def test_what_the_residual_in_floats_has_lost_is_in_the_bound():
    near = 1 + 2.0**-30  # squared it is y + 2^-60, rounded it is y
    y, factor = sparse.csr_array([[near * near]]), np.array([[near]])
    found = check(RowBlocks([y] * 4, 1, 2.0**-200), ([factor] * 4, factor))
    assert found.upper >= 2 * 2.0**-120


def test_what_a_gram_matrix_in_floats_has_lost_is_in_its_radius(monkeypatch):
    blocks, factors = table()
    sums, _ = sums_of(blocks, factors)
    radii = []

    def record(blocks, n, rad):
        """Note the radius."""
        radii.append(rad)
        return tiles.TiledGram(blocks, n, rad)

    monkeypatch.setattr(proved, "TiledGram", record)
    proved.singular_bound(sums.W, sums.counts, sums.duals, Fraction(1))
    most = int(np.diff(entries()[0].tocsc().indptr).max())
    assert sums.counts.tolist() == np.diff(entries()[0].tocsc().indptr).tolist()
    size = sum(Fraction(x) ** 2 for W in sums.W for x in W.data.tolist())
    assert gamma(most + 2) * size + 2 * N * most * ETA <= radii[0]
    assert radii[0] <= gamma(most + 2) * size * (1 + Fraction(1, 2**30)) + 2 * N * most * ETA


@pytest.mark.sampled(5)
@pytest.mark.parametrize("norms", NORMS)
@pytest.mark.parametrize("ridges", [(), *FREE])
@pytest.mark.parametrize("scale", [1e-150, 1e-300, 5e-324, 1e150])
def test_numbers_of_any_size_have_a_bracket_or_are_refused(ridges, scale, norms):
    Y, _, U, V = entries()
    root = np.sqrt(scale)
    blocks = RowBlocks(cut(Y * scale), N, LAM * scale, offsets_of(ridges), norms=norms_of(norms))
    factors = cut(U * root), V * root
    try:
        found = check(blocks, factors)
    except RejectedError as error:
        assert error.code == "overflow"  # noqa: PT017  most are not refused
        return
    assert 0 <= found.lower <= found.upper
    problem = whole(ridges, norms=norms)
    true = problem.objective((U, V), problem.best_offsets((U, V)))
    assert Fraction(found.upper) >= Fraction(true) * Fraction(scale) ** 2 * Fraction(0.999)


def test_no_residual_and_no_penalty_have_a_bracket():
    Y, _, U, V = entries()
    listed = Y.tocoo()
    at = listed.coords
    fits = sparse.csr_array(((np.rint(U) @ np.rint(V).T)[at], at), shape=(M, N))
    exact = check(RowBlocks(cut(fits), N, LAM), (cut(np.rint(U)), np.rint(V)))
    assert exact.lower == 0.0
    assert check(RowBlocks(cut(Y), N, 0.0), (cut(U), V)).lower == 0.0


@pytest.mark.parametrize(("short", "count"), [(1.0, 1), (0.9999, 3), (0.9985, 4), (0.2, 6)])
def test_an_estimate_that_was_too_low_is_raised(monkeypatch, short, count):
    blocks, factors = table()
    made, prove, ritz = [], proofs.prove, proofs.ritz

    def estimate(*given, **more):
        """Return a part of it."""
        squares, vectors = ritz(*given, **more)
        return short * squares, vectors

    monkeypatch.setattr(proofs, "ritz", estimate)
    monkeypatch.setattr(proofs, "prove", lambda *a: made.append(prove(*a)) or made[-1])
    found = check(blocks, factors)
    assert len(made) == count
    assert 0 < found.lower < found.upper
    best = max(lower for _, lower in made)
    assert Fraction(found.lower) <= best <= Fraction(np.nextafter(found.lower, np.inf))
    monkeypatch.undo()
    monkeypatch.setattr(tiles, "SIDE", 2)
    monkeypatch.setattr(proofs, "ritz", None)
    again = verify(found.certificate, blocks, factors)
    assert (again.lower, again.upper) == (found.lower, found.upper)


def test_prices_of_rows_and_columns_are_in_the_bound():
    """P^(-1/2) W Q^(-1/2) of scales that are too small or too large is never taken for S."""
    Y = sparse.csr_array(np.array([[3.0, 0.0], [1.0, 2.0], [0.0, 0.0]]))
    W = sparse.csr_array((np.array([7, -5, 11]), Y.indices, Y.indptr), shape=Y.shape)
    p, q = np.array([1.0, 2.0, 1.0]), np.array([2.0, 1.0])
    true = np.linalg.norm(W.toarray() / np.sqrt(p)[:, None] / np.sqrt(q), 2)
    assert proved.counts_of(Y.indptr).tolist() == p.tolist()
    for factor in (0.5, 1.0, 3.0):
        scale = factor / np.sqrt(q)
        wide = max(1 / (Fraction(x) * Fraction(b) ** 2) for x, b in zip(q, scale, strict=True))
        block = proved.Block(Y, np.ones((3, 1)), prices=proved.counts_of(Y.indptr))
        dual, S = proved.dual_block(block, W, 0, 2**50, scale)
        assert np.allclose(S.toarray(), W.toarray() / np.sqrt(p)[:, None] * scale, rtol=1e-15)
        shift = Fraction(1.0001 * np.linalg.norm(S.toarray(), 2) ** 2)
        counts = np.array([2, 1], dtype=np.int64)
        bound = proved.singular_bound([S], counts, [dual], shift, wide)
        assert true <= bound <= 1.0001 * true
        again = proved.singular_bound([S], counts, [dual._replace(wide=4 * dual.wide)], shift, wide)
        assert np.isclose(float(again), 2 * float(bound), rtol=1e-12)
        less = proved.singular_bound(
            [S], counts, [dual._replace(lost=Fraction(0))] * 2, shift, wide
        )
        both = [dual._replace(lost=Fraction(3)), dual._replace(lost=Fraction(4))]
        more = proved.singular_bound([S], counts, both, shift, wide)
        cost = float(dual.wide * wide) ** 0.5
        assert np.isclose(float(more - less), 5 * cost, rtol=1e-12)
        assert dual.lost > 0


def test_a_scale_that_floats_round_has_its_cost():
    for count in (1, 2, 3, 7, 10**7):
        a, wide = proved.inverse_roots(np.full(3, float(count)))
        assert len(a) == 3
        assert wide == 1 / (count * Fraction(a[0]) ** 2)
        assert abs(wide - 1) < Fraction(1, 2**50)
    mixed, wide = proved.inverse_roots(np.array([3.0, 1.0, 7.0]))
    assert wide == max(1 / (k * Fraction(x) ** 2) for k, x in zip((3, 1, 7), mixed, strict=True))
    assert proved.inverse_roots(np.zeros(0))[1] == 1


def test_prices_of_one_side_alone_are_in_the_bound():
    Y = sparse.csr_array(np.array([[3.0, 0.0], [1.0, 2.0], [0.0, 0.0]]))
    W = sparse.csr_array((np.array([7, -5, 11]), Y.indices, Y.indptr), shape=Y.shape)
    p, q = np.array([0.25, 4.0, 1.0]), np.array([0.5, 8.0])
    for prices, scale, scaled in (
        (p, None, W.toarray() / np.sqrt(p)[:, None]),
        (None, 1 / np.sqrt(q), W.toarray() / np.sqrt(q)),
    ):
        block = proved.Block(Y, np.ones((3, 1)), prices=prices)
        dual, S = proved.dual_block(block, W, 0, 2**50, scale)
        assert np.allclose(S.toarray(), scaled, rtol=1e-15)
        assert abs(dual.wide - 1) < Fraction(1, 2**50)
