"""An atom of no family of ours gives its own relaxation to method="cvxpy"."""

from dataclasses import dataclass

import numpy as np
import pytest

from certify import InputError, OutOfScopeError, Problem, Verdict, check, improve
from certify.atoms import Atom
from certify.losses import Loss, Squared
from certify.polar import Proposal
from certify.search.relax import convex

Y = np.array([[3.0, 4.0], [0.0, -2.0]])
SOLVED = 1e-6  # a solver's accuracy, in the units of these small numbers
LAM = 1.0
BEST = np.eye(2), np.array([[2.4, 0.0], [3.2, -1.0]])  # rows of length 5 and 2, shortened by 1
LEAST = 0.5 * 2 + 5.0  # half of the squares of what is lost, and what is left
START = np.ones((2, 1)), np.ones((2, 1))


@dataclass(frozen=True)
class Rows(Atom):
    """phi(u, v) = u v^T, theta = |u|_1 |v|_2: Omega is the sum of the lengths of the rows.

    scale  what the relaxation is multiplied by: at most 1 is below Omega
    shape  "rows", "frobenius", "one" entry, or "affine": nowhere at most 1
    """

    scale: float = 1.0
    shape: str = "rows"
    degree = 2
    kind = "rows"

    def shapes(self, data_shape):
        return (data_shape[0],), (int(np.prod(data_shape[1:])),)

    def phi(self, x):
        return np.outer(*x)

    def theta(self, factors):
        return np.abs(factors[0]).sum(axis=0) * np.linalg.norm(factors[1], axis=0)

    def propose(self, W, target, seed, deadline):
        del target, seed, deadline
        return Proposal(float(np.linalg.norm(W, axis=1).max()))

    def attain(self, W, seed):
        del seed
        lengths = np.linalg.norm(W, axis=1)
        i = int(lengths.argmax())
        v = W[i] / lengths[i] if lengths[i] else np.eye(W.shape[1])[0]
        return float(lengths[i]), (np.eye(len(W))[i], v)

    def relaxation(self, cp, Z):
        costs = {
            "rows": lambda: (cp.sum(cp.norm(Z, 2, axis=1)), []),
            "frobenius": lambda: (cp.norm(Z, "fro"), []),
            "one": lambda: (cp.abs(Z[0, 0]), []),
            "affine": lambda: (2 + cp.norm(Z, "fro"), []),
        }
        cost, cone = costs[self.shape]()
        return self.scale * cost, cone


class Halves(Loss):
    """Half the squares, without a relaxation."""

    name = "halves"
    observed = Squared(Y).observed

    def value(self, Z):
        return float(np.square(Z - Y).sum() / 2)

    def gradient(self, Z):
        return Z - Y

    def dual_value(self, W):
        return float((W * Y - W * W / 2).sum())

    def arrays(self):
        return {"Y": Y.reshape(-1)}


class Without(Rows):
    relaxation = Atom.relaxation


def asked(atom=None, loss=None):
    return Problem(loss or Squared(Y), atom or Rows(), LAM)


def test_the_polar_is_that_of_the_definition():
    bound = Rows().polar(Y, method="cvxpy")
    assert bound.lower == 5 <= bound.upper <= 5 + SOLVED
    assert bound.proof == {}


def test_a_smaller_relaxation_bounds_the_polar_from_above():
    frobenius = float(np.linalg.norm(Y))
    assert abs(Rows(shape="frobenius").polar(Y, method="cvxpy").upper - frobenius) <= SOLVED
    assert abs(Rows(0.5).polar(Y, method="cvxpy").upper - 10) <= 2 * SOLVED


def test_a_candidate_is_judged_by_the_dual_point_of_the_relaxation():
    assert abs(convex(asked()).value - LEAST) <= SOLVED
    far = check(asked(), START, method="cvxpy")
    assert far.verdict is Verdict.UNDECIDED
    assert abs(far.lower - LEAST) <= SOLVED * LEAST
    assert check(asked(), START).lower < LEAST - 0.2  # by the candidate's own dual point
    near = check(asked(), BEST, method="cvxpy")
    assert near.verdict is Verdict.NUMERICAL
    assert "no rule for Rows" in near.reason


def test_a_smaller_relaxation_is_a_lower_bound():
    for atom in (Rows(0.5), Rows(shape="frobenius")):
        told = check(asked(atom), BEST, method="cvxpy")
        assert told.lower <= LEAST + SOLVED


def test_a_relaxation_that_is_too_large_is_noticed():
    told = check(asked(Rows(2.0)), BEST, method="cvxpy")
    assert told.verdict is Verdict.UNDECIDED
    assert "its polar is contradictory" in told.reason


def test_a_relaxation_without_a_polar_bounds_nothing_and_says_so():
    assert Rows(shape="one").polar(Y, method="cvxpy").upper == np.inf
    told = check(asked(Rows(shape="affine")), BEST, method="cvxpy")
    assert told.lower == 0
    assert "reports 'infeasible'" in told.reason


def test_an_atom_or_a_loss_without_a_relaxation_is_refused():
    for call in (
        lambda: Without().polar(Y, method="cvxpy"),
        lambda: check(asked(Without()), START, method="cvxpy"),
        lambda: convex(asked(Without())),
    ):
        with pytest.raises(InputError, match="known for Without: give the atom a method `relax"):
            call()
    with pytest.raises(InputError, match="a loss of certify's own, got Halves"):
        check(asked(loss=Halves()), START, method="cvxpy")


def test_entries_are_limited():
    with pytest.raises(InputError, match="takes at most 4096 entries, got 4225"):
        Rows().polar(np.ones((65, 65)), method="cvxpy")


def test_improve_needs_a_rule_of_the_kernel():
    with pytest.raises(OutOfScopeError, match="the kernel has no rule for Rows"):
        improve(asked(), START, method="cvxpy")
