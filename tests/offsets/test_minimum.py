"""The best value of each number of an intercept under a loss with kinks."""

from fractions import Fraction

import cvxpy
import numpy as np
import pytest
from flint import fmpq_mat
from scipy import sparse

from certify import InputError, Problem, check, improve
from certify.atoms import RankOne
from certify.base.clock import Clock, limit_fits
from certify.base.minimize import bisect_slopes
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
    Squared,
    SquaredHinge,
)
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept, Smooth, Sparse
from certify.problem import best_offsets
from certify.problem.best_offsets import least_squares
from certify.search.dual import orthogonal
from tests.tolerance import rounding

RNG = np.random.default_rng(6)
DATA, FIELD = RNG.integers(-16, 17, (9, 4)) / 4, RNG.integers(-16, 17, (9, 4)) / 8
LOSSES = {
    "absolute": Absolute(DATA),
    "quantile": Quantile(DATA, 0.75),
    "hinge": Hinge(np.where(DATA > 0, 1.0, -1.0)),
}
OFFSETS = {"column": ColumnIntercept, "row": RowIntercept, "all": Intercept}


def kinks(loss):
    """Return where each entry of the field bends, as a shift of it."""
    return loss.data - FIELD


@pytest.mark.parametrize("ridge", [0.0, 0.5, 8.0])
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("loss", LOSSES)
def test_no_kink_and_no_ridge_between_two_kinks_is_better(loss, offset, ridge):
    held, o = LOSSES[loss], OFFSETS[offset](ridge)
    problem = Problem(held, RankOne(), 1.0, o)
    (q,) = problem.fit_offsets(FIELD)
    axis = {"column": 0, "row": 1, "all": None}[offset]
    places = {"column": lambda j: np.s_[:, j], "row": lambda j: np.s_[j, :], "all": lambda _: ...}

    def value(j, x):
        """Return what the j-th number costs at x."""
        at = places[offset](j)
        shifted = np.full(FIELD.shape, np.nan)
        shifted[at] = FIELD[at] + x
        return np.nansum(held.each(shifted)) + 0.5 * ridge * x * x

    assert q.size == (1 if axis is None else FIELD.shape[1 - axis])
    for j, x in enumerate(q.ravel()):
        tries = kinks(held)[places[offset](j)].ravel()
        if ridge:  # between two kinks the slope of the loss is constant
            ends = np.sort(tries)
            middles = np.concatenate([[ends[0] - 1], (ends[1:] + ends[:-1]) / 2, [ends[-1] + 1]])
            step = 2.0**-20
            slopes = [(value(j, m + step) - value(j, m - step)) / (2 * step) for m in middles]
            inner = [m - s / ridge for m, s in zip(middles, slopes, strict=True)]
            tries = np.concatenate([tries, inner])
        best = min(value(j, t) for t in tries)
        assert value(j, x) <= best + rounding(best, 1.0, flops=64)


OVERLAPPING = {
    "rows and columns": (RowIntercept, ColumnIntercept),
    "columns and rows": (ColumnIntercept, RowIntercept),
    "rows and one": (RowIntercept, Intercept),
    "one and columns": (Intercept, ColumnIntercept),
    "three": (RowIntercept, ColumnIntercept, Intercept(0.125)),
}


@pytest.mark.parametrize("ridges", [(0.0, 0.0), (2.0**-6, 2.0**-6), (0.0, 0.25), (5.0, 3.0)])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("kinds", OVERLAPPING)
def test_offsets_that_overlap_are_fitted_as_by_one_system(ridges, listed, kinds, monkeypatch):
    first, second, *more = OVERLAPPING[kinds]
    if not more:  # of any two of them
        monkeypatch.setattr("certify.problem.best_offsets.sweeps", None)
    rng = np.random.default_rng(1)
    Y = 3 + rng.standard_normal((30, 20))
    given = sparse.coo_array(np.where(rng.random(Y.shape) < 0.4, Y, 0.0)) if listed else Y
    loss, offsets = Squared(given), (first(ridges[0]), second(ridges[1]), *more)
    problem = Problem(loss, RankOne(), 1.0, offsets)
    observed, target = loss.observed, loss.data
    A = np.hstack([o.operator(observed).toarray() for o in offsets])
    K = np.diag(np.concatenate([np.full(o.shape(observed), o.ridge).ravel() for o in offsets]))
    best = np.linalg.lstsq(A.T @ A + K, A.T @ target.ravel(), rcond=1e-13)[0]
    truth = 0.5 * np.sum((A @ best - target.ravel()) ** 2) + 0.5 * best @ K @ best
    weights = np.ones(target.shape)
    for q in (
        problem.fit_offsets(np.zeros_like(target)),  # by a matrix that is kept, at this size
        least_squares(offsets, target, weights, observed),
    ):
        prices = sum(o.penalty(x) for o, x in zip(offsets, q, strict=True))
        assert loss.value(problem.shift(q)) + prices <= truth * (1 + 1e-12)


