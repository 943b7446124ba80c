"""What a user may expect: popular models at their defaults, and three families by penalty and size.

Every fit is made by the library's own `fit`, read by its adapter, and checked with one budget.
The runner writes docs/howto/what-to-expect.md from the stored rows.
"""

import math
import warnings
from functools import partial

import data
import numpy as np
from measure import HERE, Options, Row, timed
from scipy import sparse
from sklearn import cluster, datasets, decomposition, neural_network

from certify import OutOfScopeError, Problem, check, from_model, improve
from certify.adapters.arrays import implicit_als, surprise_svd
from certify.atoms import CP, RankOne, ReLU
from certify.losses import Squared
from certify.pipeline.report._numbers import at_most, excess

BUDGET, PENALTY_BUDGET = 20.0, 10.0  # seconds of search for each
RATIOS = (0.5, 0.2, 0.1, 0.05)
PAGE = HERE.resolve().parent / "docs" / "howto" / "what-to-expect.md"
QUICK = ("iris", "8 x 7 x 6")  # the cases of a quick run
CODES = ("NMF", "MiniBatchNMF", "DictionaryLearning")  # their fits hand over codes
UNIT, TALL = ("wine, each column to 0..1", "breast cancer, each column to 0..1"), "digits, 300 rows"
COVID, POSITIVE = "COVID-19 serology, 438 x 6 x 11", "COVID-19 serology, negatives to 0"
KINETIC = "kinetic fluorescence, 64 x 12 x 10 x 60"
STARS = "ratings, 200 x 150, a fifth seen"
MODELS = (  # as users write them, and the data
    ("NMF(2)", "iris"),
    ("NMF(2)", UNIT[0]),
    ("NMF(3)", UNIT[0]),
    ("NMF(2)", UNIT[1]),
    ("NMF(4)", UNIT[1]),
    ("NMF(2)", "digits"),
    ("NMF(5)", "digits"),
    ("NMF(10)", "digits"),
    ('NMF(5, init="random")', "digits"),
    ('NMF(5, solver="mu")', "digits"),
    ('NMF(5, solver="mu", beta_loss="kullback-leibler")', TALL),
    ("NMF(5, alpha_W=0.01)", "digits"),
    ("NMF(5, alpha_W=0.01, l1_ratio=1.0)", "digits"),
    ("MiniBatchNMF(5)", "digits"),
    ("PCA(2)", "iris"),
    ("PCA(5)", "digits"),
    ("PCA()", "breast cancer, standardized"),
    ("IncrementalPCA(5)", "digits"),
    ("TruncatedSVD()", "digits"),
    ("TruncatedSVD(10)", "digits"),
    ("DictionaryLearning(3)", "iris"),
    ("MiniBatchDictionaryLearning(3)", "wine, standardized"),
    ("SparsePCA(3)", "wine, standardized"),
    ("MiniBatchSparsePCA(3)", "wine, standardized"),
    ("FactorAnalysis(5)", TALL),
    ("FastICA(5)", TALL),
    ("KMeans()", TALL),
    ("MLPRegressor()", "diabetes"),
    ("MLPRegressor(hidden_layer_sizes=(5,))", "diabetes"),
    ("MLPRegressor()", "linnerud, standardized"),
    ("MLPClassifier()", "iris, standardized"),
    ("MLPClassifier(hidden_layer_sizes=(10,))", "breast cancer, standardized"),
    ("PyTorch, 20 units, Adam()", "diabetes"),
    ("PyTorch, 20 units, Adam(weight_decay=1e-3)", "diabetes"),
    ("PyTorch, 20 units, AdamW()", "diabetes"),
    ("TensorLy CP(2)", COVID),
    ("TensorLy CP(3)", COVID),
    ("TensorLy CP_NN(2)", POSITIVE),
    ("TensorLy CP_NN(3)", POSITIVE),
    ("TensorLy CP_NN_HALS(3)", POSITIVE),
    ("TensorLy CPPower(2)", COVID),
    ("TensorLy CP(2)", KINETIC),
    ("TensorLy CP_NN(2)", KINETIC),
    ("TensorLy Tucker(2)", COVID),
    ("surprise SVD(n_factors=20)", STARS),
    ("implicit ALS(factors=10)", f"{STARS}, as counts"),
)


