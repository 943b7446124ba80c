"""The search among many observed entries: its objective, its steps and what it proves."""

import pickle
import re
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from functools import partial
from importlib import import_module

import numpy as np
import pytest
from scipy import sparse

from certify import Problem, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.base import checkpoint
from certify.base import clock as clocks
from certify.base.clock import Clock
from certify.base.cluster import Here
from certify.base.rigor import rounded
from certify.losses import (
    Absolute,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Squared,
    SquaredHinge,
)
from certify.norms import Weighted
from certify.offsets import ColumnIntercept, Intercept, RowIntercept
from certify.pipeline.certificate.file import as_numpy
from certify.pipeline.improve import STEPS
from certify.pipeline.prove import value_of
from certify.polar import eigen, exact_text, lanczos
from certify.polar.methods.spectral import TINY
from certify.problem import proof_time
from certify.problem.proof_time import ROUNDED, work_of
from certify.search import ratings
from certify.search.candidate import evaluate
from certify.search.descent import ratings as descent
from certify.search.descent.extended import DELTA, Extended
from certify.search.dual import scaling

M, N, LAM = 40, 30, 4.0
RNG = np.random.default_rng(0)
SEEN = RNG.random((M, N)) < RNG.random((M, 1)) * 0.8
SEEN[3] = SEEN[:, 5] = False  # a row and a column without an entry
LOW = RNG.standard_normal((M, 3)) @ RNG.standard_normal((3, N))
Y = sparse.coo_array(np.where(SEEN, LOW + 0.3 * RNG.standard_normal((M, N)) + 0.5, 0.0))
WEIGHTS = 0.5 + RNG.random(Y.nnz)
PRICES = Weighted(1 + RNG.random(M)), Weighted(1 + RNG.random(N))


def of_data(change) -> sparse.coo_array:
    """Return other data at the same entries."""
    return sparse.coo_array((change(Y.data), Y.coords), Y.shape)


CLICKS = of_data(lambda y: (y > 0).astype(float))
COUNTS = of_data(lambda y: np.floor(np.abs(y)))
LOSSES = {  # with a penalty that leaves some components
    "logistic": (Logistic(CLICKS), 1.0),
    "logistic, weighted": (Logistic(CLICKS, weights=WEIGHTS), 1.0),
    "huber": (Huber(Y, 0.5, weights=WEIGHTS), 2.0),
    "poisson": (Poisson(COUNTS), 2.0),
    "squared hinge": (SquaredHinge(of_data(lambda y: np.where(y > 0, 1.0, -1.0))), 2.0),
}


def problem_of(kind: str) -> Problem:
    """Return the ratings with one more part each, or other data with another loss."""
    atom, offsets, weights = RankOne(), [], None
    loss, _, more = kind.partition(" + ")
    if loss in LOSSES:
        held, lam = LOSSES[loss]
        offsets = [RowIntercept(lam), ColumnIntercept(lam)] if more else []
        return Problem(held, RankOne(*PRICES) if "weighted" in loss else atom, lam, offsets)
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
    *LOSSES,
    "logistic + biases",
]
STEP = 2.0**-16  # of differences of values that are no polynomials


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
    factors = entries.out(x)[0]
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
    step = 1.0 if problem.loss.quadratic else STEP
    far, near = (
        objective.at(x + t * step * moves).value - objective.at(x - t * step * moves).value
        for t in (2, 1)
    )
    # along a line a quartic for squares, of which these differences give the slope exactly
    near_by = 1e-9 if problem.loss.quadratic else 1e-5
    assert np.isclose(descent.dot(now.slope, moves), (8 * near - far) / 12 / step, rtol=near_by)


def test_the_dual_point_is_that_of_the_problem(problem):
    entries, start = descent.entries_of(problem, np.float64), start_of(problem)
    x = entries.into(start.factors, descent.biases_of(problem, start.q))
    wanted = problem.dual_point(start.factors, start.q)
    for same, digits in ((entries, 1e-12), (descent.entries_of(problem, np.float32), 1e-5)):
        off = np.abs(same.dual_point(x) - wanted).max()
        assert off <= digits * np.abs(wanted).max()
    offsets = descent.values_of(problem, entries.out(x)[1])
    assert len(offsets) == len(start.q)
    assert all(map(np.array_equal, offsets, start.q))


