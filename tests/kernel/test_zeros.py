"""Data that are 0, and observed, where they are not listed: as the same data given dense."""

import copy
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from scipy import sparse

from certify import Problem, Verdict, check, verify
from certify.atoms import RankOne
from certify.base.rigor.fields import Ball
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import zeros
from certify.kernel.arrays import Arrays
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Dual, Evidence
from certify.kernel.exact import Exact
from certify.kernel.patterns import Pattern
from certify.kernel.rules.spectral import spectral
from certify.kernel.verdict import prove
from certify.losses import Squared
from certify.norms import gauge
from certify.polar import exact_text
from certify.polar.proved import as_kernel_array, kernel_pair

RNG = np.random.default_rng(0)
Y = sparse.csr_array(sparse.random_array((9, 6), density=0.3, rng=RNG))
AT = Y.tocoo()
ROWS, COLS = (np.ascontiguousarray(k, dtype=np.int64) for k in AT.coords)
PATTERN = Pattern(9, 6, ROWS.data, COLS.data, (9, 6), zeros=True)
PAIR = kernel_pair(PATTERN, (gauge("l2"), gauge("l2")))
LOW = RNG.standard_normal((9, 2)), RNG.standard_normal((6, 2))
TIERS = pytest.mark.parametrize(
    "ar", [Exact(), Flint(), Rounded()], ids=lambda ar: type(ar).__name__
)


def held(x):
    return as_kernel_array(np.asarray(x, dtype=float))


def dense_of(ar, g):
    """Return a matrix's middle and its radius as floats."""
    if isinstance(ar, Rounded):
        return g.mid, float(g.rad)
    return np.array(g.ints, dtype=float).reshape(g.shape) * 2.0**g.exp, 0.0


@TIERS
@pytest.mark.parametrize("axis", [0, 1])
def test_the_gram_matrix_is_that_of_the_dense_dual_point(ar, axis):
    low = tuple(map(held, LOW))
    g, slack = zeros.gram(ar, ar.load(held(AT.data)), low, axis, PATTERN)
    W = Y.toarray() - LOW[0] @ LOW[1].T
    middle, rad = dense_of(ar, g)
    assert slack == 0
    assert np.linalg.norm(middle - (W.T @ W if axis else W @ W.T)) <= rad + 1e-12
    assert rad < 1e-10
    plain, _ = zeros.gram(ar, ar.load(held(AT.data)), None, axis, PATTERN)
    assert np.allclose(dense_of(ar, plain)[0], (Y.T @ Y if axis else Y @ Y.T).toarray())


@TIERS
def test_values_enclose_those_of_the_dense_data(ar):
    low, exact = tuple(map(held, LOW)), Exact()
    Z, D = LOW[0] @ LOW[1].T, Y.toarray()
    y = ar.load(held(AT.data))
    loss = zeros.fit_loss(ar, y, low, PATTERN)
    true = zeros.fit_loss(exact, exact.load(held(AT.data)), low, PATTERN)
    assert loss.lo <= true.lo == true.hi <= loss.hi
    assert float(true.lo) == pytest.approx(0.5 * np.square(D - Z).sum(), rel=1e-14)
    half = ar.load(held(0.5 * AT.data))
    inner, size = zeros.dual_terms(ar, half, y, low, PATTERN)
    W = D / 2 - Z
    assert float(inner) == pytest.approx((W * D).sum(), rel=1e-12)
    assert float(size) == pytest.approx(np.square(W).sum(), rel=1e-12)
    ends = zeros.dual_terms(
        exact, exact.load(held(0.5 * AT.data)), exact.load(held(AT.data)), low, PATTERN
    )
    assert inner <= ends[0]
    assert size >= ends[1]
    assert zeros.dual_terms(ar, half, y, None, PATTERN)[0] <= Fraction(
        0.5 * float(AT.data @ AT.data)
    ) * (1 + Fraction(1, 2**40))


@TIERS
@pytest.mark.parametrize("axis", [0, 1])
def test_a_field_times_a_matrix(ar, axis):
    wide = RNG.standard_normal((9, 3) if axis else (6, 3))
    for at, values, matrix in (
        (PATTERN, AT.data, Y.toarray()),
        (Pattern(9, 6), Y.toarray().reshape(-1), Y.toarray()),
    ):
        product = ar.times(ar.load(held(values)), held(wide), axis, at)
        middle, rad = dense_of(ar, product)
        assert np.linalg.norm(middle - (matrix.T if axis else matrix) @ wide) <= rad + 1e-13
        assert rad < 1e-12


# A rounded field stands for every field within its radius: bounds hold for those at its edge.

RADIUS = Fraction(1, 8)
EDGES = [np.sign(RNG.standard_normal(AT.nnz)) for _ in range(4)]


