"""Bounds at the size that people fit: the best fit met, and what no fit of its size is below.

Seconds are the processor's, of the search and the proof, fits left out: one thread, whatever
else the machine does.
"""

import warnings
from time import process_time

import numpy as np
from data import balanced, digits, nuclear, spectral, tensor
from measure import Claim, Options, at_most
from sklearn import datasets
from sklearn.decomposition import NMF, PCA, SparsePCA

from certify import Problem, check, from_model
from certify.atoms import CP, RankOne
from certify.losses import Squared

STARTS = 6
NONNEGATIVE = RankOne("l2+", "l2+")
WANTED = {  # of each data set and number of components, per cent of the bound
    "iris": {1: 0.0, 2: 0.0},
    "wine": {2: 0.0, 3: 1.3, 4: 3.0, 6: 6.0},
    "breast cancer": {2: 0.0, 3: 1.7, 4: 3.1, 6: 10.0},
    "digits": {2: 0.0, 3: 1.6, 4: 3.7, 5: 6.2, 10: 17.0},
}
SECONDS = 30.0
SPARSE = 430.0  # SparsePCA(5) of 300 digits
KINETIC = 99.53  # parafac(2), per cent of the variance
TENSORS = {"Kinetic": "kinetic fluorescence", "COVID19_data": "COVID-19 serology"}


def own_size(options: Options):
    """Truncated optima, PCA, plain NMF, sparse components, a plain CP."""
    yield "11. at most so many components"
    Y = digits(100 if options.quick else None)
    yield from truncated(Y)
    model = PCA(5).fit(Y)
    problem, factors = from_model(model, Y)
    yield from told("PCA(5), digits", problem, factors, 0.0, q=factors.q)
    for name, sizes in WANTED.items():
        data = Y if name == "digits" else table(name)
        for r, most in sizes.items():
            if options.quick and r > 2:
                continue
            title = f"NMF({r}), {name}"
            yield from told(title, Problem(Squared(data), NONNEGATIVE, 0.0), best(data, r), most)
    if options.quick:
        return
    X = digits(300)
    problem, factors = from_model(SparsePCA(5, random_state=0).fit(X), X)
    yield from told("SparsePCA(5), 300 digits", problem, factors, None)
    yield from plain_cp()


def plain_cp():
    """TensorLy's parafac and non_negative_parafac with two and three components."""
    from tensorly.decomposition import non_negative_parafac, parafac

    kinds = {"parafac": (parafac, "l2"), "non_negative_parafac": (non_negative_parafac, "l2+")}
    for file, title in TENSORS.items():
        T = tensor(file)
        for name, (fit, norm) in kinds.items():
            if norm == "l2+" and T.min() < 0:
                continue
            problem = Problem(Squared(T), CP((norm,) * T.ndim), 0.0)
            for r in (2, 3):
                weights, parts = fit(T, r, random_state=0)
                factors = [parts[0] * weights, *parts[1:]]
                first = file == "Kinetic" and norm == "l2" and r == 2
                most = KINETIC if first else None
                yield from told(f"{name}({r}), {title}", problem, factors, None, most=most)


def truncated(Y):
    """The first components of the optimum for any number of them."""
    left, values, right = np.linalg.svd(Y, full_matrices=False)
    lam = 0.1 * spectral(Y)
    factors = balanced(left[:, :3], values[:3] - lam, right[:3])
    yield from told("3 of 12 soft-thresholded, digits", nuclear(Y, lam), factors, 0.0)


def table(name: str):
    """Return iris as it is, the others with each column scaled to 0 .. 1."""
    X = getattr(datasets, f"load_{name.replace(' ', '_')}")().data
    return X if name == "iris" else (X - X.min(0)) / (X.max(0) - X.min(0))


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


def told(name, problem: Problem, factors, wanted, *, q=None, most=None):  # noqa: PLR0913  a row
    """Yield the row of a fit and its claims; wanted: per cent of the bound, or None.

    most  per cent of the variance that no model of its size is to explain more than
    """
    start = process_time()
    result = check(problem, factors, q=q)
    seconds = process_time() - start
    own = result.own_size
    upper = min(own.upper, own.better_upper or np.inf)
    gap = 100 * (upper / own.lower - 1) if own.lower else np.inf
    shares = own.explained_variance
    yield {
        "fit": name,
        "at its size": own.verdict.name,
        "any size": result.verdict.name if problem.lam else "the same",
        "lower, any size": result.lower if problem.lam else None,
        "lower": own.lower,
        "best met": upper,
        "best / lower - 1, %": gap,
        "explained, %": None if shares is None else 100 * shares.yours,
        "at most, %": None if shares is None else 100 * shares.at_most,
        "s": seconds,
    }
    if wanted == 0.0:
        near = gap <= 1e-4
        yield Claim(f"{name}: best met / bound - 1", "at most 1e-6", f"{gap / 100:.2g}", near)
    elif wanted is not None:
        told_gap = f"{gap:.3g} %"
        yield Claim(f"{name}: best met / bound - 1", f"at most {wanted} %", told_gap, gap <= wanted)
        yield at_most(f"{name}: time", seconds, SECONDS)
    elif problem.lam:
        low = f"{own.lower:.1f}"
        yield Claim(f"{name}: lower bound", f"at least {SPARSE:g}", low, own.lower >= SPARSE)
    elif most is not None:
        found = 100 * shares.at_most
        yield Claim(f"{name}: explained", f"at most {most} %", f"{found:.3f} %", found <= most)
