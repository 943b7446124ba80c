"""No bound over at most r slices is above what a search by enumeration finds.

All factors of a slice but the last are on a grid of directions; given them the last one is a
proximal map, exactly.  Slices are taken in turn, from several starts.

    python -m tests.search.test_own_size_brute 10000 [SEED]      so many, of fresh seeds
"""

import secrets
import sys
from itertools import product

import numpy as np
import pytest

from certify import Problem
from certify.atoms import CP, RankOne
from certify.losses import Squared
from certify.norms import gauge
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.own_size import bound

KEYS = ("l1", "l2", "linf", "l1+", "l2+", "linf+", "l2-", "l1-")
SWEEPS, STARTS = 8, 3
STEPS = 30  # of the last factor's proximal map where entries of it weigh differently
CLOSE = 2.0**-40  # roundings of the objective


def directions(d, key, count):
    """Return vectors of norm 1 in the cone, one a column."""
    if d == 1:
        grid = np.array([[1.0, -1.0]])
    elif d == 2:
        angles = 2 * np.pi * np.arange(count) / count
        grid = np.array([np.cos(angles), np.sin(angles)])
    else:
        sides = np.array(list(product(np.linspace(-1.0, 1.0, 9), repeat=d))).T
        grid = sides[:, np.abs(sides).max(axis=0) > 0]
    g = gauge(key)
    kept = np.unique(np.round(grid, 12), axis=1)
    kept = kept[:, (g.project_cone(kept) == kept).all(axis=0)]
    kept = kept[:, np.abs(kept).max(axis=0) > 0]
    return kept / g.value(kept)


def outer(parts):
    """Return x1 (x) x2 ... of all combinations, and which ones they are."""
    out, which = parts[0], np.arange(parts[0].shape[1])[None]
    for x in parts[1:]:
        out = np.einsum("ia,jb->ijab", out, x).reshape(len(out) * len(x), -1)
        count = which.shape[1]
        which = np.vstack(
            [np.repeat(which, x.shape[1], axis=1), np.tile(np.arange(x.shape[1]), count)]
        )
    return out, which


class Oracle:
    """The slices of one problem by enumeration."""

    def __init__(self, dims, keys, lam, weights):
        count = 128 if len(dims) == 2 else 32
        self.parts = [directions(d, k, count) for d, k in zip(dims[:-1], keys[:-1], strict=True)]
        self.heads, self.which = outer(self.parts)
        self.last, self.lam = gauge(keys[-1]), lam
        self.weights = weights
        self.size = weights.T @ np.square(self.heads)  # (the last mode, combinations)

    def best(self, R):
        """Return the best slice of a residual (all modes but the last, the last one)."""
        size = np.maximum(self.size, 1e-12)  # nothing observed: nothing is gained
        wanted = ((self.weights * R).T @ self.heads) / size
        if self.lam:
            most = size.max(axis=0)  # one step is exact where the sizes of the last mode are one
            step, tails = self.lam / most, np.zeros_like(wanted)
            for _ in range(1 if (size == most).all() else STEPS):
                moved = tails - size / most * (tails - wanted)
                tails = step * self.last.prox(moved / step, 1.0)  # of t g it is t prox(x / t)
        else:
            tails = self.last.project_cone(wanted)
        gain = (size * (0.5 * np.square(tails) - tails * wanted)).sum(axis=0)
        k = int((gain + self.lam * self.last.value(tails)).argmin())
        return [*(x[:, i] for x, i in zip(self.parts, self.which[:, k], strict=True)), tails[:, k]]


def lowest(problem, keys, r, rng):
    """Return the factors of the lowest objective met, and it."""
    dims = problem.loss.dims
    loss = problem.loss
    scale = np.ones_like(loss.data) if loss.scale is None else loss.scale
    Y, weights = (loss.observed.spread(x).reshape(-1, dims[-1]) for x in (loss.data, scale))
    oracle, best = Oracle(dims, keys, problem.lam, weights), (np.inf, None)
    for start in range(STARTS):
        slices = [[np.zeros(d) for d in dims] for _ in range(r)]
        order = rng.permutation(r) if start else range(r)
        noise = start * rng.standard_normal(Y.shape)
        for sweep in range(SWEEPS):
            for k in order:
                whole = sum(dense(s) for s in slices)
                seen = loss.observed.field(whole)
                means = problem.shift(problem.fit_offsets(seen)) if problem.offsets else 0.0 * seen
                means = loss.observed.spread(means).reshape(Y.shape)
                rest = Y - (whole - dense(slices[k])) - means
                slices[k] = oracle.best(rest + noise / 4.0**sweep * (sweep < 2))
        factors = tuple(np.column_stack([s[m] for s in slices]) for m in range(len(dims)))
        value = problem.objective(factors, problem.best_offsets(factors))
        best = min(best, (value, factors), key=lambda b: b[0])
    return best


