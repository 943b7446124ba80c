"""Check that numbers in a statement's text are those of its counterexample."""

from collections.abc import Callable
from fractions import Fraction

from ._base import Check


def told(value: Fraction, text: str) -> Fraction:
    """Return the value; ValueError if the text has another one."""
    if value != Fraction(text):
        raise ValueError(f"the words tell {text}, the counterexample has {value}")
    return value


def told_of(conclusion: Callable[..., Check], sides: tuple[str, str], instance: object) -> Check:
    """Return the conclusion; ValueError if the text has other numbers for its sides."""
    check = conclusion(instance)
    told(check.left, sides[0])
    told(check.right, sides[1])
    return check