def test_intervals_grow_until_they_hold_the_answer():
    far = np.array([2.0**40, -(2.0**40), 0.0, 0.375])
    found = bisect_slopes(lambda q: np.sign(q - far), np.zeros(4))
    assert np.array_equal(found, far)


def test_a_number_without_an_answer_runs_away():
    assert bisect_slopes(lambda q: -np.ones_like(q), np.zeros(1))[0] > 1e30


@pytest.mark.sampled(4)
@pytest.mark.parametrize("size", [2.0**-10, 1.0, 2.0**10])
@pytest.mark.parametrize("name", ["absolute", "quantile"])
def test_several_offsets_are_best_under_losses_with_kinks(name, size):
    """An intercept, outliers and a smooth part together, of data of any size."""
    edges = np.column_stack([np.arange(8), np.arange(1, 9)])
    offsets = (Intercept(), Sparse(0.5), Smooth(edges, 1 / size))
    made = {"absolute": Absolute, "quantile": lambda Y: Quantile(Y, 0.75)}[name]
    loss = made(DATA[:, :1] * size)
    problem = Problem(loss, RankOne(), 1.0, offsets)
    factors = FIELD[:, :1] * size, np.ones((1, 1))
    found = problem.objective(factors, problem.best_offsets(factors))
    found -= float(problem.atom.theta(factors).sum())
    rest = (DATA - FIELD)[:, :1]  # in units of the size
    mean, out, smooth = cvxpy.Variable(), cvxpy.Variable((9, 1)), cvxpy.Variable((9, 1))
    left = rest - mean - out - smooth
    tilt = 0.25 if name == "quantile" else 0.0
    fit = (0.5 if tilt else 1.0) * cvxpy.norm1(left) + tilt * cvxpy.sum(left)
    price = 0.5 * cvxpy.norm1(out) + 0.5 * cvxpy.sum_squares(smooth[1:] - smooth[:-1])
    truth = cvxpy.Problem(cvxpy.Minimize(fit + price)).solve(solver="CLARABEL")
    assert found / size == pytest.approx(truth, rel=1e-6)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("size", [1.0, 1e-8])
@pytest.mark.parametrize("seed", range(4))
def test_covariates_are_best_under_losses_with_kinks(seed, size):
    """The minimum is at kinks of as many entries as there are numbers."""
    rng = np.random.default_rng(seed)
    A, data, ridge = rng.normal(size=(20, 3)), rng.normal(size=(20, 5)), 0.5 * (seed % 2)
    offsets = ColumnIntercept(), Linear(A, ridge / size)
    problem = Problem(Quantile(data * size, 0.1), RankOne(), 1.0, offsets)
    found = problem.objective(EMPTY, problem.best_offsets(EMPTY))
    mean, slope = cvxpy.Variable((1, 5)), cvxpy.Variable((3, 5))
    rest = data - np.ones((20, 1)) @ mean - A @ slope
    fit = cvxpy.sum(0.1 * cvxpy.pos(rest) + 0.9 * cvxpy.pos(-rest))
    price = 0.5 * ridge * cvxpy.sum_squares(slope)
    truth = cvxpy.Problem(cvxpy.Minimize(fit + price)).solve(solver="CLARABEL")
    assert found / size == pytest.approx(truth, rel=1e-7)
    fitted = problem.shift(problem.best_offsets(EMPTY))
    assert (np.abs(fitted / size - data) <= 1e-9).sum() >= 5 * (1 if ridge else 4)