def dense(parts):
    """Return a slice as (all modes but the last, the last one)."""
    out = np.ones(1)
    for x in parts[:-1]:
        out = np.multiply.outer(out, x).reshape(-1)
    return np.outer(out, parts[-1])


def drawn(rng):
    """Return a random tiny problem, the norms of its modes, and a size."""
    tensor = rng.random() < 0.25
    dims = (2, 2, 2) if tensor else tuple(rng.integers(2, 4, 2))
    keys = tuple(rng.choice(KEYS, len(dims)))
    Y = rng.integers(-8, 9, dims) / 4.0 + rng.choice([-1.0, 0.0, 1.0])
    lam = float(rng.choice([0.0, 0.125, 0.5, 1.0, 2.0]))
    offsets = (
        () if tensor else [(), (), (ColumnIntercept(),), (RowIntercept(0.5),)][rng.integers(4)]
    )
    atom = CP(keys) if tensor else RankOne(*keys)
    uneven = {}
    if not tensor and rng.random() < 0.3:
        lam, kind = float(rng.choice([0.0, lam])), rng.integers(3)
        if kind != 1:
            uneven["weights"] = rng.integers(1, 9, dims) / 4.0
        if kind != 0:
            uneven["mask"] = rng.random(dims) < 0.85
            uneven["mask"][0, 0] = True
    return Problem(Squared(Y, **uneven), atom, lam, offsets), keys, int(rng.integers(1, 4))


def exceeds(seed):
    """Return what is wrong with the bound of one random problem, or "", and its tightness."""
    rng = np.random.default_rng(seed)
    problem, keys, r = drawn(rng)
    upper, factors = lowest(problem, keys, r, rng)
    proof = bound(problem, factors, seed=seed).outcome
    lower = float(proof.lower)
    wrong = lower > upper + CLOSE * (1 + upper)
    return (
        (f"seed {seed}: {lower} above {upper} of {problem}, r = {r}" if wrong else ""),
        lower,
        upper,
    )


@pytest.mark.thorough
def test_no_bound_is_above_an_objective_that_was_found():
    told = [exceeds(1000 * k) for k in range(24)]
    assert [t[0] for t in told if t[0]] == []
    tight = [lower >= 0.999 * upper for _, lower, upper in told]
    assert any(tight)  # so tight that a bound a little too high would be seen


@pytest.mark.slow
def test_no_bound_of_ten_thousand_is_above_an_objective_that_was_found():
    assert main(10_000, 100_000) == []


def test_a_bound_that_is_too_high_is_told(monkeypatch, capsys):
    monkeypatch.setattr(
        sys.modules[__name__], "exceeds", lambda k: ("seed 3" * (k == 3), float(k), 4.0)
    )
    assert main(500, 0) == ["seed 3"]
    assert capsys.readouterr().out.splitlines() == ["seed 3", "500: 1 wrong, 496 tight"]


def main(count, first):
    """Compare so many problems from a seed on; return those that are wrong, each in a sentence."""
    wrong, tight = [], 0
    for k in range(first, first + count):
        told, lower, upper = exceeds(k)
        tight += lower >= 0.999 * upper
        if told:
            wrong.append(told)
            print(told, flush=True)  # noqa: T201  a long run is watched
        if (k - first) % 500 == 499:
            print(f"{k - first + 1}: {len(wrong)} wrong, {tight} tight", flush=True)  # noqa: T201
    return wrong


if __name__ == "__main__":  # python -m tests.search.test_own_size_brute 10000 [SEED]
    given = [int(x) for x in sys.argv[1:]]
    seed = given[1] if len(given) > 1 else secrets.randbits(40)
    print(f"seeds {seed} to {seed + given[0] - 1}")  # noqa: T201
    sys.exit(bool(main(given[0], seed)))
