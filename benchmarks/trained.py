"""Hidden layers and tensors: polars, optima, networks of libraries, the bracket against time."""

import warnings
from functools import partial
from itertools import permutations
from time import perf_counter, process_time

import data
import numpy as np
from measure import Case, Options, Row, Table, improving, timed
from sklearn.datasets import load_iris
from sklearn.decomposition import NMF
from sklearn.neural_network import MLPClassifier, MLPRegressor

from certify import Problem, check, from_model, improve
from certify.adapters.arrays import scnn_relu
from certify.atoms import CP, RankOne, ReLU
from certify.base.rigor.flint import Flint
from certify.losses import Squared
from certify.norms import Elastic, Variation, gauge
from certify.polar.ascent.products import attain
from certify.polar.product_query import ProductQuery
from certify.polar.products import propose
from certify.polar.proved import tensor_above
from certify.search.lam_max import lam_max
from certify.search.relax import Using
from certify.search.relax.tensor_polar import form_of, least_bound

TIERS = ("exact", "rounded")
BRACKET, YES = {"gap": 1.0}, "CERTIFIED"

# Diabetes


def best_network(rows: int, share: float, rtol: float, budget: float):
    """Return a share of the smallest lam of an empty network, and what an improvement reaches.

    rows  of a permutation of the patients
    """
    X, y = data.diabetes(rows)
    atom, loss = ReLU(X, bias="regularized"), Squared(y[:, None])
    problem = Problem(loss, atom, share * atom.attain(loss.data, 0)[0])
    rng = np.random.default_rng(1)
    start = tuple(0.1 * rng.standard_normal((*s, 24)) for s in atom.shapes(loss.dims))
    best = improve(problem, start, rtol=rtol, budget=budget).factors
    return problem, best, {"lam / lam_max": share}


SHARES = {  # rows, share of lam_max: epsilon, budget
    (data.PART, 0.5): (1e-3, 120.0),
    (data.PART, 0.2): (1e-3, 120.0),
    (data.PART, 0.067): (1e-2, 120.0),
    (442, 0.5): (1e-2, 600.0),
    (442, 0.2): (1e-2, 600.0),
}
networks = Table(
    "Hidden layers",
    {
        f"diabetes {rows} rows at {share}": Case(
            partial(best_network, rows, share, 0.01 * rtol, budget / 4),
            BRACKET,
            {"tiers": TIERS, "budget": budget, "rtol": rtol},
        )
        for (rows, share), (rtol, budget) in SHARES.items()
    },
)


def by_the_hour(case: Case, options: Options):
    """Yield the lower bound at 1, 2, 4, ... times the first moment, and at the end.

    What bounds without a certificate leave is 0.82 of the objective.
    """
    seconds = 20 if options.quick else options.repeats or 3600
    rows, effort = (60, 5.0) if options.quick else (442, 120.0)
    problem, best, _ = best_network(rows, case.make, 1e-4, effort)
    start, worked, heard, due = perf_counter(), process_time(), [], [0.0]

    def keep(stage: str, value: float) -> None:
        """Keep a lower bound that rises."""
        at = perf_counter() - start
        if "optimum at least" in stage and value > 0 and at >= due[0]:
            heard.append({"s": at, "proved at least": value})
            due[0] = 2 * at

    found = check(problem, best, rtol=1e-2, budget=seconds, progress=keep)
    heard.append({"s": perf_counter() - start, "proved at least": found.lower})
    heard[-1] |= {"verdict": found.verdict.name, "processor s": process_time() - worked}
    return [r | {"gap": 1 - r["proved at least"] / problem.objective(best)} for r in heard]


hour = Table(
    "all of diabetes, 442 x 11, at lam / lam_max = .05: the bracket against time",
    {"442 x 11": Case(0.05, {"gap": 0.82})},
    by_the_hour,
)


# Networks that libraries trained


