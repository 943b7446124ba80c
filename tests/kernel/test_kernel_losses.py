"""The kernel's exp, log and losses: enclosures of the truth at 100 digits, and rejections."""

from array import array
from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import Problem, RejectedError, check, verify
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.base.rigor.logs import Vectors
from certify.base.rigor.rounded import Rounded
from certify.kernel import exp_log, values
from certify.kernel.arrays import Array, Arrays, dyadic, filled
from certify.kernel.dual import coarse, dual_value, least_loss, loss_dual
from certify.kernel.evidence import Evidence, dual_point
from certify.kernel.exact import Exact
from certify.kernel.exp_log import (
    DEEP,
    GUARD,
    LN2,
    ONE,
    REACH,
    Elementary,
    ceil_shift,
    exp_at,
    floor_shift,
    log_at,
    softplus_at,
)
from certify.kernel.losses import likelihoods, piecewise
from certify.kernel.losses.base import Grains, Spans
from certify.kernel.losses.piecewise import Hinge, SquaredHinge, margins
from certify.kernel.norms import L2
from certify.kernel.offsets import Intercept, Row
from certify.kernel.patterns import Pattern
from certify.kernel.rules.floor import floor
from certify.kernel.scalars import ZERO, Enclosure, power
from certify.kernel.spaces import Modes
from certify.kernel.statement import Point, loss_weights, question
from certify.kernel.values import loss_value
from certify.kernel.verdict import prove
from certify.losses import (
    LOSSES,
    Absolute,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
    Squared,
)
from certify.pipeline.certificate.file import as_kernel_arrays, ask
from certify.polar import exact_text
from tests import references
from tests.references import mp, number, rational
from tests.strategies import arrays, dyadics, fields, losses, shapes

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
TIERS = pytest.mark.parametrize("tier", [Exact, Flint, Rounded])
ENTRIES = RankOne("l1", "l1")
UNIT = Fraction(1, ONE)
SHARP = Fraction(1, 2**100)  # 28 bits above the unit of fixed-point numbers
FINE = st.integers(-(2**140), 2**140) | st.integers(-(2**130), 2**130) | st.integers(-300, 300)


@pytest.fixture(autouse=True)
def digits(monkeypatch):
    """Let arb compute far below the unit, and reset it."""
    monkeypatch.setattr(flint.ctx, "prec", 1600)


def arb(x, e=0):
    """Return the ball x 2**e, exactly."""
    return flint.arb(flint.fmpz(x)) * flint.arb(2) ** e


# --- exp and log --------------------------------------------------------------------


@given(FINE)
def test_exp_encloses_mpmath_and_arb(x):
    lo, hi, k = exp_at(x)
    true = mp.exp(number(Fraction(x) * UNIT)) * mp.mpf(2) ** (exp_log.FINE - k)
    assert lo <= true <= hi
    assert hi - lo <= 3
    ball = arb(x, -exp_log.FINE).exp() * arb(1, exp_log.FINE - k)
    assert arb(lo) <= ball <= arb(hi)


@given(st.integers(1, 2**400) | st.integers(1, 8), st.integers(-1100, 1100))
def test_log_encloses_mpmath_and_arb(m, e):
    lo, hi = log_at(m, e)
    assert lo <= mp.log(number(Fraction(m) * power(e))) * ONE <= hi
    assert hi - lo <= 6
    ball = (arb(m).log() + e * arb(2).log()) * arb(1, exp_log.FINE)
    assert arb(lo) <= ball <= arb(hi)


@given(FINE)
def test_softplus_encloses_mpmath(x):
    lo, hi = softplus_at(x)
    z = number(Fraction(x) * UNIT)
    assert lo <= (mp.log1p(mp.exp(-abs(z))) + max(z, 0)) * ONE <= hi
    assert hi - lo <= 10


def test_the_logarithm_of_two_is_enclosed_to_the_last_unit():
    low, high = LN2
    assert low <= mp.log(2) * 2**DEEP <= high
    assert high - low == 1


def test_exp_refuses_what_nobody_can_write_and_bounds_what_is_below_a_unit():
    top = REACH * ONE
    assert exp_at(top)[0] > 0
    with pytest.raises(RejectedError) as error:
        exp_at(top + 1)
    assert (error.value.where, error.value.code) == ("exp", "overflow")
    assert exp_at(-top)[2] < -exp_log.FINE
    assert exp_at(-top - 1) == (0, 1, 0)


