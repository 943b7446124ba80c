"""Powers of two carry W and its proof between scales, exactly."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.kernel.fields import shift_of
from certify.kernel.scalars import power

from .query import Matrix, exact_text

ORDINARY = 120  # binary exponents that floats carry without care


def exponent(x: Array | None, ordinary: int = ORDINARY) -> int:
    """Return the binary exponent of the largest |entry| when it is extraordinary, else 0."""
    top = 0.0 if x is None else float(np.abs(x).max(initial=0.0))
    e = int(np.frexp(top)[1]) if top else 0
    return e if abs(e) > ordinary else 0


def ldexp_steps(x: Any, e: int) -> Any:  # noqa: ANN401  float or array
    """Return x 2^e in steps that do not overflow early."""
    half = e // 2
    return np.ldexp(np.ldexp(x, half), e - half)


def ordinary(x: Array) -> Array:
    """Return x times a power of two that makes its largest |entry| ordinary; dust may vanish."""
    return np.asarray(ldexp_steps(x, -exponent(x)))


def at_scale_one(W: Matrix) -> tuple[Matrix, int]:
    """Return (W 2^-e, e); e = 0 where the scaling would lose small entries."""
    data = W.data if sparse.issparse(W) else W
    e = exponent(data)
    if not e or not np.array_equal(ldexp_steps(ldexp_steps(data, -e), e), data):
        return W, 0
    if not sparse.issparse(W):
        return ldexp_steps(W, -e), e
    return sparse.csr_array((ldexp_steps(data, -e), W.indices, W.indptr), shape=W.shape), e


def rescale_proof(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move a proof to scale 2^e: L, N, K, flows and the level as W, M and the shift as its square.

    In a tree of cases everything scales as W but the Cholesky factors, which scale as its root.
    """
    if (by := BY_RULE.get(proof.get("rule", ""))) is not None:
        return by(proof, e)
    if "nodes" in proof:
        return rescale_tree(proof, e)
    powers = {"L": e, "N": e, "K": e, "flow": e, "level": e, "M": 2 * e, "shift": 2 * e}
    return proof | {k: multiply(proof[k], by_e) for k, by_e in powers.items() if k in proof}


def multiply(x: Any, e: int) -> Any:  # noqa: ANN401  an array or a number
    """Return x 2^e: of a number as a fraction."""
    return ldexp_steps(x, e) if isinstance(x, np.ndarray) else Fraction(x) * power(e)


