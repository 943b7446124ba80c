"""The search for every loss: certified where the polar is closed, and its parts are sound."""

import numpy as np
import pytest
from scipy import sparse

from certify import Problem, Verdict, check, improve
from certify.atoms import RankOne, Symmetric
from certify.base.clock import Clock
from certify.losses import (
    LOSSES,
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
from certify.norms import Elastic, Weighted, gauge
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept, Smooth
from certify.search import convex, envelope, pricing, relax
from certify.search.candidate import Candidate
from certify.search.column_generation import Search
from certify.search.coordinates.products import Side, form_of
from certify.search.descent.products import Task
from certify.search.dual import polar_ball
from certify.search.dual.points import inside_point
from certify.search.dual.scaling import best_scale, value
from certify.search.envelope import Smoothed
from certify.search.growth import products as columns
from tests.tolerance import EPS, rounding

rng = np.random.default_rng(7)
Z = rng.integers(-8, 9, (5, 2)) @ rng.integers(-8, 9, (2, 4)) / 64
Y = Z + rng.integers(-8, 9, (5, 4)) / 16
LABELS = np.where(Y >= 0, 1.0, -1.0)
COUNTS = rng.integers(0, 5, (5, 4)).astype(float)
MASK = rng.random((5, 4)) < 0.8
MADE = {
    "squared": lambda **k: Squared(Y, **k),
    "huber": lambda **k: Huber(Y, 0.25, **k),
    "absolute": lambda **k: Absolute(Y, **k),
    "quantile": lambda **k: Quantile(Y, 0.25, **k),
    "hinge": lambda **k: Hinge(LABELS, **k),
    "squared_hinge": lambda **k: SquaredHinge(LABELS, **k),
    "logistic": lambda **k: Logistic((LABELS + 1) / 2, **k),
    "softmax": lambda **_: Softmax(np.eye(4)[rng.integers(0, 4, 5)]),
    "kullback_leibler": lambda **k: KullbackLeibler(COUNTS, **k),
    "poisson": lambda **k: Poisson(COUNTS, **k),
}
CLOSED = [("l2", "l2"), ("l1", "l2"), ("l2+", "l1"), ("l1+", "linf"), ("l1", "l1+")]
EACH = pytest.mark.parametrize("name", MADE)
POOR = (np.full((5, 1), 0.5), np.full((4, 1), 0.5))
LAM = 0.25
NEAR = 2.0**-17  # what is asked of an NP-hard polar: its proofs end 2**-20 above lam
SOLVED = EPS ** (3 / 8)  # a conic solver's digits: exponential cones reach about six


def asked(name, pair=("l2", "l2"), **kinds):
    return Problem(MADE[name](**kinds), RankOne(*pair), LAM)


def test_every_loss_is_searched():
    assert set(MADE) == set(LOSSES)


@pytest.mark.sampled(11)
@EACH
@pytest.mark.parametrize("pair", CLOSED, ids="x".join)
def test_a_poor_start_ends_certified_and_is_itself_refuted(name, pair):
    problem = asked(name, pair)
    found = improve(problem, POOR)
    assert found.result.verdict is Verdict.CERTIFIED
    twin = check(problem, POOR)
    assert twin.verdict in (Verdict.REFUTED, Verdict.RANK_LIMITED)
    assert twin.lower <= found.objective
    assert twin.better_upper is not None
    assert found.result.lower <= twin.better_upper


@pytest.mark.sampled(4)
@EACH
def test_the_optimum_is_that_of_a_conic_solver(name):
    problem = asked(name)
    found, told = improve(problem, POOR), relax.convex(problem)
    assert abs(told.value - found.objective) <= SOLVED * abs(found.objective)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", [n for n in MADE if n != "softmax"])
def test_holes_in_the_data_are_no_obstacle(name):
    found = improve(asked(name, mask=MASK), POOR)
    assert found.result.verdict is Verdict.CERTIFIED


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", ["squared", "huber", "logistic", "kullback_leibler", "hinge"])
def test_nonnegative_factors_end_certified(name):
    found = improve(asked(name, ("l2+", "l2+")), POOR, rtol=NEAR)
    assert found.result.verdict is Verdict.CERTIFIED


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("norm", ["l2", "l2+", "l1+"])
@pytest.mark.parametrize("loss", [Squared, Absolute, KullbackLeibler])
def test_one_factor_ends_certified(loss, norm):
    X = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.5]])
    found = improve(Problem(loss(X @ X.T), Symmetric(norm), LAM), (np.ones((3, 1)),), rtol=NEAR)
    assert found.result.verdict is Verdict.CERTIFIED


