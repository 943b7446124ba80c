"""The search among many observed entries: its objective, its steps and what it proves."""

import pickle
import tracemalloc
from functools import partial

import numpy as np
import pytest
from scipy import sparse

from certify import Problem, check, verify
from certify.atoms import RankOne
from certify.base import checkpoint
from certify.base.clock import Clock
from certify.base.cluster import Here
from certify.base.rigor import rounded
from certify.losses import Logistic, Squared
from certify.norms import Weighted
from certify.offsets import ColumnIntercept, Intercept, RowIntercept
from certify.polar import eigen, lanczos
from certify.search import ratings
from certify.search.candidate import evaluate
from certify.search.descent import ratings as descent

M, N, LAM = 40, 30, 4.0
RNG = np.random.default_rng(0)
SEEN = RNG.random((M, N)) < RNG.random((M, 1)) * 0.8
SEEN[3] = SEEN[:, 5] = False  # a row and a column without an entry
LOW = RNG.standard_normal((M, 3)) @ RNG.standard_normal((3, N))
Y = sparse.coo_array(np.where(SEEN, LOW + 0.3 * RNG.standard_normal((M, N)) + 0.5, 0.0))
WEIGHTS = 0.5 + RNG.random(Y.nnz)
PRICES = Weighted(1 + RNG.random(M)), Weighted(1 + RNG.random(N))


def problem_of(kind: str) -> Problem:
    """Return the ratings with one more part each."""
    atom, offsets, weights = RankOne(), [], None
    if kind == "weighted norms":
        atom = RankOne(*PRICES)
    if kind == "weighted entries":
        weights = WEIGHTS
    if kind == "rows":
        offsets = [RowIntercept(LAM)]
    if kind == "columns, free":
        offsets = [ColumnIntercept()]
    if kind == "both":
        offsets = [ColumnIntercept(LAM), RowIntercept(1 + RNG.random(M))]
    if kind == "both, free":
        offsets = [RowIntercept(), ColumnIntercept()]
    return Problem(Squared(Y, weights=weights), atom, LAM, offsets)


KINDS = [
    "plain",
    "weighted norms",
    "weighted entries",
    "rows",
    "columns, free",
    "both",
    "both, free",
]


@pytest.fixture(params=KINDS)
def problem(request):
    """Each objective that the search knows."""
    return problem_of(request.param)


@pytest.fixture
def _few(monkeypatch):
    """Search a small problem as if it were large."""
    monkeypatch.setattr(ratings, "LARGE", 0)
    monkeypatch.setattr(lanczos, "LARGE", 0)


def start_of(problem: Problem, size: int = 2):
    """Return random factors with their best offsets."""
    rng = np.random.default_rng(1)
    return evaluate(problem, (rng.standard_normal((M, size)), rng.standard_normal((N, size))))


def test_the_objective_and_its_slope_are_those_of_the_problem(problem):
    entries = descent.entries_of(problem, np.float64)
    start = start_of(problem)
    x = entries.into(start.factors, descent.biases_of(problem, start.q))
    factors = entries.out(x)
    assert all(np.array_equal(a, b) for a, b in zip(factors, start.factors, strict=True))
    objective = descent.objective_of(entries, 2)
    now = objective.at(x)
    # at balanced factors half the sum of squares is the product
    squares = sum(
        float(g.value(f) @ g.value(f)) for g, f in zip(problem.atom.gauges, factors, strict=True)
    )
    theta = float(problem.atom.theta(factors).sum())
    wanted = start.value + problem.lam * (squares / 2 - theta)
    assert np.isclose(now.value, wanted, rtol=1e-12)
    moves = np.random.default_rng(2).standard_normal(x.shape) * objective.free
    far, near = (
        objective.at(x + t * moves).value - objective.at(x - t * moves).value for t in (2, 1)
    )
    # a quartic along a line, of which these differences give the slope exactly
    assert np.isclose(descent.dot(now.slope, moves), (8 * near - far) / 12, rtol=1e-9)


