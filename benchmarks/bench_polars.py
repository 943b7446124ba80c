"""Claim 8: polars that are NP-hard: by the relaxation alone, and by branch and bound.

Every upper bound in the table is the exact kernel's; the references are enumerations.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from time import monotonic, perf_counter

import numpy as np
from candidates import Array, digits
from measure import Claim, Options, Report, Row, at_most, main

from certify import Problem, improve
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.kernel import verify as kernel
from certify.losses import Squared
from certify.norms import gauge
from certify.polar import Ask, Proposal
from certify.polar.methods.branch import GAP, grown, proposal
from certify.polar.proved import handed, kernel_pair, located, split

NEAR = 1e-4  # relative distance of bound and attained value that is asked for
MANY = 100_000  # parts: time is the limit
BLOCK = 1 << 14  # sign vectors enumerated at once
MINUTE, LONG = 60.0, 300.0


def run(options: Options) -> Report:
    """Bound each polar by one part, then by a tree."""
    rows: list[Row] = []
    claims: list[Claim] = []
    for made in (cubes, graphs, pooled, many_digits):
        for name, ask, truth in made(options):
            row = one(name, ask, truth)
            rows.append(row)
            claims += wanted(row, truth, slow=made is many_digits)
    return Report("8. polars: relaxation and branch and bound, exactly verified", rows, claims)


def one(name: str, ask: Ask, truth: float | None) -> Row:
    """Bound one polar; `truth` is enumerated, None if nobody knows it."""
    start = perf_counter()
    root = grown(replace(ask, nodes=1, deadline=None))
    first = perf_counter() - start
    held = replace(ask, deadline=None if ask.deadline is None else monotonic() + ask.deadline)
    tree = grown(held, root)
    spent = perf_counter() - start
    found = proposal(held, tree)
    loose = root.upper - tree.lower
    begun = perf_counter()
    upper = float(exactly(held, found))
    return {
        "polar": name,
        "coordinates": ask.W.shape[0] if ask.symmetric else sum(ask.W.shape),
        "truth": truth,
        "attained": tree.lower,
        "relaxation": root.upper,
        "relaxation s": first,
        "proved": upper,
        "gap": upper / tree.lower - 1,
        "share closed": 1 - (upper - tree.lower) / loose if loose > NEAR * tree.lower else None,
        "parts": len(tree.nodes),
        "tree s": spent,
        "exact verify s": perf_counter() - begun,
        "MB": sum(x.nbytes for x in found.proof.values() if isinstance(x, np.ndarray)) / 1e6,
    }


def wanted(row: Row, truth: float | None, *, slow: bool) -> list[Claim]:
    """Claim the truth where it is known; a small gap in a minute, or half of a large one."""
    name = row["polar"]
    if slow:
        closed = row["share closed"]
        what = f"{name}: half of the relaxation's gap closed"
        return [Claim(what, "at least 0.5", f"{closed:.3g}", closed >= 0.5)]
    claims = [
        at_most(f"{name}: gap", row["gap"], 2 * NEAR, ""),
        at_most(f"{name}: time", row["tree s"], MINUTE),
    ]
    if truth is not None:
        meets = row["attained"] <= truth * (1 + GAP) and truth <= row["proved"]
        got = f"{row['attained']:.6g} to {row['proved']:.6g}"
        claims.append(Claim(f"{name}: encloses the truth", f"{truth:.6g}", got, meets))
    return claims


def exactly(ask: Ask, found: Proposal) -> Fraction:
    """Return what the kernel proves in exact integers."""
    at, flat = located(ask.W)
    ar = Flint()
    text, arrays = split(found.proof)
    pair = kernel_pair(at, (ask.left, ask.right))._replace(symmetric=ask.symmetric)
    return kernel.conic(ar, pair, ar.load(handed(flat)), text, kernel.Arrays(arrays, "proof"))


Cases = Iterator[tuple[str, Ask, float | None]]


def cubes(options: Options) -> Cases:
    """Infinity -> 1 norms: Sylvester's Hadamard matrices and random signs."""
    free = gauge("linf")
    for n, truth in ((2, 2), (4, 8), (8, 20), (16, 64)):
        yield f"linf x linf, Hadamard {n}", Ask(sylvester(n), free, free, nodes=MANY), truth
    for n in (12,) if options.quick else (12, 16, 20, 24):
        W = np.random.default_rng(0).choice([-1.0, 1.0], (n, n))
        yield f"linf x linf, random signs {n}", Ask(W, free, free, nodes=MANY), signs(W)