@EACH
def test_no_budget_still_gives_a_bracket(name):
    result = check(asked(name), POOR, budget=0.0)
    assert result.lower <= result.upper < np.inf
    assert result.certificate is not None


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["logistic", "absolute", "poisson"])
def test_the_same_call_gives_the_same_answer(name):
    one, two = (improve(asked(name, ("l2+", "l2")), POOR, rtol=NEAR) for _ in range(2))
    assert one.history == two.history
    assert all(map(np.array_equal, one.factors, two.factors))


@pytest.mark.thorough
def test_an_optimum_at_infinity_ends_in_a_bracket():
    problem = Problem(Logistic((LABELS + 1) / 2), RankOne(), 2.0**-40)
    result = check(problem, POOR)
    assert 0 <= result.lower <= result.upper


@pytest.mark.thorough
def test_an_offset_is_fitted_along_the_way():
    problem = Problem(Huber(Y + 3, 0.25), RankOne(), LAM, (ColumnIntercept(),))
    found = improve(problem, POOR)
    assert found.objective < Problem(Huber(Y + 3, 0.25), RankOne(), LAM).objective(POOR)
    assert found.result.lower <= found.objective


@EACH
@pytest.mark.parametrize("pair", CLOSED, ids="x".join)
def test_dual_points_of_the_convex_problem_are_in_both_domains(name, pair):
    problem = asked(name, pair)
    if name == "squared":
        return
    W = convex.solve(problem, lambda: False, 0.0).W
    held = problem.loss.clip_dual(W)
    assert np.isfinite(problem.loss.dual_value(held))
    ball = polar_ball.of(problem)
    assert ball.polar(W) <= LAM + rounding(W, flops=W.size**2)


@EACH
def test_an_envelope_is_below_its_loss_and_its_slope_a_dual_point(name):
    loss, at = MADE[name](), np.abs(Z) + 0.25
    S = loss.clip_dual(-np.ones_like(Y) / 8)
    smoothed = envelope.Smoothed(loss, 0.5, S)
    value, W = smoothed.at(at)
    assert value <= loss.value(at) + rounding(value, flops=Y.size)
    assert np.allclose(W, loss.clip_dual(W), rtol=0, atol=SOLVED)
    step = 2.0**-12 * np.sign(at - 1)
    rise = smoothed.at(at + step).value - value
    assert abs(rise + np.vdot(W, step)) <= np.square(step).sum() / 0.5 + SOLVED * np.abs(step).sum()


@EACH
def test_moving_the_multiplier_of_an_envelope_keeps_its_slope(name):
    loss = MADE[name]()
    smoothed = envelope.of(loss, np.abs(Z) + 0.25)
    moved = smoothed.update(np.abs(Z) + 0.25)
    assert moved.mu <= smoothed.mu
    assert (smoothed.S is None) == (loss.smooth and np.isfinite(loss.curvature))


@pytest.mark.parametrize(
    "norm",
    [gauge("l2"), gauge("l1"), gauge("l1-"), Elastic(0.25), Weighted((1.0, 2.0, 4.0))],
    ids=lambda g: g.name + g.cone,
)
@pytest.mark.parametrize("power", [2, 3])
def test_coordinates_say_the_norm_and_its_gradient(norm, power):
    side, X = Side(norm, 3), np.array([[1.0, -2.0], [0.5, -1.0], [-2.0, -0.25]])
    assert side.smooth
    X = norm.project_cone(X)
    C = side.into(X)
    low, high = side.bounds(2)
    assert np.array_equal(side.out(C), X)
    assert (low <= C).all()
    assert (high >= C).all()
    value, slope = side.power(C, power)
    wanted = float((norm.value(X) ** power).sum()) / power
    assert abs(value - wanted) <= rounding(wanted, flops=X.size**2)
    step = 2.0**-20 * np.ones_like(C)
    ahead = side.power(C + step, power)[0]
    assert abs(ahead - value - np.vdot(slope, step)) <= 100 * np.square(step).sum()


@pytest.mark.parametrize("pair", [("l2+", "l2+"), ("linf", "l2"), ("linf+", "linf"), ("l1", "l2")])
def test_escapes_earn_more_than_they_cost(pair):
    problem = asked("squared", pair)
    W = problem.loss.data
    field = pricing.Field(problem.loss.observed, W, form_of(problem.atom, W.shape))
    top, slices = pricing.above(field, problem.lam, POOR, 0)
    assert slices[0].shape[1]
    sizes = problem.atom.theta(slices)
    assert np.abs(sizes - 1).max() <= rounding(1.0, flops=W.size)
    values = field.inner_products(slices)
    assert (values > LAM).all()
    assert values.max() == top
    assert top <= problem.atom.polar(W).upper


