"""Witnesses of the kernel's rule "network" from a general solver: for a few samples.

What the solver returns is rounded to a grid and made feasible by itself: any N of the right
signs proves a bound.  It is worth as much as the solver's accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from certify.atoms import Atom
from certify.base.arrays import Array, Bools, finite, real
from certify.base.errors import InputError
from certify.norms import gauge
from certify.polar import Proposal, exact_text
from certify.polar import eigen as spectra
from certify.polar.layer_query import Layer

from ._cvxpy import cp
from ._solve import Using, numbers, unit
from .witness import matrix_witness

BITS = 40  # of multipliers: short integers for the verifier, far below a solver's accuracy
SIGNS = {"": (1, -1), "+": (1,), "-": (-1,)}


@dataclass(frozen=True)
class Part:
    """What holds in a part of the tree, and what its leaf uses.

    sign    1 or -1: only sign * w^T s counts (of one output); 0: both
    rows    a . u >= 0 for each of these;  cuts: a . (p, u) >= 0; facts in this order
    radial  whether |u| is a coordinate;  linear: bound the value itself, not its square
    """

    sign: int = 0
    rows: Sequence[Array] = ()
    cuts: Sequence[Array] = ()
    radial: bool = True
    linear: bool = False


@dataclass(frozen=True)
class NetworkForm:
    """Over x = (p / tau, u[, s]): C, the facts B x >= 0, and where N may have any sign.

    reach  bounds an unpriced bias;  wide: |x|^2 over |u| = 1
    """

    C: Array
    B: Array
    free: Bools
    tau: float
    reach: float
    wide: float


@dataclass(frozen=True)
class Leaf:
    """A leaf's node without its number, its arrays, and its bound."""

    node: dict[str, Any] = field(default_factory=dict)
    N: Array = field(default_factory=lambda: np.zeros(0))
    L: Array = field(default_factory=lambda: np.zeros(0))
    bound: float = 0.0


def network_witness(W: object, atom: Atom, using: Using | None = None) -> Proposal | None:
    """Return a bound of sup { |W^T pool(s(F u))|_* : |u| <= 1 } with its proof.

    W (samples, outputs).  With p = (F u)_+, q = (-F u)_+ and s = |u|, the products of the
    facts p, q, s, |f_i| s - p_i, |f_i| s - q_i >= 0 are nonnegative, and p_i q_i = 0:

        C + B^T N B <= Diag(0, level, bias, radial)
        =>  the polar, or its square, <= level + radial + bias reach^2.

    One output is split by the sign of w^T s; outputs in l1 are bounded one by one, those in
    l2 together, in linf the better way of both.  A linear layer is a matrix's polar.
    None if the solver fails; seconds from some twenty samples on.

    Raises InputError for an atom that is no ReLU or has pool="max", or a W that is not a
    finite real matrix with a row for each sample.
    """
    matrix, layer = checked_matrix(W, atom)
    return of_sums(matrix, layer, using or Using())


