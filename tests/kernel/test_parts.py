"""The kernel on sparse and smooth parts: what each costs W, and lies about them."""

from array import array
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import Problem, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import verdict
from certify.kernel.arrays import Array, Arrays, filled
from certify.kernel.dual import dual_limit, ridge_cost
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence, dual_point
from certify.kernel.exact import Exact
from certify.kernel.rules.floor import floor
from certify.kernel.scalars import exactly, power
from certify.kernel.statement import Point, question
from certify.kernel.values import objective
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept, Smooth, Sparse
from certify.pipeline.certificate.file import as_numpy, ask
from certify.polar.proved import as_kernel_array
from certify.search.dual.orthogonal import orthogonalize
from certify.search.relax import convex
from tests.kernel_cases import honest
from tests.strategies import arrays, graphs, masks
from tests.tolerance import exact_penalty, fractions

CASES = honest()
TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}
each_tier = pytest.mark.parametrize("tier", TIERS)


def certificate(name):
    return CASES[name][3].certificate


def prove(cert, ar=None, **changes):
    """Prove a certificate with parts of it changed."""
    parts = ("statement", "given", "proof", "witness")
    held = [getattr(cert, k) | changes.get(k, {}) for k in parts]
    return verdict.prove(*held, ar)


def stated_offset(problem):
    """Return the kernel's question about no factors, and its first offset."""
    m, n = problem.loss.shape
    none = np.zeros((m, 0)), np.zeros((n, 0))
    asked = ask(problem, none, None, rtol=0.0, atol=0.0)
    return question(asked.statement, asked.given)


# --- values -------------------------------------------------------------------------------


@st.composite
def smooth_points(draw):
    """Return (a smooth part, q)."""
    m, n = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    return draw(graphs(m, draw(st.sampled_from([0.0, 0.75])))), draw(arrays((m, n)))


@given(held=smooth_points())
def test_the_energy_is_that_of_the_definition_in_every_tier(held):
    o, q = held
    m, n = q.shape
    asked = stated_offset(Problem(Squared(np.zeros((m, n))), RankOne(), 1.0, (o,)))
    truth = exact_penalty(o, q)
    for tier, make in TIERS.items():
        found = asked.offsets[0].penalty(make(), as_kernel_array(q))
        assert found.lo <= truth <= found.hi
        assert tier == "rounded" or found.lo == found.hi
    assert abs(Fraction(o.penalty(q)) - truth) <= truth / 2**40


@given(q=arrays((2, 3)))
def test_the_price_of_a_sparse_part_is_that_of_the_definition_in_every_tier(q):
    o = Sparse(0.375)
    asked = stated_offset(Problem(Squared(np.zeros((2, 3))), RankOne(), 1.0, (o,)))
    for tier, make in TIERS.items():
        found = asked.offsets[0].penalty(make(), as_kernel_array(q))
        assert found.lo <= exact_penalty(o, q) <= found.hi
        assert tier == "rounded" or found.lo == found.hi


wild = st.floats(-(2.0**200), 2.0**200) | st.floats(-(2.0**-200), 2.0**-200) | st.just(5e-324)


@given(data=st.data())
def test_laplacians_and_absolute_sums_are_enclosed_at_every_scale(data):
    m, n = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    o = data.draw(graphs(m, data.draw(st.sampled_from([0.0, 0.75]))))
    scale = data.draw(st.sampled_from([1.0, 2.0**-500, 2.0**300]))
    q = data.draw(arrays((m, n), wild)) * scale
    asked = stated_offset(Problem(Squared(np.zeros((m, n))), RankOne(), 1.0, (o,)))
    held, exact = asked.offsets[0], Exact()
    truth = exact.laplacian(as_kernel_array(q), held.graph, held.rho, held.ridge)
    ball = Rounded().laplacian(as_kernel_array(q), held.graph, held.rho, held.ridge)
    unit = power(truth.exp)
    pairs = zip(truth.ints, fractions(ball.mid), strict=True)
    assert sum((unit * a - b) ** 2 for a, b in pairs) <= ball.rad**2
    total = sum(map(abs, fractions(q)), Fraction(0))
    found = Rounded().absolutes(Rounded().load(as_kernel_array(q)))
    assert found.lo <= total <= found.hi
    assert exact.absolutes(exact.load(as_kernel_array(q))) == exactly(total)