@pytest.mark.parametrize("kind", ["weighted entries", "logistic, weighted", "squared hinge"])
def test_the_metric_is_the_diagonal_of_the_hessian(kind):
    problem = problem_of(kind)
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
    wanted = start.value * 1e-5
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
        Problem(Squared(Y), RankOne("l1", "l2"), LAM),
        Problem(Squared(Y), RankOne("l2-", "l2"), LAM),
        Problem(Squared(Y), RankOne(), LAM, [Intercept()]),
        Problem(Squared(Y), RankOne(), 0.0),
        Problem(Absolute(Y), RankOne(), LAM),
        Problem(KullbackLeibler(COUNTS), RankOne("l2+", "l2"), LAM),  # the fit leaves its domain
        Problem(Squared(sparse.coo_array(Y), zeros="observed"), RankOne(), LAM),
    ]
    assert not any(map(ratings.applies, others))
    assert ratings.applies(problem_of("both"))
    assert ratings.applies(Problem(Squared(Y), RankOne("l2+", "l2"), LAM))


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
    rates = replace(ROUNDED, pair=4.0, cube=3.0, entry=5.0, curved=7.0)
    monkeypatch.setattr(proof_time, "CORES", 2)
    counts = SEEN.sum(axis=1)
    wanted = (4.0 * (counts @ counts) / 2 + 3.0 * N**3) / 2 + 5.0 * SEEN.sum()

    def seconds(problem, points=0):
        return work_of(problem, rates, points).seconds(Clock())

    assert seconds(problem_of("plain")) == wanted
    more = 3.0 * SEEN.sum()
    assert seconds(problem_of("plain"), 3) == wanted + 2.5 * more
    assert seconds(problem_of("huber")) == wanted + 2.0 * SEEN.sum()
    wide = Problem(Squared(Y.T), RankOne(), LAM)
    assert seconds(wide) == wanted
    with monkeypatch.context() as patch:  # eight times as many elsewhere
        patch.setattr(Here, "cores", lambda _self, here: 8 * here)
        shared = wanted - 5.0 * SEEN.sum()
        assert seconds(wide) == shared / 8 + 5.0 * SEEN.sum()
    for cores, times in ((0.25, 4.0), (2.0, 1.0)):
        monkeypatch.setattr(Clock, "cores", lambda _self, cores=cores: cores)
        assert seconds(wide) == wanted * times


def price_proofs(monkeypatch, pairs=0.0, cube=0.0, entries=0.0):
    """Set the seconds of a proof, on one core; only one question is asked."""
    counts = SEEN.sum(axis=1)
    each = entries / SEEN.sum()
    pair = 2 * pairs / float(counts @ counts)
    rates = replace(ROUNDED, pair=pair, cube=cube / N**3, entry=each, curved=each)
    for module in ("certify.search.evidence", "certify.pipeline.improve"):
        monkeypatch.setattr(import_module(module), "ROUNDED", rates)
    monkeypatch.setattr(proof_time, "CORES", 1)
    monkeypatch.setattr("certify.pipeline.own_size.LARGEST", 0)