@pytest.mark.parametrize("pair", ["l2", "weighted"])
@pytest.mark.parametrize("listed", [False, True])
def test_without_signs_what_earns_most_is_known_by_singular_values(monkeypatch, pair, listed):
    monkeypatch.setattr(pricing, "climb_all", None)  # nothing is searched for
    norms = [gauge("l2"), gauge("l2")]
    if pair == "weighted":
        norms = [Weighted(np.arange(1.0, d + 1)) for d in Y.shape]
    loss = Squared(sparse.coo_array(np.where(MASK, Y, 0.0)) if listed else Y)
    problem, W = Problem(loss, RankOne(*norms), 0.01), loss.data
    field = pricing.Field(loss.observed, W, form_of(problem.atom, Y.shape))
    roots = (np.sqrt(n.ellipsoids(d).weights) for n, d in zip(norms, Y.shape, strict=True))
    truth = np.linalg.svd(loss.observed.tensor(W) / np.multiply.outer(*roots), compute_uv=False)
    top, (u, v) = pricing.above(field, problem.lam, POOR, 0)
    values = field.inner_products((u, v))
    assert np.abs(values - truth[: len(values)]).max() <= rounding(truth[0], flops=Y.size**2)
    assert (truth[len(values) :] <= problem.lam).all()
    assert values.max() == top
    assert np.abs(problem.atom.theta((u, v)) - 1).max() <= rounding(1.0, flops=Y.size**2)


def test_merged_slices_have_the_same_sum():
    U, V = np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([[1.0, 3.0], [0.0, 0.0]])
    problem = Problem(Squared(np.ones((2, 2))), RankOne("l2+", "l2+"), LAM)
    one = columns.merge(Task(problem, Smoothed(problem.loss)), (U, V), 2.0**-20)
    assert one[0].shape == (2, 1)
    assert np.abs(one[0] @ one[1].T - U @ V.T).max() <= rounding(U @ V.T, flops=16)


def test_a_fit_where_the_loss_is_infinite_is_mended_by_the_best():
    problem = Problem(KullbackLeibler(COUNTS + 1), RankOne(), LAM)
    best = Candidate(POOR, (), problem.objective(POOR))
    search = Search(problem, Clock(), best)
    bad = (np.full((5, 1), 1.0), np.array([[1.0], [1.0], [1.0], [-(2.0**-30)]]))
    assert problem.loss.outside(problem.predict(bad))
    mended = columns.inside(search, bad, ())
    assert not problem.loss.outside(problem.predict(mended))


@pytest.mark.thorough
def test_a_multiplier_that_moves_with_each_round_reaches_the_least_kullback_leibler():
    """The optimum is about 16.77; a multiplier that waits keeps the best point at 31.7."""
    draw = np.random.default_rng(1)
    Y = np.abs(draw.standard_normal((20, 12)))
    start = tuple(np.abs(draw.standard_normal((d, 4))) / 2 for d in Y.shape)
    problem = Problem(KullbackLeibler(Y), RankOne("l2+", "l2+"), 0.5)
    first = Candidate(start, (), problem.objective(start, ()))
    search = Search(problem, Clock(), first, steps=1000)
    columns.grow(search, 0, 0.0)
    assert 16.7 < search.best.value < 16.9
    assert 16 < search.lower < search.best.value


KINKS = {
    "absolute": Absolute,
    "quantile": lambda Y: Quantile(Y, 0.75),
    "hinge": lambda Y: Hinge(np.where(Y > 0, 1.0, -1.0)),
}
SEVERAL = {
    "row and column": lambda _: (RowIntercept(), ColumnIntercept()),
    "smooth": lambda _: (Intercept(), Smooth([[i, i + 1] for i in range(11)], 1.0)),
    "linear": lambda rng: (ColumnIntercept(1.0), Linear(rng.standard_normal((12, 2)))),
}


@pytest.mark.parametrize("offsets", SEVERAL)
@pytest.mark.parametrize("loss", KINKS)
def test_a_dual_point_of_a_loss_with_kinks_keeps_its_value_beside_several_offsets(loss, offsets):
    """Its entries at the ends of the domain stay there, and its sums are made zero exactly."""
    rng = np.random.default_rng(3)
    data = rng.standard_normal((12, 7)) + rng.standard_normal((12, 1))
    problem = Problem(KINKS[loss](data), RankOne(), 1.0, SEVERAL[offsets](rng))
    solution = convex.solve(problem, lambda: False, 0.0)
    point = inside_point(problem, solution.W)
    W = point.W + sum((at_entry(k, c, data.shape) for k, c in point.corrections), np.zeros(()))
    assert problem.loss.dual_value(W) > -np.inf
    for o in problem.offsets:  # a smooth part is free along the constants alone
        A = o.operator(problem.loss.observed).toarray()
        sums = W.sum(axis=0) if isinstance(o, Smooth) else A.T @ W.reshape(-1)
        np.testing.assert_allclose(sums if o.free else 0.0, 0.0, atol=1e-14)
    s = best_scale(problem, W, polar_ball.of(problem).polar(W))
    best = convex.shortcut(problem, solution).value
    assert value(problem, W, s) == pytest.approx(best, rel=1e-7)


