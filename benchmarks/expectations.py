"""What a user may expect: popular models at their defaults, and three families by penalty and size.

Every fit is made by the library's own `fit`, read by its adapter, and checked with one budget.
The runner writes docs/howto/what-to-expect.md from the stored rows.
"""

import math
import re
import warnings
from functools import cache, partial
from time import process_time

import data
import numpy as np
from measure import HERE, Case, Options, Row, Table, count_budget_in_processor_seconds, timed
from scipy import sparse
from sklearn import cluster, datasets, decomposition, neural_network

from certify import OutOfScopeError, Problem, check, from_model, improve
from certify.adapters.arrays import implicit_als, surprise_svd
from certify.atoms import CP, RankOne, ReLU
from certify.losses import Squared
from certify.pipeline.numbers import at_most, excess

BUDGET, PENALTY_BUDGET = 20.0, 10.0  # seconds of search for each
RATIOS = (0.5, 0.2, 0.1, 0.05)
PAGE = HERE.resolve().parent / "docs" / "howto" / "what-to-expect.md"
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


@cache
def inputs() -> dict:
    """Return the data by their names."""
    wine, cancer = datasets.load_wine().data, datasets.load_breast_cancer().data
    body, covid = datasets.load_linnerud(), data.tensor("COVID19_data")
    iris = datasets.load_iris().data
    return {
        "iris": iris,
        UNIT[0]: data.unit(wine),
        UNIT[1]: data.unit(cancer),
        "breast cancer, standardized": data.standard(cancer),
        "digits": data.digits(),
        TALL: data.digits(300),
        "wine, standardized": data.standard(wine),
        "diabetes": data.diabetes()[0],
        "iris, standardized": data.standard(iris),
        "linnerud, standardized": data.standard(body.data),
        COVID: covid,
        POSITIVE: np.maximum(covid, 0.0),
        KINETIC: data.tensor("Kinetic"),
        STARS: data.biased_ratings(),
    }


@cache
def targets() -> dict:
    """Return what networks are trained to tell, by the names of their data."""
    return {
        "diabetes": data.diabetes()[1],
        "iris, standardized": datasets.load_iris().target,
        "breast cancer, standardized": datasets.load_breast_cancer().target,
        "linnerud, standardized": data.standard(datasets.load_linnerud().target),
    }


def fit_of(model: str, name: str):
    """Fit a model to data."""
    library, _, call = model.partition(" ")
    others = {"PyTorch,": by_torch, "TensorLy": by_tensorly}
    others |= {"surprise": by_surprise, "implicit": by_implicit}
    fit, call = (others[library], call) if library in others else (by_sklearn, model)
    supervised = fit is by_torch or call.startswith("MLP")
    X = inputs()[name.removesuffix(", as counts")]
    return fit(call, X, *([targets()[name]] if supervised else []))


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


def default(case: Case, _: Options) -> Row:
    """Return what check() says of a fit."""
    model, name, *fit = case.make  # of a test: one of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read = fit or [fit_of, model, name]
            fitting, (problem, factors) = timed(*read, clock=process_time)
        except OutOfScopeError as error:
            return {"model": model, "data": name, "own": "OUT_OF_SCOPE", "reason": str(error)}
        asked = {"q": factors.q, "budget": BUDGET}
        seconds, result = timed(check, problem, factors, clock=process_time, **asked)
    own, shares = result.own_size, result.explained_variance
    return {
        "model": model,
        "data": name,
        "own": own.verdict.name,
        "own gap": own.relative_gap,
        "any": result.verdict.name,
        "any gap": result.relative_gap if problem.has_penalty else None,
        "lower": own.lower,
        "upper": own.upper,
        "explained": shares and list(shares),
        "fit s": round(fitting, 2),
        "check s": round(seconds, 2),
        "reason": result.reason if own.verdict.name == "OUT_OF_SCOPE" else own.reason,
    }


def default_by_processor(case: Case, options: Options) -> Row:
    """Return the same, its budget and its seconds the processor's."""
    count_budget_in_processor_seconds()
    return default(case, options)


defaults = Table(
    "14. popular models at their defaults",
    {f"{model} {name}": Case((model, name)) for model, name in MODELS},
    default_by_processor,
    few=1,
)


# Penalties and sizes


def penalty(case: Case, options: Options):
    """Judge fits of a family and a size at four shares of lam_max.

    lam_max is the penalty from which on no component is worth its penalty: the largest
    <W, phi(x)> of a component x with theta(x) = 1, as found by local searches.  The budget and the
    seconds are the processor's.
    """
    count_budget_in_processor_seconds()
    family, size, kind = case.make
    (atom, W), fit = kind(size)
    top = max(float(atom.attain(W, seed)[0]) for seed in range(3))
    said = {"family": family, "size": " x ".join(map(str, size))}
    for ratio in RATIOS[:1] if options.quick else RATIOS:
        yield said | {"ratio": ratio} | penalized(fit, ratio * top)


def penalized(fit, lam: float) -> Row:
    """Return what is proved of a fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem, factors = fit(lam)
        q = getattr(factors, "q", None)
        asked = {"q": q, "budget": PENALTY_BUDGET}
        seconds, result = timed(check, problem, factors, clock=process_time, **asked)
    best = result.upper if result.better_upper is None else result.better_upper
    row = {"verdict": result.verdict.name, "lower": result.lower, "best": best}
    return row | {"upper": result.upper, "seconds": round(seconds, 1)}


def digits(size):
    """Return the atom, the residual of no components, and how to fit at a lam."""
    Y = data.digits(size[0])
    return (RankOne("l2+", "l2+"), Y), partial(nonnegative, Y)


def tensors(size):
    T = noisy(size)
    return (CP(), T), partial(descended, T)


def patients(size):
    X, y = data.diabetes(size[0])
    X, y = np.ascontiguousarray(X[:, [2, 3, 8]]), np.ravel(y)
    return (ReLU(X, bias="free", form="sum"), (y - y.mean())[:, None]), partial(network, X, y)


FAMILIES = {
    "NMF, 8 components": (digits, ((50, 64), (200, 64), (800, 64))),
    "CP, 4 components": (tensors, ((8, 7, 6), (20, 15, 10), (60, 30, 20))),
    "ReLU network, 8 hidden units": (patients, ((40, 3), (120, 3), (442, 3))),
}
penalties = Table(
    "15. what penalty and size decide",
    {
        f"{family} {' x '.join(map(str, size))}": Case((family, size, kind))
        for family, (kind, sizes) in FAMILIES.items()
        for size in sizes
    },
    penalty,
    few=1,
)


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


def page(text: str, rows: list[Row], penalized: list[Row]) -> str:
    """Return the page with its tables made anew, each between its two comments."""
    made = {"fits": fits(rows), "penalties": by_penalty(penalized), "outside": outside(rows)}
    for name, lines in made.items():
        block = "\n".join((f"<!-- {name} -->\n", *lines, f"\n<!-- /{name} -->"))
        text = re.sub(rf"(?s)<!-- {name} -->.*<!-- /{name} -->", block.replace("\\", "\\\\"), text)
    return text


def fits(rows: list[Row]) -> list[str]:
    """Return the lines of a table: one for each fit."""
    columns = ["model", "data", "at its size", "above by", "any size", "above by", "seconds"]
    columns.insert(6, "explained, %")
    return [joined(columns), "|---" * len(columns) + "|", *map(line, rows)]


def outside(rows: list[Row]) -> list[str]:
    """Return why fits are out of scope."""
    return [f"- `{r['model']}`: {r['reason']}." for r in rows if r["own"] == "OUT_OF_SCOPE"]


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