@given(st.integers(-(2**300), 2**300), st.integers(-320, 320))
def test_shifts_are_outward(x, k):
    exact = Fraction(x) * power(k)
    assert floor_shift(x, k) <= exact < floor_shift(x, k) + 1
    assert ceil_shift(x, k) - 1 < exact <= ceil_shift(x, k)


# --- values and dual values -----------------------------------------------------------


def questioned(held, factors, atom=ENTRIES):
    """Return the kernel's question about factors."""
    asked = ask(Problem(held, atom, 0.5), factors, None, rtol=0.0, atol=0.0)
    return question(asked.statement, asked.given)


def at_entries(held, Z):
    """Return factors (Z, I) of the field, zero where nothing is observed."""
    dense = np.zeros(held.shape)
    dense[held.observed.listed] = Z.reshape(-1)
    return dense, np.eye(held.shape[1])


def around(true, enclosure, size):
    """Whether an enclosure holds a value of 100 digits, and is sharp."""
    true = rational(true)
    slack = references.NEAR * size
    assert enclosure.lo - slack <= true <= enclosure.hi + slack
    assert enclosure.hi - enclosure.lo <= SHARP * size


def heavy(held, *parts):
    """Return a bound of what is summed."""
    c = 1.0 if held.scale is None else held.scale.max()
    largest = max(float(np.abs(x).max()) for x in (held.data, *parts))
    return Fraction(held.data.size * max(c, 1.0) * np.exp(min(largest, 600.0)) * 4096)


@each_loss
@given(data=st.data(), shape=shapes)
def test_a_value_is_enclosed_by_each_arithmetic(loss, data, shape):
    held = data.draw(losses(loss, shape))
    elements = st.floats(2.0**-20, 4.0) if loss is KullbackLeibler else st.floats(-4.0, 4.0)
    Z = data.draw(arrays(held.data.shape, elements))
    asked = questioned(held, at_entries(held, Z))
    x = Point(asked.factors, ())
    true = references.value(held, Z)
    exact = loss_value(Exact(), asked, x)
    around(true, exact, heavy(held, Z))
    assert loss_value(Flint(), asked, x) == exact
    rounded = loss_value(Rounded(), asked, x)
    assert rounded.lo <= exact.lo
    assert exact.hi <= rounded.hi
    assert rounded.hi - rounded.lo <= heavy(held, Z) * Fraction(1, 2**20)


@each_loss
@given(data=st.data(), shape=shapes, s=st.sampled_from([0.0, 2.0**-70, 0.3, 1.0]))
def test_a_dual_value_is_a_sharp_lower_bound(loss, data, shape, s):
    held = data.draw(losses(loss, shape))
    W = held.clip_dual(data.draw(arrays(held.data.shape, st.floats(-4, 4))))
    asked, ar = questioned(held, at_entries(held, np.ones(held.data.shape))), Exact()
    witness = Arrays(as_kernel_arrays({"W": W.reshape(-1)}), "proof")
    moved = data.draw(st.booleans())
    shrink = corrections(held, W) if moved else []
    proof = {"corrections": [[k, exact_text(c)] for k, c in shrink]}
    dual = dual_point(ar, asked.at, Evidence(proof, witness), "W")
    found = dual_value(ar, asked, dual, Fraction(0), Fraction(s))
    exact = [Fraction(w) for w in W.reshape(-1).tolist()]
    for k, c in shrink:
        exact[k] += c
    scaled = [Fraction(s) * w for w in exact]
    assert references.inside(held, scaled)
    true, size = rational(references.dual(held, scaled)), heavy(held, W)
    assert true - SHARP * size <= found <= true + references.NEAR * size


def corrections(held, W):
    """Shorten the first entry, or all of the first row, by a third: no dyadic number."""
    count = held.shape[1] if held.name == "softmax" else 1
    return [(k, Fraction(w) / -3) for k, w in enumerate(W.reshape(-1)[:count].tolist()) if w]


