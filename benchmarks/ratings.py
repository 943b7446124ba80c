"""Ratings generated in the shape of MovieLens-1M; their fit and their check.

    python ratings.py fit FILE JSON      python ratings.py check FILE JSON

each in a process of its own, so that the peak of memory of the check is the check's.
"""

import json
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from candidates import alternating
from scipy import sparse

from certify import Problem, check, verify
from certify.atoms import RankOne
from certify.losses import Squared

TASTES = 8  # what a user's rating depends on, each less than the one before


def generated(shape: tuple[int, int], count: int, seed: int = 0) -> sparse.coo_array:
    """Return `count` ratings 1..5 minus their mean, of users and items of skewed popularity.

    Matched to MovieLens-1M (6040 x 3706, a million): activity and popularity are
    lognormal; the stars' frequencies and their deviation, 1.12, come out alike.
    """
    rng = np.random.default_rng(seed)
    rows, cols = pairs(shape, count, rng)
    users, items = (rng.standard_normal((k, TASTES)) for k in shape)
    depth = 0.7 * 0.6 ** np.arange(TASTES)
    score = 3.65 + 0.4 * rng.standard_normal(shape[0])[rows]
    score += 0.5 * rng.standard_normal(shape[1])[cols]
    score += np.einsum("kr,kr->k", users[rows] * depth, items[cols])
    stars = np.clip(np.rint(score + 0.75 * rng.standard_normal(count)), 1, 5)
    return sparse.coo_array((stars - stars.mean(), (rows, cols)), shape=shape)


def pairs(
    shape: tuple[int, int], count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` distinct (user, item), each drawn by its popularity."""
    m, n = shape
    users, items = rng.lognormal(0.0, 1.1, m), rng.lognormal(0.0, 1.6, n)
    codes = np.zeros(0, np.int64)
    while len(codes) < count:
        wanted = 2 * (count - len(codes))
        rows = rng.choice(m, wanted, p=users / users.sum())
        cols = rng.choice(n, wanted, p=items / items.sum())
        codes = np.unique(np.concatenate([codes, rows * n + cols]))
    rows, cols = np.divmod(np.sort(rng.choice(codes, count, replace=False)), n)
    return rows, cols


def fit(file: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Generate ratings, fit them by alternating least squares, save both."""
    Y = generated((asked["m"], asked["n"]), asked["count"])
    problem = Problem(Squared(Y), RankOne("l2", "l2"), asked["lam"])
    start = perf_counter()
    U, V = alternating(problem, asked["r"], asked["sweeps"], 0)
    np.savez(file, rows=Y.row, cols=Y.col, data=Y.data, U=U, V=V)
    return {"fit s": perf_counter() - start}


def checked(file: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Check saved factors, measure the process's peak of memory, and verify the certificate."""
    held = np.load(file)
    Y = sparse.coo_array((held["data"], (held["rows"], held["cols"])), (asked["m"], asked["n"]))
    factors = held["U"], held["V"]
    before, start = peak(), perf_counter()
    problem = Problem(Squared(Y), RankOne("l2", "l2"), asked["lam"])
    result = check(problem, factors, budget=asked["budget"])
    spent, after, start = perf_counter() - start, peak(), perf_counter()
    proved = verify(result.certificate, problem, factors, tier="rounded")
    return {
        "verdict": proved.verdict.name,
        "lower": proved.lower,
        "upper": proved.upper,
        "reason": result.reason,
        "check s": spent,
        "rounded verify s": perf_counter() - start,
        "GB before": before,
        "GB at peak": after,
    }


def peak() -> float:
    """Return the most memory this process ever held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    role, name, text = sys.argv[1:]
    print(json.dumps({"fit": fit, "check": checked}[role](Path(name), json.loads(text))))
