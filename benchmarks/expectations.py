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
from measure import HERE, Case, Options, Row, Table, count_budget_in_processor_seconds, grid, timed
from sklearn import cluster, datasets, decomposition, neural_network

from certify import OutOfScopeError, Problem, check, from_model, improve
from certify.atoms import CP, RankOne, ReLU
from certify.losses import Squared
from certify.pipeline.numbers import at_most, excess, per_cent

BUDGET, PENALTY_BUDGET = 20.0, 10.0  # seconds of search for each
RATIOS = (0.5, 0.2, 0.1, 0.05)
PAGE = HERE.resolve().parent / "docs" / "howto" / "what-to-expect.md"
CODES = ("NMF", "MiniBatchNMF", "DictionaryLearning")  # their fits hand over codes
UNIT, TALL = ("wine, each column to 0..1", "breast cancer, each column to 0..1"), "digits, 300 rows"
COVID, POSITIVE = "COVID-19 serology, 438 x 6 x 11", "COVID-19 serology, negatives to 0"
KINETIC = "kinetic fluorescence, 64 x 12 x 10 x 60"
FITS = {  # models as users write them, by their data
    "iris": "NMF(2) | PCA(2) | DictionaryLearning(3)",
    UNIT[0]: "NMF(2) | NMF(3)",
    UNIT[1]: "NMF(2) | NMF(4)",
    "digits": (
        'NMF(2) | NMF(5) | NMF(10) | NMF(5, init="random") | NMF(5, solver="mu") | '
        "NMF(5, alpha_W=0.01) | NMF(5, alpha_W=0.01, l1_ratio=1.0) | MiniBatchNMF(5) | "
        "PCA(5) | IncrementalPCA(5) | TruncatedSVD() | TruncatedSVD(10)"
    ),
    TALL: (
        'NMF(5, solver="mu", beta_loss="kullback-leibler") | FactorAnalysis(5) | '
        "FastICA(5) | KMeans()"
    ),
    "breast cancer, standardized": "PCA() | MLPClassifier(hidden_layer_sizes=(10,))",
    "wine, standardized": ("MiniBatchDictionaryLearning(3) | SparsePCA(3) | MiniBatchSparsePCA(3)"),
    "diabetes": (
        "MLPRegressor() | MLPRegressor(hidden_layer_sizes=(5,)) | "
        "PyTorch, 20 units, Adam() | PyTorch, 20 units, Adam(weight_decay=1e-3) | "
        "PyTorch, 20 units, AdamW()"
    ),
    "linnerud, standardized": "MLPRegressor()",
    "iris, standardized": "MLPClassifier()",
    COVID: "TensorLy CP(2) | TensorLy CP(3) | TensorLy CPPower(2) | TensorLy Tucker(2)",
    POSITIVE: "TensorLy CP_NN(2) | TensorLy CP_NN(3) | TensorLy CP_NN_HALS(3)",
    KINETIC: "TensorLy CP(2) | TensorLy CP_NN(2)",
}
MODELS = sorted((model, name) for name, models in FITS.items() for model in models.split(" | "))


@cache
def inputs() -> dict:
    """Return the data by their names, and for networks what they are trained to tell."""
    wine, cancer, iris = datasets.load_wine(), datasets.load_breast_cancer(), datasets.load_iris()
    body, covid = datasets.load_linnerud(), data.tensor("COVID19_data")[0]
    return {
        "iris": (iris.data,),
        UNIT[0]: (data.unit(wine.data),),
        UNIT[1]: (data.unit(cancer.data),),
        "breast cancer, standardized": (data.standard(cancer.data), cancer.target),
        "digits": (data.digits(),),
        TALL: (data.digits(300),),
        "wine, standardized": (data.standard(wine.data),),
        "diabetes": data.diabetes(),
        "iris, standardized": (data.standard(iris.data), iris.target),
        "linnerud, standardized": (data.standard(body.data), data.standard(body.target)),
        COVID: (covid,),
        POSITIVE: (np.maximum(covid, 0.0),),
        KINETIC: data.tensor("Kinetic")[:1],
    }


def fit_of(model: str, name: str):
    """Fit a model to data, from random_state=0 where it takes one, and read it."""
    library, _, call = model.partition(" ")
    given = inputs()[name]
    if library == "PyTorch,":
        return by_torch(call, *given)
    if library == "TensorLy":
        import tensorly.decomposition

        made = called(call, vars(tensorly.decomposition))
    else:
        modules = (decomposition, cluster, neural_network)
        made = called(model, {k: x for m in modules for k, x in vars(m).items()})
    given = given if model.startswith("MLP") else given[:1]
    if hasattr(made, "random_state"):
        made.random_state = 0
    if model.startswith(CODES):
        return from_model(made, *given, codes=made.fit_transform(*given))
    (getattr(made, "fit", None) or made.fit_transform)(*given)
    return from_model(made, *given)


def called(call: str, names):
    """Make what a line of MODELS says, by its names."""
    return eval(call, dict(names))  # noqa: S307


def by_torch(call: str, X, y):
    """Train a small network for 500 steps of all rows."""
    import torch

    def optimizer(parameters):
        kinds = {k: partial(getattr(torch.optim, k), parameters) for k in ("Adam", "AdamW")}
        return called(call.rpartition(" ")[2], kinds)

    net, ran = data.torch_network((X, y[:, None]), 20, optimizer, 500)
    return from_model(net, X, y[:, None], optimizer=ran)