def test_the_radius_of_a_field_widens_the_sum_of_its_absolute_values():
    ar = Rounded()
    x = ar.load(as_kernel_array(np.array([1.0, -2.0, 0.25])))
    moved = ar.add(x, ar.load(as_kernel_array(np.array([2.0**-60, 2.0**-60, 2.0**-60]))))
    assert moved.rad > 0
    found = ar.absolutes(moved)
    assert found.lo < Fraction(13, 4) + Fraction(1, 2**60) < found.hi


# --- the dual of a smooth part ------------------------------------------------------------


@st.composite
def smooth_duals(draw):
    """Return (problem, W) with one smooth part; W is orthogonal to what it must be."""
    m, n = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    o = draw(graphs(m, draw(st.sampled_from([0.0, 0.75]))))
    mask = draw(st.none() | masks((m, n)))
    problem = Problem(Squared(np.zeros((m, n)), mask=mask), RankOne(), 1.0, (o,))
    shape = problem.loss.data.shape
    return problem, orthogonalize(problem, draw(arrays(shape))).W


def cost(problem, W, witness, ar, corrections=()):
    """Return the kernel's bound of -2 inf <W, q> + H(q)."""
    asked = stated_offset(problem)
    given = Arrays({"W": as_kernel_array(W.reshape(-1))} | witness, "proof")
    dual = dual_point(ar, asked.at, Evidence({"corrections": list(corrections)}, given), "W")
    return ridge_cost(ar, asked, dual, given)


@each_tier
@given(held=smooth_duals(), data=st.data())
def test_no_witness_gives_less_than_the_cost_at_any_point(tier, held, data):
    problem, W = held
    o, observed = problem.offsets[0], problem.loss.observed
    shape = o.shape(observed)
    best = o.unbent(W, observed)
    drawn = data.draw(arrays(shape))
    points = [best, drawn, np.zeros(shape)]
    seen = [fractions(o.field(q, observed)) for q in points]
    pulled = [sum(map(Fraction.__mul__, fractions(W), f), Fraction(0)) for f in seen]
    infimum = min(p + exact_penalty(o, q) for p, q in zip(pulled, points, strict=True))
    for witness in ({"smooth0": as_kernel_array(best)}, {"smooth0": as_kernel_array(drawn)}, {}):
        assert cost(problem, W, witness, TIERS[tier]()) >= -2 * infimum
    sharp = cost(problem, W, {"smooth0": as_kernel_array(best)}, TIERS[tier]())
    assert sharp <= -2 * infimum + Fraction(float(np.square(W).sum()) + 1) / 2**30


@given(data=st.data())
def test_the_gap_is_below_the_least_positive_eigenvalue(data):
    m = data.draw(st.integers(1, 4))
    o = data.draw(graphs(m, 0.0))
    asked = stated_offset(Problem(Squared(np.zeros((m, 1))), RankOne(), 1.0, (o,)))
    values = np.linalg.eigvalsh(o.stiffness(m).toarray() / o.rho)
    positive = values[values > 2.0**-20]  # eigenvalues of dyadic graphs this small are larger
    gap = asked.offsets[0].graph.gap
    assert (gap is None) == (not len(positive)) == (not len(o.edges))
    if gap is not None:
        assert gap <= positive.min() * (1 + 2.0**-40)
    labels = asked.offsets[0].graph.labels
    assert max(labels) + 1 == m - len(positive) == asked.offsets[0].graph.components
    assert all(labels[i] == labels[j] for i, j in o.edges.tolist())


def test_a_path_of_three_has_the_gap_of_its_proof():
    asked = stated_offset(
        Problem(Squared(np.zeros((3, 1))), RankOne(), 1.0, (Smooth([(0, 1), (1, 2)], 1.0),))
    )
    assert asked.offsets[0].graph.gap == Fraction(1, 2)  # 2/(3 - 1)^2, the true one is 1


