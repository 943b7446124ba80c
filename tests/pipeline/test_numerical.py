"""What check() says of an atom or a loss for which the kernel knows no rule."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse

from certify import (
    InputError,
    OutOfScopeError,
    Problem,
    RejectedError,
    Verdict,
    check,
    improve,
    verify,
)
from certify.atoms import Atom, RankOne
from certify.losses import LOSSES, Loss, Squared
from certify.offsets import ColumnIntercept, Intercept, RowIntercept, Sparse
from certify.pipeline.certificate import coverage
from certify.polar import Proposal

Y = np.array([[3.0, 1.0], [0.0, -2.0]])
BEST = (np.eye(2), np.array([[2.0, 0.0], [0.0, -1.0]]))  # entries lowered by lam = 1
NONE = (np.zeros((2, 0)), np.zeros((2, 0)))
FIRST = tuple(x[:, :1] for x in BEST)  # leaves -2 unfitted: 5 against the optimum 4.5


@dataclass(frozen=True)
class Entrywise(Atom):
    """phi(u, v) = u v^T, theta(u, v) = |u|_1 |v|_1: Omega* is the largest |entry|.

    times   what the proposed polar is multiplied by: 1 is the truth
    """

    times: float = 1.0
    degree = 2
    kind = "entrywise"

    def shapes(self, data_shape):
        return (data_shape[0],), (data_shape[1],)

    def phi(self, x):
        return np.outer(*x)

    def theta(self, factors):
        return np.abs(factors[0]).sum(axis=0) * np.abs(factors[1]).sum(axis=0)

    def propose(self, W, target, seed, deadline):
        del target, seed, deadline
        return Proposal(self.times * float(abs(W).max()))

    def attain(self, W, seed):
        del seed
        held = W.toarray() if sparse.issparse(W) else W
        i, j = np.unravel_index(np.abs(held).argmax(), held.shape)
        slice_ = np.eye(held.shape[0])[i], np.sign(held[i, j]) * np.eye(held.shape[1])[j]
        return float(abs(held[i, j])), slice_


@dataclass(frozen=True)
class Stated(Entrywise):
    """The same atom in the kernel's words, with the rule that proves its polar."""

    def propose(self, W, target, seed, deadline):
        return Proposal(super().propose(W, target, seed, deadline).upper, {"rule": "lines"})

    def statement(self):
        return {"kind": "rank_one", "left": "l1", "right": "l1", "form": "product"}


class Huber(Loss):
    """l(z) = z^2 / 2 for |z| <= 1, |z| - 1/2 beyond, z the residual; |W| <= 1."""

    name = "huber"

    def __init__(self, data):
        self.data = data
        self.observed = Squared(data).observed

    def value(self, Z):
        size = np.abs(Z - self.data)
        return float(np.where(size <= 1, size**2 / 2, size - 0.5).sum())

    def gradient(self, Z):
        return np.clip(Z - self.data, -1.0, 1.0)

    def dual_value(self, W):
        return float((W * self.data - W**2 / 2).sum()) if np.abs(W).max() <= 1 else -np.inf

    def arrays(self):
        return {"Y": self.data.reshape(-1)}


def entrywise(lam=1.0, loss=None, times=1.0, offsets=()):
    return Problem(loss or Squared(Y), Entrywise(times), lam, offsets)


# --- an atom without a kernel rule --------------------------------------------------------


def test_an_optimum_of_an_unknown_atom_is_numerical():
    result = check(entrywise(), BEST)
    assert result.verdict is Verdict.NUMERICAL
    assert result.lower == result.upper == 4.5
    assert (result.tier, result.certificate, result.better) == ("floats", None, None)
    assert (result.q, result.steps, result.stationarity) == ((), (), 0.0)


def test_anything_else_of_an_unknown_atom_is_undecided_with_a_bracket():
    result = check(entrywise(), FIRST)
    assert result.verdict is Verdict.UNDECIDED
    assert (result.lower, result.upper) == (3.25, 5.0)  # d(W / 2) and 3 + 2, optimum 4.5
    assert (result.tier, result.certificate, result.better) == ("floats", None, None)


def test_the_reason_names_the_atom_and_says_that_nothing_is_proved():
    for factors in (BEST, FIRST):
        reason = check(entrywise(), factors).reason
        assert "no rule for Entrywise" in reason
        assert "nothing is proved" in reason


def test_the_same_question_of_a_known_atom_is_certified():
    known = replace(entrywise(), atom=RankOne("l1", "l1"))
    assert check(known, BEST).verdict is Verdict.CERTIFIED
    assert check(known, FIRST).verdict is Verdict.RANK_LIMITED