def default(case: Case, _: Options) -> Row:
    """Return what check() says of a fit."""
    model, name, *fit = case.make  # of a test: one of its own
    row = {"model": model, "data": name}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read = fit or [fit_of, model, name]
            fitting, (problem, factors) = timed(*read, clock=process_time)
        except OutOfScopeError as error:
            return row | {"own": "OUT_OF_SCOPE", "reason": str(error)}
        asked = {"q": factors.q, "budget": BUDGET}
        seconds, result = timed(check, problem, factors, clock=process_time, **asked)
    own, shares = result.own_size, result.explained_variance
    return row | {
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
    atom, W, fit = kind(size)
    top = max(float(atom.attain(W, seed)[0]) for seed in range(3))
    for ratio in RATIOS[:1] if options.quick else RATIOS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem, factors = fit(ratio * top)
            asked = {"q": getattr(factors, "q", None), "budget": PENALTY_BUDGET}
            seconds, result = timed(check, problem, factors, clock=process_time, **asked)
        yield {
            "family": family,
            "size": " x ".join(map(str, size)),
            "ratio": ratio,
            "verdict": result.verdict.name,
            "lower": result.lower,
            "best": result.upper if result.better_upper is None else result.better_upper,
            "upper": result.upper,
            "seconds": round(seconds, 1),
        }


def nonnegative(size):
    """Return the atom, the residual of no components, and how NMF is fitted at a lam."""
    Y, (m, n) = data.digits(size[0]), size

    def fit(lam: float):
        settings = {"init": "random", "random_state": 0, "tol": 1e-8, "max_iter": 2000}
        model = decomposition.NMF(8, alpha_W=lam / n, alpha_H=lam / m, **settings)
        return from_model(model, Y, codes=model.fit_transform(Y))

    return RankOne("l2+", "l2+"), Y, fit


def tensors(size):
    """Return the same of CP, of a nonnegative tensor of rank 3 and noise of a tenth of its size."""
    rng = np.random.default_rng(0)
    T = np.einsum("ir,jr,kr->ijk", *(rng.random((n, 3)) for n in size))
    noise = rng.standard_normal(size)
    T = T + 0.1 * np.linalg.norm(T) / np.linalg.norm(noise) * noise

    def fit(lam: float):
        problem, rng = Problem(Squared(T), CP(), lam), np.random.default_rng(0)
        start = tuple(0.5 * rng.standard_normal((n, 4)) for n in size)
        return problem, improve(problem, start, budget=2.0).factors

    return CP(), T, fit


def patients(size):
    """Return the same of a ReLU network."""
    X, y = data.diabetes(size[0])
    X = np.ascontiguousarray(X[:, [2, 3, 8]])

    def fit(lam: float):
        settings = {"random_state": 0, "tol": 1e-9, "max_iter": 5000, "solver": "lbfgs"}
        model = neural_network.MLPRegressor(hidden_layer_sizes=(8,), alpha=lam, **settings)
        return from_model(model.fit(X, y), X, y)

    return ReLU(X, bias="free", form="sum"), (y - y.mean())[:, None], fit


FAMILIES = {
    "NMF, 8 components": (nonnegative, ((50, 64), (200, 64), (800, 64))),
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


# The page


def share(gap: float | None) -> str:
    """Write a relative gap in per cent, rounded up."""
    return "" if gap is None or not np.isfinite(gap) else f"{at_most(per_cent(gap), 3)} %"


def line(r: Row) -> list[str]:
    """Return the cells of a fit."""
    first = [f"`{r['model']}`", r["data"], r["own"], share(r.get("own gap"))]
    if "any" not in r:
        return [*first, "", "", "", ""]
    any_size = r["any"] if r["any gap"] is not None else "the same"
    ends = zip((math.floor, math.ceil), r["explained"] or (), strict=False)
    shown = " to ".join(f"{rounded(1e4 * x) / 100:.2f}" for rounded, x in ends)  # outward
    return [*first, any_size, share(r["any gap"]), shown, f"{r['check s']:.0f}"]


def page(text: str, rows: list[Row], penalized: list[Row]) -> str:
    """Return the page with its tables made anew, each between its two comments."""
    columns = ["model", "data", "at its size", "above by", "any size", "above by"]
    fits = grid([*columns, "explained, %", "seconds"], map(line, rows))
    made = {"fits": fits, "penalties": by_penalty(penalized), "outside": outside(rows)}
    for name, lines in made.items():
        block = f"<!-- {name} -->\n\n{lines}\n\n<!-- /{name} -->".replace("\\", "\\\\")
        text = re.sub(rf"(?s)<!-- {name} -->.*<!-- /{name} -->", block, text)
    return text


def outside(rows: list[Row]) -> str:
    """Return why fits are out of scope."""
    out = [r for r in rows if r["own"] == "OUT_OF_SCOPE"]
    return "\n".join(f"- `{r['model']}`: {r['reason']}." for r in out)


def by_penalty(rows: list[Row]) -> str:
    """Return a table with a line for each family and size: distances and seconds."""
    lines = {}
    for r in rows:
        cell = f"{excess(r['lower'], r['best'])}, {r['seconds']:.0f} s"
        lines.setdefault((r["family"], r["size"]), {})[r["ratio"]] = cell
    names = ["model", "data", *(f"λ/λ_max = {x:g}" for x in RATIOS)]
    return grid(names, ([*k, *(cells.get(x, "–") for x in RATIOS)] for k, cells in lines.items()))
