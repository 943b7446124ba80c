"""Max-pooling: the kernel has no rule, so an atom of one's own has a bracket in floats only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from certify import OutOfScopeError, Problem, Verdict, check, verify
from certify.adapters.torch import from_model
from certify.atoms import Atom, ReLU
from certify.losses import Squared
from certify.polar import Proposal

RNG = np.random.default_rng(8)
N, PATCHES, D = 6, 3, 2
V = RNG.integers(-8, 9, (N * PATCHES, D)) / 4
SAMPLES = np.repeat(np.arange(N), PATCHES)


@dataclass(frozen=True, eq=False)
class MaxPool(Atom):
    """phi(u, v) = max over a sample's patches of (V u)_+, times v^T;  theta = |u|_2 |v|_2.

    The largest entry is at most the length of all, so Omega*(W) <= sigma_1(W) sigma_1(V).
    """

    V: Any
    degree = 2
    kind = "max_pool"

    def shapes(self, data_shape):
        return (D,), (data_shape[1],)

    def phi(self, x):
        return np.outer(np.maximum(self.V @ x[0], 0.0).reshape(N, PATCHES).max(axis=1), x[1])

    def theta(self, factors):
        return np.linalg.norm(factors[0], axis=0) * np.linalg.norm(factors[1], axis=0)

    def propose(self, W, target, seed, deadline):
        del target, seed, deadline
        return Proposal(float(np.linalg.norm(W, 2) * np.linalg.norm(self.V, 2)))

    def attain(self, W, seed):
        lots = np.random.default_rng(seed).standard_normal((D, 4000))
        lots /= np.linalg.norm(lots, axis=0)
        hidden = np.maximum(self.V @ lots, 0.0).reshape(N, PATCHES, -1).max(axis=1)
        Z = W.T @ hidden
        k = int(np.linalg.norm(Z, axis=0).argmax())
        top = float(np.linalg.norm(Z[:, k]))
        return top, (lots[:, k], Z[:, k] / top)


Y = MaxPool(V).phi((np.array([1.0, -0.5]), np.array([2.0]))) + RNG.integers(-2, 3, (N, 1)) / 8
PROBLEM = Problem(Squared(Y), MaxPool(V), 1.0)


def test_its_bracket_is_not_proved_and_says_so():
    u, v = PROBLEM.atom.attain(Y, 0)[1]
    candidate = u[:, None], v[:, None]
    found = check(PROBLEM, candidate)
    assert (found.verdict, found.tier, found.certificate) == (Verdict.UNDECIDED, "floats", None)
    assert "the kernel has no rule for MaxPool: floats only, nothing is proved" in found.reason
    assert found.upper == PROBLEM.objective(candidate, ())
    lots = RNG.standard_normal((D, 3000))
    values = [PROBLEM.objective((x[:, None], np.ones((1, 1))), ()) for x in lots.T]
    assert 0 < found.lower <= min(values)
    with pytest.raises(OutOfScopeError, match="the kernel has no rule for MaxPool"):
        verify("none.cert", PROBLEM, candidate)


def test_it_is_not_taken_for_sum_pooling():
    """Sum pooling of the same patches is another network with another optimum."""
    summed = Problem(Squared(Y), ReLU(V, samples=SAMPLES), 1.0)
    u = np.array([[1.0], [-0.5]])
    assert summed.objective((u, np.ones((1, 1))), ()) != PROBLEM.objective((u, np.ones((1, 1))), ())
    assert PROBLEM.atom.statement() == {}


def test_a_layer_of_it_is_refused_by_name():
    net = nn.Sequential(nn.Linear(D, 4), nn.ReLU(), nn.MaxPool1d(2), nn.Linear(2, 1))
    with pytest.raises(OutOfScopeError, match="the module MaxPool1d"):
        from_model(net, torch.ones(3, D), torch.ones(3), weight_decay=0.1)
