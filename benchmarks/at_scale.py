"""Millions of ratings, and text whose zeros count, in fresh processes: seconds, memory, the gap.

    python run.py at_scale                          the cases with something wanted
    python run.py at_scale --only ratings-1m-20     one case

The environment's FITS names a folder to keep fits in.  Where its SECONDS is "clock", budgets and
times are those of the clock; else of the processor, of all threads together, for a machine that
others use: CORES times the budget.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from data import clicks_and_counts, generated_ratings, generated_text, ridge
from measure import Options, Row, alone, draw_sizes, judged, peak, picture
from scipy import sparse
from scipy.sparse.linalg import svds
from sklearn.decomposition import NMF, TruncatedSVD

from certify import Problem, from_model
from certify.atoms import RankOne
from certify.base import clock
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.search import ratings as search

CORES = 2


class Case(NamedTuple):
    """Ratings of MovieLens' shapes, the penalty, biases of the same penalty, a fit, a budget."""

    shape: tuple[int, int]
    count: int
    lam: float
    biases: bool
    rank: int
    sweeps: int
    budget: float
    rtol: float = 1e-3
    gigabytes: float = 0.0  # that are wanted, with the gap rtol within the budget; 0: nothing is


CASES = {
    "ratings-100k": Case((943, 1682), 100_000, 20.0, True, 20, 10, 5.0, gigabytes=1.0),
    "ratings-1m": Case((6040, 3706), 1_000_000, 40.0, True, 40, 10, 15.0, gigabytes=1.0),
    "ratings-1m-plain": Case((6040, 3706), 1_000_000, 40.0, False, 40, 10, 15.0),
    "ratings-1m-20": Case((6040, 3706), 1_000_000, 20.0, False, 40, 10, 30.0, 1e-2),
    "ratings-10m": Case((71_567, 10_681), 10_000_000, 100.0, False, 30, 6, 90.0, gigabytes=3.0),
    "ratings-10m-50": Case((71_567, 10_681), 10_000_000, 50.0, False, 30, 6, 300.0, 1e-2),
    "ratings-20m": Case((138_493, 26_744), 20_000_000, 150.0, False, 30, 6, 400.0, gigabytes=12.0),
}
SMALL = Case((604, 370), 10_000, 10.0, True, 10, 10, 5.0, 1e-2, 1.0)
MILLION = Case((6040, 3706), 1_000_000, 40.0, False, 40, 30, 25.0)
LINES = {  # columns of the picture: label, marker
    "check s": ("check, seconds of the processor", "o"),
    "rounded verify s": ("rounded verification, seconds", "s"),
    "GB": ("memory, GB", "^"),
}


def at_scale(options: Options):
    """Each case that something is wanted of, or those asked for."""
    yield "12. millions of ratings: seconds of the processor, on a machine with other work"
    asked = {k: c for k, c in CASES.items() if (c.gigabytes or options.only) and options.only in k}
    rows = []
    for name, case in ({"small": SMALL} if options.quick else asked).items():
        row = measured(name, case, os.environ.get("SECONDS", "processor"))
        wanted = {"gap of the best": case.rtol, "check s": CORES * case.budget}
        yield row, wanted | {"GB": case.gigabytes} if case.gigabytes else {}
        rows.append(row)
    if len(rows) > 1:
        slopes = {k: np.diff(np.log([r[k] for r in rows[-2:]]))[0] for k in LINES}
        grown = np.diff(np.log([r["ratings"] for r in rows[-2:]]))[0]
        lines = {k: (f"{s} (slope {slopes[k] / grown:.2f})", m) for k, (s, m) in LINES.items()}
        with picture("ratings.png", (7, 4.5), outside=False) as axes:
            draw_sizes(axes, rows, lines, by="ratings")
            axes.set(xlabel="ratings", ylabel="seconds; GB")


def ratings(options: Options):
    """Check a plain fit of a million, on the clock."""
    case = SMALL if options.quick else MILLION
    yield f"3. {case.count} generated ratings, {case.shape[0]} x {case.shape[1]}, nuclear norm"
    wanted = {"gap of the best": 1e-2, "check s": 60.0, "GB": 2.0}
    counted = "processor" if options.quick else "clock"
    yield measured(f"{case.sweeps} sweeps", case, counted), wanted


def measured(name: str, case: Case, seconds: str) -> Row:
    """Fit, then check in another process, whose peak of memory it is."""
    with TemporaryDirectory() as folder:
        file = Path(os.environ.get("FITS", folder)) / f"{name}.npz"
        if not file.exists():
            alone(fit, case, file)
        return {"case": name} | alone(check_fit, case, file, seconds)


def fit(case: Case, file: Path) -> None:
    """Save ratings and factors that alternating least squares has reached."""
    Y = generated_ratings(case.shape, case.count).tocsr()
    rest, (U, V) = Y.copy(), (np.zeros((d, case.rank)) for d in case.shape)
    if case.biases:
        rest.data -= problem_of(case, Y).shift(problem_of(case, Y).best_offsets((U, V)))
    V = np.random.default_rng(0).standard_normal(V.shape)
    turned = rest.T.tocsr()
    for _ in range(case.sweeps):
        U = ridge(rest, V, case.lam)
        V = ridge(turned, U, case.lam)
    stored = Y.tocoo()
    np.savez(file, rows=stored.row, cols=stored.col, data=stored.data, U=U, V=V)


