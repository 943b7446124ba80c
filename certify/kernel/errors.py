"""A rejection says where the certificate fails, by which code, and what was found there."""

from fractions import Fraction


def clean(value: object) -> str:
    """Show a value of a stranger's file: printable ASCII, not too long."""
    text = ascii(str(value))[1:-1]
    return text if len(text) <= 2000 else f"{text[:2000]}..."


class RejectedError(ValueError):
    """The certificate proves nothing: `where` it fails, a `code`, the `value` found."""

    def __init__(self, where: str, code: str, value: object) -> None:
        super().__init__(f"{clean(where)}: {clean(code)}: {clean(value)}")
        self.where, self.code, self.value = where, code, value

    def __reduce__(self) -> tuple[type, tuple[str, str, object]]:
        """Say how another process makes it again."""
        return RejectedError, (self.where, self.code, self.value)


def shown(x: Fraction) -> str:
    """Write a number for a reader, however large it is."""
    try:
        return repr(float(x))
    except OverflowError:
        return f"about 2**{x.numerator.bit_length() - x.denominator.bit_length()}"


def demand(condition: bool, where: str, code: str, value: object) -> None:  # noqa: FBT001
    """Raise RejectedError unless the condition holds."""
    if not condition:
        raise RejectedError(where, code, value)
