"""A norm that the kernel does not have: its atoms are judged in floats."""

from dataclasses import dataclass

import numpy as np
import pytest

from certify import InputError, OutOfScopeError, Problem, Verdict, check, improve
from certify.atoms import CP, RankOne, ReLU, Symmetric
from certify.losses import Squared
from certify.norms import Gauge

Y = np.diag([3.0, 2.0])


@dataclass(frozen=True)
class Doubled(Gauge):
    """g(x) = 2 |x|_1."""

    name = "doubled"

    def value(self, x):
        return 2 * np.abs(x).sum(axis=0)

    def dual(self, y):
        return np.abs(self.positive(y)).max(axis=0) / 2

    def maximizer(self, y):
        return self.unit(y)

    def prox(self, x, t):
        p = self.positive(x)
        return np.sign(p) * np.maximum(np.abs(p) - 2 * t, 0.0)


@dataclass(frozen=True)
class Disguised(Doubled):
    """The same, by the name of a norm of the kernel."""

    name = "l1"


@pytest.mark.parametrize("norm", [Doubled(), Disguised()])
def test_a_norm_of_ones_own_is_judged_in_floats(norm):
    problem = Problem(Squared(Y), RankOne("l1", norm), 0.5)  # entries are lowered by 1
    best = np.eye(2), np.diag([2.0, 1.0])
    result = check(problem, best)
    assert result.verdict is Verdict.NUMERICAL
    assert result.lower == pytest.approx(4.0, abs=1e-12)
    assert result.upper == 4.0
    name = type(norm).__name__
    assert f"the kernel has no rule for {name}: floats only" in result.reason
    assert check(problem, (best[0], 2 * best[1])).verdict is Verdict.UNDECIDED
    with pytest.raises(OutOfScopeError, match=f"no rule for {name}; check"):
        improve(problem, best)


@pytest.mark.parametrize("norm", [Doubled(), Disguised()])
def test_a_polar_under_a_norm_of_ones_own_is_not_proved_but_right(norm):
    bound = RankOne("l1", norm).polar(Y)
    assert bound.lower == 1.5 <= bound.upper <= 1.5 * (1 + 2.0**-40)
    assert RankOne("l1", norm).statement() == {}


def test_a_layer_says_which_norm_the_kernel_does_not_have():
    layer = ReLU(np.eye(2), left=Doubled(), activation="linear")
    start = np.eye(2), np.eye(2)
    assert "no rule for Doubled" in check(Problem(Squared(Y), layer, 0.5), start).reason


@pytest.mark.parametrize(
    "made",
    [
        lambda g: CP([g, "l2", "l2"]),
        lambda g: CP(g, order=3),
        Symmetric,
        lambda g: ReLU(np.eye(2), right=g),
    ],
)
def test_where_keys_are_needed_a_norm_of_ones_own_is_refused(made):
    with pytest.raises(InputError, match=r"must be .*got Disguised\(cone=''\)"):
        made(Disguised())
