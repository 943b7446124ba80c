"""Tensors whose polar is known by brute force, and random proofs about them."""

from functools import reduce
from itertools import product
from math import prod

import numpy as np

from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.patterns import Pattern
from certify.kernel.rules.polar import polar_bound
from certify.kernel.rules.transpose import group_modes
from certify.kernel.statement import stated_modes
from certify.norms import gauge
from certify.polar.proved import as_kernel_array, split

GRID = 48  # angles of all circles together that a plain search visits before it climbs
MOST = 2000


def outer(vectors):
    """Return x1 o ... o xK."""
    return reduce(np.multiply.outer, vectors)


def contracted(T, vectors, mode):
    """Return T with every vector but that of one mode contracted."""
    for k in reversed(range(T.ndim)):
        if k != mode:
            T = np.moveaxis(T, k, -1) @ vectors[k]
    return T


def starts(keys, dims, rng):
    """Return unit vectors: at angles for circles, random ones beside; MOST of them."""
    grids = []
    for key, n in zip(keys, dims, strict=True):
        angles = 2 * np.pi * np.arange(GRID // len(dims)) / (GRID // len(dims))
        held = (
            np.stack([np.cos(angles), np.sin(angles)], axis=1)
            if n == 2
            else rng.normal(size=(8, n))
        )
        signs = {"+": 1.0, "-": -1.0}.get(key[-1], 0.0)
        held = held if not signs else signs * np.abs(held)
        grids.append([x / float(gauge(key).value(x[:, None])[0]) for x in held])
    every = list(product(*grids))
    return [every[k] for k in rng.permutation(len(every))[:MOST]]


def climbed(T, keys, x, rounds=40):
    """Improve one vector after another; return the value."""
    held, g = list(x), [gauge(k) for k in keys]
    for _ in range(rounds):
        for k in range(T.ndim):
            held[k] = g[k].maximizer(contracted(T, held, k))
    return float(contracted(T, held, 0) @ held[0])


def vertices(key, n):
    """Return the extreme points of a ball of l1 or linf in its cone; none of a round one."""
    signs = {"+": (1.0,), "-": (-1.0,)}.get(key[-1], (1.0, -1.0))
    if key.startswith("l1"):
        return [s * e for s in signs for e in np.eye(n)]
    ends = signs if len(signs) > 1 else (0.0, *signs)
    return [np.array(x) for x in product(ends, repeat=n)] if key.startswith("linf") else []


def best_value(T, keys, seed=0):
    """Return the polar of a small tensor, attained: at vertices, and on a grid that climbs."""
    for k, key in enumerate(keys):
        if found := vertices(key, T.shape[k]):
            rest = [x for j, x in enumerate(keys) if j != k]
            parts = [np.moveaxis(T, k, -1) @ x for x in found]
            return max(0.0, *(best_value(p, rest, seed) if rest else float(p) for p in parts))
    rng = np.random.default_rng(seed)
    found = sorted(
        (
            (float(contracted(T, x, 0) @ x[0]), n, x)
            for n, x in enumerate(starts(keys, T.shape, rng))
        ),
        key=lambda f: (-f[0], f[1]),
    )
    return max(0.0, *(climbed(T, keys, x) for _, _, x in found[:6]))


def best_alike(T, key, count=20_000):
    """Return sup <T, x o ... o x> over the unit circle of a norm, by its angles."""
    angles = 2 * np.pi * np.arange(count) / count
    X = np.stack([np.cos(angles), np.sin(angles)])
    if key[-1] in "+-":
        X = (1 if key[-1] == "+" else -1) * np.abs(X)
    X = X / gauge(key).value(X)
    letters = "abcdef"[: T.ndim]
    terms = ",".join(f"{c}r" for c in letters)
    return max(0.0, float(np.einsum(f"{letters},{terms}->r", T, *[X] * T.ndim).max()))


def modes_of(T, keys, *, symmetric=False):
    """Return what the kernel is told of a tensor."""
    dims = T.shape
    at = Pattern(dims[0], prod(dims[1:]), dims=dims)
    said = {"kind": "cp", "norms": list(keys), "symmetric": symmetric, "form": "product"}
    return stated_modes(said, at)


def proved(tier, T, keys, proof, *, symmetric=False):
    """Return the kernel's bound."""
    ar = tier()
    text, arrays = split(proof)
    modes = modes_of(T, keys, symmetric=symmetric)
    w = ar.load(as_kernel_array(T.reshape(-1)))
    with np.errstate(all="ignore"):  # the kernel refuses what is not finite
        return polar_bound(ar, modes, w, Evidence(text, Arrays(arrays, "proof")))


def groups_of(T, keys, rows, *, symmetric=False, copies=()):
    """Return the kernel's two groups of modes."""
    ar, modes = Exact(), modes_of(T, keys, symmetric=symmetric)
    w = ar.load(as_kernel_array(T.reshape(-1)))
    fields = {"rows": list(rows), "copies": list(copies)}
    return group_modes(ar, modes, w, Evidence(fields, Arrays({}, "proof")))[0]


def dense(grid):
    """Return a matrix of the kernel's exact arithmetic in floats; exact for small dyadics."""
    return np.array([float(v) for v in grid.ints]).reshape(grid.shape) * 2.0**grid.exp


def multipliers(group, k, *, canonical):
    """Return the kernel's matrix of each multiplier alone."""
    ar, pairs = Exact(), group.pairs(canonical=canonical)
    units = np.eye(len(pairs.a))
    return [dense(ar.placed(as_kernel_array(u), pairs, k)) for u in units]


def unfolded(T, rows, *, symmetric=False):
    """Return S: the modes `rows` by the others; a symmetric T summed over all orders."""
    if symmetric:
        T = sum(np.transpose(T, p) for p in permutations_of(T.ndim))
    others = [k for k in range(T.ndim) if k not in rows]
    count = prod(T.shape[k] for k in rows)
    return np.transpose(T, [*rows, *others]).reshape(count, -1)


def permutations_of(count):
    """Yield every order."""
    return (p for p in product(range(count), repeat=count) if len(set(p)) == count)
