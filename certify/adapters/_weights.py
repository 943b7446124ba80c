"""Two layers of weights as arrays: their order and their layout."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize, safe_open

from certify.base.arrays import Array, accept_word, real
from certify.base.errors import InputError, OutOfScopeError, accessing

from ._network import PAIR, Weights, deep

LAYOUTS = {
    "torch": "(units, features) and (outputs, units)",
    "sklearn": "(features, units) and (units, outputs)",
}
NORMALIZED = "running_mean"  # an entry of a BatchNorm in a state dict
PICKLED = (".pt", ".pth", ".bin", ".pkl", ".ckpt")
Layer = tuple[str, Array, Array | None]  # name, weight, bias
Oriented = tuple[Layer, Layer, str]  # hidden and output in torch's layout; their own layout


def precision(x: Any) -> float:
    """Return the unit roundoff of an array's precision."""
    bits = getattr(getattr(x, "dtype", None), "itemsize", 8)
    return float(np.ldexp(1.0, -{2: 10, 4: 23}.get(bits, 52)))


def read_safetensors(path: Path) -> dict[str, Any]:
    """Return the arrays of a .safetensors file, by name.

    Raises InputError for another kind of file.
    """
    if path.suffix.lower() in PICKLED:
        cure = "save with safetensors.torch.save_file(model.state_dict(), path)"
        raise InputError(f"{path} is a pickle, which is never loaded: {cure}")
    try:
        with accessing(path, "read"), safe_open(path, framework="numpy") as file:
            if any(file.get_slice(k).get_dtype() == "BF16" for k in file.keys()):  # noqa: SIM118
                whole = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
                return {name: widen_bfloat16(tensor) for name, tensor in whole}
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, TypeError) as error:
        raise InputError(f"{path} is not a safetensors file of numbers: {error}") from None


def widen_bfloat16(tensor: Mapping[str, Any]) -> Array:
    """Return a tensor of a file that has bfloat16 tensors, which are upper halves of float32.

    Raises TypeError for a dtype that is not floating point.
    """
    kind, shape = tensor["dtype"], tensor["shape"]
    if kind == "BF16":
        words = np.frombuffer(tensor["data"], dtype="<u2").astype("<u4") << 16
        return np.asarray(words.astype("<u4").view("<f4").astype(float).reshape(shape))
    if kind not in ("F16", "F32", "F64"):
        raise TypeError(f"dtype {kind}")
    return np.frombuffer(tensor["data"], dtype=f"<f{int(kind[1:]) // 8}").reshape(shape)


def layers(state: Mapping[str, Any]) -> list[Layer]:
    """Return the layers of a state dict, in its order: NAME.weight and perhaps NAME.bias.

    Raises OutOfScopeError, with the name, for an entry that is not of a linear layer; InputError
    for a dict in the dict.
    """
    by_name: dict[str, dict[str, Array]] = {}
    for key, x in state.items():
        if isinstance(x, Mapping):
            raise InputError(f"{key!r} is a dict itself, as in a checkpoint: pass that state dict")
        name, _, part = key.rpartition(".")
        if part not in ("weight", "bias"):
            kind = "a BatchNorm" if NORMALIZED in key or "num_batches" in key else "unknown here"
            raise unsupported_part(f"{key} ({kind})")
        by_name.setdefault(name, {})[part] = real(x, key)
    out: list[Layer] = []
    for name, parts in by_name.items():
        weight, bias = parts.get("weight"), parts.get("bias")
        if weight is None or weight.ndim != PAIR or (bias is not None and bias.ndim != 1):
            shape = "no weight" if weight is None else f"a weight of shape {weight.shape}"
            raise unsupported_part(f"{name or 'a layer'} with {shape}")
        out.append((name, weight, bias))
    return out


def unsupported_part(what: str) -> OutOfScopeError:
    """Return the error for a part that the theory does not cover."""
    cure = "train Linear, ReLU, Linear without it"
    return OutOfScopeError(f"the network has {what}, not just one hidden layer: {cure}")


def orient(stack: list[Layer], sizes: tuple[int, int | None], layout: str | None) -> Oriented:
    """Return the hidden and the output layer in torch's layout, and the layout that they have.

    sizes    (features of X, outputs of y); outputs None: any
    layout   "torch", "sklearn" or None: determined by the shapes

    Numbers in the names (0 and 2, fc1 and fc2) determine the order of the layers, else the shapes
    do: a file lists its names in alphabetical order.

    Raises InputError if the shapes fit no layout, more than one, or both orders.
    """
    if len(stack) != PAIR:
        raise deep("the network", len(stack))
    layouts = LAYOUTS if layout is None else (accept_word(layout, "layout", LAYOUTS),)
    shapes = " and ".join(f"{name} {w.shape}" for name, w, _ in stack)
    for pairs in orders(stack):
        fits = [(*p, k) for p in pairs for k in layouts if fits_together(*p, sizes, k)]
        if len({k for *_, k in fits}) > 1:
            raise InputError(f"{shapes} fit more than one layout: pass layout='torch' or 'sklearn'")
        if len(fits) > 1:
            cure = "name the hidden one 0 and the other 2"
            raise InputError(f"of {shapes} either may be the hidden layer: {cure}")
        if fits:
            first, second, k = fits[0]
            return as_torch(first, k), as_torch(second, k), k
    known = "any" if sizes[1] is None else sizes[1]
    text = f"{sizes[0]} features and {known} outputs"
    names = [LAYOUTS[k] for k in layouts]
    raise InputError(f"weights for {text} must be {' or '.join(names)}, got {shapes}")


def orders(stack: list[Layer]) -> list[list[tuple[Layer, Layer]]]:
    """Return the orders of two layers, most likely ones first, in lists of equally likely ones."""
    first, second = sorted(stack, key=lambda layer: numbers(layer[0]))
    both = [(first, second), (second, first)]
    bare = {re.sub(r"\d+", "", name) for name, *_ in stack}
    if len(bare) > 1 or numbers(first[0]) == numbers(second[0]):
        return [both]
    return [[pair] for pair in both]


def numbers(name: str) -> list[int]:
    """Return the numbers in a name."""
    return [int(x) for x in re.findall(r"\d+", name)]


def fits_together(first: Layer, second: Layer, sizes: tuple[int, int | None], layout: str) -> bool:
    """Whether two layers in a layout fit each other, their biases, X and y."""
    (_, w, b), (_, v, c) = as_torch(first, layout), as_torch(second, layout)
    outputs = len(v) if sizes[1] is None else sizes[1]
    whole = w.shape[1] == sizes[0] and v.shape == (outputs, w.shape[0])
    return whole and all(x is None or len(x) == len(k) for x, k in ((b, w), (c, v)))


def as_torch(layer: Layer, layout: str) -> Layer:
    """Return a layer in torch's layout."""
    name, weight, bias = layer
    return name, weight if layout == "torch" else weight.T, bias


def join_layers(
    hidden: Layer, out: Layer, activation: str, slope: float | None, eps: float
) -> Weights:
    """Return the weights of two layers in torch's layout."""
    U, V = np.ascontiguousarray(hidden[1].T), np.ascontiguousarray(out[1])
    return Weights(U, V, hidden[2], out[2], activation, slope, eps)