def test_the_metric_is_the_diagonal_of_the_hessian():
    problem = problem_of("weighted entries")
    entries = descent.entries_of(problem, np.float64)
    start = start_of(problem)
    objective = descent.objective_of(entries, 2)
    x = entries.into(start.factors, (None, None))
    D = objective.metric(x)
    for at in ((0, 0), (M - 1, 1), (M + 3, 0)):
        step = np.zeros_like(x)
        step[at] = 1e-3
        values = [objective.at(x + t * step).value for t in (-1, 0, 1)]
        assert np.isclose((values[0] - 2 * values[1] + values[2]) / 1e-6, D[at], rtol=1e-5)


@pytest.mark.thorough
@pytest.mark.usefixtures("_few")
def test_it_proves_what_the_search_for_small_problems_does(problem):
    start = start_of(problem)
    wanted = start.value * 1e-4
    found = ratings.search(problem, start, Clock(), 0, (wanted, None))
    assert found.best.value <= found.same.value <= start.value
    result = check(problem, found.best.factors, q=found.best.q, rtol=1e-4)
    assert result.certified
    assert result.lower <= found.best.value


@pytest.mark.usefixtures("_few")
def test_bounds_agree_with_those_of_the_dense_path(monkeypatch):
    problem = problem_of("both, free")
    start = start_of(problem)
    sparse_way = check(problem, start.factors, rtol=1e-4)
    monkeypatch.undo()
    dense_way = check(problem, start.factors, rtol=1e-4)
    assert sparse_way.verdict is dense_way.verdict
    low, high = dense_way.lower, dense_way.better_upper
    assert abs(sparse_way.lower - low) <= 1e-4 * high
    assert sparse_way.better_upper >= low
    assert dense_way.better_upper >= sparse_way.lower
    again = verify(sparse_way.certificate, problem, start.factors, rtol=1e-4, tier="exact")
    assert again.verdict is dense_way.verdict


@pytest.mark.usefixtures("_few")
def test_a_loss_or_norm_that_it_does_not_know_is_left_to_others():
    others = [
        Problem(Squared(np.ones((4, 3))), RankOne(), LAM),
        Problem(Squared(Y), RankOne("l2+", "l2"), LAM),
        Problem(Squared(Y), RankOne("l1", "l2"), LAM),
        Problem(Squared(Y), RankOne(), LAM, [Intercept()]),
        Problem(Squared(Y), RankOne(), 0.0),
        Problem(Logistic(sparse.coo_array((np.ones(2), ([0, 1], [1, 0])), (3, 3))), RankOne(), LAM),
    ]
    assert not any(map(ratings.applies, others))
    assert ratings.applies(problem_of("both"))


def test_a_small_problem_is_left_to_others():
    assert not ratings.applies(problem_of("plain"))


@pytest.mark.usefixtures("_few")
def test_a_spent_budget_and_no_components_leave_a_bracket():
    problem = problem_of("both")
    start = start_of(problem, 0)
    found = ratings.search(problem, start, Clock(0.0), 0, (0.0, None))
    assert found.duals
    assert check(problem, start.factors, budget=0.0).lower > 0


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize(
    ("short", "proofs", "gap"),
    [(1.0, 1, 1e-4), (0.99996, 2, 1e-3), (0.97, 5, 0.1), (0.5, 6, 1.0)],
)
def test_an_estimate_is_proved_once_or_raised_until_it_is(monkeypatch, short, proofs, gap):
    monkeypatch.setattr(eigen, "DENSE", 8)
    monkeypatch.setattr("certify.pipeline.certificate.tiers.EXACT_SIDE", 8)
    monkeypatch.setattr("certify.pipeline.own_size.LARGEST", 0)  # the one question only
    made, gram, largest = [], rounded.gram_of, lanczos.largest

    def counted(*given):
        """Count Gram matrices."""
        made.append(1)
        return gram(*given)

    def estimate(W, count=1, **more):
        """Return a part of the largest singular value; pairs that a search appends as they are."""
        if count > 1:
            return largest(W, count, **more)
        top = np.linalg.norm(W.toarray(), 2)
        return lanczos.Pairs(np.array([short * top]), np.zeros((M, 1)), np.zeros((N, 1)))

    monkeypatch.setattr(eigen, "sparse_gram", None)  # the search makes none
    monkeypatch.setattr(rounded, "gram_of", counted)
    monkeypatch.setattr("certify.polar.methods.spectral.largest", estimate)
    monkeypatch.setattr(lanczos, "largest", estimate)
    problem = problem_of("weighted norms")
    result = check(problem, start_of(problem).factors, rtol=1e-4)
    assert result.tier == "rounded"
    assert "L" not in result.certificate.witness
    assert len(made) == proofs
    assert 0 < result.reached.value - result.lower <= gap * result.upper


