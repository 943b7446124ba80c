"""Polars that are NP-hard: branch and bound, proved in exact integers, against enumeration."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
from measure import Claim, Options, bounded, timed

from certify.base.rigor.flint import Flint
from certify.norms import gauge
from certify.polar import PolarQuery
from certify.polar.methods.branch import GAP, grow_tree, proposal
from certify.polar.proved import proved_above

NEAR = 1e-4  # relative distance of bound and attained value that is asked for
MANY = 100_000  # parts: time is the limit
BLOCK = 1 << 14  # sign vectors enumerated at once


def polars(options: Options):
    """Bound each polar by one part, then by a tree, and enclose the truth."""
    yield "8. polars: relaxation and branch and bound, exactly verified"
    for name, ask, truth in (*cubes(options), *graphs(options)):
        seconds, root = timed(grow_tree, replace(ask, nodes=1))

        def search(ask=ask, root=root):
            tree = grow_tree(ask, root)
            return tree.lower, proposal(ask, tree)

        row = bounded(search, partial(pair_above, ask))
        known = {"truth": truth, "relaxation": root.upper, "relaxation s": seconds}
        yield {"polar": name} | known | row, {"gap": 2 * NEAR, "search s": 60.0}
        meets = row["attained"] <= truth * (1 + GAP) and truth <= row["proved"]
        got = f"{row['attained']:.6g} to {row['proved']:.6g}"
        yield Claim(f"{name}: encloses the truth", f"{truth:.6g}", got, bool(meets))


def pair_above(ask: PolarQuery, proof) -> float:
    """Return what the kernel proves in exact integers."""
    norms, exact = (ask.left, ask.right), Flint()
    return proved_above(ask.W, norms, proof, symmetric=ask.symmetric, arithmetic=exact)


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
