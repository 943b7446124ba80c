"""Sparse data whose zeros are observed: large ones, models, files, and what is refused."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import NMF, TruncatedSVD

from certify import InputError, Problem, Verdict, check, from_model, improve, verify
from certify.adapters import _fitted, files
from certify.atoms import RankOne, Symmetric
from certify.base.clock import Clock
from certify.losses import Huber, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.certificate import tiers
from certify.polar import eigen
from certify.search import zeros
from certify.search.candidate import Candidate


def words(m, n, density=0.02):
    """Return a table of counts with two topics."""
    rng = np.random.default_rng(0)
    Y = sparse.csr_array(sparse.random_array((m, n), density=density, rng=rng))
    Y.data[:] = rng.integers(1, 4, Y.nnz)
    half = np.repeat(np.arange(m) < m // 2, np.diff(Y.indptr)) == (Y.indices < n // 2)
    Y.data[half] *= 3.0
    return Y


def asked(Y, lam=0.0, atom=None):
    return Problem(Squared(Y, zeros="observed"), atom or RankOne(), lam)


TALL = words(30_000, 500, 0.0004)
TABLE = words(90, 70, 0.1)
FACTORS = np.ones((90, 2)), np.ones((70, 2))


@pytest.mark.parametrize("lam", [0.0, pytest.param(24.0, marks=pytest.mark.thorough)])
def test_no_dense_matrix_is_made(lam):
    """120 MB hold all entries once; what is listed takes .14, the Gram matrix 2."""
    problem = asked(TALL, lam)
    x = np.zeros((30_000, 2)), np.zeros((500, 2))
    tracemalloc.start()
    result = check(problem, x)
    best = check(problem, result.better)
    verified = verify(best.certificate, problem, result.better, tier="rounded")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert verified.certified
    assert peak < 0.5 * 8 * TALL.shape[0] * TALL.shape[1]


@pytest.mark.parametrize("lam", [0.0, 5.0])
@pytest.mark.parametrize("Y", [TABLE, sparse.csr_array(TABLE.T)], ids=["tall", "wide"])
def test_without_a_dense_gram_matrix_in_the_search_the_answer_is_the_same(Y, lam, monkeypatch):
    """Above a size the pairs are found by products alone, and the proof factorizes."""
    problem, x = asked(Y, lam), FACTORS if Y is TABLE else FACTORS[::-1]
    usual = check(problem, x)
    monkeypatch.setattr(eigen, "DENSE", 10)
    monkeypatch.setattr(tiers, "EXACT_ENTRIES", 0)
    start = Candidate(x, (), problem.objective(x))
    evidence = zeros.evidence(problem, start, 1e-6, Clock(), 0)
    assert "L" not in (evidence.ky_fan or evidence.dual.polar.proof)
    large = check(problem, x)
    assert large.lower == pytest.approx(usual.lower, rel=1e-6)
    assert verify(large.certificate, problem, x, tier="rounded").verdict is large.verdict
    best = check(problem, large.better)
    assert best.verdict is Verdict.CERTIFIED
    assert verify(best.certificate, problem, large.better, tier="rounded").certified


def test_singular_pairs_that_do_not_converge_are_estimated(monkeypatch):
    def fails(*_args, **_named):
        raise zeros.ArpackError(-9)

    exact = zeros.leading(TABLE, 3, 0)
    monkeypatch.setattr(eigen, "DENSE", 10)
    monkeypatch.setattr(zeros, "svds", fails)
    assert zeros.leading(TABLE, 3, 0).values == pytest.approx(exact.values, rel=1e-3)


def test_a_bound_that_was_too_low_is_raised(monkeypatch):
    monkeypatch.setattr(eigen, "DENSE", 10)
    monkeypatch.setattr(tiers, "EXACT_ENTRIES", 0)
    monkeypatch.setattr(zeros, "CLOSE", -1e-3)
    problem = asked(TABLE, 5.0)
    result = check(problem, FACTORS)
    assert result.lower > 0.99 * result.better_upper


def test_many_pairs_are_found_in_steps():
    Y, lam = sparse.csr_array(np.diag(np.arange(1.0, 41.0))), 0.5
    pairs = zeros.above(Y, lam, 0)
    assert pairs.values == pytest.approx(np.arange(40.0, 0.0, -1.0))
    assert check(asked(Y, lam), (np.zeros((40, 0)), np.zeros((40, 0)))).better[0].shape[1] == 40


# --- signs ---------------------------------------------------------------------------------

SIGNED = RankOne("l2+", "l2+")


@pytest.mark.parametrize("lam", [0.0, 6.0])
def test_better_nonnegative_factors_are_found(lam):
    """As good as those of the same data given dense, or of scikit-learn; never negative."""
    rng = np.random.default_rng(1)
    x = rng.random((90, 3)), rng.random((70, 3))
    result = check(asked(TABLE, lam, SIGNED), x)
    assert result.verdict is Verdict.REFUTED
    assert [name for name, _ in result.steps] == [
        "start",
        "multiple",
        "sweep",
        "sweep of singular pairs",
    ]
    assert all((f >= 0).all() and f.shape[1] <= 3 for f in result.better)
    model = NMF(3, alpha_W=lam / 70, alpha_H=lam / 90, init="nndsvd", max_iter=500)
    W = model.fit_transform(TABLE)
    trained = asked(TABLE, lam, SIGNED).objective((W, model.components_.T))
    assert result.better_upper <= 1.001 * trained
    again = verify(result.certificate, asked(TABLE, lam, SIGNED), x, tier="rounded")
    assert again.verdict is Verdict.REFUTED


def test_where_the_best_of_a_size_is_given_more_components_are_better():
    first = check(asked(TABLE, 6.0, SIGNED), (np.ones((90, 1)), np.ones((70, 1))))
    fixed = check(asked(TABLE, 6.0, SIGNED), first.better)
    assert fixed.steps[-1][0] == "sweep of many components"
    assert fixed.better[0].shape[1] > 1
    assert all((f >= 0).all() for f in fixed.better)
    assert fixed.better_upper < first.better_upper


@pytest.mark.parametrize("norms", [("l2-", "l2-"), ("l2+", "l2-"), ("l2", "l2+"), ("l2-", "l2")])
@pytest.mark.parametrize("lam", [0.0, 6.0])
def test_factors_of_every_cone_stay_in_it(norms, lam):
    """Where the cones are mixed, a multiple is all that is known; no point is outside them."""
    x = tuple(-f if g == "l2-" else f for f, g in zip(FACTORS, norms, strict=True))
    problem = asked(TABLE, lam, RankOne(*norms))
    result = check(problem, x)
    assert result.verdict is Verdict.REFUTED
    assert result.steps[1][0] == "multiple"
    for f, g in zip(result.better, problem.atom.gauges, strict=True):
        assert (g.project_cone(f) == f).all()
    dense = Problem(Squared(TABLE.toarray()), problem.atom, lam)
    other = check(dense, x, budget=0.2)
    assert result.lower <= (other.better_upper or other.upper)


def test_a_spent_budget_leaves_a_bracket():
    result = check(asked(TABLE, 6.0, SIGNED), FACTORS, budget=1e-9)
    assert result.lower > 0


def test_nonnegative_parts_of_a_nonnegative_pair_are_the_pair():
    pairs = zeros.leading(TABLE, 4, 0)
    a, b = zeros.nonnegative_parts(pairs, 3)
    first = pairs.values[0] * np.outer(pairs.left[:, 0], pairs.right[:, 0])
    assert a.shape[1] == b.shape[1] == 3
    assert np.outer(a[:, 0], b[:, 0]) == pytest.approx(first)
    for k in range(3):
        whole = pairs.values[k] * np.outer(pairs.left[:, k], pairs.right[:, k])
        kept = np.outer(a[:, k], b[:, k])
        assert np.linalg.norm(a[:, k]) == pytest.approx(np.linalg.norm(b[:, k]))
        assert kept.min() >= 0
        assert kept[kept > 0] == pytest.approx(whole[kept > 0])
        assert np.linalg.norm(kept) ** 2 >= 0.5 * np.square(np.maximum(whole, 0)).sum() - 1e-9


# --- models, files, reports ------------------------------------------------------------------


@pytest.fixture
def large(monkeypatch):
    """Let a sparse X of a few entries count as too large to be dense."""
    monkeypatch.setattr(_fitted, "DENSE", 1000)


@pytest.mark.usefixtures("large")
def test_truncated_svd_of_a_sparse_table_is_certified():
    model = TruncatedSVD(4, algorithm="arpack", random_state=0).fit(TABLE)
    problem, factors = from_model(model, TABLE)
    assert problem.loss.observed.zeros
    result = check(problem, factors)
    assert result.verdict is Verdict.CERTIFIED
    assert result.upper == pytest.approx(
        check(Problem(Squared(TABLE.toarray()), RankOne(), 0.0), tuple(factors)).upper
    )
    worse = TruncatedSVD(4, n_iter=1, random_state=1).fit(words(90, 70, 0.2))
    with pytest.raises(InputError, match="squared residual"):
        from_model(worse, TABLE)


@pytest.mark.usefixtures("large")
def test_nmf_of_a_sparse_table_has_a_bracket():
    model = NMF(2, alpha_W=0.3, init="nndsvda", random_state=0, max_iter=400)
    W = model.fit_transform(sparse.csr_matrix(TABLE))
    for codes in (W, None):
        problem, factors = from_model(model, TABLE, codes=codes)
        assert problem.loss.observed.zeros
    result = check(problem, factors, rtol=0.05)
    dense = Problem(Squared(TABLE.toarray()), problem.atom, problem.lam)
    assert result.upper == pytest.approx(dense.objective(tuple(factors)))
    assert result.verdict is Verdict.CERTIFIED
    assert result.relative_gap < 0.005  # the bound knows of no signs
    kl = NMF(2, beta_loss="kullback-leibler", solver="mu", random_state=0, max_iter=2, tol=0)
    kl.fit(sparse.csr_matrix(TABLE))
    with pytest.raises(InputError, match="zeros, too many for memory"):
        from_model(kl, TABLE)


@pytest.mark.usefixtures("large")
def test_a_better_model_needs_dense_data():
    model = TruncatedSVD(4, n_iter=1, n_oversamples=1, random_state=0)
    problem, factors = from_model(model, TABLE, codes=model.fit_transform(TABLE))
    result = check(problem, factors)
    assert result.verdict is Verdict.REFUTED
    with pytest.raises(InputError, match=r"take result\.better"):
        result.better_model(model)


def test_a_problem_file_says_that_zeros_are_observed(tmp_path):
    sparse.save_npz(tmp_path / "Y.npz", sparse.csr_matrix(TABLE))
    np.savez(tmp_path / "fit.npz", U=FACTORS[0], V=FACTORS[1])
    text = 'lam = 5.0\n[data]\nY = "Y.npz"\n[loss]\nkind = "squared"\nzeros = "observed"\n'
    text += '[atom]\nkind = "rank_one"\n[factors]\nU = "fit.npz:U"\nV = "fit.npz:V"\n'
    (tmp_path / "problem.toml").write_text(text)
    problem = files.load(tmp_path / "problem.toml").problem
    assert problem.loss.observed.zeros
    assert problem.objective(FACTORS) == asked(TABLE, 5.0).objective(FACTORS)


@pytest.mark.parametrize("lam", [0.0, 5.0])
def test_a_report_is_written(lam, tmp_path):
    result = check(asked(TABLE, lam), FACTORS)
    assert result.report(tmp_path / "x.html") > 1000
    text = (tmp_path / "x.html").read_text()
    assert "zeros" in text
    assert "of which" not in text


# --- refused ---------------------------------------------------------------------------------

REFUSED = {
    "another word": (lambda: Squared(TABLE, zeros="seen"), "zeros must be one of"),
    "dense": (lambda: Squared(TABLE.toarray(), zeros="observed"), "for a sparse Y"),
    "weights": (lambda: Squared(TABLE, np.ones(TABLE.nnz), zeros="observed"), "of weights"),
    "a mask": (lambda: Squared(TABLE, mask=np.ones((90, 70), bool), zeros="observed"), "no mask"),
    "nothing": (lambda: Squared(sparse.csr_array((9, 7)), zeros="observed"), "only zeros"),
    "cvxpy": (
        lambda: check(asked(TABLE, 1.0), FACTORS, method="cvxpy"),
        "does not take observed zeros",
    ),
    "a dual point": (lambda: check(asked(TABLE, 1.0), FACTORS, dual=TABLE.data), "must be None"),
    "l1 norms": (lambda: asked(TABLE, 1.0, RankOne("l1", "l1")), "RankOne of plain l2"),
    "weighted": (lambda: asked(TABLE, (1.0, 3.0), RankOne("l2", "l2", "sum")), "plain l2"),
    "symmetric": (lambda: asked(words(9, 9, 0.5), 1.0, Symmetric()), "RankOne of plain l2"),
    "offsets": (
        lambda: Problem(asked(TABLE).loss, RankOne(), 1.0, ColumnIntercept()),
        "without offsets",
    ),
    "l1 penalty": (lambda: Problem(asked(TABLE).loss, RankOne(), 1.0, l1=(1, 1)), "and l1"),
    "improve": (lambda: improve(asked(TABLE, 1.0), FACTORS), "check"),
    "value": (lambda: asked(TABLE).loss.value(np.zeros(TABLE.nnz)), "check"),
    "gradient": (lambda: asked(TABLE).dual_point(FACTORS), "check"),
    "dual value": (lambda: asked(TABLE).loss.dual_value(np.zeros(TABLE.nnz)), "check"),
    "prox": (lambda: asked(TABLE).loss.prox(np.zeros(TABLE.nnz), 1.0), "check"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_all_entries_is_refused_with_the_cure(name):
    call, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        call()


def test_another_loss_is_no_loss_of_observed_zeros():
    problem = Problem(Huber(TABLE, 1.0), RankOne(), 1.0)
    start = Candidate(FACTORS, (), 0.0)
    with pytest.raises(TypeError, match="least squares"):
        zeros.evidence(problem, start, 1.0, Clock(), 0)
    with pytest.raises(TypeError, match="least squares"):
        zeros.value(problem, problem.loss.data, {}, 1.0)


def test_a_table_without_zeros_is_a_dense_one():
    full = sparse.csr_array(np.ones((3, 2)))
    assert Squared(full, zeros="observed").observed.full