def test_the_seconds_of_a_proof_are_those_of_pairs_a_cube_and_entries(monkeypatch):
    for name, each in (("PAIR", 4.0), ("CUBE", 3.0), ("ENTRY", 5.0), ("CORES", 2)):
        monkeypatch.setattr(ratings, name, each)
    counts = SEEN.sum(axis=1)
    wanted = (4.0 * (counts @ counts) / 2 + 3.0 * N**3) / 2 + 5.0 * SEEN.sum()
    assert ratings.proof_seconds(problem_of("plain"), Clock()) == wanted
    wide = Problem(Squared(Y.T), RankOne(), LAM)
    assert ratings.proof_seconds(wide, Clock()) == wanted
    with monkeypatch.context() as patch:  # eight times as many elsewhere
        patch.setattr(Here, "cores", lambda _self, here: 8 * here)
        shared = wanted - 5.0 * SEEN.sum()
        assert ratings.proof_seconds(wide, Clock()) == shared / 8 + 5.0 * SEEN.sum()
    for cores, times in ((0.25, 4.0), (2.0, 1.0)):
        monkeypatch.setattr(Clock, "cores", lambda _self, cores=cores: cores)
        assert ratings.proof_seconds(wide, Clock()) == wanted * times


@pytest.mark.usefixtures("_few")
def test_a_search_leaves_the_proof_its_time(monkeypatch):
    problem, real, given = problem_of("plain"), ratings.search, []

    def search(problem, start, clock, *rest):
        """Keep the budget."""
        given.append(clock.budget)
        return real(problem, start, clock, *rest)

    monkeypatch.setattr(ratings, "search", search)
    monkeypatch.setattr("certify.pipeline.own_size.LARGEST", 0)  # the one question only
    start = start_of(problem).factors
    for seconds, budget, part in ((30.0, 100.0, 70.0), (99.0, 100.0, 5.0), (1e9, None, None)):
        monkeypatch.setattr(ratings, "proof_seconds", lambda *_args, s=seconds: s)
        found = check(problem, start, budget=budget, rtol=1e-2)
        assert found.lower > 0
        assert given.pop() == part
    best = found.reached.factors
    result = check(problem, best, budget=100.0, rtol=1e-2)  # 1e9 seconds of a proof
    assert result.lower == 0.0
    assert "its proof takes 1000000000 s, which the budget lacks" in result.reason
    assert check(problem, best, rtol=1e-2).certified


