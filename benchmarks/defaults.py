"""What a user may expect: popular estimators at their defaults, or nearly so, on shipped data.

    python benchmarks/defaults.py [PART ...]   fit and check, those whose name has a PART in it;
                                               merged into defaults.json, and the page written
    python benchmarks/defaults.py --page       write docs/howto/what-to-expect.md alone

Every fit is made by the library's own `fit`, read by its adapter, and checked with the same budget.
"""

import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import penalties
from data import biased_ratings, diabetes, digits, standard, tensor
from scipy import sparse
from sklearn import cluster, datasets, decomposition, neural_network

from certify import OutOfScopeError, check, from_model
from certify.adapters.arrays import implicit_als, surprise_svd
from certify.pipeline.report._numbers import at_most

BUDGET = 20.0  # seconds of search for each
HERE = Path(__file__)
STORED = HERE.with_suffix(".json")
PAGE = HERE.resolve().parents[1] / "docs" / "howto" / "what-to-expect.md"
Fit = Callable[[], tuple[Any, Any]]  # the problem and its factors
Row = dict[str, Any]


def fitted(model: Any, X: Any, y: Any = None, *, codes: bool = False) -> tuple[Any, Any]:
    """Fit an estimator; NMF and dictionaries hand over the codes of their fit."""
    given = (X,) if y is None else (X, y)
    if codes:
        return from_model(model, X, codes=model.fit_transform(X))
    fit = getattr(model, "fit", None) or model.fit_transform
    fit(*given)
    return from_model(model, *given)


def matrices() -> Iterator[tuple[str, str, Fit]]:
    """Yield scikit-learn's decompositions: the call, the data, and how to fit it."""
    iris, wine, cancer = (
        getattr(datasets, f"load_{k}")().data for k in ("iris", "wine", "breast_cancer")
    )
    unit = [(a - a.min(0)) / (a.max(0) - a.min(0)) for a in (wine, cancer)]
    held = {
        "iris": iris,
        "wine, each column to 0..1": unit[0],
        "breast cancer, each column to 0..1": unit[1],
        "breast cancer, standardized": standard(cancer),
        "digits": digits(),
        "digits, 300 rows": digits(300),
        "wine, standardized": standard(wine),
    }
    small, large, wines, cancers = "digits, 300 rows", "digits", *list(held)[1:3]
    counts = {"solver": "mu", "beta_loss": "kullback-leibler"}
    for kind, size, name, settings in (
        ("NMF", 2, "iris", {}),
        ("NMF", 2, wines, {}),
        ("NMF", 3, wines, {}),
        ("NMF", 2, cancers, {}),
        ("NMF", 4, cancers, {}),
        ("NMF", 2, large, {}),
        ("NMF", 5, large, {}),
        ("NMF", 10, large, {}),
        ("NMF", 5, large, {"init": "random"}),
        ("NMF", 5, large, {"solver": "mu"}),
        ("NMF", 5, small, counts),
        ("NMF", 5, large, {"alpha_W": 0.01}),
        ("NMF", 5, large, {"alpha_W": 0.01, "l1_ratio": 1.0}),
        ("MiniBatchNMF", 5, large, {}),
        ("PCA", 2, "iris", {}),
        ("PCA", 5, large, {}),
        ("PCA", None, "breast cancer, standardized", {}),
        ("IncrementalPCA", 5, large, {}),
        ("TruncatedSVD", None, large, {}),
        ("TruncatedSVD", 10, large, {}),
        ("DictionaryLearning", 3, "iris", {}),
        ("MiniBatchDictionaryLearning", 3, "wine, standardized", {}),
        ("SparsePCA", 3, "wine, standardized", {}),
        ("MiniBatchSparsePCA", 3, "wine, standardized", {}),
        ("FactorAnalysis", 5, small, {}),
        ("FastICA", 5, small, {}),
        ("KMeans", None, small, {}),
    ):
        make = getattr(decomposition, kind, None) or getattr(cluster, kind)
        sizes = () if size is None else (size,)
        told = [*map(str, sizes), *(f"{k}={json.dumps(x)}" for k, x in settings.items())]
        model = partial(make, *sizes, **settings)
        codes = kind in ("NMF", "MiniBatchNMF", "DictionaryLearning")
        yield f"{kind}({', '.join(told)})", name, partial(seeded, model, held[name], codes=codes)


def seeded(make: Any, *given: Any, codes: bool = False) -> tuple[Any, Any]:
    """Fit an estimator with random_state=0 where it takes one."""
    model = make()
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    return fitted(model, *given, codes=codes)


