"""The ways of large data, taken by small data: thresholds lowered, truths the same."""

import numpy as np
import pytest
import scipy.sparse as sp

from certify import Problem, RejectedError, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import Intercept, Linear, RowIntercept
from certify.polar import eigen as spectra

RNG = np.random.default_rng(5)
Y = RNG.integers(-16, 17, (40, 32)) / 4
U, S, VT = np.linalg.svd(Y, full_matrices=False)
LAM = float(S[5] * 1.01)
ROOT = np.sqrt(S[:5] - LAM)
BEST = (U[:, :5] * ROOT, VT[:5].T * ROOT)
PROBLEM = Problem(Squared(Y), RankOne(), LAM)
OPTIMUM = 0.5 * (np.minimum(S, LAM) ** 2).sum() + LAM * (S[:5] - LAM).sum()


@pytest.fixture
def large(monkeypatch):
    """Call everything above 8 rows large."""
    monkeypatch.setattr(spectra, "DENSE", 8)
    monkeypatch.setattr("certify.pipeline.certificate.tiers.EXACT_SIDE", 8)
    monkeypatch.setattr("certify.base.threads.LARGE", 8)


@pytest.mark.usefixtures("large")
def test_large_optimum_is_certified_without_a_stored_factor_and_verified_in_both_tiers():
    result = check(PROBLEM, BEST)
    assert (result.verdict, result.tier) == (Verdict.CERTIFIED, "rounded")
    assert result.lower <= OPTIMUM * (1 + 1e-13)
    assert result.upper >= OPTIMUM * (1 - 1e-13)
    assert "L" not in result.certificate.witness
    assert verify(result.certificate, PROBLEM, BEST, tier="rounded").tier == "rounded"
    exact = verify(result.certificate, PROBLEM, BEST)  # completes the factor for itself
    assert (exact.verdict, exact.tier) == (Verdict.CERTIFIED, "exact")
    moved = (BEST[0] + 2.0**-40, BEST[1])
    with pytest.raises(RejectedError, match=r"U\.sha256: question"):
        verify(result.certificate, PROBLEM, moved)


@pytest.mark.usefixtures("large")
def test_large_candidates_that_are_no_optimum_are_never_certified():
    short = tuple(x[:, :4] for x in BEST)
    result = check(PROBLEM, short)
    assert result.verdict in (Verdict.RANK_LIMITED, Verdict.UNDECIDED)
    assert result.lower <= OPTIMUM * (1 + 1e-13)
    noisy = tuple(x + RNG.standard_normal(x.shape) / 8 for x in BEST)
    assert check(PROBLEM, noisy).verdict is Verdict.REFUTED


@pytest.mark.sampled(11)
@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("pair", [("l2", "l2"), ("l2+", "l2"), ("l2", "l2+"), ("l2+", "l2+")])
@pytest.mark.parametrize("held", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("shape", [(40, 32), (32, 40)])
def test_large_polar_bounds_hold_what_small_ones_attain(pair, held, shape, monkeypatch):
    W = Y.reshape(shape)
    found = RankOne(*pair).polar(held(W))
    monkeypatch.setattr(spectra, "DENSE", 1500)
    small = RankOne(*pair).polar(W)
    assert small.lower <= found.upper
    assert found.lower <= small.upper


@pytest.mark.usefixtures("large")
def test_a_polar_far_above_the_target_is_still_bounded():
    found = RankOne().propose(Y, float(S[0]) / 2, 0, None)
    assert S[0] * (1 - 1e-12) <= found.upper <= S[0] * 1.1


def test_a_spectrum_beyond_every_margin_has_no_factor():
    g = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert spectra.prove_top(g, 0.5, (-0.75,)) is None
    assert spectra.factorize(g, np.inf) is None
    assert spectra.factorize(g, 0.5) is None


@pytest.mark.parametrize(
    "offsets",
    [
        [Linear(np.arange(8.0)[:, None]), RowIntercept()],
        [Linear(np.column_stack([np.arange(8.0) ** 2, np.ones(8)])), Intercept()],
    ],
    ids=["rows", "all"],
)
def test_covariates_that_overlap_other_offsets_are_made_orthogonal_together(offsets, monkeypatch):
    mask = RNG.random((8, 6)) < 0.8
    data = np.where(mask, Y[:8, :6], 0.0)
    problem = Problem(Squared(data, mask=mask), RankOne(), 2.0, offsets)
    ones = (np.ones((8, 1)), np.ones((6, 1)))
    best = improve(problem, ones)
    assert best.result.verdict is Verdict.CERTIFIED
    assert verify(best.result.certificate, problem, best.factors, q=best.q).tier == "exact"
    monkeypatch.setattr("certify.search.dual.orthogonal.JOINT", 0)
    result = check(problem, best.factors)
    assert (result.verdict, result.lower) == (Verdict.UNDECIDED, 0.0)
    assert "no orthogonal dual point" in result.reason


def test_unobserved_columns_need_no_correction():
    mask = np.ones((8, 6), dtype=bool)
    mask[:, 2] = False
    problem = Problem(Squared(Y[:8, :6], mask=mask), RankOne(), 2.0, [Linear(np.ones((8, 1)))])
    best = improve(problem, (np.ones((8, 1)), np.ones((6, 1))))
    assert best.result.verdict is Verdict.CERTIFIED
