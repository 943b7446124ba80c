"""Millions of ratings, each case in a fresh process: seconds, memory, the gap, and where they go.

    python at_scale.py fit ratings-1m FILE.npz      generate ratings, fit them by least squares
    python at_scale.py check ratings-1m FILE.npz    check the fit, and verify its certificate
    python at_scale.py check ratings-1m FILE.npz processor

Processor seconds stand beside those of the clock.  On a machine that others use the last form
counts the budget in processor seconds, of all threads together.
"""

import resource
import sys
import time
from typing import NamedTuple

import numpy as np
from data import generated_ratings, ridge
from scipy import sparse

from certify import Problem, check, verify
from certify.atoms import RankOne
from certify.base import clock
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.search import ratings


class Case(NamedTuple):
    """Ratings of MovieLens' shapes, the penalty, biases of the same penalty, a fit, a budget."""

    shape: tuple[int, int]
    count: int
    lam: float
    biases: bool
    rank: int
    sweeps: int
    budget: float


CASES = {
    "ratings-100k": Case((943, 1682), 100_000, 20.0, True, 20, 10, 5.0),
    "ratings-1m": Case((6040, 3706), 1_000_000, 40.0, True, 40, 10, 15.0),
    "ratings-1m-plain": Case((6040, 3706), 1_000_000, 40.0, False, 40, 10, 15.0),
    "ratings-10m": Case((71_567, 10_681), 10_000_000, 100.0, False, 30, 6, 90.0),
    "ratings-10m-50": Case((71_567, 10_681), 10_000_000, 50.0, False, 30, 6, 300.0),
}


def fit(case: Case, file: str) -> None:
    """Save ratings and factors that alternating least squares has reached."""
    Y = generated_ratings(case.shape, case.count).tocsr()
    rest, (U, V) = Y.copy(), (np.zeros((d, case.rank)) for d in case.shape)
    if case.biases:
        rest.data -= problem_of(case, Y).shift(problem_of(case, Y).best_offsets((U, V)))
    V = np.random.default_rng(0).standard_normal(V.shape)
    turned = rest.T.tocsr()
    for _ in range(case.sweeps):
        U = ridge(rest, V, case.lam)
        V = ridge(turned, U, case.lam)
    held = Y.tocoo()
    np.savez(file, rows=held.row, cols=held.col, data=held.data, U=U, V=V)


def problem_of(case: Case, Y) -> Problem:
    """State the objective."""
    offsets = [RowIntercept(case.lam), ColumnIntercept(case.lam)] if case.biases else []
    return Problem(Squared(Y), RankOne("l2", "l2"), case.lam, offsets)


def by_processor() -> None:
    """Count budgets in processor seconds from now on, as on one core."""
    ratings.CORES = 1
    ahead = time.monotonic() - time.process_time()
    clock.monotonic = lambda: ahead + time.process_time()


def measure(case: Case, file: str, counted: str = "clock") -> None:
    """Check and verify what is saved; print figures.

    counted  the budget: by the "clock", or by the "processor"
    """
    held = np.load(file)
    Y = sparse.coo_array((held["data"], (held["rows"], held["cols"])), case.shape)
    factors = held["U"], held["V"]
    del held
    lap = Lap()
    problem = problem_of(case, Y)
    lap("problem")
    stages = []

    def seen(stage: str, value: float) -> None:
        seconds = f"{time.perf_counter() - lap.start:7.1f} s, {time.process_time() - begun:6.1f}"
        stages.append(f"  {seconds}  {stage} {value:.8g}")

    begun = time.process_time()
    if counted == "processor":
        by_processor()
    result = check(problem, factors, rtol=1e-3, budget=case.budget, progress=seen)
    lap("check")
    print(*stages[-12:], sep="\n")
    print(f"{result.verdict.name} [{result.lower:.8g}, {result.upper:.8g}]", result.reason)
    best = result.better_upper if result.better_upper is not None else result.upper
    print(f"gap of the best factors: {1 - result.lower / best:.3e}")
    proved = verify(result.certificate, problem, factors, tier="rounded", rtol=1e-3)
    lap("rounded verification")
    print(f"verified: {proved.verdict.name} [{proved.lower:.8g}, {proved.upper:.8g}]")


class Lap:
    """A clock that prints seconds, processor seconds and the peak of memory so far."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.cpu = time.process_time()

    def __call__(self, name: str) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(f"{name}: {wall - self.last:.1f} s, processor {cpu - self.cpu:.1f} s, {peak:.2f} GB")
        self.last, self.cpu = wall, cpu


if __name__ == "__main__":
    {"fit": fit, "check": measure}[sys.argv[1]](CASES[sys.argv[2]], *sys.argv[3:])