def at_edge(middle, directions):
    """Return fields at the radius from the middle, and the middle."""
    units = [d / np.linalg.norm(d) for d in directions]
    return [middle, *(middle + 0.999 * float(RADIUS) * c * d for d in units for c in (1, -1))]


def dense(values):
    return sparse.csr_array((values, (ROWS, COLS)), shape=(9, 6)).toarray()


@pytest.mark.parametrize("low", [None, LOW], ids=["listed", "with a product"])
@pytest.mark.parametrize("blurred", ["s", "y"])
def test_terms_of_a_dual_point_hold_for_every_field_of_a_ball(low, blurred):
    s, y, given = 0.5 * AT.data, AT.data, low and tuple(map(held, low))
    Z = np.zeros((9, 6)) if low is None else low[0] @ low[1].T
    middle = s if blurred == "s" else y
    balls = [
        Ball(x, RADIUS if name == blurred else Fraction(0)) for name, x in (("s", s), ("y", y))
    ]
    inner, size = zeros.dual_terms(Rounded(), *balls, given, PATTERN)
    on = Z[ROWS, COLS]
    for x in at_edge(middle, [*EDGES, s, y, on if low else s, s - on, y - on]):
        S, D = (dense(x if name == blurred else v) for name, v in (("s", s), ("y", y)))
        W = S - Z
        assert float(inner) <= np.sum(W * D) + 1e-12
        assert float(size) >= np.sum(W * W) - 1e-12


def test_the_loss_of_a_ball_of_data_holds_all_of_theirs():
    loss = zeros.fit_loss(Rounded(), Ball(AT.data, RADIUS), tuple(map(held, LOW)), PATTERN)
    Z = LOW[0] @ LOW[1].T
    for x in at_edge(AT.data, [*EDGES, AT.data, Z[ROWS, COLS], AT.data - Z[ROWS, COLS]]):
        value = 0.5 * np.square(dense(x) - Z).sum()
        assert float(loss.lo) <= value + 1e-12
        assert float(loss.hi) >= value - 1e-12


def test_a_loss_is_never_below_zero():
    """Of exact data <= 0 by rounding, and of data whose ball holds the product."""
    ball = Ball(np.full(AT.nnz, 2.0**-30), Fraction(1))
    none = held(np.zeros((9, 1))), held(np.zeros((6, 1)))
    loss = zeros.fit_loss(Rounded(), ball, none, PATTERN)
    assert 0 <= loss.lo <= loss.hi
    inner, size = zeros.dual_terms(Rounded(), ball, ball, None, PATTERN)
    assert inner <= 0 <= size


SMALL = 1e-3 * LOW[0], 1e-3 * LOW[1]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("low", [None, SMALL, LOW], ids=["listed", "a small product", "a product"])
def test_the_bound_of_a_polar_holds_for_every_field_of_a_ball(low, axis):
    s, given = 0.5 * AT.data, low and tuple(map(held, low))
    g, slack = zeros.gram(Rounded(), Ball(s, RADIUS), given, axis, PATTERN)
    Z = np.zeros((9, 6)) if low is None else low[0] @ low[1].T
    u, _, v = np.linalg.svd(dense(s) - Z)
    steepest = np.outer(u[:, 0], v[0])[ROWS, COLS]
    top = np.linalg.norm(g.mid, 2) + float(g.rad)
    shift = exact_text(Fraction(float(np.linalg.norm(g.mid, 2) * (1 + 1e-9))))
    dual, proof = Dual(Ball(s, RADIUS), held(s), (), low=given), {"axis": 1, "shift": shift}
    bound = spectral(Rounded(), PAIR, dual.field, Evidence(proof, Arrays({}, "proof")), dual.low)
    for x in at_edge(s, [*EDGES, steepest]):
        true = np.linalg.norm(dense(x) - Z, 2)
        assert true <= top**0.5 + float(slack) + 1e-12
        assert true <= float(bound) + 1e-12
    plain, none = zeros.gram(Rounded(), Ball(s, Fraction(0)), given, axis, PATTERN)
    assert none == 0
    assert plain.rad < 1e-10


def test_the_bound_of_a_polar_counts_how_wide_the_balls_are():
    cubes = kernel_pair(PATTERN, (gauge("linf"), gauge("linf")))
    dual = Dual(Rounded().load(held(AT.data)), held(AT.data), ())
    given = Evidence({"axis": 1, "shift": exact_text(Fraction(1000))}, Arrays({}, "proof"))
    one, wide = (spectral(Rounded(), pair, dual.field, given, dual.low) for pair in (PAIR, cubes))
    assert float(wide / one) == pytest.approx(54**0.5)


SIGNED = kernel_pair(PATTERN, (gauge("l2+"), gauge("l2+")))