@pytest.mark.parametrize("by", [Elementary(), Vectors()])
@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize(
    "kind", [likelihoods.Logistic, likelihoods.KullbackLeibler, likelihoods.Poisson]
)
def test_a_value_over_intervals_contains_those_of_its_points(kind, y, by):
    loss, labels, weights = kind().within(by), Grains((y, y), 0), Grains((3, 1), -1)
    whole = loss.value(Spans((16, 64), (64, 80), -6), labels, weights)
    ends = [(i, j) for i in (16, 40, 64) for j in (64, 80)]
    points = [kind().value(Spans(at, at, -6), labels, weights) for at in ends]
    assert whole.lo <= min(p.lo for p in points)
    assert max(p.hi for p in points) <= whole.hi


@given(data=st.data(), shape=shapes)
def test_the_rule_of_least_squares_is_its_fast_form(data, shape):
    held = data.draw(losses(Squared, shape))
    Z, W = (data.draw(arrays(held.data.shape)) for _ in range(2))
    asked, ar = questioned(held, at_entries(held, Z)), Exact()
    x, y = Point(asked.factors, ()), Grains(*dyadic(asked.Y.data))
    spans = Spans(*ar.spans(values.fit_field(ar, asked, x)))
    weights = loss_weights(asked)
    assert asked.loss.value(spans, y, weights) == loss_value(ar, asked, x)
    witness = Arrays(as_kernel_arrays({"W": W.reshape(-1)}), "proof")
    dual = dual_point(ar, asked.at, Evidence({}, witness), "W")
    fast = dual_value(ar, asked, dual, Fraction(0), Fraction(1, 4))
    slow = loss_dual(asked, dual, Fraction(1, 4))
    assert slow <= fast + SHARP
    assert fast <= slow + SHARP * heavy(held)


@given(st.fractions(min_value=Fraction(1, 10**40), max_value=10**40))
def test_a_coarse_scale_is_dyadic_and_barely_smaller(s):
    found = coarse(s)
    assert found <= s < found * (1 + Fraction(1, 2**59))
    assert found.denominator & (found.denominator - 1) == 0


@given(st.data())
def test_spans_hold_the_ball_and_resolve_its_radius(data):
    mid = data.draw(arrays(3))
    rad = data.draw(st.fractions(min_value=0, max_value=1))
    ball = Rounded().load(Array((3,), array("d", mid)))
    lows, highs, e = Rounded().spans(replace(ball, rad=rad))
    unit = power(e)
    for x, lo, hi in zip(mid.tolist(), lows, highs, strict=True):
        assert lo * unit <= Fraction(x) - rad
        assert Fraction(x) + rad <= hi * unit
        assert hi - lo == 0 or (hi - lo) * unit <= 2 * rad * (1 + Fraction(1, 2**10))
    with pytest.raises(RejectedError, match="overflow"):
        Rounded().spans(replace(ball, mid=np.array([np.inf])))


# --- rejections ------------------------------------------------------------------------

H = np.array([[1.0, 0.0], [0.0, 1.0]])
S = 2 * H - 1
REAL = np.array([[3.0, -0.25], [0.0, -2.0]])
COUNTS = np.array([[4.0, 1.0], [3.0, 2.0]])
WEIGHTS = np.array([[0.1, 0.3], [0.7, 0.2]])
HELD = {
    "logistic": Logistic(H, WEIGHTS),
    "softmax": Softmax(H, [0.1, 0.7]),
    "huber": Huber(REAL, 0.7, WEIGHTS),
    "absolute": Absolute(REAL, WEIGHTS),
    "quantile": Quantile(REAL, 0.1, WEIGHTS),
    "hinge": LOSSES["hinge"](S, WEIGHTS),
    "squared_hinge": LOSSES["squared_hinge"](S, WEIGHTS),
    "kullback_leibler": KullbackLeibler(COUNTS, WEIGHTS),
    "poisson": Poisson(COUNTS, WEIGHTS),
}
ONES = np.full((2, 1), 0.5), np.full((2, 1), 0.5)


