"""Hidden layers: networks that a search ends at, judged; random data, and diabetes."""

from time import perf_counter, process_time

import numpy as np
import proofs
from measure import Claim, Options, Report, Row, at_most, main, same
from sklearn.datasets import load_diabetes

from certify import Problem, Verdict, check, improve
from certify.atoms import ReLU
from certify.losses import Squared

PART, WIDE = 60, 9  # rows and features of the smaller diabetes problem
UNITS = 24  # neurons that an improvement starts from
REFUTATIONS = 5  # by networks of one size, before a candidate is judged
Asked = tuple[Problem, tuple[np.ndarray, ...]]
BUDGETS = {PART: 120.0, 442: 600.0}


def diabetes(rows: int) -> tuple[ReLU, Squared]:
    """Return the first rows of a permutation, standardized; the part leaves out feature 7."""
    X, y = load_diabetes(return_X_y=True)
    kept = np.random.default_rng(0).permutation(len(X))[:rows]
    X, y = X[kept], y[kept, None]
    X = np.delete(X, 7, axis=1) if rows == PART else X
    X, y = ((a - a.mean(axis=0)) / a.std(axis=0) for a in (X, y))
    return ReLU(X, bias="regularized"), Squared(y)


def random(rows: int, d: int, seed: int) -> tuple[ReLU, Squared]:
    """Return a network's outputs on random data, with noise."""
    rng = np.random.default_rng(seed)
    X, U = rng.standard_normal((rows, d)), rng.standard_normal((d, 3))
    y = np.maximum(X @ U, 0.0).sum(axis=1, keepdims=True)
    return ReLU(X), Squared(y + 0.3 * rng.standard_normal(y.shape))


def problem_at(data: tuple[ReLU, Squared], share: float) -> Problem:
    """Return the problem at a share of the smallest lam of an empty network."""
    atom, loss = data
    top = atom.attain(loss.data, 0)[0]
    return Problem(loss, atom, share * top)


def start_of(problem: Problem, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Return small random weights."""
    rng = np.random.default_rng(1)
    shapes = problem.atom.shapes(problem.loss.dims)
    first, second = (0.1 * rng.standard_normal((*s, units)) for s in shapes)
    return first, second


def judged(named: tuple[str, float], asked: Asked, rtol: float, budget: float) -> Row:
    """Time a check, and the verification of its certificate."""
    begun, worked = perf_counter(), process_time()
    found = check(*asked, rtol=rtol, budget=budget)
    row = {
        "problem": named[0],
        "lam / lam_max": named[1],
        "epsilon": rtol,
        "verdict": found.verdict.name,
        "gap, relative": found.relative_gap,
        "tier": found.tier,
        "check s": perf_counter() - begun,
        "processor s": process_time() - worked,
    }
    return row | proofs.read(found, asked, rtol)


def optimum(problem: Problem, rtol: float, budget: float) -> tuple[np.ndarray, ...]:
    """Return the weights that an improvement ends at, whatever their proof."""
    return improve(problem, start_of(problem, UNITS), rtol=rtol, budget=budget).factors


def too_few(problem: Problem, best: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return weights of half the neurons, that nothing of their size was found better than."""
    theta = problem.atom.theta(best)
    factors = tuple(x[:, np.argsort(-theta)[: len(theta) // 2]] for x in best)
    size = factors[0].shape[1]
    for _ in range(REFUTATIONS):
        found = check(problem, factors, budget=20.0)
        if found.verdict is not Verdict.REFUTED or found.better[0].shape[1] > size:
            break
        factors = found.better
    return factors


def on_random(share: float) -> list[Row]:
    """Judge an optimum, one with too few neurons, and one stopped early."""
    problem = problem_at(random(100, 3, 0), share)
    best = optimum(problem, 1e-6, 60.0)
    early, few = tuple(1.02 * x for x in best), too_few(problem, best)
    cases = {
        f"random 100 x 3, {best[0].shape[1]} neurons": best,
        f"too few, {few[0].shape[1]}": few,
        "stopped early": early,
    }
    return [judged((name, share), (problem, x), 1e-6, 60.0) for name, x in cases.items()]


def on_diabetes(rows: int, share: float, rtol: float) -> Row:
    """Judge the network that an improvement ends at."""
    problem = problem_at(diabetes(rows), share)
    best = optimum(problem, 0.01 * rtol, 0.25 * BUDGETS[rows])
    name = f"diabetes {rows} x {best[0].shape[0]}, {best[0].shape[1]} neurons"
    return judged((name, share), (problem, best), rtol, BUDGETS[rows])


def run(options: Options) -> Report:
    """Judge networks on random data and on diabetes."""
    rows = [*on_random(0.2), *on_random(0.05)]
    if not options.quick:
        rows += [on_diabetes(PART, s, r) for s, r in ((0.5, 1e-3), (0.2, 1e-3), (0.067, 1e-2))]
        rows += [on_diabetes(442, s, 1e-2) for s in (0.5, 0.2)]  # smaller: bench_hour
    return Report("Hidden layers", rows, claims(rows))


def claims(rows: list[Row]) -> list[Claim]:
    """Claim certificates on random data within a minute, and refutations."""
    held = sum(r["verified as"] == r["verdict"] for r in rows)
    return [
        at_most("random data, optimum", max(r["check s"] for r in rows[:6:3]), 60),
        told("optima", rows[:6:3], "CERTIFIED"),
        told("too few neurons", rows[1:6:3], "RANK_LIMITED"),
        told("stopped early", rows[2:6:3], "REFUTED"),
        same("networks with a bracket, verified in both tiers", held, len(rows)),
    ]


def told(what: str, rows: list[Row], verdict: str) -> Claim:
    """Claim one verdict of all rows."""
    got = sorted({r["verdict"] for r in rows})
    return Claim(what, verdict, ", ".join(got), got == [verdict])


if __name__ == "__main__":
    main(run, threads=1)
