"""Ratings with unpenalized biases of users and items: a valid bracket, and one that is not.

    min over U, V, b, c of 1/2 sum over ratings (u_i . v_j + b_i + c_j - y_ij)^2 + lam |Z|_*

A dual point bounds the optimum only if its sums over every user and every item are zero.
The naive figure is d(W) at a W with sigma_1(W) <= lam and no thought of sums: it bounds the
optimum *without* biases, which biases better.
"""

import subprocess
import zipfile
from time import perf_counter

import numpy as np
from bench_movielens import ratings, text
from candidates import alternating
from measure import Claim, Options, Report, Row, at_most, main, same
from scipy import sparse

from certify import Problem, RejectedError, check, verify
from certify.atoms import RankOne
from certify.base.rigor.rounded import Rounded
from certify.kernel import verify as kernel
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.polar.proved import handed

BIASES = RowIntercept(), ColumnIntercept()
SHAPE, SEEN, RANK, LAM = (200, 150), 0.2, 3, 3.0
REAL = 30.0, 20, 25, 120.0  # MovieLens: lam, slices, sweeps, seconds of search
TITLE = "ratings with unpenalized biases: proved bracket against the naive figure"


def run(options: Options) -> Report:
    """Check generated ratings, and MovieLens where it can be read."""
    rows = [one("generated", generated(), LAM, (30, 60, None))]
    claims = told(rows[0])
    if not options.quick:
        try:
            Y = ratings(text())
        except (OSError, subprocess.SubprocessError, zipfile.BadZipFile, KeyError):
            pass  # the row is missing then
        else:
            lam, *rest = REAL
            rows.append(one("MovieLens-100k", Y, lam, tuple(rest)))
            claims += told(rows[1])
    return Report(TITLE, rows, claims)


def generated() -> sparse.coo_array:
    """Return a fifth of a matrix of biases, three tastes and noise, in half stars."""
    rng, (m, n) = np.random.default_rng(0), SHAPE
    taste = rng.standard_normal((m, RANK)) @ rng.standard_normal((RANK, n)) / 2
    biased = 3.5 + rng.normal(0, 0.6, (m, 1)) + rng.normal(0, 0.5, (1, n))
    stars = np.clip(np.rint(2 * (biased + taste + rng.normal(0, 0.4, (m, n)))) / 2, 0.5, 5)
    rows, cols = np.nonzero(rng.random((m, n)) < SEEN)
    return sparse.coo_array((stars[rows, cols], (rows, cols)), shape=(m, n))


def one(name: str, Y: sparse.coo_array, lam: float, effort: tuple) -> Row:
    """Fit, check and verify; then ask the kernel to believe the naive figure."""
    slices, sweeps, budget = effort
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam, BIASES)
    factors = alternating(problem, slices, sweeps, 0)
    start = perf_counter()
    result = check(problem, factors, rtol=1e-2, budget=budget)
    spent, start = perf_counter() - start, perf_counter()
    proved = verify(result.certificate, problem, factors, rtol=1e-2, tier="rounded")
    verified = perf_counter() - start
    figure, code = naive(problem, result, effort)
    return {
        "ratings": name,
        "observed": Y.nnz,
        "rank": int(np.linalg.matrix_rank(factors[0] @ factors[1].T, tol=1e-3)),
        "verdict": proved.verdict.name,
        "lower": proved.lower,
        "upper": proved.upper,
        "relative gap": result.relative_gap,
        "naive figure": figure,
        "naive / upper": figure / proved.upper,
        "kernel says": code,
        "check s": spent,
        "rounded verify s": verified,
    }


def naive(problem: Problem, result, effort: tuple) -> tuple[float, str]:  # noqa: ANN001  a Result
    """Return d(W) for the W of a fit that forgets the biases, and the kernel's word on it."""
    plain = Problem(problem.loss, problem.atom, problem.lam)
    W = plain.dual_point(alternating(plain, effort[0], effort[1], 0))
    top = sparse.linalg.svds(problem.loss.observed.matrix(W), 1)[1][0]
    W = W * min(1.0, problem.lam / top)
    held = result.certificate
    try:
        kernel.prove(
            held.statement, held.given, held.proof, held.witness | {"W": handed(W)}, Rounded()
        )
        code = "accepted"
    except RejectedError as error:
        code = error.code
    return problem.loss.dual_value(W), code


def told(row: Row) -> list[Claim]:
    """Claim a gap under one per cent, and a naive figure above the truth that is refused."""
    name = row["ratings"]
    return [
        at_most(f"{name}: relative gap", row["relative gap"], 1e-2, ""),
        at_most(f"{name}: the truth / naive figure", row["upper"] / row["naive figure"], 1.0, ""),
        same(f"{name}: the kernel on the naive dual point", row["kernel says"], "orthogonal"),
    ]


if __name__ == "__main__":
    main(run, threads=1)
