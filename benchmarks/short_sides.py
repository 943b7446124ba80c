"""Polars and whole problems with a short side: bounded, attained, verified exactly.

Seconds are the processor's: one thread, whatever else the machine does.
"""

import warnings
from dataclasses import replace
from functools import partial
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, process_time

import numpy as np
from measure import Claim, Options
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import NMF
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from certify import Problem, check, from_model, verify
from certify.atoms import CP, RankOne, ReLU
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Arrays
from certify.kernel.rules.cones import cones
from certify.losses import Squared
from certify.norms import Elastic, Variation, gauge
from certify.polar import PolarQuery
from certify.polar.ascent.layers import attain
from certify.polar.ascent.pairs import best_slice
from certify.polar.branching.cones import layer_proposal, pair_proposal
from certify.polar.layer_query import LayerQuery
from certify.polar.proved import as_kernel_array, kernel_pair, layer_bound, split, stored_entries

HOUR = 3600.0
WANTED = 1e-3  # relative distance of the bound and the value found
EXACT = 100_000  # codes up to which the exact verification is run too
COLUMNS = [2, 3, 8, 4, 6]  # of the diabetes data
LAYERS = ((120, 3, 2.0), (442, 3, 10.0), (120, 4, 15.0))  # rows, features, seconds wanted


def short_sides(options: Options):
    """Bound residuals of nearly interpolating layers, and of a nonnegative factorization."""
    yield "polars with a short side: simplicial cones"
    for rows, features, wanted in LAYERS[:1] if options.quick else LAYERS:
        V, w = layer(rows, features)
        atom = ReLU(V)
        ask = LayerQuery(atom.layer, w[:, None], deadline=monotonic() + HOUR)
        name = f"ReLU {rows} x {features + 1}"

        def of_layer(ar, proof, atom=atom, w=w):
            return layer_bound(ar, w[:, None], atom, proof)

        yield from told(name, wanted, (layer_proposal, of_layer), ask, attain(ask)[0])
    W = residual()
    sides = gauge("l2+"), gauge("l2+")
    ask = PolarQuery(W, *sides, target=0.0, deadline=monotonic() + HOUR)

    def of_pair(ar, proof):
        at, data = stored_entries(W)
        text, arrays = split(proof)
        return cones(
            ar,
            kernel_pair(at, sides),
            ar.load(as_kernel_array(data)),
            text,
            Arrays(arrays, "proof"),
        )

    lower = best_slice(ask)[0]
    yield from told("iris 150 x 4, nonnegative", 15.0, (pair_proposal, of_pair), ask, lower)


def told(name, wanted, by, ask, lower):
    """Yield the row and the claims of one polar; by: how to propose, and how to verify."""
    propose, bound = by
    seen = [lower]
    start = process_time()
    found = propose(replace(ask, progress=lambda _, best, __: seen.append(best)), lower)
    search = process_time() - start
    codes = 8 * len(found.proof["tree"])
    start = process_time()
    exact = float(bound(Flint(), found.proof)) if codes <= EXACT else None
    verify = process_time() - start if exact else None
    value = max(seen)
    yield {
        "polar": name,
        "attained": value,
        "proved gap": found.upper / value - 1,
        "nodes": codes,
        "search and rounded proof, s": search,
        "exact verification, s": verify,
        "KB": codes / 1000,
    }
    near = found.upper <= value * (1 + WANTED)
    yield Claim(f"{name}: gap", f"at most {WANTED}", f"{found.upper / value - 1:.2g}", near)
    yield Claim(f"{name}: time", f"at most {wanted:g} s", f"{search:.2g} s", search <= wanted)


def layer(rows: int, features: int):
    """Return V with a bias column, and the residual of a ridge fit by 400 random units."""
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X)[:rows, COLUMNS[:features]], (y - y.mean()) / y.std()
    V, rng = np.c_[X, np.ones(rows)], np.random.default_rng(0)
    U = rng.standard_normal((features + 1, 400))
    H = np.maximum(V @ (U / np.linalg.norm(U, axis=0)), 0)
    return V, y[:rows] - H @ np.linalg.solve(H.T @ H + 0.05 * np.eye(400), H.T @ y[:rows])