def fits():
    """Yield every model with its data and how to fit it."""
    shipped = {k: getattr(datasets, f"load_{k}")() for k in ("iris", "wine", "breast_cancer")}
    iris, wine, cancer = shipped.values()
    body, patients, covid = datasets.load_linnerud(), data.diabetes(), data.tensor("COVID19_data")
    inputs = {
        "iris": iris.data,
        UNIT[0]: data.unit(wine.data),
        UNIT[1]: data.unit(cancer.data),
        "breast cancer, standardized": data.standard(cancer.data),
        "digits": data.digits(),
        TALL: data.digits(300),
        "wine, standardized": data.standard(wine.data),
        "diabetes": patients.X,
        "iris, standardized": data.standard(iris.data),
        "linnerud, standardized": data.standard(body.data),
        COVID: covid,
        POSITIVE: np.maximum(covid, 0.0),
        KINETIC: data.tensor("Kinetic"),
        STARS: data.biased_ratings(),
    }
    targets = {
        "diabetes": patients.y,
        "iris, standardized": iris.target,
        "breast cancer, standardized": cancer.target,
        "linnerud, standardized": data.standard(body.target),
    }
    others = {"PyTorch,": by_torch, "TensorLy": by_tensorly}
    others |= {"surprise": by_surprise, "implicit": by_implicit}
    for model, name in MODELS:
        library, _, call = model.partition(" ")
        fit, call = (others[library], call) if library in others else (by_sklearn, model)
        X = inputs[name.removesuffix(", as counts")]
        supervised = fit is by_torch or call.startswith("MLP")
        yield model, name, partial(fit, call, X, *([targets[name]] if supervised else []))


def by_sklearn(call: str, *given):
    """Fit an estimator of scikit-learn."""
    modules = (decomposition, cluster, neural_network)
    made = called(call, {k: x for m in modules for k, x in vars(m).items()})
    return fitted(made, *given, codes=call.partition("(")[0] in CODES)


def by_tensorly(call: str, T):
    """Fit a model of TensorLy."""
    import tensorly.decomposition

    return fitted(called(call, vars(tensorly.decomposition)), T)


def called(call: str, names):
    """Make what a line of MODELS says, by its names."""
    return eval(call, dict(names))  # noqa: S307


def fitted(model, *given, codes: bool = False):
    """Fit and read a model, from random_state=0 where it takes one."""
    if hasattr(model, "random_state"):
        model.random_state = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if codes:
            return from_model(model, *given, codes=model.fit_transform(*given))
        (getattr(model, "fit", None) or model.fit_transform)(*given)
    return from_model(model, *given)


def by_torch(call: str, X, y):
    """Train a small network for 500 steps of all rows."""
    import torch

    def optimizer(parameters):
        kinds = ("Adam", "AdamW")
        known = {k: partial(getattr(torch.optim, k), parameters) for k in kinds}
        return called(call.rpartition(" ")[2], known)

    net, ran = data.torch_network((X, y[:, None]), 20, optimizer, 500)
    return from_model(net, X, y[:, None], optimizer=ran)


def by_surprise(_, stars, r: int = 20):
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


def by_implicit(_, stars, r: int = 10):
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


def defaults(options: Options):
    """Judge popular models at their defaults, or nearly so."""
    yield "14. popular models at their defaults"
    for model, name, fit in fits():
        if options.wants(f"{model} {name}", QUICK):
            yield default(model, name, fit)


