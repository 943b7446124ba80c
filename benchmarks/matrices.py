"""Matrices: optima in closed form, ratings, text, nonnegative factors."""

import warnings
from functools import partial

import data
import numpy as np
from data import nuclear, spectral
from measure import Case, Options, Rounds, Row, Table, alone, improving, timed
from scipy import sparse
from scipy.sparse.linalg import svds
from sklearn.decomposition import NMF, DictionaryLearning, TruncatedSVD

from certify import Problem, check, from_model, improve, verify
from certify.atoms import RankOne
from certify.losses import KullbackLeibler, Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.polar.proved import proved_above

NONNEGATIVE = RankOne("l2+", "l2+")
CERTIFIED = {"verdict": "CERTIFIED"}


# Optima in closed form


def thresholded(kind: str):
    """Return digits at lam = 0.1 sigma_1 with the optimum, or less."""
    Y = data.digits()
    problem = nuclear(Y, 0.1 * spectral(Y))
    (U, V), optimum = data.thresholded(Y, problem.lam)
    if kind == "early":
        U, V = data.alternating(problem, U.shape[1], 3)
    kept = {"few": 8, "all but one": -1}.get(kind)
    return problem, (U[:, :kept], V[:, :kept]), {"optimum": optimum}


BETTER = {"verdict": "REFUTED or RANK_LIMITED", "gap / excess": 2.0}  # something better was found
digits = Table(
    "1. digits 1797 x 64, nuclear norm, lam = 0.1 sigma_1",
    {
        "soft-thresholded": Case(partial(thresholded, "all"), CERTIFIED),
        "stopped after 3 sweeps": Case(partial(thresholded, "early"), BETTER),
        "best 8 of 12 slices": Case(partial(thresholded, "few"), BETTER),
        "last slice dropped": Case(partial(thresholded, "all but one"), {"gap / excess": 1.01}),
    },
)


def atoms(k: int, alpha: float = 1.0):
    """Fit a dictionary of k atoms to 600 digits.

    The gauge of |u|_1 |v|_2 is the sum of the norms of the rows, so rows part:

        min_z 1/2 |y - z|^2 + alpha |z|  at  z = (1 - alpha / |y|)_+ y,
        = 1/2 |y|^2 if |y| <= alpha, else alpha |y| - 1/2 alpha^2         (Huber).
    """
    Y = data.digits(600)
    size = np.linalg.norm(Y, axis=1)
    best = np.where(size <= alpha, 0.5 * size**2, alpha * size - 0.5 * alpha**2).sum()
    model = DictionaryLearning(k, alpha=alpha, max_iter=100, random_state=0)
    return *read(model, Y), {"optimum": float(best)}


