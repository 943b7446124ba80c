"""Matrices: optima in closed form, ratings, text, nonnegative factors, every loss."""

import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import data
import numpy as np
from data import nuclear, ridge, spectral
from measure import Case, Drawing, Options, Rounds, Row, Table, alone, improving, timed
from scipy import sparse
from scipy.sparse.linalg import svds
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import NMF, DictionaryLearning, TruncatedSVD

from certify import Problem, check, from_model, improve, verify
from certify import losses as kinds
from certify.atoms import RankOne
from certify.losses import KullbackLeibler, Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.polar.proved import proved_above

NONNEGATIVE = RankOne("l2+", "l2+")
CERTIFIED, RANK_LIMITED = {"verdict": "CERTIFIED"}, {"verdict": "RANK_LIMITED"}
REFUTED = {"verdict": "REFUTED or RANK_LIMITED"}  # something better was found


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


ENDS = {  # what is kept of the optimum, and what is wanted
    "soft-thresholded": ("all", CERTIFIED),
    "stopped after 3 sweeps": ("early", {"verdict": "REFUTED", "gap / excess": 2.0}),
    "best 8 of 12 slices": ("few", RANK_LIMITED | {"gap / excess": 2.0}),
    "last slice dropped": ("all but one", {"true excess": 9.05e-6, "gap / excess": 1.01}),
}
digits = Table(
    "1. digits 1797 x 64, nuclear norm, lam = 0.1 sigma_1",
    {
        name: Case(partial(thresholded, kind), {"check s": 10.0} | wanted, {"rounds": 5})
        for name, (kind, wanted) in ENDS.items()
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


NEAR = REFUTED | {"gap of the best": 1e-9, "lower / optimum - 1": 1e-9}
dictionary = Table(
    "6. DictionaryLearning on 600 digits, alpha = 1",
    {f"k = {k}": Case(partial(atoms, k), NEAR, {"rounds": 3}) for k in (20, 100)},
    few=1,
)


def at_size(case: Case, options: Options, exact: int = 2000) -> Row:
    """Time check, both tiers of verify, the polar's proof and one product at a size.

    Exact integers up to a size, solvers while they take a minute.
    """
    n = case.make
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
    row = {"n": n, "components": factors[0].shape[1], "verdict": "/".join(sorted(ends))}
    row |= {"gap": result.relative_gap}
    row |= {f"{k} s": x for k, x in ran.seconds.items() if k != "proposal"}
    row |= {f"{k} / product": ran.ratio(k, "W.T @ W") for k in ("proof", "polar", "check")}
    solvers = {k: most for k, most in {"CLARABEL": 60, "SCS": 500}.items() if n <= most}
    return row | {f"{k} s": timed(data.by_cvxpy, Y, lam, k)[0] for k in solvers}


WANTED = {
    1000: {"exact s": 15.0, "rounded s": 2.0},
    4000: {"proof / product": 3.0, "check / product": 12.0},
}
SIDES = (20, 40, 60, 250, 500, 1000, 2000, 4000)
SIZES = Drawing(
    "n",
    "n, of n x n data",
    "seconds (2 cores)",
    {
        "check s": "check",
        "rounded s": "verify, rounded",
        "exact s": "verify, exact",
        "proof s": "polar proof, rounded",
        "polar s": "polar from nothing, rounded",
        "W.T @ W s": "one W.T @ W",
        "CLARABEL s": "cvxpy by Clarabel, no proof",
        "SCS s": "cvxpy by SCS, no proof",
    },
)
scaling = Table(
    "2. n x n of rank 20 plus noise, nuclear norm: seconds against size",
    {f"n = {n}": Case(n, CERTIFIED | WANTED.get(n, {})) for n in SIDES},
    at_size,
    cores=None,
    picture=SIZES,
)


# Ratings


BOTH = RowIntercept, ColumnIntercept


def rated(read_ratings, lam: float, biases, *effort: int):
    """Fit ratings by alternating least squares, with unpenalized biases or without."""
    problem = nuclear(read_ratings(), lam, [kind() for kind in biases])
    return problem, data.alternating(problem, *effort)


FEW, CENT = {"tiers": ("rounded",), "rtol": 1e-2, "budget": 120.0}, {"gap": 1e-2}
WHOLE = CERTIFIED | {"gap": 1e-5}, {"rtol": 1e-5, "rounds": 3}
MOVIELENS = partial(rated, data.movielens, 30.0)
ratings = Table(
    "7. ratings, with unpenalized biases and without",
    {
        "generated, biases": Case(
            partial(rated, data.biased_ratings, 3.0, BOTH, 30, 60), CENT, FEW
        ),
        "MovieLens-100k": Case(partial(MOVIELENS, (), 20, 60), *WHOLE),
        "MovieLens-100k, biases": Case(partial(MOVIELENS, BOTH, 20, 25), CENT, FEW),
    },
    few=1,
)


SHAPES = {  # count of ratings -> MovieLens' shape, the most GB wanted
    "10k": (10_000, (604, 370), 1.0),
    "100k": (100_000, (943, 1682), 1.0),
    "1m": (1_000_000, (6040, 3706), 1.0),
    "10m": (10_000_000, (71_567, 10_681), 3.0),
    "20m": (20_000_000, (138_493, 26_744), 12.0),
}


class Many(NamedTuple):
    """Ratings of generated users and items; alternating least squares from a random start."""

    size: str
    lam: float  # of biases, too
    biases: tuple
    rank: int
    sweeps: int

    def __call__(self):
        """Return the problem, factors that another process has fitted, and what to print."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "fit.npz"
            alone(self.fit, file)
            with np.load(file) as saved:
                Y = sparse.coo_array((saved["data"], (saved["rows"], saved["cols"])), self.shape)
                factors = saved["U"], saved["V"]
        biases = "yes" if self.biases else "no"
        return self.problem(Y), factors, {"ratings": Y.nnz, "lam": self.lam, "biases": biases}

    @property
    def shape(self) -> tuple[int, int]:
        return SHAPES[self.size][1]

    def problem(self, Y) -> Problem:
        return nuclear(Y, self.lam, self.offsets())

    def offsets(self) -> list:
        return [kind(self.lam) for kind in self.biases]

    def fit(self, file: Path) -> None:
        """Save ratings and factors."""
        Y = data.generated_ratings(self.shape, SHAPES[self.size][0]).tocsr()
        rest, (U, V) = Y.copy(), (np.zeros((d, self.rank)) for d in self.shape)
        if self.biases:
            problem = self.problem(Y)
            rest.data -= problem.shift(problem.best_offsets((U, V)))
        V, turned = np.random.default_rng(0).standard_normal(V.shape), rest.T.tocsr()
        for _ in range(self.sweeps):
            U = ridge(rest, V, self.lam)
            V = ridge(turned, U, self.lam)
        stored = Y.tocoo()
        np.savez(file, rows=stored.row, cols=stored.col, data=stored.data, U=U, V=V)


def rating_case(many: Many, budget: float, rtol: float) -> Case:
    """Ask for a gap within a budget, and little memory."""
    wanted = {"gap of the best": rtol, "check s": 2 * budget, "GB": SHAPES[many.size][2]}
    return Case(many, wanted, ROUGH | {"rtol": rtol, "budget": budget})


ROUGH = {"tiers": ("rounded",), "cores": 2}
MILLIONS = {  # how they are fitted, the budget, the gap that is asked for
    "ratings-10k": (Many("10k", 10.0, BOTH, 10, 10), 5.0, 1e-2),
    "ratings-100k": (Many("100k", 20.0, BOTH, 20, 10), 5.0, 1e-3),
    "ratings-1m": (Many("1m", 40.0, BOTH, 40, 10), 15.0, 1e-3),
    "ratings-10m": (Many("10m", 100.0, (), 30, 6), 90.0, 1e-3),
    "ratings-20m": (Many("20m", 150.0, (), 30, 6), 400.0, 1e-3),
    "ratings-1m-20": (Many("1m", 20.0, (), 40, 10), 30.0, 1e-2),
    "ratings-10m-50": (Many("10m", 50.0, (), 30, 6), 300.0, 1e-2),
}
RATINGS = Drawing(
    "ratings",
    "ratings, in MovieLens' shapes, to a proved gap of 1e-3 (10,000: 1e-2)",
    "seconds of the processor; GB",
    {"check s": "check", "rounded verify s": "verify, rounded", "GB": "most memory, GB"},
    slope_from=1e6,
    without=("ratings-1m-20", "ratings-10m-50"),
)
at_scale = Table(
    "12. millions of ratings: seconds of the processor, on a machine with other work",
    {name: rating_case(*given) for name, given in MILLIONS.items()},
    few=1,
    cores=None,
    picture=RATINGS,
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


SMOOTH = {"logistic": 5.5, "huber": 9.0, "poisson": 14.0, "kullback_leibler": 20.0}  # lam
clicks = Table(
    "14. clicks, outliers and counts: from poor factors, l2 norms, counts in NMF's form",
    {
        f"{kind} {shape[0]} x {shape[1]}": Case(
            partial(clicked, kind, shape, count, lam),
            {"gap of the best": 5e-3 if kind == "kullback_leibler" else 1e-3, "check s": 60.0},
            ROUGH | {"rtol": 1e-4, "budget": 30.0},
        )
        for shape, count in (((943, 1682), 100_000), ((5000, 2000), 200_000))
        for kind, lam in SMOOTH.items()
    },
    cores=None,
)


def written(kind: str, shape: tuple[int, int]):
    """Fit tf-idf: an optimum by its singular values, or a model of scikit-learn."""
    Y = data.generated_text(shape)
    left, values, right = svds(Y, 40, random_state=0)
    (m, n), lam = shape, 0.2 * values.max()
    if kind == "nuclear norm":
        problem = Problem(Squared(Y, zeros="observed"), RankOne("l2", "l2"), lam)
        return problem, data.balanced(left, np.maximum(values - lam, 0.0), right)
    model = TruncatedSVD(20, algorithm="arpack", random_state=0)
    if kind == "NMF(20)":
        prices = {"alpha_W": lam / n, "alpha_H": lam / m}
        model = NMF(20, init="nndsvda", max_iter=100, tol=1e-5, **prices)
    return read(model, sparse.csr_matrix(Y))


NEAREST = {"TruncatedSVD(20)": 1e-6, "nuclear norm": 1e-6, "NMF(20)": 5e-2}
text = Table(
    "13. generated tf-idf, 20000 x 10000, zeros observed, lam = 0 or .2 sigma_1",
    {
        kind: Case(
            partial(written, kind, (20_000, 10_000)),
            {"gap": rtol, "check s": 240.0},
            {"tiers": ("rounded",), "rtol": rtol},
        )
        for kind, rtol in NEAREST.items()
    },
    few=0,
    cores=None,
)


# Nonnegative factors


def small_nmf(r: int):
    """Fit NMF to 20 x 12."""
    rng = np.random.default_rng(0)
    Y = rng.random((20, 4)) @ rng.random((4, 12)) + 0.05 * rng.random((20, 12))
    options = {"tol": 1e-12, "max_iter": 20_000, "random_state": 0}
    return read(NMF(r, alpha_W=0.02, alpha_H=0.02, **options), Y)


def digits_nmf(ratio: float, size: int):
    """Fit NMF to all digits at lam = alpha sqrt(m n), a share of sigma_1."""
    Y = data.digits()
    alpha = float(ratio * spectral(Y) / np.sqrt(Y.size))
    return read(NMF(size, alpha_W=alpha, alpha_H=alpha, max_iter=500, random_state=0), Y)


def from_random(pixels, ratio: float, size: int):
    """Start at random nonnegative factors."""
    Y, rng = pixels(), np.random.default_rng(0)
    problem = Problem(Squared(Y), NONNEGATIVE, ratio * spectral(Y))
    return problem, tuple(rng.random((d, size)) for d in Y.shape)


SAME = {"verdict": "CERTIFIED", "upper": 7.299823485, "check s": 2.0}
SMALL = {4: SAME, 8: SAME, 2: REFUTED}  # n_components
SIZES = {0.5: 8, 0.2: 16, 0.1: 32, 0.05: 64, 0.02: 100}  # lam / sigma_1: n_components
MINUTE = {  # data, n_components, rtol, and what is wanted for each lam / sigma_1
    "digits, improved": (data.digits, SIZES, 1e-6, {0.5: 1e-6, 0.2: 1e-5, 0.1: 7e-3}),
    "14 digits of 16 pixels": (
        data.pooled_digits,
        {},
        1e-4,
        dict.fromkeys((0.1, 0.05, 0.02), 1e-4),
    ),
    "80 digits": (
        partial(data.digits, 80),
        dict.fromkeys(SIZES, 20),
        1e-6,
        {0.2: 2.0e-5, 0.1: 6.2e-3, 0.05: 2.1e-2, 0.02: 4.6e-2},  # what the relaxation alone leaves
    ),
}
nonnegative = Table(
    "8. nonnegative factors",
    {f"20 x 12, r = {r}": Case(partial(small_nmf, r), wanted) for r, wanted in SMALL.items()}
    | {
        f"digits, scikit-learn, {x:g} sigma_1": Case(
            partial(digits_nmf, x, size), REFUTED if x <= 0.1 else {}, {"budget": 60.0}
        )
        for x, size in SIZES.items()
    }
    | {
        f"{name}, {x:g} sigma_1": improving(
            partial(from_random, pixels, x, sizes.get(x, 14)),
            {"improve s": 72.0, "gap": gap},
            budget=60.0,
            cores=1,
            rtol=rtol,
        )
        for name, (pixels, sizes, rtol, gaps) in MINUTE.items()
        for x, gap in gaps.items()
    },
    few=3,
)


# Every loss


def on_pixels(made):
    return made(data.digits(100))


def on_classes(made):
    return made(np.eye(10)[load_digits().target[:100]])


def on_scores(made):
    return made(data.standard(load_breast_cancer().data[:100]))


def on_halves(made, low: float = 0.0):
    features = load_breast_cancer().data[:100]
    return made(np.where(features > np.median(features, axis=0), 1.0, low))


def fitted_loss(on, made, pair):
    """Improve for ten seconds from one component of zeros.

    lam is .3 of the polar at 0; for Kullback-Leibler at the mean: it is infinite at 0.
    """
    loss, atom = on(made), RankOne(*pair)
    level = float(loss.data.mean()) if made is KullbackLeibler else 0.0
    lam = 0.3 * atom.polar(-loss.gradient(np.full(loss.shape, level))).lower
    problem = Problem(loss, atom, lam)
    start = tuple(np.full((d, 1), level**0.5) for d in loss.shape)
    return problem, improve(problem, start, budget=10.0).factors


FREE, SIGNED, ROWS = ("l2", "l2"), ("l2+", "l2+"), ("l1", "l2")
SIGNS = partial(on_halves, low=-1.0)
LOSSES = {  # data, loss, norms
    "squared on digits": (on_pixels, Squared, SIGNED),
    "kullback_leibler on digits": (on_pixels, KullbackLeibler, SIGNED),
    "poisson on digits": (on_pixels, kinds.Poisson, FREE),
    "softmax on digits, classes": (on_classes, kinds.Softmax, FREE),
    "huber on breast cancer": (on_scores, partial(kinds.Huber, delta=1.0), FREE),
    "absolute on breast cancer": (on_scores, kinds.Absolute, FREE),
    "quantile on breast cancer": (on_scores, partial(kinds.Quantile, tau=0.75), ROWS),
    "logistic on breast cancer, halves": (on_halves, kinds.Logistic, FREE),
    "hinge on breast cancer, halves": (SIGNS, kinds.Hinge, ROWS),
    "squared_hinge on breast cancer, halves": (SIGNS, kinds.SquaredHinge, FREE),
}
losses = Table(
    "9. every loss on 100 rows of real data, lam = 0.3 of the polar at 0",
    {
        k: Case(partial(fitted_loss, *of), {"gap": 1.0}, {"budget": 10.0})
        for k, of in LOSSES.items()
    },
)
