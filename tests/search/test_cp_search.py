"""The search among a tensor's factors: gradients, ascents, growth, and the verdicts it leads to."""

from itertools import permutations, product
from time import monotonic

import numpy as np
import pytest

from certify import Problem, Verdict, check, improve, verify
from certify.atoms import CP, RankOne, Symmetric
from certify.base.clock import Clock
from certify.losses import Absolute, Hinge, Huber, Logistic, Poisson, Squared
from certify.offsets import Intercept, RowIntercept
from certify.polar.ascent.products import attain
from certify.search import envelope
from certify.search.candidate import evaluate
from certify.search.column_generation import Search
from certify.search.compressed import search
from certify.search.coordinates.compress import compress
from certify.search.coordinates.products import form_of
from certify.search.descent.products import Task, polish_factors, predict, pulls, reweight
from certify.search.dual.joint import Joint, polish
from certify.search.dual.points import Run
from certify.search.dual.products import groups, patience, proved_point, relaxation
from certify.search.evidence import open_gap
from certify.search.growth import products as _grow
from certify.search.pricing import Field, above, cosines
from tests.tolerance import EPS

KINDS = [
    CP(("l2", "l2", "l2")),
    CP(("l2+", "l1", "linf")),
    CP(("linf", "linf", "l2")),
    CP(("linf", "linf", "linf")),
    CP(("l1", "l1-", "l1+")),
    CP(("l2", "l2")),
    CP(("l2", "l2+", "l2", "l1")),
    CP("l2", symmetric=True, order=3),
    CP("l1", symmetric=True, order=3),
    CP("linf", symmetric=True, order=4),
]
EACH = pytest.mark.parametrize("atom", KINDS, ids=lambda a: " ".join(a.norms) + " s" * a.symmetric)
STEP = EPS ** (1 / 3)  # of a central difference
SLOPES = EPS**0.5  # its error, relative, with room for what bends
CLOSED = EPS**0.5  # relative: the gap at which column generation has ended
GAP = 1e-6  # what check() asks for


def determinant():
    T = np.zeros((3, 3, 3))
    for p in permutations(range(3)):
        T[p] = np.linalg.det(np.eye(3)[list(p)])
    return T


def dims_of(atom):
    return (3,) * len(atom.norms) if atom.symmetric else (3, 4, 2, 3)[: len(atom.norms)]


def data_of(atom, seed=0):
    return np.random.default_rng(seed).standard_normal(dims_of(atom))


def factors_of(atom, r, seed=1):
    rng = np.random.default_rng(seed)
    dims = dims_of(atom)[: atom.parts]
    return atom.project(tuple(rng.standard_normal((n, r)) for n in dims))


def task_of(problem):
    return Task(
        problem,
        envelope.of(
            problem.loss, np.zeros_like(problem.loss.gradient(np.zeros_like(data(problem))))
        ),
    )


def data(problem):
    return problem.loss.data


def empty(problem):
    shapes = problem.atom.shapes(problem.loss.dims)
    return tuple(np.zeros((*s, 0)) for s in shapes)


def grown(problem, seed=0, cap=None, start=None, wanted=0.0):
    held = Search(problem, Clock(), evaluate(problem, start or empty(problem)))
    return _grow.grow(held, seed, wanted, cap)


@pytest.mark.parametrize("full", [True, False])
def test_contractions_are_those_of_einsum(full):
    rng = np.random.default_rng(0)
    T, mask = rng.standard_normal((3, 4, 2, 5)), np.ones((3, 4, 2, 5), dtype=bool)
    mask = mask if full else rng.random(T.shape) < 0.5
    loss, X = Squared(T, mask=mask), [rng.standard_normal((n, 6)) for n in T.shape]
    Z = np.einsum("ar,br,cr,dr->abcd", *X)
    assert np.allclose(
        predict(loss.observed, X), loss.observed.field(Z), rtol=0, atol=64 * EPS * 50
    )
    W = np.where(mask, T, 0.0)
    names = "abcd"
    for k, pull in enumerate(pulls(loss.observed, loss.data, X)):
        rest = [c for c in names if c != names[k]]
        spec = f"abcd,{','.join(c + 'r' for c in rest)}->{names[k]}r"
        there = np.einsum(spec, W, *(x for j, x in enumerate(X) if j != k))
        assert np.allclose(pull, there, rtol=0, atol=64 * EPS * 100)


