"""Polars and whole problems with a short side: bounded, attained, verified exactly.

Seconds are the processor's: one thread, whatever else the machine does.
"""

import warnings
from dataclasses import replace
from functools import partial
from itertools import permutations
from time import monotonic, process_time
from unittest.mock import patch

import data
import numpy as np
from measure import Options, bounded, judged
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import NMF
from sklearn.neural_network import MLPClassifier, MLPRegressor

from certify import Problem, from_model, improve
from certify.atoms import CP, RankOne, ReLU
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.losses import Squared
from certify.norms import Elastic, Variation, gauge
from certify.polar import PolarQuery
from certify.polar.ascent.layers import attain
from certify.polar.ascent.pairs import best_slice
from certify.polar.branching import cones
from certify.polar.branching.cones import layer_proposal, pair_proposal
from certify.polar.layer_query import LayerQuery
from certify.polar.proved import layer_bound, proved_above

HOUR = 3600.0
COLUMNS = [2, 3, 8, 4, 6]  # of the diabetes data
LAYERS = (  # rows, features, seconds
    (120, 3, 2.0),
    (442, 3, 10.0),
    (120, 4, 15.0),
    (442, 4, 120.0),
    (120, 5, 120.0),
)
GAP = 1e-3  # relative: bounds are wanted this near
EXACT = 50_000  # cones of a tree at most that is verified exactly, a layer's
BY_LBFGS = {"max_iter": 20_000, "tol": 1e-9, "solver": "lbfgs", "random_state": 0}


def short_sides(options: Options):
    """Bound residuals of nearly interpolating layers, and of a nonnegative factorization."""
    yield "polars with a short side: simplicial cones"
    for rows, features, wanted in LAYERS[:1] if options.quick else LAYERS:
        V, w = layer(rows, features)
        atom, W = ReLU(V), w[:, None]
        ask = LayerQuery(atom.layer, W, deadline=monotonic() + HOUR)
        search = partial(searched, layer_proposal, ask, attain(ask)[0])
        row = bounded(search, partial(verified, W, atom), process_time)
        yield {"polar": f"ReLU {rows} x {features + 1}"} | row, {"gap": GAP, "search s": wanted}
    sides = gauge("l2+"), gauge("l2+")
    problem, (U, V) = iris_parts()
    W = problem.loss.data - U @ V.T
    ask = PolarQuery(W, *sides, target=0.0, deadline=monotonic() + HOUR)
    search = partial(searched, pair_proposal, ask, best_slice(ask)[0])
    row = bounded(search, partial(proved_above, W, sides, arithmetic=Flint()), process_time)
    yield {"polar": "iris 150 x 4, nonnegative"} | row, {"gap": GAP, "search s": 15.0}


def verified(W, atom, proof):
    """Return the bound that a tree proves: exactly, or in rounded floats where it is large."""
    exactly = 8 * len(proof["tree"]) <= EXACT
    return layer_bound(Flint() if exactly else Rounded(), W, atom, proof)


def searched(propose, ask, lower: float):
    """Return the largest value met, and the proposal."""
    seen = [lower]
    with patch.object(cones, "GAPS", (GAP,)):
        found = propose(replace(ask, progress=lambda _, best, __: seen.append(best)), lower)
    return max(seen), found


def layer(rows: int, features: int):
    """Return V with a bias column, and the residual of a ridge fit by 400 random units."""
    X, y = patients(rows, features)
    V, rng = np.c_[X, np.ones(rows)], np.random.default_rng(0)
    U = rng.standard_normal((features + 1, 400))
    H = np.maximum(V @ (U / np.linalg.norm(U, axis=0)), 0)
    return V, y - H @ np.linalg.solve(H.T @ H + 0.05 * np.eye(400), H.T @ y)


def patients(rows: int = 120, features: int = 3):
    """Return patients of the diabetes data, some features, all standardized."""
    X, y = load_diabetes(return_X_y=True)
    return data.standard(X)[:rows, COLUMNS[:features]], data.standard(y)[:rows]


