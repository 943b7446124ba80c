"""Real models on real data: fit them, check them, write and verify their certificates."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from threadpoolctl import threadpool_limits

from certify.adapters._fitted import Factors, library
from certify.adapters._impute import soft_threshold as shrink_values
from certify.adapters.sklearn import from_model
from certify.atoms import RankOne
from certify.base.arrays import Array
from certify.base.clock import Progress
from certify.base.errors import InputError, accessing
from certify.losses import Squared
from certify.pipeline.certificate.verdict import Verdict
from certify.pipeline.certificate.verify import verify
from certify.pipeline.check import check
from certify.pipeline.numbers import at_least, at_most, excess, short
from certify.pipeline.origin import LEAST
from certify.problem import Problem

SHARE = 0.1  # lam as a share of the largest singular value: 12 components survive
KEPT, SLICES, SWEEPS = 6, 16, 3  # too few components; an alternating fit that stops early
RANK, ATOMS, SAMPLES, PARTS = 10, 20, 600, 16
PART_SHARE = 0.2  # lam of the nonnegative factorization, as SHARE
TEN = 9.95  # rounded to one decimal it is 10.0
NUCLEAR = RankOne("l2", "l2")

Fitted = tuple[Problem, Factors]


@dataclass(frozen=True)
class Model:
    """A model: its fit, and the expected verdict (None: any)."""

    name: str
    file: str
    fit: Callable[[], Fitted]
    expected: Verdict | None


@dataclass(frozen=True)
class Row:
    """The results for one model.

    distance          how far the model can be above the optimum, proved: "0.0066 %"
    rtol              the distance that CERTIFIED allows: the fit's own tolerance, or 1e-6
    lower, upper      lower <= optimum, objective of the model <= upper, proved
    better            the objective of the better factors in the certificate, if any
    verified          the verdict of the exact verification from the file
    expected          the expected verdict; None: any
    seconds_*, bytes  times of the check and of the verification; size of the file
    """

    model: str
    distance: str
    rtol: float
    verdict: Verdict
    verified: Verdict
    expected: Verdict | None
    lower: float
    upper: float
    relative_gap: float
    better: float | None
    seconds_to_check: float
    seconds_to_verify: float
    bytes: int
    path: Path

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the expected one, and that of the verification."""
        return self.verified is self.verdict and self.expected in (None, self.verdict)

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain values, for one line of JSON."""
        plain = {k: v.name if isinstance(v, Verdict) else v for k, v in vars(self).items()}
        return plain | {"path": str(self.path), "as_expected": self.as_expected}


def run(folder: str | Path, seed: int = 0, progress: Progress | None = None) -> list[Row]:
    """Fit models to the digits, check them, and verify each certificate from its file.

    folder    for one certificate of each model; it is created if necessary
    progress  called as progress(model, share of the models done)

    An unexpected verdict is reported in its row.  Raises InputError without scikit-learn or if
    the folder cannot be written, RejectedError if a certificate is not verified from its file.
    """
    place, notify = Path(folder), progress or (lambda _name, _share: None)
    with accessing(place, "make"):
        place.mkdir(parents=True, exist_ok=True)
    todo, rows = models(seed), []
    for k, model in enumerate(todo):
        notify(model.name, k / len(todo))
        rows.append(judge(model, place, seed))
    notify("done", 1.0)
    return rows


def judge(model: Model, folder: Path, seed: int) -> Row:
    """Fit, check, write, and verify from the file."""
    with threadpool_limits(1, user_api="blas"):  # these products are too small for threads
        problem, factors = model.fit()
    start = perf_counter()
    rtol = factors.rtol
    # without a budget steps are counted, so that the answers do not depend on the machine
    result = check(problem, factors, q=factors.q, rtol=rtol, seed=seed, budget=None)
    checked = perf_counter() - start
    if result.certificate is None:  # every model here is in scope
        raise InputError(f"{model.name} has no certificate: {result.reason}")
    path = folder / model.file
    size = result.certificate.save(path)
    start = perf_counter()
    proved = verify(path, problem, factors, q=factors.q, rtol=rtol)
    return Row(
        model=model.name,
        distance=excess(proved.lower, proved.upper),
        rtol=rtol,
        verdict=result.verdict,
        verified=proved.verdict,
        expected=model.expected,
        lower=proved.lower,
        upper=proved.upper,
        relative_gap=result.relative_gap,
        better=None if result.better is None else problem.objective(result.better),
        seconds_to_check=checked,
        seconds_to_verify=perf_counter() - start,
        bytes=size,
        path=path,
    )


def models(seed: int) -> list[Model]:
    """Return the models of 1797 digits with 8 x 8 pixels in 0 ... 1."""
    X = np.asarray(library("datasets").load_digits().data, dtype=np.float64) / 16
    kit = library("decomposition")
    svd, pca = kit.TruncatedSVD(RANK, random_state=seed), kit.PCA(RANK, random_state=seed)
    lasso = kit.DictionaryLearning(ATOMS, alpha=1, random_state=seed)
    price = PART_SHARE * largest_singular_value(X) / X.size**0.5
    parts = kit.NMF(PARTS, alpha_W=price, max_iter=5000, random_state=seed)
    good, limited = Verdict.CERTIFIED, Verdict.RANK_LIMITED
    shrunk = partial(soft_threshold, X)
    sweeps, sparse = partial(alternate, X, seed), partial(adapt, lasso, X[:SAMPLES])
    return [
        Model("soft-thresholded SVD", "svd.cert", partial(shrunk, None), good),
        Model(f"its first {KEPT} components", "few.cert", partial(shrunk, KEPT), limited),
        Model(f"TruncatedSVD({RANK})", "truncated_svd.cert", partial(adapt, svd, X), good),
        Model(f"PCA({RANK})", "pca.cert", partial(adapt, pca, X), good),
        Model(f"alternating, {SWEEPS} sweeps", "alternating.cert", sweeps, Verdict.REFUTED),
        Model(f"DictionaryLearning({ATOMS})", "dictionary.cert", sparse, limited),
        Model(f"NMF({PARTS})", "nmf.cert", partial(adapt, parts, X), None),
    ]


def adapt(estimator: Any, X: Array) -> Fitted:  # noqa: ANN401  scikit-learn is untyped
    """Fit an estimator and read it, with the codes of the fit."""
    codes = estimator.fit_transform(X)
    return from_model(estimator, X, codes=codes)


def largest_singular_value(X: Array) -> float:
    """Return the largest singular value."""
    return float(np.linalg.norm(X, 2))


def nuclear(X: Array) -> Problem:
    """Return 1/2 |X - U V'|^2 + lam sum |u| |v|."""
    return Problem(Squared(X), NUCLEAR, SHARE * largest_singular_value(X))


