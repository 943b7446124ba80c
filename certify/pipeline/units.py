"""The loss that another library reports, and a proved bracket in its units."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from certify.polar.proved import above, below

from .numbers import at_least, at_most, short

TRAINING = "the training loss with its weight decay"
ROUNDED = 2.0**-40  # of the terms of a constant, or of a multiple: their rounding errors


@dataclass(frozen=True)
class Units:
    """The loss of a fit as its library counts it:

        objective = multiple * loss + constant.

    name   what the loss is called: "loss_", an attribute of the library, or words.  Only a loss
           that is related to the objective in this way for all factors has a name of the library
    error  how far the constant may be from the true one: ROUNDED times the terms it is a sum of
    """

    multiple: float = 1.0
    constant: float = 0.0
    name: str = TRAINING
    error: float = 0.0

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Return the units of a line of JSON: see as_dict."""
        if "multiple" not in fields:
            return cls()
        parts = (fields[k] for k in ("multiple", "constant", "training", "error"))
        return cls(*parts)

    def __bool__(self) -> bool:
        """Whether these units differ from the objective's."""
        return (self.multiple, self.constant, self.error) != (1.0, 0.0, 0.0)

    def lower(self, bound: float) -> float:
        """Return a lower bound of the loss from one of the objective, rounded down."""
        return below(self.convert(bound, -1)) if math.isfinite(bound) else bound

    def upper(self, bound: float) -> float:
        """Return an upper bound of the loss from one of the objective, rounded up."""
        return above(self.convert(bound, 1)) if math.isfinite(bound) else bound

    def convert(self, bound: float, side: int) -> Fraction:
        """Return (bound - constant) / multiple, moved outward by their rounding errors.

        A multiple that is a whole number has none.
        """
        x, c = Fraction(bound), Fraction(self.constant)
        slack = Fraction(self.error)
        if not float(self.multiple).is_integer():
            slack += Fraction(ROUNDED) * abs(x - c)
        return (x - c + side * slack) / Fraction(self.multiple)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of a line of JSON, none if the units are the objective's."""
        numbers = {"multiple": self.multiple, "constant": self.constant, "error": self.error}
        return {"training": self.name, **numbers} if self else {}

    @property
    def relation(self) -> str:
        """How the objective follows from the loss, in words."""
        times = f"the objective is {short(self.multiple)} times it"
        if not self.constant:
            return times
        return f"{times} {'plus' if self.constant > 0 else 'minus'} {short(abs(self.constant))}"

    def sentence(self, bracket: tuple[float, float], over: str) -> str:
        """Return a bracket of the objective in these units, as a sentence; over: as "any size"."""
        low, high = at_least(self.lower(bracket[0])), at_most(self.upper(bracket[1]))
        return (
            f"In units of {self.name} ({self.relation}), these factors reach at most {high}, and "
            f"the optimum over {over} is at least {low}."
        )


OBJECTIVE = Units()  # those of the objective itself