@EACH
def test_coordinates_give_the_factors_back_and_price_them(atom):
    problem = Problem(Squared(data_of(atom)), atom, 0.5)
    form, X = form_of(atom, problem.loss.dims), factors_of(atom, 3)
    c = form.into(form.balance(X))
    low, high = form.bounds(3)
    assert (c >= low).all()
    assert (c <= high * (1 + 4 * EPS)).all()
    back = form.out(c)
    assert np.allclose(
        atom.predict(back, problem.loss.observed), atom.predict(X, problem.loss.observed)
    )
    assert not atom.wrong_sign(back)
    price = form.price(form.unpack(c))[0]
    assert np.isclose(price, CP(atom.norms, atom.symmetric).theta(X).sum(), rtol=64 * EPS)
    both = [CP(atom.norms, atom.symmetric, f).theta(back).sum() for f in ("product", "sum")]
    assert np.isclose(*both, rtol=64 * EPS)


@EACH
def test_the_gradient_is_that_of_differences(atom):
    problem = Problem(Huber(data_of(atom), 0.7), atom, 0.5)
    task = task_of(problem)
    c = task.form.into(task.form.balance(factors_of(atom, 2)))
    value, slope = task.at(c)
    assert np.isclose(value, problem.objective(task.form.out(c)), rtol=64 * EPS)
    for k in range(len(c)):
        e = STEP * np.eye(len(c))[k]
        there = (task.at(c + e)[0] - task.at(c - e)[0]) / (2 * STEP)
        assert abs(there - slope[k]) <= SLOPES * (1 + np.abs(slope).max()) * 10


@EACH
def test_descent_never_rises(atom):
    problem = Problem(Squared(data_of(atom)), atom, 0.2)
    task, X = task_of(problem), factors_of(atom, 2)
    new, used = polish_factors(task, X, 200, EPS)
    assert used > 1
    assert problem.objective(new) <= problem.objective(X)
    assert not atom.wrong_sign(new)


def test_reweighting_is_the_best_over_all_weights():
    rng = np.random.default_rng(5)
    problem = Problem(Squared(rng.standard_normal((3, 3, 3))), CP(), 0.3)
    task, X = task_of(problem), tuple(rng.standard_normal((3, 4)) for _ in range(3))
    new = reweight(task, X)
    W = task.slope(new)
    field = Field(problem.loss.observed, W, task.form)
    earned = field.inner_products(task.form.units(X))
    assert (earned <= 0.3 * (1 + CLOSED)).all()
    alive = task.form.sizes(new) > CLOSED
    assert np.allclose(earned[alive], 0.3, rtol=1e-6)


def brute(atom, T):
    """Return the polar of a small tensor by visiting vertices and a fine grid of circles."""
    angles = np.linspace(0, 2 * np.pi, 721)
    round_ = [np.array([np.cos(a), np.sin(a)]) for a in angles]
    ends = {
        "l2": round_,
        "l2+": [x for x in round_ if (x >= 0).all()],
        "l1": [s * e for s in (1, -1) for e in np.eye(2)],
        "linf": [np.array(x) for x in product((1.0, -1.0), repeat=2)],
    }
    if atom.symmetric:
        inner = [t * x for x in ends[atom.norms[0]] for t in (0.0, 1.0)]
        if atom.norms[0] != "l2":
            pairs = list(product(ends[atom.norms[0]], repeat=2))
            inner = [s * x + (1 - s) * y for x, y in pairs for s in np.linspace(0, 1, 201)]
        return max(float(np.einsum("abc,a,b,c->", T, x, x, x)) for x in inner)
    first = np.stack(ends[atom.norms[0]])
    second = np.stack(ends[atom.norms[1]])
    pulls = np.einsum("abc,ia,jb->ijc", T, first, second).reshape(-1, 2)
    return float(atom.gauges[2].dual(pulls.T).max())


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "atom",
    [
        CP(("l2", "l2", "l2")),
        CP(("l2+", "l2+", "l2+")),
        CP(("l1", "l2", "linf")),
        CP(("linf", "linf", "l2")),
        CP("l2", symmetric=True, order=3),
        CP("linf", symmetric=True, order=3),
        CP("l1", symmetric=True, order=3),
    ],
    ids=lambda a: " ".join(a.norms) + " s" * a.symmetric,
)
def test_ascents_reach_what_brute_force_finds(atom, seed):
    T = np.random.default_rng(seed).standard_normal((2, 2, 2))
    loss = Squared(T)
    form = form_of(atom, (2, 2, 2))
    none = tuple(np.zeros((2, 0)) for _ in range(atom.parts))
    top, slices = above(Field(loss.observed, loss.data, form), -np.inf, none, seed)
    there = brute(atom, T)
    assert top >= there - 1e-4 * abs(there)  # a grid's own error
    values = Field(loss.observed, loss.data, form).inner_products(slices)
    assert np.isclose(values.max(), top, rtol=64 * EPS)
    assert (np.diff(values) <= 64 * EPS * abs(top)).all()
    assert np.allclose(form.sizes(slices), 1.0)
    alike = cosines(form, slices) - np.eye(len(values))
    assert alike.max(initial=-1.0) < 1.0


