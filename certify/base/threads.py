"""The number of BLAS threads.

Decompositions of small matrices lose more by threads that wait for each other than they gain: a QR
of 943 x 40 took 157 ms on two busy cores with two threads, and 1.5 ms with one.  A Cholesky
factorization of thousands of rows gains from every thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from threadpoolctl import threadpool_info, threadpool_limits

from .checkpoint import bind
from .observed import Observed

LARGE = 500  # smaller side of full data from which products gain from every thread
CUBED = 2000  # rows from which a factorization gains from every thread
UNSAFE = 15_000  # rows from which a factorization by several threads of OpenBLAS may crash
OUTSIDE: ContextVar[int | None] = ContextVar("OUTSIDE", default=None)


@contextmanager
def threads(observed: Observed) -> Iterator[None]:
    """Use one BLAS thread in the body, or all of them for large full data."""
    if observed.full and min(observed.m, observed.n) >= LARGE:
        yield
        return
    with one_thread():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one BLAS thread in the body, so that no sum depends on the number of threads."""
    with bind(OUTSIDE, OUTSIDE.get() or blas_threads()), threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def threads_of_factor(rows: int) -> Iterator[None]:
    """Use as many BLAS threads as outside of `threads` in the body, for a large matrix.

    From UNSAFE rows on, use one: scipy's dpotrf overran its memory from 16,400 rows on.
    """
    limit = 1 if rows > UNSAFE else OUTSIDE.get()
    if rows < CUBED or limit is None:
        yield
        return
    with threadpool_limits(limit, user_api="blas"):
        yield


def blas_threads() -> int:
    """Return the number of threads that BLAS may use."""
    return max((p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"), default=1)
