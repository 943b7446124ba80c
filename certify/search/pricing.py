"""Components that earn more than lam: local maximizers of <W, phi(x)>, many at once.

For W = -grad l a component x of theta(x) = 1 with <W, phi(x)> > lam lowers the objective.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from certify.atoms import Factors
from certify.base.arrays import Array, as_dense
from certify.base.observed import Observed
from certify.norms import L2, Gauge
from certify.polar import Matrix
from certify.polar import eigen as spectra
from certify.polar.ascent import alike
from certify.polar.ascent.pairs import line_slices
from certify.polar.ascent.products import Target, climb, race
from certify.polar.lanczos import is_large, largest
from certify.polar.product_query import Expired, never
from certify.polar.scale import exponent, ldexp_steps
from certify.search.coordinates.products import FactorForm

TOGETHER = 20  # components returned at once
RANDOM, LINES, HEADS = 60, 20, 6  # starts: random, lines of W, singular vectors
STEPS, STALLED = 300, 1e-12  # of an ascent, and the relative gain that ends it
RACE, FINALISTS = 1, 5  # where steps are slow: steps of every start, and starts that continue
CLEAR = 1e-12  # a smaller relative excess over the price does not count; luck, never truth
ALIKE = 1e-4  # 1 - cosine under which two components are one


@dataclass(frozen=True)
class Field:
    """W over the observed entries, the form of the components, and whether the time is over."""

    observed: Observed
    W: Array
    form: FactorForm
    expired: Expired = never

    @cached_property
    def matrix(self) -> Matrix:
        """W, its first mode by all others."""
        return self.observed.matrix(self.W)

    @cached_property
    def target(self) -> Target:
        """The objective of an ascent."""
        form = self.form
        return Target(self.matrix, tuple(form.norms), form.copies > 1, self.expired)

    def inner_products(self, factors: Factors) -> Array:
        """Return <W, phi> of each component."""
        return self.target.values(factors)


def above(field: Field, price: float, factors: Factors, seed: int) -> tuple[float, Factors]:
    """Return (largest value found, distinct components of theta 1 above a price, best first)."""
    e = exponent(field.W)
    normalized = replace(field, W=ldexp_steps(field.W, -e)) if e else field
    known = known_best(normalized)
    ends = known or climb_all(normalized, starts(normalized, factors, seed))
    components = distinct(normalized, ends)
    values = normalized.inner_products(components)
    keep = np.flatnonzero(values > ldexp_steps(price, -e) * (1 + CLEAR))[:TOGETHER]
    top = float(ldexp_steps(values.max(initial=-np.inf), e))
    return top, tuple(x[:, keep] for x in components)


def known_best(field: Field) -> Factors | None:
    """Return the components that earn most if they are known exactly, else None."""
    if not field.form.pair:
        return None
    if any(g.axial for g in field.form.norms):
        return line_slices(field.matrix, field.form.norms, TOGETHER)
    round_ = all(g.free and g.is_round and g.exact for g in field.form.norms)
    return by_values(field.matrix, field.form.norms) if round_ else None


def by_values(W: Matrix, norms: list[Gauge]) -> Factors:
    """Return the components of the largest singular values of D^(-1/2) W E^(-1/2).

    D and E are the norms' weights, u = D^(-1/2) u' and v = E^(-1/2) v' of a singular pair.
    """
    roots = [g.ellipsoids(d).weights ** -0.5 for g, d in zip(norms, W.shape, strict=True)]
    if any((r != 1).any() for r in roots):
        left, right = (sparse.diags_array(r / r.max()) for r in roots)  # the same pairs
        slices = by_values(left @ W @ right, [L2(), L2()])
        return tuple(r[:, None] * x for r, x in zip(roots, slices, strict=True))
    pairs = largest(W, TOGETHER) if is_large(W) else spectra.singular_pairs(W, TOGETHER)
    return tuple(x[:, pairs.values > 0] for x in pairs[1:])


def starts(field: Field, factors: Factors, seed: int) -> Factors:
    """Return the present components, singular vectors, lines of W and random ones, of norm 1."""
    rng = np.random.default_rng(seed)
    sides, r = field.form.sides, factors[0].shape[-1]
    lots = [s.norm.project_cone(rng.standard_normal((s.d, RANDOM))) for s in sides]
    some = [x * (rng.random(x.shape) < rng.random(RANDOM)) for x in lots]
    units = [np.eye(s.d)[:, rng.integers(s.d, size=LINES)] for s in sides]
    parts = zip(sides, factors, lots, some, units, heads(field, rng), strict=True)
    columns = [(s, [x[:, :r], a, b, u, -u, y, -y]) for s, x, a, b, u, y in parts]
    stacked = [s.norm.project_cone(np.hstack(x)) for s, x in columns]
    alive = np.all([np.abs(x).max(axis=0) > 0 for x in stacked], axis=0)
    return field.form.units(tuple(x[:, alive] for x in stacked))


def heads(field: Field, rng: np.random.Generator) -> list[Array]:
    """Return starts from W: singular vectors of a matrix and some of its rows.

    A symmetric component starts at eigenvectors; a tensor gives no starts.
    """
    W, sides = field.matrix, field.form.sides
    if len(field.form.norms) > 2:  # noqa: PLR2004  a tensor
        return [np.zeros((s.d, 0)) for s in sides]
    if len(sides) == 1:
        dense = as_dense(W)
        vectors = np.linalg.eigh(dense + dense.T)[1]
        return [vectors[:, -HEADS:]]
    axis = spectra.side(W)
    top = spectra.leading(spectra.gram(W, axis), HEADS)[1]
    rows = rng.permutation(W.shape[0])[:LINES]
    picked = as_dense(W[rows])
    right = np.hstack([top if axis else np.asarray(W.T @ top), picked.T])
    return [np.asarray(W @ right), right]


def climb_all(field: Field, factors: Factors) -> Factors:
    """Climb from all starts; if a step is slow, only the best continue."""
    if any(g.slow for g in field.form.norms):
        return race(field.target, factors, (RACE, FINALISTS, STEPS), STALLED)[1]
    if field.form.copies > 1:
        x = field.form.sides[0].norm.project_cone(np.hstack([factors[0], -factors[0]]))
        factors = field.form.units((x[:, np.abs(x).max(axis=0) > 0],))
    return climb(field.target, factors, STEPS, STALLED)[1]


def distinct(field: Field, components: Factors) -> Factors:
    """Return the distinct components, best first."""
    order = np.argsort(-field.inner_products(components), kind="stable")
    ordered = tuple(x[:, order] for x in components)
    keep = alike.distinct(cosines(field.form, ordered) > 1 - ALIKE)
    return tuple(x[:, keep] for x in ordered)


def cosines(form: FactorForm, components: Factors) -> Array:
    """Return <phi_i, phi_j> / |phi_i| |phi_j|."""
    out = np.ones((components[0].shape[1],) * 2)
    for x in components:
        out = out * alike.unit_gram(x) ** form.copies
    return out