def proved(held, W, tier=Exact, *, statement=None, given=None):
    """Let the kernel judge a dual point of a field at factors of 1/4."""
    asked = ask(Problem(held, ENTRIES, 64.0), ONES, None, rtol=0.0, atol=0.0)
    witness = as_kernel_arrays({"W": W.reshape(-1)})
    proof = {"polar": {"rule": "lines"}}
    return prove(
        asked.statement | (statement or {}), asked.given | (given or {}), proof, witness, tier()
    )


@TIERS
@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("far", [-1e3, 1e3])
def test_one_float_outside_the_domain_is_rejected(name, far, tier):
    held = HELD[name]
    edge = held.clip_dual(np.full((2, 2), far))
    k = next((k for k in range(4) if edge.flat[k] != far), None)
    assert proved(held, edge, tier).lower < Fraction(10**6)
    if k is None:  # no end on this side
        assert (name, far) in {("kullback_leibler", 1e3), ("poisson", -1e3)}
        return
    for _ in range(1 + (name == "quantile")):  # 1 - tau is rounded once, times c again
        edge.flat[k] = np.nextafter(edge.flat[k], far)
    with pytest.raises(RejectedError) as error:
        proved(held, edge, tier)
    assert (error.value.where, error.value.code) == ("proof.W", "domain")


def lied(name, **changes):
    """Return a lie about the statement of a loss."""
    return name, changes


MISSTATED = {
    "unknown": ("logistic", {"loss": "magic"}, {}, "statement.loss", "unknown"),
    "no text": ("logistic", {"loss": 7}, {}, "statement.loss", "unknown"),
    "no kind": ("logistic", {"loss": {}}, {}, "statement.loss", "unknown"),
    "an object": ("logistic", {"loss": {"kind": "logistic"}}, {}, "statement.loss", "fields"),
    "no delta": ("huber", {"loss": "huber"}, {}, "statement.loss", "fields"),
    "two": (
        "huber",
        {"loss": {"kind": "huber", "delta": "0x1p0", "tau": "0x1p-1"}},
        {},
        "statement.loss",
        "fields",
    ),
    "tau": ("huber", {"loss": {"kind": "huber", "tau": "0x1p-1"}}, {}, "statement.loss", "fields"),
    "decimal": (
        "huber",
        {"loss": {"kind": "huber", "delta": "1.0"}},
        {},
        "statement.loss.delta",
        "number",
    ),
    "delta 0": (
        "huber",
        {"loss": {"kind": "huber", "delta": "0x0p0"}},
        {},
        "statement.loss.delta",
        "range",
    ),
    "tau 1": (
        "quantile",
        {"loss": {"kind": "quantile", "tau": "0x1p0"}},
        {},
        "statement.loss.tau",
        "range",
    ),
    "labels 1/2": ("logistic", {}, {"Y": 0.5}, "statement.Y", "labels"),
    "labels 0 and 1": ("hinge", {}, {"Y": 0.0}, "statement.Y", "labels"),
    "margins": ("squared_hinge", {}, {"Y": 0.0}, "statement.Y", "labels"),
    "two ones": ("softmax", {}, {"Y": 1.0}, "statement.Y", "labels"),
    "not hot": ("softmax", {}, {"Y": 0.5}, "statement.Y", "labels"),
    "negative": ("poisson", {}, {"Y": -1.0}, "statement.Y", "labels"),
    "below zero": ("kullback_leibler", {}, {"Y": -1.0}, "statement.Y", "labels"),
}


@pytest.mark.parametrize("lie", MISSTATED)
def test_a_statement_that_is_no_loss_is_rejected(lie):
    name, statement, arrays_, where, code = MISSTATED[lie]
    given = {k: filled((4,), v) for k, v in arrays_.items()}
    with pytest.raises(RejectedError) as error:
        proved(HELD[name], np.zeros((2, 2)), statement=statement, given=given)
    assert (error.value.where, error.value.code) == (where, code)


def test_rows_with_holes_are_rejected():
    rows, cols = (Array((4,), array("q", x)) for x in ([0, 0, 1, 1], [0, 1, 0, 1]))
    with pytest.raises(RejectedError) as error:
        proved(
            HELD["softmax"],
            np.zeros((2, 2)),
            statement={"observed": "listed"},
            given={"rows": rows, "cols": cols},
        )
    assert (error.value.where, error.value.code) == ("statement.observed", "scope")


