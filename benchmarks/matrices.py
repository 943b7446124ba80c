"""Matrices: optima in closed form, ratings, nonnegative factors, every loss."""

import warnings
from contextlib import suppress

import data
import numpy as np
from data import nuclear, spectral
from measure import (
    AtLeast,
    Claim,
    Options,
    Rounds,
    SkippedError,
    draw_sizes,
    judged,
    picture,
    timed,
)
from scipy import sparse

from certify import Problem, RejectedError, check, from_model, improve, verify
from certify.atoms import RankOne
from certify.base.rigor.rounded import Rounded
from certify.kernel.verdict import prove
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
    Squared,
    SquaredHinge,
)
from certify.offsets import ColumnIntercept, RowIntercept
from certify.polar.proved import as_kernel_array, proved_above

REFUTED = ("REFUTED", "RANK_LIMITED")


# Optima in closed form


def digits(options: Options):
    """Check an optimum, fits stopped early and with too few slices; another dual point."""
    yield "1. digits 1797 x 64, nuclear norm, lam = 0.1 sigma_1"
    Y = data.digits()
    problem = nuclear(Y, 0.1 * spectral(Y))
    (U, V), optimum = data.thresholded(Y, problem.lam)
    early, few, r = 3, 8, U.shape[1]
    fewer, one_less = (U[:, :few], V[:, :few]), (U[:, :-1], V[:, :-1])
    stopped, scaled = data.alternating(problem, r, early), problem.dual_point(one_less)
    for name, factors, dual, wanted in (
        ("soft-thresholded", (U, V), None, {"verdict": "CERTIFIED", "both s": 15.0}),
        (f"stopped after {early} sweeps", stopped, None, {"verdict": "REFUTED"}),
        (f"best {few} of {r} slices", fewer, None, {"verdict": "RANK_LIMITED"}),
        ("last slice dropped", one_less, None, {"true excess": 9.05e-6, "gap / excess": 1.01}),
        ("the same, its residual scaled as dual point", one_less, scaled, {"gap": 1.35e-2}),
    ):
        row, result, _ = judged(problem, factors, rounds=options.rounds(5), dual=dual)
        excess = result.upper - optimum
        row |= {"true excess": max(excess, 0.0) / result.upper}
        row |= {"gap / excess": result.gap / excess if excess > 1e-9 * optimum else None}
        row |= {"both s": row["check s"] + row["exact verify s"]}
        limits = {"both s": 10.0} | ({} if dual is not None else {"gap / excess": 2.0})
        yield {"fit": name} | row, limits | wanted


LINES = {  # column -> (label, marker)
    "check s": ("check", "o"),
    "rounded s": ("verify, rounded", "s"),
    "exact s": ("verify, exact", "^"),
    "proof s": ("polar proof, rounded", "v"),
    "polar s": ("polar from nothing, rounded", "<"),
    "W.T @ W s": ("one W.T @ W", "x"),
    "CLARABEL s": ("cvxpy by Clarabel, no proof", "D"),
    "SCS s": ("cvxpy by SCS, no proof", "+"),
}


WANTED = {
    1000: {"exact s": 15.0, "rounded s": 2.0},
    4000: {"proof / product": 3.0, "check / product": 12.0},
}


def scaling(options: Options):
    """Time check, both tiers of verify, the polar's proof and one product at each size."""
    yield "2. n x n of rank 20 plus noise, nuclear norm: seconds against size"
    sizes = (20, 40) if options.quick else (20, 40, 60, 250, 500, 1000, 2000, 4000)
    rows = []
    for n in sizes:
        rows.append(at_size(n, options))
        yield rows[-1], {"verdict": "CERTIFIED"} | WANTED.get(n, {})
    if not options.quick:
        with picture("scaling.png", (9, 4.5)) as axes:
            draw_sizes(axes, rows, LINES)
            axes.set(xlabel="n, of n x n data", ylabel="seconds (2 cores)")