def rescale_fan(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move Ky Fan's proofs, of a matrix or a tensor's parts, to scale 2^e: shifts as the square."""
    arrays = {k: ldexp_steps(v, e) for k, v in proof.items() if isinstance(v, np.ndarray)}
    if "groups" in proof:
        parts = [p | {"shift": multiply(p["shift"], 2 * e)} for p in proof["groups"]]
        return proof | arrays | {"groups": parts}
    return proof | arrays | {"shift": multiply(proof["shift"], 2 * e)}


def rescale_tensor(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move the proof of a tensor's polar to scale 2^e.

    The matrix that is bounded scales as W, in the form "gram" as its square; its factors F and
    L scale as its square root.  The splits do not change.
    """
    by = 2 * e if proof["form"] == "gram" else e
    out = dict(proof)
    for name, x in proof.items():
        if isinstance(x, np.ndarray) and name[0] in "KPDFL":
            out[name] = rescale_array("L" if name[0] in "FL" else "D", x, by)
    if "N" in proof:
        out["N"] = ldexp_steps(proof["N"], e)
    return out | {"nodes": rescale_shifts(proof["nodes"], by)}


def rescale_network(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move a tree over a hidden layer to scale 2^e.

    A leaf's matrix scales as W W^T, or as W where it is "linear"; multipliers of a cell as W.
    """
    out, nodes = dict(proof), []
    for node in proof["nodes"]:
        new_node = dict(node)
        if "leaf" in node:
            by = e if node.get("linear") else 2 * e
            new_node = with_shift(node, by)
            for name in ("level", "bias", "radial"):
                if node.get(name) is not None:
                    new_node[name] = float(ldexp_steps(float.fromhex(node[name]), by)).hex()
            names = [f"{letter}{node['leaf']}" for letter in "NLY"]
            out |= {k: rescale_array(k, out[k], by) for k in names if k in out}
        if "cell" in node and "mu" in node:
            pairs = ((k, float.fromhex(x)) for k, x in node["mu"])
            new_node["mu"] = [[k, float(ldexp_steps(x, e)).hex()] for k, x in pairs]
        nodes.append(new_node)
    return out | {"nodes": nodes}


def rescale_linear(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move the proof of a linear layer: that of its matrix F^T W."""
    arrays = {k: v for k, v in proof.items() if k not in ("rule", "of")}
    there = rescale_proof({**proof["of"], **arrays}, e)
    of = {k: v for k, v in there.items() if k not in arrays}
    return {"rule": "linear", "of": of, **{k: there[k] for k in arrays}}


def rescale_slices(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move the proof of each slice."""
    out = {k: v for k, v in proof.items() if not isinstance(v, np.ndarray)}
    each = []
    for t, text in enumerate(proof["each"]):
        head = f"s{t}."
        arrays = {k.removeprefix(head): v for k, v in proof.items() if k.startswith(head)}
        there = rescale_proof(text | arrays, e) if "rule" in text else text
        each.append({k: v for k, v in there.items() if not isinstance(v, np.ndarray)})
        out |= {head + k: v for k, v in there.items() if isinstance(v, np.ndarray)}
    return out | {"each": each}


def rescale_max(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move the trees of a layer that takes the largest of rows: each leaf as `network`."""
    out, each, arrays = dict(proof), [], dict[str, dict[str, Any]]()
    for name, value in proof.items():
        *places, last = name.split(".", 2)
        arrays.setdefault(".".join(places), {})[last] = value
    for t, text in enumerate(proof["each"]):
        nodes = []
        for node in text["nodes"]:
            if "leaf" not in node:
                nodes.append(node)
                continue
            head = f"s{t}.s{node['leaf']}."
            there = rescale_network({"nodes": node["nodes"], **arrays.get(head[:-1], {})}, e)
            nodes.append(node | {"nodes": there.pop("nodes")})
            out |= {head + k: v for k, v in there.items()}
        each.append({"nodes": nodes})
    return out | {"each": each}


def rescale_tree(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move a tree of cases to scale 2^e; its cuts do not change."""
    stay = ("rule", "nodes", "cuts", "boxed")
    out = {k: v if k in stay else rescale_array(k, v, e) for k, v in proof.items()}
    return out | {"nodes": rescale_shifts(proof["nodes"], e)}


def rescale_array(name: str, x: Array, e: int) -> Array:
    """Scale a leaf's array, in float32 if it was and no number is lost.

    For an odd e a Cholesky factor is rounded, which its rule allows; a row of a cone that would
    be rounded, and might leave it, becomes 0.
    """
    root, wide = name.startswith("L"), np.asarray(x, dtype=float)
    if root and e % 2:
        wide = wide * 2.0**0.5
    wide = np.asarray(ldexp_steps(wide, e // 2 if root else e))
    if name.startswith("Y"):
        wide[(ldexp_steps(wide, -e) != x).any(axis=1)] = 0.0
    with np.errstate(over="ignore"):
        short = wide.astype(x.dtype)
    return short if np.array_equal(short, wide) else wide


def rescale_shifts(nodes: Sequence[dict[str, Any]], e: int) -> list[dict[str, Any]]:
    """Return the nodes of a tree with their shifts moved."""
    return [with_shift(node, e) if "shift" in node else node for node in nodes]


def with_shift(node: dict[str, Any], e: int) -> dict[str, Any]:
    """Return a leaf with its shift moved."""
    given = node["shift"]
    shift = shift_of(node, "shift") if isinstance(given, str) else Fraction(given)
    return node | {"shift": exact_text(shift * power(e))}


def rescale_layers(proof: dict[str, Any], e: int) -> dict[str, Any]:
    """Move the proof of two spectral norms: only that of W moves."""
    out = proof | {"W": proof["W"] | {"shift": multiply(proof["W"]["shift"], 2 * e)}}
    return out | {k: ldexp_steps(v, e) for k, v in proof.items() if k == "W.L"}


BY_RULE: dict[str, Callable[[dict[str, Any], int], dict[str, Any]]] = {
    "slices": rescale_slices,
    "outputs": rescale_slices,
    "max_pool": rescale_max,
    "transpose": rescale_tensor,
    "network": rescale_network,
    "linear": rescale_linear,
    "layers": rescale_layers,
}
