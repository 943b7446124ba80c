"""One question asked in several ways has one answer.

Scaling by powers of two, transposing, permuting, padding and storing change no number of
the problem by rounding, so upper bounds of given candidates are compared with ==.  Lower
bounds come from a search in floats: each must hold for the other's question, and where the
polar is closed both reach the optimum within epsilon.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from certify import Problem, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import OFFSETS, ColumnIntercept, Linear, ModeIntercept, RowIntercept
from tests.strategies import PAIRS, arrays, dyadics, examples, questions
from tests.tolerance import exact_objective, rounding

RTOL = 1e-6
CLOSED = tuple(p for p in PAIRS if p == ("l2", "l2") or any(k[:2] == "l1" for k in p))
FREE = tuple(p for p in CLOSED if "+" not in "".join(p))
# the transformations below move no graph and no price of a part: test_parts.py has those
PLAIN = {k: o for k, o in OFFSETS.items() if k not in ("sparse", "smooth")}
KINDS = [None, *PLAIN.values()]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["none", *PLAIN])
each_pair = pytest.mark.parametrize("pair", PAIRS, ids="x".join)

STOPPED = 1e-3  # of the upper bound: where an ascent without a closed polar stops, rounding decides


def answer(question, **form):
    """Return check() of a question."""
    parts, named = question.asked(**form)
    return check(*parts, **named)


def agree(one, other, pair, scale=1.0):
    """Assert one verdict, one upper bound, and lower bounds of one optimum."""
    assert one.upper * scale == other.upper
    assert one.lower * scale <= other.upper
    assert other.lower <= one.upper * scale
    if pair in CLOSED:
        assert one.verdict is other.verdict
        assert abs(one.lower * scale - other.lower) <= 2 * RTOL * other.upper
    else:
        assert (one.verdict is Verdict.CERTIFIED) == (other.verdict is Verdict.CERTIFIED)


@pytest.mark.thorough
@each_kind
@settings(max_examples=examples(10))
@given(data=st.data(), k=st.integers(-20, 20))
def test_scaling_data_and_lam_scales_the_bracket(kind, data, k):
    asked = data.draw(questions(offset=kind))
    a, root = 4.0**k, 2.0**k
    q = None if asked.q is None else tuple(a * x for x in asked.q)
    other = asked.but(Y=a * asked.Y, lam=a * asked.lam, U=root * asked.U, V=root * asked.V, q=q)
    one, two = answer(asked), answer(other)
    agree(one, two, asked.pair, scale=a * a)
    assert one.verdict is two.verdict
    slack = RTOL if asked.pair in CLOSED else STOPPED
    assert abs(a * a * one.lower - two.lower) <= slack * two.upper


@pytest.mark.sampled(1000)
@each_kind
@settings(max_examples=examples(10))
@given(data=st.data(), b=st.integers(-20, 20))
def test_scaling_weights_lam_and_ridge_scales_the_bracket(kind, data, b):
    asked = data.draw(questions(CLOSED, offset=kind))
    c = 4.0**b
    weights = np.ones(asked.Y.shape) if asked.weights is None else asked.weights
    held = tuple(priced(o, c * o.ridge) for o in asked.offsets)
    other = asked.but(weights=c * weights, lam=c * asked.lam, offsets=held)
    agree(answer(asked), answer(other), asked.pair, scale=c)


def priced(o, ridge):
    """Return the offset with another ridge."""
    if isinstance(o, Linear):
        return Linear(o.A, ridge)
    return ModeIntercept(o.axis, ridge) if isinstance(o, ModeIntercept) else type(o)(ridge=ridge)


TURNED = {RowIntercept: ColumnIntercept, ColumnIntercept: RowIntercept}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [None, *TURNED], ids=["none", "row", "column"])
@given(data=st.data())
def test_transposing_swaps_the_norms_and_nothing_else(kind, data):
    asked = data.draw(questions(offset=kind))
    turn = {
        k: None if x is None else x.T for k, x in (("weights", asked.weights), ("mask", asked.mask))
    }
    other = asked.but(
        Y=asked.Y.T,
        U=asked.V,
        V=asked.U,
        pair=asked.pair[::-1],
        offsets=tuple(TURNED[type(o)](ridge=o.ridge) for o in asked.offsets),
        **turn,
    )
    agree(answer(asked), answer(other), asked.pair)


@pytest.mark.thorough
@each_kind
@settings(max_examples=examples(10))
@given(data=st.data())
def test_permuting_rows_columns_and_slices_changes_nothing(kind, data):
    asked = data.draw(questions(offset=kind))
    m, n = asked.Y.shape
    rows, cols, slices = (
        np.array(data.draw(st.permutations(range(d))), dtype=int) for d in (m, n, asked.U.shape[1])
    )
    both = np.ix_(rows, cols)
    other = asked.but(
        Y=asked.Y[both],
        U=asked.U[rows][:, slices],
        V=asked.V[cols][:, slices],
        weights=None if asked.weights is None else asked.weights[both],
        mask=None if asked.mask is None else asked.mask[both],
        offsets=tuple(
            Linear(o.A[rows], o.ridge) if isinstance(o, Linear) else o for o in asked.offsets
        ),
        q=moved(asked, rows, cols),
    )
    agree(answer(asked), answer(other), asked.pair)


def moved(asked, rows, cols):
    """Return the offset values after a permutation."""
    if asked.q is None:
        return None
    (o,), (x,) = asked.offsets, asked.q
    if isinstance(o, ModeIntercept):
        return (x[cols] if o.axis else x[rows],)
    return (
        {"row": lambda: x[rows], "column": lambda: x[cols], "linear": lambda: x[:, cols]}.get(
            o.name, lambda: x
        )(),
    )


@pytest.mark.thorough
@pytest.mark.parametrize("observed", [True, False], ids=["zeros", "unseen"])
@given(data=st.data(), width=st.integers(1, 2))
def test_padding_with_zero_or_unseen_columns_changes_nothing(observed, data, width):
    asked = data.draw(questions())
    wide = ((0, 0), (0, width))
    other = asked.but(
        Y=np.pad(asked.Y, wide),
        V=np.pad(asked.V, ((0, width), (0, 0))),
        weights=None if asked.weights is None else np.pad(asked.weights, wide, constant_values=1),
        mask=np.pad(asked.seen, wide, constant_values=observed),
    )
    agree(answer(asked), answer(other), asked.pair)


@pytest.mark.thorough
@given(data=st.data())
def test_appending_zero_slices_keeps_the_bracket(data):
    asked = data.draw(questions(CLOSED))
    wide = ((0, 0), (0, 2))
    one, other = answer(asked), answer(asked.but(U=np.pad(asked.U, wide), V=np.pad(asked.V, wide)))
    assert (one.upper, one.verdict is Verdict.CERTIFIED) == (
        other.upper,
        other.verdict is Verdict.CERTIFIED,
    )
    assert abs(one.lower - other.lower) <= 2 * RTOL * one.upper


@pytest.mark.thorough
@pytest.mark.parametrize("pair", FREE, ids="x".join)
@settings(max_examples=examples(10))
@given(data=st.data())
def test_turning_data_and_one_factor_around_changes_nothing(pair, data):
    asked = data.draw(questions([pair]))
    agree(answer(asked), answer(asked.but(Y=-asked.Y, U=-asked.U)), pair)


@pytest.mark.thorough
@each_kind
@settings(max_examples=examples(10))
@given(data=st.data())
def test_dense_masked_weighted_and_stored_data_are_one_question(kind, data):
    asked = data.draw(questions(offset=kind))
    one = answer(asked)
    hidden = asked.but(Y=np.where(asked.seen, asked.Y, np.nan))
    plain = np.ones(asked.Y.shape) if asked.weights is None else asked.weights
    ways = [
        answer(asked, storage="sparse"),
        answer(hidden.but(mask=asked.seen)),
        answer(asked.but(weights=np.where(asked.seen, plain, 0.0), mask=None)),
    ]
    for other in ways:
        agree(one, other, asked.pair)


@pytest.mark.thorough
@given(data=st.data())
def test_both_forms_share_one_optimum_and_the_verdict_of_balanced_factors(data):
    asked = data.draw(questions(CLOSED)).but(form="product")
    total = asked.but(form="sum")
    one, other = answer(asked), answer(total)
    assert one.lower <= other.upper
    assert other.lower <= one.upper <= other.upper
    assert abs(one.lower - other.lower) <= 2 * RTOL * one.upper
    problem, factors = asked.asked()[0]
    even = balanced(problem.atom, improve(problem, factors).factors)
    results = [check(q.problem(), even) for q in (asked, total)]
    assume(results[0].upper > 0)  # at 0 a relative epsilon leaves no room for rounding
    assert [r.verdict for r in results] == [Verdict.CERTIFIED] * 2
    assert 0 <= results[1].upper - results[0].upper <= rounding(results[0].upper, flops=64)


def balanced(atom, factors):
    """Return the slices with a product, both norms of each equal but for rounding."""
    a, b = (g.value(x) for g, x in zip(atom.gauges, factors, strict=True))
    alive = a * b > 0
    ratio = np.sqrt(b[alive] / a[alive])
    return factors[0][:, alive] * ratio, factors[1][:, alive] / ratio


@pytest.mark.thorough
@each_pair
@settings(max_examples=examples(8))
@given(data=st.data())
def test_no_certificate_excludes_a_point_that_exists(pair, data):
    kind = data.draw(st.sampled_from(KINDS))
    asked = data.draw(questions([pair], offset=kind))
    one = answer(asked)
    parts, named = asked.asked()
    r = asked.U.shape[1]
    starts = [parts[1], (asked.U[:, :0], asked.V[:, :0])]
    starts.append(tuple(np.ones((len(x), r + 1)) for x in parts[1]))
    for k, start in enumerate(starts):
        found = improve(parts[0], start, seed=k)
        high = exact_objective(parts[0], found.factors, found.q)[1]
        assert one.lower <= high
        assert one.lower <= found.objective
    if named["q"] is not None:
        low = exact_objective(parts[0], parts[1], named["q"])[0]
        assert low <= one.upper


@pytest.mark.thorough
@each_kind
@settings(max_examples=examples(10))
@given(data=st.data())
def test_every_certificate_is_accepted_again(kind, data):
    asked = data.draw(questions(offset=kind))
    (problem, factors), named = asked.asked()
    one = check(problem, factors, **named)
    again = verify(one.certificate, problem, factors, **named)
    assert (again.verdict, again.lower, again.upper) == (one.verdict, one.lower, one.upper)


@pytest.mark.thorough
@given(data=st.data())
def test_a_larger_epsilon_certifies_no_less(data):
    asked = data.draw(questions(CLOSED))
    (problem, factors), named = asked.asked()
    tight = check(problem, factors, rtol=1e-9)
    loose = check(problem, factors, rtol=0.5)
    assert tight.verdict is not Verdict.CERTIFIED or loose.verdict is Verdict.CERTIFIED
    certified = loose.verdict is Verdict.CERTIFIED
    assert certified == (loose.upper - loose.lower <= 0.5 * loose.upper)
    assert named == {"q": None}


@pytest.mark.thorough
@given(Y=arrays((3, 2)), lam=dyadics(1))
def test_means_that_are_zero_change_nothing(Y, lam):
    loss, none = Squared(np.vstack([Y, -Y])), (np.zeros((6, 1)), np.zeros((2, 1)))
    plain, means = (Problem(loss, RankOne("l2", "l2"), lam, o) for o in ((), ColumnIntercept()))
    agree(check(plain, none), check(means, none), ("l2", "l2"))
