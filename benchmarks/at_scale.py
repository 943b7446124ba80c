"""Millions of ratings, each case in a fresh process: seconds, memory, the gap, and where they go.

    python at_scale.py fit ratings-1m FILE.npz      generate ratings, fit them by least squares
    python at_scale.py check ratings-1m FILE.npz    check the fit, and verify its certificate
    python at_scale.py check ratings-1m FILE.npz processor
    python at_scale.py light ratings-1m FILE.npz    what a smaller proof would lose, in floats

Processor seconds stand beside those of the clock.  On a machine that others use the last form
counts the budget in processor seconds, of all threads together: CORES times the budget.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from data import generated_ratings, ridge
from measure import Options, Row, at_most, picture
from scipy import linalg, sparse
from scipy.sparse.linalg import svds

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
    rtol: float = 1e-3


CASES = {
    "ratings-100k": Case((943, 1682), 100_000, 20.0, True, 20, 10, 5.0),
    "ratings-1m": Case((6040, 3706), 1_000_000, 40.0, True, 40, 10, 15.0),
    "ratings-1m-plain": Case((6040, 3706), 1_000_000, 40.0, False, 40, 10, 15.0),
    "ratings-1m-20": Case((6040, 3706), 1_000_000, 20.0, False, 40, 10, 30.0, 1e-2),
    "ratings-10m": Case((71_567, 10_681), 10_000_000, 100.0, False, 30, 6, 90.0),
    "ratings-10m-50": Case((71_567, 10_681), 10_000_000, 50.0, False, 30, 6, 300.0, 1e-2),
    "ratings-20m": Case((138_493, 26_744), 20_000_000, 150.0, False, 30, 6, 400.0),
}
CORES = 2
LINES = {  # columns of the picture: label, marker
    "check, processor s": ("check, seconds of the processor", "o"),
    "rounded verify, processor s": ("rounded verification, seconds", "s"),
    "GB": ("memory, GB", "^"),
}
TABLE = {  # proved gap, processor seconds, GB that are wanted
    "ratings-100k": (1e-3, 5.0 * CORES, 1.0),
    "ratings-1m": (1e-3, 15.0 * CORES, 1.0),
    "ratings-10m": (1e-3, 90.0 * CORES, 3.0),
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


def by_processor(budget: float) -> float:
    """Count budgets in processor seconds from now on, as on one core; return a longer one."""
    ratings.CORES = 1
    ahead = time.monotonic() - time.process_time()
    clock.monotonic = lambda: ahead + time.process_time()
    return CORES * budget


def measure(case: Case, file: str, counted: str = "clock") -> Row:
    """Check and verify what is saved; print figures, and return those of the table.

    counted  the budget: by the "clock", or by the "processor"
    """
    held = np.load(file)
    Y = sparse.coo_array((held["data"], (held["rows"], held["cols"])), case.shape)
    factors = held["U"], held["V"]
    del held
    lap = Lap()
    problem = problem_of(case, Y)
    del Y  # the problem has its own
    lap("problem")
    stages = []

    def seen(stage: str, value: float) -> None:
        seconds = f"{time.perf_counter() - lap.start:7.1f} s, {time.process_time() - begun:6.1f}"
        stages.append(f"  {seconds}  {stage} {value:.8g}")

    begun = time.process_time()
    budget = by_processor(case.budget) if counted == "processor" else case.budget
    result = check(problem, factors, rtol=case.rtol, budget=budget, progress=seen)
    checked = lap("check")
    print(*stages[-12:], sep="\n")
    print(f"{result.verdict.name} [{result.lower:.8g}, {result.upper:.8g}]", result.reason)
    best = result.better_upper if result.better_upper is not None else result.upper
    if result.reached is not None:  # of any size, its objective in floats
        best = min(best, result.reached.value)
    print(f"gap of the best factors: {1 - result.lower / best:.3e}")
    proved = verify(result.certificate, problem, factors, tier="rounded", rtol=case.rtol)
    verified = lap("rounded verification")
    print(f"verified: {proved.verdict.name} [{proved.lower:.8g}, {proved.upper:.8g}]")
    return {
        "ratings": f"{problem.loss.observed.size} of {case.shape[0]} x {case.shape[1]}",
        "lam": case.lam,
        "biases": "yes" if case.biases else "no",
        "budget": f"{budget:g} s, {counted}",
        "verdict": proved.verdict.name,
        "gap of the best factors": 1 - result.lower / best,
        "check, processor s": checked[1],
        "on the clock": checked[0],
        "rounded verify, processor s": verified[1],
        "on the clock, too": verified[0],
        "GB": lap.peak(),
    }


def at_scale(options: Options):
    """Each case of TABLE, its fit and its check in processes of their own; none if quick.

    Fits are kept in the folder that the environment's FITS names, if it names one.
    """
    yield "12. millions of ratings: seconds of the processor, on a machine with other work"
    rows = []
    for name, (gap, seconds, size) in {} if options.quick else TABLE.items():
        with TemporaryDirectory() as folder:
            file = Path(os.environ.get("FITS", folder)) / f"{name}.npz"
            if not file.exists():
                subprocess.run([sys.executable, __file__, "fit", name, file], check=True)
            run = [sys.executable, __file__, "check", name, file, "processor"]
            told = subprocess.run(run, check=True, capture_output=True, text=True).stdout
        print(told)
        row = json.loads(told.splitlines()[-1])
        rows.append(row)
        yield row
        yield at_most(f"{name}: proved gap", row["gap of the best factors"], gap, "")
        yield at_most(f"{name}: check, on a processor", row["check, processor s"], seconds)
        yield at_most(f"{name}: memory", row["GB"], size, "GB")
    if rows:
        draw(rows)


def draw(rows: list[Row]) -> None:
    """Draw seconds and memory against ratings; a slope is that of the last two points."""
    counts = [int(row["ratings"].split()[0]) for row in rows]
    with picture("ratings.png", (7, 4.5), outside=False) as axes:
        for column, (label, marker) in LINES.items():
            held = [row[column] for row in rows]
            slope = np.diff(np.log(held[-2:]))[0] / np.diff(np.log(counts[-2:]))[0]
            axes.loglog(counts, held, label=f"{label} (slope {slope:.2f})", marker=marker)
        axes.set_xticks(counts, [f"{k:,}" for k in counts])
        axes.minorticks_off()
        axes.set(xlabel="ratings", ylabel="seconds; GB")


def light(case: Case, file: str) -> None:
    """Print by how much bounds of sigma_1(W) that hold less than n^2 numbers are too large.

    With G = W^T W, its columns from many ratings to few, and D_jj = sum_k |G_jk| p_k / p_j over
    the light ones, p > 0: D - G_22 is diagonally dominant, so

        G <= [G_11, G_12; G_21, D] <= t I  if  D < t I,  t I - G_11 - G_12 (t I - D)^-1 G_21 >= 0,

    a matrix of the heavy columns only.  p is the Perron vector of |G_22|.
    """
    held = np.load(file)
    Y = sparse.coo_array((held["data"], (held["rows"], held["cols"])), case.shape)
    problem = problem_of(case, Y)
    result = check(problem, (held["U"], held["V"]), rtol=case.rtol)
    W = problem.loss.observed.matrix(np.asarray(result.certificate.witness["W"].data))
    counts = np.diff(W.tocsc().indptr)
    W = W[:, np.argsort(-counts)]
    G = (W.T @ W).toarray()
    n, top = len(G), float(np.linalg.norm(G, 2))
    size = float(svds(abs(W), 1, return_singular_vectors=False)[0]) / top**0.5
    print(f"{result.verdict.name}; sigma_1(|W|) / sigma_1(W) = {size:.2f}")
    for share in (0.25, 0.5, 0.75):
        k = int(share * n)
        least = least_shift(G[:k, :k], G[:k, k:], np.abs(G[k:, k:]), top)
        print(f"{share:.0%} of the columns heavy: {(least / top) ** 0.5 - 1:.2e} too large")


def least_shift(G, coupling, light, top: float) -> float:
    """Return about the least t of `light`."""
    p = np.ones(len(light))
    for _ in range(200):
        p = light @ p
        p = np.maximum(p / p.max(), 1e-12)
    D = light @ p / p

    def holds(t: float) -> bool:
        """Whether t is a bound."""
        if D.max() >= t:
            return False
        A = t * np.eye(len(G)) - G - (coupling / (t - D)) @ coupling.T
        return bool(linalg.lapack.dpotrf(A)[1] == 0)

    low, high = top, 2 * (top + float(D.max()))
    for _ in range(20):
        t = (low * high) ** 0.5
        low, high = (low, t) if holds(t) else (t, high)
    return high


class Lap:
    """A clock that prints seconds, processor seconds and the peak of memory so far."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.cpu = time.process_time()

    def __call__(self, name: str) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        took = wall - self.last, cpu - self.cpu
        print(f"{name}: {took[0]:.1f} s, processor {took[1]:.1f} s, {self.peak():.2f} GB")
        self.last, self.cpu = wall, cpu
        return took

    @staticmethod
    def peak() -> float:
        """Return the peak of memory so far, in GB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    known = CASES[sys.argv[2]]
    if sys.argv[1] in ("fit", "light"):
        {"fit": fit, "light": light}[sys.argv[1]](known, sys.argv[3])
    else:
        print(json.dumps(measure(known, *sys.argv[3:])))
