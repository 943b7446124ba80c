"""Rejections: where a certificate fails, with which code, and the value found there."""

from fractions import Fraction


def clean(value: object) -> str:
    """Return the text of an untrusted value: printable ASCII, at most about 2000 characters."""
    text = ascii(str(value))[1:-1]
    return text if len(text) <= 2000 else f"{text[:2000]}..."


class RejectedError(ValueError):
    """The certificate proves nothing: `where` it fails, a `code`, and the `value` found there."""

    def __init__(self, where: str, code: str, value: object) -> None:
        super().__init__(f"{clean(where)}: {clean(code)}: {clean(value)}")
        self.where, self.code, self.value = where, code, value

    def __reduce__(self) -> tuple[type, tuple[str, str, object]]:
        """Return the arguments from which another process makes it again."""
        return RejectedError, (self.where, self.code, self.value)


def shown(x: Fraction) -> str:
    """Return a number as text for a reader, however large it is."""
    try:
        return repr(float(x))
    except OverflowError:
        return f"about 2**{x.numerator.bit_length() - x.denominator.bit_length()}"


def demand(condition: bool, where: str, code: str, value: object) -> None:  # noqa: FBT001
    """Raise RejectedError unless the condition holds."""
    if not condition:
        raise RejectedError(where, code, value)
