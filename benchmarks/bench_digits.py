"""Claim 1: the digits data, 1797 x 64, under the nuclear norm at lam = 0.1 sigma_1."""

import numpy as np
from candidates import Factors, alternating, digits, thresholded
from measure import Claim, Options, Report, Rounds, Row, at_most, main, same

from certify import Problem, check, verify
from certify.atoms import RankOne
from certify.losses import Squared

EARLY, FEW = 3, 8  # sweeps of the early-stopped fit; slices of the small one


def run(options: Options) -> Report:
    """Check an optimum, an early-stopped fit and a fit with too few slices."""
    Y = digits()
    lam = 0.1 * float(np.linalg.norm(Y, 2))
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam)
    (U, V), optimum = thresholded(Y, lam)
    r = U.shape[1]
    cases: dict[str, tuple[Factors, str]] = {
        "soft-thresholded": ((U, V), "CERTIFIED"),
        f"stopped after {EARLY} sweeps": (alternating(problem, r, EARLY, 0), "REFUTED"),
        f"best {FEW} of {r} slices": ((U[:, :FEW], V[:, :FEW]), "RANK_LIMITED"),
    }
    rows: list[Row] = []
    claims: list[Claim] = []
    for name, (factors, verdict) in cases.items():
        row = one(problem, factors, optimum, options)
        rows.append({"candidate": name} | row)
        claims += wanted(name, verdict, row)
    return Report("1. digits 1797 x 64, nuclear norm, lam = 0.1 sigma_1", rows, claims)


def one(problem: Problem, factors: Factors, optimum: float, options: Options) -> Row:
    """Check and verify a candidate whose true excess over the optimum is known."""
    steps = {
        "check": lambda _: check(problem, factors),
        "exact": lambda got: verify(got["check"].certificate, problem, factors),
    }
    rounds = Rounds(steps, options.rounds(5))
    result, proved = rounds.values["check"], rounds.values["exact"]
    excess = result.upper - optimum
    return {
        "slices": factors[0].shape[1],
        "verdict": proved.verdict.name,
        "relative gap": result.relative_gap,
        "true excess": max(excess, 0.0) / result.upper,
        "gap / excess": result.gap / excess if excess > 1e-9 * optimum else None,
        "check s": rounds.median("check"),
        "exact verify s": rounds.median("exact"),
        "both s": rounds.median("check", "exact"),
    }


def wanted(name: str, verdict: str, row: Row) -> list[Claim]:
    """Claim the verdict, its time, and a bracket near the true excess."""
    limit = 15 if verdict == "CERTIFIED" else 10
    claims = [
        same(f"{name}: verdict, verified exactly", row["verdict"], verdict),
        at_most(f"{name}: check + exact verify", row["both s"], limit),
    ]
    if row["gap / excess"] is not None:
        claims.append(at_most(f"{name}: bracket / true excess", row["gap / excess"], 2, "x"))
    return claims


if __name__ == "__main__":
    main(run, threads=1)
