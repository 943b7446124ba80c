"""From multipliers to the flat arrays of the kernel's rule, and the shift that proves them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.polar import eigen as spectra
from certify.polar.query import Proposal, exact_text

from .cut import Cut
from .groups import assemble, decompose
from .product_admm import ProductMultiplier
from .products import GRID, ProductForm, pin

FACTORED = 1000  # sizes up to which a Cholesky factor is stored
SLACK = 1e-13  # of the search, relative: cost, never truth
FAINT = 1e-14  # relative: columns of F that do not count


@dataclass(frozen=True)
class LeafArrays:
    """A leaf as the rule reads it: arrays by name, its shift, and the bound of <G, X>."""

    arrays: dict[str, Array]
    shift: float
    bound: float

    @property
    def node(self) -> dict[str, Any]:
        """The shift of the leaf."""
        return {"shift": exact_text(Fraction(self.shift))}


def one_leaf(form: ProductForm, multiplier: ProductMultiplier) -> Proposal | None:
    """Return the bound of a multiplier with its proof."""
    fixed = pin(form, multiplier.J)
    leaf = write_leaf(fixed, multiplier, 0)
    return None if leaf is None else proposal(fixed, [leaf], [{"leaf": 0} | leaf.node], [])


def proposal(
    form: ProductForm,
    leaves: Sequence[LeafArrays],
    nodes: list[dict[str, Any]],
    cuts: Sequence[Cut],
) -> Proposal:
    """Return the largest bound of the leaves of a tree with its proof; cuts are its splits."""
    arrays = {name: x for leaf in leaves for name, x in leaf.arrays.items()}
    arrays |= {f"Q{s}": cut.Q for s, cut in enumerate(cuts)}
    if form.N is not None and form.N.any():
        arrays["N"] = form.N.reshape(-1)
    bound = max(leaf.bound for leaf in leaves)
    head = {"rule": "transpose", "rows": list(form.rows), "form": form.form}
    head |= {"copies": list(form.copies)} if form.copies else {}
    tree = {"nodes": nodes, "splits": [cut.mode for cut in cuts]}
    return Proposal(form.value(bound) * (1 + SLACK), {**head, **tree, **arrays})


def write_leaf(
    form: ProductForm, multiplier: ProductMultiplier, t: int, cuts: Sequence[tuple[int, Cut]] = ()
) -> LeafArrays | None:
    """Return leaf t with the Cholesky factor of its matrix; None if there is no shift.

    cuts: those of the leaf's part, with their numbers
    """
    arrays = flat(form, multiplier.J, t)
    g = assemble_leaf(form, arrays, t)
    for (s, cut), h in zip(cuts, multiplier.H, strict=True):
        F = root(h)
        if F.size:
            arrays[f"F{t}.{s}"] = F
            g[cut.block, cut.block] += cut.lift(F @ F.T)
    ball, sizes = form.balls()
    return factor_leaf(form, arrays, g, (multiplier.D[ball], float(sizes @ multiplier.D)), t)


def factor_leaf(
    form: ProductForm, arrays: dict[str, Array], g: Array, diagonal: tuple[Array, float], t: int
) -> LeafArrays | None:
    """Return leaf t of a matrix, its diagonal lowered where there are cubes, and its cost."""
    (D, cost), total = diagonal, float(form.balls()[1].sum())
    if form.cubes:
        D = spectra.on_grid(D, GRID)
        g[np.diag_indices_from(g)] -= D
        arrays[f"D{t}"] = D
    made = spectra.shifted_factor(g)
    if made is None:
        return None
    shift, factor = made
    if form.size <= FACTORED:
        arrays[f"L{t}"] = spectra.pack_triangle(factor)
    return LeafArrays(arrays, shift, max(shift, 0.0) * total + (cost if form.cubes else 0.0))


def flat(form: ProductForm, J: Array, t: int) -> dict[str, Array]:
    """Return the arrays K and P of J for leaf t, on a grid, without arrays of zeros."""
    arrays = {}
    for side, (first, at) in zip(("rows", "cols"), form.blocks(), strict=False):
        block = slice(first, first + at.size)
        K, P = decompose(at, J[block, block])
        arrays[f"K{t}.{side}"] = spectra.on_grid(K, GRID)
        arrays[f"P{t}.{side}"] = spectra.on_grid(P, GRID)
    return {k: x for k, x in arrays.items() if x.any()}


def assemble_leaf(form: ProductForm, arrays: dict[str, Array], t: int) -> Array:
    """Return G with the multipliers of leaf t."""
    g = form.matrix()
    for side, (first, at) in zip(("rows", "cols"), form.blocks(), strict=False):
        block = slice(first, first + at.size)
        K = arrays.get(f"K{t}.{side}", np.zeros(int(at.null.sum())))
        g[block, block] += assemble(at, K, arrays.get(f"P{t}.{side}"))
    return g


def root(H: Array) -> Array:
    """Return F with F F^T = H >= 0, nearly; columns that do not count are left out."""
    values, vectors = np.linalg.eigh(H)
    kept = values > FAINT * max(float(values[-1]), 0.0)
    return spectra.on_grid(vectors[:, kept] * np.sqrt(values[kept]), GRID)