@pytest.mark.sampled(1000)
@EACH
def test_growth_ends_where_no_slice_earns_more(atom):
    problem = Problem(Squared(data_of(atom)), atom, 0.6)
    held = grown(problem)
    assert held.best.value - held.lower <= 0.02 * held.best.value
    assert held.best.value < problem.loss.value(np.zeros_like(problem.loss.data))
    assert problem.objective(held.best.factors) == held.best.value
    assert not atom.wrong_sign(held.best.factors)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["mask", "weights", "huber", "logistic", "poisson"])
def test_growth_closes_its_gap_for_any_loss(kind):
    rng = np.random.default_rng(8)
    T, mask = rng.standard_normal((3, 4, 5)), rng.random((3, 4, 5)) < 0.7
    loss = {
        "mask": lambda: Squared(np.where(mask, T, np.nan), mask=mask),
        "weights": lambda: Squared(T, weights=rng.random(T.shape)),
        "huber": lambda: Huber(T, 0.5),
        "logistic": lambda: Logistic((T > 0).astype(float)),
        "poisson": lambda: Poisson(np.floor(np.abs(3 * T)), mask=mask),
    }[kind]()
    held = grown(Problem(loss, CP(), 0.6))
    assert held.best.size > 1
    assert held.best.value - held.lower <= 1e-5 * abs(held.best.value)


@pytest.mark.thorough
def test_growth_of_a_loss_without_gradient_comes_near():
    T = np.random.default_rng(9).standard_normal((3, 3, 3))
    held = grown(Problem(Absolute(T), CP(), 1.0))
    assert held.best.value - held.lower <= 1e-3 * held.best.value


@pytest.mark.parametrize("offset", [Intercept(), RowIntercept()])
def test_offsets_are_refitted(offset):
    T = np.random.default_rng(10).standard_normal((3, 4, 5)) + 2.0
    result = improve(Problem(Squared(T), CP(), 4.0, [offset]), empty_of((3, 4, 5))).result
    assert result.verdict is Verdict.CERTIFIED
    plain = improve(Problem(Squared(T), CP(), 4.0), empty_of((3, 4, 5)))
    assert result.upper < plain.objective


def empty_of(dims):
    return tuple(np.zeros((n, 0)) for n in dims)


@pytest.mark.thorough
def test_a_long_mode_is_compressed_without_loss():
    T = np.random.default_rng(11).standard_normal((3, 50, 4))
    problem = Problem(Squared(T), CP(), 2.0)
    small = compress(problem)
    assert small.problem.loss.dims == (3, 12, 4)
    X = tuple(np.random.default_rng(12).standard_normal((n, 2)) for n in (3, 12, 4))
    up = small.up(X)
    assert np.isclose(problem.objective(up), small.problem.objective(X), rtol=64 * EPS)
    W = small.problem.dual_point(X)
    assert np.allclose(small.field_up(W), problem.dual_point(up))
    assert np.allclose(small.field_down(small.field_up(W)), W)
    assert np.allclose(small.down(up)[1], X[1])
    found = search(problem, evaluate(problem, empty(problem)), Clock(), 0, (1e-6, None))
    assert found.best.factors[1].shape[0] == 50
    assert np.isclose(found.best.value, grown(problem).best.value, rtol=1e-9)


@pytest.mark.parametrize(
    "changed",
    [
        {"mask": np.random.default_rng(0).random((3, 50, 4)) < 0.9},
        {"weights": np.full((3, 50, 4), 2.0)},
    ],
)
def test_weights_and_masks_are_not_compressed(changed):
    T = np.random.default_rng(11).standard_normal((3, 50, 4))
    assert compress(Problem(Squared(T, **changed), CP(), 2.0)) is None
    assert compress(Problem(Squared(T), CP(("l2", "l2+", "l2")), 2.0)) is None
    assert compress(Problem(Squared(T), CP(), 2.0, [Intercept()])) is None