def networks() -> Iterator[tuple[str, str, Fit]]:
    """Yield scikit-learn's and PyTorch's networks of one hidden layer."""
    table = diabetes()
    flowers, kinds = datasets.load_iris(return_X_y=True)
    tissue, ill = datasets.load_breast_cancer(return_X_y=True)
    body = datasets.load_linnerud()
    sets = {
        "diabetes": (table.X, table.y),
        "iris, standardized": (standard(flowers), kinds),
        "breast cancer, standardized": (standard(tissue), ill),
        "linnerud, standardized": (standard(body.data), standard(body.target)),
    }
    for call, name, units in (
        ("MLPRegressor()", "diabetes", (100,)),
        ("MLPRegressor((5,))", "diabetes", (5,)),
        ("MLPRegressor()", "linnerud, standardized", (100,)),
        ("MLPClassifier()", "iris, standardized", (100,)),
        ("MLPClassifier((10,))", "breast cancer, standardized", (10,)),
    ):
        make = getattr(neural_network, call.partition("(")[0])
        yield call, name, partial(seeded, partial(make, hidden_layer_sizes=units), *sets[name])
    for call, decay in (("Adam()", 0.0), ("Adam(weight_decay=1e-3)", 1e-3), ("AdamW()", 0.01)):
        yield f"PyTorch, 20 units, {call}", "diabetes", partial(by_torch, table, call, decay)


def by_torch(table: Any, call: str, decay: float) -> tuple[Any, Any]:
    """Train a small network for 500 steps of all rows."""
    import torch

    torch.manual_seed(0)
    X, y = (torch.tensor(a, dtype=torch.float32) for a in (table.X, table.y[:, None]))
    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], 20), torch.nn.ReLU(), torch.nn.Linear(20, 1)
    )
    made = getattr(torch.optim, call.partition("(")[0])(net.parameters(), weight_decay=decay)
    for _ in range(500):
        made.zero_grad()
        torch.nn.functional.mse_loss(net(X), y).backward()
        made.step()
    return from_model(net, table.X, table.y[:, None], optimizer=made)


def tensors() -> Iterator[tuple[str, str, Fit]]:
    """Yield TensorLy's CP models."""
    from tensorly import decomposition as parts

    kinetic, covid = tensor("Kinetic"), tensor("COVID19_data")
    held = {
        "COVID-19 serology, 438 x 6 x 11": covid,
        "COVID-19 serology, negatives to 0": np.maximum(covid, 0.0),
        "kinetic fluorescence, 64 x 12 x 10 x 60": kinetic,
    }
    names = list(held)
    for make, rank, name in (
        ("CP", 2, names[0]),
        ("CP", 3, names[0]),
        ("CP_NN", 2, names[1]),
        ("CP_NN", 3, names[1]),
        ("CP_NN_HALS", 3, names[1]),
        ("CPPower", 2, names[0]),
        ("CP", 2, names[2]),
        ("CP_NN", 2, names[2]),
        ("Tucker", 2, names[0]),
    ):
        model = getattr(parts, make)(rank)
        if hasattr(model, "random_state"):
            model.random_state = 0
        yield f"TensorLy {make}({rank})", name, partial(fitted, model, held[name])


def ratings() -> Iterator[tuple[str, str, Fit]]:
    """Yield the recommenders of surprise and implicit, by their updates on plain arrays."""
    stars, name = biased_ratings(), "ratings, 200 x 150, a fifth seen"
    yield "surprise SVD(n_factors=20)", name, partial(descent, stars, 20)
    yield "implicit ALS(factors=10)", f"{name}, as counts", partial(alternating, stars, 10)


def descent(stars: Any, r: int) -> tuple[Any, Any]:
    """Fit as surprise's SVD does: 20 epochs, lr_all=0.005, reg_all=0.02."""
    rng, (m, n), mean = np.random.default_rng(0), stars.shape, stars.data.mean()
    P, Q, b, c = rng.normal(0, 0.1, (m, r)), rng.normal(0, 0.1, (n, r)), np.zeros(m), np.zeros(n)
    for _ in range(20):
        for u, i, s in zip(stars.row, stars.col, stars.data, strict=True):
            e = s - mean - b[u] - c[i] - P[u] @ Q[i]
            b[u] += 0.005 * (e - 0.02 * b[u])
            c[i] += 0.005 * (e - 0.02 * c[i])
            step = 0.005 * (e * Q[i] - 0.02 * P[u])
            Q[i] += 0.005 * (e * P[u] - 0.02 * Q[i])
            P[u] += step
    return surprise_svd((P, Q), (stars.row, stars.col, stars.data), 0.02, (b, c), mean)


def alternating(stars: Any, r: int) -> tuple[Any, Any]:
    """Fit as implicit's AlternatingLeastSquares does: 15 rounds, regularization=0.01."""
    rng, counts = np.random.default_rng(0), sparse.csr_array(stars)
    seen = counts.toarray()
    C, X = np.where(seen > 0, seen, 1.0), (seen > 0) * 1.0
    P, Q = (rng.random((k, r)) * 0.01 for k in seen.shape)
    for _ in range(15):
        for A, B, W, T in ((P, Q, C, X), (Q, P, C.T, X.T)):
            for k in range(len(A)):
                A[k] = np.linalg.solve((B.T * W[k]) @ B + 0.01 * np.eye(r), (B.T * W[k]) @ T[k])
    return implicit_als((P, Q), counts, 0.01)


