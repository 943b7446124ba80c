"""Claim 8: nonnegative factors: scikit-learn's NMF certified, refuted, or bracketed."""

import warnings
from time import perf_counter

import numpy as np
from candidates import Array, Factors, digits
from measure import Claim, Options, Report, Row, at_most, main, same
from sklearn.decomposition import NMF

from certify import Problem, check, improve, verify
from certify.adapters.sklearn import from_model
from certify.atoms import RankOne
from certify.losses import Squared
from certify.pipeline.result import Result

VALUE, EPSILON = 7.29982348, 1e-6
NONNEGATIVE = RankOne("l2+", "l2+")
GAPS = {0.5: 1e-6, 0.2: 1e-5, 0.1: 7e-3}  # lam / sigma_1: the bracket wanted, all digits
OWN = (0.1, 0.05, 0.02)  # where scikit-learn's fit is to be refuted
SIZES = {0.5: 8, 0.2: 16, 0.1: 32, 0.05: 64, 0.02: 100}  # n_components
ROOTS = {0.2: 2.0e-5, 0.1: 6.2e-3, 0.05: 2.1e-2, 0.02: 4.6e-2}  # relaxation alone, 80 digits
POOLED = (0.1, 0.05, 0.02)  # 14 digits of 16 pixels, to be certified at 1e-4
MINUTE = 60.0
SECONDS = (10.0, MINUTE)  # budgets of the first 80 digits; bench_patience.py takes longer


def run(options: Options) -> Report:
    """Fit, check and verify."""
    rows = [small(r) for r in (4, 8, 2)]
    count = 100 if options.quick else None
    rows += [fitted(digits(count), ratio, options) for ratio in SIZES]
    rows += [polished(digits(count), ratio, options) for ratio in GAPS]
    rows += [pooled(ratio) for ratio in POOLED]
    rows += [eighty(ratio, seconds, options) for ratio in ROOTS for seconds in SECONDS]
    return Report("8. nonnegative factors", rows, claims(rows))


def read(model: NMF, Y: Array) -> tuple[Problem, Factors]:
    """Fit, and return the problem with the fitted factors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that has not converged is a fit to be judged
        codes = model.fit_transform(Y)
    return from_model(model, Y, codes=codes)


def small(r: int) -> Row:
    """Check scikit-learn's fit of 20 x 12 at r slices."""
    rng = np.random.default_rng(0)
    Y = rng.random((20, 4)) @ rng.random((4, 12)) + 0.05 * rng.random((20, 12))
    model = NMF(r, alpha_W=0.02, alpha_H=0.02, tol=1e-12, max_iter=20_000, random_state=0)
    problem, factors = read(model, Y)
    return judged(f"20 x 12, r = {r}", problem, factors, None)


def penalty(Y: Array, ratio: float) -> float:
    """Return alpha with lam = alpha sqrt(m n) = ratio sigma_1."""
    return float(ratio * np.linalg.norm(Y, 2) / np.sqrt(Y.size))


def fitted(Y: Array, ratio: float, options: Options) -> Row:
    """Check scikit-learn's own fit."""
    alpha = penalty(Y, ratio)
    size = SIZES[ratio] // (4 if options.quick else 1)
    model = NMF(size, alpha_W=alpha, alpha_H=alpha, max_iter=500, random_state=0)
    problem, factors = read(model, Y)
    return judged(f"digits, scikit-learn, {ratio:g} sigma_1", problem, factors, MINUTE)


def polished(Y: Array, ratio: float, options: Options) -> Row:
    """Improve from scikit-learn's start and check the result."""
    problem = Problem(Squared(Y), NONNEGATIVE, ratio * float(np.linalg.norm(Y, 2)))
    size = SIZES[ratio] // (4 if options.quick else 1)
    start = tuple(np.random.default_rng(0).random((d, size)) for d in Y.shape)
    return improved(f"digits, improved, {ratio:g} sigma_1", problem, start, MINUTE)