def test_order_two_agrees_with_matrices():
    Y = np.random.default_rng(13).standard_normal((5, 4))
    both = [
        improve(Problem(Squared(Y), atom, 0.8), empty_of((5, 4)))
        for atom in (CP(("l2", "l2")), RankOne("l2", "l2"))
    ]
    assert [x.result.verdict for x in both] == [Verdict.CERTIFIED] * 2
    assert np.isclose(both[0].objective, both[1].objective, rtol=1e-6)


@pytest.mark.parametrize("norms", [("l1", "l2"), ("l2", "l2")], ids=" ".join)
@pytest.mark.parametrize("kind", ["huber", "absolute", "squared"])
def test_a_tensor_of_order_two_is_bounded_as_a_matrix(kind, norms):
    Y = np.random.default_rng(14).standard_normal((4, 3))
    loss = {"huber": Huber(Y, 0.5), "absolute": Absolute(Y), "squared": Squared(Y)}[kind]
    both = [
        check(Problem(loss, atom, 0.5, [Intercept()]), empty_of((4, 3)), rtol=1e-9)
        for atom in (CP(norms), RankOne(*norms))
    ]
    assert both[0].lower == both[1].lower > 0


@pytest.mark.parametrize("kind", ["huber", "absolute", "squared"])
def test_a_symmetric_tensor_of_order_two_is_bounded_as_a_symmetric_matrix(kind):
    Y = np.random.default_rng(15).standard_normal((4, 4))
    loss = {"huber": Huber(Y, 0.5), "absolute": Absolute(Y), "squared": Squared(Y)}[kind]
    both = [
        check(Problem(loss, atom, 0.5), (np.zeros((4, 0)),), rtol=1e-9)
        for atom in (CP("l2", symmetric=True, order=2), Symmetric("l2"))
    ]
    assert both[0].lower == pytest.approx(both[1].lower, rel=1e-12)


@pytest.mark.thorough
def test_the_determinant_needs_six_slices():
    problem = Problem(Squared(determinant()), CP(), 0.5)
    rng = np.random.default_rng(0)
    start = {r: tuple(rng.standard_normal((3, r)) for _ in range(3)) for r in (5, 6)}
    poor = check(problem, start[5])
    assert poor.verdict is Verdict.REFUTED
    assert poor.better[0].shape == (3, 5)
    five = check(problem, poor.better)
    assert five.verdict is Verdict.RANK_LIMITED
    assert abs(five.upper - 2.3016681) < 1e-7
    six = improve(problem, start[6])
    assert six.result.verdict is Verdict.CERTIFIED
    assert six.factors[0].shape == (3, 6)
    assert abs(six.objective - 2.25) <= GAP * 2.25
    verify(six.result.certificate, problem, six.factors)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("form", ["product", "sum"])
@pytest.mark.parametrize(
    "atom", [("l1+", "l2", "l2"), ("l1", "l2", "l2+"), ("l2", "l2", "l2")], ids=" ".join
)
def test_a_search_ends_certified(atom, form):
    T = np.random.default_rng(14).standard_normal((3, 4, 3))
    problem = Problem(Squared(T), CP(atom, form=form), 1.0)
    found = improve(problem, empty_of((3, 4, 3)))
    assert found.result.verdict is Verdict.CERTIFIED
    again = check(problem, found.factors)
    assert again.verdict is Verdict.CERTIFIED
    assert again.steps == ()  # the candidate closes by itself: nothing was searched


def test_symmetric_tensors_end_certified():
    S = np.random.default_rng(15).standard_normal((3, 3, 3))
    problem = Problem(Squared(S), CP("l2", symmetric=True, order=3), 0.5)
    found = improve(problem, (np.zeros((3, 0)),))
    assert found.result.verdict is Verdict.CERTIFIED
    assert found.factors[0].shape[1] > 1


@pytest.mark.thorough
def test_the_same_call_gives_the_same_answer():
    problem = Problem(Squared(np.random.default_rng(16).standard_normal((3, 4, 3))), CP(), 0.4)
    start = tuple(np.random.default_rng(17).standard_normal((n, 2)) for n in (3, 4, 3))
    one, two = (improve(problem, start, seed=3) for _ in range(2))
    assert one.history == two.history
    assert all((a == b).all() for a, b in zip(one.factors, two.factors, strict=True))


