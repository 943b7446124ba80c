"""Bounds at the size that people fit: the best fit met, and what no fit of its size is below.

Seconds are the processor's, of the search and the proof, fits left out: one thread, whatever
else the machine does.
"""

import warnings
from time import process_time

import data
import numpy as np
from measure import AtLeast, Options, timed
from sklearn import datasets
from sklearn.decomposition import NMF, PCA, SparsePCA

from certify import Problem, check, from_model
from certify.atoms import CP, RankOne
from certify.losses import Squared

STARTS = 6
GAP, SHARE = "best / lower - 1, %", "at most, %"
WANTED = {  # of each data set and number of components, per cent of the bound
    "iris": {1: 1e-4, 2: 1e-4},
    "wine": {2: 1e-4, 3: 1.3, 4: 3.0, 6: 6.0},
    "breast cancer": {2: 1e-4, 3: 1.7, 4: 3.1, 6: 10.0},
    "digits": {2: 1e-4, 3: 1.6, 4: 3.7, 5: 6.2, 10: 17.0},
}
SHARES = {("Kinetic", "parafac", 2): {SHARE: 99.53}}  # per cent of the variance
TENSORS = {"Kinetic": "kinetic fluorescence", "COVID19_data": "COVID-19 serology"}


def own_size(options: Options):
    """Truncated optima, PCA, plain NMF, sparse components, a plain CP."""
    yield "11. at most so many components"
    Y = data.digits(100 if options.quick else None)
    lam = 0.1 * data.spectral(Y)
    left, values, right = np.linalg.svd(Y, full_matrices=False)
    first = data.balanced(left[:, :3], values[:3] - lam, right[:3])
    yield row("3 of 12 soft-thresholded, digits", data.nuclear(Y, lam), first), {GAP: 1e-4}
    yield row("PCA(5), digits", *from_model(PCA(5).fit(Y), Y)), {GAP: 1e-4}
    for name, sizes in WANTED.items():
        X = Y if name == "digits" else table(name)
        problem = Problem(Squared(X), RankOne("l2+", "l2+"), 0.0)
        for r, most in sizes.items():
            if not options.quick or r <= 2:
                yield row(f"NMF({r}), {name}", problem, best(X, r)), {GAP: most, "s": 30.0}
    if options.quick:
        return
    X = data.digits(300)
    sparse = from_model(SparsePCA(5, random_state=0).fit(X), X)
    yield row("SparsePCA(5), 300 digits", *sparse), {"lower": AtLeast(430.0)}
    yield from plain_cp()


def plain_cp():
    """TensorLy's parafac and non_negative_parafac with two and three components."""
    from tensorly.decomposition import non_negative_parafac, parafac

    for file, title in TENSORS.items():
        T = data.tensor(file)
        for fit, norm in ((parafac, "l2"), (non_negative_parafac, "l2+")):
            if norm == "l2+" and T.min() < 0:
                continue
            problem = Problem(Squared(T), CP((norm,) * T.ndim), 0.0)
            for r in (2, 3):
                weights, parts = fit(T, r, random_state=0)
                factors, name = [parts[0] * weights, *parts[1:]], fit.__name__
                wanted = SHARES.get((file, name, r), {})
                yield row(f"{name}({r}), {title}", problem, factors), wanted


def table(name: str):
    """Return iris as it is, the others with each column scaled to 0 .. 1."""
    X = getattr(datasets, f"load_{name.replace(' ', '_')}")().data
    return X if name == "iris" else data.unit(X)


def best(X, r: int):
    """Return the best of some fits of NMF."""
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stops before its tolerance
        for seed in range(STARTS):
            init = "random" if seed else "nndsvda"
            model = NMF(r, init=init, random_state=seed, max_iter=1000, tol=1e-7)
            W = model.fit_transform(X)
            fits.append((model.reconstruction_err_, seed, W, model.components_.T))
    return min(fits)[2:]


def row(name: str, problem: Problem, factors):
    """Return what is proved of a fit, of any size and of its own."""
    q = getattr(factors, "q", None)
    seconds, result = timed(check, problem, factors, q=q, clock=process_time)
    own, shares = result.own_size, result.explained_variance
    upper = min(own.upper, own.better_upper or np.inf)
    return {
        "fit": name,
        "at its size": own.verdict.name,
        "any size": result.verdict.name if problem.lam else "the same",
        "lower, any size": result.lower if problem.lam else None,
        "lower": own.lower,
        "best met": upper,
        GAP: 100 * (upper / own.lower - 1) if own.lower else np.inf,
        "explained, %": None if shares is None else 100 * shares.yours,
        SHARE: None if shares is None else 100 * shares.at_most,
        "s": seconds,
    }
