"""Polars bounded from both sides: random tensors, and layers and matrices with a short side.

Upper bounds are the kernel's, exact where they are not too many; lower bounds are attained.
Seconds are the processor's.
"""

from dataclasses import replace
from functools import partial
from time import monotonic
from unittest.mock import patch

import data
import numpy as np
from measure import Options, bounded, timed
from trained import iris_parts, patients

from certify.atoms import ReLU
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.norms import gauge
from certify.polar import PolarQuery
from certify.polar.ascent.layers import attain as attain_layer
from certify.polar.ascent.pairs import best_slice
from certify.polar.ascent.products import attain
from certify.polar.branching import cones
from certify.polar.branching.cones import layer_proposal, pair_proposal
from certify.polar.layer_query import LayerQuery
from certify.polar.product_query import ProductQuery
from certify.polar.products import propose
from certify.polar.proved import layer_bound, proved_above, tensor_above
from certify.search.relax import Using
from certify.search.relax.tensor_polar import Tensor, form_of, least_bound

WANTED = {12: 1e-6, 16: 1e-6, 20: 1e-6, 30: 1e-4}
CUBES = [
    (f"{n} x {n} x {n}", (n,) * 3, ("l2",) * 3, WANTED.get(n, 1e-7))
    for n in (3, 4, 5, 6, 7, 8, 12, 16, 20, 30)
]
OTHERS = [
    ("4 x 4 x 4 x 4", (4, 4, 4, 4), ("l2",) * 4, 1e-7),
    ("438 x 6 x 11", (438, 6, 11), ("l2",) * 3, 1e-7),
    ("4 x 4 x 4, nonnegative", (4, 4, 4), ("l2+",) * 3, 1e-2),
    ("8 x 8 x 8, nonnegative", (8, 8, 8), ("l2+",) * 3, 1e-1),
    ("5 x 5 x 5, two signed", (5, 5, 5), ("l2+", "l2+", "l2"), 1e-4),
    ("5 x 5 x 5, one cube", (5, 5, 5), ("linf", "l2", "l2"), 1e-1),
    ("4 x 4 x 4, cubes", (4, 4, 4), ("linf",) * 3, 0.5),
]


def tensor_polar(options: Options, largest: int = 8):
    """Bound random tensors of rising size, beside cvxpy's SCS, then other orders and norms."""
    yield "polars of random Gaussian tensors: relative gap of proved and attained, seconds"
    for name, shape, keys, limit in CUBES[:2] if options.quick else CUBES + OTHERS:
        T, gauges = data.gaussian(shape), tuple(map(gauge, keys))
        stated = {"kind": "cp", "norms": list(keys), "symmetric": False, "form": "product"}
        exactly = partial(tensor_above, T, stated, arithmetic=Flint())
        row = {"tensor": name, "norms": " ".join(keys)}
        row |= bounded(partial(attained, T, gauges), exactly)
        if (name, shape, keys, limit) in CUBES and shape[0] <= largest:
            seconds, value = timed(by_scs, T, gauges)
            row |= {"SCS gap": value / row["attained"] - 1, "SCS s": seconds}
        yield row, {"gap": limit, "search s": 300.0}


def by_scs(T, gauges) -> float:
    """Return what cvxpy's SCS says the relaxation bounds."""
    program = least_bound(form_of(Tensor(T, gauges)))
    Using("SCS").solve(program.asked)
    return float(program.bound.value)


def attained(T, gauges):
    """Attain a value, and propose a bound."""
    lower, xs = attain(T, gauges)
    return lower, propose(ProductQuery(T, gauges, starts=[xs]))


GAP = 1e-3  # relative: bounds are wanted this near
EXACT = 50_000  # cones of a tree at most that is verified exactly, a layer's
LAYERS = ((120, 3, 2.0), (442, 3, 10.0), (120, 4, 15.0), (442, 4, 120.0), (120, 5, 120.0))


def short_sides(options: Options):
    """Bound residuals of nearly interpolating layers, and of a nonnegative factorization."""
    yield "polars with a short side: simplicial cones"
    for rows, features, seconds in LAYERS[:1] if options.quick else LAYERS:
        V, w = layer(rows, features)
        atom, W = ReLU(V), w[:, None]
        ask = LayerQuery(atom.layer, W, deadline=monotonic() + 3600)
        search = partial(searched, layer_proposal, ask, attain_layer(ask)[0])
        row = {"polar": f"ReLU {rows} x {features + 1}"}
        yield row | bounded(search, partial(verified, W, atom)), {"gap": GAP, "search s": seconds}
    problem, (U, V) = iris_parts()
    W, sides = problem.loss.data - U @ V.T, problem.atom.gauges
    ask = PolarQuery(W, *sides, target=0.0, deadline=monotonic() + 3600)
    search = partial(searched, pair_proposal, ask, best_slice(ask)[0])
    row = bounded(search, partial(proved_above, W, sides, arithmetic=Flint()))
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
