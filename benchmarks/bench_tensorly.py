"""TensorLy's own CP factors on three data sets, judged at a lam that they were not fitted to.

Each fit is judged as it is, and as `start` rescales its slices; all fits of one question
share one proved lower bound.
"""

import warnings
from time import perf_counter
from typing import Any

import numpy as np
from measure import Claim, Options, Report, Row, main
from tensor_data import DATA, Data
from tensorly.decomposition import CP, CP_NN

from certify import Problem
from certify.adapters.tensorly import from_model, start
from certify.pipeline.restarts import RestartReport, restart_report
from certify.pipeline.tensor_norms import spectral

SHARES = (0.2, 0.1, 0.05)  # lam over the spectral norm
RANK, BUDGET, NOTHING = 8, 20.0, 1e-12
KINDS = {"parafac": CP, "non_negative_parafac": CP_NN}


def run(options: Options) -> Report:
    """Judge parafac and non_negative_parafac with two starts each."""
    rows: list[Row] = []
    for load in DATA:
        data = reduced(load()) if options.quick else load()
        top = spectral(data.T, budget=BUDGET).lower
        for kind in KINDS:
            models = fitted(data, kind, 20 if options.quick else 300)
            shares = SHARES[:1] if options.quick else SHARES
            rows += [judged(data, (kind, models), share, top, options) for share in shares]
    title = "TensorLy's parafac factors, rejudged at lam"
    return Report(title, rows, claims(rows))


def reduced(data: Data) -> Data:
    """Return a corner of a tensor."""
    at = (slice(12), slice(5), slice(4))
    mask = None if data.mask is None else data.mask[at]
    return data._replace(T=data.T[at], mask=mask)


def fitted(data: Data, kind: str, iterations: int) -> list[Any]:
    """Return fits from the package's two starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = []
        for init in ("svd", "random"):
            settings = {"init": init, "n_iter_max": iterations, "random_state": 0}
            model = KINDS[kind](RANK, mask=data.mask, **settings)
            model.fit_transform(data.T)
            out.append(model)
        return out


def judged(
    data: Data, fits: tuple[str, list[Any]], share: float, top: float, options: Options
) -> Row:
    """Return how far the fits are from the optimum at a lam."""
    kind, models = fits
    held = [from_model(m, data.T, rejudge=share * top) for m in models]
    problem: Problem = held[0][0]
    plain = [x for _, x in held]
    every = [*plain, *(start(problem, x) for x in plain)]
    begun = perf_counter()
    found = restart_report(problem, every, budget=5.0 if options.quick else BUDGET)
    seconds = perf_counter() - begun
    return {
        "data": data.name,
        "fit": kind,
        "lam / spectral": share,
        "as they are, % above": percent(found, range(len(plain))),
        "rescaled, % above": percent(found, range(len(plain), len(every))),
        "verdict on the best": found.verdict.name,
        "slices given": RANK,
        "slices of the best known": None if found.better is None else found.better[0].shape[-1],
        "bracket of the optimum, relative": (found.upper - found.lower) / found.upper,
        "s": seconds,
    }


def percent(found: RestartReport, which: range) -> str:
    """Return the proved excess of the best of these fits, in percent of the optimum."""
    best = min((found.fits[k] for k in which), key=lambda f: f.upper)
    low, high = (100 * x / max(found.lower, NOTHING) for x in best.excess)
    return f"{low:.4g} to {high:.4g}"


def claims(rows: list[Row]) -> list[Claim]:
    """Claim a bracket for every fit, and that no bracket is empty."""
    widths = np.array([r["bracket of the optimum, relative"] for r in rows])
    whole = f"{len(rows)} of {len(rows)}"
    got = f"{int(((widths >= 0) & (widths < 1)).sum())} of {len(rows)}"
    return [Claim("questions with a proved bracket of the optimum", whole, got, got == whole)]


if __name__ == "__main__":
    main(run, threads=1)
