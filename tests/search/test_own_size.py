"""The ascent on the bound of at most r slices, and what it proves on real data."""

import numpy as np
import pytest
from scipy import optimize
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import NMF
from sklearn.preprocessing import minmax_scale

from certify import Problem, Verdict, check, from_model, improve, verify
from certify.atoms import CP, RankOne, ReLU, Symmetric
from certify.base.clock import Clock
from certify.base.errors import OutOfScopeError
from certify.kernel.errors import RejectedError
from certify.losses import Absolute, KullbackLeibler, Squared
from certify.offsets import ColumnIntercept, Sparse
from certify.pipeline.own_size import bound
from certify.polar.ascent.contract import fold, unfold
from certify.search.candidate import evaluate
from certify.search.dual import own_size, own_size_counts
from certify.search.dual.own_size_ascent import (
    DEFINITE,
    ascend,
    ky_fan,
    shrink,
)
from certify.search.dual.points import Run

RNG = np.random.default_rng(0)


def unsigned(M):
    return np.minimum(M, 0.0)


def never():
    return False


# --- the ascent ---------------------------------------------------------------------------


@pytest.mark.parametrize("r", [1, 2, 3, 4])
@pytest.mark.parametrize("step", [0.25, 3.0])
def test_the_proximal_map_is_where_no_matrix_is_lower(r, step):
    X = RNG.standard_normal((5, 4))
    found, size = shrink(X, (0,), r, step)
    assert np.isclose(size, ky_fan(found, (0,), r))

    def value(flat):
        A = flat.reshape(X.shape)
        s = np.linalg.svd(A, compute_uv=False)
        return 0.5 * np.square(s[:r]).sum() + 0.5 * step * np.square(A - X).sum()

    best = value(found.reshape(-1))
    other = optimize.minimize(value, found.reshape(-1), method="Nelder-Mead")
    assert other.fun >= best - 1e-9 * best
    for _ in range(20):
        assert value((found + 1e-3 * RNG.standard_normal(X.shape)).reshape(-1)) >= best


@pytest.mark.parametrize("r", [1, 3, 4])
def test_the_proximal_map_of_positive_eigenvalues_is_where_no_matrix_is_lower(r):
    X = RNG.standard_normal((4, 4)) + np.eye(4)
    found, size = shrink(X, DEFINITE, r, 0.3)
    assert np.isclose(size, ky_fan(found, DEFINITE, r))

    def value(A):
        return 0.5 * ky_fan(A, DEFINITE, r) ** 2 + 0.15 * np.square(A - X).sum()

    best = value(found)
    for step in (1e-3, 1e-1):
        for _ in range(30):
            assert value(found + step * RNG.standard_normal(X.shape)) >= best


@pytest.mark.parametrize("group", [(0,), (1,), (2,), (0, 2)])
def test_a_folded_unfolding_is_the_tensor(group):
    T = RNG.standard_normal((2, 3, 4))
    assert (fold(unfold(T, group), group, T.shape) == T).all()
    s = np.linalg.svd(unfold(T, group), compute_uv=False)
    assert np.isclose(ky_fan(T, group, 2), np.linalg.norm(s[:2]))


def test_the_ascent_reaches_the_dual_optimum():
    """Nonnegative rank one of an entrywise nonnegative matrix: the plain one, by Perron."""
    Y = np.abs(RNG.standard_normal((12, 9)))
    s = np.linalg.svd(Y, compute_uv=False)
    assert np.isclose(
        ascend(Y, 1, ((0,),), [unsigned], (np.inf, never)).value, 0.5 * (s[1:] ** 2).sum()
    )
    Y -= 1.0
    least = ascend(Y, 1, ((0,),), [unsigned], (np.inf, never)).value
    best = min(
        0.5 * np.square(Y - np.outer(u, np.maximum(Y.T @ u, 0) / max(u @ u, 1e-9))).sum()
        for u in np.abs(RNG.standard_normal((4000, 12)))
    )
    assert 0.5 * (np.linalg.svd(Y, compute_uv=False)[1:] ** 2).sum() < least <= best


def test_the_ascent_ends_at_its_goal_and_when_time_is_spent():
    Y = RNG.standard_normal((12, 9))
    best = ascend(Y, 2, ((0,),), [unsigned], (np.inf, never)).value
    start = ascend(Y, 2, ((0,),), [unsigned], (-np.inf, never)).value
    assert start <= best
    assert ascend(Y, 2, ((0,),), [unsigned], (np.inf, lambda: True)).value == start


