"""The polar of every pair of norms, on every kind of cone: enclosed, attained and proved.

Vectors have small integer entries, so what they earn is exact and their norms are enclosed.
"""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import Problem, Verdict, check, verify
from certify.atoms import RankOne
from certify.atoms.rank_one import polar_kind
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Arrays
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.rules.matrices import POLAR_RULES
from certify.losses import Squared
from certify.norms import Elastic, Group, Variation, Weighted
from certify.polar import METHODS, PolarQuery
from certify.polar.proved import as_kernel_array, kernel_pair, proved_above, split, stored_entries
from tests.norm_cases import CONES, MAKERS, MIXED, made
from tests.strategies import arrays, examples
from tests.tolerance import exact_norm, fractions

SHARP = 2.0**-36  # relative: the first margin above sigma_1^2 at which a Cholesky completes
SEARCHED = 2.0**-30  # relative: where an iteration ends that has a flat optimum
TINY = 2.0**-268  # what underflow adds: two square roots of 2^-1074, the least float
PAIRS = list(product(MAKERS, MAKERS))
SIGNS = [("", ""), ("+", "+"), ("", "-"), ("-", "+"), (MIXED, MIXED), (MIXED, "+")]


def path_of(d):
    """Return total variation along a path, with a part of l2."""
    return Variation([[i, i + 1] for i in range(d - 1)], 1.0)


each_pair = pytest.mark.parametrize("pair", PAIRS, ids="x".join)
matrices = arrays((3, 2))


def atom_of(pair, signs):
    """Return the atom of 3 x 2 matrices with two norms on two cones."""
    return RankOne(*(made(*side) for side in zip(pair, signs, (3, 2), strict=True)))


def vectors(norm, d):
    """Return vectors of the cone with small integer entries, and upper bounds of their norms."""
    found = [np.array(x, float) for x in product(range(-2, 3), repeat=d) if any(x)]
    found = [x for x in found if norm.admits(x)]
    return found, [exact_norm(norm, x)[1] for x in found]


def dominates(upper, W, atom):
    """Assert u^T W v <= upper |u| |v| for every pair of test vectors, exactly."""
    (U, a), (V, b) = (vectors(g, d) for g, d in zip(atom.gauges, W.shape, strict=True))
    earned = np.array(U) @ W @ np.array(V).T  # integers times eighths: exact
    bound = Fraction(upper)
    for i, j in np.argwhere(earned > 0):
        assert Fraction(earned[i, j]) <= bound * a[i] * b[j]


def proved_exactly(W, norms, proof):
    """Return what the kernel's rule proves in integers."""
    at, flat = stored_entries(W)
    text, extra = split(proof)
    ar, rule = Flint(), POLAR_RULES[text["rule"]]
    w = ar.load(as_kernel_array(flat))
    return rule(ar, kernel_pair(at, norms), w, Evidence(text, Arrays(extra, "proof")))


@pytest.fixture
def on_drawn():
    """Return a function that runs a check on drawn cones and matrices."""
    count = settings(max_examples=examples(12))
    return lambda check: count(given(st.sampled_from(SIGNS), matrices)(check))()


@pytest.mark.sampled(1000)
@each_pair
def test_the_bounds_enclose_every_slice(pair, on_drawn):
    def encloses(signs, W):
        atom = atom_of(pair, signs)
        bound = atom.polar(W)
        dominates(bound.upper, W, atom)
        assert bound.lower <= bound.upper
        u, v = bound.witness
        assert all(g.admits(x) for g, x in zip(atom.gauges, (u, v), strict=True))
        rows = [sum(map(Fraction.__mul__, fractions(row), fractions(v))) for row in W]
        earned = sum(map(Fraction.__mul__, fractions(u), rows))
        price = exact_norm(atom.gauges[0], u)[1] * exact_norm(atom.gauges[1], v)[1]
        if bound.lower > 0:
            assert earned >= Fraction(bound.lower) * price

    on_drawn(encloses)