def residual():
    """Return what NMF(4) of iris leaves."""
    problem, (U, V) = iris_parts()
    return problem.loss.data - U @ V.T


def iris_parts():
    """Return NMF(4) of iris at .02 of its largest singular value."""
    X = load_iris().data
    lam = 0.02 * np.linalg.norm(X, 2)
    sizes = {"alpha_W": lam / X.shape[1], "alpha_H": lam / len(X), "max_iter": 5000, "tol": 1e-9}
    model = NMF(4, init="random", random_state=0, **sizes)
    U = model.fit_transform(X)
    return Problem(Squared(X), RankOne("l2+", "l2+"), lam), (U, model.components_.T)


BUDGET = 60.0  # seconds of a whole problem
BY_LBFGS = {"max_iter": 20_000, "tol": 1e-9, "solver": "lbfgs", "random_state": 0}


def short_problems(options: Options):
    """Check whole problems with a short side, and verify what is proved exactly."""
    yield "whole problems with a short side"
    for case in cases()[5:7] if options.quick else cases():
        yield from answered(*case)


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


def answered(name, make, wanted):
    """Yield the row and the claim of one problem."""
    problem, factors = make()
    start = process_time()
    found = check(problem, factors, rtol=wanted, budget=BUDGET)
    seconds = process_time() - start
    best = min(x for x in (found.upper, found.better_upper) if x is not None)
    gap = (best - found.lower) / best
    start = process_time()
    with TemporaryDirectory() as folder:
        size = found.certificate.save(Path(folder) / "x.cert")
        verify(Path(folder) / "x.cert", problem, factors, rtol=wanted)
    yield {
        "problem": name,
        "components": factors[0].shape[-1],
        "verdict": found.verdict.name,
        "better": None if found.better is None else found.better[0].shape[-1],
        "lower": found.lower,
        "best": best,
        "gap": gap,
        "rule": found.certificate.proof.get("polar", {}).get("rule"),
        "check, s": seconds,
        "exact verification, s": process_time() - start,
        "KB": size / 1000,
    }
    yield Claim(f"{name}: gap", f"at most {wanted:g}", f"{gap:.2g}", gap <= wanted)


def patients():
    """Return 120 patients of the diabetes data, three features, all standardized."""
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X)[:120, COLUMNS[:3]], ((y - y.mean()) / y.std())[:120]


def regressor(alpha: float):
    """Fit 100 hidden units by L-BFGS."""
    X, y = patients()
    model = MLPRegressor(hidden_layer_sizes=100, alpha=alpha, **BY_LBFGS)
    return from_model(fitted(model, X, y), X, y)


def classifier():
    """Fit 20 hidden units to 60 flowers of two features and three kinds."""
    X, y = load_iris(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:60]
    X, y = StandardScaler().fit_transform(X)[chosen, 2:], y[chosen]
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

    torch.manual_seed(0)
    X, y = patients()
    a, b = torch.tensor(X), torch.tensor(y[:, None])
    kit = torch.nn
    net = kit.Sequential(kit.Linear(3, 40), kit.ReLU(), kit.Linear(40, 1)).double()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=0.01)
    shorter = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3000)
    for _ in range(3000):
        optimizer.zero_grad()
        kit.functional.mse_loss(net(a), b).backward()
        optimizer.step()
        shorter.step()
    return from_model(net, X, y, weight_decay=0.01)


def zero(Y, atom):
    """Return the data at .3 of an attained value of their polar, and one component of zeros."""
    problem = Problem(Squared(Y), atom, 0.3 * atom.attain(Y, 0)[0])
    return problem, tuple(np.zeros((*shape, 1)) for shape in atom.shapes(Y.shape))