# --- matrices -----------------------------------------------------------------------------

DATA = {
    "iris": (lambda: load_iris().data, (1, 2, 3)),
    "wine": (lambda: minmax_scale(load_wine().data), (1, 2)),
    "breast cancer": (lambda: np.maximum(minmax_scale(load_breast_cancer().data), 0.0), (1,)),
}
FITS = [(name, r) for name, (_, ranks) in DATA.items() for r in ranks]


def fitted(Y, r, starts=3):
    """Return the best of some nonnegative fits."""
    models = (
        NMF(r, init=i, random_state=k, max_iter=4000, tol=1e-8)
        for k, i in enumerate(["nndsvda", *["random"] * (starts - 1)])
    )
    fits = [(m.fit_transform(Y), m.components_.T) for m in models]
    return min(fits, key=lambda f: np.square(Y - f[0] @ f[1].T).sum())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "r"), FITS)
def test_plain_nonnegative_fits_are_certified_at_their_size(name, r):
    Y = DATA[name][0]()
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.0)
    result = check(problem, fitted(Y, r))
    assert result.verdict is Verdict.CERTIFIED
    assert verify(result.certificate, problem, fitted(Y, r)).verdict is Verdict.CERTIFIED


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_bracket_of_a_nonnegative_fit_that_rank_does_not_decide():
    Y = DATA["wine"][0]()
    result = check(Problem(Squared(Y), RankOne("l2+", "l2+"), 0.0), fitted(Y, 3))
    assert result.verdict is Verdict.UNDECIDED
    assert result.upper < 1.013 * result.lower


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("r", "gap"), [(2, 1e-6), (3, 0.016), (4, 0.037), (5, 0.062), (10, 0.17)])
def test_the_brackets_of_nonnegative_digits(r, gap):
    Y = load_digits().data / 16
    result = check(Problem(Squared(Y), RankOne("l2+", "l2+"), 0.0), fitted(Y, r, 6), budget=30)
    assert result.upper <= (1 + gap) * result.lower


def test_a_truncated_soft_thresholded_decomposition_is_certified_at_its_size():
    Y = load_iris().data[:, :4]
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0)
    whole = improve(problem, (np.zeros((150, 0)), np.zeros((4, 0)))).factors
    for r in (1, 2):
        part = tuple(x[:, :r] for x in whole)
        proof = bound(problem, part)
        assert proof.outcome.verdict == "CERTIFIED"
        assert check(problem, part).verdict is Verdict.RANK_LIMITED
        found = verify(proof.certificate, problem, part, own_size=True)
        assert found.rules == ("spectral", "ky_fan")
        with pytest.raises(RejectedError) as error:
            verify(proof.certificate, problem, part)
        assert (error.value.where, error.value.code) == ("statement.claim", "question")


def test_better_factors_of_the_size_refute_a_candidate():
    Y = np.diag([3.0, 2.0])
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
    first, second = (np.sqrt(s - 0.5) * np.eye(2)[:, [k]] for k, s in enumerate((3.0, 2.0)))
    for better in ((first, first), None):  # given, or found
        outcome = bound(problem, (second, second), better=better).outcome
        assert (outcome.verdict, float(outcome.better)) == ("REFUTED", pytest.approx(3.375))
    assert bound(problem, (first, first), better=(second, second)).outcome.verdict == "CERTIFIED"


PAIRS = [
    ("l1", "l2"),
    ("l2+", "l2+"),
    ("l2+", "l2"),
    ("l1+", "linf"),
    ("linf", "linf+"),
    ("l1", "l1+"),
]


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("tier", ["exact", "rounded"])
def test_every_pair_of_norms_has_a_bound_above_that_of_any_size(pair, tier):
    Y = RNG.integers(-4, 5, (7, 6)) + 2.0
    problem = Problem(Squared(Y), RankOne(*pair), 2.0)
    start = tuple(0.5 * np.ones((n, 1)) for n in Y.shape)
    better = improve(problem, start, budget=2).factors
    held = tuple(x[:, :1] for x in better)
    proof = bound(problem, held)
    found = verify(proof.certificate, problem, held, tier=tier, own_size=True)
    s = np.linalg.svd(Y, compute_uv=False)
    assert 0.5 * (s[1:] ** 2).sum() * (1 - 1e-9) <= found.lower <= found.upper
    assert found.lower > check(problem, held, budget=2).lower


