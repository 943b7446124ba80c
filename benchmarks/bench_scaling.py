"""Claim 2: what a check and its proofs cost against size, n x n of rank 20 plus noise."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from candidates import Array, low_rank, top_components
from measure import Claim, Options, Report, Rounds, Row, at_most, main, same
from solvers import solved

from certify import Problem, check, verify
from certify.atoms import RankOne
from certify.losses import Squared
from certify.polar.proved import proved_above

PLOT = Path(__file__).parent / "scaling.png"
SMALL = (20, 40, 60)
LARGE = (250, 500, 1000, 2000, 4000)
QUICK = (20, 40), (250, 500)
EXACT = 2000  # the largest size for exact integers
SOLVERS = {"CLARABEL": 60, "SCS": 500}  # the largest size at which each ends in a minute
RANK = 20
LINES = {  # column -> (label, marker)
    "check s": ("check", "o"),
    "rounded s": ("verify, rounded", "s"),
    "exact s": ("verify, exact", "^"),
    "proof s": ("polar proof, rounded", "v"),
    "polar s": ("polar from nothing, rounded", "<"),
    "W.T @ W s": ("one W.T @ W", "x"),
    "CLARABEL s": ("cvxpy by Clarabel, no proof", "D"),
    "SCS s": ("cvxpy by SCS, no proof", "+"),
}


def run(options: Options) -> Report:
    """Time check, both tiers of verify, the polar's proof and one product at each size."""
    small, large = QUICK if options.quick else (SMALL, LARGE)
    rows = [one(n, options) for n in (*small, *large)]
    if not options.quick:
        plot(rows)
    title = f"2. n x n of rank {RANK} plus noise, nuclear norm: seconds against size"
    return Report(title, rows, [verdicts(rows), *(c for row in rows for c in claims(row))])


def one(n: int, options: Options) -> Row:
    """Time everything at one size, step after step in each round."""
    rank = min(RANK, n // 4)
    Y, lam = low_rank(n, rank, seed=n)
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam)
    factors = top_components(Y, rank, lam)
    W = problem.dual_point(factors)
    keys = ("l2", "l2")

    def ready(got: dict[str, Any]) -> float:
        return proved_above(W, keys, got["proposal"].proof)

    def verified(tier: str) -> Any:  # noqa: ANN401  a step
        return lambda got: verify(got["check"].certificate, problem, factors, tier=tier)

    steps = {
        "product": lambda _: W.T @ W,
        "check": lambda _: check(problem, factors),
        "rounded": verified("rounded"),
        "proposal": lambda _: problem.atom.propose(W, lam, 0, None),
        "ready": ready,
        "polar": lambda _: problem.atom.polar(W),
    }
    if n <= EXACT:
        steps["exact"] = verified("exact")
    rounds = Rounds(steps, options.rounds(5 if n <= EXACT // 2 else 3))
    others = {f"{k} s": clock_of(Y, lam, k) for k, largest in SOLVERS.items() if n <= largest}
    return row_of(n, rounds) | others


def clock_of(Y: Array, lam: float, solver: str) -> float:
    """Return the seconds of one solution by cvxpy."""
    return Rounds({"once": lambda _: solved(Y, lam, solver)}, 1).median("once")


def row_of(n: int, rounds: Rounds) -> Row:
    """Return medians, and ratios to the product within each round."""
    seconds = {k: rounds.median(k) for k in rounds.seconds}
    result = rounds.values["check"]
    verdicts = [rounds.values[k].verdict.name for k in ("rounded", "exact") if k in seconds]
    return {
        "n": n,
        "slices": result.certificate.given["U"].shape[1],
        "verified": "/".join(verdicts),
        "relative gap": result.relative_gap,
        "W.T @ W s": seconds["product"],
        "check s": seconds["check"],
        "rounded s": seconds["rounded"],
        "exact s": seconds.get("exact"),
        "proof s": seconds["ready"],
        "polar s": seconds["polar"],
        "proof / product": rounds.ratio("ready", "product"),
        "polar / product": rounds.ratio("polar", "product"),
        "check / product": rounds.ratio("check", "product"),
    }


def verdicts(rows: list[Row]) -> Claim:
    """Claim CERTIFIED at every size, by each tier that ran."""
    found = {verdict for row in rows for verdict in row["verified"].split("/")}
    sizes = ", ".join(str(row["n"]) for row in rows)
    return same(f"n = {sizes}: verdicts verified", "/".join(sorted(found)), "CERTIFIED")


def claims(row: Row) -> list[Claim]:
    """Claim times at 1000 and ratios at 4000."""
    n, found = row["n"], []
    if n == 1000:
        found.append(at_most("n = 1000: exact verify", row["exact s"], 15))
        found.append(at_most("n = 1000: rounded verify", row["rounded s"], 2))
    if n == 4000:
        ratios = ("proof / product", 3), ("check / product", 12)
        found += [at_most(f"n = 4000: {k}", row[k], limit, "x") for k, limit in ratios]
    return found


def plot(rows: list[Row]) -> None:
    """Draw seconds against size on two logarithmic axes."""
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend is chosen

    figure, axes = plt.subplots(figsize=(9, 4.5))
    for column, (label, marker) in LINES.items():
        held = [(row["n"], row[column]) for row in rows if row.get(column) is not None]
        axes.loglog(*zip(*held, strict=True), label=label, marker=marker)
    axes.set(xlabel="n, of n x n data", ylabel="seconds (2 cores)")
    axes.grid(which="major", alpha=0.3)
    sizes = [row["n"] for row in rows]
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main(run)
