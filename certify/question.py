"""Read the question of a certificate back: its problem, factors and epsilon."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ._errors import InputError
from .atoms import CP, Atom, DeepLinear, DeepReLU, Factors, RankOne, ReLU, Symmetric
from .certificate import Certificate, Json, as_numpy, ask, names_of
from .gauges import GAUGES, Gauge, gauge
from .kernel.verify import RejectedError
from .losses import LOSSES, Loss
from .offsets import OFFSETS, Offset
from .problem import Problem, Values

Data = dict[str, Any]
MATRIX = 2  # dimensions
ACTIVATIONS = {0.0: "relu", 1.0: "linear", -1.0: "abs"}


@dataclass(frozen=True)
class Question:
    """What a certificate is about: is f(factors, q) within epsilon of the optimum?

    q     the candidate's offset values; None if the best ones were asked for
    rtol, atol   epsilon = max(atol, rtol |f|)
    """

    problem: Problem
    factors: Factors
    q: Values | None
    rtol: float
    atol: float


def question(certificate: Certificate) -> Question:
    """Return the question that a certificate states, from the arrays stored in it.

    What is returned states the same question again, field by field, or nothing is: the
    arrays are the certificate's own, and whether they are *your* data only you can tell.

    Raises InputError if the arrays were left out of the file, RejectedError if the
    statement is not one that `ask` makes.
    """
    c = certificate
    if missing := sorted(set(c.statement["arrays"]) - set(c.given)):
        raise InputError(f"the certificate holds no data ({', '.join(missing)} left out)")
    try:
        found = reread(c.statement, {k: as_numpy(a) for k, a in c.given.items()})
        again = ask(found.problem, found.factors, found.q, rtol=found.rtol, atol=found.atol)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise RejectedError("statement", "malformed", str(error)) from error
    if again.statement != c.statement:
        wrong = [k for k, v in again.statement.items() if c.statement.get(k) != v]
        raise RejectedError("statement", "malformed", ", ".join(wrong or sorted(c.statement)))
    return found


def reread(said: Json, data: Data) -> Question:
    """Build the problem of a statement from its arrays."""
    loss, atom = loss_of(said, data), atom_of(said["atom"], data)
    offsets = [offset_of(k, dict(o), data) for k, o in enumerate(said["offsets"])]
    problem = Problem(loss, atom, float.fromhex(said["lam"]), offsets)
    shapes = atom.shapes(loss.dims)
    held = (data[name] for name in names_of(len(shapes)))
    factors = tuple(x.reshape(*s, x.shape[-1]) for x, s in zip(held, shapes, strict=True))
    q = None if said["q"] == "found" else tuple(data[f"q{k}"] for k in range(len(offsets)))
    return Question(problem, factors, q, float.fromhex(said["rtol"]), float.fromhex(said["atol"]))


def loss_of(said: Json, data: Data) -> Loss:
    """Build the loss: of all entries, of a sparse matrix, or of a tensor with a mask."""
    kind = said["loss"] if isinstance(said["loss"], dict) else {"kind": said["loss"]}
    numbers = {k: float.fromhex(x) for k, x in kind.items() if k != "kind"}
    make: Callable[..., Loss] = LOSSES[kind["kind"]]
    dims, weights = tuple(said["shape"]), data.get("weights")
    if said["observed"] == "all":
        if weights is not None and weights.size == data["Y"].size:  # not one for each row
            weights = weights.reshape(dims)
        return make(data["Y"].reshape(dims), weights=weights, **numbers)
    rows, cols = data["rows"], data["cols"]
    if len(dims) == MATRIX:
        Y = sparse.csr_array((data["Y"], (rows, cols)), shape=dims)
        return make(Y, weights=weights, **numbers)
    Y, w, seen = (np.zeros((dims[0], int(np.prod(dims[1:]))), t) for t in (float, float, bool))
    Y[rows, cols], seen[rows, cols] = data["Y"], True
    if weights is not None:
        w[rows, cols] = weights
    told = None if weights is None else w.reshape(dims)
    return make(Y.reshape(dims), weights=told, mask=seen.reshape(dims), **numbers)


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


def offset_of(k: int, said: Json, data: Data) -> Offset:
    """Build the k-th offset."""
    make = OFFSETS[said.pop("kind")]
    own: Data = {n: float.fromhex(x) if isinstance(x, str) else x for n, x in said.items()}
    names = {f"ridge{k}": "ridge", f"A{k}": "A", f"edges{k}": "edges"}
    names[f"edges{k}.weights"] = "weights"
    return make(**own | {new: data[old] for old, new in names.items() if old in data})