def test_means_are_removed_first():
    Y = load_iris().data
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 2.0, (ColumnIntercept(),))
    whole = improve(problem, (np.zeros((150, 0)), np.zeros((4, 0)))).factors
    part = tuple(x[:, :1] for x in whole)
    assert bound(problem, part).outcome.verdict == "CERTIFIED"


@pytest.mark.thorough
def test_sparse_components_of_digits():
    from sklearn.decomposition import SparsePCA  # noqa: PLC0415

    model = SparsePCA(5, random_state=0).fit(load_digits().data[:300] / 16)
    problem, factors = from_model(model, load_digits().data[:300] / 16)
    assert float(bound(problem, factors).outcome.lower) >= 430


# --- counts --------------------------------------------------------------------------------


def counts_of(mean, seed=3):
    """Return counts of a mean of two components, 10 x 6."""
    rng = np.random.default_rng(seed)
    return rng.poisson(mean * rng.gamma(1.0, 1.0, (10, 2)) @ rng.gamma(1.0, 1.0, (2, 6))) * 1.0


def fit_counts(Y, r, sweeps=2000):
    model = NMF(r, solver="mu", beta_loss="kullback-leibler", max_iter=sweeps, tol=0.0)
    return model.set_params(random_state=0).fit_transform(Y), model.components_.T


@pytest.mark.parametrize(("r", "sweeps", "verdict"), [(1, 200, "UNDECIDED"), (2, 5, "REFUTED")])
def test_a_fit_of_counts_has_a_bracket(r, sweeps, verdict):
    Y = counts_of(9.0)
    problem, factors = (
        Problem(KullbackLeibler(Y), RankOne("l2+", "l2+"), 0.0),
        fit_counts(Y, r, sweeps),
    )
    result = check(problem, factors)
    assert result.verdict.name == verdict
    for tier in ("exact", "rounded"):
        found = verify(result.certificate, problem, factors, tier=tier)
        assert found.rules[-1] == "counts"
        least = problem.objective(result.better or factors)
        assert 0.6 * least < found.lower <= least


@pytest.mark.parametrize("scale", [1.0, 2.0**300, 2.0**-300])
def test_a_fit_of_many_counts_is_the_best_of_its_size(scale):
    Y = counts_of(200.0) + 1
    U, V = fit_counts(Y, 2)
    problem = Problem(KullbackLeibler(scale * Y), RankOne("l2+", "l2+"), 0.0)
    result = check(problem, (scale * U, V), rtol=1e-5)
    assert result.verdict.name == "CERTIFIED"
    assert verify(result.certificate, problem, (scale * U, V), rtol=1e-5).rules[-1] == "counts"
    if scale == 1:
        assert check(problem, (1.01 * U, V), rtol=1e-5).verdict.name == "REFUTED"


def test_the_bound_below_counts_is_what_the_kernel_proves():
    Y = counts_of(9.0)
    Y[3], Y[:, 2] = 0.0, 0.0
    problem, factors = Problem(KullbackLeibler(Y), RankOne("l2+", "l2+"), 0.0), fit_counts(Y, 1)
    start = evaluate(problem, factors)
    run = Run(problem, start, 1e-6, Clock(), 0, given=True)
    found = own_size_counts.propose(run, start.value)
    lower = float(check(problem, factors).lower)
    assert 0.4 * start.value < lower < start.value
    assert found.value == pytest.approx(lower, rel=1e-6)


@pytest.mark.thorough
def test_counts_beside_a_penalty_have_the_bound_of_any_size():
    Y = np.array([[5.0, 0.0, 1.0], [1.0, 4.0, 0.0], [0.0, 1.0, 3.0]])
    problem = Problem(KullbackLeibler(Y), RankOne("l2+", "l2+"), 0.25)
    result = check(problem, (np.ones((3, 1)), np.ones((3, 1))))
    assert result.own_size.lower == result.lower


# --- sums of x x^T -------------------------------------------------------------------------


def similarity(n=12, seed=0):
    """Return a matrix of similarities: rows of three groups, with noise of both signs."""
    rng = np.random.default_rng(seed)
    groups = np.eye(3)[rng.integers(0, 3, n)] * rng.uniform(0.5, 1.5, (n, 1))
    noise = rng.standard_normal((n, n)) / 4
    return groups @ groups.T + noise + noise.T