EMPTY = np.zeros((20, 0)), np.zeros((5, 0))
OVERLAP = [ColumnIntercept(), RowIntercept(), Linear(np.random.default_rng(0).normal(size=(28, 2)))]


@pytest.mark.parametrize("loss", [Squared, Absolute])
def test_offsets_that_overlap_are_no_larger_than_the_data(loss):
    data = np.random.default_rng(1).normal(size=(28, 21))
    problem = Problem(loss(data), RankOne(), 1.0, OVERLAP)
    q = problem.fit_offsets(np.zeros(data.shape))
    assert max(np.abs(x).max() for x in q) <= 4 * np.abs(data).max()


def test_sweeps_that_come_no_nearer_are_given_up(monkeypatch):
    steps, A = [], np.column_stack([np.ones(40), np.linspace(0.0, 1e-3, 40)])
    solve = Intercept.solve
    monkeypatch.setattr(Intercept, "solve", lambda *given: steps.append(0) or solve(*given))
    observed, target = Squared(np.zeros((40, 2))).observed, np.random.default_rng(2).random((40, 2))
    offsets, ones = (Intercept(), Linear(A[:, 1:])), np.ones((40, 2))
    number, slope = least_squares(offsets, target, ones, observed)
    assert len(steps) <= 4
    wanted = np.linalg.lstsq(np.kron(A, np.eye(2)) @ SHARED, target.reshape(-1), rcond=None)[0]
    assert np.abs(np.concatenate([number.reshape(-1), slope.reshape(-1)]) - wanted).max() <= 1e-6


def test_one_number_beside_those_of_lines_stays_at_zero_where_they_do_all():
    observed, target = (
        Squared(np.zeros((4, 3))).observed,
        3 + np.random.default_rng(2).random((4, 3)),
    )
    offsets, ones = (Intercept(), ColumnIntercept()), np.ones((4, 3))
    one, lines = least_squares(offsets, target, ones, observed)
    assert one.tolist() == [0.0]
    assert np.allclose(lines, target.mean(axis=0), rtol=1e-15)


SHARED = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])  # both columns have one number


def test_a_dual_point_is_projected_by_one_matrix_and_corrected_by_one_solution(monkeypatch):
    data = np.random.default_rng(3).normal(size=(28, 21))
    problem = Problem(Absolute(data), RankOne(), 1.0, OVERLAP)
    calls = []

    class Counted:
        def __init__(self, *given):
            self.matrix = fmpq_mat(*given)

        def solve(self, right):
            calls.append(0)
            return self.matrix.solve(right.matrix)

    monkeypatch.setattr(orthogonal, "fmpq_mat", Counted)
    monkeypatch.setattr(orthogonal, "least_squares", None)
    found = orthogonal.orthogonalize(problem, np.random.default_rng(4).uniform(-1, 1, data.shape))
    assert len(calls) <= 2  # Newton's step, and one that never rises
    assert len(found.corrections) > 50


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_few_numbers_beside_kinks_are_fitted_by_one_matrix(monkeypatch, ridge):
    offsets = [ColumnIntercept(ridge), Linear(np.linspace(-1.0, 1.0, 9)[:, None], 0.25)]
    problem, none = Problem(Absolute(DATA), RankOne(), 1.0, offsets), np.zeros((9, 4))
    empty = np.zeros((9, 0)), np.zeros((4, 0))
    with monkeypatch.context() as patched:
        patched.setattr("certify.problem.best_offsets.JOINT", 0)
        by_turns = problem.objective(empty, problem.fit_offsets(none))
    monkeypatch.setattr("certify.problem.best_offsets.least_squares", None)
    at_once = problem.objective(empty, problem.fit_offsets(none))
    assert abs(at_once - by_turns) <= 1e-6 * by_turns


COUNTS = np.round(np.abs(DATA) * 2)
SMOOTH = {
    "huber": Huber(DATA, 1.0),
    "logistic": Logistic((DATA > 0) * 1.0),
    "squared_hinge": SquaredHinge(np.where(DATA > 0, 1.0, -1.0)),
    "poisson": Poisson(COUNTS),
    "kullback_leibler": KullbackLeibler(
        np.where(FIELD < 0, 0.0, np.abs(DATA)), mask=DATA[0, 0] != DATA
    ),
    "softmax": Softmax(np.eye(4)[DATA.argmax(1)]),
}


