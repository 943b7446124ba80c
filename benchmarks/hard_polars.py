"""Polars that are NP-hard: by the relaxation alone, and by branch and bound.

Every upper bound in the table is the exact kernel's; the references are enumerations.
"""

from dataclasses import replace
from functools import cache
from time import monotonic

import data
import numpy as np
from measure import Claim, Options, at_most, timed

from certify import Problem, improve
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Arrays
from certify.kernel.rules.conic import conic
from certify.losses import Squared
from certify.norms import gauge
from certify.polar import PolarQuery
from certify.polar.methods.branch import GAP, grow_tree, proposal
from certify.polar.proved import as_kernel_array, kernel_pair, split, stored_entries

NEAR = 1e-4  # relative distance of bound and attained value that is asked for
MANY = 100_000  # parts: time is the limit
BLOCK = 1 << 14  # sign vectors enumerated at once


def polars(options: Options):
    """Bound each polar by one part, then by a tree: the truth where it is known, and soon."""
    yield "8. polars: relaxation and branch and bound, exactly verified"
    for name, ask, truth in (*cubes(options), *graphs(options), *residuals(options)):
        row = one(name, ask, truth)
        yield row
        if ask.deadline is not None:
            what, closed = f"{name}: half of the relaxation's gap closed", row["share closed"]
            yield Claim(what, "at least 0.5", f"{closed:.3g}", closed >= 0.5)
            continue
        yield at_most(f"{name}: gap", row["gap"], 2 * NEAR, "")
        yield at_most(f"{name}: time", row["tree s"], 60)
        if truth is not None:
            meets = row["attained"] <= truth * (1 + GAP) and truth <= row["proved"]
            got = f"{row['attained']:.6g} to {row['proved']:.6g}"
            yield Claim(f"{name}: encloses the truth", f"{truth:.6g}", got, bool(meets))


def one(name: str, ask: PolarQuery, truth: float | None):
    """Bound one polar; `truth` is enumerated, None if nobody knows it."""
    first, root = timed(grow_tree, replace(ask, nodes=1, deadline=None))
    held = replace(ask, deadline=None if ask.deadline is None else monotonic() + ask.deadline)
    rest, tree = timed(grow_tree, held, root)
    found = proposal(held, tree)
    loose = root.upper - tree.lower
    seconds, upper = timed(exactly, held, found.proof)
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
        "tree s": first + rest,
        "exact verify s": seconds,
        "MB": megabytes(found.proof),
    }


def megabytes(proof) -> float:
    """Return the size of a proof's arrays."""
    return sum(x.nbytes for x in proof.values() if isinstance(x, np.ndarray)) / 1e6


def exactly(ask: PolarQuery, proof) -> float:
    """Return what the kernel proves in exact integers."""
    at, flat = stored_entries(ask.W)
    ar = Flint()
    text, arrays = split(proof)
    pair = kernel_pair(at, (ask.left, ask.right))._replace(symmetric=ask.symmetric)
    loaded, given = ar.load(as_kernel_array(flat)), Arrays(arrays, "proof")
    return float(conic(ar, pair, loaded, text, given))


def cubes(options: Options):
    """Infinity -> 1 norms: Sylvester's Hadamard matrices and random signs."""
    free, H, corner = gauge("linf"), np.ones((1, 1)), np.array([[1.0, 1.0], [1.0, -1.0]])
    for truth in (2, 8, 20, 64):
        H = np.kron(H, corner)
        yield f"linf x linf, Hadamard {len(H)}", PolarQuery(H, free, free, nodes=MANY), truth
    for n in (12,) if options.quick else (12, 16, 20, 24):
        W = np.random.default_rng(0).choice([-1.0, 1.0], (n, n))
        yield f"linf x linf, random signs {n}", PolarQuery(W, free, free, nodes=MANY), signs(W)


def signs(W) -> float:
    """Return max |s^T W|_1 over vectors s of signs, by enumeration; s and -s are one."""
    count, best = 1 << (len(W) - 1), 0.0
    for first in range(0, count, BLOCK):
        k = np.arange(first, min(first + BLOCK, count))[:, None]
        s = 1.0 - 2.0 * ((k >> np.arange(len(W))) & 1)
        best = max(best, float(np.abs(s @ W).sum(axis=1).max()))
    return best


def graphs(options: Options):
    """Motzkin and Straus: 1 - 1 / omega over the simplex."""
    ring, plus = np.roll(np.eye(5), 1, axis=1), gauge("l1+")
    cases = {"C5": ring + ring.T, "K5": 1.0 - np.eye(5)}
    for n in (10,) if options.quick else (12, 15, 18, 20):
        for p in (0.3, 0.5, 0.7):
            A = np.triu(np.random.default_rng(n).random((n, n)) < p, 1).astype(float)
            cases[f"G({n}, {p})"] = A + A.T
    for name, A in cases.items():
        truth = 1 - 1 / clique(A)
        ask = PolarQuery(A, plus, plus, truth * (1 + NEAR), nodes=MANY, symmetric=True)
        yield f"l1+, {name}", ask, truth


def clique(A) -> int:
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


def residuals(options: Options):
    """Residuals of nonnegative fits to 14 pooled digits, and to 80, ten minutes for each."""
    atom, plus = RankOne("l2+", "l2+"), gauge("l2+")
    cases = [("14 digits", data.pooled_digits(), share, None) for share in (0.1, 0.05, 0.02)]
    cases += [("80 digits", data.digits(80), share, 600.0) for share in (0.1, 0.05)]
    for name, Y, share, deadline in cases[:1] if options.quick else cases:
        rng = np.random.default_rng(0)
        starts = [0.1 * rng.random((d, min(len(Y), 40))) for d in Y.shape]
        problem = Problem(Squared(Y), atom, share * data.spectral(Y))
        U, V = improve(problem, starts, budget=20.0).factors
        W = Y - U @ V.T
        low = atom.attain(W, 0)[0] * (1 + NEAR)
        ask = PolarQuery(W, plus, plus, low, nodes=MANY, deadline=deadline)
        yield f"l2+ x l2+, {name} at {share}", ask, None