def pooled(ratio: float) -> Row:
    """Certify the first 14 digits, pooled to 16 pixels, at 1e-4."""
    Y = digits(14).reshape(14, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(14, 16)
    problem = Problem(Squared(Y), NONNEGATIVE, ratio * float(np.linalg.norm(Y, 2)))
    start = tuple(np.random.default_rng(0).random((d, 14)) for d in Y.shape)
    name = f"14 digits of 16 pixels, {ratio:g} sigma_1"
    return improved(name, problem, start, MINUTE, rtol=1e-4)


def eighty(ratio: float, seconds: float, options: Options) -> Row:
    """Bracket the first 80 digits in so many seconds."""
    Y = digits(80)
    problem = Problem(Squared(Y), NONNEGATIVE, ratio * float(np.linalg.norm(Y, 2)))
    start = tuple(np.random.default_rng(0).random((d, 20)) for d in Y.shape)
    budget = seconds / 30 if options.quick else seconds
    return improved(f"80 digits, {ratio:g} sigma_1, {seconds:g} s", problem, start, budget)


def improved(
    name: str, problem: Problem, start: tuple[Array, ...], budget: float, rtol: float = EPSILON
) -> Row:
    """Improve; its result is checked already, and is verified here."""
    begun = perf_counter()
    found = improve(problem, start, budget=budget, rtol=rtol)
    return shown(name, problem, found.factors, (found.result, perf_counter() - begun), rtol)


def judged(name: str, problem: Problem, factors: tuple[Array, ...], budget: float | None) -> Row:
    """Check and verify."""
    begun = perf_counter()
    result = check(problem, factors, budget=budget)
    return shown(name, problem, factors, (result, perf_counter() - begun))


def shown(
    name: str,
    problem: Problem,
    factors: tuple[Array, ...],
    found: tuple[Result, float],
    rtol: float = EPSILON,
) -> Row:
    """Return a row of a result and its time."""
    result, seconds = found
    begun = perf_counter()
    proved = verify(result.certificate, problem, factors, rtol=rtol)
    return {
        "question": name,
        "slices": factors[0].shape[1],
        "verdict": proved.verdict.name,
        "lower": proved.lower,
        "upper": proved.upper,
        "gap": (proved.upper - proved.lower) / proved.upper,
        "better": problem.objective(result.better) if result.better is not None else None,
        "tier": result.tier,
        "check s": seconds,
        "verify s": perf_counter() - begun,
    }


def claims(rows: list[Row]) -> list[Claim]:
    """Claim what is stated of each question."""
    held = {row["question"]: row for row in rows}
    out = []
    for r in (4, 8):
        row = held[f"20 x 12, r = {r}"]
        out.append(same(f"20 x 12, r = {r}: verdict", row["verdict"], "CERTIFIED"))
        out.append(same(f"20 x 12, r = {r}: value", f"{row['upper']:.8f}", f"{VALUE}"))
        out.append(at_most(f"20 x 12, r = {r}: check", row["check s"], 2))
    two = held["20 x 12, r = 2"]["verdict"]
    out.append(Claim("20 x 12, r = 2", "refuted", two, two in ("REFUTED", "RANK_LIMITED")))
    for ratio, wanted in GAPS.items():
        row = held[f"digits, improved, {ratio:g} sigma_1"]
        out.append(at_most(f"digits, {ratio:g} sigma_1: gap", row["gap"], wanted, ""))
        out.append(at_most(f"digits, {ratio:g} sigma_1: time", row["check s"], 1.2 * MINUTE))
    for ratio in OWN:
        row = held[f"digits, scikit-learn, {ratio:g} sigma_1"]
        done = row["verdict"] in ("REFUTED", "RANK_LIMITED")
        out.append(Claim(row["question"], "refuted, better attached", row["verdict"], done))
    for ratio in POOLED:
        row = held[f"14 digits of 16 pixels, {ratio:g} sigma_1"]
        out.append(same(row["question"] + ": verdict at 1e-4", row["verdict"], "CERTIFIED"))
        out.append(at_most(row["question"] + ": time", row["check s"], 1.2 * MINUTE))
    for ratio, wanted in ROOTS.items():
        row = held[f"80 digits, {ratio:g} sigma_1, 60 s"]
        out.append(at_most(row["question"] + ": gap", row["gap"], wanted, ""))
    return out


if __name__ == "__main__":
    main(run, threads=1)
