"""Relaxations by a general solver at a few numbers, against eigenvalues and attained values."""

import numpy as np
import pytest

from certify import Problem
from certify.atoms import ReLU, Symmetric
from certify.losses import Squared
from certify.norms import Group
from certify.polar.proved import proved_above
from certify.search.relax import Using, convex, propose, symmetric_witness, witness

SOLVED = 1e-5  # an interior-point solver's accuracy, in the units of these small numbers
W = np.array([[2.0, -1.0, 0.5], [-1.0, 1.0, 3.0], [0.5, 3.0, -2.0]])


def test_the_polar_of_squares_is_the_largest_eigenvalue():
    found = symmetric_witness(W, Symmetric().gauges[0])
    top = np.linalg.eigvalsh(W)[-1]
    assert top * (1 - 1e-12) <= found.upper <= top * (1 + SOLVED)
    norms = ("l2", "l2")
    assert top * (1 - 1e-12) <= proved_above(W, norms, found.proof, symmetric=True) <= found.upper


def test_squares_are_the_eigenvalues_less_the_penalty():
    values, vectors = np.linalg.eigh(W)
    low = np.maximum(values - 0.5, 0.0)
    optimum = 0.5 * np.sum((W - (vectors * low) @ vectors.T) ** 2) + 0.5 * low.sum()
    relaxed = convex(Problem(Squared(W), Symmetric(), 0.5))
    assert relaxed.value == pytest.approx(optimum, rel=SOLVED)
    np.testing.assert_allclose(relaxed.Z, (vectors * low) @ vectors.T, atol=1e-3)


def test_a_group_that_is_fixed_to_zero_counts_for_nothing():
    fixed, free = Group([[0, 1], [2]], cone="**0"), Group([[0, 1]])
    found = [witness(W[: len(g.cone) or 2], g, Symmetric().gauges[0]) for g in (fixed, free)]
    top = np.linalg.norm(W[:2], 2)
    for proposal in found:
        assert top * (1 - 1e-12) <= proposal.upper <= top * (1 + SOLVED)
    assert proved_above(W, (fixed, "l2"), found[0].proof) <= found[0].upper


def test_the_polar_of_the_largest_rows_is_bounded_from_above():
    rows, held = np.array([[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0], [1.0, 1.0]]), [[1.0], [-2.0]]
    atom = ReLU(rows, samples=[0, 0, 1, 1], pool="max")
    found = propose(atom, np.array(held), Using())
    angles = np.linspace(0, 2 * np.pi, 20001)
    largest = np.maximum(rows @ np.stack([np.cos(angles), np.sin(angles)]), 0.0)
    made = np.maximum(largest[::2], largest[1::2])
    top = np.abs(np.array(held)[:, 0] @ made).max()
    assert top <= found.upper <= 1.2 * top