def at_entry(k, c, shape):
    """Return the matrix whose k-th entry is c."""
    out = np.zeros(shape)
    out.reshape(-1)[k] = float(c)
    return out


@pytest.mark.parametrize("loss", KINKS)
def test_row_and_column_intercepts_beside_a_loss_with_kinks_end_certified(loss):
    rng = np.random.default_rng(3)
    data = rng.standard_normal((12, 7)) + rng.standard_normal((12, 1))
    problem = Problem(KINKS[loss](data), RankOne(), 1.0, SEVERAL["row and column"](rng))
    start = tuple(rng.standard_normal((d, 2)) for d in data.shape)
    assert improve(problem, start, rtol=1e-6, budget=None).result.certified


@pytest.mark.parametrize("loss", KINKS)
def test_symmetric_factors_of_a_loss_with_kinks_end_certified(loss):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((6, 2))
    data = X @ X.T + 0.3 * rng.standard_normal((6, 6))
    problem = Problem(KINKS[loss](data + data.T), Symmetric("l2"), 1.5, (Intercept(),))
    start = (rng.standard_normal((6, 1)),)
    assert improve(problem, start, rtol=1e-6, budget=None).result.certified


WEIGHTS = Weighted(np.linspace(0.5, 2, 12)), Weighted(np.linspace(1, 3, 7))


@pytest.mark.parametrize("loss", [*KINKS, "logistic"])
def test_weights_of_the_norms_beside_a_loss_end_certified(loss):
    data = np.random.default_rng(5).standard_normal((12, 7))
    made = KINKS.get(loss, lambda Y: Logistic((Y > 0) * 1.0))(data)
    problem = Problem(made, RankOne(*WEIGHTS), 0.5, (RowIntercept(),))
    top = convex.shortcut(problem, convex.solve(problem, lambda: False, 0.0))
    found = check(problem, top.factors, rtol=1e-6)
    assert found.certified
    assert found.upper == pytest.approx(top.value, rel=1e-6)


def test_classes_have_weights_of_the_norms_if_they_are_equal():
    labels, few = np.eye(7)[np.arange(12) % 7], np.eye(4)[np.arange(8) % 4]
    problem = Problem(Softmax(few), RankOne("l2", Weighted([2.0] * 4)), 0.25)
    top = convex.shortcut(problem, convex.solve(problem, lambda: False, 0.0))
    assert check(problem, top.factors, rtol=1e-6).certified
    assert polar_ball.weighted(Problem(Softmax(labels), RankOne(*WEIGHTS), 0.25)) is None


def test_the_polar_ball_of_weighted_norms_is_projected_on():
    M = np.random.default_rng(6).standard_normal((12, 7))
    problem = Problem(Absolute(M), RankOne(*WEIGHTS), 1.0)
    ball = polar_ball.weighted(problem)
    W = ball.project(M, 0.5)
    Z = (M - W) / ball.metric
    assert ball.polar(W) == pytest.approx(0.5)
    assert ball.polar(M) == pytest.approx(problem.atom.polar(M).upper)
    assert np.vdot(W, Z) == pytest.approx(0.5 * ball.gauge(Z))  # the support function at Z
    U, V = ball.factors(Z)
    np.testing.assert_allclose(U @ V.T, Z, atol=1e-12)
    assert ball.gauge(Z) == pytest.approx(problem.atom.theta((U, V)).sum())


def test_the_polar_ball_of_squares_is_projected_on():
    M = np.random.default_rng(6).standard_normal((5, 5))
    ball = polar_ball.SymmetricBall()
    W = ball.project(M, 0.5)
    Z = M - W
    assert ball.polar(M) > 1.0
    assert ball.polar(W) == pytest.approx(0.5)
    assert np.vdot(W, Z) == pytest.approx(0.5 * ball.gauge(Z))  # the support function at Z
    (X,) = ball.factors(Z)
    np.testing.assert_allclose(X @ X.T, Z, atol=1e-12)
    assert np.array_equal(ball.project(W - np.eye(5), 0.5), W - np.eye(5))
