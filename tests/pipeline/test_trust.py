"""Ways to be fooled beside the rules: heirs, lost masks, idle witnesses, sizes and scales."""

from array import array
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

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
from certify.adapters.tensorly import parafac
from certify.atoms import RankOne
from certify.base.rigor.bounds import dots
from certify.kernel import claim
from certify.kernel.arrays import Array, filled, side_by_side
from certify.kernel.claim import main
from certify.kernel.errors import shown
from certify.kernel.file import File
from certify.losses import Squared
from certify.offsets import ColumnIntercept, Linear, Offset, RowIntercept
from certify.pipeline.certificate.file import Certificate
from tests.kernel_cases import honest

EYE = np.eye(3)[:, :2]
DIAGONAL = Problem(Squared(np.diag([3.0, 2.0, 0.0])), RankOne(), 0.5)
BEST = (EYE * np.sqrt([2.5, 1.5]), EYE * np.sqrt([2.5, 1.5]))


@pytest.mark.parametrize("parent", [RankOne, Squared, RowIntercept])
def test_entries_are_final(parent):
    with pytest.raises(TypeError, match=f"{parent.__name__} is final"):
        type("Heir", (parent,), {})


class Trend(Offset):
    """An offset of the caller's own."""

    name = "trend"

    def shape(self, _observed):
        return (1,)

    def factors(self, q, observed):
        return np.arange(observed.m, dtype=float)[:, None], np.full((observed.n, 1), q[0])

    def solve(self, target, _weights, observed):
        a = np.arange(observed.m, dtype=float)[:, None] * np.ones(observed.n)
        return np.array([(a * target).sum() / (a * a).sum()])


@dataclass(frozen=True, eq=False)
class Slope(Offset):
    """(A q)_ij = i q_j, which is Linear with one covariate, but nobody says so."""

    name = "slope"

    def shape(self, observed):
        return (1, observed.n)

    def factors(self, q, observed):
        return np.arange(float(observed.m))[:, None], np.ascontiguousarray(q.T)

    def solve(self, target, weights, observed):
        return Linear(np.arange(float(observed.m))[:, None], self.ridge).solve(
            target, weights, observed
        )


def test_an_offset_the_kernel_does_not_know_is_never_certified():
    problem = Problem(DIAGONAL.loss, RankOne(), 0.5, [Trend()])
    result = check(problem, BEST)
    assert result.verdict is Verdict.UNDECIDED
    assert "no rule for Trend" in result.reason
    with pytest.raises(OutOfScopeError, match=r"no rule for Trend; check\(\) judges"):
        improve(problem, BEST)
    certificate = check(DIAGONAL, BEST).certificate
    with pytest.raises(OutOfScopeError, match="no rule for Trend"):
        verify(certificate, problem, BEST, q=[np.zeros(1)])


def test_a_penalized_offset_the_kernel_does_not_know_is_judged_in_floats():
    known = Problem(DIAGONAL.loss, RankOne(), 0.5, [Linear(np.arange(3.0)[:, None], 0.5)])
    best = improve(known, BEST)
    assert best.verdict is Verdict.CERTIFIED
    own = Problem(DIAGONAL.loss, RankOne(), 0.5, [Slope(0.5)])
    result = check(own, best.factors)
    assert result.verdict is Verdict.NUMERICAL
    assert result.lower == pytest.approx(best.result.lower, rel=1e-6)
    far = check(own, BEST)
    assert far.verdict is Verdict.UNDECIDED
    assert far.lower <= best.objective < far.upper


def test_masked_entries_are_refused():
    hidden = np.ma.array(np.ones((2, 2)), mask=[[0, 1], [0, 0]])
    for data in (hidden, list(hidden)):
        with pytest.raises(InputError, match=r"Y has masked entries: .* and mask= beside it"):
            Squared(data)
    with pytest.raises(InputError, match=r"\] has masked entries: give an array without a mask$"):
        DIAGONAL.accept((hidden, hidden))
    for mask in (hidden > 0, list(hidden > 0)):
        with pytest.raises(InputError, match="mask has masked entries"):
            Squared(hidden.data, mask=mask)
    with pytest.raises(InputError, match="mask has masked entries"):
        parafac([hidden.data, hidden.data], hidden.data, mask=hidden > 0)