@TIERS
def test_multipliers_count_beside_a_product(ar):
    """N on the listed entries and M: the bound is that of the same matrix given dense."""
    N, M = RNG.integers(0, 5, len(AT.data)) / 8, RNG.integers(0, 3, (6, 6)) / 8.0
    S, M = RNG.integers(-8, 9, len(AT.data)) / 4, M + M.T
    low = tuple(RNG.integers(-4, 5, (n, 2)) / 4 for n in (9, 6))
    W = dense(S) - low[0] @ low[1].T
    text = Evidence({"axis": 1, "shift": "40"}, Arrays({"N": held(N), "M": held(M)}, "proof"))
    found = spectral(ar, SIGNED, ar.load(held(S)), text, tuple(map(held, low)))
    plain = kernel_pair(Pattern(9, 6), (gauge("l2+"), gauge("l2+")))
    whole = Evidence(text.fields, Arrays({"N": held(dense(N).reshape(-1)), "M": held(M)}, "proof"))
    wanted = spectral(ar, plain, ar.load(held(W.reshape(-1))), whole)
    assert found == wanted or (isinstance(ar, Rounded) and abs(found - wanted) < wanted / 2**40)
    alone = spectral(ar, SIGNED, ar.load(held(S)), Evidence(text.fields, Arrays({}, "proof")))
    assert alone != found


@pytest.mark.parametrize("side", ["left", "right"])
def test_scales_beside_a_product_are_refused(side):
    ar, size = Exact(), {"left": 9, "right": 6}[side]
    arrays = Arrays({f"scale.{side}": held(np.ones(size))}, "proof")
    text, s = Evidence({"axis": 1, "shift": "40"}, arrays), ar.load(held(AT.data))
    assert spectral(ar, PAIR, s, text) > 0
    with pytest.raises(RejectedError) as caught:
        spectral(ar, PAIR, s, text, tuple(map(held, LOW)))
    assert (caught.value.where, caught.value.code) == ("proof.scale", "wrong_rule")


@pytest.mark.parametrize("axis", [0, 1])
def test_a_ball_times_a_matrix_holds_all_products(axis):
    wide = RNG.standard_normal((9, 3) if axis else (6, 3))
    product = Rounded().times(Ball(AT.data, RADIUS), held(wide), axis, PATTERN)
    for x in at_edge(AT.data, EDGES):
        true = (dense(x).T if axis else dense(x)) @ wide
        assert np.linalg.norm(product.mid - true) <= float(product.rad) + 1e-12


def problem(lam, norms=("l2", "l2"), form="product", data=Y):
    return Problem(Squared(data, zeros="observed"), RankOne(*norms, form), lam)


def twin(p):
    return Problem(Squared(p.loss.Y.toarray()), p.atom, p.lam)


FACTORS = np.abs(RNG.standard_normal((9, 2))), np.abs(RNG.standard_normal((6, 2)))


@pytest.mark.parametrize("tier", ["exact", "rounded"])
@pytest.mark.parametrize("lam", [0.0, 0.4, 50.0])
@pytest.mark.parametrize("data", [Y, sparse.csr_array(Y.T)], ids=["tall", "wide"])
def test_the_answer_is_that_of_the_dense_data(data, lam, tier):
    p, x = problem(lam, data=data), FACTORS if data is Y else FACTORS[::-1]
    result, dense = check(p, x), check(twin(p), x)
    assert result.verdict in (Verdict.REFUTED, Verdict.RANK_LIMITED)
    assert result.lower == pytest.approx(dense.lower, rel=1e-8)
    assert result.upper == pytest.approx(dense.upper, rel=1e-12)
    assert result.stationarity == pytest.approx(dense.stationarity, rel=1e-9, abs=1e-12)
    proved = verify(result.certificate, p, x, tier=tier)
    assert proved.verdict is result.verdict
    best = check(p, result.better)
    assert best.verdict is Verdict.CERTIFIED
    assert verify(best.certificate, p, result.better, tier=tier).certified


@pytest.mark.parametrize("lam", [0.0, 0.4])
def test_with_signs_the_bracket_holds_the_optimum_of_the_dense_data(lam):
    p = problem(lam, ("l2+", "l2+"), "sum")
    result, dense = check(p, FACTORS), check(twin(p), FACTORS, budget=0.2)
    assert result.verdict is Verdict.REFUTED
    assert result.lower <= (dense.better_upper or dense.upper)
    assert result.lower >= 0.5 * dense.lower
    assert result.better_upper <= 1.01 * (dense.better_upper or dense.upper)
    assert verify(result.certificate, p, FACTORS).upper == result.upper


CERTIFIED = check(problem(0.4), check(problem(0.4), FACTORS).better)
BEST = tuple(
    np.asarray(CERTIFIED.certificate.given[k].data).reshape(CERTIFIED.certificate.given[k].shape)
    for k in ("U", "V")
)
AT_SIZE = check(problem(0.0), FACTORS)