def read(model, Y):
    """Fit one of scikit-learn's models; return its problem and factors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that has not converged is a fit to be judged
        codes = model.fit_transform(Y)
    return from_model(model, Y, codes=codes)


dictionary = Table(
    "6. DictionaryLearning on 600 digits, alpha = 1",
    {f"k = {k}": Case(partial(atoms, k), {"lower / optimum - 1": 1e-9}) for k in (20, 100)},
    few=1,
)


def at_size(case: Case, options: Options, exact: int = 2000) -> Row:
    """Time check, both tiers of verify, the polar's proof and one product at a size.

    Exact integers up to a size, solvers while they take a minute.
    """
    n = case.make
    Y, lam = data.low_rank(n, min(20, n // 4), seed=n)
    problem, factors = nuclear(Y, lam), data.thresholded(Y, lam)[0]
    W = problem.dual_point(factors)
    polar = problem.atom.propose(W, lam, 0, None).proof
    steps = {
        "W.T @ W": lambda _: W.T @ W,
        "check": lambda _: check(problem, factors),
        "rounded": lambda got: verify(got["check"].certificate, problem, factors, tier="rounded"),
        "proof": lambda _: proved_above(W, ("l2", "l2"), polar),
        "polar": lambda _: problem.atom.polar(W),
    }
    if n <= exact:
        steps["exact"] = lambda got: verify(got["check"].certificate, problem, factors)
    ran = Rounds(options.rounds(5 if n <= exact // 2 else 3), **steps)
    ends = {ran.values[k].verdict.name for k in ("check", "rounded", "exact") if k in steps}
    row = {"n": n, "components": factors[0].shape[1], "verdict": "/".join(sorted(ends))}
    row |= {"gap": ran.values["check"].relative_gap}
    row |= {f"{k} s": x for k, x in ran.seconds.items()}
    row |= {f"{k} / product": ran.ratio(k, "W.T @ W") for k in ("proof", "polar", "check")}
    solvers = [k for k, most in (("CLARABEL", 60), ("SCS", 500)) if n <= most]
    return row | {f"{k} s": timed(data.by_cvxpy, Y, lam, k)[0] for k in solvers}


def draw(file, rows: list[Row]) -> None:
    """Draw seconds against n on logarithmic axes."""
    import matplotlib.pyplot as plt

    labels = {
        "check s": "check",
        "rounded s": "verify, rounded",
        "exact s": "verify, exact",
        "proof s": "polar proof, rounded",
        "polar s": "polar from nothing, rounded",
        "W.T @ W s": "one W.T @ W",
        "CLARABEL s": "cvxpy by Clarabel, no proof",
        "SCS s": "cvxpy by SCS, no proof",
    }
    plt.switch_backend("agg")
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for (column, label), marker in zip(labels.items(), "os^v<xD+", strict=True):
        points = sorted((r["n"], r[column]) for r in rows if column in r)
        axes.loglog(*zip(*points, strict=True), label=label, marker=marker)
    sizes = sorted(r["n"] for r in rows)
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes], rotation=30)
    axes.minorticks_off()
    axes.set(xlabel="n, of n x n data", ylabel="seconds (2 cores)")
    figure.legend(frameon=False, loc="outside right")
    figure.savefig(file, dpi=120)


SIDES = (20, 40, 60, 250, 500, 1000, 2000, 4000)
scaling = Table(
    "2. n x n of rank 20 plus noise, nuclear norm: seconds against size",
    {f"n = {n}": Case(n, CERTIFIED) for n in SIDES},
    at_size,
    cores=None,
    picture=draw,
)


# Ratings


BOTH = RowIntercept, ColumnIntercept


def rated(biases, *effort: int):
    """Fit MovieLens by alternating least squares, with unpenalized biases or without."""
    problem = nuclear(data.movielens(), 30.0, [kind() for kind in biases])
    return problem, data.alternating(problem, *effort)


BIASED = {"tiers": ("rounded",), "rtol": 1e-2, "budget": 120.0}
ratings = Table(
    "7. MovieLens-100k, with unpenalized biases and without",
    {
        "MovieLens-100k": Case(partial(rated, (), 20, 60), CERTIFIED, {"rtol": 1e-5}),
        "MovieLens-100k, biases": Case(partial(rated, BOTH, 20, 25), CERTIFIED, BIASED),
    },
    few=1,
)


SIZES = {  # count of ratings, MovieLens' shape
    "100k": (100_000, (943, 1682)),
    "1m": (1_000_000, (6040, 3706)),
    "10m": (10_000_000, (71_567, 10_681)),
    "20m": (20_000_000, (138_493, 26_744)),
}
MILLIONS = {  # size, lam (of biases, too), biases, rank, sweeps; the budget, the gap asked for
    "ratings-100k": (("100k", 20.0, BOTH, 20, 10), 5.0, 1e-3),
    "ratings-1m": (("1m", 40.0, BOTH, 40, 10), 15.0, 1e-3),
    "ratings-10m": (("10m", 100.0, (), 30, 6), 90.0, 1e-3),
    "ratings-20m": (("20m", 150.0, (), 30, 6), 400.0, 1e-3),
    "ratings-1m-20": (("1m", 20.0, (), 40, 10), 30.0, 1e-2),
    "ratings-10m-50": (("10m", 50.0, (), 30, 6), 300.0, 1e-2),
}


def rough(make, wanted: float, rtol: float, budget: float) -> Case:
    """Return a case on two cores, verified in rounded arithmetic."""
    asked = {"tiers": ("rounded",), "cores": 2, "rtol": rtol, "budget": budget}
    return Case(make, {"gap of the best": wanted}, asked)


def fitted(size: str, lam: float, biases, *effort: int):
    """Return generated ratings, and their fit by alternating least squares."""
    Y = data.centered(data.generated_ratings(*SIZES[size]))
    return Y, data.alternating(nuclear(Y, lam, [kind(lam) for kind in biases]), *effort)


def generated(size: str, lam: float, biases, *effort: int):
    """Return ratings and factors that another process has fitted."""
    Y, factors = alone(fitted, size, lam, biases, *effort)
    told = {"ratings": Y.nnz, "lam": lam, "biases": "yes" if biases else "no"}
    return nuclear(Y, lam, [kind(lam) for kind in biases]), factors, told


at_scale = Table(
    "12. millions of ratings: seconds of the processor, on a machine with other work",
    {k: rough(partial(generated, *how), rtol, rtol, b) for k, (how, b, rtol) in MILLIONS.items()},
    few=1,
    cores=None,
)


def clicked(kind: str, shape: tuple[int, int], count: int, lam: float):
    """Return labels, data with outliers or counts, and eight random components."""
    counts = kind == "kullback_leibler"
    norm, rng = "l2+" if counts else "l2", np.random.default_rng(2)
    factors = tuple(0.1 * rng.standard_normal((d, 8)) for d in shape)
    if counts:
        factors = tuple(3 * np.abs(x) for x in factors)
    problem = Problem(data.clicks_and_counts(kind, shape, count), RankOne(norm, norm), lam)
    return problem, factors, {"entries": count, "lam": lam}


CLICKS = {"logistic": 5.5, "huber": 9.0, "poisson": 14.0, "kullback_leibler": 20.0}  # lam
clicks = Table(
    "14. clicks, outliers and counts: from poor factors, l2 norms, counts in NMF's form",
    {
        f"{kind} {shape[0]} x {shape[1]}": rough(
            partial(clicked, kind, shape, count, lam), 5e-3, 1e-4, 30.0
        )
        for shape, count in (((943, 1682), 100_000), ((5000, 2000), 200_000))
        for kind, lam in CLICKS.items()
    },
    cores=None,
)


def written(kind: str):
    """Fit tf-idf: an optimum by its singular values, or a model of scikit-learn."""
    m, n = 20_000, 10_000
    Y = data.generated_text((m, n))
    left, values, right = svds(Y, 40, random_state=0)
    lam = 0.2 * values.max()
    if kind == "nuclear norm":
        problem = Problem(Squared(Y, zeros="observed"), RankOne("l2", "l2"), lam)
        return problem, data.balanced(left, np.maximum(values - lam, 0.0), right)
    model = TruncatedSVD(20, algorithm="arpack", random_state=0)
    if kind == "NMF(20)":
        prices = {"alpha_W": lam / n, "alpha_H": lam / m}
        model = NMF(20, init="nndsvda", max_iter=100, tol=1e-5, **prices)
    return read(model, sparse.csr_matrix(Y))


text = Table(
    "13. generated tf-idf, 20000 x 10000, zeros observed, lam = 0 or .2 sigma_1",
    {
        kind: Case(partial(written, kind), CERTIFIED, {"tiers": ("rounded",), "rtol": rtol})
        for kind, rtol in {"TruncatedSVD(20)": 1e-6, "nuclear norm": 1e-6, "NMF(20)": 5e-2}.items()
    },
    few=0,
    cores=None,
)


# Nonnegative factors


def from_random(pixels, ratio: float, size: int):
    """Start at random nonnegative factors."""
    Y, rng = pixels(), np.random.default_rng(0)
    problem = Problem(Squared(Y), NONNEGATIVE, ratio * spectral(Y))
    return problem, tuple(rng.random((d, size)) for d in Y.shape)


def counted():
    """Improve 100 digits as counts for ten seconds, lam .3 of the polar at their mean."""
    loss = KullbackLeibler(data.digits(100))
    mean = float(loss.data.mean())
    lam = 0.3 * NONNEGATIVE.polar(-loss.gradient(np.full(loss.shape, mean))).lower
    problem = Problem(loss, NONNEGATIVE, lam)
    start = tuple(np.full((d, 1), mean**0.5) for d in loss.shape)
    return problem, improve(problem, start, budget=10.0).factors


MINUTE = {  # data, rtol; lam / sigma_1, n_components to start from, the gap that is wanted
    "digits, improved": (data.digits, 1e-6, (0.5, 8, 1e-6), (0.2, 16, 1e-5), (0.1, 32, 7e-3)),
    "14 digits of 16 pixels": (
        data.pooled_digits,
        1e-4,
        *((x, 14, 1e-4) for x in (0.1, 0.05, 0.02)),
    ),
    "80 digits": (
        partial(data.digits, 80),
        1e-6,
        *((0.2, 20, 2e-5), (0.1, 20, 6.2e-3), (0.05, 20, 2.1e-2), (0.02, 20, 4.6e-2)),
    ),
}
nonnegative = Table(
    "8. nonnegative factors",
    {
        f"{name}, {x:g} sigma_1": improving(
            partial(from_random, pixels, x, size), {"gap": gap}, budget=60.0, cores=1, rtol=rtol
        )
        for name, (pixels, rtol, *wanted) in MINUTE.items()
        for x, size, gap in wanted
    }
    | {"kullback_leibler on digits": Case(counted, {"gap": 1e-2}, {"budget": 10.0})},
    few=1,
)