@pytest.mark.usefixtures("_few")
def test_a_search_leaves_the_proof_its_time(monkeypatch):
    problem, real, given = problem_of("plain"), ratings.search, []

    def search(problem, start, clock, *rest):
        """Keep when it ends."""
        given.append(clock.duration())
        return real(problem, start, clock, *rest)

    monkeypatch.setattr(ratings, "search", search)
    monkeypatch.setattr(Clock, "cores", lambda _self: 1.0)
    start = start_of(problem).factors
    for seconds, budget, end in ((30.0, 100.0, 70.0), (99.0, 100.0, 5.0), (1e9, None, None)):
        price_proofs(monkeypatch, entries=seconds)
        found = check(problem, start, budget=budget, rtol=1e-2)
        assert found.lower > 0
        assert given.pop() == (None if end is None else pytest.approx(end))
        improve(problem, start, budget=budget, rtol=1e-2)
        rest = max(100.0 - (1 + STEPS / 2) * seconds, 5.0)  # more points are proved
        assert given[0] == (None if end is None else pytest.approx(rest))
        given.clear()


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("rtol", [1e-2, 0.0])
def test_a_search_that_gets_little_of_a_processor_leaves_the_proof_more(monkeypatch, rtol):
    """A look at the clock takes 0.3 seconds, of which the process has a tenth."""
    looks = iter(range(10**9))
    seconds = [0.0]

    def now():
        """Let time pass."""
        seconds[0] = 0.3 * next(looks)
        return seconds[0]

    monkeypatch.setattr(clocks, "monotonic", now)
    monkeypatch.setattr(clocks, "process_time", lambda: 0.1 * seconds[0])
    begin = partial(Clock, start=0.0, used=0.0)
    monkeypatch.setattr("certify.pipeline.budget.Clock", begin)
    price_proofs(monkeypatch, entries=2.0)
    result = check(problem_of("plain"), start_of(problem_of("plain")).factors, rtol=rtol, budget=60)
    assert "more than the budget" not in result.reason
    assert result.lower > 0.9 * result.reached.value
    assert seconds[0] < 60.0