@pytest.mark.parametrize("mask", [np.ma.nomask, False])
def test_a_masked_array_without_masked_entries_is_its_data(mask):
    data = DIAGONAL.loss.Y
    masked = Squared(np.ma.array(data, mask=mask))
    result = check(Problem(masked, RankOne(), DIAGONAL.lam), BEST)
    assert result.verdict is Verdict.CERTIFIED
    assert verify(result.certificate, DIAGONAL, BEST).verdict is Verdict.CERTIFIED


def test_sparse_formats_that_lose_observed_zeros_are_refused():
    with pytest.raises(InputError, match="2-dimensional dia"):
        Squared(sp.dia_array((np.array([[1.0, 0.0, 3.0]]), [0]), shape=(3, 3)))
    with pytest.raises(InputError, match="1-dimensional coo"):
        Squared(sp.coo_array(np.ones(3)))


@pytest.mark.parametrize("wrong", [np.array([3j, 1]), np.array([2**53 + 1, 1])])
def test_a_sparse_polar_refuses_what_float64_cannot_hold(wrong):
    with pytest.raises(InputError, match=r"W\.data"):
        RankOne().polar(sp.coo_array(wrong[None, :]))


def test_polar_keeps_entries_that_scaling_would_lose():
    W = np.array([[-(2.0**200), 2.0**-1000]])
    assert RankOne("l1+", "l1+").polar(W).upper >= 2.0**-1000
    twice = sp.coo_array(([1.0, 2.0], ([0, 0], [0, 0])), shape=(1, 2))
    assert RankOne().polar(twice).upper >= 3.0
    assert twice.nnz == 2


def file_of(certificate):
    c = certificate
    return File(c.statement, c.given, c.claim, c.proof, c.witness)


def test_idle_better_factors_are_rejected():
    certificate = check(DIAGONAL, BEST).certificate
    assert claim.check(file_of(certificate), certificate.given).verdict == "CERTIFIED"
    worse = {f"better.{k}": filled((3, 2), 100.0) for k in "UV"}
    forged = replace(
        certificate, proof=certificate.proof | {"better": True}, witness=certificate.witness | worse
    )
    with pytest.raises(RejectedError, match=r"proof\.better: idle"):
        verify(forged, DIAGONAL, BEST)


def test_a_zero_slice_is_no_slice():
    poor = tuple(x * 0.5 for x in BEST)
    result = check(DIAGONAL, poor)
    assert result.verdict is Verdict.REFUTED
    c = result.certificate
    padded = {
        k: side_by_side([a, filled((3, 1), 0.0)]) if k.startswith("better.") else a
        for k, a in c.witness.items()
    }
    outcome = claim.check(file_of(replace(c, witness=padded)), c.given)
    assert outcome.verdict == "REFUTED"


@pytest.mark.thorough
def test_a_witness_the_kernel_refuses_is_left_out():
    Y = np.random.default_rng(0).integers(-8, 9, (8, 5)) * 2.0**300
    problem = Problem(Squared(Y, weights=np.full((8, 5), 2.0**400)), RankOne("l2+", "l2"), 2.0**700)
    result = check(problem, (np.ones((8, 1)), np.ones((5, 1))))
    assert 0 <= result.lower <= result.upper
    assert verify(result.certificate, problem, (np.ones((8, 1)), np.ones((5, 1)))).tier == "exact"


def test_sums_beyond_float64_are_refused():
    runs = np.full(4096, 1e154)
    with np.errstate(all="ignore"), pytest.raises(RejectedError, match="overflow"):
        dots(np.full(4096, 1e152), np.full(4096, 1e153))
    with np.errstate(all="ignore"), pytest.raises(RejectedError, match="overflow"):
        dots(runs * 1e10, np.where(np.arange(4096) < 2048, 1e154, -1e154))