def row(model: str, name: str, fit: Fit) -> Row:
    """Return what check() says of a fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = perf_counter()
        try:
            problem, factors = fit()
        except OutOfScopeError as error:
            return {"model": model, "data": name, "own": "OUT_OF_SCOPE", "reason": str(error)}
        fitting, start = perf_counter() - start, perf_counter()
        result = check(problem, factors, q=factors.q, budget=BUDGET)
    own, shares = result.own_size, result.explained_variance
    return {
        "model": model,
        "data": name,
        "own": own.verdict.name,
        "own gap": own.relative_gap,
        "any": result.verdict.name,
        "any gap": result.relative_gap if problem.penalized else None,
        "lower": own.lower,
        "upper": own.upper,
        "explained": shares and list(shares),
        "fit s": round(fitting, 2),
        "check s": round(perf_counter() - start, 2),
        "reason": result.reason if own.verdict.name == "OUT_OF_SCOPE" else own.reason,
    }


def every() -> Iterator[tuple[str, str, Fit]]:
    """Yield all fits."""
    for part in (matrices, networks, tensors, ratings):
        yield from part()


def run(parts: list[str]) -> None:
    """Fit and check those named, and keep what was found after each."""
    kept = {(r["model"], r["data"]): r for r in stored()}
    listed = list(every())
    for model, name, fit in listed:
        if not parts or any(p in f"{model} {name}" for p in parts):
            kept[model, name] = row(model, name, fit)
            print(kept[model, name], flush=True)
            rows = [kept[m, n] for m, n, _ in listed if (m, n) in kept]
            STORED.write_text(json.dumps(rows, indent=0) + "\n", encoding="utf-8")


def stored() -> list[Row]:
    """Return the rows of the last runs."""
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else []


def share(gap: float | None) -> str:
    """Write a relative gap in per cent, rounded up."""
    return "" if gap is None or not np.isfinite(gap) else f"{at_most(100 * gap, 3)} %"


def cells(r: Row) -> list[str]:
    """Return a row's cells."""
    first = [f"`{r['model']}`", r["data"], r["own"], share(r.get("own gap"))]
    if "any" not in r:
        return [*first, "", "", "", ""]
    any_size = r["any"] if r["any gap"] is not None else "the same"
    ends = zip((math.floor, math.ceil), r["explained"] or (), strict=False)
    told = " to ".join(f"{rounded(1e4 * x) / 100:.2f}" for rounded, x in ends)  # outward
    return [*first, any_size, share(r["any gap"]), told, f"{r['check s']:.0f}"]


def page(rows: list[Row]) -> str:
    """Return the page."""
    lines = ["| " + " | ".join(cells(r)) + " |" for r in rows]
    outside = [f"- `{r['model']}`: {r['reason']}." for r in rows if r["own"] == "OUT_OF_SCOPE"]
    return (
        HEAD.format(count=len(rows), budget=BUDGET)
        + "\n".join(lines)
        + PENALTIES.format(budget=penalties.BUDGET)
        + "\n".join(penalties.table(penalties.stored()))
        + TAIL
        + "\n".join(outside)
        + "\n"
    )


HEAD = """# What to expect

{count} popular models, fitted by their own `fit` at their defaults or nearly so, and checked
with a budget of {budget:.0f} seconds each. Written by `python benchmarks/defaults.py`. Other
work shared the two cores, so the seconds are more, and some brackets wider, than on a machine
of your own.

*At its size* is `result.own_size`: [the best among models of at most as many
components](own-size.md). *Any size* is the verdict; without a penalty both are one question.
*Above by* is how far above the best objective the fit can be, at most and proved, in per cent
of its own. *Explained* is the variance that the fit explains, and the most that as many
components can. CERTIFIED means within 1e-6 of the objective. A fit that stops at its library's
default tolerance is often REFUTED: better components of the same size were found, and the
result has them. `rtol=` says what counts as equal.

`PCA()` keeps every component: its objective is what rounding leaves, which is far above 0 in per
cent, and counts as equal to 0 ([epsilon](epsilon.md)).

Networks at scikit-learn's default penalty, alpha = 1e-4, are bounded from below by almost 0 in
that time. [Networks](../tutorials/networks.md) that are certified have a larger penalty.

| model | data | at its size | above by | any size | above by | explained, % | seconds |
|---|---|---|---|---|---|---|---|
"""
PENALTIES = """

## Your penalty and your size

What is proved depends on the penalty more than on anything else. A penalty of λ_max leaves no
component: λ_max = Ω°(−∇ℓ(0)), of a matrix without signs its largest singular value.
Each cell has how far the best factors found can be above the best of any size, at most and
proved, and the seconds of `check` with a budget of {budget:.0f}. Measured by `python
benchmarks/penalties.py` on one of two cores, beside other work that took most of both: the
seconds are more, and the brackets wider, than on a machine of your own.

"""
TAIL = """

Out of scope, and why:

"""


if __name__ == "__main__":
    if "--page" not in sys.argv:
        run(sys.argv[1:])
    PAGE.write_text(page(stored()), encoding="utf-8")
