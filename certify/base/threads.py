"""How many BLAS threads a problem deserves.

Decompositions of small matrices lose far more to threads that wait for each other than
they gain: a QR of 943 x 40 took 157 ms on two busy cores with two threads, 1.5 ms with one.
A Cholesky factorization of thousands of rows gains from every thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from threadpoolctl import threadpool_info, threadpool_limits

from .observed import Observed

LARGE = 500  # smaller side of full data from which products gain from every thread
CUBED = 2000  # rows of a matrix from which a factorization gains from every thread
UNSAFE = 15_000  # rows beyond which OpenBLAS' factorization by several threads ends the process
OUTSIDE: ContextVar[int | None] = ContextVar("OUTSIDE", default=None)


@contextmanager
def threads(observed: Observed) -> Iterator[None]:
    """Enter a context with one BLAS thread, or all of them for large full data."""
    if observed.full and min(observed.m, observed.n) >= LARGE:
        yield
        return
    with one_thread():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Enter a context with one BLAS thread, in which no sum depends on how many there are."""
    token = OUTSIDE.set(OUTSIDE.get() or blas_threads())
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        OUTSIDE.reset(token)


@contextmanager
def threads_of_factor(rows: int) -> Iterator[None]:
    """Enter a context with the BLAS threads from outside of `threads`, for a large matrix.

    One thread beyond UNSAFE: scipy's dpotrf was seen to overrun its memory from 16,400 rows on.
    """
    limit = 1 if rows > UNSAFE else OUTSIDE.get()
    if rows < CUBED or limit is None:
        yield
        return
    with threadpool_limits(limit, user_api="blas"):
        yield


def blas_threads() -> int:
    """Return how many threads BLAS may use."""
    return max((p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"), default=1)