@pytest.mark.parametrize("moved", [0.0, 2.0**-30, 2.0**-12, 2.0**-9, 2.0**-4, 1.0, -1.0, 2.0**200])
def test_an_unknown_atom_is_never_certified_and_numerical_within_epsilon_only(moved):
    U, V = BEST
    result = check(entrywise(), (U + moved, V))
    near = result.upper - result.lower <= 1e-6 * result.upper
    assert result.verdict is (Verdict.NUMERICAL if near else Verdict.UNDECIDED)
    assert result.lower <= 4.5 <= result.upper
    assert near == (abs(moved) <= 2.0**-30)


@pytest.mark.parametrize(("rtol", "atol"), [(0.5, 0.0), (0.0, 1.75), (0.35, 0.0)])
def test_epsilon_is_the_callers(rtol, atol):
    assert check(entrywise(), FIRST, rtol=rtol, atol=atol).verdict is Verdict.NUMERICAL
    small = {"rtol": rtol / 2, "atol": atol / 2}
    assert check(entrywise(), FIRST, **small).verdict is Verdict.UNDECIDED


def test_an_exact_optimum_is_numerical_at_epsilon_zero():
    assert check(entrywise(), BEST, rtol=0.0).verdict is Verdict.NUMERICAL


MASK = np.array([[True, True], [False, True]])
SEEN = {
    "masked": Squared(np.where(MASK, Y, np.nan), mask=MASK),
    "stored": Squared(sparse.csr_array(([3.0, 1.0, -2.0], np.nonzero(MASK)), shape=(2, 2))),
    "heavy": Squared(Y, weights=np.full((2, 2), 2.0)),
}


@pytest.mark.parametrize("name", SEEN)
def test_masks_weights_and_stored_entries_reach_an_unknown_atom(name):
    fits = {"heavy": (np.eye(2), np.array([[2.5, 0.0], [0.5, -1.5]]))}
    factors = fits.get(name, BEST)
    result = check(entrywise(loss=SEEN[name]), factors)
    assert result.verdict is Verdict.NUMERICAL
    known = check(Problem(SEEN[name], RankOne("l1", "l1"), 1.0), factors)
    assert (known.verdict, known.upper) == (Verdict.CERTIFIED, result.upper)
    worse = check(entrywise(loss=SEEN[name]), (factors[0], 2 * factors[1]))
    assert worse.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("offset", [RowIntercept(0.5), Sparse(0.75)])
def test_beside_a_penalized_offset_an_unknown_atom_has_the_bound_of_a_known_one(offset):
    known = Problem(Squared(Y), RankOne("l1", "l1"), 1.0, [offset])
    factors = improve(known, BEST).factors
    proved, found = check(known, factors), check(entrywise(offsets=[offset]), factors)
    assert found.verdict is Verdict.NUMERICAL
    assert found.lower == pytest.approx(proved.lower, rel=1e-6)
    far = check(entrywise(offsets=[offset]), BEST)
    assert 0 < far.lower <= proved.upper < far.upper


@pytest.mark.parametrize("rho", [0.25, 2.0**-7])
def test_the_dual_point_beside_any_outliers_is_as_small_as_they_cost(rho):
    """At q = 0 the residual is larger than rho in some entry."""
    known, own = (
        Problem(Squared(Y), atom, 1.0, [Sparse(rho)]) for atom in (RankOne("l1", "l1"), Entrywise())
    )
    none = [np.zeros(Y.shape)]
    assert np.abs(own.dual_point(BEST, none)).max() > rho
    found = check(own, BEST, q=none)
    assert 0 < found.lower <= improve(known, BEST).result.upper


@pytest.mark.parametrize("offset", [Intercept(), ColumnIntercept()])
def test_unpenalized_offsets_leave_an_unknown_atom_undecided_above_zero(offset):
    result = check(entrywise(offsets=[offset]), BEST)
    assert (result.verdict, result.lower) == (Verdict.UNDECIDED, 0.0)
    assert result.upper == entrywise(offsets=[offset]).objective(BEST, result.q) <= 4.5


def test_an_infinite_polar_bounds_nothing_above_zero():
    result = check(entrywise(times=np.inf), BEST)
    assert (result.verdict, result.lower, result.upper) == (Verdict.UNDECIDED, 0.0, 4.5)


def test_a_loose_polar_loosens_the_bracket():
    result = check(entrywise(times=2.0), BEST)
    assert result.verdict is Verdict.UNDECIDED
    assert result.lower < 4.5 == result.upper


