"""False certificates that other programs have issued: none of them passes here.

Each has a twin: the honest version of the same claim, which does pass.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify import Problem, RejectedError, Verdict, check
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import verdict
from certify.kernel.arrays import Array
from certify.kernel.exact import Exact
from certify.losses import Squared
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept
from certify.pipeline.certificate.file import as_kernel_arrays, ask
from certify.polar import exact_text

TIERS = pytest.mark.parametrize("tier", [Exact, Flint, Rounded])
H = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2  # orthogonal
NONE = (np.zeros((4, 0)), np.zeros((4, 0)))


def rotated(*values):
    """Return H diag(values) H, exactly."""
    return (H * values) @ H


def factors(*values):
    """Return factors of H diag(values) H."""
    r = len(values)
    return H[:, :r] * values, H[:, :r]


def packed(L):
    return L[np.tril_indices(len(L))]


def prove(asked, tier, W, shift, L):
    """Let the kernel judge a dual point and a factorization of shift I - W^T W."""
    problem, candidate, rtol = asked
    question = ask(problem, candidate, None, rtol=rtol, atol=0.0)
    proof = {"polar": {"rule": "spectral", "axis": 1, "shift": exact_text(Fraction(shift))}}
    offsets = {
        f"q{k}": np.zeros(o.shape(problem.loss.observed)) for k, o in enumerate(problem.offsets)
    }
    witness = as_kernel_arrays({"W": W.reshape(-1), "L": packed(L), **offsets})
    return verdict.prove(question.statement, question.given, proof, witness, tier())


def believed(problem, W):
    """Return d(W), which a program that believes Omega*(W) <= lam takes for a lower bound."""
    Y = problem.loss.data
    pairs = zip(W.reshape(-1).tolist(), Y.reshape(-1).tolist(), strict=True)
    return sum(Fraction(w) * Fraction(y) - Fraction(w) ** 2 / 2 for w, y in pairs)


def shrunk(problem, *sigma):
    """Return min F for l2 x l2 from the singular values of Y, exactly."""
    lam = Fraction(problem.lam)
    parts = (min(s, lam) ** 2 / 2 + lam * max(s - lam, 0) for s in map(Fraction, sigma))
    return sum(parts, Fraction(0))


def gullible(outcome, asked, W):
    """Whether a program that believes Omega*(W) <= lam would certify."""
    return outcome.upper - believed(asked[0], W) <= Fraction(asked[2]) * outcome.upper


def refused(outcome, asked, optimum):
    """The bracket is true, and the candidate, which is not optimal, is not certified."""
    assert outcome.verdict == "UNDECIDED"
    assert outcome.lower <= optimum < outcome.upper
    assert outcome.upper - optimum > Fraction(asked[2]) * outcome.upper


def factor_of(shift, *sigma):
    """Return a factor of shift I - W^T W, W = rotated(sigma)."""
    return np.linalg.cholesky(rotated(*(shift - s * s for s in sigma)))


# --- a tolerance taken for zero ---------------------------------------------------------

NEARLY = {  # lam, sigma_2(W) / lam - 1, the eigenvalue that was called nonnegative
    "reported +5.4e-5, was -2.6e-3": (1.0, 341 / 2**18, -2.6e-3, 5.4e-5),
    "diag(1e-9, -1e-9) called psd": (2.0**-10, 137 / 2**18, -1e-9, 0.0),
}


@TIERS
@pytest.mark.parametrize("case", NEARLY)
def test_factor_of_a_shifted_matrix_does_not_certify(case, tier):
    lam, excess, least, reported = NEARLY[case]
    second = lam * (1 + excess)
    problem = Problem(Squared(rotated(3 * lam, second, 0, 0)), RankOne(), lam)
    asked = (problem, factors(2 * lam), 1e-9)
    W = rotated(lam, second, 0, 0)
    true_least = lam**2 - second**2
    assert true_least == pytest.approx(least, rel=0.01)
    # the factor of lam^2 I - W^T W after its spectrum was lifted to what was reported
    lifted = [max(lam**2 - s**2 - true_least + reported, 0) for s in (lam, second, 0, 0)]
    L = np.linalg.cholesky(rotated(*lifted) + 1e-30 * np.eye(4))
    outcome = prove(asked, tier, W, Fraction(lam) ** 2, L)
    assert gullible(outcome, asked, W)
    refused(outcome, asked, shrunk(problem, 3 * lam, second))


@TIERS
@pytest.mark.parametrize("case", NEARLY)
def test_factor_of_the_matrix_itself_certifies(case, tier):
    lam, excess, *_ = NEARLY[case]
    problem = Problem(Squared(rotated(3 * lam, lam * (1 + excess), 0, 0)), RankOne(), lam)
    W, shift = rotated(lam, lam, 0, 0), lam**2 * (1 + 2**-30)
    L = factor_of(shift, lam, lam, 0, 0)
    outcome = prove((problem, factors(2 * lam, lam * excess), 1e-8), tier, W, shift, L)
    assert outcome.verdict == "CERTIFIED"


@TIERS
def test_diag_1e_9_and_minus_1e_9_is_not_psd(tier):
    ar, small = tier(), 1e-9
    top = lambda values, shift, L: ar.top(  # noqa: E731  G <= top I
        ar.load(Array((2, 2), np.diag(values).reshape(-1).data)), Fraction(shift), L
    )
    for L in (np.diag([small**0.5, 0.0]), np.zeros((2, 2)), np.diag([small, small]) ** 0.5):
        factor = as_kernel_arrays({"L": packed(L)})["L"]
        assert top([-small, small], 0, factor) >= Fraction(small)
    L = as_kernel_arrays({"L": packed(np.diag([(small + 2**-50) ** 0.5, 2**-25]))})["L"]
    assert top([-small, 0.0], 2**-50, L) <= 2**-49  # the twin


@TIERS
def test_bound_of_666666662_on_two_thirds_does_not_certify(tier):
    c, lam, delta = 2 / 3, 0.666666662, 2.0**-13
    problem = Problem(Squared(4 * c * H), RankOne(), lam)
    asked = (problem, (H * (3 * c + delta), np.eye(4)), 1e-9)
    outcome = prove(asked, tier, c * H, Fraction(lam) ** 2, np.zeros((4, 4)))
    assert gullible(outcome, asked, c * H)
    refused(outcome, asked, shrunk(problem, *[4 * c] * 4))
    honest = (problem, (H * (3 * c), np.eye(4)), 1e-9)
    assert prove(honest, tier, lam * H, Fraction(lam) ** 2, np.zeros((4, 4))).verdict == "CERTIFIED"


def test_proved_polar_is_not_below_two_thirds():
    for scale in (2 / 3, 2 / 3 * 2.0**-60):
        bound = RankOne().polar(scale * H)
        assert bound.lower <= scale <= bound.upper <= scale * (1 + 1e-12)


# --- a dual point that is not feasible ------------------------------------------------

OFFSETS = {
    "overall": Intercept,
    "rows": RowIntercept,
    "columns": ColumnIntercept,
    "covariates": lambda ridge=0.0: Linear(np.array([[1.0], [2], [3], [4]]), ridge),
}


@TIERS
@pytest.mark.parametrize("name", OFFSETS)
@pytest.mark.parametrize("box", ["all of the data", "one bit"])
def test_dual_point_from_an_unbounded_box_bounds_nothing(name, box, tier):
    Y = rotated(0, 0, 0, 4)  # its rows, columns and all sum to 0
    problem = Problem(Squared(Y + 8), RankOne(), 4.0, (OFFSETS[name](),))
    W = Y + 8 if box == "all of the data" else np.array(Y if name != "covariates" else 0 * Y)
    W[0, 0] += 2.0**-50
    with pytest.raises(RejectedError) as error:
        prove((problem, NONE, 1e-6), tier, W, 4096, np.zeros((4, 4)))
    assert (error.value.where, error.value.code) == ("proof.W", "orthogonal")
    best = check(problem, NONE)
    assert check(problem, NONE, dual=W).lower <= best.upper
    if box == "all of the data":
        assert believed(problem, W) > best.upper


@TIERS
def test_dual_point_without_sums_certifies(tier):
    Y = rotated(0, 0, 0, 4)
    problem = Problem(Squared(Y), RankOne(), 4.0, (Intercept(), RowIntercept(), ColumnIntercept()))
    outcome = prove((problem, NONE, 1e-6), tier, Y, 16, np.zeros((4, 4)))
    assert outcome.verdict == "CERTIFIED"
    assert outcome.lower <= 8 <= outcome.upper


@TIERS
@pytest.mark.parametrize("name", OFFSETS)
def test_dual_point_with_sums_pays_the_ridge(name, tier):
    ridge = 0.5
    problem = Problem(Squared(np.full((4, 4), 2.0)), RankOne(), 8.0, (OFFSETS[name](ridge),))
    W = np.full((4, 4), 2.0)
    asked = (problem, NONE, 1e-6)  # q = 0, which is not the best offset
    outcome = prove(asked, tier, W, 64, np.zeros((4, 4)))
    assert gullible(outcome, asked, W)
    refused(outcome, asked, Fraction(check(problem, NONE).upper))


@TIERS
@pytest.mark.parametrize("outside", [1 + 2**-20, 1.5, 2.0, 2.0**40])
def test_infeasible_dual_point_gives_no_negative_gap(outside, tier):
    problem = Problem(Squared(rotated(4, 3, 2, 0)), RankOne(), 1.0)
    optimum = shrunk(problem, 4, 3, 2)
    short = (problem, factors(3, 2), 1e-7)
    W = rotated(1, 1, 1, 0)
    for shift in (Fraction(1), Fraction(outside) ** 2):  # a lie, and the truth
        outcome = prove(short, tier, outside * W, shift, np.zeros((4, 4)))
        refused(outcome, short, optimum)
    if outside <= 2:
        assert believed(problem, outside * W) > optimum
    shift = 1 + 2**-30
    L = factor_of(shift, 1, 1, 1, 0)
    honest = prove((problem, factors(3, 2, 1), 1e-7), tier, W, shift, L)
    assert honest.verdict == "CERTIFIED"
    assert honest.lower <= optimum <= honest.upper


# --- a solution that is not one --------------------------------------------------------


@TIERS
def test_zero_returned_as_solved_does_not_certify(tier):
    problem = Problem(Squared(rotated(4, 3, 0, 0)), RankOne(), 1.0)
    asked = (problem, NONE, 1e-6)
    outcome = prove(asked, tier, rotated(4, 3, 0, 0), 1, np.zeros((4, 4)))
    assert gullible(outcome, asked, rotated(4, 3, 0, 0))
    refused(outcome, asked, shrunk(problem, 4, 3))
    assert check(problem, NONE).verdict is Verdict.RANK_LIMITED
    assert check(problem, (np.zeros((4, 2)),) * 2).verdict is Verdict.REFUTED
    large = replace(problem, lam=4.0)
    shift = 16 + 2**-20
    L = factor_of(shift, 4, 3, 0, 0)
    twin = prove((large, NONE, 1e-6), tier, rotated(4, 3, 0, 0), shift, L)
    assert twin.verdict == "CERTIFIED"
    assert check(large, NONE).verdict is Verdict.CERTIFIED


@TIERS
def test_sign_flipped_solution_does_not_certify(tier):
    problem = Problem(Squared(rotated(4, 3, 0, 0)), RankOne(), 1.0)
    (U, V), W, shift = factors(3, 2), rotated(1, 1, 0, 0), 1 + 2**-30
    L = factor_of(shift, 1, 1, 0, 0)
    for sign in (1, -1):
        asked = (problem, (-U, V), 1e-6)
        refused(prove(asked, tier, sign * W, shift, L), asked, shrunk(problem, 4, 3))
    assert prove((problem, (U, V), 1e-6), tier, -W, shift, L).verdict == "UNDECIDED"
    assert check(problem, (-U, V)).verdict is Verdict.REFUTED
    for same in ((U, V), (-U, -V)):  # the same product
        assert prove((problem, same, 1e-6), tier, W, shift, L).verdict == "CERTIFIED"
        assert check(problem, same).verdict is Verdict.CERTIFIED
