"""Claim 6: DictionaryLearning on 600 digits, against the optimum over all sizes in closed form."""

import warnings
from typing import Any

import numpy as np
from candidates import Array, digits
from measure import Claim, Options, Report, Rounds, Row, at_most, main, same
from sklearn.decomposition import DictionaryLearning

from certify import check, verify
from certify.adapters.sklearn import from_model

COUNT, ALPHA = 600, 1.0
SIZES, QUICK = (20, 100), (20,)


def run(options: Options) -> Report:
    """Fit, check, and compare the better factors with the closed form."""
    Y = digits(COUNT)
    rows = [one(Y, k, options) for k in (QUICK if options.quick else SIZES)]
    title = f"6. DictionaryLearning on {COUNT} digits, alpha = {ALPHA:g}"
    return Report(title, rows, [c for row in rows for c in claims(row)])


def closed_form(Y: Array, alpha: float) -> float:
    """Return min over all sizes of 1/2 |Y - U V^T|^2 + alpha sum_k |u_k|_1 |v_k|_2.

    The gauge of |u|_1 |v|_2 is the sum of the norms of the rows, so rows part:

        min_z 1/2 |y - z|^2 + alpha |z|  at  z = (1 - alpha / |y|)_+ y,
        = 1/2 |y|^2 if |y| <= alpha, else alpha |y| - 1/2 alpha^2         (Huber).
    """
    size = np.linalg.norm(Y, axis=1)
    return float(np.where(size <= alpha, 0.5 * size**2, alpha * size - 0.5 * alpha**2).sum())


def fitted(Y: Array, k: int) -> tuple[Any, Any]:
    """Return the problem of a fitted DictionaryLearning, and its factors."""
    model = DictionaryLearning(k, alpha=ALPHA, max_iter=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that has not converged is a fit to be judged
        model.fit(Y)
    return from_model(model, Y)


def one(Y: Array, k: int, options: Options) -> Row:
    """Check and verify one fit."""
    problem, factors = fitted(Y, k)
    steps = {
        "check": lambda _: check(problem, factors),
        "exact": lambda got: verify(got["check"].certificate, problem, factors),
    }
    rounds = Rounds(steps, options.rounds(3))
    result, optimum = rounds.values["check"], closed_form(Y, ALPHA)
    excess = result.upper - optimum
    return {
        "k": k,
        "verdict": rounds.values["exact"].verdict.name,
        "objective": result.upper,
        "optimum": optimum,
        "true excess": excess / result.upper,
        "bracket / excess - 1": result.gap / excess - 1,
        "lifted / optimum - 1": abs(problem.objective(result.better) / optimum - 1),
        "lower / optimum - 1": abs(result.lower / optimum - 1),
        "slices of it": result.better[0].shape[1],
        "check s": rounds.median("check"),
        "exact verify s": rounds.median("exact"),
    }


def claims(row: Row) -> list[Claim]:
    """Claim the verdict, and both sides at the optimum over all sizes."""
    k = row["k"]
    reached = f"k = {k}: objective of the factors attached / optimum - 1"
    proved = f"k = {k}: proved lower bound / optimum - 1"
    return [
        same(f"k = {k}: verdict, verified exactly", row["verdict"], "RANK_LIMITED"),
        at_most(reached, row["lifted / optimum - 1"], 1e-9, ""),
        at_most(proved, row["lower / optimum - 1"], 1e-9, ""),
    ]


if __name__ == "__main__":
    main(run, threads=1)
