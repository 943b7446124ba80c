"""Max-pooled layers whose polar is known by enumeration of a circle, and random proofs."""

import numpy as np

from certify.atoms import ReLU
from certify.polar.branching.bases import SUM, Signed

from .network_cases import TINY, combos, drawn, functionals, random_proof, value

SIGNS = {"": (1, -1), "+": (1,), "-": (-1,)}


def pooled(seed, sizes=(4, 2, 2, 1), **kwargs):
    """Return a max-pooled layer and a W; sizes: samples, patches of each, d, outputs."""
    rng = np.random.default_rng(seed)
    count, patches, d, outputs = sizes
    samples = rng.permutation(np.repeat(np.arange(count), patches))
    V = drawn(rng, (count * patches, d))
    return ReLU(V, samples=samples, pool="max", **kwargs), drawn(rng, (count, outputs))


def breaks(atom):
    """Return the rows whose signs decide which row of a sample is the largest, if one is > 0."""
    F, samples = atom.layer.features, np.asarray(atom.samples)
    pairs = [F[i] - F[j] for i, j in combos(len(F), 2) if samples[i] == samples[j]]
    return np.vstack([F, *pairs])


def truth(atom, W):
    """Return the polar on a circle (or on both points of a line), attained.

    Between two breaks h is linear: there a local maximum of |M^T (linear)|_2 is an eigenvector.
    """
    rows = breaks(atom)
    if rows.shape[1] == 1:
        return float(value(atom, W, np.array([[1.0, -1.0]])).max(initial=0.0))
    zero = np.arctan2(-rows[:, 0], rows[:, 1]) % np.pi
    at = np.sort(np.concatenate([zero, zero + np.pi]))
    middles = 0.5 * (at + np.append(at[1:], at[0] + 2 * np.pi))
    angles = [at]
    for middle in middles:
        u = np.array([np.cos(middle), np.sin(middle)])
        linear = active(atom, u).T @ W
        for M in functionals(atom.layer.right, W.shape[1]):
            C = linear @ M
            vectors = np.linalg.eigh(C @ C.T)[1]
            angles.append(np.arctan2(vectors[1], vectors[0]))
    held = np.concatenate([*angles, *[a + np.pi for a in angles]])
    return float(value(atom, W, np.stack([np.cos(held), np.sin(held)])).max(initial=0.0))


def active(atom, u):
    """Return of each sample its largest row, or 0 where none is positive."""
    F, samples = atom.layer.features, np.asarray(atom.samples)
    out = np.zeros((samples.max() + 1, F.shape[1]))
    for k in range(len(out)):
        own = np.flatnonzero(samples == k)
        i = own[int((F[own] @ u).argmax())]
        out[k] = F[i] if F[i] @ u > 0 else 0.0
    return out


def random_base(rng, signed):
    """Return any row of each sample, or all of them where that is allowed."""
    base = np.array([rng.choice(own) for own in signed.own], dtype=np.int64)
    return np.where((signed.omega > 0) & (rng.random(len(base)) < 0.4), SUM, base)


def random_max(rng, atom, W):
    """Return a proof that no search made: random splits, rows and trees, of one output."""
    each, arrays = [], {}
    d = atom.layer.features.shape[1]
    for t, sign in enumerate(SIGNS[atom.layer.right.cone]):
        signed = Signed(atom.layer, W[:, 0], sign)
        splits, outer = rng.integers(-8, 9, (2, d)) / 4, []

        def grow(path, depth, outer=outer):
            """Add a part and return its number."""
            at = len(outer)
            outer.append({})
            if depth and rng.integers(2):
                s = int(rng.integers(2))
                plus, minus = (grow([*path, (s, e)], depth - 1) for e in (1, -1))
                outer[at] = {"split": s, "plus": plus, "minus": minus}
            else:
                outer[at] = {"leaf": len([n for n in outer if "leaf" in n]), "path": path}
            return at

        grow([], 2)
        for node in outer:
            if "leaf" in node:
                base = random_base(rng, signed)
                sides = np.array([e * splits[s] for s, e in node.pop("path")]).reshape(-1, d)
                found = of_summed(rng, signed, (base, sides), sign)
                node["nodes"] = found.pop("nodes")
                head = f"s{t}.s{node['leaf']}."
                own = {k: x for k, x in found.items() if k != "rule"} | {"base": base}
                arrays |= {head + k: x for k, x in own.items()}
        each.append({"nodes": outer})
        arrays[f"s{t}.splits"] = splits
    return {"rule": "max_pool", "each": each, **arrays}


def of_summed(rng, signed, chosen, sign):
    """Return a random `network` proof of the layer that sums on a part."""
    base, sides = chosen
    held = signed.sum_pooled(base)
    rows = np.vstack([held.features, sides])
    first = [("row", k) for k in range(len(held.features), len(rows))]
    layer = ReLU(rows, right="l2+" if sign > 0 else "l2-")
    W = np.concatenate([signed.omega[held.samples] * sign, np.zeros(len(sides))])
    return random_proof(rng, layer, W[:, None], first)


def slack(atom, W):
    """Return what the rounding of a value in floats may be."""
    size = float(np.abs(W).sum() * np.abs(atom.layer.features).sum())
    return 256 * np.finfo(float).eps * size + TINY