def test_a_residual_is_charged_by_the_gap_and_by_the_ridge():
    W = np.array([[1.0, -1.0], [-1.0, 1.0]])
    for ridge, charged in ((0.0, Fraction(4, 2)), (0.25, Fraction(4 * 4))):
        problem = Problem(Squared(W), RankOne(), 1.0, (Smooth([(0, 1)], 1.0, ridge),))
        assert cost(problem, W, {}, Exact()) == charged  # |W|^2 / (rho gap), / ridge


def test_corrections_count_in_the_cost():
    problem = Problem(Squared(np.zeros((2, 1))), RankOne(), 1.0, (Smooth([(0, 1)], 1.0, 1.0),))
    W, q = np.array([[1.0], [0.0]]), {"smooth0": as_kernel_array(np.array([[-0.5], [0.25]]))}
    plain = cost(problem, W, q, Exact())
    corrected = cost(problem, W, q, Exact(), [[1, "-1/1"]])
    exact = cost(problem, np.array([[1.0], [-1.0]]), q, Exact())
    assert corrected >= exact
    assert corrected != plain


# --- lies ---------------------------------------------------------------------------------


def moved(a, k, step):
    """Return an array with one number changed."""
    out = as_numpy(a).copy()
    out.reshape(-1)[k] += step
    return as_kernel_array(out)


INTS = Array((1, 2), array("q", [0, 9]))
LOOP = Array((1, 2), array("q", [3, 3]))
LIES = {
    "rho zero": ("sparse/poor", {"rho": "0x0p0"}, "rho", "sign"),
    "rho negative": ("smooth/poor", {"rho": "-0x1p0"}, "rho", "sign"),
    "rho decimal": ("smooth/poor", {"rho": "1.5"}, "rho", "number"),
    "ridge negative": ("smooth/poor", {"ridge": "-0x1p0"}, "ridge", "sign"),
    "sparse with a ridge": ("sparse/poor", {"ridge": "0x1p0"}, "", "fields"),
    "a field too many": ("smooth/poor", {"lam": "0x1p0"}, "", "fields"),
}
ARRAYS = {
    "edge outside": ("smooth/poor", {"given": {"edges0": INTS}}, "statement.edges0", "outside"),
    "edge to itself": ("smooth/poor", {"given": {"edges0": LOOP}}, "statement.edges0", "loop"),
    "edges of floats": (
        "smooth/poor",
        {"given": {"edges0": filled((1, 2), 1.0)}},
        "statement.edges0",
        "dtype",
    ),
    "weight zero": (
        "smooth_ridge/poor",
        {"given": {"edges0.weights": filled((4,), 0.0)}},
        "statement.edges0.weights",
        "sign",
    ),
    "weights of other edges": (
        "smooth_ridge/poor",
        {"given": {"edges0.weights": filled((3,), 1.0)}},
        "statement.edges0.weights",
        "shape",
    ),
    "witness of another shape": (
        "smooth/poor",
        {"witness": {"smooth0": filled((5, 6), 0.0)}},
        "proof.smooth0",
        "shape",
    ),
}


@each_tier
@pytest.mark.parametrize(("name", "lie", "where", "code"), LIES.values(), ids=LIES)
def test_a_lie_about_a_penalty_is_refused(tier, name, lie, where, code):
    cert = certificate(name)
    changed = {"offsets": [cert.statement["offsets"][0] | lie]}
    with pytest.raises(RejectedError) as caught:
        prove(cert, TIERS[tier](), statement=changed)
    found = f"statement.offsets[0].{where}".rstrip(".")
    assert (caught.value.where, caught.value.code) == (found, code)


@each_tier
@pytest.mark.parametrize(("name", "lie", "where", "code"), ARRAYS.values(), ids=ARRAYS)
def test_a_lie_about_a_graph_is_refused(tier, name, lie, where, code):
    with pytest.raises(RejectedError) as caught:
        prove(certificate(name), TIERS[tier](), **lie)
    assert (caught.value.where, caught.value.code) == (where, code)