def at_size(n: int, options: Options, exact: int = 2000):
    """Time all at one size; exact integers up to a size, solvers while they take a minute."""
    rank = min(20, n // 4)
    Y, lam = data.low_rank(n, rank, seed=n)
    problem, factors = nuclear(Y, lam), data.top_components(Y, rank, lam)
    W = problem.dual_point(factors)
    steps = {
        "W.T @ W": lambda _: W.T @ W,
        "check": lambda _: check(problem, factors),
        "rounded": lambda got: verify(got["check"].certificate, problem, factors, tier="rounded"),
        "proposal": lambda _: problem.atom.propose(W, lam, 0, None),
        "proof": lambda got: proved_above(W, ("l2", "l2"), got["proposal"].proof),
        "polar": lambda _: problem.atom.polar(W),
    }
    if n <= exact:
        steps["exact"] = lambda got: verify(got["check"].certificate, problem, factors)
    ran = Rounds(options.rounds(5 if n <= exact // 2 else 3), **steps)
    result = ran.values["check"]
    ends = {ran.values[k].verdict.name for k in ("check", "rounded", "exact") if k in steps}
    row = {
        "n": n,
        "components": factors[0].shape[1],
        "verdict": "/".join(sorted(ends)),
        "gap": result.relative_gap,
    }
    row |= {f"{k} s": x for k, x in ran.seconds.items() if k != "proposal"}
    row |= {f"{k} / product": ran.ratio(k, "W.T @ W") for k in ("proof", "polar", "check")}
    solvers = {"CLARABEL": 60, "SCS": 500}
    solvers = {k: timed(data.by_cvxpy, Y, lam, k)[0] for k, most in solvers.items() if n <= most}
    return row | {f"{k} s": x for k, x in solvers.items()}


def dictionary(options: Options):
    """Fit, check, and compare the better factors with the optimum over all sizes.

    The gauge of |u|_1 |v|_2 is the sum of the norms of the rows, so rows part:

        min_z 1/2 |y - z|^2 + alpha |z|  at  z = (1 - alpha / |y|)_+ y,
        = 1/2 |y|^2 if |y| <= alpha, else alpha |y| - 1/2 alpha^2         (Huber).
    """
    from sklearn.decomposition import DictionaryLearning

    yield "6. DictionaryLearning on 600 digits, alpha = 1"
    Y, alpha = data.digits(600), 1.0
    size = np.linalg.norm(Y, axis=1)
    optimum = np.where(size <= alpha, 0.5 * size**2, alpha * size - 0.5 * alpha**2).sum()
    wanted = {"better / optimum - 1": 1e-9, "lower / optimum - 1": 1e-9}
    for k in (20,) if options.quick else (20, 100):
        model = DictionaryLearning(k, alpha=alpha, max_iter=100, random_state=0)
        problem, factors = read(model, Y)
        row, result, _ = judged(problem, factors, rounds=options.rounds(3))
        excess = float(result.upper - optimum)
        value = float(problem.objective(result.better))
        yield (
            {"k": f"k = {k}"}
            | row
            | {
                "optimum": float(optimum),
                "true excess": excess / result.upper,
                "gap / excess - 1": result.gap / excess - 1,
                "better / optimum - 1": abs(value / optimum - 1),
                "lower / optimum - 1": float(abs(result.lower / optimum - 1)),
                "components of it": result.better[0].shape[1],
            },
            wanted | {"verdict": "RANK_LIMITED"},
        )


def read(model, Y):
    """Fit one of scikit-learn's models; return its problem and factors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that has not converged is a fit to be judged
        codes = model.fit_transform(Y)
    return from_model(model, Y, codes=codes)


# Ratings


def movielens(options: Options, rtol: float = 1e-5, sweeps: int = 60):
    """Read, fit, check and verify MovieLens-100k."""
    yield "7. MovieLens-100k, mean removed, lam = 30, r = 20"
    Y = data.movielens()
    problem = nuclear(Y, 30.0)
    factors = data.alternating(problem, 20, sweeps)
    row, _, _ = judged(problem, factors, rounds=options.rounds(3), rtol=rtol)
    size = np.linalg.norm(factors[0], axis=0)
    used = int((size > 1e-3 * size.max()).sum())
    row |= {"observed": Y.nnz, "sweeps": sweeps, "components in use": used}
    yield {"ratings": "MovieLens-100k"} | row, {"verdict": "CERTIFIED", "gap": rtol}


def biases(options: Options):
    """Check ratings with unpenalized biases; then ask the kernel to believe the naive figure.

        min over U, V, b, c of 1/2 sum over ratings (u_i . v_j + b_i + c_j - y_ij)^2 + lam |Z|_*

    A dual point bounds the optimum only if its sums over every user and every item are zero.
    The naive figure is d(W) at a W with sigma_1(W) <= lam and no thought of sums: it bounds
    the optimum *without* biases, which biases better.
    """
    yield "ratings with unpenalized biases: proved bracket against the naive figure"
    cases = [("generated", data.biased_ratings(), 3.0, (30, 60), None)]
    if not options.quick:
        with suppress(SkippedError):  # the row is missing then
            cases.append(("MovieLens-100k", data.movielens(), 30.0, (20, 25), 120.0))
    for name, Y, lam, effort, budget in cases:
        problem = nuclear(Y, lam, (RowIntercept(), ColumnIntercept()))
        factors = data.alternating(problem, *effort)
        row, result, _ = judged(problem, factors, tiers=("rounded",), rtol=1e-2, budget=budget)
        figure, code = naive(problem, result.certificate, effort)
        yield (
            {"ratings": name, "observed": Y.nnz}
            | row
            | {
                "rank": int(np.linalg.matrix_rank(factors[0] @ factors[1].T, tol=1e-3)),
                "naive figure": figure,
                "naive / upper": figure / row["upper"],
                "kernel says": code,
            },
            {"gap": 1e-2, "naive / upper": AtLeast(1.0), "kernel says": "orthogonal"},
        )


def naive(problem, certificate, effort):
    """Return d(W) for the W of a fit that forgets the biases, and the kernel's word on it."""
    plain = Problem(problem.loss, problem.atom, problem.lam)
    W = plain.dual_point(data.alternating(plain, *effort))
    W = W * min(1.0, problem.lam / sparse.linalg.svds(problem.loss.observed.matrix(W), 1)[1][0])
    witness = certificate.witness | {"W": as_kernel_array(W)}
    try:
        claimed = certificate.statement, certificate.given, certificate.proof
        prove(*claimed, witness, Rounded())
    except RejectedError as error:
        return problem.loss.dual_value(W), error.code
    return problem.loss.dual_value(W), "accepted"


# Nonnegative factors

SIZES = {0.5: 8, 0.2: 16, 0.1: 32, 0.05: 64, 0.02: 100}  # lam / sigma_1: n_components


def nonnegative(options: Options):
    """Certify, refute or bracket scikit-learn's NMF."""
    from sklearn.decomposition import NMF

    yield "8. nonnegative factors"
    budget = 10.0 if options.quick else 60.0
    rng = np.random.default_rng(0)
    Y = rng.random((20, 4)) @ rng.random((4, 12)) + 0.05 * rng.random((20, 12))
    for r in (4, 8, 2):
        model = NMF(r, alpha_W=0.02, alpha_H=0.02, tol=1e-12, max_iter=20_000, random_state=0)
        row = {"fit": f"20 x 12, r = {r}"} | judged(*read(model, Y))[0]
        wanted = {"verdict": "CERTIFIED", "upper": 7.299823485, "check s": 2.0}
        yield (row, refuted(row)) if r == 2 else (row, wanted)
    Y = data.digits(100 if options.quick else None)
    sizes = {k: n // 4 for k, n in SIZES.items()} if options.quick else SIZES
    for ratio, size in sizes.items():
        alpha = float(ratio * spectral(Y) / np.sqrt(Y.size))  # lam = alpha sqrt(m n)
        model = NMF(size, alpha_W=alpha, alpha_H=alpha, max_iter=500, random_state=0)
        row = judged(*read(model, Y), budget=budget)[0]
        name = {"fit": f"digits, scikit-learn, {ratio:g} sigma_1"}
        yield name | row, refuted(row) if ratio <= 0.1 else {}
    spent = {"improve s": 1.2 * budget}
    for ratio, wanted in {0.5: 1e-6, 0.2: 1e-5, 0.1: 7e-3}.items():
        row = improved("digits, improved", Y, (ratio, sizes[ratio]), budget)
        yield row, spent | {"gap": wanted}
    for ratio in (0.1, 0.05, 0.02):
        pooled = "14 digits of 16 pixels", data.pooled_digits(), (ratio, 14), budget
        yield improved(*pooled, rtol=1e-4), spent | {"verdict": "CERTIFIED"}
    # what the relaxation alone leaves of the first 80 digits
    for ratio, wanted in {0.2: 2.0e-5, 0.1: 6.2e-3, 0.05: 2.1e-2, 0.02: 4.6e-2}.items():
        yield eighty(ratio, 10, options)
        yield eighty(ratio, 60, options), {"gap": wanted}


def patience(options: Options):
    """Bracket the first 80 digits in ten minutes, or in as many seconds as --repeats says.

    The gaps wanted are half of the way from the relaxation (6.2e-3, 2.1e-2) to what search
    says (1e-4, 5e-4).
    """
    seconds = options.repeats or 600
    yield f"10. 80 digits, {seconds} s each"
    for ratio, wanted in {0.1: 3.15e-3, 0.05: 1.075e-2}.items():
        yield eighty(ratio, seconds, options), {"gap": wanted}


def eighty(ratio: float, seconds: int, options: Options):
    """Bracket the first 80 digits in so many seconds."""
    budget = seconds / 30 if options.quick else float(seconds)
    row = improved("80 digits", data.digits(80), (ratio, 20), budget)
    return row | {"fit": f"{row['fit']}, {seconds} s"}


def improved(name: str, Y, at: tuple[float, int], budget: float, rtol: float = 1e-6):
    """Improve from a random start."""
    ratio, size = at
    problem = Problem(Squared(Y), RankOne("l2+", "l2+"), ratio * spectral(Y))
    start = data.random_start(Y, size)
    row, _, _ = judged(problem, start, by=improve, budget=budget, rtol=rtol)
    return {"fit": f"{name}, {ratio:g} sigma_1"} | row


def refuted(row):
    """Want that something better was found, of the same size or of another."""
    return {"verdict": row["verdict"] if row["verdict"] in REFUTED else "refuted"}


# Every loss


def loss_cases(count: int):
    """Return (data, loss, pair of norms)."""
    from sklearn.datasets import load_breast_cancer, load_digits

    pixels, features = data.digits(count), load_breast_cancer().data[:count]
    high = features > np.median(features, axis=0)
    scores = (features - features.mean(axis=0)) / features.std(axis=0)
    classes, signs = np.eye(10)[load_digits().target[:count]], np.where(high, 1.0, -1.0)
    free, signed, rows = ("l2", "l2"), ("l2+", "l2+"), ("l1", "l2")
    return [
        ("digits", Squared(pixels), signed),
        ("digits, counts", KullbackLeibler(pixels), signed),
        ("digits, counts", Poisson(pixels), free),
        ("digits, classes", Softmax(classes), free),
        ("breast cancer, scores", Huber(scores, 1.0), free),
        ("breast cancer, scores", Absolute(scores), free),
        ("breast cancer, scores", Quantile(scores, 0.75), rows),
        ("breast cancer, above the median", Logistic(high.astype(float)), free),
        ("breast cancer, above the median", Hinge(signs), rows),
        ("breast cancer, above the median", SquaredHinge(signs), free),
    ]


def losses(options: Options):
    """Fit each loss for ten seconds, check as long, and verify exactly.

    lam is a share of the polar at 0; for Kullback-Leibler at the mean: it is infinite at 0.
    """
    count, budget = (40, 0.5) if options.quick else (100, 10.0)
    yield f"9. every loss on {count} rows of real data, lam = 0.3 of the polar at 0"
    for name, loss, pair in loss_cases(count):
        atom = RankOne(*pair)
        counts = isinstance(loss, KullbackLeibler)
        level = float(loss.data.mean()) if counts else 0.0
        lam = 0.3 * atom.polar(-loss.gradient(np.full(loss.shape, level))).lower
        problem = Problem(loss, atom, lam)
        start = tuple(np.full((d, 1), level**0.5) for d in loss.shape)
        fitted, best = timed(improve, problem, start, budget=budget)
        row, _, _ = judged(problem, best.factors, budget=budget)
        asked = {"loss": f"{loss.name} on {name}", "norms": " x ".join(pair)}
        yield asked | row | {"fit s": fitted}
        ends = row["verdict"] == "CERTIFIED" or bool(np.isfinite(row["gap"]))
        yield Claim(asked["loss"], "certified or bracketed", f"gap {row['gap']:.1e}", ends)