class Parts(NamedTuple):
    """A question and its proof, to be changed."""

    statement: dict
    given: dict
    proof: dict
    witness: dict


def proved(result, change=None):
    """Prove a question in exact integers, after a change of it or of its proof."""
    c = result.certificate
    statement, proof = copy.deepcopy(c.statement), copy.deepcopy(c.proof)
    parts = Parts(statement, dict(c.given), proof, dict(c.witness))
    if change is not None:
        change(parts)
    return prove(*parts, Exact())


def test_the_kernel_alone_proves_it():
    assert proved(CERTIFIED).verdict == "CERTIFIED"
    assert proved(AT_SIZE).verdict == "REFUTED"


def moved(name, by):
    def change(q):
        a = np.array(q.witness[name].data).reshape(q.witness[name].shape)
        a.flat[0] += by
        q.witness[name] = held(a)

    return change


@pytest.mark.parametrize("name", ["W", "W.left", "W.right"])
def test_another_dual_point_proves_less(name):
    outcome = proved(CERTIFIED, moved(name, 0.25))
    assert outcome.lower < proved(CERTIFIED).lower
    assert outcome.verdict == "UNDECIDED"


def without_low(q):
    del q.witness["W.left"], q.witness["W.right"]


def test_without_its_product_the_dual_point_is_another():
    """W = Y has sigma_1 above lam: scaled down it proves less."""
    assert proved(CERTIFIED, without_low).lower < proved(CERTIFIED).lower


def short_right(q):
    q.witness["W.right"] = held(np.zeros((6, 1)))


def other_rule(q):
    q.proof["polar"]["rule"] = "lines"


def corrected(q):
    q.proof["corrections"] = [[0, "1/2"]]


def blocks(q):
    q.proof["blocks"] = []


def dual_and_fan(q):
    q.proof["polar"] = {"rule": "spectral", "axis": 1, "shift": "1"}
    q.witness["W"] = q.given["Y"]


def weighted(q):
    q.given["weights"] = held(np.ones(AT.nnz))


def l1(q):
    q.statement["l1"] = [(1.0).hex(), (1.0).hex()]


def huber(q):
    q.statement["loss"] = {"kind": "huber", "delta": (1.0).hex()}


def offset(q):
    q.statement["offsets"] = [{"kind": "column", "ridge": (0.0).hex()}]
    q.statement["q"] = "found"
    q.witness["q0"] = held(np.zeros(6))


def cp(q):
    q.statement["atom"] = {"kind": "cp", "norms": ["l2", "l2"], "symmetric": False, "form": "sum"}


REJECTED = {
    short_right: (CERTIFIED, "proof.W.right", "shape"),
    other_rule: (CERTIFIED, "proof.polar.rule", "wrong_rule"),
    corrected: (CERTIFIED, "proof.W.corrections", "wrong_rule"),
    blocks: (AT_SIZE, "proof.blocks", "wrong_rule"),
    dual_and_fan: (AT_SIZE, "proof.K", "wrong_rule"),
    weighted: (CERTIFIED, "statement.observed", "scope"),
    l1: (CERTIFIED, "statement.observed", "scope"),
    huber: (CERTIFIED, "statement.observed", "scope"),
    offset: (CERTIFIED, "statement.observed", "scope"),
    cp: (CERTIFIED, "statement.observed", "scope"),
}


@pytest.mark.parametrize("change", REJECTED, ids=lambda f: f.__name__)
def test_what_no_rule_covers_is_refused(change):
    result, where, code = REJECTED[change]
    with pytest.raises(RejectedError) as error:
        proved(result, change)
    assert (error.value.where, error.value.code) == (where, code)


@pytest.mark.parametrize("observed", ["listed", "all"])
def test_the_certificate_is_of_observed_zeros_and_of_no_other_data(observed):
    """Of the listed alone the optimum is lower, so that claim is another one."""
    c, data = CERTIFIED.certificate, Y if observed == "listed" else Y.toarray()
    other = Problem(Squared(data), RankOne(), 0.4)
    with pytest.raises(RejectedError) as error:
        verify(c, other, BEST)
    assert error.value.code == "question"

    def listed(q):
        q.statement["observed"] = "listed"

    assert proved(CERTIFIED, listed).lower < proved(CERTIFIED).lower


def test_symmetric_components_are_refused():
    square = sparse.csr_array(np.eye(3))
    result = check(
        Problem(Squared(square, zeros="observed"), RankOne(), 0.5), (np.eye(3), np.eye(3))
    )

    def symmetric(q):
        q.statement["atom"]["kind"] = "symmetric"
        del q.given["V"]

    with pytest.raises(RejectedError) as error:
        proved(result, symmetric)
    assert (error.value.where, error.value.code) == ("statement.observed", "scope")