@each_tier
@pytest.mark.parametrize("name", ["smooth", "masked_smooth", "smooth_linear", "both_parts"])
@pytest.mark.parametrize("point", ["W", "floor.W"])
def test_a_sum_over_a_component_that_is_not_zero_is_refused(tier, name, point):
    cert = certificate(f"{name}/poor")
    assert prove(cert, TIERS[tier]()).verdict == cert.verdict
    wrong = moved(cert.witness[point], 0, 2.0**-40)
    with pytest.raises(RejectedError) as caught:
        prove(cert, TIERS[tier](), witness={point: wrong})
    assert (caught.value.where, caught.value.code) == (f"proof.{point}", "orthogonal")


def test_sums_by_component_are_more_than_sums_by_column():
    cert = certificate("smooth/poor")
    W = as_numpy(cert.witness["W"]).reshape(6, 5).copy()
    W[0, 0] += 0.5  # the rows 0 and 3 are in two components: the column's sum stays
    W[3, 0] -= 0.5
    with pytest.raises(RejectedError) as caught:
        prove(cert, witness={"W": as_kernel_array(W.reshape(-1))})
    assert caught.value.code == "orthogonal"


@each_tier
@pytest.mark.parametrize("name", ["smooth", "smooth_ridge", "masked_smooth", "both_parts"])
def test_a_wrong_witness_of_a_smooth_part_weakens_the_bound(tier, name):
    cert = certificate(f"{name}/poor")
    best = prove(cert, TIERS[tier]())
    for lie in (moved(cert.witness["smooth0"], 0, 1.0), filled((6, 5), 1e3)):
        worse = prove(cert, TIERS[tier](), witness={"smooth0": lie})
        assert worse.lower < best.lower
        assert worse.upper == best.upper
    bare = {k: a for k, a in cert.witness.items() if k != "smooth0"}
    without = verdict.prove(cert.statement, cert.given, cert.proof, bare, TIERS[tier]())
    assert without.lower < best.lower


@each_tier
def test_an_entry_above_rho_by_one_ulp_scales_the_dual_point(tier):
    ar, rho = TIERS[tier](), 1.5
    problem = Problem(Squared(np.zeros((1, 2))), RankOne(), 8.0, (Sparse(rho),))
    asked = stated_offset(problem)

    def limit(*entries, corrections=()):
        given = Arrays({"W": as_kernel_array(np.array(entries))}, "proof")
        dual = dual_point(ar, asked.at, Evidence({"corrections": list(corrections)}, given), "W")
        return dual_limit(ar, asked, dual)

    above = np.nextafter(rho, 2.0)
    assert limit(rho, 1.0) == 1
    assert limit(rho, -above) == Fraction(rho) / Fraction(above) < 1
    assert limit(1.0, 1.0, corrections=[[1, "-5/1"]]) == Fraction(rho) / 4
    assert limit(0.0, 0.0) is None
    plain = stated_offset(Problem(Squared(np.zeros((1, 2))), RankOne(), 8.0, ()))
    given = Arrays({"W": as_kernel_array(np.array([9.0, 9.0]))}, "proof")
    assert dual_limit(ar, plain, dual_point(ar, plain.at, Evidence({}, given), "W")) is None


@each_tier
def test_a_dual_point_beyond_rho_is_no_bound_unscaled(tier):
    """1/2 (4 - z - q)^2 + 8 |z| + |q| is 3.5; W = 4 would give d = 8."""
    problem = Problem(Squared([[4.0]]), RankOne(), 8.0, (Sparse(1.0),))
    none = np.zeros((1, 0)), np.zeros((1, 0))
    cert = check(problem, none).certificate
    assert prove(cert, TIERS[tier]()).verdict == "CERTIFIED"
    for w in (4.0, 2.0, np.nextafter(1.0, 2.0)):
        outcome = prove(cert, TIERS[tier](), witness={"W": as_kernel_array(np.array([w]))})
        assert outcome.lower <= Fraction(7, 2) <= outcome.upper
        assert outcome.lower >= Fraction(7, 2) * (1 - Fraction(1, 2**40))