def trained(made, table, units: int, alpha: float, **given):
    """Train by scikit-learn's L-BFGS."""
    X, y = table()
    plain = {"max_iter": 20_000, "max_fun": 10**6, "tol": 1e-10, "random_state": 0}
    model = made(hidden_layer_sizes=(units,), solver="lbfgs", alpha=alpha, **(plain | given))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    return from_model(model, X, y)


def by_torch(table, units: int, decay: float, *, precise: bool = False):
    """Train Linear, ReLU, Linear by Adam on all rows, 3000 steps getting short."""
    import torch

    X, y = table()
    optimizer = partial(torch.optim.Adam, lr=0.01, weight_decay=decay)
    given = X, y[:, None]
    net, _ = data.torch_network(given, units, optimizer, 3000, shorter=True, precise=precise)
    return from_model(net, *given, weight_decay=decay)


def sampled(table, patterns: int = 12, share: float = 0.2):
    """Solve pyscnn's program over sampled patterns, each with its cone:

    min 1/(2 n) |sum +-D_i X v_i - y|^2 + lam sum |v_i|,   (2 D_i - 1) X v_i >= 0.
    """
    import cvxpy as cp

    given, y = table()
    norms, rng = np.linalg.norm(given, axis=0), np.random.default_rng(0)
    none = [np.ones((1, given.shape[1])), np.zeros((1, 1))]
    lam = share * lam_max(scnn_relu(none, given, y, 1.0)[0], budget=5.0).lower / len(y)
    X = given / norms
    gates = np.unique(X @ rng.standard_normal((X.shape[1], patterns)) > 0, axis=1).T.astype(float)
    gates, signs = np.repeat(gates, 2, axis=0), np.tile([1.0, -1.0], len(gates))
    parts = [cp.Variable(X.shape[1]) for _ in gates]
    f = sum(s * cp.multiply(g, X @ v) for s, g, v in zip(signs, gates, parts, strict=True))
    cones = [cp.multiply(2 * g - 1, X @ v) >= 0 for g, v in zip(gates, parts, strict=True)]
    paid = lam * sum(cp.norm(v) for v in parts)
    cp.Problem(cp.Minimize(cp.sum_squares(f - y) / (2 * len(y)) + paid), cones).solve("CLARABEL")
    W = np.array([v.value for v in parts]) / norms
    size = np.linalg.norm(W, axis=1)
    alive = size > 1e-6 * size.max()
    return scnn_relu([W[alive], signs[None, alive]], given, y, lam)


part, every = partial(data.diabetes, data.PART), partial(data.diabetes, 442)
some = partial(data.cancer, 100)
regressor, classifier = partial(trained, MLPRegressor), partial(trained, MLPClassifier)
NETWORKS = {  # how it is trained, the verdict, epsilon, the budget
    "MLPRegressor 60 x 9, alpha = 20": (partial(regressor, part, 30, 20.0), YES, 1e-2, 60.0),
    "MLPRegressor 442 x 10, alpha = 100": (partial(regressor, every, 30, 100.0), YES, 2e-2, 60.0),
    "MLPRegressor 442 x 10, alpha = 20": (
        partial(regressor, every, 30, 20.0),
        "UNDECIDED",
        1e-2,
        60.0,
    ),
    "PyTorch 9-30-1, weight decay .5": (partial(by_torch, part, 30, 0.5), YES, 1e-2, 60.0),
    "MLPClassifier 100 x 2, alpha = 2": (partial(classifier, some, 20, 2.0), YES, 1e-3, 60.0),
    "too few units, alpha = 1": (partial(classifier, some, 1, 1.0), "RANK_LIMITED", 1e-3, 60.0),
    "stopped early, alpha = 2": (
        partial(classifier, some, 20, 2.0, max_iter=10),
        "REFUTED",
        1e-3,
        60.0,
    ),
    "MLPClassifier 569 x 2, alpha = 20": (
        partial(classifier, data.cancer, 20, 20.0),
        YES,
        1e-2,
        600.0,
    ),
    "pyscnn's program, 12 patterns": (partial(sampled, part), "REFUTED", 1e-2, 60.0),
}
real_networks = Table(
    "Real networks",
    {
        name: Case(
            make, BRACKET | {"verdict": end}, {"tiers": TIERS, "rtol": rtol, "budget": budget}
        )
        for name, (make, end, rtol, budget) in NETWORKS.items()
    },
)