@pytest.mark.sampled(7)
@each_pair
def test_a_polar_said_to_be_closed_is_sharp(pair, on_drawn):
    def is_sharp(signs, W):
        atom = atom_of(pair, signs)
        one_flow = any(g.name == "variation" and not g.free for g in atom.gauges)
        if polar_kind(atom.left, atom.right) == "closed" and not one_flow:
            bound = atom.polar(W)
            assert bound.upper - max(bound.lower, 0.0) <= max(SHARP * bound.upper, TINY)

    on_drawn(is_sharp)


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("signs", SIGNS, ids=str)
def test_a_method_proposes_what_the_exact_kernel_proves(method, signs):
    rng = np.random.default_rng(0)
    for pair in PAIRS:
        W = rng.integers(-16, 17, (3, 2)) / 8
        norms = made(pair[0], signs[0], 3), made(pair[1], signs[1], 2)
        query = PolarQuery(W, *norms)
        found = method().propose(query) if method().applies(query) else None
        if found is None:
            continue
        exact = proved_exactly(W, norms, found.proof)
        dominates(exact, W, RankOne(*norms))
        dominates(proved_above(W, norms, found.proof), W, RankOne(*norms))
        assert float(exact) <= found.upper + SHARP * float(np.abs(W).sum())


@pytest.mark.parametrize("name", MAKERS)
def test_sparse_lines_are_those_of_the_dense_matrix(name):
    W = np.array([[3.0, 0.0, -1.0], [0.0, -2.0, 0.5], [0.0, 0.0, 1.5]])
    for left, right in SIGNS:
        for one, other in (("l1", name), (name, "l1")):
            atom = RankOne(made(one, left, 3), made(other, right, 3))
            dense, stored = atom.polar(W), atom.polar(sp.csr_array(W))
            assert abs(dense.upper - stored.upper) <= SHARP * dense.upper
            assert dense.lower <= stored.upper
            assert stored.lower <= dense.upper


@pytest.mark.sampled(3)
@pytest.mark.parametrize("e", [-900, 900])
@pytest.mark.parametrize("name", MAKERS)
def test_matrices_of_extreme_size_are_bounded(name, e):
    W = np.array([[1.0, -2.0], [3.0, 0.5]])
    for other in ("l1", "l2"):
        atom = RankOne(made(other, "", 2), made(name, "", 2))
        one, moved = atom.polar(W), atom.polar(np.ldexp(W, e))
        assert np.ldexp(one.lower, e) <= moved.upper
        assert moved.upper <= np.ldexp(one.upper, e) * (1 + SHARP)
        again = proved_exactly(np.ldexp(W, e), atom.gauges, moved.proof)
        assert again <= Fraction(moved.upper) * (1 + Fraction(SHARP))


def test_what_is_said_of_each_pair():
    wide, ball = ("linf", "group_linf"), ("l2", "weighted")
    loose = ("elastic", "elastic_l1", "elastic_l2", "group", "variation")
    norms = ("l1", *wide, *ball, *loose)
    kinds = {(a, b): polar_kind(made(a, "", 3), made(b, "", 2)) for a, b in product(norms, norms)}
    for (a, b), kind in kinds.items():
        closed = "l1" in (a, b) or (a in ball and b in ball)
        hard = {a, b} <= {*wide, *ball} and not closed
        assert kind == ("closed" if closed else "NP-hard" if hard else "no closed form")
    assert polar_kind("l2+", "l2") == polar_kind("l2-", "l2+") == "NP-hard"
    assert polar_kind("l1+", "l2-") == "closed"


@pytest.mark.parametrize("name", MAKERS)
def test_a_line_counts_only_with_the_signs_of_its_side(name):
    """u >= 0 and v >= 0 earn from the positive line alone, though the other is larger."""
    W = np.array([[1.0, 0.5], [-4.0, -4.0]])
    norms = made("l1", "+", 2), made(name, "+", 2)
    bound = RankOne(*norms).polar(W)
    assert norms[0].admits(bound.witness[0])
    assert bound.witness[0].tolist() == [1.0, 0.0]
    assert bound.lower > 0


def test_hadamard_matrices_are_bounded_by_grothendieck():
    """Sylvester's, n = 2: true 2, relaxation 2 sqrt(2); n = 4: both 8."""
    H = np.array([[1.0, 1.0], [1.0, -1.0]])
    two, four = (RankOne("linf", "linf").polar(W) for W in (H, np.kron(H, H)))
    assert two.lower >= 2 * (1 - SHARP)
    assert 2 - SHARP <= two.upper <= 8**0.5 * (1 + SHARP)
    assert 8 * (1 - SHARP) <= four.lower <= four.upper <= 8 * (1 + SEARCHED)


