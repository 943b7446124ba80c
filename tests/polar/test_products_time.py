"""Polars of tensors within a time: what is tried, and how long a tree grows."""

from time import monotonic

import numpy as np
import pytest

from certify.norms import gauge
from certify.polar import products
from certify.polar.product_query import ProductQuery


def query_of(seconds):
    """Return the question of a tensor, to be answered in so many seconds; None: no limit."""
    T = np.random.default_rng(0).standard_normal((7, 6, 5))
    deadline = None if seconds is None else monotonic() + seconds
    return ProductQuery(T, (gauge("l2"),) * 3, deadline=deadline)


def test_a_relaxation_that_takes_longer_than_there_is_is_not_begun(monkeypatch):
    monkeypatch.setattr(products, "STEP", 1.0)  # 30 rows: 27,000 seconds
    assert [f.size for f in products.forms(query_of(1.0))] == [5]
    assert [f.size for f in products.forms(query_of(None))] == [30]
    assert list(products.deeper(next(products.forms(query_of(1.0))), None, 1.0, 0.0)) == []


def test_a_bound_in_little_time_is_a_bound(monkeypatch):
    monkeypatch.setattr(products, "STEP", 1.0)
    found, tight = products.propose(query_of(1.0)), products.propose(query_of(None))
    assert found.upper > tight.upper * 1.01


@pytest.mark.thorough
def test_ascents_leave_time_for_the_relaxation(monkeypatch):
    def _climb(*_, expired, **__):
        while not expired():
            pass
        return 1.0, tuple(np.eye(n)[0] for n in (7, 6, 5))

    loose = products.propose(query_of(0.0)).upper
    monkeypatch.setattr(products, "attain", _climb)
    assert products.propose(query_of(4.0)).upper < 0.9 * loose


def test_a_tree_grows_as_far_as_its_proof_may_and_no_further(monkeypatch):
    seen = []
    monkeypatch.setattr(products, "branch", lambda *given: seen.append(given[-1]))
    for seconds in (1e6, None):
        form = next(products.forms(query_of(seconds)))
        root = products.solve_form(form, 0.0)
        assert products.bound_by_cases(form, root, 0.0) == []
    assert seen == [products.HELD // 30**2, 31]
