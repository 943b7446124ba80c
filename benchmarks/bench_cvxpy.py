"""Claim 4: the nuclear-norm problem side by side with cvxpy, from the data to an answer."""

import numpy as np
from candidates import low_rank, thresholded
from measure import Claim, Options, Report, Rounds, Row, at_most, main, same
from solvers import solved

from certify import Problem, improve
from certify.atoms import RankOne
from certify.losses import Squared

SIZES, QUICK = (40, 60), (20, 30)
FASTER = 100


def run(options: Options) -> Report:
    """Solve by interior points (Clarabel), by splitting (SCS), and here with a proof."""
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
        "clarabel": lambda _: solved(Y, lam, "CLARABEL"),
        "scs": lambda _: solved(Y, lam, "SCS"),
    }
    rounds = Rounds(steps, options.rounds(3))
    found = rounds.values["proved"]
    return {
        "n": n,
        "verdict": found.result.verdict.name,
        "proved gap": found.result.relative_gap,
        "ours / optimum - 1": abs(found.objective / optimum - 1),
        "Clarabel / optimum - 1": abs(rounds.values["clarabel"] / optimum - 1),
        "SCS / optimum - 1": abs(rounds.values["scs"] / optimum - 1),
        "ours s": rounds.median("proved"),
        "Clarabel s": rounds.median("clarabel"),
        "SCS s": rounds.median("scs"),
        "Clarabel / ours": rounds.ratio("clarabel", "proved"),
        "SCS / ours": rounds.ratio("scs", "proved"),
    }


def claims(row: Row, *, quick: bool) -> list[Claim]:
    """Claim one optimum, and the time to a proved one."""
    n = row["n"]
    theirs = max(row["Clarabel / optimum - 1"], row["SCS / optimum - 1"])
    found = [
        same(f"n = {n}: verdict", row["verdict"], "CERTIFIED"),
        at_most(f"n = {n}: our optimum, relative error", row["ours / optimum - 1"], 1e-9, ""),
        at_most(f"n = {n}: cvxpy's optimum, relative error", theirs, 1e-6, ""),
    ]
    if not quick:
        ratio = row["Clarabel / ours"]
        beside = f"{ratio:.3g} x by Clarabel; {row['SCS / ours']:.2g} x by SCS"
        what = f"n = {n}: time of cvxpy, no proof / time to a proved optimum"
        found.append(Claim(what, f"at least {FASTER} x (Clarabel)", beside, ratio >= FASTER))
    return found


if __name__ == "__main__":
    main(run, threads=1)
