"""improve(): never worse, the same for a seed, any legal start, a certificate at the end."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import problems
from certify import OutOfScopeError, Problem, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.losses import KullbackLeibler, Squared
from certify.offsets import OFFSETS, Sparse
from certify.pipeline.improve import keep_decreases, visible_steps
from certify.search.candidate import Candidate
from tests.strategies import PAIRS, examples, questions
from tests.tolerance import exact_objective

CLOSED = tuple(p for p in PAIRS if p == ("l2", "l2") or any(k[:2] == "l1" for k in p))
CASES = {f"{n}/{k}": i for n in problems.names() for k, i in problems.load(n).items()}
WORSE = (Verdict.REFUTED, Verdict.RANK_LIMITED)
BAD = {k: i for k, i in CASES.items() if i.verdict in WORSE and i.problem.l1 is None}
KINDS = [None, *OFFSETS.values()]
UNPROVED = {i.why for i in CASES.values() if i.verdict is Verdict.UNDECIDED}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["none", *OFFSETS])
Y = np.array([[3.0, 1.0, 0.5], [1.0, -2.0, 1.0], [0.0, 1.0, 4.0], [2.0, 2.0, -1.0]])


def proved(problem, found):
    """Assert that the ending is what it says: history, objective and certificate."""
    values = [value for _, value in found.history]
    assert values == sorted(values, reverse=True)
    assert found.history[0][0] == "start"
    assert values[-1] == found.objective
    low, high = exact_objective(problem, found.factors, found.q)
    assert low <= Fraction(found.objective)
    assert Fraction(np.nextafter(found.objective, -np.inf)) <= high
    assert problem.accept(found.factors)
    q = found.q if problem.offsets else None
    again = verify(found.result.certificate, problem, found.factors, q=q)
    assert again.verdict is found.result.verdict
    assert found.result.upper == found.objective


@pytest.mark.sampled(1000)
@each_kind
@given(data=st.data())
def test_the_objective_never_rises_and_ends_with_a_certificate(kind, data):
    asked = data.draw(questions(offset=kind))
    (problem, factors), named = asked.asked()
    found = improve(problem, factors, **named)
    q = problem.best_offsets(factors) if named["q"] is None else named["q"]
    assert found.history[0][1] >= exact_objective(problem, factors, q)[0]
    proved(problem, found)


@pytest.mark.sampled(18)
@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_every_bad_candidate_of_the_zoo_reaches_the_optimum(case):
    found = improve(case.problem, case.factors, q=case.q)
    proved(case.problem, found)
    assert found.objective <= case.optimum * (1 + 1e-6)
    hard = case.why in UNPROVED and found.result.verdict is Verdict.UNDECIDED
    assert hard or found.result.verdict is Verdict.CERTIFIED


@pytest.mark.sampled(5)
@pytest.mark.parametrize("pair", CLOSED, ids="x".join)
@settings(max_examples=examples(20))
@given(data=st.data())
def test_where_the_polar_is_closed_it_ends_at_the_optimum(pair, data):
    asked = data.draw(questions([pair]))
    (problem, factors), _ = asked.asked()
    found = improve(problem, factors)
    assert found.result.verdict is Verdict.CERTIFIED or found.objective <= 2.0**-80
    assert found.objective - found.result.lower <= max(1e-6 * found.objective, 2.0**-80)


def one_of_each():
    """Return awkward starts: factors of a 4 x 3 problem."""
    rng = np.random.default_rng(5)
    U, V = np.abs(rng.standard_normal((4, 2))), np.abs(rng.standard_normal((3, 2)))
    zero = (np.zeros((4, 1)), np.zeros((3, 1)))
    return {
        "no slices": (U[:, :0], V[:, :0]),
        "one slice": (U[:, :1], V[:, :1]),
        "zero slice": join((U, V), zero),
        "half zero slice": join((U, V), (zero[0], V[:, :1])),
        "all zero": join(zero, zero),
        "duplicated": join((U, V), (U, V)),
        "dependent": join((U, V), (U[:, :1], V[:, 1:]), (U[:, :1], V[:, :1] + V[:, 1:])),
        "cancelled scale": (U * 2.0**40, V * 2.0**-40),
        "wrongly scaled": (U * [1e6, 1e-6], V * [1e3, 1e3]),
        "tiny": (U * 1e-200, V * 1e-120),
        "many": join(*[(U * k, V / k) for k in range(1, 6)]),
    }


def join(*parts):
    """Put slices side by side."""
    return tuple(np.hstack([p[k] for p in parts]) for k in (0, 1))


STARTS = one_of_each()


def test_steps_that_lower_the_objective_visibly_are_told_and_the_last_of_the_others():
    """Half of what is left above the end at 0: at most 50 after 100, 24 after 48, and so on."""
    values = [100.0, 60.0, 48.0, 30.0, 26.0, 20.0, 8.0, 6.0, 0.5, 0.4375, 0.375, 0.0]
    steps = [(str(v), Candidate((), (), v)) for v in values]

    def told(steps):
        """Return the values of the visible steps, and of the others at the end."""
        return [[s.value for _, s in part] for part in visible_steps(steps)]

    assert told(steps) == [[48.0, 20.0, 8.0, 0.5], [0.4375, 0.375, 0.0]]
    assert told(steps[:-1]) == [[48.0, 20.0, 8.0, 0.5, 0.4375], [0.375]]
    assert told(steps[:8]) == [[48.0, 26.0, 8.0], [6.0]]
    assert told(steps[:3]) == [[60.0], [48.0]]
    assert told(steps[:1]) == [[], []]
    endless = [("start", Candidate((), (), np.inf)), *steps]
    assert told(endless) == [[100.0, 48.0, 20.0, 8.0, 0.5], [0.4375, 0.375, 0.0]]


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("pair", PAIRS, ids="x".join)
def test_any_legal_start_is_taken(pair, start):
    problem = Problem(Squared(Y), RankOne(*pair), 1.0)
    found = improve(problem, start)
    proved(problem, found)
    if pair in CLOSED:
        assert found.result.verdict is Verdict.CERTIFIED


@pytest.mark.sampled(5)
@pytest.mark.parametrize("pair", PAIRS, ids="x".join)
def test_a_seed_decides_the_answer(pair):
    problem = Problem(Squared(Y), RankOne(*pair), 0.5)
    start = STARTS["one slice"]
    one, two = (improve(problem, start, seed=7) for _ in range(2))
    assert one.history == two.history
    assert all(map(np.array_equal, one.factors, two.factors))
    assert one.result.certificate.claim == two.result.certificate.claim
    assert (one.result.lower, one.result.upper) == (two.result.lower, two.result.upper)


def test_a_step_that_is_not_proved_lower_is_left_out():
    problem, (U, V) = Problem(Squared(Y), RankOne(), 0.5), STARTS["one slice"]
    lower, higher = improve(problem, (U, V)), (4.0 * U, 4.0 * V)
    steps = [
        ("a rise that floats hide", Candidate(higher, (), -1.0)),
        ("a fall", Candidate(lower.factors, (), np.inf)),
        ("a rise at the end", Candidate((U, V), (), -2.0)),
    ]
    kept = keep_decreases(problem, (U, V), (), steps)
    assert [name for name, *_ in kept] == ["start", "a fall"]
    assert kept[-1][2] == lower.objective


def test_of_the_last_steps_the_last_one_that_is_proved_lower_is_kept():
    """A product is 0 where the data are not: there the loss is infinite."""
    problem = Problem(KullbackLeibler(np.ones((2, 2))), RankOne("l2+", "l2+"), 0.5)
    at = {t: (np.full((2, 1), t), np.ones((2, 1))) for t in (0.0, 0.1, 0.3, 0.5, 0.6)}
    last = [(str(t), Candidate(x, (), 0.0)) for t, x in at.items()]

    def kept(start, visible, ending):
        """Return the names of the points that are kept."""
        return [name for name, *_ in keep_decreases(problem, at[start], (), visible, ending)]

    outside, *rising = last  # at .6 the objective is least
    assert kept(0.1, rising[1:2], rising[2:]) == ["start", "0.3", "0.6"]
    assert kept(0.1, rising[1:2], [*rising[2:], outside]) == ["start", "0.3", "0.6"]
    assert kept(0.1, rising[1:2], [rising[2], rising[0], outside]) == ["start", "0.3", "0.5"]
    assert kept(0.1, [], [rising[3], rising[2]]) == ["start", "0.5"]
    assert kept(0.1, [outside, *rising[1:3]], [rising[0], outside]) == ["start", "0.3", "0.5"]


def test_the_arrays_of_the_caller_are_not_touched():
    factors = tuple(x.copy() for x in STARTS["duplicated"])
    held = tuple(x.copy() for x in factors)
    improve(Problem(Squared(Y), RankOne(), 0.5), factors)
    assert all(map(np.array_equal, factors, held))


@pytest.mark.thorough
def test_progress_is_told_and_no_budget_still_ends_with_a_bracket():
    told = []
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.5)
    found = improve(problem, STARTS["one slice"], progress=lambda *said: told.append(said))
    assert all(isinstance(stage, str) and np.isfinite(value) for stage, value in told)
    assert told
    short = improve(problem, STARTS["one slice"], budget=0.0)
    proved(problem, short)
    assert short.result.lower <= found.objective


def test_at_a_fixed_rank_it_ends_at_the_truncated_decomposition():
    problem = Problem(Squared(Y), RankOne(), 0.0)
    for r in range(4):
        found = improve(problem, (np.ones((4, r)), np.ones((3, r))))
        proved(problem, found)
        assert found.factors[0].shape[1] <= r
        assert found.result.verdict is Verdict.CERTIFIED or r == 3  # at 3 the optimum is 0


def test_what_the_theory_does_not_cover_is_refused_with_the_cure():
    beside = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.0, [Sparse(1.0)])
    with pytest.raises(OutOfScopeError, match="lam > 0"):
        improve(beside, STARTS["one slice"])
    assert check(beside, STARTS["one slice"]).verdict is Verdict.OUT_OF_SCOPE
