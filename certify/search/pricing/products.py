"""Slices that earn more than their price: local maximizers of <W, phi(x)>, many at once.

Each step replaces one mode by the maximizer for the others held, which never lowers the
value.  A symmetric slice takes the maximizer of T x^(K-1) + shift x, which never lowers it
once the shift outweighs the curvature (the shift of a slice grows where a step fell).
"""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.observed import Observed
from certify.norms import Gauge
from certify.polar.product_ask import Expired, never
from certify.search.coordinates.contract import joined, rest_pulls
from certify.search.coordinates.products import Form

RANDOM, LINES = 60, 20  # starts: random, and lines of W along the first mode
STEPS, INNER, SETTLED = 200, 3, 1e-13  # sweeps, and the relative gain that ends them
ALIKE = 1e-4  # 1 - cosine under which two slices are one
SHIFT = 0.5  # of the value: the first shift of a symmetric slice


@dataclass(frozen=True)
class Field:
    """W over the observed entries, the form of the slices it is tried on, and the time."""

    observed: Observed
    W: Array
    form: Form
    expired: Expired = never

    @property
    def norms(self) -> list[Gauge]:
        """The norm of each mode."""
        return [s.norm for s in self.form.sides] * self.form.copies

    @property
    def dims(self) -> list[int]:
        """The length of each mode."""
        return [s.d for s in self.form.sides] * self.form.copies

    def earned(self, factors: Factors) -> Array:
        """Return <W, phi> of each slice."""
        full = self.form.full(factors)
        return np.asarray((full[0] * self.observed.times(self.W, joined(full[1:]))).sum(axis=0))


def above(field: Field, price: float, factors: Factors, seed: int) -> tuple[float, Factors]:
    """Return (largest value found, distinct slices of theta 1 above a price, best first)."""
    held = starts(field, factors, seed)
    climb = symmetric if field.form.copies > 1 else alternated
    slices = distinct(field, climb(field, held))
    values = field.earned(slices)
    top = float(values.max(initial=-np.inf))
    return top, tuple(x[:, values > price] for x in slices)


def starts(field: Field, factors: Factors, seed: int) -> Factors:
    """Return the slices there are, lines of W, and random ones: every norm 1."""
    rng = np.random.default_rng(seed)
    sides, r = field.form.sides, factors[0].shape[-1]
    lots = [s.norm.project_cone(rng.standard_normal((s.d, RANDOM))) for s in sides]
    some = [x * (rng.random(x.shape) < rng.random(RANDOM)) for x in lots]
    units = [np.eye(s.d)[:, rng.integers(s.d, size=LINES)] for s in sides]
    held = [
        np.hstack([x[:, :r], a, b, s.norm.project_cone(u), s.norm.project_cone(-u)])
        for s, x, a, b, u in zip(sides, factors, lots, some, units, strict=True)
    ]
    alive = np.all([np.abs(x).max(axis=0) > 0 for x in held], axis=0)
    return field.form.units(tuple(x[:, alive] for x in held))


def alternated(field: Field, factors: Factors) -> Factors:
    """Maximize over one mode after another until no start gains."""
    norms, held = field.norms, list(factors)
    values = np.full(held[0].shape[1], -np.inf)
    for _ in range(STEPS):
        right = joined(held[1:])
        held[0] = norms[0].maximizers(np.asarray(field.observed.times(field.W, right)))
        left = field.observed.times_left(field.W, held[0])
        for _ in range(INNER):
            for k in range(1, len(held)):
                pull = rest_pulls(left, held[1:])[k - 1]
                held[k] = norms[k].maximizers(pull)
        before, values = values, np.asarray((left * joined(held[1:])).sum(axis=0))
        if not (values - before > SETTLED * np.abs(values)).any() or field.expired():
            break
    return tuple(held)


def symmetric(field: Field, factors: Factors) -> Factors:
    """Climb with one factor for all modes, both signs of each start."""
    norm, copies = field.norms[0], field.form.copies
    x = factors[0]
    x = norm.project_cone(np.hstack([x, -x]))
    x = norm.maximizers(x[:, np.abs(x).max(axis=0) > 0])
    best, values = x, field.earned((x,))
    shift = SHIFT * np.abs(values) + 1e-3 * np.abs(values).max(initial=0.0)
    now = values
    for _ in range(STEPS * INNER):
        full = (x,) * copies
        right = joined(full[1:])
        pull = np.asarray(field.observed.times(field.W, right))
        left = field.observed.times_left(field.W, x)
        pull = (pull + sum(rest_pulls(left, full[1:]))) / copies
        x = norm.maximizers(pull + shift * x)
        before, now = now, field.earned((x,))
        shift = np.where(now < before, 2 * shift, shift)
        better = now > values
        gained = now - values > SETTLED * np.abs(values)
        best, values = np.where(better, x, best), np.maximum(now, values)
        if not (gained | (now < before)).any() or field.expired():
            break
    return (best,)


def distinct(field: Field, slices: Factors) -> Factors:
    """Return the slices from the best on, without repetitions."""
    order = np.argsort(-field.earned(slices), kind="stable")
    held = tuple(x[:, order] for x in slices)
    near = cosines(field.form, held) > 1 - ALIKE
    keep: list[int] = []
    for k in range(len(order)):
        if not near[k, keep].any():
            keep.append(k)
    return tuple(x[:, keep] for x in held)


def cosines(form: Form, slices: Factors) -> Array:
    """Return <phi_i, phi_j> / |phi_i| |phi_j|."""
    out = np.ones((slices[0].shape[1],) * 2)
    for x in slices:
        size = np.sqrt(np.square(x).sum(axis=0))
        unit = x / np.where(size > 0, size, 1.0)
        out = out * (unit.T @ unit) ** form.copies
    return out
