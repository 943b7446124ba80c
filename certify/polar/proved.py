"""From a float proposal to a proved number: the kernel's rule, in outward-rounded floats."""

import math
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.arrays import Array
from certify.base.registry import is_entry
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import arrays as kernel_arrays
from certify.kernel.arithmetic import Arithmetic
from certify.kernel.arrays import Arrays
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.norms import L2, NORMS, Biased, Norm, norm
from certify.kernel.patterns import Pattern
from certify.kernel.rules.polar import polar_bound
from certify.kernel.spaces import Network, Pair, Space
from certify.kernel.statement import stated_atom, stated_modes
from certify.kernel.values import model
from certify.norms import Gauge, gauge

from .layer_query import Layer
from .query import Matrix, exact_text

EPS = float(np.finfo(np.float64).eps)


def as_kernel_array(x: npt.NDArray[Any]) -> kernel_arrays.Array:
    """Hand an array to the kernel, without copying it where its numbers are aligned in memory."""
    flat = np.ascontiguousarray(x)
    flat = flat if flat.flags.aligned else flat.copy()
    return kernel_arrays.Array(flat.shape, flat.reshape(-1).data)


def split(proof: dict[str, Any]) -> tuple[dict[str, Any], dict[str, kernel_arrays.Array]]:
    """Split a proof into the kernel's JSON and its arrays; every N is a flat field."""
    text: dict[str, Any] = {}
    arrays = {}
    for name, value in proof.items():
        if isinstance(value, np.ndarray):
            flat = name == "N" or name.endswith(".N")
            arrays[name] = as_kernel_array(value.reshape(-1) if flat else value)
        else:
            text[name] = kernel_json(value)
    return text, arrays


def kernel_json(value: Any) -> Any:  # noqa: ANN401  JSON
    """Write the numbers of a proof's JSON as the kernel reads them."""
    if isinstance(value, float | Fraction):
        return exact_text(Fraction(value))
    if isinstance(value, dict):
        return {k: kernel_json(x) for k, x in value.items()}
    return [kernel_json(x) for x in value] if isinstance(value, list | tuple) else value


def norm_arrays(norms: tuple[Gauge, Gauge]) -> dict[str, npt.NDArray[Any]]:
    """Return the norms' own arrays, as the statement names them: left.groups, ..."""
    both = zip(("left", "right"), norms, strict=True)
    return {f"{side}.{k}": a for side, g in both for k, a in g.arrays().items()}


def kernel_pair(
    at: Pattern, norms: tuple[str | Gauge, str | Gauge], *, symmetric: bool = False
) -> Pair:
    """Return the norms as the kernel reads them from a statement."""
    gauges = (gauge(norms[0]), gauge(norms[1]))
    given = Arrays({k: as_kernel_array(a) for k, a in norm_arrays(gauges).items()}, "statement")
    atom = dict(zip(("left", "right"), (g.statement() for g in gauges), strict=True))
    left = norm(atom, "left", at.m, given)
    return Pair(at, left, norm(atom, "right", at.n, given), symmetric)


def unknown_norms(norms: Sequence[Gauge]) -> list[str]:
    """Return the names of the norms that are not ours or that the kernel does not have."""
    kinds = {type(g): g.name for g in norms}
    unknown = (k for k, name in kinds.items() if not (is_entry(k, Gauge) and name in NORMS))
    return sorted(k.__name__ for k in unknown)


def kernel_norm(g: Gauge, size: int) -> Norm:
    """Return a plain norm as the kernel reads it from a statement."""
    return norm({"left": g.statement()}, "left", size, Arrays({}, "statement"))


def kernel_layer(layer: Layer, samples: int, outputs: int) -> Network:
    """Return a layer of l2-priced u as the kernel reads it from a statement."""
    m, d = layer.features.shape
    rows = range(m) if layer.samples is None else layer.samples.tolist()
    given = Arrays(
        {f"right.{k}": as_kernel_array(a) for k, a in layer.right.arrays().items()}, "statement"
    )
    right = norm({"right": layer.right.statement()}, "right", outputs, given)
    left = Biased(d) if layer.free else L2(d)
    at, slope = Pattern(samples, outputs), Fraction(layer.slope)
    return Network(at, as_kernel_array(layer.features), rows, slope, left, right)


def prove_bound(
    arithmetic: Arithmetic[Any], space: Space, W: npt.NDArray[Any], proof: dict[str, Any]
) -> Fraction:
    """Return the bound of the polar that the kernel's rule proves in one arithmetic."""
    text, arrays = split(proof)
    w = arithmetic.load(as_kernel_array(W.reshape(-1)))
    with np.errstate(all="ignore"):  # the kernel refuses numbers that are not finite
        return polar_bound(arithmetic, space, w, Evidence(text, Arrays(arrays, "proof")))


def proved_above(
    W: Matrix,
    norms: tuple[str | Gauge, str | Gauge],
    proof: dict[str, Any],
    *,
    symmetric: bool = False,
    arithmetic: Arithmetic[Any] | None = None,
) -> float:
    """Return a float at least the polar of W, by the kernel's rule, by default rounded."""
    at, data = stored_entries(W)
    pair = kernel_pair(at, norms, symmetric=symmetric)
    return above(prove_bound(arithmetic or Rounded(), pair, data, proof))