def soft_threshold(X: Array, kept: int | None) -> Fitted:
    """Return the optimum, with singular values minus lam, or its first components only."""
    problem = nuclear(X)
    U, V = shrink_values(X, problem.lam)
    return problem, Factors(U[:, :kept], V[:, :kept])


def alternate(X: Array, seed: int) -> Fitted:
    """Return a few sweeps of alternating ridge regressions from random factors."""
    problem = nuclear(X)
    V = np.random.default_rng(seed).standard_normal((X.shape[1], SLICES))
    U = np.zeros((len(X), SLICES))
    for _ in range(SWEEPS):
        U = ridge(X, V, problem.lam)
        V = ridge(X.T, U, problem.lam)
    return problem, Factors(U, V)


def ridge(target: Array, fixed: Array, lam: float) -> Array:
    """Return argmin_A 1/2 |target - A fixed'|^2 + lam/2 |A|^2."""
    gram = fixed.T @ fixed + lam * np.eye(fixed.shape[1])
    return np.asarray(np.linalg.solve(gram, (target @ fixed).T).T)


def table(rows: list[Row]) -> Table:
    """Return the rows as a table; it needs 100 columns.

    check, proof   seconds of the check, and of the exact verification from the file
    """
    out = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    out.add_column("model", min_width=22)
    out.add_column("distance", justify="right", no_wrap=True)
    out.add_column("verdict", width=12)
    for name in ("lower", "upper", "better", "check", "proof", "size"):
        out.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        out.add_row(*cells(row))
    return out


def tolerance_note(rows: list[Row]) -> str:
    """Return the distance that CERTIFIED allows, with the models that have their own tolerance."""
    notes = [f"{r.model} {short(100 * r.rtol)} %, its own tol" for r in rows if r.rtol > LEAST]
    but = f" ({'; '.join(notes)})" if notes else ""
    return f"CERTIFIED: proved to be within {short(100 * LEAST)} % of the optimum{but}"


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as text; an unexpected verdict names the expected one."""
    verdict = row.verdict.name
    if row.verified is not row.verdict:
        verdict += f" (from the file: {row.verified.name})"
    if row.expected not in (None, row.verdict):
        verdict += f" (expected {row.expected.name})"
    return (
        row.model,
        row.distance,
        verdict,
        at_least(row.lower, 7),
        at_most(row.upper, 7),
        "" if row.better is None else at_most(row.better, 7),
        short_of(row.seconds_to_check, "s"),
        short_of(row.seconds_to_verify, "s"),
        short_of(row.bytes / 1e6, "MB"),
    )


def short_of(x: float, unit: str) -> str:
    """Return a quantity, without decimals from ten on."""
    return f"{x:.1f} {unit}" if x < TEN else f"{x:.0f} {unit}"