@pytest.mark.parametrize("times", [np.nan, 0.0, -1.0, 0.125])
@pytest.mark.parametrize("factors", [NONE, FIRST])
def test_a_polar_below_what_its_witness_earns_is_not_believed(times, factors):
    result = check(entrywise(times=times), factors)
    assert (result.verdict, result.lower) == (Verdict.UNDECIDED, -np.inf)
    assert "its polar is contradictory" in result.reason
    assert "contradictory" not in check(entrywise(), factors).reason


def test_an_objective_that_underflows_is_not_called_optimal():
    tiny = 2.0**-600  # f = 5 * 2^-1200 is 0 in float64
    problem = entrywise(tiny, Squared(Y * tiny))
    result = check(problem, (FIRST[0] * 2.0**-300, FIRST[1] * 2.0**-300))
    assert result.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("W", "said"),
    [
        ([[1.0, np.nan], [0.0, 1.0]], "W must be finite, got nan"),
        (np.zeros((0, 2)), "W must not be empty"),
        ([["a"]], "W must hold real float64"),
        (sparse.csr_array([[np.inf, 0.0]]), "W.data must be finite"),
    ],
)
def test_the_polar_of_an_atom_of_ones_own_refuses_what_is_no_array_of_numbers(W, said):
    for method in ("engine", "cvxpy"):
        with pytest.raises(InputError, match=said):
            Entrywise().polar(W, method=method)


def test_improve_says_which_atom_it_does_not_know():
    with pytest.raises(OutOfScopeError, match="no rule for Entrywise; check"):
        improve(entrywise(), FIRST)


# --- a loss without a kernel rule ---------------------------------------------------------


def test_an_unknown_loss_with_an_unknown_atom_is_judged_by_floats():
    problem = entrywise(0.5, Huber(Y))
    best = (np.eye(2), np.array([[2.5, 0.0], [0.5, -1.5]]))
    result = check(problem, best)  # entries lowered by 1/2: 3/8 + 4.5 / 2
    assert (result.verdict, result.lower, result.upper) == (Verdict.NUMERICAL, 2.625, 2.625)
    worse = check(problem, (best[0], 0 * best[1]))
    assert worse.verdict is Verdict.UNDECIDED
    assert worse.lower <= 2.625 < worse.upper == 4.5


def test_a_dual_point_outside_the_domain_bounds_nothing():
    class Outside(Huber):
        def gradient(self, Z):
            return 4 * super().gradient(Z)  # not this loss's gradient: W leaves |W| <= 1

    result = check(entrywise(8.0, Outside(Y)), NONE)
    assert (result.verdict, result.lower, result.upper) == (Verdict.UNDECIDED, -np.inf, 4.5)


def test_an_unknown_loss_with_a_known_atom_is_judged_by_floats():
    problem = Problem(Huber(Y), RankOne("l1", "l1"), 0.5)
    best = (np.eye(2), np.array([[2.5, 0.0], [0.5, -1.5]]))
    assert check(problem, best).verdict is Verdict.NUMERICAL
    assert check(problem, NONE).verdict is Verdict.UNDECIDED


def test_the_reason_names_an_unknown_loss():
    problem = Problem(Huber(Y), RankOne("l1", "l1"), 0.5)
    assert "no rule for Huber" in check(problem, NONE).reason


def test_an_unknown_loss_with_offsets_wants_their_values():
    problem = Problem(Huber(Y), RankOne("l1", "l1"), 0.5, [ColumnIntercept()])
    with pytest.raises(InputError, match=r"q must be given: .* not known for Huber"):
        check(problem, BEST)
    result = check(problem, BEST, q=[np.zeros(2)])
    assert result.verdict is Verdict.UNDECIDED
    assert result.upper == problem.objective(BEST, (np.zeros(2),))


@pytest.mark.parametrize(("lam", "offsets"), [(0.5, [ColumnIntercept()]), (0.0, [])])
def test_a_loss_below_zero_has_no_lower_bound_of_zero(lam, offsets):
    class Shifted(Huber):
        def value(self, Z):
            return super().value(Z) - 100.0

        def dual_value(self, W):
            return super().dual_value(W) - 100.0

    problem = Problem(Shifted(Y), RankOne("l1", "l1"), lam, offsets)
    result = check(problem, BEST, q=[np.zeros(2)] * len(offsets))
    assert result.upper < 0
    assert result.lower <= result.upper


# --- an atom that the kernel can state ----------------------------------------------------