def sylvester(n: int) -> Array:
    """Return the Hadamard matrix of order n, a power of two."""
    H = np.ones((1, 1))
    while len(H) < n:
        H = np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]), H)
    return H


def signs(W: Array) -> float:
    """Return max |s^T W|_1 over vectors s of signs, by enumeration; s and -s are one."""
    count, best = 1 << (len(W) - 1), 0.0
    for first in range(0, count, BLOCK):
        k = np.arange(first, min(first + BLOCK, count))[:, None]
        s = 1.0 - 2.0 * ((k >> np.arange(len(W))) & 1)
        best = max(best, float(np.abs(s @ W).sum(axis=1).max()))
    return best


def graphs(options: Options) -> Cases:
    """Motzkin and Straus: 1 - 1 / omega over the simplex."""
    ring = np.roll(np.eye(5), 1, axis=1)
    cases = {"C5": ring + ring.T, "K5": 1.0 - np.eye(5)}
    for n in (10,) if options.quick else (12, 15, 18, 20):
        for p in (0.3, 0.5, 0.7):
            A = np.triu(np.random.default_rng(n).random((n, n)) < p, 1).astype(float)
            cases[f"G({n}, {p})"] = A + A.T
    plus = gauge("l1+")
    for name, A in cases.items():
        truth = 1 - 1 / clique(A)
        ask = Ask(A, plus, plus, truth * (1 + NEAR), nodes=MANY, symmetric=True)
        yield f"l1+, {name}", ask, truth


def clique(A: Array) -> int:
    """Return the size of the largest clique, by enumeration."""
    near = [sum(1 << int(j) for j in np.flatnonzero(row)) for row in A]

    @cache
    def largest(left: int) -> int:
        if not left:
            return 0
        k = left.bit_length() - 1
        rest = left & ~(1 << k)
        return max(largest(rest), 1 + largest(rest & near[k]))

    return largest((1 << len(A)) - 1)


def pooled(options: Options) -> Cases:
    """Residuals of nonnegative fits to the first 14 digits, pooled to 16 pixels."""
    Y = digits(14).reshape(14, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(14, 16)
    for share in (0.1,) if options.quick else (0.1, 0.05, 0.02):
        W, _ = residual(Y, share)
        yield f"l2+ x l2+, 14 digits at {share}", near(W), None


def many_digits(options: Options) -> Cases:
    """Residuals of nonnegative fits to the first 80 digits."""
    for share in () if options.quick else (0.1, 0.05):
        W, _ = residual(digits(80), share)
        yield f"l2+ x l2+, 80 digits at {share}", replace(near(W), deadline=2 * LONG), None


def near(W: Array) -> Ask:
    """Ask for a bound within NEAR of the best slice."""
    plus = gauge("l2+")
    low = RankOne("l2+", "l2+").attain(W, 0)[0]
    return Ask(W, plus, plus, low * (1 + NEAR), nodes=MANY)


def residual(Y: Array, share: float) -> tuple[Array, float]:
    """Return (Y - U V^T, lam) of a nonnegative fit at lam = share sigma_1."""
    lam = share * float(np.linalg.norm(Y, 2))
    rng = np.random.default_rng(0)
    starts = [0.1 * rng.random((d, min(len(Y), 40))) for d in Y.shape]
    found = improve(Problem(Squared(Y), RankOne("l2+", "l2+"), lam), starts, budget=20.0)
    U, V = found.factors
    return Y - U @ V.T, lam


if __name__ == "__main__":
    main(run, threads=1)
