"""Polars of tensors: the partial-transpose relaxation by our own steps, beside cvxpy's SCS.

Every upper bound in the table is the exact kernel's (FLINT); lower bounds are attained.
"""

import math
from pathlib import Path
from time import perf_counter

import matplotlib as mpl
import numpy as np
from candidates import Array
from measure import Claim, Options, Report, Row, at_most, main

from certify.base.rigor.flint import Flint
from certify.kernel import verify as kernel
from certify.norms import gauge
from certify.polar import Proposal
from certify.polar.ascent.products import attain
from certify.polar.product_ask import TensorAsk
from certify.polar.products import propose
from certify.polar.proved import handed, split
from certify.search.relax import tensor_polar

PLOT = Path(__file__).parent / "tensor_polar.png"
SIZES, QUICK = (3, 4, 5, 6, 7, 8, 12, 16, 20, 30), (3, 6)
LARGEST = 8  # for SCS: n = 12 has ten thousand multipliers
WANTED = {12: 1e-6, 16: 1e-6, 20: 1e-6, 30: 1e-4}  # relative gap; 1e-7 up to n = 8
LIMIT = 300.0  # seconds for a bound
LINES = {
    "bound s": "bound",
    "attain s": "attained value",
    "exact verify s": "verify, exact",
    "SCS s": "cvxpy by SCS, no proof",
}
OTHERS = (
    ("4 x 4 x 4 x 4", (4, 4, 4, 4), ("l2",) * 4, 1e-7),
    ("438 x 6 x 11", (438, 6, 11), ("l2",) * 3, 1e-7),
    ("4 x 4 x 4, nonnegative", (4, 4, 4), ("l2+",) * 3, 1e-2),
    ("8 x 8 x 8, nonnegative", (8, 8, 8), ("l2+",) * 3, 1e-1),
    ("5 x 5 x 5, two signed", (5, 5, 5), ("l2+", "l2+", "l2"), 1e-4),
    ("5 x 5 x 5, one cube", (5, 5, 5), ("linf", "l2", "l2"), 1e-1),
    ("4 x 4 x 4, cubes", (4, 4, 4), ("linf",) * 3, 0.5),
)


def run(options: Options) -> Report:
    """Bound random tensors of rising size, then other orders, cones and norms."""
    sizes = QUICK if options.quick else SIZES
    rows = [one(f"{n} x {n} x {n}", cube(n), ("l2",) * 3) | {"n": n} for n in sizes]
    for row in rows:
        row.update(by_scs(cube(row["n"]), row) if row["n"] <= LARGEST else {})
    others = OTHERS[:2] if options.quick else OTHERS
    more = [one(name, made(shape), keys) for name, shape, keys, _ in others]
    if not options.quick:
        plot(rows)
    claims = [claim(row, WANTED.get(row["n"], 1e-7)) for row in rows]
    claims += [claim(row, wanted) for row, (*_, wanted) in zip(more, others, strict=True)]
    claims += [at_most(f"{r['tensor']}: bound", r["bound s"], LIMIT) for r in rows[-1:]]
    title = "polars of random Gaussian tensors: relative gap of proved and attained, seconds"
    return Report(title, [{k: v for k, v in r.items() if k != "n"} for r in rows + more], claims)


def claim(row: Row, wanted: float) -> Claim:
    """Claim the relative gap."""
    return at_most(f"{row['tensor']}: relative gap", row["relative gap"], wanted, "")


def cube(n: int) -> Array:
    """Return n x n x n Gaussian numbers."""
    return made((n, n, n))


def made(shape: tuple[int, ...]) -> Array:
    """Return Gaussian numbers."""
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def one(name: str, T: Array, keys: tuple[str, ...]) -> Row:
    """Attain, bound and verify exactly."""
    gauges = tuple(gauge(k) for k in keys)
    start = perf_counter()
    lower, xs = attain(T, gauges)
    attained, start = perf_counter() - start, perf_counter()
    found = propose(TensorAsk(T, gauges, starts=[xs]))
    spent, start = perf_counter() - start, perf_counter()
    upper = exactly(T, keys, found)
    return {
        "tensor": name,
        "norms": " ".join(keys),
        "attained": lower,
        "relative gap": (upper - lower) / lower,
        "parts": len(found.proof.get("nodes", [0])),
        "attain s": attained,
        "bound s": spent,
        "exact verify s": perf_counter() - start,
        "proof MB": sum(x.nbytes for x in found.proof.values() if isinstance(x, np.ndarray)) / 1e6,
    }


def exactly(T: Array, keys: tuple[str, ...], found: Proposal) -> float:
    """Return the kernel's bound in exact integers."""
    at = kernel.Pattern(T.shape[0], math.prod(T.shape[1:]), dims=T.shape)
    text, arrays = split(found.proof)
    said = {"kind": "cp", "norms": list(keys), "symmetric": False, "form": "product"}
    arithmetic = Flint()
    modes, w = kernel.stated_modes(said, at), arithmetic.load(handed(T.reshape(-1)))
    given = kernel.Arrays(arrays, "proof")
    return float(kernel.polar_bound(arithmetic, modes, w, text, given))


def by_scs(T: Array, row: Row) -> Row:
    """Return what cvxpy's SCS says of the same relaxation, and its seconds; it proves nothing."""
    start = perf_counter()
    found = tensor_polar(T, ("l2",) * T.ndim, solver="SCS")
    spent = perf_counter() - start
    lower = row["attained"]
    return {"SCS gap": (found.value - lower) / lower, "SCS s": spent}


def plot(rows: list[Row]) -> None:
    """Draw seconds against n on two logarithmic axes."""
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend is chosen

    figure, axes = plt.subplots(figsize=(7, 4.5))
    for (column, label), marker in zip(LINES.items(), "o<^+", strict=True):
        held = [(row["n"], row[column]) for row in rows if column in row]
        axes.loglog(*zip(*held, strict=True), label=label, marker=marker)
    axes.set(xlabel="n, of n x n x n", ylabel="seconds (one thread)")
    axes.grid(which="major", alpha=0.3)
    axes.set_xticks([row["n"] for row in rows], [str(row["n"]) for row in rows])
    axes.minorticks_off()
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main(run, threads=1)