# Whole problems with a short side


def few_features():
    """Return three features of 120 patients."""
    X, y = data.diabetes()
    return X[:120, [2, 3, 8]], y[:120]


def flowers():
    """Return 60 flowers of two features and three kinds."""
    X, y = load_iris(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:60]
    return data.standard(X)[chosen, 2:], y[chosen]


def iris_parts():
    """Return NMF(4) of iris at .02 of its largest singular value."""
    X = load_iris().data
    lam = 0.02 * np.linalg.norm(X, 2)
    sizes = {"alpha_W": lam / X.shape[1], "alpha_H": lam / len(X), "max_iter": 5000, "tol": 1e-9}
    model = NMF(4, init="random", random_state=0, **sizes)
    U = model.fit_transform(X)
    return Problem(Squared(X), RankOne("l2+", "l2+"), lam), (U, model.components_.T)


def zero(shape: tuple[int, ...], atom):
    """Return Gaussian data at .3 of an attained value of their polar, a component of zeros."""
    draws = np.random.default_rng(0)
    W, T, cube = (draws.standard_normal(s) for s in ((40, 5), (3, 3, 3), (4, 4, 4)))
    odd = sum(T.transpose(p) for p in permutations(range(3))) / 6
    Y = {(40, 5): W, (3, 3, 3): odd, (4, 4, 4): cube}[shape]
    problem = Problem(Squared(Y), atom, 0.3 * atom.attain(Y, 0)[0])
    return problem, tuple(np.zeros((*shape, 1)) for shape in atom.shapes(Y.shape))


LBFGS = {"max_fun": 15_000, "tol": 1e-9}
PATH = Variation([(i, i + 1) for i in range(39)], 0.5)
WHOLE = {  # name -> how it is made, and the gap that is asked for
    "iris NMF(4), .02 sigma_1": (iris_parts, 1e-4),
    "3 x 3 x 3, symmetric, of one sign": (partial(zero, (3, 3, 3), CP("l2+", True, order=3)), 1e-4),
    "4 x 4 x 4, linf": (partial(zero, (4, 4, 4), CP(("linf",) * 3)), 1e-4),
    "40 x 5, linf and elastic": (partial(zero, (40, 5), RankOne("linf", Elastic(0.5))), 1e-4),
    "40 x 5, elastic": (partial(zero, (40, 5), RankOne(Elastic(0.5), Elastic(0.5))), 1e-4),
    "40 x 5, variation and l2": (partial(zero, (40, 5), RankOne(PATH, "l2")), 1e-4),
    "softmax, iris 60 x 2 x 3": (partial(classifier, flowers, 20, 1.0, **LBFGS), 1e-3),
    "MLPRegressor 120 x 3, alpha = 1": (partial(regressor, few_features, 100, 1.0, **LBFGS), 1e-2),
    "MLPRegressor 120 x 3, alpha = .1": (partial(regressor, few_features, 100, 0.1, **LBFGS), 1e-2),
    "PyTorch 3-40-1, weight decay .01": (
        partial(by_torch, few_features, 40, 0.01, precise=True),
        1e-2,
    ),
}
short_problems = Table(
    "whole problems with a short side, improved for a minute of the processor",
    {
        name: improving(make, {"gap": gap}, tiers=("rounded",), rtol=gap, budget=30.0, cores=2)
        for name, (make, gap) in WHOLE.items()
    },
)


# CP models


def from_nothing(tensor, share: float):
    """Return a tensor, what is seen of it, lam at a share of the spectral norm; no components."""
    T, mask = tensor()
    atom = CP(("l2",) * T.ndim)
    top = attain(T, atom.gauges, symmetric=False, seed=0)[0]
    none = tuple(np.zeros((n, 0)) for n in T.shape)
    return Problem(Squared(T, mask=mask), atom, share * top), none


def covid():
    return data.tensor("COVID19_data"), None


