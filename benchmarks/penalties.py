"""How the penalty and the size decide what is proved: three families, three sizes, four penalties.

    python benchmarks/penalties.py [PART ...]   fit and check, those whose family has a PART in it;
                                                merged into penalties.json

lam_max is the penalty from which on no component is worth its price, as found by a local search.
`python benchmarks/defaults.py --page` writes the table into docs/howto/what-to-expect.md.
"""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from data import diabetes, digits
from sklearn.decomposition import NMF
from sklearn.neural_network import MLPRegressor

from certify import Problem, check, from_model, improve
from certify.atoms import CP, RankOne, ReLU
from certify.losses import Squared
from certify.pipeline.report._numbers import excess

BUDGET = 10.0  # seconds of search for each
RATIOS = (0.5, 0.2, 0.1, 0.05)
STORED = Path(__file__).with_suffix(".json")
Row = dict[str, Any]
Fit = Callable[[float], tuple[Any, Any]]  # lam to the problem and its factors


def highest(atom: Any, residual: Any) -> float:
    """Return lam_max: the largest <W, phi(x)> of a component x with theta(x) = 1, as found."""
    return max(float(atom.attain(residual, seed)[0]) for seed in range(3))


def nonnegative() -> Iterator[tuple[str, float, Fit]]:
    """Yield penalized NMF of digits by scikit-learn: the size, lam_max and how to fit."""
    for n in (50, 200, 800):
        Y = digits(n)

        def fit(lam: float, Y: Any = Y) -> tuple[Any, Any]:
            a, b = lam / Y.shape[1], lam / Y.shape[0]
            settings = {"random_state": 0, "tol": 1e-8, "max_iter": 2000}
            model = NMF(8, alpha_W=a, alpha_H=b, init="random", **settings)
            return from_model(model, Y, codes=model.fit_transform(Y))

        yield f"{n} x {Y.shape[1]}", highest(RankOne("l2+", "l2+"), Y), fit


def tensors() -> Iterator[tuple[str, float, Fit]]:
    """Yield CP of noisy tensors of rank 3, by descent."""
    for dims in ((8, 7, 6), (20, 15, 10), (60, 30, 20)):
        T = noisy(dims)

        def fit(lam: float, T: Any = T) -> tuple[Any, Any]:
            problem = Problem(Squared(T), CP(), lam)
            rng = np.random.default_rng(0)
            start = tuple(0.5 * rng.standard_normal((n, 4)) for n in T.shape)
            return problem, improve(problem, start, budget=2.0).factors

        yield " x ".join(map(str, dims)), highest(CP(), T), fit


def noisy(dims: tuple[int, ...]) -> Any:
    """Return a nonnegative tensor of rank 3 with noise of a tenth of its size."""
    rng = np.random.default_rng(0)
    T = np.einsum("ir,jr,kr->ijk", *(rng.random((n, 3)) for n in dims))
    noise = rng.standard_normal(dims)
    return T + 0.1 * np.linalg.norm(T) / np.linalg.norm(noise) * noise


def networks() -> Iterator[tuple[str, float, Fit]]:
    """Yield ReLU networks of 8 hidden units on diabetes, three features, by scikit-learn."""
    for n in (40, 120, 442):
        held = diabetes(n)
        X, y = np.ascontiguousarray(held.X[:, [2, 3, 8]]), np.ravel(held.y)

        def fit(lam: float, X: Any = X, y: Any = y) -> tuple[Any, Any]:
            settings = {"random_state": 0, "tol": 1e-9, "max_iter": 5000, "solver": "lbfgs"}
            model = MLPRegressor(hidden_layer_sizes=(8,), alpha=lam, **settings).fit(X, y)
            return from_model(model, X, y)

        top = highest(ReLU(X, bias="free", form="sum"), (y - y.mean())[:, None])
        yield f"{n} x {X.shape[1]}", top, fit


FAMILIES = {
    "NMF, 8 components": nonnegative,
    "CP, 4 components": tensors,
    "ReLU network, 8 hidden units": networks,
}


def row(family: str, size: str, ratio: float, found: tuple[Any, Any]) -> Row:
    """Return what is proved of a fit."""
    problem, factors = found
    start = perf_counter()
    result = check(problem, factors, q=getattr(factors, "q", None), budget=BUDGET)
    told: Row = {"family": family, "size": size, "ratio": ratio, "verdict": result.verdict.name}
    best = result.upper if result.better_upper is None else result.better_upper
    told |= {"lower": result.lower, "best": best, "upper": result.upper}
    return told | {"seconds": round(perf_counter() - start, 1)}


def run(parts: list[str]) -> None:
    """Measure, and store after each fit."""
    rows = {(r["family"], r["size"], r["ratio"]): r for r in stored()}
    for family, sizes in FAMILIES.items():
        if parts and not any(p in family for p in parts):
            continue
        for size, top, fit in sizes():
            for ratio in RATIOS:
                new = row(family, size, ratio, fit(ratio * top))
                rows[family, size, ratio] = new
                print(new, flush=True)
                STORED.write_text(json.dumps([*rows.values()], indent=0) + "\n", encoding="utf-8")


def stored() -> list[Row]:
    """Return the rows measured so far."""
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else []


def table(rows: list[Row]) -> list[str]:
    """Return the rows as lines of a table: one for each family and size."""
    lines = ["| model | data | " + " | ".join(f"λ/λ_max = {x:g}" for x in RATIOS) + " |"]
    lines.append("|---" * (2 + len(RATIOS)) + "|")
    for family, size in dict.fromkeys((r["family"], r["size"]) for r in rows):
        by = {r["ratio"]: r for r in rows if (r["family"], r["size"]) == (family, size)}
        cells = [told(by[x]) if x in by else "–" for x in RATIOS]
        lines.append(f"| {family} | {size} | {' | '.join(cells)} |")
    return lines


def told(r: Row) -> str:
    """Return how far the best factors found can be above the optimum, and the seconds."""
    return f"{excess(r['lower'], r['best'])}, {r['seconds']:.0f} s"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run(sys.argv[1:])
