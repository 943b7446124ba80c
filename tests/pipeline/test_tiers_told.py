"""How long exact integers take is said in advance, by the sizes of a sparse table."""

from dataclasses import asdict

import numpy as np
import pytest
from scipy import sparse

from certify import Problem
from certify.atoms import RankOne
from certify.losses import Squared
from certify.pipeline.certificate import tiers
from certify.problem.proof_time import EXACT, Rates


def table(m, n, count):
    """Return a table with entries in every line, one after the other."""
    k = np.arange(count)
    Y = sparse.coo_array((np.ones(count), (k % m, (k // m + k) % n)), shape=(m, n))
    return Problem(Squared(Y), RankOne("l2", "l2"), 1.0)


def test_what_is_foreseen_grows_with_pairs_of_entries_and_the_shorter_side(monkeypatch):
    assert tiers.exact_seconds(Problem(Squared(np.eye(3)), RankOne("l2", "l2"), 1.0), 3) == 0
    for m, n, pairs in ((60, 40, 60 * 2**2 / 2), (40, 60, (2 * 3**2 + 56 * 2**2 + 2 * 1) / 2)):
        units = {"pair": pairs, "cube": 40**3, "square": 40**2, "product": 360, "entry": 120}
        for name, wanted in units.items():
            rates = Rates(**dict.fromkeys(asdict(EXACT), 0.0) | {name: 1.0})
            monkeypatch.setattr(tiers, "EXACT", rates)
            assert tiers.exact_seconds(table(m, n, 120), 3) == wanted


@pytest.mark.parametrize(("seconds", "told"), [(9.0, ""), (31.2, "31 seconds"), (300, "5 minutes")])
def test_a_long_time_is_told_in_words(monkeypatch, seconds, told):
    monkeypatch.setattr(tiers, "exact_seconds", lambda *_: seconds)
    said = tiers.advance_notice(table(6, 4, 9), 2)
    assert said == "" if not told else said.startswith(f"about {told} of a core in exact integers")
