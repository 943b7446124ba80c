"""What check() says when the kernel knows no rule, or the theory no theorem."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse

from certify import OutOfScopeError, Problem, Verdict, check, improve
from certify.atoms import Atom, RankOne
from certify.losses import Loss, Squared
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept
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
    """The same atom in the kernel's words."""

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


@pytest.mark.parametrize("offset", [Intercept(), RowIntercept(0.5), ColumnIntercept()])
def test_offsets_leave_an_unknown_atom_undecided_above_zero(offset):
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


FLOATS_GAP = "by_floats reads this as optimal"


@pytest.mark.xfail(strict=True, reason=FLOATS_GAP)
@pytest.mark.parametrize("times", [np.nan, 0.0, -1.0, 0.125])
@pytest.mark.parametrize("factors", [NONE, FIRST])
def test_a_polar_below_what_its_witness_earns_is_not_believed(times, factors):
    result = check(entrywise(times=times), factors)
    assert result.verdict is Verdict.UNDECIDED
    assert result.lower <= 4.5


@pytest.mark.xfail(strict=True, reason=FLOATS_GAP)
def test_an_objective_that_underflows_is_not_called_optimal():
    tiny = 2.0**-600  # f = 5 * 2^-1200 is 0 in float64
    problem = entrywise(tiny, Squared(Y * tiny))
    result = check(problem, (FIRST[0] * 2.0**-300, FIRST[1] * 2.0**-300))
    assert result.verdict is Verdict.UNDECIDED


def test_improve_says_which_atom_it_does_not_know():
    with pytest.raises(OutOfScopeError, match="RankOne with Squared, not Entrywise"):
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


@pytest.mark.xfail(strict=True, reason="by_floats names the atom, which the kernel knows")
def test_the_reason_names_an_unknown_loss():
    problem = Problem(Huber(Y), RankOne("l1", "l1"), 0.5)
    assert "no rule for Huber" in check(problem, NONE).reason


@pytest.mark.xfail(strict=True, raises=TypeError, reason="the search wants RankOne")
def test_an_atom_in_the_kernels_words_is_certified():
    problem = Problem(Squared(Y), Stated(), 1.0)
    assert check(problem, BEST).verdict is Verdict.CERTIFIED
    assert check(problem, FIRST).verdict is not Verdict.CERTIFIED


# --- lam = 0 ------------------------------------------------------------------------------

FULL = np.array([[0.0, 1, 4], [3, 2, 5], [8, 7, 1], [9, 1, 6]])
LINE = (np.ones((4, 1)), np.ones((3, 1)))
UNCOVERED = {
    "custom atom": (Problem(Squared(FULL), Entrywise(), 0), "RankOne with Squared only"),
    "custom loss": (Problem(Huber(FULL), RankOne(), 0), "RankOne with Squared only"),
    "left sign": (Problem(Squared(FULL), RankOne("l2+", "l2"), 0), "nonnegative factors"),
    "right sign": (Problem(Squared(FULL), RankOne("l1", "l1+"), 0), "nonnegative factors"),
    "masked": (Problem(Squared(FULL, mask=FULL > 0), RankOne(), 0), "missing entries"),
    "stored": (Problem(Squared(sparse.csr_array(FULL)), RankOne(), 0), "missing entries"),
    "weighted": (Problem(Squared(FULL, weights=FULL + 1), RankOne(), 0), "weights"),
    "zero weights": (Problem(Squared(FULL, weights=FULL), RankOne(), 0), "missing entries"),
    "intercept": (Problem(Squared(FULL), RankOne(), 0, Intercept()), "not intercept"),
    "covariates": (Problem(Squared(FULL), RankOne(), 0, Linear(FULL)), "not linear"),
    "row ridge": (Problem(Squared(FULL), RankOne(), 0, RowIntercept(0.5)), "row with ridge 0.5"),
    "column ridge": (
        Problem(Squared(FULL), RankOne(), 0, [RowIntercept(), ColumnIntercept(2.0)]),
        "column with ridge 2.0",
    ),
}


@pytest.mark.parametrize(("problem", "cause"), UNCOVERED.values(), ids=UNCOVERED)
def test_what_lam_zero_does_not_cover_is_out_of_scope_with_the_cure(problem, cause):
    result = check(problem, LINE)
    assert result.verdict is Verdict.OUT_OF_SCOPE
    assert cause in result.reason
    assert "give lam > 0" in result.reason
    assert (result.certificate, result.better, result.tier) == (None, None, "floats")
    assert result.lower == 0.0
    assert result.upper == problem.objective(LINE, result.q)