@each_tier
def test_the_floor_of_a_candidate_with_a_sparse_part_is_scaled_too(tier):
    problem = Problem(Squared([[4.0, 0.0]]), RankOne(), 1.0, (Sparse(8.0),))
    far = np.array([[1.0]]), np.array([[1.0], [0.0]])
    cert = check(problem, far).certificate
    assert (cert.verdict, prove(cert, TIERS[tier]()).verdict) == ("REFUTED", "REFUTED")
    asked = question(cert.statement, cert.given)
    value = objective(Exact(), asked, Point(asked.factors, (filled((1, 2), 0.0),)))
    huge = {"floor.W": as_kernel_array(np.array([64.0, 0.0]))}
    arrays_ = Arrays(cert.witness | huge, "proof")
    low = floor(TIERS[tier](), asked, Evidence(cert.proof, arrays_), value)
    assert low <= value.lo


# --- the search ---------------------------------------------------------------------------


def low_rank_and_sparse(rng, m=20, n=15):
    """Return data of rank 2 with five per cent of outliers and some noise."""
    low = rng.standard_normal((m, 2)) @ rng.standard_normal((2, n))
    outliers = np.where(rng.random((m, n)) < 0.05, 8 * rng.standard_normal((m, n)), 0.0)
    return low + outliers + 0.05 * rng.standard_normal((m, n))


ROBUST = {
    "plain": (Sparse(0.6),),
    "columns": (Sparse(0.6), ColumnIntercept()),
    "columns with a ridge": (Sparse(0.6), ColumnIntercept(1.0)),
    "smooth": (Sparse(0.6), Smooth([(k, k + 1) for k in range(19)], 2.0)),
}


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("held", ROBUST.values(), ids=ROBUST)
@pytest.mark.parametrize("masked", [False, True])
def test_low_rank_plus_sparse_is_certified_and_the_relaxation_agrees(held, masked):
    rng = np.random.default_rng(3)
    Y = low_rank_and_sparse(rng)
    mask = rng.random(Y.shape) < 0.8 if masked else None
    problem = Problem(Squared(Y, mask=mask), RankOne(), 2.0, held)
    none = np.zeros((20, 0)), np.zeros((15, 0))
    found = improve(problem, none)
    assert found.result.verdict is Verdict.CERTIFIED
    for tier in ("exact", "rounded"):
        proved = verify(found.result.certificate, problem, found.factors, q=found.q, tier=tier)
        assert proved.verdict is Verdict.CERTIFIED
    oracle = convex(problem).value
    assert abs(oracle - found.result.upper) <= 1e-5 * oracle  # the solver's own accuracy
    assert found.result.lower <= oracle * (1 + 1e-5)
    assert check(problem, none).verdict is Verdict.RANK_LIMITED


# --- biases -------------------------------------------------------------------------------


@each_tier
def test_the_naive_bound_exceeds_the_truth_and_is_refused(tier):
    rng = np.random.default_rng(0)
    m, n, lam = 40, 30, 3.0
    taste = rng.standard_normal((m, 2)) @ rng.standard_normal((2, n)) / 2
    Y = 3.5 + rng.normal(0, 0.6, (m, 1)) + rng.normal(0, 0.5, (1, n)) + taste
    loss = Squared(np.rint(2 * Y) / 2, mask=rng.random((m, n)) < 0.3)
    problem = Problem(loss, RankOne(), lam, (RowIntercept(), ColumnIntercept()))
    plain = Problem(loss, RankOne(), lam)
    none = np.zeros((m, 0)), np.zeros((n, 0))
    found, forgetful = improve(problem, none), improve(plain, none).result
    cert, W = found.result.certificate, forgetful.certificate.witness["W"]
    assert found.result.verdict is Verdict.CERTIFIED
    assert forgetful.lower > 1.5 * found.result.upper  # "proved", and far above the truth
    assert prove(cert, TIERS[tier]()).verdict == "CERTIFIED"
    with pytest.raises(RejectedError) as caught:
        prove(cert, TIERS[tier](), witness={"W": W, "L": forgetful.certificate.witness["L"]})
    assert (caught.value.where, caught.value.code) == ("proof.W", "orthogonal")