def fitted_symmetric(problem, r, starts=4):
    """Return the best of some descents."""
    n, low = problem.loss.dims[0], None if problem.atom.norm == "l2" else 0.0

    def value(x):
        X = x.reshape(n, r)
        return problem.objective((X,))

    ends = []
    for seed in range(starts):
        start = np.abs(np.random.default_rng(seed).standard_normal(n * r))
        ends.append(optimize.minimize(value, start, bounds=[(low, None)] * (n * r)))
    return (min(ends, key=lambda e: e.fun).x.reshape(n, r),)


@pytest.mark.parametrize("norm", ["l2", "l2+"])
def test_a_plain_symmetric_fit_is_certified_at_its_size(norm):
    problem = Problem(Squared(similarity()), Symmetric(norm), 0.0)
    factors = fitted_symmetric(problem, 2)
    result = check(problem, factors, rtol=1e-4)
    assert result.verdict is Verdict.CERTIFIED
    for tier in ("exact", "rounded"):
        found = verify(result.certificate, problem, factors, rtol=1e-4, tier=tier)
        assert found.rules[-1] == "ky_fan"
        assert found.verdict is Verdict.CERTIFIED
    worse = (factors[0] * 1.1,)
    assert check(problem, worse, rtol=1e-4).verdict is Verdict.REFUTED


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("norm", ["l2", "l2+", "l1+"])
def test_a_penalized_symmetric_fit_has_a_bracket_of_its_own(norm):
    problem = Problem(Squared(similarity(8)), Symmetric(norm), 0.5)
    factors = fitted_symmetric(problem, 1)
    result = check(problem, factors, budget=4)
    own = result.own_size
    assert result.lower < own.lower <= own.upper
    assert own.upper - own.lower < 0.5 * (result.upper - result.lower)


@pytest.mark.parametrize("seed", range(4))
def test_no_bound_of_x_x_t_is_above_an_objective_that_was_found(seed):
    rng = np.random.default_rng(seed)
    n, r = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    Y = rng.integers(-8, 9, (n, n)) / 4.0
    norm, lam = str(rng.choice(["l2", "l2+", "l1+"])), float(rng.choice([0.0, 0.5]))
    problem = Problem(Squared(Y), Symmetric(norm), lam)
    factors = fitted_symmetric(problem, r, 8)
    lower = float(bound(problem, factors, clock=Clock(2.0)).outcome.lower)
    assert lower <= problem.objective(factors) * (1 + 2.0**-40)


# --- masks and weights ---------------------------------------------------------------------


def ridged(Y, lam, **uneven):
    """Return a penalized problem and factors of one component, fitted by power steps."""
    problem = Problem(Squared(Y, **uneven), RankOne(), lam)
    weights = np.ones_like(Y) * uneven.get("weights", 1.0) * uneven.get("mask", 1.0)
    u, v = np.ones(len(Y)), np.ones(Y.shape[1])
    for _ in range(100):
        u = (weights * Y) @ v / (weights @ v**2 + lam)
        v = (weights * Y).T @ u / (weights.T @ u**2 + lam)
    return problem, (u[:, None], v[:, None])


UNEVEN = {
    "masked": {"mask": np.random.default_rng(2).random((12, 9)) > 0.1},
    "weighted": {"weights": np.random.default_rng(2).integers(4, 9, (12, 9)) / 4.0},
}


@pytest.mark.parametrize("kind", UNEVEN)
def test_a_penalized_fit_of_uneven_data_has_a_bracket_of_its_own(kind):
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((12, 3)) @ rng.standard_normal((3, 9))
    problem, factors = ridged(Y, 1.0, **UNEVEN[kind])
    result = check(problem, factors)
    assert result.verdict is Verdict.RANK_LIMITED
    own = result.own_size
    assert own.upper - own.lower < 0.4 * (result.upper - result.lower)
    for tier in ("exact", "rounded"):
        found = verify(own.certificate, problem, factors, tier=tier, own_size=True)
        assert "blocks" in found.rules
        assert result.lower < found.lower <= own.upper


def test_uneven_data_without_a_block_have_the_bound_of_any_size():
    problem, factors = ridged(np.eye(4) + 1.0, 0.5, mask=np.eye(4) > 0)
    result = check(problem, factors)
    assert result.own_size.lower == result.lower


def test_free_offsets_beside_missing_entries_keep_the_known_dual_point():
    Y = np.random.default_rng(0).standard_normal((8, 6))
    problem = Problem(Squared(Y, mask=Y < 1.5), RankOne(), 0.5, (ColumnIntercept(),))
    factors = np.ones((8, 1)), np.ones((6, 1))
    result = check(problem, factors)
    assert result.lower <= result.own_size.lower <= result.upper


