"""Polars with a short side: branch and bound over simplicial cones, verified.

Seconds are the processor's: one thread, whatever else the machine does.
"""

from dataclasses import replace
from time import monotonic, process_time

import numpy as np
from measure import Claim, Options
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import NMF
from sklearn.preprocessing import StandardScaler

from certify.atoms import ReLU
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Arrays
from certify.kernel.rules.cones import cones
from certify.norms import gauge
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
    """Return what NMF(4) of iris leaves at .02 of its largest singular value."""
    X = load_iris().data
    lam = 0.02 * np.linalg.norm(X, 2)
    sizes = {"alpha_W": lam / X.shape[1], "alpha_H": lam / len(X), "max_iter": 5000, "tol": 1e-9}
    model = NMF(4, init="random", random_state=0, **sizes)
    return X - model.fit_transform(X) @ model.components_
