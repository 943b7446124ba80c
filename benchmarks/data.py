"""The data of the benchmarks and the fitted factors they are about, by numpy and scipy.

Nothing here asks `certify` for an optimum: soft-thresholding the singular values of Y at lam
minimizes 1/2 |Y - Z|^2 + lam |Z|_*, in closed form.
"""

from functools import partial
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from measure import SkippedError
from scipy import sparse

from certify import Problem
from certify.atoms import RankOne
from certify.losses import Huber, KullbackLeibler, Logistic, Poisson, Squared

TASTES = 8  # what a user's rating depends on, each less than the one before
PART, CONSTANT = 60, 7  # rows of the smaller diabetes problem; a feature that two others tell


def digits(count: int | None = None):
    """Return the first images of the digits data, one a row, entries in [0, 1]."""
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().data[:count] / 16, dtype=np.float64)


def pooled_digits():
    """Return the first 14 digits, pooled to 16 pixels."""
    return digits(14).reshape(14, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(14, 16)


def nuclear(Y, lam: float, offsets=()) -> Problem:
    """Return least squares with the nuclear norm."""
    return Problem(Squared(Y), RankOne("l2", "l2"), lam, offsets)


def spectral(Y) -> float:
    """Return sigma_1."""
    return float(np.linalg.norm(Y, 2))


def by_cvxpy(Y, lam: float, solver: str, seen=1.0) -> float:
    """Return what cvxpy says min_Z 1/2 |seen (Y - Z)|^2 + lam |Z|_* is, as its users state it."""
    import cvxpy as cp

    Z = cp.Variable(Y.shape)
    loss = 0.5 * cp.sum_squares(cp.multiply(seen, Z - Y))
    return float(cp.Problem(cp.Minimize(loss + lam * cp.normNuc(Z))).solve(solver=solver))


def balanced(left, values, right):
    """Return U, V with U V^T = left diag(values) right and equal norms."""
    root = np.sqrt(values)
    return left * root, right.T * root


def thresholded(Y, lam: float):
    """Return the optimum's factors for the nuclear norm, and the optimum."""
    left, values, right = np.linalg.svd(Y, full_matrices=False)
    k, kept = (values > lam).sum(), np.maximum(values - lam, 0.0)
    best = 0.5 * np.sum((values - kept) ** 2) + lam * kept.sum()
    return balanced(left[:, :k], kept[:k], right[:k]), float(best)


def low_rank(n: int, rank: int, seed: int):
    """Return (rank + noise, lam): an n x n matrix, lam 1.5 times the noise's norm 2 sqrt(n)."""
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((2, n, rank))
    return left @ right.T + rng.standard_normal((n, n)), 3 * n**0.5


def alternating(problem: Problem, rank: int, sweeps: int):
    """Return factors fitted by alternating least squares, with the best biases, from random V."""
    m, n = problem.loss.shape
    U, V = np.zeros((m, rank)), np.random.default_rng(0).standard_normal((n, rank))
    for _ in range(sweeps):
        rest = problem.loss.data - problem.shift(problem.best_offsets((U, V)))
        Y = sparse.csr_array(problem.loss.observed.matrix(np.asarray(rest)))
        U = ridge(Y, V, problem.lam)
        V = ridge(Y.T.tocsr(), U, problem.lam)
    return U, V


def ridge(Y, fixed, lam: float):
    """Return argmin_X 1/2 |X fixed^T - Y|^2 over the entries that are stored + lam/2 |X|^2."""
    out = np.zeros((Y.shape[0], fixed.shape[1]))
    for k in range(len(out)):
        part = slice(Y.indptr[k], Y.indptr[k + 1])
        F = fixed[Y.indices[part]]
        out[k] = np.linalg.solve(F.T @ F + lam * np.eye(F.shape[1]), F.T @ Y.data[part])
    return out


def generated_ratings(count: int, shape: tuple[int, int]):
    """Return `count` ratings 1..5 of users and items of skewed popularity.

    Matched to MovieLens-1M (6040 x 3706, a million): activity and popularity are
    lognormal; the stars' frequencies and their deviation, 1.12, come out alike.
    """
    rng, (m, n) = np.random.default_rng(0), shape
    rows, cols = draw_entries(rng, shape, count, (1.1, 1.6))
    users, items = (rng.standard_normal((k, TASTES)) for k in shape)
    depth = 0.7 * 0.6 ** np.arange(TASTES)
    score = 3.65 + 0.4 * rng.standard_normal(m)[rows]
    score += 0.5 * rng.standard_normal(n)[cols]
    score += np.einsum("kr,kr->k", users[rows] * depth, items[cols])
    stars = np.clip(np.rint(score + 0.75 * rng.standard_normal(count)), 1, 5)
    return sparse.coo_array((stars, (rows, cols)), shape=shape)


def movielens():
    """Return MovieLens-100k, users x items, minus their mean.

    The ratings come inside the recbole package, which is never imported.  Their terms allow
    research and forbid passing them on: they are read and forgotten.
    """
    found = find_spec("recbole")
    if found is None or found.origin is None:
        raise SkippedError("pip install --no-deps recbole==1.2.1, which has the ratings")
    file = Path(found.origin).parent / "dataset_example" / "ml-100k" / "ml-100k.inter"
    users, items, stars = np.loadtxt(file, skiprows=1, usecols=(0, 1, 2)).T
    where = users.astype(int) - 1, items.astype(int) - 1
    return centered(sparse.coo_array((stars, where), shape=(943, 1682)))


def centered(ratings):
    """Return ratings minus their mean."""
    ratings.data -= ratings.data.mean()
    return ratings


def tensor(name: str, at=...):
    """Return a part of an array of TensorLy's data folder, and what was seen if not all was.

    The responses to IL-2 are those of 13 ligands by 4 times, 12 doses and 8 cells.
    """
    file = files("tensorly").joinpath("datasets", "data", f"{name}.npy")
    T = np.ascontiguousarray(np.load(str(file), allow_pickle=False)[at], dtype=np.float64)
    T = T.reshape(52, 12, 8) if name.startswith("IL2") else T
    seen = ~np.isnan(T)
    return np.where(seen, T, 0.0), None if seen.all() else seen


def gaussian(shape: tuple[int, ...]):
    """Return Gaussian numbers."""
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def unit(a):
    """Return columns scaled to 0 .. 1."""
    return (a - a.min(axis=0)) / (a.max(axis=0) - a.min(axis=0))


def standard(a):
    """Return columns of mean 0 and deviation 1."""
    return (a - a.mean(axis=0)) / a.std(axis=0)


def diabetes(rows: int | None = None):
    """Return the patients, or the first rows of a permutation; a part without one feature."""
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    if rows is not None:
        X, y = (a[np.random.default_rng(0).permutation(len(X))[:rows]] for a in (X, y))
    return standard(np.delete(X, CONSTANT, axis=1) if rows == PART else X), standard(y)


def cancer(rows: int | None = None):
    """Return the first two principal components of 30 standardized features (63 % of them)."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    U, sizes, _ = np.linalg.svd(standard(X), full_matrices=False)
    X = standard(U[:, :2] * sizes[:2])
    kept = np.random.default_rng(0).permutation(len(X))[:rows]
    return X[kept], y[kept]


def torch_network(given, units: int, optimizer, steps: int, *, shorter: bool = False):
    """Train Linear, ReLU, Linear on all rows of (X, y), with shorter steps by a cosine if asked.

    Returns the network and its optimizer.
    """
    import torch

    torch.manual_seed(0)
    X, y = (torch.tensor(a, dtype=torch.float32) for a in given)
    layers = torch.nn.Linear(X.shape[1], units), torch.nn.ReLU(), torch.nn.Linear(units, 1)
    net = torch.nn.Sequential(*layers)
    made = optimizer(net.parameters())
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(made, steps)
    for _ in range(steps):
        made.zero_grad()
        torch.nn.functional.mse_loss(net(X), y).backward()
        made.step()
        if shorter:
            schedule.step()
    return net, made


def draw_entries(rng, shape: tuple[int, int], count: int, skews: tuple[float, float]):
    """Return `count` rows and columns of entries, in order, of lines of lognormal popularity."""
    rows, cols = (rng.lognormal(0.0, skew, d) for d, skew in zip(shape, skews, strict=True))
    m, n = shape
    codes = np.zeros(0, np.int64)
    while len(codes) < count:
        wanted = 2 * (count - len(codes))
        more = rng.choice(m, wanted, p=rows / rows.sum()) * n
        more += rng.choice(n, wanted, p=cols / cols.sum())
        codes = np.unique(np.concatenate([codes, more]))
    return np.divmod(np.sort(rng.choice(codes, count, replace=False)), n)


def clicks_and_counts(kind: str, shape: tuple[int, int], count: int):
    """Return a loss of generated data of eight components: labels, outliers among them or counts.

    A component is normal on both sides; of counts with the identity for a link it is of a gamma
    distribution, so that a rate is never negative.
    """
    at = draw_entries(np.random.default_rng(0), shape, count, (0.6, 0.8))
    rng = np.random.default_rng(1)
    counts = kind == "kullback_leibler"
    draw = partial(rng.gamma, 0.5, 1.0) if counts else rng.standard_normal
    U, V = (draw((d, TASTES)) for d in shape)
    score = np.einsum("kr,kr->k", U[at[0]], V[at[1]])
    if counts:
        return KullbackLeibler(sparse.coo_array((rng.poisson(score + 0.1) * 1.0, at), shape))
    score /= TASTES**0.5
    if kind == "logistic":
        data, loss = (rng.random(count) < 1 / (1 + np.exp(-2 * score))) * 1.0, Logistic
    elif kind == "poisson":
        data, loss = rng.poisson(np.exp(0.7 * score)) * 1.0, Poisson
    else:
        data, loss = 2 * score + 0.5 * rng.standard_normal(count), partial(Huber, delta=1.0)
        wild = rng.random(count) < 0.05
        data[wild] += 10 * rng.standard_normal(wild.sum())
    return loss(sparse.coo_array((data, at), shape))


def generated_text(shape: tuple[int, int], topics: int = 40, length: int = 230):
    """Return tf-idf of documents of a few topics each, rows of length 1, Zipf's words.

    20,000 x 10,000 has 1.7 % of its entries stored.
    """
    rng, (m, n) = np.random.default_rng(0), shape
    words = np.stack([rng.lognormal(0, 2.0, n) / np.arange(1, n + 1) for _ in range(topics)])
    words = np.cumsum(words / words.sum(axis=1, keepdims=True), axis=1)
    mixture = np.cumsum(rng.dirichlet(np.full(topics, 0.1), m), axis=1)
    rows = np.repeat(np.arange(m), rng.poisson(length * rng.lognormal(0, 0.5, m)) + 5)
    topic = (rng.random(len(rows))[:, None] > mixture[rows]).sum(axis=1).clip(0, topics - 1)
    cols = np.empty(len(rows), int)
    for k in range(topics):
        at = topic == k
        cols[at] = np.searchsorted(words[k], rng.random(at.sum())).clip(0, n - 1)
    Y = sparse.coo_array((np.ones(len(rows)), (rows, cols)), shape=shape).tocsr()
    Y.data *= (np.log((1 + m) / (1 + np.bincount(Y.indices, minlength=n))) + 1)[Y.indices]
    lengths = np.sqrt(np.asarray(Y.multiply(Y).sum(axis=1)).ravel())
    Y.data /= np.repeat(lengths, np.diff(Y.indptr))
    return Y
