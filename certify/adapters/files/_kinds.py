"""The arguments of registered classes in a file: numbers, norms, arrays."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from typing_extensions import TypeAliasType

from certify.atoms import Widths
from certify.norms import GAUGES, KEYS, PLAIN, Gauge


def norm(x: object) -> object:
    """Return a norm: a key, or a table { norm = "elastic", alpha = 0.5, cone = "+" }.

    Raises ValueError with a sentence without its subject, the key; so do the functions below.
    """
    if not isinstance(x, str | dict):
        raise ValueError('must be a norm ("l2+") or a table {norm = ..., ...}')  # noqa: TRY004
    name = x.rstrip("+-") if isinstance(x, str) else ""
    if name in GAUGES and name not in PLAIN:
        raise ValueError(f'must be a table {{norm = "{name}", ...}}: this norm has parameters')
    return x


def norms(x: object) -> object:
    """Return the norms of a tensor's modes: a key for each, or one for all with `order`."""
    if isinstance(x, str) or (isinstance(x, list) and all(isinstance(k, str) for k in x)):
        return x
    raise ValueError('must be a list of norms, one a mode (["l2", "l2+", "l1"])')


def widths(x: object) -> object:
    """Return the widths of hidden layers: a number, or a list of them."""
    given = x if isinstance(x, list) else [x]
    if not given or not all(isinstance(k, int) and not isinstance(k, bool) for k in given):
        raise ValueError("must be a whole number, or a list of them")
    return x


def weights(x: object) -> object:
    """Return the weights of an l1 penalty, one for each factor."""
    if not isinstance(x, list):
        raise ValueError("must be a list of numbers, one for each factor")  # noqa: TRY004
    return weight(x)


def weight(x: object) -> object:
    """Return lam: a number, or the two weights of a matrix's sides."""
    for k in x if isinstance(x, list) else [x]:
        if not isinstance(k, int | float) or isinstance(k, bool):
            raise ValueError("must be a valid number")  # noqa: TRY004
    return x


KEY: dict[str, Any] = {"enum": list(KEYS)}
MODES: dict[str, Any] = {
    "type": ["string", "array"],
    "items": KEY,
    "description": "one norm a mode",
}
SEPARATE: dict[str, Any] = {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}}
PAIR = SEPARATE | {"minItems": 2, "maxItems": 2}
LAM: dict[str, Any] = {
    "anyOf": [{"type": "number", "minimum": 0}, PAIR],
    "description": "the weight of theta, or [a, b]: a/2 |u|^2 + b/2 |v|^2",
}
L1 = PAIR | {"description": "[a, b]: the penalty a |u|_1 + b |v|_1 beside lam theta"}
Weight = Annotated[Any, PlainValidator(weight), WithJsonSchema(LAM)]
Weights = Annotated[Any, PlainValidator(weights), WithJsonSchema(L1)]
NormRef = TypeAliasType(
    "NormRef", Annotated[Any, PlainValidator(norm), WithJsonSchema({"anyOf": [KEY]})]
)
NormsRef = TypeAliasType("NormsRef", Annotated[Any, PlainValidator(norms), WithJsonSchema(MODES)])


WIDTH = {"type": "integer", "minimum": 1}
WidthsRef = TypeAliasType(
    "WidthsRef",
    Annotated[
        Any,
        PlainValidator(widths),
        WithJsonSchema({"anyOf": [WIDTH, {"type": "array", "items": WIDTH, "minItems": 1}]}),
    ],
)


KINDS: Mapping[Any, Any] = {  # by the annotation of an argument; others are arrays
    **{plain: plain for plain in (float, int, str, bool)},
    int | None: int,
    float | None: float,
    str | Gauge: NormRef,
    str | Sequence[str]: NormsRef,
    Widths: WidthsRef,
}