@pytest.mark.parametrize("others", [(), (RowIntercept(0.5), ColumnIntercept())], ids=["alone", ""])
@pytest.mark.parametrize("name", SMOOTH)
def test_a_sparse_part_and_what_stands_beside_it_are_stationary(name, others):
    """Convex: where every slope is that of the price, nothing is better."""
    loss, rho, near = SMOOTH[name], 0.3, 1e-6
    problem = Problem(loss, RankOne(), 1.0, (Sparse(rho), *others))
    observed = loss.observed
    Z = FIELD if observed.full else FIELD[observed.listed]
    S, *rest = problem.fit_offsets(Z)
    fit = Z + S + sum(o.field(q, observed) for o, q in zip(others, rest, strict=True))
    assert np.isfinite(loss.value(fit))
    slope = loss.gradient(fit)
    edge = (fit <= 1e-12) & loss.positive  # where the loss ends, its slopes go down to -inf
    assert (slope >= -rho - near).all()
    assert (slope[~edge] <= rho + near).all()
    moved = (np.abs(S) > near) & ~edge
    assert np.abs(slope + rho * np.sign(S))[moved].max(initial=0.0) <= near
    assert moved.any() or name == "softmax"
    for o, q in zip(others, rest, strict=True):
        if not edge.any():
            pull = observed.line_sums(slope, 0 if o.name == "row" else 1) + o.ridge * q
            assert np.abs(pull).max() <= near


def test_counts_beside_a_sparse_part_and_free_numbers_have_a_finite_objective():
    """Where nothing is counted the best fit is 0, which a rounding would leave below 0."""
    rng = np.random.default_rng(0)
    Y, U, V = (rng.standard_normal(s) for s in ((60, 40), (60, 3), (40, 3)))
    loss = KullbackLeibler(np.round(2 * np.abs(Y)))
    offsets = Sparse(0.3), RowIntercept(), ColumnIntercept()
    problem, factors = Problem(loss, RankOne(), 5.0, offsets), (0.3 * np.abs(U), 0.3 * np.abs(V))
    value = problem.objective(factors, problem.best_offsets(factors))
    assert value < 600


@pytest.mark.parametrize("form", ["product", "sum"])
def test_a_sparse_part_leaves_the_fit_of_counts_above_the_rounding_of_its_terms(form):
    """Terms of size 1 that cancel have a rounding error far above that of their sum."""
    rng = np.random.default_rng(0)
    U, V = rng.standard_normal((40, 2)), rng.standard_normal((30, 2))
    U, V = np.hstack([U, -U]), np.hstack([V, V * (1 + 1e-9 * rng.standard_normal(V.shape))])
    problem = Problem(KullbackLeibler(np.zeros((40, 30))), RankOne(form=form), 1e-9, Sparse(0.5))
    (S,) = problem.best_offsets((U, V))
    exact = [
        sum(Fraction(a) * Fraction(b) for a, b in zip(u, v, strict=True)) + Fraction(s)
        for u, row in zip(U, S, strict=True)
        for v, s in zip(V, row, strict=True)
    ]
    assert 0 < min(exact) < max(exact) < 1e-8
    assert check(problem, (U, V), budget=0).upper < np.inf


def test_a_fit_that_is_below_0_in_exact_arithmetic_alone_is_refused_in_a_sentence():
    problem = Problem(KullbackLeibler([[0.0, 1.0]]), RankOne(), 0.5, Intercept(1.0))
    factors, q = (np.array([[0.1]]), np.array([[0.1], [1.0]])), [np.array([-(0.1 * 0.1)])]
    assert problem.predict(factors, q)[0, 0] == 0
    said = r"infinite: in exact arithmetic the fit is somewhere -8\.3\S+e-19 or less, where floats"
    for ask in (check, improve):
        with pytest.raises(InputError, match=said):
            ask(problem, factors, q=q, budget=0)


