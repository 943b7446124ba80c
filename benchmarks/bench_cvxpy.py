"""Claim 4: the nuclear-norm problem side by side with cvxpy, from the data to an answer."""

from typing import Any

import cvxpy as cp
import numpy as np
from candidates import Array, low_rank, thresholded
from measure import Claim, Options, Report, Rounds, Row, at_least, at_most, main, same

from certify import Problem, improve
from certify.atoms import RankOne
from certify.losses import Squared

SIZES, QUICK = (40, 60), (20, 30)
FASTER = 100


def run(options: Options) -> Report:
    """Solve by cvxpy's default solver, by its first-order one, and here with a proof."""
    rows = [one(n, options) for n in (QUICK if options.quick else SIZES)]
    title = "4. nuclear norm, n x n: cvxpy's solution, and a proved optimum from nothing"
    return Report(title, rows, [c for row in rows for c in claims(row, quick=options.quick)])


def one(n: int, options: Options) -> Row:
    """Solve one problem three ways in each round; the optimum is known in closed form."""
    Y, lam = low_rank(n, n // 4, seed=n)
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam)
    nothing = np.zeros((n, 0)), np.zeros((n, 0))
    optimum = thresholded(Y, lam)[1]
    steps = {
        "proved": lambda _: improve(problem, nothing),
        "default": lambda _: solved(Y, lam),
        "scs": lambda _: solved(Y, lam, solver="SCS"),
    }
    rounds = Rounds(steps, options.rounds(3))
    found, (value, used) = rounds.values["proved"], rounds.values["default"]
    return {
        "n": n,
        "verdict": found.result.verdict.name,
        "proved gap": found.result.relative_gap,
        "ours / optimum - 1": abs(found.objective / optimum - 1),
        "default": used,
        "default / optimum - 1": abs(value / optimum - 1),
        "SCS / optimum - 1": abs(rounds.values["scs"][0] / optimum - 1),
        "ours s": rounds.median("proved"),
        "default s": rounds.median("default"),
        "SCS s": rounds.median("scs"),
        "default / ours": rounds.ratio("default", "proved"),
        "SCS / ours": rounds.ratio("scs", "proved"),
    }


def solved(Y: Array, lam: float, **options: Any) -> tuple[float, str]:  # noqa: ANN401  as cvxpy
    """Return cvxpy's optimum of 1/2 |Y - Z|^2 + lam |Z|_* and the solver it used."""
    Z = cp.Variable(Y.shape)
    asked = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(Z - Y) + lam * cp.normNuc(Z)))
    return float(asked.solve(**options)), str(asked.solver_stats.solver_name)


def claims(row: Row, *, quick: bool) -> list[Claim]:
    """Claim one optimum, and the time to a proved one."""
    n = row["n"]
    found = [
        same(f"n = {n}: verdict", row["verdict"], "CERTIFIED"),
        at_most(f"n = {n}: our optimum, relative error", row["ours / optimum - 1"], 1e-9, ""),
        at_most(f"n = {n}: cvxpy's, relative error", row["default / optimum - 1"], 1e-6, ""),
    ]
    if not quick:
        what = f"n = {n}: cvxpy ({row['default']}) / a proved answer"
        found.append(at_least(what, row["default / ours"], FASTER, "x"))
    return found


if __name__ == "__main__":
    main(run, threads=1)