def test_scales_bound_thousands_of_entries():
    W = np.random.default_rng(0).standard_normal((300, 200))
    bound = RankOne("linf", "linf").polar(W, budget=5.0)
    assert bound.lower <= bound.upper <= 1.783 * bound.lower  # Grothendieck's constant


CHECKED = [name for name in MAKERS if name != "l1"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("signs", [("", ""), ("+", ""), ("-", "+"), ("", "+")], ids=str)
def test_lines_of_any_norm_are_certified(name, signs):
    Y = np.random.default_rng(3).integers(-16, 17, (4, 3)) / 4
    problem = Problem(Squared(Y), RankOne(made("l1", signs[0], 4), made(name, signs[1], 3)), 1.0)
    start = (np.zeros((4, 8)), np.zeros((3, 8)))
    result = check(problem, start, rtol=2.0**-10)
    best = result.better if result.better is not None else start
    found = check(problem, best, rtol=2.0**-10)
    loose = name == "variation" and signs == ("", "+")  # one flow serves both signs
    assert found.verdict is Verdict.CERTIFIED or loose
    tiers = ("exact", "rounded")
    again = [verify(found.certificate, problem, best, tier=t, rtol=2.0**-10) for t in tiers]
    assert {a.verdict for a in again} == {found.verdict}
    arrays_ = {"group": "groups", "group_linf": "groups", "weighted": "weights"}
    named = {"variation": "edges", **arrays_}.get(name)
    assert named is None or f"right.{named}" in found.certificate.given


def test_another_norm_is_another_question():
    Y = np.eye(3)
    norms = (Variation(((0, 1),), r) for r in (1.0, 2.0))
    one, other = (Problem(Squared(Y), RankOne(norm, "l1"), 4.0) for norm in norms)
    zero = (np.zeros((3, 0)), np.zeros((3, 0)))
    certificate = check(one, zero).certificate
    assert verify(certificate, one, zero).verdict is Verdict.CERTIFIED
    with pytest.raises(RejectedError, match="question"):
        verify(certificate, other, zero)
    moved = Problem(Squared(Y), RankOne(Variation(((0, 2),), 1.0), "l1"), 4.0)
    with pytest.raises(RejectedError, match="question"):
        verify(certificate, moved, zero)


def test_every_cone_is_under_test():
    assert {c for pair in SIGNS for c in pair} == set(CONES)


BALLS = [Weighted([0.5] * 3), Weighted([3.0, 3.0, 3.0], cone="+"), "l2", "l2+"]


@pytest.mark.parametrize("size", [(3, 3), (3, 1)])
@pytest.mark.parametrize("left", BALLS, ids=str)
@pytest.mark.parametrize("right", BALLS, ids=str)
@pytest.mark.parametrize("aimed", [True, False])
def test_methods_promise_what_the_kernel_proves(left, right, size, aimed):
    """Equal weights scale a ball, without scales in the proof."""
    m, n = size
    right = Weighted(right.weights[:n], cone=right.cone) if isinstance(right, Weighted) else right
    atom, W = RankOne(left, right), np.random.default_rng(5).standard_normal((m, n))
    target = atom.attain(W, 0)[0] if aimed else None
    query, found = PolarQuery(W, *atom.gauges, target=target), []
    for method in (m for m in METHODS.values() if not m.cost):
        if method().applies(query) and (promised := method().propose(query)) is not None:
            proved = atom.enclose(W, lambda _, given=promised: given, 0)
            assert promised.upper == pytest.approx(proved.upper, rel=1e-9)
            assert promised.upper >= proved.lower
            found.append(method.__name__)
    assert "Spectral" in found


@pytest.mark.sampled(3)
@pytest.mark.parametrize("norm", [Elastic(0.25), Group([[0, 1], [2, 3, 4]]), path_of(5)], ids=str)
@pytest.mark.parametrize("other", ["l2", Elastic(0.5), Weighted([0.5, 2.0])], ids=str)
def test_a_budget_is_spent_on_cones_where_a_larger_ball_stands_for_a_norm(norm, other):
    W = np.random.default_rng(2).standard_normal((5, 2))
    root, tree = (RankOne(norm, other).polar(W, budget=given) for given in (None, 60.0))
    assert root.upper > 1.01 * root.lower
    assert tree.upper <= tree.lower * (1 + 1e-5)
    assert tree.proof["rule"] == "cones"
