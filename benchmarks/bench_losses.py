"""Claim 9: every loss on real data: bracket, exact verification, and size of the certificate."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from candidates import Array, digits
from measure import Claim, Options, Report, Row, main
from sklearn.datasets import load_breast_cancer, load_digits

from certify import Problem, check, improve, verify
from certify.atoms import RankOne
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Loss,
    Poisson,
    Quantile,
    Softmax,
    Squared,
    SquaredHinge,
)

BUDGET = 10.0  # seconds for the factors of one row; the check has as many
SHARE = 0.3  # lam is this part of the polar at zero (for KL at the mean: it is infinite at 0)


def run(options: Options) -> Report:
    """Fit each loss, check, verify exactly, and weigh the certificate."""
    count = 40 if options.quick else 100
    rows = [one(name, loss, pair, options) for name, loss, pair in cases(count)]
    title = f"9. every loss on {count} rows of real data, lam = {SHARE:g} of the polar at 0"
    return Report(title, rows, [c for row in rows for c in claims(row)])


def cases(count: int) -> list[tuple[str, Loss, tuple[str, str]]]:
    """Return (data, loss, pair of norms)."""
    pixels, cancer = digits(count), load_breast_cancer()
    features = cancer.data[:count]
    high = features > np.median(features, axis=0)
    scores = (features - features.mean(axis=0)) / features.std(axis=0)
    classes = np.eye(10)[load_digits().target[:count]]
    free, signed, rows = ("l2", "l2"), ("l2+", "l2+"), ("l1", "l2")
    signs: Array = np.where(high, 1.0, -1.0)
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


def timed(call: Callable[[], object]) -> tuple[float, object]:
    """Return (seconds, value)."""
    start = perf_counter()
    value = call()
    return perf_counter() - start, value


def one(name: str, loss: Loss, pair: tuple[str, str], options: Options) -> Row:
    """Fit, check and verify one loss."""
    atom = RankOne(*pair)
    m, n = loss.shape
    level = float(loss.data.mean()) if isinstance(loss, KullbackLeibler) else 0.0  # infinite at 0
    lam = SHARE * atom.polar(-loss.gradient(np.full((m, n), level))).lower
    problem = Problem(loss, atom, lam)
    start = np.full((m, 1), level**0.5), np.full((n, 1), level**0.5)
    budget = BUDGET / 20 if options.quick else BUDGET
    fit_s, best = timed(lambda: improve(problem, start, budget=budget))
    check_s, result = timed(lambda: check(problem, best.factors, budget=budget))
    with TemporaryDirectory() as folder:
        size = result.certificate.save(Path(folder) / "x.cert")
    verify_s, proved = timed(lambda: verify(result.certificate, problem, best.factors))
    return {
        "data": name,
        "loss": loss.name,
        "norms": " x ".join(pair),
        "slices": best.factors[0].shape[1],
        "verdict": proved.verdict.name,
        "lower": proved.lower,
        "upper": proved.upper,
        "gap": (proved.upper - proved.lower) / abs(proved.upper),
        "fit s": fit_s,
        "check s": check_s,
        "exact verify s": verify_s,
        "certificate MB": size / 1e6,
    }


def claims(row: Row) -> list[Claim]:
    """Claim a bracket that is certified, or says how wide it is."""
    got = f"{row['verdict']}, gap {row['gap']:.1e}"
    held = row["verdict"] == "CERTIFIED" or bool(np.isfinite(row["gap"]))
    return [Claim(f"{row['loss']} on {row['data']}", "certified or bracketed", got, held)]


if __name__ == "__main__":
    main(run, threads=1)
