"""BLAS threads: one where problems are small, those from outside for a large factorization."""

from contextlib import nullcontext

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from certify.base.observed import Observed
from certify.base.threads import CUBED, LARGE, UNSAFE, blas_threads, threads, threads_of_factor

LISTED = Observed(9, 9, np.arange(9), np.arange(9))


@pytest.fixture(autouse=True)
def _two():
    """Allow two threads."""
    with threadpool_limits(2, user_api="blas"):
        yield


def test_a_large_factorization_has_the_threads_from_outside():
    assert blas_threads() == 2
    with threads(LISTED):
        assert blas_threads() == 1
        with threads(LISTED), threads_of_factor(CUBED):  # the outermost number counts
            assert blas_threads() == 2
        with threads_of_factor(CUBED - 1):
            assert blas_threads() == 1
        assert blas_threads() == 1
    assert blas_threads() == 2


def test_without_a_limit_nothing_changes():
    with threads_of_factor(CUBED):
        assert blas_threads() == 2
    with threads(Observed(LARGE, LARGE)), threads_of_factor(CUBED):
        assert blas_threads() == 2


def test_a_limit_ends_with_what_it_was_for():
    with pytest.raises(RuntimeError, match="ended"), threads(LISTED):
        raise RuntimeError("ended")
    with threads_of_factor(CUBED):
        assert blas_threads() == 2


@pytest.mark.parametrize("around", [nullcontext, lambda: threads(LISTED)])
def test_a_factorization_of_too_many_rows_has_one_thread(around):
    with around(), threads_of_factor(UNSAFE + 1):
        assert blas_threads() == 1
    with around(), threads_of_factor(UNSAFE):
        assert blas_threads() == 2
