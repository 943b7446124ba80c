"""Readers of the JSON of the statement and of the proof; each rejects a value of another type.

A number is written exactly: as `float.hex`, or as a rational with hexadecimal integers.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from .budget import Budget
from .errors import RejectedError, demand

Json = dict[str, Any]


def number(text: object, where: str) -> Fraction:
    """Read a finite `float.hex` string; a decimal string is rejected, since it may be rounded."""
    demand(isinstance(text, str) and "0x" in text, where, "number", text)
    try:
        return Fraction(float.fromhex(str(text)))
    except (ValueError, OverflowError):
        raise RejectedError(where, "number", text) from None


def rational(text: object, where: str) -> Fraction:
    """Read an exact rational 'p/q' in hexadecimal integers."""
    demand(isinstance(text, str), where, "number", f"{text!r:.80}")
    p, bar, q = str(text).partition("/")
    plain = set(p.removeprefix("-")) | set(q) <= set("0123456789abcdef")  # no 1_0, 0x10 or " 1"
    demand(plain, where, "number", str(text)[:80])
    try:
        return Fraction(int(p, 16), int(q, 16) if bar else 1)
    except (ValueError, ZeroDivisionError):
        raise RejectedError(where, "number", str(text)[:80]) from None


def as_object(value: object, where: str) -> Json:
    """Return a JSON object; reject anything else."""
    if not isinstance(value, dict):
        raise RejectedError(where, "json", type(value).__name__)
    return value


def as_list(value: object, where: str) -> list[Any]:
    """Return a JSON list; reject anything else."""
    if not isinstance(value, list):
        raise RejectedError(where, "list", type(value).__name__)
    return value


def index(value: object, limit: int, where: str, code: str = "outside") -> int:
    """Return an integer k with 0 <= k < limit; reject anything else, also true and false."""
    if type(value) is not int or not 0 <= value < limit:
        raise RejectedError(where, code, value)
    return value


def part(proof: Json, name: str, where: str = "proof") -> Json:
    """Return an object of the proof; {} only if it has none of this name."""
    return as_object(proof.get(name, {}), f"{where}.{name}")


SWITCHES = ("better", "definite", "linear", "symmetric")  # the fields that are true or false


def reject_null(stated: Json, where: str, budget: Budget) -> None:
    """Reject null anywhere, and true or false in any field but SWITCHES.

    A missing field is not written as null, and true is not the integer 1.  Each string is charged
    as a rational, whose common factors take work by the square of its length.
    """
    waiting: list[tuple[str, str, object]] = [(where, "", stated)]
    while waiting:
        at, name, x = waiting.pop()
        demand(x is not None, at, "null", "null")
        demand(not isinstance(x, bool) or name in SWITCHES, at, "boolean", x)
        if isinstance(x, str):
            budget.spend(len(x) ** 2 >> 5, f"a number of {len(x)} digits")
        if isinstance(x, dict):
            waiting += [(f"{at}.{k}", str(k), v) for k, v in x.items()]
        elif isinstance(x, list):
            waiting += [(f"{at}[{k}]", "", v) for k, v in enumerate(x)]


def switch(fields: Json, name: str, where: str) -> bool:
    """Return whether a field is there; its only value is true."""
    demand(fields.get(name, True) is True, f"{where}.{name}", "unknown", fields.get(name))
    return name in fields


def shift_of(fields: Json, where: str) -> Fraction:
    """Read a shift; it must be dyadic, so that it is exact on a grid."""
    shift = rational(fields.get("shift"), where)
    q = shift.denominator
    demand(q & (q - 1) == 0, where, "dyadic", str(fields.get("shift"))[:80])
    return shift


def field(stated: Json, name: str, allowed: Sequence[object]) -> str:
    """Return a field of the statement that must be one of `allowed`."""
    value = stated.get(name)
    demand(value in allowed, f"statement.{name}", "unknown", repr(value))
    return str(value)


def only(stated: Json, known: set[str], where: str) -> None:
    """Reject unknown fields: they could change the meaning of the question."""
    unknown = sorted(set(as_object(stated, where)) - known)
    demand(not unknown, where, "fields", unknown)