def test_weights_of_softmax_are_one_for_each_row():
    weights = {"weights": filled((4,), 1.0)}
    with pytest.raises(RejectedError) as error:
        proved(HELD["softmax"], np.zeros((2, 2)), given=weights)
    assert (error.value.where, error.value.code) == ("statement.weights", "shape")


# --- fits outside the loss's domain ----------------------------------------------------


@TIERS
@pytest.mark.parametrize("fit", [0.0, -(2.0**-60), -1.0])
def test_a_fit_that_is_not_positive_has_no_divergence(fit, tier):
    asked = questioned(KullbackLeibler(COUNTS), (np.array([[1.0], [fit]]), np.ones((2, 1))))
    with pytest.raises(RejectedError) as error:
        loss_value(tier(), asked, Point(asked.factors, ()))
    assert (error.value.where, error.value.code) == ("fitted", "domain")


@TIERS
def test_a_fit_of_zero_counts_where_nothing_was_counted(tier):
    held = KullbackLeibler(np.array([[4.0, 0.0], [0.0, 0.0]]))
    U, V = np.array([[1 / 3], [0.0]]), np.array([[1 / 3], [0.0]])
    asked = questioned(held, (U, V))
    found = loss_value(tier(), asked, Point(asked.factors, ()))
    true = rational(references.value(held, [Fraction(1 / 3) ** 2, 0, 0, 0]))
    assert found.lo <= true <= found.hi
    assert found.hi - found.lo <= Fraction(1, 2**40)
    minus = questioned(held, (-U, -V))  # the same product, but who knows its zeros' signs
    if tier is Rounded:
        with pytest.raises(RejectedError, match="domain"):
            loss_value(tier(), minus, Point(minus.factors, ()))


@TIERS
def test_a_fit_of_zero_counts_in_a_tensor_too(tier):
    held = KullbackLeibler(np.array([[4.0, 0.0], [0.0, 0.0]]))
    asked = questioned(held, (np.array([[1 / 3], [0.0]]), np.array([[1 / 3], [0.0]])))
    modes = Modes(Pattern(2, 2, dims=(2, 2, 1)), (L2(2), L2(2), L2(1)))
    x = Point((*asked.factors, filled((1, 1), 1.0)), ())
    found = loss_value(tier(), replace(asked, space=modes), x)
    true = rational(references.value(held, [Fraction(1 / 3) ** 2, 0, 0, 0]))
    assert found.lo <= true <= found.hi


@TIERS
def test_a_mean_beyond_all_numbers_is_rejected(tier):
    asked = questioned(Poisson(COUNTS), (np.full((2, 1), 2.0**8), np.full((2, 1), 2.0**7)))
    with pytest.raises(RejectedError) as error:
        loss_value(tier(), asked, Point(asked.factors, ()))
    assert (error.value.where, error.value.code) == ("exp", "overflow")


def test_a_fit_known_to_less_than_one_is_no_mean():
    wide = Spans([0], [2], 0)
    with pytest.raises(RejectedError, match="wider than 1"):
        likelihoods.Poisson().value(wide, Grains([1], 0), Grains([1], 0))


# --- what is below zero ------------------------------------------------------------------


@TIERS
def test_counts_have_a_negative_infimum_and_no_witness_raises_it_to_zero(tier):
    held = Poisson(np.array([[8.0, 0.5], [1.0, 20.0]]))
    none = np.zeros((2, 0)), np.zeros((2, 0))
    problem = Problem(held, ENTRIES, 0.5)
    asked = ask(problem, none, None, rtol=0.0, atol=0.0)
    outcome = prove(asked.statement, asked.given, {}, {}, tier())
    assert outcome.rules == ("trivial",)
    least = rational(references.dual(held, [0, 0, 0, 0]))
    sharp = Fraction(1, 2**40) if tier is Rounded else SHARP  # its logarithms are wider
    assert least - sharp * heavy(held) <= outcome.lower <= least + references.NEAR
    assert outcome.lower < -40
    fitted = np.array([[np.log(7.5), 0.0], [0.0, np.log(19.5)]]), np.eye(2)
    result = check(problem, fitted)
    assert result.verdict.name == "CERTIFIED"
    assert result.upper < -40
    assert result.lower <= result.upper