def kinetic(at=slice(None)):
    return np.ascontiguousarray(data.tensor("Kinetic")[..., at] / 4096.0), None


def zero_filled():
    return data.responses()[0], None


TENSORS = {  # shares of the spectral norm: the gap that is asked for
    "COVID19 438x6x11": (covid, {0.2: 1e-5, 0.1: 1e-5, 0.05: 1e-3}),
    "IL2 52x12x8 masked": (data.responses, {0.2: 1e-5, 0.05: 1e-5, 0.02: 1e-3}),
    "IL2 52x12x8 zero-filled": (zero_filled, {0.2: 1e-5, 0.05: 1e-5, 0.02: 1e-3}),
    "Kinetic 64x12x10": (partial(kinetic, data.SLAB), {0.2: 1e-5, 0.05: 1e-5, 0.01: 1e-3}),
    "Kinetic 64x12x10x60": (kinetic, {0.05: 1.0}),
}
cp = Table(
    "CP models of real tensors, l2 norms",
    {
        f"{name} at {share:g}": improving(
            partial(from_nothing, tensor, share),
            {"gap": gap},
            budget=240.0,
            cores=1,
            rtol=min(gap, 1e-3),
        )
        for name, (tensor, shares) in TENSORS.items()
        for share, gap in shares.items()
    },
    few=1,
)


# Polars of random tensors


LENGTHS = (3, 4, 5, 6, 7, 8, 12, 16, 20, 30)
SCS_UP_TO = 8


def near(n: int) -> float:
    """Return the gap that is asked for."""
    return 1e-4 if n > 20 else 1e-6 if n > 8 else 1e-7


POLARS = {f"{n} x {n} x {n}": ((n,) * 3, ("l2",) * 3, near(n)) for n in LENGTHS}
POLARS |= {
    "4 x 4 x 4 x 4": ((4, 4, 4, 4), ("l2",) * 4, 1e-7),
    "438 x 6 x 11": ((438, 6, 11), ("l2",) * 3, 1e-7),
    "4 x 4 x 4, nonnegative": ((4, 4, 4), ("l2+",) * 3, 1e-2),
    "8 x 8 x 8, nonnegative": ((8, 8, 8), ("l2+",) * 3, 1e-1),
    "5 x 5 x 5, two signed": ((5, 5, 5), ("l2+", "l2+", "l2"), 1e-4),
    "5 x 5 x 5, one cube": ((5, 5, 5), ("linf", "l2", "l2"), 1e-1),
    "4 x 4 x 4, cubes": ((4, 4, 4), ("linf",) * 3, 0.5),
}


def polar_of(case: Case, _: Options) -> Row:
    """Bound a random tensor's polar from both sides, exactly, beside cvxpy's SCS."""
    shape, keys = case.make
    T, gauges = data.gaussian(shape), tuple(map(gauge, keys))
    lower, xs = attain(T, gauges)
    stated = {"kind": "cp", "norms": list(keys), "symmetric": False, "form": "product"}
    query = ProductQuery(T, gauges, starts=[xs])
    searched, found = timed(propose, query, clock=process_time)
    steps = T, stated, found.proof
    seconds, upper = timed(tensor_above, *steps, arithmetic=Flint(), clock=process_time)
    row = {"norms": " ".join(keys), "attained": lower, "proved": float(upper)}
    row |= {"gap": float(upper) / lower - 1, "parts": len(found.proof.get("nodes", [0]))}
    row |= {"search s": searched, "verify s": seconds}
    if set(keys) == {"l2"} and max(shape) <= SCS_UP_TO and len(shape) == 3:
        least = least_bound(form_of(ProductQuery(T, gauges)))
        row["SCS s"], _ = timed(Using("SCS").solve, least.program)
        row["SCS gap"] = float(least.bound.value) / lower - 1
    return row


tensor_polar = Table(
    "polars of random Gaussian tensors: relative gap of proved and attained, seconds",
    {k: Case(at, {"gap": gap, "search s": 300.0}) for k, (*at, gap) in POLARS.items()},
    polar_of,
)