def test_an_atom_in_the_kernels_words_is_certified():
    problem = Problem(Squared(Y), Stated(), 1.0)
    result = check(problem, BEST)
    assert result.verdict is Verdict.CERTIFIED
    assert verify(result.certificate, problem, BEST).verdict is Verdict.CERTIFIED
    known = Problem(Squared(Y), RankOne("l1", "l1"), 1.0)  # the same statement
    assert verify(result.certificate, known, BEST).verdict is Verdict.CERTIFIED


@pytest.mark.parametrize("times", [0.0, 0.5, 1.0, 2.0, np.inf])
def test_an_atom_in_the_kernels_words_cannot_talk_it_into_a_false_bound(times):
    problem = Problem(Squared(Y), Stated(times), 1.0)
    for factors in (FIRST, NONE, (BEST[0], -BEST[1])):
        result = check(problem, factors)
        assert result.verdict is not Verdict.CERTIFIED
        assert result.lower <= 4.5 < result.upper
    with pytest.raises(RejectedError) as error:
        verify(check(problem, FIRST).certificate, problem, BEST)
    assert error.value.code == "question"


@pytest.mark.parametrize("lie", ["theta", "phi", "words"])
def test_an_atom_that_computes_something_else_than_it_states_is_not_certified(lie):
    class Lying(Stated):
        def theta(self, factors):
            return super().theta(factors) * (0.5 if lie == "theta" else 1.0)

        def phi(self, x):
            return super().phi(x) * (2.0 if lie == "phi" else 1.0)

        def statement(self):
            return super().statement() | ({"left": "l9"} if lie == "words" else {})

    problem = Problem(Squared(Y), Lying(), 1.0)
    result = check(problem, BEST)
    assert result.verdict in (Verdict.UNDECIDED, Verdict.NUMERICAL)
    assert (result.certificate, result.tier) == (None, "floats")
    assert result.lower <= result.upper
    assert "no rule for Lying" in result.reason
    assert ("its polar is too small" in result.reason) is (lie == "theta")
    honest = check(Problem(Squared(Y), Stated(), 1.0), BEST)
    assert honest.verdict is Verdict.CERTIFIED
    with pytest.raises(OutOfScopeError, match="no rule for Lying"):
        verify(honest.certificate, problem, BEST)


@dataclass(frozen=True)
class Unsigned(Stated):
    """A free atom that states itself as nonnegative: an easier question than its own."""

    def statement(self):
        return {"kind": "rank_one", "left": "l1+", "right": "l1+", "form": "product"}


MISSTATED = {
    "signs": {"left": "l1+", "right": "l1+"},
    "one sign": {"right": "l1-"},
    "another norm": {"left": "l2"},
    "another form": {"form": "sum"},
    "no such norm": {"left": "l9"},
    "no norm": {"left": None},
    "another kind": {"kind": "symmetric"},
    "one field more": {"weights": "mine"},
}


@pytest.mark.parametrize("name", MISSTATED)
def test_an_atom_that_states_another_question_is_judged_by_floats(name, monkeypatch):
    said = Stated().statement() | MISSTATED[name]
    problem = Problem(Squared(Y), Stated(), 1.0)
    assert check(problem, BEST).verdict is Verdict.CERTIFIED
    monkeypatch.setattr(Stated, "statement", lambda _: said)
    result = check(problem, BEST)
    assert (result.verdict, result.certificate) == (Verdict.NUMERICAL, None)


def test_a_free_atom_is_not_certified_by_the_signs_it_states():
    positive = np.eye(2)[:, :1], np.array([[2.0], [0.0]])
    result = check(Problem(Squared(np.diag([3.0, -2.0])), Unsigned(), 1.0), positive)
    assert result.verdict is not Verdict.CERTIFIED


def test_a_loss_or_an_offset_without_a_row_in_the_kernel_is_judged_by_floats(monkeypatch):
    problem = Problem(LOSSES["huber"](np.eye(2), 1.0), RankOne(), 0.5, (ColumnIntercept(1.0),))
    assert coverage.missing_rules(problem) == []
    monkeypatch.delitem(coverage.KERNEL_LOSSES, "huber")
    assert coverage.missing_rules(problem) == ["Huber"]
    monkeypatch.setattr(coverage, "KERNEL_OFFSETS", ("row",))
    assert coverage.missing_rules(problem) == ["Huber", "ColumnIntercept"]
    assert check(problem, (np.eye(2), np.eye(2))).verdict in (Verdict.NUMERICAL, Verdict.UNDECIDED)
