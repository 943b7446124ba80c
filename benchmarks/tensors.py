"""Tensors: their polars, TensorLy's fits, and CP models from nothing."""

import warnings
from functools import partial

import data
import numpy as np
from measure import Options, bounded, draw_sizes, judged, picture, timed

from certify import Problem, improve
from certify.adapters.tensorly import from_model, start
from certify.atoms import CP
from certify.base.rigor.flint import Flint
from certify.losses import Squared
from certify.norms import gauge
from certify.pipeline.restarts import restarts
from certify.pipeline.tensor_norms import spectral
from certify.polar.ascent.products import attain
from certify.polar.product_query import ProductQuery
from certify.polar.products import propose
from certify.polar.proved import tensor_above
from certify.search.relax import Using
from certify.search.relax.tensor_polar import Tensor, form_of, least_bound


def tensorly(options: Options, rank: int = 8):
    """Judge TensorLy's own CP factors, two starts each, at a lam that they were not fitted to.

    Each fit is judged as it is, and as `start` rescales its slices; all fits of one question
    share one proved lower bound.
    """
    from tensorly import decomposition

    yield "TensorLy's parafac factors, rejudged at lam"
    fits = {"parafac": decomposition.CP, "non_negative_parafac": decomposition.CP_NN}
    iterations, budget = (20, 5.0) if options.quick else (300, 20.0)
    corner = (slice(12), slice(5), slice(4)) if options.quick else ...
    response, seen = data.responses()
    tensors = {
        "COVID19": (data.tensor("COVID19_data")[corner], None),
        "IL2": (response[corner], seen[corner]),
        "Kinetic": (data.tensor("Kinetic")[..., data.SLAB][corner], None),
    }
    for name, (T, mask) in tensors.items():
        top = spectral(T, budget=20.0).lower
        for kind, cls in fits.items():
            models = [
                cls(rank, mask=mask, init=init, n_iter_max=iterations, random_state=0)
                for init in ("svd", "random")
            ]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for model in models:
                    model.fit_transform(T)
            for share in (0.2,) if options.quick else (0.2, 0.1, 0.05):
                read = [from_model(m, T, rejudge=share * top) for m in models]
                problem, plain = read[0][0], [x for _, x in read]
                every = [*plain, *(start(problem, x) for x in plain)]
                seconds, found = timed(restarts, problem, every, budget=budget)
                yield (
                    {
                        "data": name,
                        "fit": kind,
                        "lam / spectral": share,
                        "as they are, % above": percent(found, found.fits[: len(plain)]),
                        "rescaled, % above": percent(found, found.fits[len(plain) :]),
                        "verdict on the best": found.verdict.name,
                        "slices given": rank,
                        "slices of the best known": found.better and found.better[0].shape[-1],
                        "gap": (found.upper - found.lower) / found.upper,
                        "s": seconds,
                    },
                    {"gap": 1.0},
                )


def percent(found, fits) -> str:
    """Return the proved excess of the best of these fits, in percent of the optimum."""
    best = min(fits, key=lambda f: f.upper)
    low, high = (100 * x / max(found.lower, 1e-12) for x in best.excess)
    return f"{low:.4g} to {high:.4g}"


LINES = {
    "search s": ("bound and attained value", "o"),
    "verify s": ("verify, exact", "^"),
    "SCS s": ("cvxpy by SCS, no proof", "+"),
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


def tensor_polar(options: Options, largest: int = 8):
    """Bound random tensors of rising size, beside cvxpy's SCS, then other orders and norms.

    Every upper bound in the table is the exact kernel's (FLINT); lower bounds are attained.
    """
    yield "polars of random Gaussian tensors: relative gap of proved and attained, seconds"
    sizes = (3, 6) if options.quick else (3, 4, 5, 6, 7, 8, 12, 16, 20, 30)
    wanted = {12: 1e-6, 16: 1e-6, 20: 1e-6, 30: 1e-4}
    cases = [(f"{n} x {n} x {n}", (n,) * 3, ("l2",) * 3, wanted.get(n, 1e-7)) for n in sizes]
    rows = []
    for name, shape, keys, limit in (*cases, *(OTHERS[:2] if options.quick else OTHERS)):
        T = data.gaussian(shape)
        row = {"tensor": name, "n": shape[0], "norms": " ".join(keys)}
        stated = {"kind": "cp", "norms": list(keys), "symmetric": False, "form": "product"}
        exactly = partial(tensor_above, T, stated, arithmetic=Flint())
        row |= bounded(partial(attained, T, keys), exactly)
        if len(rows) < len(sizes) and shape[0] <= largest:  # n = 12 has ten thousand multipliers
            seconds, value = timed(by_scs, T, keys)
            row |= {"SCS gap": value / row["attained"] - 1, "SCS s": seconds}
        rows.append(row)
        yield row, {"gap": limit, "search s": 300.0}
    if not options.quick:
        with picture("tensor_polar.png", (7, 4.5), outside=False) as axes:
            draw_sizes(axes, rows[: len(sizes)], LINES)
            axes.set(xlabel="n, of n x n x n", ylabel="seconds (one thread)")


def by_scs(T, keys: tuple[str, ...]) -> float:
    """Return what cvxpy's SCS says the relaxation bounds."""
    program = least_bound(form_of(Tensor(T, tuple(map(gauge, keys)))))
    Using("SCS").solve(program.asked)
    return float(program.bound.value)


def attained(T, keys: tuple[str, ...]):
    """Attain a value, and propose a bound."""
    gauges = tuple(gauge(k) for k in keys)
    lower, xs = attain(T, gauges)
    return lower, propose(ProductQuery(T, gauges, starts=[xs]))


def cp(options: Options):
    """Fit CP models of real tensors from no slices at all, certify, and verify exactly."""
    yield "CP models of real tensors, l2 norms"
    response, seen = data.responses()
    kinetic = data.tensor("Kinetic") / 4096.0
    slab = np.ascontiguousarray(kinetic[..., data.SLAB])
    cases = [
        ("COVID19 438x6x11", data.tensor("COVID19_data"), None, (0.2, 0.1, 0.05)),
        ("IL2 52x12x8 masked", response, seen, (0.2, 0.05, 0.02)),
        ("IL2 52x12x8 zero-filled", response, None, (0.2, 0.05, 0.02)),
        ("Kinetic 64x12x10", slab, None, (0.2, 0.05, 0.01)),
        ("Kinetic 64x12x10x60", kinetic, None, (0.05,)),
    ]
    budget = 20.0 if options.quick else 240.0
    gaps = {3: (1e-5, 1e-5, 1e-3), 1: (1.0,)}  # wanted at each lam
    for name, T, mask, shares in cases[:-1] if options.quick else cases:
        every = list(zip(shares, gaps[len(shares)], strict=True))
        for share, wanted in every[:1] if options.quick else every:
            row = {"tensor": f"{name} at {share:g}"} | fitted(T, mask, share, wanted, budget)
            yield row, {"gap": wanted}


def fitted(T, mask, share: float, wanted: float, budget: float):
    """Fit one problem from nothing; lam is a share of the spectral norm."""
    atom = CP(("l2",) * T.ndim)
    top = attain(T, atom.gauges, symmetric=False, seed=0)[0]
    problem = Problem(Squared(T, mask=mask), atom, share * top)
    nothing = tuple(np.zeros((n, 0)) for n in T.shape)
    row, result, _ = judged(problem, nothing, by=improve, budget=budget, rtol=min(wanted, 1e-3))
    copies = result.certificate.proof.get("polar", {}).get("copies", [])
    return row | {"copies": ", ".join(str(k + 1) for k in copies) or "none"}  # of factors