def of_sums(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Return the proof of a layer whose samples are sums of rows."""
    if layer.slope == 1 and (not layer.left.spherical or not layer.free):
        return of_linear(W, layer, using)
    if layer.right.axial and W.shape[1] > 1:
        return by_outputs(W, layer, using)
    whole = of_tree(W, layer, using)
    if layer.right.spherical or W.shape[1] == 1 or whole is None:
        return whole
    whole = Proposal(whole.upper * layer.right.cost(np.ones(W.shape[1])) ** 0.5, whole.proof)
    parted = by_outputs(W, layer, using)
    return whole if parted is None else min(whole, parted, key=lambda p: p.upper)


def checked_matrix(W: object, atom: Atom) -> tuple[Array, Layer]:
    """Return W as a matrix with the layer's number of rows."""
    layer: Layer | None = getattr(atom, "layer", None)
    if layer is None:
        raise InputError(f"atom must be a ReLU, got {type(atom).__name__}")
    if layer.most:
        raise InputError("no relaxation is known for a ReLU with pool='max'")
    matrix = finite(real(W, "W", ndim=2), "W")
    atom.check(matrix.shape)
    if not matrix.size:
        raise InputError(f"W must not be empty, got shape {matrix.shape}")
    return matrix, layer


def of_linear(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Return the proof of the matrix F^T W."""
    back = layer.features.T @ layer.spread(W)
    right = gauge(f"l1{layer.right.cone}") if W.shape[1] == 1 else layer.right  # |v|, any norm
    proposal = matrix_witness(back, layer.left, right, using)
    return proposal and proposal.linear()


def by_outputs(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Bound each output by itself, and all by the dual norm of their bounds."""
    each, texts, arrays = [], [], dict[str, Any]()
    for t, w in enumerate(W.T):
        proposal = of_tree(w[:, None], layer, using)
        if proposal is None:
            return None
        each.append(proposal.upper)
        texts.append({"rule": "network", "nodes": proposal.proof["nodes"]})
        arrays |= proposal.with_prefix(f"s{t}.")[1]
    upper = layer.right.free_dual(np.array(each))
    return Proposal(upper, {"rule": "outputs", "each": texts, **arrays})


def of_tree(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Return one leaf, or one for each sign of the only output."""
    signs = SIGNS[layer.right.cone] if W.shape[1] == 1 else (0,)
    nodes: list[dict[str, Any]] = [{"signs": [1 + k for k in range(len(signs))]}]
    nodes, arrays, top = nodes if W.shape[1] == 1 else [], dict[str, Any](), 0.0
    for k, sign in enumerate(signs):
        result = leaf(W, layer, Part(sign, linear=bool(sign)), using)
        if result is None:
            return None
        nodes.append({"leaf": k, **result.node})
        arrays |= {f"N{k}": result.N, f"L{k}": result.L}
        top = max(top, result.bound)
    return Proposal(top, {"rule": "network", "nodes": nodes, **arrays})


def leaf(W: Array, layer: Layer, part: Part, using: Using | None = None) -> Leaf | None:
    """Solve one leaf, round its multipliers, and bound what they leave."""
    scale = unit(W)
    form = relax_part(W / scale, layer, part)
    by = scale if part.linear else scale * scale
    multipliers = solve_part(form, layer, part, using or Using())
    if multipliers is None:
        return None
    N, levels = multipliers
    N = spectra.on_grid(np.where(form.free, N, np.maximum(N, 0.0)) * by, BITS)
    level, bias, radial = (float(spectra.on_grid(x * by, BITS)) for x in levels)
    form = relax_part(W, layer, part)
    G = form.C + form.B.T @ N @ form.B - np.diag(diagonal(form, layer, (level, bias, radial)))
    made = spectra.shifted_factor(0.5 * (G + G.T), 0.0)
    if made is None:
        return None
    shift, factor = made
    value = max(level + radial, 0.0) + max(bias, 0.0) * form.reach**2 + shift * form.wide
    node: dict[str, Any] = {"tau": form.tau.hex(), "shift": exact_text(Fraction(shift))}
    node |= {"level": level.hex(), "bias": bias.hex()}
    node |= {"radial": radial.hex()} if part.radial else {}
    node |= {"linear": True} if part.linear else {}
    bound = (value if part.linear else value**0.5) * (1 + 1e-12)
    return Leaf(node, N[np.tril_indices(len(N))], factor, bound)


def relax_part(W: Array, layer: Layer, part: Part) -> NetworkForm:
    """Return the relaxation of a leaf."""
    F, a = layer.features, layer.slope
    m, d = F.shape
    tau = unit(F)
    sizes = np.linalg.norm(F[:, :-1] if layer.free else F, axis=1)
    reach = float(sizes.max() / F[0, -1]) if layer.free else 0.0
    far = np.nextafter((sizes + (reach * F[0, -1] if layer.free else 0.0)) * (1 + 1e-15 * d), 9e99)
    P, U = np.eye(m, m + d) * tau, np.eye(d, m + d, m)
    p, q = P, P - F @ U
    facts = [p, q]
    if part.radial:
        p, q, U = (np.hstack([x, np.zeros((len(x), 1))]) for x in (p, q, U))
        s = np.eye(1, m + d + 1, m + d)
        facts = [p, q, s, far[:, None] * s - p, far[:, None] * s - q]
    facts += [row[None, :] @ U for row in part.rows]
    facts += [cut[None, :m] @ p + cut[None, m:] @ U for cut in part.cuts]
    B = np.vstack(facts)
    A = (p - a * q).T @ layer.spread(W)
    C = A @ A.T
    if part.linear:
        half = np.zeros((len(A), 1))
        half[-1] = part.sign / 2
        C = A @ half.T + half @ A.T
    free = np.zeros((len(B), len(B)), dtype=bool)
    i = np.arange(m)
    free[i, m + i] = free[m + i, i] = True
    wide = (1 + float((F**2).sum()) / tau**2) * (1 + reach**2) + 1
    return NetworkForm(C, B, free, tau, reach, wide)


def diagonal(form: NetworkForm, layer: Layer, levels: tuple[float, float, float]) -> Array:
    """Return Diag(0, level, bias, radial)."""
    m, d = layer.features.shape
    level, bias, radial = levels
    priced = [level] * (d - 1) + [bias] if layer.free else [level] * d
    return np.array([0.0] * m + priced + [radial] * (len(form.C) - m - d))


def solve_part(
    form: NetworkForm, layer: Layer, part: Part, using: Using
) -> tuple[Array, Array] | None:
    """Return N and (level, bias, radial) of the least bound; None without an answer."""
    h, k = form.B.shape
    m, d = layer.features.shape
    N, S = cp.Variable((h, h), symmetric=True), cp.Variable((k, k), PSD=True)
    levels = cp.Variable(3)
    place = np.zeros((k, 3))
    place[m : m + d, 0] = 1.0
    if layer.free:
        place[m + d - 1] = [0.0, 1.0, 0.0]
    place[m + d :, 2] = 1.0
    cone = [cp.diag(place @ levels) - form.C - form.B.T @ N @ form.B == S]
    cone += [cp.multiply((~form.free).astype(float), N) >= 0, levels[1] >= 0]
    cone += [] if part.radial else [levels[2] == 0]
    cone += [] if layer.free else [levels[1] == 0]
    bound = levels[0] + levels[2] + form.reach**2 * levels[1]
    if not using.solve(cp.Problem(cp.Minimize(bound), cone)):
        return None
    values = numbers([N, levels])
    return None if values is None else (0.5 * (values[0] + values[0].T), values[1])