def test_a_spent_budget_still_brackets():
    problem = Problem(Squared(np.random.default_rng(18).standard_normal((6, 7, 8))), CP(), 0.3)
    told = []
    result = check(problem, empty_of((6, 7, 8)), budget=0.0, progress=lambda *x: told.append(x))
    assert result.lower <= result.upper
    assert np.isfinite(result.lower)
    assert told


def run_at(problem, factors):
    return Run(problem, evaluate(problem, factors), 1e-6, Clock(), 0, True)


def test_an_open_gap_is_seen_before_its_bound_is_paid_for():
    problem = Problem(Squared(determinant()), CP(), 0.5)
    assert open_gap(run_at(problem, empty_of((3, 3, 3))))
    assert not open_gap(run_at(problem, grown(problem).best.factors))
    flat = Problem(Squared(np.eye(3)), RankOne("l2", "l2"), 0.5)
    assert not open_gap(run_at(flat, (np.zeros((3, 0)),) * 2))


@pytest.mark.parametrize(
    "norms", [("l2", "l2", "l2"), ("l2", "l2+", "l2+"), ("l2+", "l2+", "l2+")], ids=" ".join
)
def test_a_dual_point_is_polished_with_its_proof(norms):
    T = np.random.default_rng(19).standard_normal((4, 3, 3))
    problem = Problem(Squared(T), CP(norms), 0.5)
    held = grown(problem, wanted=0.01)
    rows = groups(problem)[0]
    joint = Joint(problem, relaxation(problem, rows), np.zeros_like(held.W))
    found = polish(joint, 1000, held.best.value, lambda: False)
    dual = proved_point(problem, found, rows)
    assert held.best.value * (1 - 0.03) <= dual.value <= held.best.value * (1 + 8 * EPS)
    form = form_of(problem.atom, problem.loss.dims)
    top = above(Field(problem.loss.observed, found.W, form), 0.0, held.best.factors, 0)[0]
    assert dual.polar.upper >= top * (1 - 8 * EPS)


def test_norms_without_a_joint_relaxation_have_none():
    T = np.zeros((3, 3, 3))
    for atom in (CP(("l1", "l2", "l2")), CP(("l2-",) * 3), CP("l2", symmetric=True, order=3)):
        assert groups(Problem(Squared(T), atom, 1.0)) == []
    T = np.zeros((2, 3, 4))
    assert groups(Problem(Squared(T), CP(), 1.0)) == [(0, 1), (0, 2), (1, 2)]
    assert groups(Problem(Squared(T), CP(), 1.0), alone=1) == [(0, 2)]


def test_patience_is_a_share_of_the_time_left():
    problem = Problem(Squared(determinant()), CP(), 0.5)
    state = evaluate(problem, empty_of((3, 3, 3)))
    assert not patience(Run(problem, state, 1e-6, Clock(), 0, True))()
    assert patience(Run(problem, state, 1e-6, Clock(0.0), 0, True))()
    assert patience(Run(problem, state, 1e-6, Clock(most=0.0), 0, True))()


@pytest.mark.thorough
def test_a_spent_budget_ends_the_ascents():
    T = np.random.default_rng(19).standard_normal((9, 9, 9, 9, 9))
    problem = Problem(Squared(T), CP(("l2+",) * 5), 5.0)
    start = monotonic()
    result = check(problem, empty_of(T.shape), budget=0.0)
    assert 0 <= result.lower <= result.upper
    assert monotonic() - start < 8  # without an end to them: 40 seconds
    asked = []

    def _expired():
        asked.append(True)
        return True

    assert attain(T, CP(("l2+",) * 5).gauges, expired=_expired)[0] > 0
    assert len(asked) == 3  # in the first starts' only step, after it, and before the best go on


@pytest.mark.parametrize(
    "norms", [("l2", "linf+", "l2"), ("linf-", "l2+", "l2"), ("l2", "l2+", "linf+")], ids=" ".join
)
def test_a_tensor_with_a_mode_of_one_coordinate_is_a_matrix(norms):
    sides = np.where(np.random.default_rng(5).random((1, 2, 4)) < 0.5, 1.0, -1.0)
    problem = Problem(Hinge(sides), CP(norms), 1.0)
    found = improve(problem, empty_of((1, 2, 4)), budget=10.0, rtol=1e-6)
    assert found.result.verdict is Verdict.CERTIFIED