@pytest.mark.usefixtures("_few")
def test_a_search_that_was_killed_goes_on_from_its_checkpoint(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", np.inf)
    monkeypatch.setattr("certify.pipeline.own_size.LARGEST", 0)  # the one question only
    problem, file, seen = problem_of("plain"), tmp_path / "long", []
    start = start_of(problem)

    def killed(stage, value):
        """End as a crash does, when some rounds are done."""
        seen.append((stage, value))
        if sum(name.startswith("gap") for name, _ in seen) == 3:
            raise MemoryError

    with pytest.raises(MemoryError):
        check(problem, start.factors, checkpoint=file, progress=killed)
    assert [x.name for x in tmp_path.iterdir()] == ["long"]
    resumed = check(problem, start.factors, checkpoint=file)
    (first, _), (name, value) = resumed.steps[:2]
    assert (first, name) == ("start", "checkpoint")
    assert resumed.steps[-1][1] <= value < dict(seen)["descend"]
    assert resumed.steps[-1][1] * (1 - 1e-4) < resumed.lower <= resumed.steps[-1][1]


@pytest.mark.usefixtures("_few")
def test_a_search_that_is_stopped_leaves_a_valid_certificate():
    problem, seen = problem_of("both"), []
    start = start_of(problem)
    found = check(
        problem, start.factors, rtol=0.2, progress=lambda *told: seen.append(told) or True
    )
    assert 0 < found.lower <= found.upper
    again = verify(found.certificate, problem, start.factors, rtol=0.2)
    assert (again.lower, again.upper) == (found.lower, found.upper)
    assert 0 < len(seen) < 8


@pytest.mark.usefixtures("_few")
def test_a_bound_above_the_objective_is_not_believed():
    problem = problem_of("both")
    entries = descent.entries_of(problem)
    start = start_of(problem)
    x = entries.into(start.factors, descent.biases_of(problem, start.q))
    low = ratings.SearchState(entries, descent.descend(entries, x, 20), 0)
    low.pairs(lambda: False)
    assert 0 < low.lower <= low.now.value
    cut = ratings.SearchState(entries, descent.descend(entries, x, 20), 0)
    values = lanczos.Pairs(np.array([1e-3]), np.zeros((M, 1)), np.zeros((N, 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanczos, "largest", lambda *_args, **_more: values)
        cut.pairs(lambda: True)
    assert ratings.bound(entries, cut.now.rest, 1e-3) > cut.now.value
    assert cut.lower == -np.inf


def test_entries_are_sent_without_their_threads():
    entries = descent.entries_of(problem_of("both"))
    U, V = (np.ones((d, 2), dtype=np.float32) for d in entries.shape)
    before = entries.residual(U, V)
    again = pickle.loads(pickle.dumps(entries))  # noqa: S301  its own
    assert "pool" in vars(entries)
    assert "pool" not in vars(again)
    assert all(np.array_equal(*pair) for pair in zip(before, again.residual(U, V), strict=True))


@pytest.mark.usefixtures("_few")
def test_single_precision_is_followed_by_double(monkeypatch):
    monkeypatch.setattr(ratings, "STALE", 1)
    problem = problem_of("both")
    start = start_of(problem)
    entries = descent.entries_of(problem)
    x = entries.into(start.factors, descent.biases_of(problem, start.q))
    at = ratings.SearchState(entries, descent.descend(entries, x, 5), 0)
    finer = partial(descent.entries_of, problem, np.float64)
    ratings.grow(at, Clock(), 1e-9 * start.value, lambda _: None, finer)
    assert at.entries.kind == at.now.x.dtype == np.float64
    assert at.gap < 1e-5 * start.value


ODD = {
    "nothing to fit": (np.zeros((9, 7)), 1.0, np.float32),
    "one row": (np.arange(1.0, 31.0)[None], 2.0, np.float32),
    "a tiny lam": (np.outer(np.arange(1.0, 8.0), np.arange(1.0, 6.0)), 2.0**-60, np.float64),
    "huge data": (np.outer(np.arange(1.0, 8.0), np.arange(1.0, 6.0)) * 2.0**70, 1.0, np.float64),
}


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("name", ODD)
def test_odd_data_have_a_bracket(name):
    data, lam, kind = ODD[name]
    mask = np.ones(data.shape, dtype=bool)
    mask[0, -1] = False
    problem = Problem(Squared(data, mask=mask), RankOne(), lam)
    assert ratings.precision(problem) is kind
    result = check(problem, (np.ones((len(data), 1)), np.ones((data.shape[1], 1))))
    assert 0 <= result.lower <= result.upper
    assert np.isfinite(result.upper)


@pytest.mark.thorough
def test_a_search_never_makes_the_matrix_dense():
    rng = np.random.default_rng(0)
    m, n, count = 60_000, 1600, 160_000  # dense: 768 MB
    places = np.unique(rng.integers(m * n, size=count))
    ratings_ = sparse.coo_array((rng.standard_normal(len(places)), np.divmod(places, n)), (m, n))
    problem = Problem(Squared(ratings_), RankOne(), 4.0, [RowIntercept(4.0)])
    assert ratings.applies(problem)
    start = evaluate(problem, (np.zeros((m, 0)), np.zeros((n, 0))))
    tracemalloc.start()
    found = ratings.search(problem, start, Clock(0.5), 0, (1.0, None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.best.value <= start.value
    assert peak < 200e6