@pytest.mark.sampled(5)
@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cube", [0.0, 1e9])
def test_without_time_for_its_proof_a_dual_point_has_fewer_entries(monkeypatch, kind, cube):
    """Each pair takes an hour, of which there is one; a factorization takes none, or 30 years."""
    monkeypatch.setattr(eigen, "DENSE", 8)
    monkeypatch.setattr("certify.pipeline.certificate.tiers.EXACT_SIDE", 8)
    counts = SEEN.sum(axis=1)
    price_proofs(monkeypatch, 3600.0 * float(counts @ counts) / 2, cube)
    monkeypatch.setattr(proof_time, "BRIEF", 3600.0 * 500)
    problem = problem_of(kind)
    factors, stages = start_of(problem).factors, []
    asked = {"budget": 0.0, "rtol": 1e-2, "progress": lambda stage, _: stages.append(stage)}
    result = check(problem, factors, **asked)
    assert stages == []  # no search
    W = as_numpy(result.certificate.witness["W"]).reshape(-1)
    kept = np.unique(np.nonzero(SEEN)[0][W != 0])
    shortest = np.sort(counts)[np.cumsum(np.sort(counts) ** 2) <= 2 * 500]
    assert 0 < counts[kept].max() <= shortest.max()
    assert ("scale.left" in result.certificate.witness) == ("weighted n" in kind or "c, w" in kind)
    assert (result.certificate.proof["polar"]["shift"] == exact_text(Fraction(TINY))) == bool(cube)
    assert 0.01 * result.upper < result.lower < result.upper
    proof = verify(result.certificate, problem, factors, rtol=1e-2, tier="rounded")
    assert proof.lower == result.lower


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("kind", ["plain", "both, free"])
def test_a_proof_that_the_budget_lacks_is_told(monkeypatch, kind):
    problem = problem_of(kind)
    monkeypatch.setattr(Clock, "cores", lambda _self: 1.0)  # however busy the machine is
    monkeypatch.setattr("certify.pipeline.own_size.LARGEST", 0)
    best = check(problem, start_of(problem).factors, rtol=1e-2).reached.factors
    for pairs in (1e9, 0.3):
        price_proofs(monkeypatch, pairs, entries=1e9 - pairs)
        result = check(problem, best, budget=100.0, rtol=1e-2)
        assert "its proof takes 1000000000 s, more than the budget" in result.reason
        told = re.search(r"; a dual point of (\d+) of (\d+) entries took its place", result.reason)
        assert 0 < int(told[1]) < int(told[2]) == SEEN.sum()
        lone = kind == "both, free" and told[1] == "1"  # whose sums are 0 only if it is
        assert (result.lower == 0) == lone
        assert result.lower < result.upper
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
    low = ratings.SearchState(problem, entries, descent.descend(entries, x, 20), 0)
    low.pairs(lambda: False)
    assert 0 < low.lower <= low.now.value
    cut = ratings.SearchState(problem, entries, descent.descend(entries, x, 20), 0)
    values = lanczos.Pairs(np.array([1e-3]), np.zeros((M, 1)), np.zeros((N, 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanczos, "largest", lambda *_args, **_more: values)
        cut.pairs(lambda: True)
    assert ratings.bound(entries, cut.now.W, 1e-3) > cut.now.value
    assert cut.lower == -np.inf


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("close", [False, True])
def test_one_round_more_follows_an_estimate_that_was_too_low(monkeypatch, close):
    problem, largest, descend, rounds = problem_of("plain"), lanczos.largest, descent.descend, []
    start = start_of(problem)
    wanted = 0.2 * start.value

    def low(*given, tol, **more):
        """Return rough estimates that are too low, or as they are."""
        pairs = largest(*given, tol=tol, **more)
        share = 0.5 if tol == ratings.ROUGH and not close else 1.0
        return pairs._replace(values=np.maximum(share * pairs.values, 1 + 1e-6))

    def counted(entries, x, steps, *more):
        """Count the descents of a round."""
        rounds.append(steps)
        return descend(entries, x, steps, *more)

    monkeypatch.setattr(lanczos, "largest", low)
    monkeypatch.setattr(descent, "descend", counted)
    grown = []
    monkeypatch.setattr(ratings, "grow", lambda *given: grown.append(given))
    ratings.search(problem, start, Clock(), 0, (wanted / ratings.PART, None))
    (_, _, least, _), after = grown[0], len(rounds)
    assert least == wanted
    assert rounds == [ratings.OWN, *([ratings.FEW] * (after - 1))]
    assert after in (1, 2)


def test_prices_without_biases_are_held_once_for_all_components():
    for kind, held in (("plain", 0), ("both", 12)):
        entries = descent.entries_of(problem_of(kind))
        p, q = entries.prices
        price, free = entries.price(3), entries.free(3)
        assert price.shape == free.shape == (M + N, 3 + entries.bias_count)
        assert (price.strides[1] == 0) == (free.strides[1] == 0) == (not held)
        assert np.array_equal(price[:, 2], np.concatenate([p, q]).astype(np.float32))
        assert free[:, :3].all()
        assert price.dtype == free.dtype == entries.kind


def test_fewer_pairs_are_looked_for_where_few_earned_more_the_last_time():
    problem = problem_of("plain")
    entries, rng = descent.entries_of(problem), np.random.default_rng(0)
    x = rng.standard_normal((M + N, 14)).astype(np.float32)
    at = ratings.SearchState(problem, entries, descent.descend(entries, x, 60), 0)
    first = at.pairs(lambda: False)
    earned = int((first.values > 1).sum())
    assert len(first.values) == min(int(ratings.MORE * earned) + ratings.FEWEST, 14)
    assert at.most == ratings.NEXT * earned + ratings.LEAST
    assert all(x.base is None for x in first)  # no view of all of them
    at.now = descent.objective_of(entries, 14).at(0 * x)
    at.most = 2
    assert len(at.pairs(lambda: False).values) == 2
    assert at.most > M + N  # all that was looked for earned more


def test_entries_are_sent_without_their_threads():
    entries = descent.entries_of(problem_of("both"))
    U, V = (np.ones((d, 2), dtype=np.float32) for d in entries.shape)
    before = entries.fit(U, V)
    again = pickle.loads(pickle.dumps(entries))  # noqa: S301  its own
    assert "pool" in vars(entries)
    assert "pool" not in vars(again)
    assert entries.blocks
    assert not again.blocks  # which hold copies of all data
    assert all(np.array_equal(*pair) for pair in zip(before, again.fit(U, V), strict=True))


@pytest.mark.usefixtures("_few")
def test_single_precision_is_followed_by_double(monkeypatch):
    monkeypatch.setattr(ratings, "STALE", 1)
    problem = problem_of("both")
    start = start_of(problem)
    entries = descent.entries_of(problem)
    x = entries.into(start.factors, descent.biases_of(problem, start.q))
    at = ratings.SearchState(problem, entries, descent.descend(entries, x, 5), 0)
    ratings.grow(at, Clock(), -1.0)  # until no gap is better
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


def test_a_descent_holds_few_arrays_as_large_as_its_numbers():
    rng = np.random.default_rng(0)
    m, n, r = 12_000, 8_000, 64
    few = sparse.random_array((m, n), density=0.0005, rng=rng)
    entries = descent.entries_of(Problem(Squared(few), RankOne(), 0.1))
    size = 4 * (m + n) * r
    descent.descend(entries, np.ones((m + n, r), dtype=np.float32), 1)  # blocks and threads
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    steps = 2 * descent.REMEMBERED + 2
    descent.descend(entries, rng.random((m + n, r), dtype=np.float32), steps)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    # a point and its metric, a direction, the steps but one, the next point and what it is made of
    assert peak <= (3 + 1 + 2 * (descent.REMEMBERED - 1) + 6) * size


SIGNED = {
    "squares": (Squared(of_data(np.abs)), ("l2+", "l2+")),
    "one side": (Squared(Y), ("l2", "l2+")),
    "clicks": (Logistic(CLICKS), ("l2+", "l2+")),
    "counts": (KullbackLeibler(COUNTS), ("l2+", "l2+")),
}


@pytest.fixture(params=SIGNED)
def signed(request):
    """Each kind of factors with signs."""
    loss, pair = SIGNED[request.param]
    return Problem(loss, RankOne(*pair), 1.0)


def positive_start(problem: Problem, size: int = 3):
    """Return random factors that are allowed everywhere."""
    rng = np.random.default_rng(3)
    return evaluate(problem, (rng.random((M, size)), rng.random((N, size))))


def allowed(problem: Problem, factors) -> bool:
    """Whether factors have the signs that are asked for."""
    return all(g.admits(x) for g, x in zip(problem.atom.gauges, factors, strict=True))


def test_steps_of_factors_with_signs_stay_inside_and_end_stationary(signed):
    entries, start = descent.entries_of(signed, np.float64), positive_start(signed)
    x = entries.into(start.factors, (None, None))
    end = descent.descend(entries, x, 300)
    assert end.value < start.value
    assert allowed(signed, entries.out(end.x)[0])
    objective = descent.objective_of(entries, 3)
    still = objective.still(end)
    assert still.any()  # the sign binds
    assert np.abs(np.where(still, 0, end.slope)).max() <= 1e-3 * np.abs(objective.at(x).slope).max()


@pytest.mark.sampled(3)
@np.errstate(all="ignore")  # as check does
def test_factors_with_signs_are_found_beside_a_bound_without(signed):
    start = positive_start(signed)
    found = ratings.search(signed, start, Clock(), 0, (1e-3 * start.value, None))
    assert allowed(signed, found.best.factors)
    assert found.best.value < start.value
    assert found.same.size <= start.size
    (W,) = found.duals
    top = np.linalg.norm(signed.loss.observed.matrix(W).toarray(), 2)
    lower = scaling.value(signed, W, min(1.0, signed.lam / top))
    assert 0.5 * found.best.value <= lower <= found.best.value
    free = Problem(signed.loss, RankOne(), signed.lam)
    if not signed.loss.positive:  # the bound is the optimum without signs
        best = ratings.search(free, start, Clock(), 0, (1e-3 * start.value, None)).best
        assert 0.98 * best.value <= lower <= best.value


def test_what_earns_with_signs_has_them_and_earns_that(signed):
    entries, start = descent.entries_of(signed, np.float64), positive_start(signed)
    now = descent.objective_of(entries, 3).at(entries.into(start.factors, (None, None)))
    pairs = ratings.SearchState(signed, entries, now, 0).pairs(lambda: False)
    values, u, v = ratings.select_pairs(entries, now.W, pairs)
    matrix = ratings.scale_by_prices(entries, now.W)
    assert len(values)
    assert values.min() > 1
    assert np.allclose(np.einsum("mk,mk->k", u, matrix @ v), values, rtol=1e-12)
    lengths = [np.linalg.norm(x, axis=0) for x in (u, v)]
    assert np.allclose(lengths, 1.0)
    place = np.argsort(entries.rows)
    assert allowed(signed, (u[place], v))
    level = float(values[2:4].mean())  # as if lam were so much larger
    few = ratings.select_pairs(entries, now.W / level, pairs._replace(values=pairs.values / level))
    assert 0 < len(few[0]) < len(values)  # those that earn too little are left out
    assert (few[0] > 1).all()


def test_a_balanced_point_with_signs_is_the_same_fit_without_the_dead(signed):
    entries, start = descent.entries_of(signed, np.float64), positive_start(signed)
    factors = [np.hstack([x, 1e-9 * x[:, :1]]) for x in start.factors]
    x = ratings.trim(entries, entries.into((4 * factors[0], factors[1]), (None, None)))
    out = entries.out(x)[0]
    assert out[0].shape[1] == 3
    assert np.allclose(out[0] @ out[1].T, 4 * start.factors[0] @ start.factors[1].T, rtol=1e-12)
    assert np.allclose(*(np.linalg.norm(f, axis=0) for f in out), rtol=1e-12)


@np.errstate(all="ignore")  # as all searches do
def test_what_is_appended_is_shortened_until_it_lowers_the_objective():
    problem, bends = problem_of("poisson"), descent.Entries.second_derivatives
    entries = descent.entries_of(problem, np.float64)
    now = descent.objective_of(entries, 0).at(
        entries.into(start_of(problem, 0).factors, (None,) * 2)
    )
    pairs = ratings.SearchState(problem, entries, now, 0).pairs(lambda: False)
    with pytest.MonkeyPatch.context() as patch:  # far too little curvature
        patch.setattr(descent.Entries, "second_derivatives", lambda *given: 1e-3 * bends(*given))
        x = ratings.append(entries, now, pairs)
        patch.setattr(ratings, "HALVINGS", 1)
        assert ratings.append(entries, now, pairs) is now.x  # as it stands it raises the objective
    assert x.shape[1] > 0
    after = descent.objective_of(entries, x.shape[1]).at(x).value
    assert after < now.value


def test_an_extended_loss_bounds_the_loss_and_its_slopes_serve_its_dual():
    loss = KullbackLeibler(np.array([[0.0, 1.0, 6.0]]), weights=np.array([[1.0, 2.0, 0.5]]))
    part = loss.restrict(np.arange(3))
    wide = Extended(part, 7 / 3)
    Z = np.array([[z] * 3 for z in (-2.0, -1e-3, 0.0, 0.05, 0.3, 1.0, 9.0)])
    with np.errstate(all="ignore"):  # as all searches do
        below, exact = wide.each(Z), part.each(Z)
    assert (below <= exact + 1e-15).all()
    inside = np.maximum(DELTA * part.data, 0) <= Z
    assert np.array_equal(below[inside], exact[inside])
    assert np.isfinite(below).all()
    step = 2.0**-20
    slope = (wide.each(Z + step) - wide.each(Z - step)) / (2 * step)
    smooth = np.abs(Z - DELTA * part.data) > step  # h'' jumps where the two meet
    assert np.allclose(slope[smooth], wide.slope(Z)[smooth], rtol=1e-6)
    turn = (wide.slope(Z + step) - wide.slope(Z - step)) / (2 * step)
    assert np.allclose(turn[smooth], wide.second_derivative(Z)[smooth], rtol=1e-4, atol=1e-6)
    W = -wide.field_weights * wide.slope(Z)
    assert all(np.isfinite(loss.dual_value(w[None])) for w in W)
    with np.errstate(all="ignore"):
        values = [x.each_dual(W, x.field_weights) for x in (wide, part)]
        assert np.array_equal(*values)
    again = wide.restrict(slice(1, 2), np.float32)
    assert again.data.dtype == np.float32
    assert again.mean == 7 / 3
    assert np.allclose(again.slope(Z[:, 1].astype(np.float32)), wide.slope(Z)[:, 1], rtol=1e-5)
    assert wide.ends() == (-1.0, np.inf)
    with pytest.raises(NotImplementedError, match="no proximal map"):
        wide.move(Z, 1.0)


def test_entries_without_signs_have_a_loss_that_is_finite_there():
    counts = Problem(*SIGNED["counts"][:1], RankOne("l2+", "l2+"), 1.0)
    free = descent.entries_of(counts).without_signs()
    assert isinstance(free.loss, Extended)
    assert free.signs == (False, False)
    x = free.into(start_of(counts).factors, (None, None))
    assert np.isfinite(descent.objective_of(free, 2).at(x).value)
    assert descent.objective_of(descent.entries_of(counts), 2).at(x).value == np.inf
    clicks = Problem(*SIGNED["clicks"][:1], RankOne("l2+", "l2+"), 1.0)
    assert isinstance(descent.entries_of(clicks).without_signs().loss, Logistic)


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("kind", ["logistic + biases", "poisson"])
def test_improve_certifies_smooth_losses(kind, monkeypatch):
    monkeypatch.setattr("certify.pipeline.own_size.LARGEST", 0)
    problem = problem_of(kind)
    found = improve(problem, start_of(problem).factors, rtol=1e-4)
    assert found.certified
    exact = verify(found.result.certificate, problem, found.factors, q=found.q, rtol=1e-4)
    assert exact.certified
    twin = check(problem, tuple(x[:, :1] for x in found.factors), rtol=1e-4)
    assert twin.verdict is not Verdict.CERTIFIED
    assert twin.lower <= found.objective


def test_logarithms_of_many_entries_are_never_proved_one_by_one(monkeypatch):
    monkeypatch.setattr("certify.pipeline.certificate.tiers.EXACT_LOGS", 0)
    problem = problem_of("logistic")
    exact = value_of(problem, start_of(problem))

    def refuse(*_):
        """End a test."""
        raise AssertionError("one by one")

    monkeypatch.setattr("certify.kernel.exp_log.softplus_at", refuse)
    again = value_of(problem, start_of(problem))
    assert (again.lo, again.hi) == (exact.lo, exact.hi)
    monkeypatch.setattr("certify.pipeline.certificate.tiers.EXACT_LOGS", 10**6)
    with pytest.raises(AssertionError, match="one by one"):
        value_of(problem, start_of(problem))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", ["plain", *LOSSES, "logistic + biases"])
@pytest.mark.parametrize("top", [1e-3, 0.7, 3.0])
def test_the_estimated_bound_is_that_of_the_best_multiple(kind, top):
    problem = problem_of(kind)
    entries, start = descent.entries_of(problem, np.float64), start_of(problem)
    x = entries.into(start.factors, descent.biases_of(problem, start.q))
    W = entries.dual_point(x)
    told = ratings.bound(entries, W[entries.order], top)
    most = 1 / top if problem.loss.quadratic else min(1 / top, 1.0)  # d may end beyond
    best = max(scaling.value(problem, W, s) for s in np.linspace(0, min(most, 2.0), 2001)[1:])
    assert best - 1e-4 * abs(best) <= told <= best + 1e-4 * abs(best)


def test_a_parameter_that_is_no_ordinary_number_asks_for_double_precision():
    kinds = {d: ratings.precision(Problem(Huber(Y, d), RankOne(), LAM)) for d in (0.5, 1e-30, 1e30)}
    assert kinds == {0.5: np.float32, 1e-30: np.float64, 1e30: np.float64}
