"""Build the atom that a statement describes, from its own arrays."""

from collections.abc import Callable
from typing import Any

from certify.atoms import CP, Atom, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
from certify.norms import GAUGES, Gauge, gauge

Json = dict[str, Any]
Data = dict[str, Any]
ACTIVATIONS = {0.0: "relu", 1.0: "linear", -1.0: "abs"}


def atom_of(said: Json, data: Data) -> Atom:
    """Build the atom by the kind in its statement."""
    return ATOMS_OF[said["kind"]](said, data)


def rank_one(said: Json, data: Data) -> Atom:
    """Build u v^T with its two norms."""
    left, right = (norm_of(said[side], side, data) for side in ("left", "right"))
    return RankOne(left, right, said["form"])


def symmetric(said: Json, _data: Data) -> Atom:
    """Build x x^T."""
    return Symmetric(said["left"])


def tensor(said: Json, _data: Data) -> Atom:
    """Build x1 o ... o xK."""
    return CP(tuple(said["norms"]), symmetric=said["symmetric"], form=said["form"])


def layer(said: Json, data: Data) -> Atom:
    """Build a hidden layer; a priced bias is a column of its features."""
    V, slope = data["features"], float.fromhex(said["slope"])
    free = said["bias"] == "free"
    activation = ACTIVATIONS.get(slope, "leaky_relu")
    return ReLU(
        V[:, :-1] if free else V,
        norm_of(said["left"], "left", data),
        norm_of(said["right"], "right", data),
        bias="free" if free else "none",
        activation=activation,
        slope=slope if activation == "leaky_relu" else None,
        samples=data.get("samples"),
        form=said["form"],
        pool=said.get("pool", "sum"),
    )


def deep_linear(said: Json, data: Data) -> Atom:
    """Build a parallel deep linear network."""
    return DeepLinear(data["features"], tuple(said["hidden"]), said["form"])


def deep_relu(said: Json, data: Data) -> Atom:
    """Build a parallel deep network."""
    slope = float.fromhex(said["slope"])
    return DeepReLU(data["features"], tuple(said["hidden"]), slope=slope, form=said["form"])


ATOMS_OF: dict[str, Callable[[Json, Data], Atom]] = {
    "cp": tensor,
    "deep_linear": deep_linear,
    "deep_relu": deep_relu,
    "rank_one": rank_one,
    "relu": layer,
    "symmetric": symmetric,
}


def norm_of(said: str | Json, side: str, data: Data) -> Gauge:
    """Build a norm from its key, or from its parameters and the arrays of its side."""
    if isinstance(said, str):
        return gauge(said)
    texts = {k: x for k, x in said.items() if k not in ("norm", "cone")}
    own = {k: x if k == "outer" else float.fromhex(x) for k, x in texts.items()}
    prefix = f"{side}."
    own |= {k.removeprefix(prefix): x for k, x in data.items() if k.startswith(prefix)}
    return GAUGES[said["norm"]](cone=said["cone"], **own)