@pytest.mark.parametrize(("problem", "cause"), UNCOVERED.values(), ids=UNCOVERED)
def test_improve_refuses_what_lam_zero_does_not_cover(problem, cause):
    with pytest.raises(OutOfScopeError, match=cause) as error:
        improve(problem, LINE)
    assert "give lam > 0" in str(error.value)


COVERED = {
    "plain": Problem(Squared(FULL), RankOne(), 0),
    "l1": Problem(Squared(FULL), RankOne("l1", "l2"), 0),
    "full mask": Problem(Squared(FULL, mask=FULL >= 0), RankOne(), 0),
    "all stored": Problem(Squared(sparse.csr_array(FULL + 1)), RankOne(), 0),
    "row": Problem(Squared(FULL), RankOne(), 0, RowIntercept()),
    "column": Problem(Squared(FULL), RankOne(), 0, ColumnIntercept()),
    "both": Problem(Squared(FULL), RankOne(), 0, [ColumnIntercept(), RowIntercept()]),
}


@pytest.mark.parametrize("name", COVERED)
def test_what_lam_zero_covers_is_decided(name):
    problem = COVERED[name]
    assert check(problem, LINE).verdict in (Verdict.REFUTED, Verdict.CERTIFIED)
    best = improve(problem, LINE)
    assert best.result.verdict is Verdict.CERTIFIED
    assert "no factors of rank at most 1" in best.result.reason


# --- verdicts, exit codes and reasons -----------------------------------------------------


def test_only_certified_exits_with_zero():
    codes = {v.name: v.exit_code for v in Verdict}
    assert codes == {
        "CERTIFIED": 0,
        "REFUTED": 10,
        "NUMERICAL": 11,
        "UNDECIDED": 12,
        "OUT_OF_SCOPE": 13,
        "RANK_LIMITED": 14,
    }


def test_only_proved_verdicts_say_proved():
    proved = {v for v in Verdict if v.value.startswith("proved: ")}
    assert set(Verdict) - proved == {Verdict.NUMERICAL, Verdict.OUT_OF_SCOPE}


DENOISE = Problem(Squared(np.diag([4.0, 2.0])), RankOne(), 1.0)
SHORT = (np.array([[3.0], [0.0]]), np.array([[1.0], [0.0]]))
REASONS = {
    "certified": (DENOISE, (np.eye(2), np.diag([3.0, 1.0])), "no factors of any size are better"),
    "refuted": (DENOISE, (np.eye(2), np.diag([4.0, 2.0])), "factors with 2 slices (yours has 2)"),
    "rank limited": (DENOISE, SHORT, "factors with 2 slices are proved better than these 1"),
    "rank limited at zero": (DENOISE, NONE, "factors with 2 slices are proved better than these 0"),
}


@pytest.mark.parametrize(("problem", "factors", "said"), REASONS.values(), ids=REASONS)
def test_a_reason_says_what_was_proved(problem, factors, said):
    result = check(problem, factors)
    assert result.reason.startswith(said)
    assert result.better is None or f"{result.better[0].shape[1]} slices" in result.reason
    assert "offsets" not in result.reason


@pytest.mark.parametrize(("problem", "factors", "said"), REASONS.values(), ids=REASONS)
def test_a_reason_says_when_offsets_were_found(problem, factors, said):
    centred = replace(problem, offsets=[ColumnIntercept(1e9)])
    found = check(centred, factors).reason
    assert found.startswith(said)
    assert found.endswith("; the best offsets for these factors were found")
    given = check(centred, factors, q=[np.zeros(2)]).reason
    assert given.startswith(said)
    assert "offsets" not in given


H = np.array([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2


def test_an_undecided_reason_names_the_loose_bound():
    problem = Problem(Squared((H * [4.0, 2, 2, 1]) @ H), RankOne(), 2.0)
    result = check(problem, (2 * H[:, :1], H[:, :1]), rtol=0.0)  # a root is rounded: 1e-14
    assert result.verdict is Verdict.UNDECIDED
    assert result.lower < 10.5 == result.upper
    assert result.reason.startswith("the lower bound is loose: the dual point is not optimal")