def test_a_fit_beyond_the_floats_is_refused_in_a_sentence():
    """LAPACK may not come back from a system that is not finite."""
    loss, offsets = Quantile(np.ones((4, 3)), 0.5), (RowIntercept(0.5), ColumnIntercept())
    factors = np.full((4, 1), 1e200), np.full((3, 1), 1e200)
    with pytest.raises(InputError, match="overflows float64"):
        check(Problem(loss, RankOne(), 0.5, offsets), factors, budget=0)


@pytest.mark.parametrize("loss", [Squared, Absolute, lambda Y: Huber(Y, 0.5)])
def test_data_far_below_the_fit_of_the_factors_are_refused_with_both_sizes(loss):
    """At the scale of these data the squares of the fit are infinite."""
    problem = Problem(loss(np.eye(4, 3) * 1e-310), RankOne(), 1e-311, ColumnIntercept())
    factors = np.full((4, 1), 2.0), np.ones((3, 1))
    said = "the fit has entries up to 2, and Y only up to 1e-310: pass factors of the same scale"
    for ask in (check, improve):
        with pytest.raises(InputError, match=said):
            ask(problem, factors, budget=0)
    small = tuple(x * 1e-155 for x in factors)
    for given in ({"factors": factors, "q": [np.zeros(3)]}, {"factors": small}):
        check(problem, budget=0, **given)  # is answered


LINES = (RowIntercept(), ColumnIntercept())
MIXED = np.random.default_rng(2).standard_normal((12, 7))
LONG = {  # fits in many steps, and what is called in each
    "multipliers": (Absolute(MIXED), LINES, "prox"),
    "gradients": (Huber(MIXED, delta=0.25), LINES, "gradient"),
    "a sparse part of a sum": (Huber(MIXED, delta=0.25), (Sparse(0.2), *LINES), "gradient"),
    "a sparse part": (
        Softmax(np.eye(7)[[0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4]]),
        (Sparse(0.2),),
        "gradient",
    ),
}


@pytest.mark.parametrize("kind", LONG)
def test_a_fit_without_time_ends_with_what_it_has(kind, monkeypatch):
    loss, offsets, name = LONG[kind]
    problem, Z, count = Problem(loss, RankOne(), 1.0, offsets), np.zeros(MIXED.shape), [0]
    step = getattr(type(loss), name)

    def counted(*given):
        count[0] += 1
        return step(*given)

    monkeypatch.setattr(type(loss), name, counted)

    def cost(q):
        prices = sum(o.penalty(x) for o, x in zip(offsets, q, strict=True))
        return loss.value(Z + problem.shift(q)) + prices

    best, whole = cost(problem.fit_offsets(Z)), count[0]
    with limit_fits(Clock(0.0, start=-1e9)):
        count[0] = 0
        late = cost(problem.fit_offsets(Z))
    assert count[0] < whole - 5
    assert best < late <= loss.value(Z)


def test_a_fit_without_time_goes_on_until_it_is_in_the_domain():
    loss, offsets = KullbackLeibler(np.ones((3, 4))), (RowIntercept(), ColumnIntercept())
    problem = Problem(loss, RankOne("l2+", "l2+"), 1.0, offsets)
    with limit_fits(Clock(0.0, start=-1e9)):
        q = problem.fit_offsets(np.zeros((3, 4)))
    assert not loss.outside(np.zeros((3, 4)) + problem.shift(q))


SQUARES = {  # what is called in each sweep, or in each of Newton's steps
    "sweeps": ((RowIntercept(0.5), ColumnIntercept(0.25), Intercept(2.0)), RowIntercept, "solve"),
    "outliers": ((Sparse(0.2), *LINES), best_offsets, "splu"),
}


@pytest.mark.parametrize("kind", SQUARES)
def test_least_squares_without_time_end_after_a_step(kind, monkeypatch):
    offsets, owner, name = SQUARES[kind]
    given, calls, step = (
        (MIXED, np.ones(MIXED.shape), Squared(MIXED).observed),
        [],
        getattr(owner, name),
    )
    monkeypatch.setattr(owner, name, lambda *x: (calls.append(x), step(*x))[1])
    least_squares(offsets, *given)
    assert len(calls) > 2
    calls.clear()
    with limit_fits(Clock(0.0, start=-1e9)):
        least_squares(offsets, *given)
    assert len(calls) <= 2  # Newton's step, and one that never rises
