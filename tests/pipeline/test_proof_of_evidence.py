"""Evidence is proved in the time there is, and estimates that were too low are raised."""

from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

from certify import Problem, check
from certify.atoms import RankOne, ReLU
from certify.losses import Squared
from certify.norms import Group
from certify.problem.proof_time import EXACT, ROUNDED, tree_seconds
from certify.search.search_result import Evidence

PROVE = import_module("certify.pipeline.prove")


@pytest.mark.parametrize(("side", "wanted"), [(4000, [1e-4, 1e-3]), (4001, [1e-3, 1e-2])])
def test_the_steps_are_fine_where_another_proof_is_quick(monkeypatch, side, wanted):
    steps, proof = [], SimpleNamespace(outcome=SimpleNamespace(lower=0.0))
    monkeypatch.setattr(PROVE, "prove_best", lambda *_: proof)
    monkeypatch.setattr(PROVE, "fell_short", lambda *_: len(steps) < 2)
    monkeypatch.setattr(PROVE, "raise_bound", lambda *given: steps.append(given[-1]))
    problem = SimpleNamespace(loss=SimpleNamespace(dims=(9000, side)))
    found = Evidence(None, dual=object())
    monkeypatch.setattr(PROVE, "replace", lambda found, **_: found)
    assert PROVE.prove_evidence(problem, None, found) is proof
    assert steps == wanted


def test_a_proof_of_many_entries_is_rounded_where_a_budget_is_spent():
    few, many = (Problem(Squared(np.ones((m, 64))), RankOne(), 1.0) for m in (1000, 1500))

    def tier(problem, left, *, dual=True):
        """Return the arithmetic that is afforded."""
        polar = SimpleNamespace(proof={"rule": "spectral"})
        found = Evidence(None, dual=SimpleNamespace(polar=polar) if dual else None)
        return PROVE.affordable(problem, found, left).tier

    assert tier(many, None) == tier(many, 1.5) == tier(few, 0.0) == "exact"
    assert tier(many, 0.0) == "rounded"
    assert tier(many, 0.0, dual=False) == "exact"


def test_a_proof_of_many_simplicial_cones_is_rounded_where_a_budget_is_spent():
    rng = np.random.default_rng(0)
    layer = Problem(Squared(np.ones((9, 1))), ReLU(rng.standard_normal((9, 3))), 1.0)
    pair = Problem(Squared(np.ones((9, 3))), RankOne("linf", "linf"), 1.0)

    def tier(problem, words, left):
        """Return the arithmetic for trees of so many words, eight cones each."""
        proof = {"each": [{"rule": "cones", "tree": np.zeros(words, dtype=np.int64)}]}
        dual = SimpleNamespace(polar=SimpleNamespace(proof=proof))
        return PROVE.affordable(problem, Evidence(None, dual=dual), left).tier

    for problem in (layer, pair):
        assert tier(problem, 10_000, None) == tier(problem, 10_000, 20.0) == "exact"
        assert tier(problem, 10, 0.0) == "exact"
        assert tier(problem, 10_000, 2.0) == "rounded"


def test_a_tree_that_is_cut_by_groups_is_proved_in_what_a_budget_leaves():
    Y = np.random.default_rng(0).integers(-4, 5, (7, 8)).astype(float)  # no side for cones
    problem = Problem(Squared(Y), RankOne("l2", Group([range(4), range(4, 8)])), 4.0)
    found = check(problem, (np.zeros((7, 0)), np.zeros((8, 0))), budget=10.0)
    nodes = found.certificate.proof["polar"]["nodes"]
    assert any("groups" in node for node in nodes)  # its children are numbers
    assert 0 < found.lower <= found.upper


def test_a_cone_takes_what_its_samples_or_the_lines_of_the_longer_side_bend():
    rng = np.random.default_rng(0)
    layer = Problem(Squared(np.ones((30, 2))), ReLU(rng.standard_normal((30, 3))), 1.0)
    pair = Problem(Squared(np.ones((4, 30))), RankOne("linf", "linf"), 1.0)
    stacked = {
        "rule": "outputs",
        "s0.tree": np.zeros(5),
        "s1.tree": np.zeros(3),
        "s1.K": np.ones(9),
    }
    nested = {"each": [{"tree": np.zeros(5)}, {"nodes": [{"tree": np.zeros(3)}, [0, 1]]}]}
    for proof in (stacked, nested):
        for problem in (layer, pair):
            wanted = 64 * (ROUNDED.cone + 30 * ROUNDED.bend)
            assert tree_seconds(problem, proof, ROUNDED) == wanted
    leaf = {"nodes": [{"level": "0x1p+0"}, {"cut": 0}]}
    assert tree_seconds(layer, leaf, EXACT) == EXACT.leaf * 33**2
    assert tree_seconds(pair, leaf, EXACT) == 0.0