@pytest.mark.parametrize(
    ("atom", "hard"),
    [
        (CP(("l2", "l2")), False),
        (CP(("l1+", "linf")), False),
        (CP(("l2+", "l2")), True),
        (CP(("l2", "l1", "l2")), False),
        (CP(("l1", "l1", "linf")), False),
        (CP(("linf", "l1", "l2")), True),
        (CP(("l1", "l2", "l2", "l2")), True),
        (CP(("l2", "l2"), symmetric=True), False),
        (CP(("l1", "l1"), symmetric=True), True),
        (CP("l1", symmetric=True, order=3), True),
    ],
    ids=repr,
)
def test_a_tensor_is_as_hard_as_its_slices(atom, hard):
    assert atom.hard is hard


@pytest.mark.sampled(1000)
@pytest.mark.parametrize(
    "atom",
    [CP(("l2-", "l2-")), CP(("linf+", "l2+", "l2-"))],
    ids=lambda a: " ".join(a.norms),
)
@pytest.mark.parametrize("tier", ["exact", "rounded"])
def test_missing_entries_of_signed_modes_keep_their_multipliers(atom, tier):
    shape = (3, 2, 2)[: len(atom.norms)]
    rng = np.random.default_rng(0)
    sign = -1.0 if sum(g.cone == "-" for g in atom.gauges) % 2 else 1.0
    Y, mask = sign * np.abs(rng.standard_normal(shape)), rng.random(shape) < 0.7
    problem = Problem(Squared(Y, mask=mask), atom, 0.3)
    found = improve(problem, empty_of(shape), budget=3.0)
    result = found.result
    assert "N" in result.certificate.witness
    assert 0.7 * result.upper < result.lower <= result.upper * (1 + EPS)
    proved = verify(result.certificate, problem, found.factors, tier=tier)
    assert proved.lower <= proved.upper


@pytest.mark.thorough
def test_a_loss_of_no_known_curvature_is_polished_too():
    T = np.random.default_rng(21).standard_normal((2, 2, 3))
    problem = Problem(Absolute(T), CP(("l2", "l2+", "l2")), 0.35)
    joint = Joint(problem, relaxation(problem, groups(problem)[0]), np.zeros((2, 6)))
    assert joint.rho > 0
    joint.step()
    assert np.isfinite(joint.W).all()
    assert check(problem, empty_of(T.shape), budget=2.0).lower > 0


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("seed", [0, 15])
def test_a_polished_dual_point_stays_in_the_domain_of_a_weighted_loss(seed):
    rng = np.random.default_rng(seed)
    Y, weights = np.sign(rng.standard_normal((2, 2, 3))), rng.uniform(0.3, 3.0, (2, 2, 3))
    problem = Problem(Absolute(Y, weights=weights), CP(["l2", "l2+", "l2"]), 1.0)
    start = [np.abs(rng.standard_normal((n, 2))) for n in Y.shape]
    assert check(problem, start, budget=2).lower > 0


def test_a_penalty_far_above_the_data_leaves_no_component():
    Y = 2.0**-500 * np.array([[3.0, -1.0], [2.0, 4.0]])[:, :, None, None]
    problem = Problem(Squared(Y), CP(["l2"] * 4, form="sum"), 0.25)
    start = [2.0**-125 * np.array(x) for x in ([[1.0], [-2.0]], [[1.0], [0.5]], [[1.0]], [[1.0]])]
    found = improve(problem, start, budget=2)
    assert found.result.verdict is Verdict.CERTIFIED
    assert found.objective == problem.objective([np.zeros((n, 0)) for n in Y.shape])


def test_a_penalty_whose_square_is_no_float_ends_in_a_bracket():
    Y = 1e-300 * np.arange(-11.0, 13.0).reshape(3, 4, 2)
    problem = Problem(Squared(Y), CP(["l2"] * 3, form="sum"), 1e-12)
    start = [1e-100 * np.ones((n, 1)) for n in Y.shape]
    found = check(problem, start, budget=1)
    assert 0 <= found.lower <= found.upper


def test_a_field_of_the_compressed_problem_is_the_part_of_the_span():
    rng = np.random.default_rng(14)
    small = compress(Problem(Squared(rng.standard_normal((3, 50, 4))), CP(), 2.0))
    W, w = rng.standard_normal((3, 200)), rng.standard_normal((3, 48))
    assert np.allclose(small.field_down(small.field_up(w)), w)
    assert np.isclose((small.field_up(w) * W).sum(), (w * small.field_down(W)).sum())