def iris_parts():
    """Return NMF(4) of iris at .02 of its largest singular value."""
    X = load_iris().data
    lam = 0.02 * np.linalg.norm(X, 2)
    sizes = {"alpha_W": lam / X.shape[1], "alpha_H": lam / len(X), "max_iter": 5000, "tol": 1e-9}
    model = NMF(4, init="random", random_state=0, **sizes)
    U = model.fit_transform(X)
    return Problem(Squared(X), RankOne("l2+", "l2+"), lam), (U, model.components_.T)


def short_problems(options: Options):
    """Improve whole problems with a short side for a minute, and verify what is proved."""
    yield "whole problems with a short side"
    for name, make, wanted in cases()[5:7] if options.quick else cases():
        row, result, _ = judged(*make(), by=improve, tiers=("rounded",), rtol=wanted, budget=60.0)
        row |= {"rule": result.certificate.proof.get("polar", {}).get("rule")}
        yield {"problem": name} | row, {"gap": wanted}


def cases():
    """Return the name of each, how to make problem and factors, and the gap wanted."""
    rng = np.random.default_rng(0)
    W, T, cube = (rng.standard_normal(shape) for shape in ((40, 5), (3, 3, 3), (4, 4, 4)))
    odd = sum(T.transpose(p) for p in permutations(range(3))) / 6
    path = Variation([(i, i + 1) for i in range(39)], 0.5)
    return [
        ("MLPRegressor 120 x 3, alpha = 1", partial(regressor, 1.0), 1e-2),
        ("MLPRegressor 120 x 3, alpha = .1", partial(regressor, 0.1), 1e-2),
        ("PyTorch 3-40-1, weight decay .01", by_torch, 1e-2),
        ("softmax, iris 60 x 2 x 3", classifier, 1e-3),
        ("iris NMF(4), .02 sigma_1", iris_parts, 1e-4),
        ("3 x 3 x 3, symmetric, of one sign", partial(zero, odd, CP("l2+", True, order=3)), 1e-4),
        ("4 x 4 x 4, linf", partial(zero, cube, CP(("linf",) * 3)), 1e-4),
        ("40 x 5, linf and elastic", partial(zero, W, RankOne("linf", Elastic(0.5))), 1e-4),
        ("40 x 5, elastic", partial(zero, W, RankOne(Elastic(0.5), Elastic(0.5))), 1e-4),
        ("40 x 5, variation and l2", partial(zero, W, RankOne(path, "l2")), 1e-4),
    ]


def regressor(alpha: float):
    """Fit 100 hidden units by L-BFGS."""
    X, y = patients()
    model = MLPRegressor(hidden_layer_sizes=100, alpha=alpha, **BY_LBFGS)
    return from_model(fitted(model, X, y), X, y)


def classifier():
    """Fit 20 hidden units to 60 flowers of two features and three kinds."""
    X, y = load_iris(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:60]
    X, y = data.standard(X)[chosen, 2:], y[chosen]
    model = MLPClassifier(20, alpha=1.0, **BY_LBFGS)
    return from_model(fitted(model, X, y), X, y)


def fitted(model, X, y):
    """Fit a model without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def by_torch():
    """Train Linear(3, 40), ReLU, Linear(40, 1) by Adam in double precision, steps getting short."""
    import torch

    X, y = patients()
    optimizer = partial(torch.optim.Adam, lr=0.01, weight_decay=0.01)
    given = X, y[:, None]
    net, _ = data.torch_network(given, 40, optimizer, 3000, shorter=True, precise=True)
    return from_model(net, X, y, weight_decay=0.01)


def zero(Y, atom):
    """Return the data at .3 of an attained value of their polar, and one component of zeros."""
    problem = Problem(Squared(Y), atom, 0.3 * atom.attain(Y, 0)[0])
    return problem, tuple(np.zeros((*shape, 1)) for shape in atom.shapes(Y.shape))
