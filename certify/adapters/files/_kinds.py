"""The arguments of registered classes in a file: numbers, norms, arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema
from typing_extensions import TypeAliasType

from certify.atoms import Widths
from certify.norms import KEYS, NORMS, PLAIN, Gauge


def norm(x: object) -> object:
    """Return a norm: a key, or a table { norm = "elastic", alpha = 0.5, cone = "+" }.

    Raises ValueError with a sentence without its subject, the key; so do the validators below.
    """
    if not isinstance(x, str | dict):
        raise ValueError('must be a norm ("l2+") or a table {norm = ..., ...}')  # noqa: TRY004
    name = x.rstrip("+-") if isinstance(x, str) else ""
    if name in NORMS and name not in PLAIN:
        raise ValueError(f'must be a table {{norm = "{name}", ...}}: this norm has parameters')
    return x


def validator(accepts: Callable[[Any], bool], wanted: str) -> Callable[[Any], Any]:
    """Return the function that returns an accepted value unchanged."""

    def validate(x: object) -> object:
        """Return x, or raise ValueError."""
        if not accepts(x):
            raise ValueError(wanted)
        return x

    return validate


def are(x: Any, kind: Any) -> bool:
    """Whether a value, or each item of a list, is of a kind and not a boolean."""
    items = x if isinstance(x, list) else [x]
    return all(isinstance(k, kind) and not isinstance(k, bool) for k in items)


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
MODE_KEYS = 'must be a list of norms, one a mode (["l2", "l2+", "l1"])'
are_numbers = validator(lambda x: are(x, int | float), "must be a valid number")
is_list = validator(lambda x: isinstance(x, list), "must be a list of numbers, one for each factor")
are_keys = validator(lambda x: are(x, str), MODE_KEYS)
are_widths = validator(
    lambda x: x != [] and are(x, int), "must be a whole number, or a list of them"
)
WIDTH = {"type": "integer", "minimum": 1}
SEVERAL = {"anyOf": [WIDTH, {"type": "array", "items": WIDTH, "minItems": 1}]}
Weight = Annotated[Any, PlainValidator(are_numbers), WithJsonSchema(LAM)]
Weights = Annotated[Any, PlainValidator(are_numbers), AfterValidator(is_list), WithJsonSchema(L1)]
NormRef = TypeAliasType(
    "NormRef", Annotated[Any, PlainValidator(norm), WithJsonSchema({"anyOf": [KEY]})]
)
NormsRef = TypeAliasType(
    "NormsRef", Annotated[Any, PlainValidator(are_keys), WithJsonSchema(MODES)]
)
WidthsRef = TypeAliasType(
    "WidthsRef", Annotated[Any, PlainValidator(are_widths), WithJsonSchema(SEVERAL)]
)


KINDS: Mapping[Any, Any] = {  # by the annotation of an argument; others are arrays
    **{plain: plain for plain in (float, int, str, bool)},
    int | None: int,
    float | None: float,
    str | Gauge: NormRef,
    str | Gauge | Sequence[str | Gauge]: NormsRef,
    Widths: WidthsRef,
}