def default(model: str, name: str, fit) -> Row:
    """Return what check() says of a fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitting, (problem, factors) = timed(fit)
        except OutOfScopeError as error:
            return {"model": model, "data": name, "own": "OUT_OF_SCOPE", "reason": str(error)}
        seconds, result = timed(check, problem, factors, q=factors.q, budget=BUDGET)
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
        "check s": round(seconds, 2),
        "reason": result.reason if own.verdict.name == "OUT_OF_SCOPE" else own.reason,
    }


# Penalties and sizes


def penalties(options: Options):
    """Judge fits of three families, three sizes and four shares of lam_max.

    lam_max is the penalty from which on no component is worth its penalty: the largest
    <W, phi(x)> of a component x with theta(x) = 1, as found by local searches.
    """
    yield "15. what penalty and size decide"
    for family, size, (atom, W), fit in families():
        if options.wants(f"{family} {size}", QUICK):
            top = max(float(atom.attain(W, seed)[0]) for seed in range(3))
            for ratio in RATIOS[:1] if options.quick else RATIOS:
                yield {"family": family, "size": size, "ratio": ratio} | penalized(fit, ratio * top)


def penalized(fit, lam: float) -> Row:
    """Return what is proved of a fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem, factors = fit(lam)
        q = getattr(factors, "q", None)
        seconds, result = timed(check, problem, factors, q=q, budget=PENALTY_BUDGET)
    best = result.upper if result.better_upper is None else result.better_upper
    row = {"verdict": result.verdict.name, "lower": result.lower, "best": best}
    return row | {"upper": result.upper, "seconds": round(seconds, 1)}


def families():
    """Yield (family, size, atom and residual of no components, how to fit at a lam)."""
    for n in (50, 200, 800):
        Y, atom = data.digits(n), RankOne("l2+", "l2+")
        yield "NMF, 8 components", f"{n} x {Y.shape[1]}", (atom, Y), partial(nonnegative, Y)
    for dims in ((8, 7, 6), (20, 15, 10), (60, 30, 20)):
        T = noisy(dims)
        yield "CP, 4 components", " x ".join(map(str, dims)), (CP(), T), partial(descended, T)
    for n in (40, 120, 442):
        _, X, y = data.diabetes(n)
        X, y = np.ascontiguousarray(X[:, [2, 3, 8]]), np.ravel(y)
        at = ReLU(X, bias="free", form="sum"), (y - y.mean())[:, None]
        yield "ReLU network, 8 hidden units", f"{n} x {X.shape[1]}", at, partial(network, X, y)


def nonnegative(Y, lam: float):
    """Fit penalized NMF by scikit-learn."""
    m, n = Y.shape
    settings = {"init": "random", "random_state": 0, "tol": 1e-8, "max_iter": 2000}
    model = decomposition.NMF(8, alpha_W=lam / n, alpha_H=lam / m, **settings)
    return from_model(model, Y, codes=model.fit_transform(Y))


def descended(T, lam: float):
    """Fit CP by descent."""
    problem, rng = Problem(Squared(T), CP(), lam), np.random.default_rng(0)
    start = tuple(0.5 * rng.standard_normal((n, 4)) for n in T.shape)
    return problem, improve(problem, start, budget=2.0).factors


def network(X, y, lam: float):
    """Fit a ReLU network by scikit-learn."""
    settings = {"random_state": 0, "tol": 1e-9, "max_iter": 5000, "solver": "lbfgs"}
    model = neural_network.MLPRegressor(hidden_layer_sizes=(8,), alpha=lam, **settings)
    return from_model(model.fit(X, y), X, y)


def noisy(dims):
    """Return a nonnegative tensor of rank 3 with noise of a tenth of its size."""
    rng = np.random.default_rng(0)
    T = np.einsum("ir,jr,kr->ijk", *(rng.random((n, 3)) for n in dims))
    noise = rng.standard_normal(dims)
    return T + 0.1 * np.linalg.norm(T) / np.linalg.norm(noise) * noise


# The page


def share(gap: float | None) -> str:
    """Write a relative gap in per cent, rounded up."""
    return "" if gap is None or not np.isfinite(gap) else f"{at_most(100 * gap, 3)} %"


