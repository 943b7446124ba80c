"""Numbers that a statement's words tell are those that its counterexample has."""

from fractions import Fraction


def told(value: Fraction, text: str) -> Fraction:
    """Return the value; ValueError if the words tell another one."""
    if value != Fraction(text):
        raise ValueError(f"the words tell {text}, the counterexample has {value}")
    return value
