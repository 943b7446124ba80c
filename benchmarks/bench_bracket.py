"""Claim 5: digits with the last component dropped: a projected dual point against a scaled one."""

import numpy as np
from candidates import digits, thresholded
from measure import Claim, Options, Report, Rounds, Row, at_most, main

from certify import Problem, check
from certify.atoms import RankOne
from certify.losses import Squared

TRUE, SCALED = 9.0e-6, 1.3e-2  # relative, to the two digits given


def run(options: Options) -> Report:
    """Check with the search's dual point, and with the candidate's residual scaled."""
    Y = digits()
    lam = 0.1 * float(np.linalg.norm(Y, 2))
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam)
    (U, V), optimum = thresholded(Y, lam)
    factors = U[:, :-1], V[:, :-1]
    steps = {
        "searched": lambda _: check(problem, factors),
        "scaled": lambda _: check(problem, factors, dual=problem.dual_point(factors)),
    }
    rounds = Rounds(steps, options.rounds(5))
    value = problem.objective(factors)
    excess = (value - optimum) / value
    rows: list[Row] = [
        {
            "dual point": name,
            "verdict": (result := rounds.values[key]).verdict.name,
            "true excess": excess,
            "proved bracket": result.relative_gap,
            "bracket / excess": result.relative_gap / excess,
            "check s": rounds.median(key),
        }
        for name, key in (("search", "searched"), ("residual, scaled", "scaled"))
    ]
    title = "5. digits, soft-thresholded, last component dropped"
    return Report(title, rows, claims(rows))


def claims(rows: list[Row]) -> list[Claim]:
    """Claim the bracket of the search within 1 % of the truth, and what scaling gives."""
    found, scaled = rows
    off = abs(found["bracket / excess"] - 1)
    return [
        near("true excess, relative", found["true excess"], TRUE),
        at_most("bracket / true excess, off 1 by", 100 * off, 1, "%"),
        near("bracket by scaling the residual alone", scaled["proved bracket"], SCALED),
    ]


def near(what: str, got: float, wanted: float) -> Claim:
    """Claim agreement to two digits."""
    return Claim(what, f"{wanted:.1e}", f"{got:.3e}", f"{got:.1e}" == f"{wanted:.1e}")


if __name__ == "__main__":
    main(run, threads=1)