def tensor_above(
    T: Array,
    statement: dict[str, Any],
    proof: dict[str, Any],
    arithmetic: Arithmetic[Any] | None = None,
) -> float:
    """Return a float at least the polar of a dense tensor, as `proved_above`."""
    at = Pattern(len(T), math.prod(T.shape[1:]), dims=T.shape)
    modes = stated_modes(statement, at)
    if arithmetic is not None:
        return above(prove_bound(arithmetic, modes, T, proof))
    return rounded_above(lambda ar: prove_bound(ar, modes, T, proof))


def layer_above(W: Array, atom: Any, proof: dict[str, Any]) -> float:  # noqa: ANN401  atoms are above
    """Return a float at least the polar of (samples, outputs) W, by the kernel's rule.

    Raises RejectedError for a free bias unless the columns of W sum to zero exactly.
    """
    return rounded_above(lambda ar: layer_bound(ar, W, atom, proof))


def rounded_above(prove: Callable[[Arithmetic[Any]], Fraction]) -> float:
    """Return a float at least the bound that a rule proves in rounded floats.

    In exact integers for a rule that reads exact lines of a sum or product, which floats round.
    """
    try:
        return above(prove(Rounded()))
    except RejectedError as error:
        if error.code != "inexact":
            raise
    return above(prove(Flint()))


def layer_bound(
    arithmetic: Arithmetic[Any],
    W: Array,
    atom: Any,  # noqa: ANN401  atoms are above
    proof: dict[str, Any],
) -> Fraction:
    """Return the bound that the kernel's rule proves in one arithmetic."""
    net = stated_network(W, atom)
    if isinstance(net, Network) and net.free:
        w = arithmetic.load(as_kernel_array(W.reshape(-1)))
        if any(arithmetic.totals(w, *net.at.cells("column"))):
            raise RejectedError("W", "orthogonal", "columns that do not sum to zero")
    return prove_bound(arithmetic, net, W, proof)


def stated_network(W: Array, atom: Any) -> Space:  # noqa: ANN401  atoms are above
    """Return a network for W (samples, outputs) as the kernel reads it from a statement."""
    given = Arrays({k: as_kernel_array(a) for k, a in atom.arrays().items()}, "statement")
    return stated_atom(atom.statement(), given, Pattern(*W.shape))


def layer_below(W: Array, atom: Any, witness: tuple[Array, ...]) -> float:  # noqa: ANN401
    """Return a float at most <W, phi(u, v)> / theta(u, v), in rounded arithmetic."""
    arithmetic, net = Rounded(), stated_network(W, atom)
    parts = [as_kernel_array(x.reshape(-1, 1)) for x in witness]
    field = model(arithmetic, net, parts)
    inner = arithmetic.inner(arithmetic.load(as_kernel_array(W.reshape(-1))), field).lo
    both = zip(net.norms, witness, strict=True)
    sizes = [n.lengths(x.reshape(-1).tolist())[0] for n, x in both]
    price = math.prod((x.hi if inner > 0 else x.lo for x in sizes), start=Fraction(1))
    return below(inner / price) if price else 0.0


def stored_entries(W: Matrix) -> tuple[Pattern, Array]:
    """Return where W is stored, and its numbers in that order."""
    m, n = W.shape
    if not sparse.issparse(W):
        return Pattern(m, n), W.reshape(-1)
    csr = W.tocsr()
    csr.sort_indices()
    rows = np.repeat(np.arange(m), np.diff(csr.indptr)).astype(np.int64)
    cols = csr.indices.astype(np.int64)
    return Pattern(m, n, rows.data, cols.data), csr.data


def above(x: Fraction) -> float:
    """Return the least float at least x; inf beyond float64."""
    try:
        value = float(x)
    except OverflowError:
        return math.inf if x > 0 else -sys.float_info.max
    return value if Fraction(value) >= x else math.nextafter(value, math.inf)


def below(x: Fraction) -> float:
    """Return the largest float at most x; -inf beyond float64."""
    return -above(-x) + 0.0  # not -0.0


def attained_below(W: Matrix, witness: tuple[Array, ...], gauges: tuple[Gauge, ...]) -> float:
    """Return a float at most <W, x1 o ... o xK> / (|x1| ... |xK|), whatever the roundings.

    The contractions are off by at most gamma_{n_1 + ... + n_K} of those of the absolute values,
    each norm by a relative eps for each number that it adds, n_k or more; doubled to cover the
    roundings of this formula itself.
    """
    count = sum(g.terms(len(x)) for g, x in zip(gauges, witness, strict=True))
    steps = 2 * (count + 8 * len(witness)) * EPS
    value, size, price = W, abs(W), 1.0
    for g, x in zip(reversed(gauges), reversed(witness), strict=True):
        value, size = value @ x, size @ np.abs(x)
        price *= float(g.value(x))
    low = float(value) - steps * float(size)
    return float(low / price * (1 - math.copysign(steps, low))) if price > 0 else 0.0
