"""Closed forms in exact rationals, and a judge that holds every answer against them.

Optima: singular values, lines or entries shrunk by lam.  All data are dyadic, so that a
factorization meant to be optimal is optimal exactly.
"""

from fractions import Fraction

import numpy as np
import pytest

from certify import RejectedError, Verdict, check, verify
from certify.pipeline.certificate.file import as_numpy

from .tolerance import exact_objective

H = np.array([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2  # orthogonal
CERTIFIED, REFUTED, LIMITED = Verdict.CERTIFIED, Verdict.REFUTED, Verdict.RANK_LIMITED
PROVED_BETTER = (REFUTED, LIMITED)
REFUSALS = {"not proved", "overflow"}  # what the rounded tier may say where floats run out
VALUES, LAM = (8.0, 4, 2, 1), 1.5
ROWS = np.array([[3.0, 4, 0, 0], [0, 0, 6, 8], [0, 0, 0.5, 0], [0, 0, 0, 0]])
ENTRIES = np.array([[4.0, -3, 0.5], [0, 2, -8]])


def shrunk(sizes, lam, weights=None):
    """Return sum over sizes of min 1/2 w (z - s)^2 + lam |z|, exactly."""
    lam, total = Fraction(lam), Fraction(0)
    pairs = zip(sizes, [1] * len(sizes) if weights is None else weights, strict=True)
    for s, w in ((abs(Fraction(s)), Fraction(w)) for s, w in pairs):
        total += lam * s - lam**2 / (2 * w) if w * s > lam else w * s**2 / 2
    return total


def rotated(*values, n=4):
    """Return Y = H diag(values) (n < 4: times n unit rows), of those singular values, exactly."""
    return (H * values) @ H if n == 4 else H[:, :n] * values


def lowered(values, lam):
    """Return what is left of each singular value above lam."""
    return [s - lam for s in values if s > lam]


def best(values, lam, n=4):
    """Return factors of the soft-thresholded Y, exact for dyadic numbers."""
    kept = lowered(values, lam)
    r = len(kept)
    return H[:, :r] * kept, H[:, :r] if n == 4 else np.eye(n)[:, :r]


def judged(problem, factors, optimum, *, refuses=False, slack=0, **epsilon):
    """Return check()'s result after holding everything it says against the truth.

    refuses   the rounded tier cannot represent these numbers: it rejects, and says why
    slack     how far `optimum` may be from the true one
    """
    result = check(problem, factors, **epsilon)
    low, high = exact_objective(problem, problem.accept(factors), result.q)
    eps = max(Fraction(epsilon.get("atol", 0.0)), Fraction(epsilon.get("rtol", 1e-6)) * high)
    assert Fraction(result.lower) <= optimum + slack
    assert optimum - slack <= low <= Fraction(result.upper)
    if result.verdict is CERTIFIED:
        assert low - optimum <= eps + slack
    if result.verdict in PROVED_BETTER:
        assert high - optimum > eps - slack
        better_is_better(problem, factors, result, low)
    tiers_agree(problem, factors, result, refuses=refuses, epsilon=epsilon)
    return result


def better_is_better(problem, factors, result, low):
    """The factors that refute are legal, of the promised size, and exactly better."""
    c = result.certificate
    q = tuple(as_numpy(c.witness[f"better.q{k}"]) for k in range(len(problem.offsets)))
    assert exact_objective(problem, problem.accept(result.better), q)[1] < low
    sizes = [x.shape[-1] for x in (result.better[0], np.asarray(factors[0]))]
    assert (sizes[0] <= sizes[1]) == (result.verdict is REFUTED)


def tiers_agree(problem, factors, result, *, refuses, epsilon):
    """Both tiers prove the verdict and a bracket around the same truth."""
    exact = verify(result.certificate, problem, factors, **epsilon)
    assert (exact.verdict, exact.lower, exact.upper) == (
        result.verdict,
        result.lower,
        result.upper,
    )
    if refuses:
        with pytest.raises(RejectedError) as error:
            verify(result.certificate, problem, factors, tier="rounded", **epsilon)
        assert error.value.code in REFUSALS
        return
    rounded = verify(result.certificate, problem, factors, tier="rounded", **epsilon)
    assert rounded.verdict is result.verdict
    assert rounded.lower <= exact.upper
    assert rounded.upper >= exact.upper


def entry_fit(Y, lam, *, sign=False):
    """Return a slice for each entry of Y, lowered by lam (an array or a number)."""
    Z = np.sign(Y) * np.maximum(np.abs(Y) - lam, 0.0)
    rows, cols = np.nonzero(np.maximum(Z, 0.0) if sign else Z)
    return np.eye(len(Y))[:, rows], np.eye(Y.shape[1])[:, cols] * Z[rows, cols]


OPTIMUM = shrunk(VALUES, LAM)  # 18.125