@TIERS
def test_a_floor_without_a_witness_is_the_least_loss(tier):
    for held in (Poisson(COUNTS), Squared(COUNTS)):
        asked = replace(questioned(held, ONES), q=None, offsets=(Row(Fraction(1)),))
        found = floor(tier(), asked, Evidence({}, Arrays({}, "proof")), ZERO)
        assert found == least_loss(asked)
        assert (found < 0) == isinstance(held, Poisson)


# --- easier questions ---------------------------------------------------------------------

TWINS = {  # the reader's question, an easier one that has a certificate
    "delta": (Huber(REAL, 1.0), Huber(REAL, 0.5), "statement.loss.delta"),
    "tau": (Quantile(REAL, 0.5), Quantile(REAL, 0.25), "statement.loss.tau"),
    "labels flipped": (Logistic(1 - H), Logistic(H), "statement.arrays.Y.sha256"),
    "another loss": (Squared(COUNTS), Poisson(COUNTS), "statement.loss"),
    "a parameter or none": (Absolute(REAL), Huber(REAL, 0.5), "statement.loss"),
    "weights": (Logistic(H), Logistic(H, WEIGHTS), "statement.arrays.weights"),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_certificate_of_an_easier_loss_is_no_answer(name):
    ours, easier, where = TWINS[name]
    none = np.zeros((2, 0)), np.zeros((2, 0))
    result = check(Problem(easier, ENTRIES, 64.0), none)
    assert result.verdict.name == "CERTIFIED"
    with pytest.raises(RejectedError) as error:
        verify(result.certificate, Problem(ours, ENTRIES, 64.0), none)
    assert (error.value.where, error.value.code) == (where, "question")


def test_the_bound_of_one_parameter_is_refused_for_another():
    W = Huber(REAL, 1.0).clip_dual(REAL)
    with pytest.raises(RejectedError, match="domain"):
        proved(Huber(REAL, 0.5), W)
    assert proved(Huber(REAL, 1.0), W).lower > 0
    W = Quantile(REAL, 0.25).clip_dual(-1e3 * (REAL < 0))
    with pytest.raises(RejectedError, match="domain"):
        proved(Quantile(REAL, 0.5), W)
    assert proved(Quantile(REAL, 0.25), W).lower > 0
    W = -Logistic(H).gradient(np.zeros((2, 2)))
    with pytest.raises(RejectedError, match="domain"):
        proved(Logistic(1 - H), W)
    assert proved(Logistic(H), W).lower > 0


@each_loss
@given(data=st.data(), shape=shapes, lam=dyadics(1))
def test_no_bound_of_any_dual_point_exceeds_any_objective(loss, data, shape, lam):
    held = data.draw(losses(loss, shape))
    W = held.clip_dual(data.draw(arrays(held.data.shape)))
    Z = data.draw(fields(held))
    asked = ask(Problem(held, ENTRIES, lam), at_entries(held, Z), None, rtol=0.0, atol=0.0)
    proof, witness = {"polar": {"rule": "lines"}}, as_kernel_arrays({"W": W.reshape(-1)})
    for tier in (Exact, Rounded):
        outcome = prove(asked.statement, asked.given, proof, witness, tier())
        assert outcome.lower <= outcome.upper


# --- what a broken line would let through ---------------------------------------------------


@given(st.integers(0, 2**32 - 1))
def test_exp_takes_the_end_of_the_logarithm_for_which_its_rest_is_low(seed):
    x = seed << exp_log.FINE - 34
    lo, hi, k = exp_at(x)
    true = mp.exp(number(Fraction(x) * UNIT)) * mp.mpf(2) ** (exp_log.FINE - k)
    assert lo <= true <= hi
    wide, t = LN2[1], x << GUARD
    assert k == t // wide
    assert exp_at(-x - 1)[2] == (-x - 1 << GUARD) // LN2[0]


TINY = {  # a rule, labels, and an integer w one unit outside, then one at the end
    "squared_hinge": (SquaredHinge(), [1, -1], [-1, 0], [0, 0]),
    "poisson": (likelihoods.Poisson(), [0, 0], [1, 0], [0, -1]),
    "kullback_leibler": (likelihoods.KullbackLeibler(), [0, 1], [-5, -4], [-4, -3]),
    "softmax": (likelihoods.Softmax(), [1, 0], [-1, 1], [4, -4]),
    "softmax above": (likelihoods.Softmax(), [1, 0], [5, -5], [0, 0]),
    "hinge": (Hinge(), [1, -1], [4, -5], [4, -4]),
    "absolute": (piecewise.Absolute(), [1, -1], [4, -5], [4, -4]),
}


@pytest.mark.parametrize("name", TINY)
def test_a_domain_ends_at_a_unit(name):
    rule, y, outside, inside = TINY[name]
    c = [4] * (len(y) if rule.group else 1)
    assert not rule.inside(outside, Grains(y, 0), c)
    assert rule.inside(inside, Grains(y, 0), c)


def test_a_row_without_a_class_is_no_row_of_classes():
    assert likelihoods.Softmax().labels([1.0, 0.0, 0.0, 1.0], 2)
    assert not likelihoods.Softmax().labels([1.0, 0.0, 0.0, 0.0], 2)
    assert not likelihoods.Softmax().labels([1.0, 0.0, 1.0, 1.0], 2)


def test_margins_keep_their_ends_in_order():
    z, y = Spans([1, 1], [3, 3], 0), Grains([1, -1], 0)
    assert margins(z, y) == ([(-2, 0), (2, 4)], 0)
    found = Hinge().value(z, y, Grains([1, 1], 0))
    assert found == Enclosure(2, 4)


def test_a_wide_row_of_classes_is_enclosed():
    z = Spans([0, 0], [1, 1], -2)
    found = likelihoods.Softmax().value(z, Grains([1, 0], 0), Grains([1], 0))
    for d in (-0.25, 0.25):  # the other score less the class's own
        assert found.lo <= rational(mp.log1p(mp.exp(mp.mpf(d)))) <= found.hi


def test_one_class_alone_costs_nothing():
    z = Spans([-5, 3], [4, 3], 0)
    assert likelihoods.Softmax().value(z, Grains([1, 1], 0), Grains([1, 7], 0)) == Enclosure(0, 0)
    two = likelihoods.Softmax().value(z, Grains([1, 0], 0), Grains([1], 0))
    assert two.hi > two.lo >= 0


def test_any_lam_over_a_bound_scales_by_a_dyadic_number():
    held = Logistic(H)
    W = -held.gradient(np.zeros((2, 2)))
    asked = ask(Problem(held, ENTRIES, 0.1), ONES, None, rtol=0.0, atol=0.0)  # s = 1/5
    witness = as_kernel_arrays({"W": W.reshape(-1)})
    found = prove(asked.statement, asked.given, {"polar": {"rule": "lines"}}, witness)
    s = coarse(Fraction(0.1) * 2)
    true = rational(references.dual(held, [s * Fraction(w) for w in W.reshape(-1).tolist()]))
    assert true - SHARP * 64 <= found.lower <= true + references.NEAR
    assert s.denominator & (s.denominator - 1) == 0


def test_a_ridge_is_paid_by_every_loss():
    held = Logistic(H)
    asked, ar = questioned(held, ONES), Exact()
    witness = Arrays(as_kernel_arrays({"W": np.array([0.5, 0.0, 0.0, 0.25])}), "proof")
    dual = dual_point(ar, asked.at, Evidence({}, witness), "W")
    free, paid = (dual_value(ar, asked, dual, Fraction(c), Fraction(1, 2)) for c in (0, 8))
    assert free - paid == 1


def test_offsets_may_lower_a_fit_of_nonnegative_factors_below_zero():
    asked = questioned(KullbackLeibler(np.zeros((2, 2)) + 0.0), ONES)
    moved = replace(asked, offsets=(Intercept(Fraction(1)),))
    x = Point(asked.factors, (filled((1,), -8.0),))
    with pytest.raises(RejectedError, match="domain"):
        loss_value(Exact(), moved, x)
    assert loss_value(Exact(), asked, Point(asked.factors, ())).lo == 1


def test_the_whole_of_a_weight_is_rounded_down():
    rule = likelihoods.Logistic()
    for c in (3, 5, 7, 12345):
        for w in (0, c):
            assert rule.dual([w], Grains([1], 0), [c]) <= 0
