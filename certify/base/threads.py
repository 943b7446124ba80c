"""How many BLAS threads a problem deserves.

Decompositions of small matrices lose far more to threads that wait for each other than
they gain: a QR of 943 x 40 took 157 ms on two busy cores with two threads, 1.5 ms with one.
"""

from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import threadpool_limits

from .observed import Observed

LARGE = 500  # smaller side of full data from which products gain from every thread


def threads(observed: Observed) -> AbstractContextManager[object]:
    """Return a context with one BLAS thread, or all of them for large full data."""
    if observed.full and min(observed.m, observed.n) >= LARGE:
        return nullcontext()
    one: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return one