def test_questions_without_a_bound_are_out_of_scope():
    none = np.ones((3, 1)), np.ones((3, 1))
    for loss, offsets in ((Absolute(np.eye(3)), ()), (Squared(np.eye(3)), (Sparse(1.0),))):
        with pytest.raises(OutOfScopeError):
            bound(Problem(loss, RankOne(), 1.0, offsets), none)


# --- tensors ------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["l2", "l2+"])
@pytest.mark.parametrize("lam", [0.0, 0.5])
def test_a_tensor_has_a_bound_from_its_unfoldings_together(norm, lam):
    T = np.random.default_rng(1).integers(-3, 4, (4, 3, 4)).astype(float)
    problem = Problem(Squared(T), CP((norm,) * 3), lam)
    start = tuple(0.5 * np.ones((n, 2)) for n in T.shape)
    proof = bound(problem, start, clock=Clock(8.0))
    alone = max(
        0.5 * (np.linalg.svd(unfold(T, (k,)), compute_uv=False)[2:] ** 2).sum() for k in range(3)
    )
    lower = float(proof.outcome.lower)
    assert alone * (1 + 1e-6) < lower <= problem.objective(start)
    for tier in ("exact", "rounded"):
        found = verify(proof.certificate, problem, start, tier=tier, own_size=True)
        assert found.lower >= alone


@pytest.mark.thorough
@pytest.mark.parametrize("holes", [False, True])
def test_scale_moves_the_proof_of_a_tensor(holes):
    T = np.random.default_rng(1).integers(-3, 4, (3, 3, 3)).astype(float)
    start, mask = tuple(np.ones((3, 1)) for _ in range(3)), np.ones(T.shape, dtype=bool)
    mask[0, 0, 0] = not holes
    lows = []
    for k in (0, 40):
        problem = Problem(Squared(2.0**k * T, mask=mask), CP(("l2",) * 3), 0.0)
        lows.append(float(bound(problem, start).outcome.lower) / 4.0**k)
    assert lows[0] > 0
    assert np.isclose(*lows, rtol=1e-9)


def test_an_ascent_without_a_budget_ends_when_its_work_is_done(monkeypatch):
    problem = Problem(Squared(RNG.standard_normal((9, 7))), RankOne("l2+", "l2+"), 0.0)
    state = evaluate(problem, (np.ones((9, 2)), np.ones((7, 2))))
    run = Run(problem, state, 1e-9, Clock(), 0, given=True)
    whole = own_size.propose(run).value
    monkeypatch.setattr(own_size, "WORK", 0.0)
    assert own_size.propose(run).value < whole


@pytest.mark.thorough
@pytest.mark.parametrize("offset", [ColumnIntercept(), ColumnIntercept(ridge=2.0)])
def test_outputs_of_a_layer_beside_their_means(offset):
    features, Y = RNG.standard_normal((12, 3)), RNG.standard_normal((12, 4))
    problem = Problem(Squared(Y), ReLU(features), 0.05, [offset])
    factors = RNG.standard_normal((3, 1)), RNG.standard_normal((4, 1))
    any_size = check(problem, factors)
    own = any_size.own_size
    assert own.certificate is not any_size.certificate
    assert own.lower > any_size.lower
    assert verify(own.certificate, problem, factors, own_size=True).lower <= own.lower

    def objective(x):
        parts = x[:3, None], x[3:, None]
        return problem.objective(parts, problem.best_offsets(parts))

    for seed in range(4):
        start = np.random.default_rng(seed).standard_normal(7)
        assert optimize.minimize(objective, start).fun >= own.lower


@pytest.mark.parametrize("r", [1, 2])
def test_signs_count_in_blocks_beside_missing_entries_without_a_penalty(r):
    rng = np.random.default_rng(0)
    Y, seen = rng.integers(-4, 5, (8, 6)).astype(float), np.ones((8, 6), dtype=bool)
    seen[0, 0] = seen[7, 5] = False
    factors = tuple(np.abs(rng.standard_normal((n, r))) for n in Y.shape)
    signed, free = (
        check(Problem(Squared(Y, mask=seen), RankOne(norm, norm), 0.0), factors, budget=5.0)
        for norm in ("l2+", "l2")
    )
    assert {"W", "rows0", "cols0"} <= set(signed.certificate.witness)
    assert free.lower < signed.lower <= signed.better_upper < free.upper == signed.upper