def line(r: Row) -> str:
    """Return the line of a fit."""
    first = [f"`{r['model']}`", r["data"], r["own"], share(r.get("own gap"))]
    if "any" not in r:
        return joined([*first, "", "", "", ""])
    any_size = r["any"] if r["any gap"] is not None else "the same"
    ends = zip((math.floor, math.ceil), r["explained"] or (), strict=False)
    shown = " to ".join(f"{rounded(1e4 * x) / 100:.2f}" for rounded, x in ends)  # outward
    return joined([*first, any_size, share(r["any gap"]), shown, f"{r['check s']:.0f}"])


def joined(cells: list[str]) -> str:
    """Return the line of a table."""
    return f"| {' | '.join(cells)} |"


def page(rows: list[Row], penalized: list[Row]) -> str:
    """Return the page."""
    outside = [f"- `{r['model']}`: {r['reason']}." for r in rows if r["own"] == "OUT_OF_SCOPE"]
    return (
        HEAD.format(count=len(rows), budget=BUDGET)
        + "\n".join(map(line, rows))
        + PENALTIES.format(budget=PENALTY_BUDGET)
        + "\n".join(by_penalty(penalized))
        + TAIL
        + "\n".join(outside)
        + "\n"
    )


def by_penalty(rows: list[Row]) -> list[str]:
    """Return the lines of a table: one for each family and size."""
    lines = [joined(["model", "data", *(f"λ/λ_max = {x:g}" for x in RATIOS)])]
    lines.append("|---" * (2 + len(RATIOS)) + "|")
    for which in dict.fromkeys((r["family"], r["size"]) for r in rows):
        by = {r["ratio"]: r for r in rows if (r["family"], r["size"]) == which}
        lines.append(joined([*which, *(distance(by.get(x)) for x in RATIOS)]))
    return lines


def distance(r: Row | None) -> str:
    """Return how far the best factors found can be above the optimum, and the seconds."""
    return f"{excess(r['lower'], r['best'])}, {r['seconds']:.0f} s" if r else "–"


HEAD = """# What to expect

{count} popular models, fitted by their own `fit` at their defaults or nearly so, and checked
with a budget of {budget:.0f} seconds each. Written by `python benchmarks/run.py defaults`, on one
of two cores, with another benchmark on the other.

*At its size* is `result.own_size`: [the best among models of at most as many
components](own-size.md). *Any size* is the verdict; without a penalty both are one question.
*Above by* is how far above the best objective the fit can be, at most and proved, in per cent
of its own. *Explained* is the variance that the fit explains, and the most that as many
components can. CERTIFIED means within 1e-6 of the objective. A fit that stops at its library's
default tolerance is often REFUTED: better components of the same size were found, and the
result has them. `rtol=` says what counts as equal.

`PCA()` keeps every component: its objective is what rounding leaves, which is far above 0 in per
cent, and counts as equal to 0 ([epsilon](epsilon.md)).

Networks at scikit-learn's default penalty, alpha = 1e-4, can all but interpolate, so that the best
objective is almost 0 and a fit is nearly 100 % above it. `result.reached` is near the best: of the
default `MLPRegressor()` on 40 x 3 the objective is 5.91, and the best of any size between
0.0037075 and 0.0037118, after 9 seconds of a processor; on 120 x 3 it is 27.5, and the best at
least 0.01262 and within 3.6 % of that, after 46. With more features, as below, the best is bounded
by almost 0 in that time. [Networks](../tutorials/networks.md) that are certified have a larger
penalty.

| model | data | at its size | above by | any size | above by | explained, % | seconds |
|---|---|---|---|---|---|---|---|
"""
PENALTIES = """

## Your penalty and your size

What is proved depends on the penalty more than on anything else. A penalty of λ_max leaves no
component: λ_max = Ω°(−∇ℓ(0)), of a matrix without signs its largest singular value.
Each cell has how far the best factors found can be above the best of any size, at most and
proved, and the seconds of `check` with a budget of {budget:.0f}. Measured by `python
benchmarks/run.py penalties` on one of two cores, with another benchmark on the other; budget and
seconds of the networks are a processor's.

"""
TAIL = """

Out of scope, and why:

"""
