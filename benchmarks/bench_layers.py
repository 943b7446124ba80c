"""Claim: the polar of a hidden layer, by cells, relaxation, products of radii, and branching.

W is what a linear fit leaves of the diabetes data: N rows in a seeded order, the first d - 1 of
10 features and a bias.  Every bound in the table is the kernel's, in rounded arithmetic.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, perf_counter

import matplotlib as mpl
import numpy as np
from candidates import Array
from measure import Options, Report, Row, at_most, main
from sklearn.datasets import load_diabetes

from certify.atoms import ReLU
from certify.polar import Proposal
from certify.polar.ascent.layers import attain
from certify.polar.branching import cells
from certify.polar.branching import layers as tree
from certify.polar.branching.layer_parts import ROOT_STEPS, STEPS, Bounder
from certify.polar.branching.tree import Limits, grow
from certify.polar.layer_ask import LayerAsk
from certify.polar.proved import layer_above
from certify.polar.relaxation.layers import form_of

PLOT = Path(__file__).with_name("layers.png")
SECONDS = 12.0  # of each method, at each size
SHAPES = ((25, 2), (60, 3), (100, 3), (100, 4), (60, 10), (100, 11), (200, 11), (442, 11))
FEW, PRODUCTS = 4, 100  # features for which cells run; rows for which products do
SMALL = 1e-6  # relative gap asked of cells


def run(options: Options) -> Report:
    """Bound each polar by each method that fits its size."""
    rows: list[Row] = []
    for shape in SHAPES[:3] if options.quick else SHAPES:
        atom, W = residual(*shape)
        ask = replace(atom.asked(W), deadline=monotonic() + SECONDS)
        lower = attain(ask)[0]
        rows += [one(atom, ask, lower, method) for method in methods(shape)]
    plot(rows)
    exact = [r for r in rows if r["method"] == "cells" and r["d"] < FEW]
    name = "cells, N = {N}, d = {d}"
    claims = [at_most(f"{name.format(**r)}: gap", r["gap"], SMALL, "") for r in exact]
    claims += [at_most(f"{name.format(**r)}: time", r["s"], 60) for r in exact]
    return Report("polars of hidden layers", rows, claims)


def residual(n: int, d: int) -> tuple[ReLU, Array]:
    """Return the layer of n rows and d features, and what a linear fit leaves of the target."""
    X, y = load_diabetes(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:n]
    V = X[chosen, : d - 1] / X.std(axis=0)[: d - 1]
    F = np.column_stack([V, np.ones(n)])
    z = (y[chosen] - y.mean()) / y.std()
    return ReLU(V, bias="regularized"), (z - F @ np.linalg.lstsq(F, z)[0])[:, None]


Method = tuple[str, Callable[[LayerAsk, float], Proposal]]


def methods(shape: tuple[int, int]) -> Iterator[Method]:
    """Yield the methods for a size."""
    n, d = shape
    if d <= FEW:
        yield "cells", cells.proposal
    yield "relaxation", lambda ask, lower: relaxed(ask, lower, radial=False)
    if n <= PRODUCTS:
        yield "relaxation + products", lambda ask, lower: relaxed(ask, lower, radial=True)
    yield "branching", tree.proposal


def relaxed(ask: LayerAsk, lower: float, *, radial: bool) -> Proposal:
    """Return the bound of one part, with the products of p, q <= |f| s or without."""
    solver = Bounder(ask, replace(form_of(ask), radial=radial), (ROOT_STEPS, STEPS))
    root = grow(solver, Limits(lower, nodes=1))
    return Proposal(*tree.proof_of(solver, root, lower))


def one(atom: ReLU, ask: LayerAsk, lower: float, method: Method) -> Row:
    """Bound one polar by one method."""
    name, propose = method
    start = perf_counter()
    found = propose(replace(ask, deadline=monotonic() + SECONDS), lower)
    spent = perf_counter() - start
    begun = perf_counter()
    upper = layer_above(ask.W, atom, found.proof)
    return {
        "N": len(ask.W),
        "d": ask.layer.features.shape[1],
        "method": name,
        "attained": lower,
        "proved": upper,
        "gap": upper / lower - 1,
        "s": spent,
        "verify s": perf_counter() - begun,
        "parts": len(found.proof["nodes"]),
        "MB": sum(x.nbytes for x in found.proof.values() if isinstance(x, np.ndarray)) / 1e6,
    }


def plot(rows: list[Row]) -> None:
    """Draw the proved gap against the time, a mark for each size and method."""
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend is chosen

    figure, axes = plt.subplots(figsize=(9, 4.5))
    for name in dict.fromkeys(r["method"] for r in rows):
        held = [r for r in rows if r["method"] == name]
        gaps = [max(r["gap"], 1e-12) for r in held]
        axes.loglog([r["s"] for r in held], gaps, "o", label=name)
        for r, gap in zip(held, gaps, strict=True):
            axes.annotate(f" {r['N']} x {r['d']}", (r["s"], gap), fontsize=7)
    axes.set(xlabel="seconds (one core)", ylabel="proved gap, relative")
    axes.grid(which="major", alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main(run)
