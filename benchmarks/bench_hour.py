"""All of diabetes at a small lam: the bracket of a hidden layer against time, to an hour.

python benchmarks/bench_hour.py --repeats 600    these seconds instead of an hour
"""

from pathlib import Path
from time import perf_counter, process_time

import matplotlib as mpl
from bench_networks import diabetes, optimum, problem_at
from measure import Claim, Options, Report, Row, at_most, main

from certify import check

PLOT = Path(__file__).with_name("hour.png")
ROWS, SHARE, HOUR = 442, 0.05, 3600
TRAINED = 120.0  # seconds of search before anything is proved
TRIVIAL = 0.82  # of the objective: what bounds without a certificate leave


def run(options: Options) -> Report:
    """Spend the seconds on one proof, and keep what it had reached on the way."""
    seconds = 20 if options.quick else options.repeats or HOUR
    problem = problem_at(diabetes(60 if options.quick else ROWS), SHARE)
    best = optimum(problem, 1e-4, 5.0 if options.quick else TRAINED)
    upper, heard = problem.objective(best), [(0.0, 0.0)]
    start, worked = perf_counter(), process_time()

    def told(stage: str, value: float) -> None:
        """Keep a lower bound that rises."""
        if "optimum at least" in stage and value > heard[-1][1]:
            heard.append((perf_counter() - start, value))

    found = check(problem, best, rtol=1e-2, budget=seconds, progress=told)
    heard.append((perf_counter() - start, found.lower))
    if not options.quick:
        plot(heard, upper)
    rows: list[Row] = [
        {"s": at, "proved at least": lower, "gap": 1 - lower / upper}
        for at, lower in thinned(heard[1:])
    ]
    rows[-1] |= {"verdict": found.verdict.name, "tier": found.tier}
    rows[-1]["processor s"] = process_time() - worked
    return Report(f"442 x 11, lam / lam_max = {SHARE}, {seconds} s", rows, claims(rows))


def thinned(heard: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return what was reached at 1, 2, 4, ... times the first moment, and at the end."""
    out, due = [heard[0]], 2 * heard[0][0]
    for at, lower in heard[1:-1]:
        if at >= due:
            out.append((at, lower))
            due = 2 * at
    return [*out, heard[-1]]


def claims(rows: list[Row]) -> list[Claim]:
    """Claim less than what trivial bounds leave."""
    return [at_most("gap at the end", float(rows[-1]["gap"]), TRIVIAL, "")]


def plot(heard: list[tuple[float, float]], upper: float) -> None:
    """Draw the bracket against time."""
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend is chosen

    figure, axes = plt.subplots(figsize=(8, 4))
    times, lowers = zip(*heard, strict=True)
    axes.step(times, lowers, where="post", label="proved: the optimum is at least")
    axes.axhline(upper, color="tab:red", linewidth=1, label="the network's objective")
    axes.fill_between(times, lowers, upper, step="post", alpha=0.15)
    axes.set(xlabel="seconds (one core)", ylabel="objective", xscale="log", xlim=(1, None))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    figure.tight_layout()
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main(run, threads=1)
