"""The verdicts on a factorization, and their meaning."""

import math
from enum import Enum
from fractions import Fraction
from typing import ClassVar

from certify.polar.proved import above

NO_BOOL = "{name} is neither true nor false: ask for .certified, or compare .verdict"

IN_QUESTION = "the sizes in question"


class Verdict(Enum):
    """A verdict's value is the sentence shown to the user."""

    CERTIFIED = "proved: no factors of the sizes in question are better by more than epsilon"
    REFUTED = "proved: better factors of the same size or smaller are in the certificate"
    RANK_LIMITED = "proved: more components do better, and such factors are in the certificate"
    NUMERICAL = "optimal in floats, but a step has no kernel rule"
    UNDECIDED = "proved: the optimum lies in the bracket; no more than that"
    OUT_OF_SCOPE = "the theory does not cover the question"

    def __eq__(self, other: object) -> bool:
        """Compare with a verdict or with its name.

        Raises ValueError for a string that names no verdict: the answer would always be no.
        """
        if not isinstance(other, str):
            return self is other
        if other not in EXIT_CODES:
            raise ValueError(f"a verdict is one of {', '.join(EXIT_CODES)}, not {other!r}")
        return self.name == other

    def __hash__(self) -> int:
        """Return the hash of the name, which is equal to the verdict."""
        return hash(self.name)

    def said(self, over: str) -> str:
        """Return the sentence, with the factors over which it holds, such as "any size"."""
        return self.value.replace(IN_QUESTION, over)

    @property
    def answer(self) -> str:
        """The answer to "is this a global optimum?", with {any}, {components} and {epsilon}."""
        return ANSWERS[self.name]

    @property
    def exit_code(self) -> int:
        """The command's exit status: 0 for CERTIFIED and for nothing else."""
        return EXIT_CODES[self.name]


EXIT_CODES = {
    "CERTIFIED": 0,
    "REFUTED": 10,
    "NUMERICAL": 11,
    "UNDECIDED": 12,
    "OUT_OF_SCOPE": 13,
    "RANK_LIMITED": 14,
}
ANSWERS = {
    "CERTIFIED": "Yes: no factors of {any} have an objective lower by more than {epsilon}.",
    "REFUTED": "No: better factors of the same size or smaller are in this certificate.",
    "RANK_LIMITED": "More {components} do better, and such factors are in this certificate. "
    "Whether these are the best of their own size is another question.",
    "UNDECIDED": "Not decided: the optimum lies in the bracket below, and nothing more is "
    "proved here.",
}
REJECTED_EXIT = 20


def spread(lower: float, upper: float) -> float:
    """Return upper - lower, rounded up."""
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return upper - lower
    return above(Fraction(upper) - Fraction(lower))


def exact_epsilon(value: Fraction, tolerances: tuple[float, float]) -> Fraction:
    """Return max(atol, rtol |value|); tolerances: rtol and atol."""
    rtol, atol = map(Fraction, tolerances)
    return max(atol, rtol * abs(value))


def relative(gap: float, upper: float) -> float:
    """Return a gap as a share of |upper|, rounded up; 0 if both are 0, infinite if `upper` is."""
    if not math.isfinite(gap) or not math.isfinite(upper) or (gap > 0 and not upper):
        return math.inf
    return above(Fraction(gap) / abs(Fraction(upper))) if upper else 0.0


def epsilon_up(upper: float, tolerances: tuple[float, float]) -> float:
    """Return max(atol, rtol |x|), rounded up, for an x of which `upper` is the bound as a float.

    |x| may exceed |upper| by its rounding if x < 0; beyond float64 it is infinite.
    """
    ends = upper, math.nextafter(upper, -math.inf)
    if not all(map(math.isfinite, ends)):
        return math.inf
    rtol, atol = map(Fraction, tolerances)
    size = max(abs(Fraction(x)) for x in ends)
    return above(max(atol, rtol * size))


class Bracket:
    """A number between two bounds: lower <= number <= upper."""

    lower: float
    upper: float

    @property
    def gap(self) -> float:
        """Upper - lower, rounded up."""
        return spread(self.lower, self.upper)

    @property
    def relative_gap(self) -> float:
        """(upper - lower) / |upper|; 0 when both are 0, infinite when a side is."""
        return relative(self.gap, self.upper)


class Judgement:
    """An answer with a verdict, which is neither true nor false."""

    verdict: Verdict
    called: ClassVar[str]

    @property
    def certified(self) -> bool:
        """Whether the verdict is CERTIFIED: proved within epsilon."""
        return self.verdict is Verdict.CERTIFIED

    def __bool__(self) -> bool:
        """Refuse: REFUTED and UNDECIDED are answers too."""
        raise TypeError(NO_BOOL.format(name=self.called))