def test_verify_does_not_depend_on_the_callers_error_state():
    certificate = check(DIAGONAL, BEST).certificate
    with np.errstate(all="raise"):
        for tier in ("exact", "rounded"):
            assert verify(certificate, DIAGONAL, BEST, tier=tier).verdict is Verdict.CERTIFIED


def test_verify_wants_a_certificate():
    with pytest.raises(InputError, match="a path or a Certificate, got NoneType"):
        verify(None, DIAGONAL, BEST)


def test_a_strangers_text_cannot_pose_as_output(capsys, tmp_path):
    error = RejectedError("a", "b", "\nVERIFIED CERTIFIED \x1b[2J\ud800" + "x" * 9999)
    assert "\n" not in str(error)
    assert str(error).isascii()
    assert len(str(error)) < 2100
    certificate = check(DIAGONAL, BEST).certificate
    forged = replace(certificate, claim={"verdict": "\nVERIFIED CERTIFIED", "tier": "exact"})
    forged.save(tmp_path / "x.cert")
    assert main([str(tmp_path / "x.cert")]) == 20
    assert capsys.readouterr().out.startswith("NOT VERIFIED")


def test_kernel_shows_numbers_beyond_float64():
    assert shown(Fraction(10) ** 400) == "about 2**1328"
    assert shown(Fraction(1, 2)) == "0.5"


def test_large_certificates_leave_the_factor_out_and_are_completed(tmp_path):
    problem, factors, q, result = honest()["one_sign/poor"]
    bare = replace(
        result.certificate,
        witness={k: a for k, a in result.certificate.witness.items() if k != "L"},
    )
    assert verify(bare, problem, factors, q=q) == verify(result.certificate, problem, factors, q=q)
    problem, factors, q, result = honest()["masked/poor"]
    witness = {k: a for k, a in result.certificate.witness.items() if k != "L"}
    bare = replace(result.certificate, witness=witness)
    bare.save(tmp_path / "x.cert")
    assert verify(tmp_path / "x.cert", problem, factors).verdict is result.verdict
    small = Array((1,), array("d", [1.0]))
    for name in ("W", "N", "M"):
        lie = replace(bare, witness=witness | {name: small})
        with pytest.raises(RejectedError, match=rf"proof\.{name}: (shape|wrong_rule)"):
            verify(lie, problem, factors)


def test_a_device_is_written_to_and_a_link_followed(tmp_path):
    certificate = check(DIAGONAL, BEST).certificate
    certificate.save("/dev/null")
    link, target = tmp_path / "link.cert", tmp_path / "target.cert"
    target.write_bytes(b"old")
    link.symlink_to(target)
    certificate.save(link)
    assert link.is_symlink()
    assert Certificate.load(target).verdict == "CERTIFIED"
    assert target.stat().st_mode & 0o044


def test_offsets_that_overlap_are_fitted_alike_on_small_and_large_data(monkeypatch):
    rng = np.random.default_rng(1)
    loss = Squared(rng.integers(-8, 9, (6, 5)) / 4, weights=rng.integers(1, 4, (6, 5)) * 1.0)
    offsets = [RowIntercept(0.5), ColumnIntercept()]
    direct = Problem(loss, RankOne(), 1.0, offsets)
    assert direct.joint is not None
    monkeypatch.setattr("certify.problem.best_offsets.JOINT", 0)
    one_by_one = Problem(loss, RankOne(), 1.0, offsets)
    assert one_by_one.joint is None
    zero = np.zeros((6, 5))
    for a, b in zip(direct.fit_offsets(zero), one_by_one.fit_offsets(zero), strict=True):
        assert np.abs(a - b).max() <= 1e-12


def test_offsets_of_one_kind_are_given_once():
    with pytest.raises(InputError, match=r"each kind .* once, got \['row', 'row'\]"):
        Problem(DIAGONAL.loss, RankOne(), 1.0, [RowIntercept(), RowIntercept(1.0)])