def problem_of(case: Case, Y) -> Problem:
    """State the objective."""
    offsets = [RowIntercept(case.lam), ColumnIntercept(case.lam)] if case.biases else []
    return Problem(Squared(Y), RankOne("l2", "l2"), case.lam, offsets)


def check_fit(case: Case, file: Path, seconds: str) -> Row:
    """Check and verify what is saved."""
    saved = np.load(file)
    Y = sparse.coo_array((saved["data"], (saved["rows"], saved["cols"])), case.shape)
    factors = saved["U"], saved["V"]
    problem = problem_of(case, Y)
    count, budget, counted = Y.nnz, case.budget, time.perf_counter
    del Y, saved  # the problem has its own
    if seconds == "processor":  # budgets are counted so from now on, as on one core
        search.CORES, budget, counted = 1, CORES * budget, time.process_time
        ahead = time.monotonic() - time.process_time()
        clock.monotonic = lambda: ahead + time.process_time()
    asked = {"rtol": case.rtol, "budget": budget}
    row, result, _ = judged(problem, factors, tiers=("rounded",), clock=counted, **asked)
    best = result.upper if result.better_upper is None else result.better_upper
    if result.reached is not None:  # of any size, its objective in floats
        best = min(best, result.reached.value)
    said = {"ratings": count, "shape": f"{case.shape[0]} x {case.shape[1]}", "lam": case.lam}
    said |= {"biases": "yes" if case.biases else "no", "budget": budget}
    return said | row | {"gap of the best": 1 - result.lower / best, "GB": peak()}


SMOOTH = {"logistic": 5.5, "huber": 9.0, "poisson": 14.0, "kullback_leibler": 20.0}  # lam
SIZES = {"5000 x 2000": (5000, 2000), "943 x 1682": (943, 1682)}


def clicks(options: Options):
    """Improve poor factors of labels, of data with outliers and of counts."""
    yield "14. clicks, outliers and counts: from poor factors, l2 norms, counts in NMF's form"
    sizes = {"604 x 370": (604, 370)} if options.quick else SIZES
    for size, shape in sizes.items():
        count = {5000: 200_000, 943: 100_000}.get(shape[0], 60_000)
        for kind, lam in SMOOTH.items():
            if options.only in f"{kind} {size}":
                wanted = {"gap of the best": 5e-3 if kind == "kullback_leibler" else 1e-3}
                row = alone(check_clicks, kind, shape, count, lam)
                yield row, {} if options.quick else wanted | {"check s": CORES * 30.0}


def check_clicks(kind: str, shape: tuple[int, int], count: int, lam: float) -> Row:
    """Check eight random components, and verify."""
    counts = kind == "kullback_leibler"
    norm, rng = "l2+" if counts else "l2", np.random.default_rng(2)
    problem = Problem(clicks_and_counts(kind, shape, count), RankOne(norm, norm), lam)
    factors = tuple(0.1 * rng.standard_normal((d, 8)) for d in shape)
    if counts:
        factors = tuple(3 * np.abs(x) for x in factors)
    row, result, _ = judged(problem, factors, tiers=("rounded",), rtol=1e-4, budget=30.0)
    best = min(result.upper, result.reached.value)
    said = {"case": f"{kind} {shape[0]} x {shape[1]}", "entries": count, "lam": lam}
    said |= row | {"size of the best": result.reached.factors[0].shape[1]}
    return said | {"gap of the best": 1 - result.lower / best, "GB": peak()}


def text(options: Options):
    """Check fits of tf-idf: of a fixed size, of any size, nonnegative."""
    shape = (600, 300) if options.quick else (20_000, 10_000)
    yield f"13. generated tf-idf, {shape[0]} x {shape[1]}, zeros observed, lam = 0 or .2 sigma_1"
    for kind, rtol in {"TruncatedSVD(20)": 1e-6, "nuclear norm": 1e-6, "NMF(20)": 5e-2}.items():
        if options.only in kind:
            wanted = {} if options.quick else {"gap": rtol, "check s": CORES * 120.0}
            yield alone(check_text, kind, shape, rtol), wanted


def check_text(kind: str, shape: tuple[int, int], rtol: float) -> Row:
    """Fit, check and verify: an optimum by its singular values, or a model of scikit-learn."""
    Y = generated_text(shape)
    left, values, right = svds(Y, 40, random_state=0)
    (m, n), lam, q = Y.shape, 0.2 * values.max(), None
    if kind == "nuclear norm":
        root = np.sqrt(np.maximum(values - lam, 0.0))
        problem = Problem(Squared(Y, zeros="observed"), RankOne("l2", "l2"), lam)
        factors = left * root, right.T * root
    else:
        model = TruncatedSVD(20, algorithm="arpack", random_state=0)
        if kind.startswith("NMF"):
            prices = {"alpha_W": lam / n, "alpha_H": lam / m}
            model = NMF(20, init="nndsvda", max_iter=100, tol=1e-5, **prices)
        codes = model.fit_transform(sparse.csr_matrix(Y))
        problem, factors = from_model(model, Y, codes=codes)
        q = factors.q
    row, _, _ = judged(problem, factors, tiers=("rounded",), q=q, rtol=rtol)
    return {"case": kind, "stored": Y.nnz} | row | {"GB": peak()}
