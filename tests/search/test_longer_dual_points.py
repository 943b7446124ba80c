"""A dual point whose polar turns out to be below lam proves more when it is made longer."""

import numpy as np

from certify import Problem
from certify.atoms import RankOne
from certify.base.clock import Clock
from certify.losses import Squared
from certify.polar import Proposal
from certify.search.candidate import evaluate
from certify.search.dual.orthogonal import Orthogonal
from certify.search.dual.points import Dual, Run, bound_multiple

Y = np.diag([4.0, 2.0])


def dual(W, polar):
    """Return W with a bound of its polar, and what it proves at lam = 2."""
    s = min(1.0, 2.0 / polar)
    return Dual(
        Orthogonal(W), Proposal(polar), float(s * (W * Y).sum() - 0.5 * s * s * (W * W).sum())
    )


def test_a_dual_point_is_made_as_long_as_lam_allows():
    problem = Problem(Squared(Y), RankOne(), 2.0)
    start = evaluate(problem, (np.zeros((2, 1)), np.zeros((2, 1))))
    run = Run(problem, start, 1e-6, Clock(), 0, given=True)
    longer = bound_multiple(run, dual(Y / 4, 1.0))  # its polar is 1: twice as long is allowed
    assert longer is not None
    assert np.array_equal(longer.point.W, Y / 2)
    assert abs(longer.value - 7.5) <= 1e-9  # (1/2 - 1/8) |Y|^2, |Y|^2 = 20
    assert bound_multiple(run, dual(Y / 2, 2.0)) is None  # as long as lam allows
    assert bound_multiple(run, dual(Y, 4.0)) is None  # the kernel takes a multiple below 1 itself
    near = 1 - 1.2e-9
    assert bound_multiple(run, dual(Y / 2 * near, 2 * near)) is None  # no gain worth a proof
    assert bound_multiple(run, None) is None
