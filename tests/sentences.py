"""Sentences as claims: every number that an output states, held against an exact optimum.

`unproved(text, truth)` finds each known sentence in a text, evaluates it in rationals, and returns
the sentences that are false, and the numbers that belong to no known sentence.  A new sentence with
a number must therefore be added here, as a claim, or by what it is if it claims nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

NUM = r"(-?\d+(?:\.\d+)?(?:e[+-]\d+|e-?\d+)?)"
SIZE = r"(any size|at most \d+ (?:components?|hidden units?))"
OVER = rf"{SIZE}(?: and any offsets)?"
COUNT = r"(\d+) (?:components?|hidden units?)"


@dataclass(frozen=True)
class Truth:
    """What is known exactly of a question.

    optimum    optimum(r): over at most r components; optimum(None): over any size
    candidate  the objective of the fit in question; better: of the better factors, if any
    spread     2 loss(0), of which a share is explained; None if it is not said
    eps        (rtol, atol)       size    the fit's number of components
    lower      the lower bound that is said of the optimum, for sentences relative to it
    fits       the objectives of all fits that are compared
    penalty    whether lam > 0: else sentences are about the fit's own size
    own        whether a certificate about the fit's own size is in question
    units      objective = multiple * loss + constant
    """

    optimum: Callable
    candidate: Fraction
    size: int
    eps: tuple[Fraction, Fraction] = (Fraction(1, 10**6), Fraction(0))
    better: Fraction | None = None
    lower: Fraction = Fraction(0)
    spread: Fraction | None = None
    fits: tuple[Fraction, ...] = ()
    penalty: bool = True
    own: bool = False
    units: tuple[Fraction, Fraction] = (Fraction(1), Fraction(0))

    @property
    def whole(self):
        """The optimum that a sentence is about which does not name one."""
        return self.optimum(self.size if self.own or not self.penalty else None)

    def over(self, words):
        """Return the optimum over what a sentence says."""
        return self.optimum(None if words == "any size" else int(words.split()[2]))

    @property
    def epsilon(self):
        return max(self.eps[1], self.eps[0] * abs(self.candidate))


def share(distance, percent, of):
    """Whether a distance is at most a share of a number, in per cent."""
    return distance <= Fraction(percent) / 100 * of


def explained(t, count, low, high):
    mine, most = (100 * (1 - 2 * x / t.spread) for x in (t.candidate, t.optimum(int(count))))
    return int(count) == t.size and Fraction(low) <= mine and most <= Fraction(high)


def placed(t, k, low, high):
    away = t.fits[int(k)] - t.whole
    return Fraction(low or 0) <= away <= Fraction(high)


def in_units(t, *told):
    """Whether a bracket in other units is one: multiple * loss + constant = objective."""
    times, sign, constant, high, over, low = told
    multiple, shift = t.units
    moved = Fraction(constant or 0) * (-1 if sign == "minus" else 1)
    near = abs(Fraction(times) - multiple) <= multiple / 10**6 and moved == shift
    mine, best = ((x - shift) / multiple for x in (t.candidate, t.over(over)))
    return near and Fraction(low) <= best and mine <= Fraction(high)


F = Fraction
CLAIMS = {  # pattern -> claim(truth, *groups); the first that matches is evaluated
    rf"In units of [^(]+ \(the objective is {NUM} times it(?: (plus|minus) {NUM})?\), these "
    rf"factors reach at most {NUM}, and the optimum over {OVER} is at least {NUM}": in_units,
    rf"[Aa]t most {NUM} % above the optimum over {OVER} \(proved\)": lambda t, p, o: share(
        t.candidate - t.over(o), p, t.over(o)
    ),
    rf"[Aa]t most {NUM} above the optimum over {OVER} \(proved\)": lambda t, x, o: (
        t.candidate - t.over(o) <= F(x)
    ),
    rf"{NUM} <= optimum over {OVER}": lambda t, x, o: F(x) <= t.over(o),
    rf"candidate <= {NUM}": lambda t, x: t.candidate <= F(x),
    rf"the optimum over {OVER} is at least {NUM}": lambda t, o, x: F(x) <= t.over(o),
    rf"these factors reach at most {NUM}": lambda t, x: t.candidate <= F(x),
    rf"[Yy]ours reach at most {NUM}": lambda t, x: t.candidate <= F(x),
    rf"the best found at most {NUM}": lambda t, x: (
        min(y for y in (t.better, t.candidate) if y is not None) <= F(x)
    ),
    rf"(?:a gap of )?{NUM}, relative {NUM}": lambda t, x, r: (
        t.candidate - t.whole <= F(x) and t.candidate - t.whole <= F(r) * abs(t.candidate)
    ),
    rf"no factors of {SIZE}(?:, with any offsets,)? are better by more than epsilon": lambda t, o: (
        t.candidate - t.over(o) <= t.epsilon
    ),
    rf"no factors of {SIZE}(?:, with any offsets,)? are below {NUM}, at most {NUM} % less than "
    "yours": (
        lambda t, o, x, p: F(x) <= t.over(o) and share(t.candidate - t.over(o), p, t.candidate)
    ),
    rf"better factors of {SIZE}(?:, with any offsets,)? are proved; none are below {NUM}, at most "
    rf"{NUM} % less than those": lambda t, o, x, p: (
        t.over(o) < t.candidate and F(x) <= t.over(o) and F(p) >= 0
    ),
    rf"your {COUNT} explains? {NUM} % of the variance(?: less the penalty)?, no \d+ "
    rf"(?:components?|hidden units?) more than {NUM} %": explained,
    rf"factors with {COUNT} \(yours have {NUM}\) are proved better": lambda t, k, r: (
        t.better < t.candidate and int(k) <= int(r) == t.size and t.optimum(int(k)) <= t.better
    ),
    rf"factors with {COUNT} are proved better than these {NUM}": lambda t, k, r: (
        t.better < t.candidate and int(k) > int(r) == t.size and t.optimum(int(k)) <= t.better
    ),
    rf"may be loose, by at most {NUM} %": lambda t, p: share(t.whole - t.lower, p, t.candidate),
    rf"the best objective proved is at most {NUM}": lambda t, x: t.whole <= F(x),
    rf"The better factors are proved to reach at most {NUM}": lambda t, x: t.better <= F(x),
    rf"The better factors, of {COUNT}, reach at most {NUM}": lambda t, k, x: (
        t.optimum(int(k)) <= t.better <= F(x)
    ),
    rf"atol above {NUM} certifies": lambda t, x: t.candidate - t.whole <= F(x),
    rf"--atol {NUM} accepts this gap": lambda t, x: t.candidate - t.whole <= F(x),
    rf"no factors of {SIZE} have an objective lower by more than {NUM}": lambda t, o, x: (
        t.candidate - t.over(o) <= F(x)
    ),
    rf"The optimum over {OVER} is between {NUM} and {NUM}": lambda t, o, x, y: (
        F(x) <= t.over(o) <= F(y)
    ),
    rf"within epsilon, at most {NUM}, of the bound": lambda t, x: t.epsilon <= F(x),
    rf"lower bound {NUM}": lambda t, x: F(x) <= t.whole,
    rf"these factors {NUM}": lambda t, x: t.candidate <= F(x),
    rf"better factors {NUM}": lambda t, x: t.better <= F(x),
    rf"optimum over {OVER} >= {NUM}(?:: explained variance at most {NUM} %)?": lambda t, o, x, p: (
        F(x) <= t.over(o) and (p is None or F(p) >= 100 * (1 - 2 * t.over(o) / t.spread))
    ),
    rf"{COUNT} comes? within epsilon of the lowest objective found of at most {COUNT}, {NUM} or "
    "less": (
        lambda t, k, most, x: (
            t.optimum(int(most)) <= F(x)
            and t.optimum(int(k)) <= F(x) + max(t.eps[1], t.eps[0] * abs(F(x)))
        )
    ),
    r"it is proved that (\d+) cannot": lambda t, k: (
        t.optimum(int(k)) > t.optimum(t.size) + max(t.eps[1], t.eps[0] * abs(t.optimum(t.size)))
    ),
    rf"fit (\d+) is at most {NUM} above the optimum": lambda t, k, x: placed(t, k, 0, x),
    rf"fit (\d+) is {NUM} to {NUM} above the optimum": placed,
    rf"better factors are proved \({COUNT} reach(?:es)? at most {NUM}\)": lambda t, k, x: (
        t.optimum(int(k)) <= F(x) and t.better <= F(x)
    ),
    r"fits? ([\d, and]+?)(?: \(fit \d+ has the fewest [a-z ]+ of them, \d+\))? (?:is|are) proved "
    rf"to be within epsilon of the optimum over {OVER}": lambda t, names, o: all(
        t.fits[int(k)] - t.over(o) <= max(t.eps[1], t.eps[0] * abs(t.fits[int(k)]))
        for k in re.findall(r"\d+", names)
    ),
    rf"Over {OVER}, (?:at most \d+ [a-z ]+, )?REFUTED": lambda t, o: t.over(o) < t.candidate,
    rf"Over {OVER}, CERTIFIED": lambda t, o: t.candidate - t.over(o) <= t.epsilon,
}
NO_CLAIM = (  # what is said of a search in floats, of the question, or of the program
    r"Tried, in floats: [^\n]*",
    r"In floats, <W, phi> = lam theta of the components is off by \S+ \(0: stationary\)",
    r"these factors look stationary at lam = \S+; you gave [^\s;]+",
    rf"in floats a search reached {NUM}, about {NUM} % lower",
    r"rtol=\S+ accepts it",
    r"stops at tol=\S+:",
    rf"with a penalty of weight λ = {NUM}",
    rf"within {NUM}\?",
    rf"of {COUNT} to [\d × ]+ data",
    r"F64 [\d × ]+ (?:from \S+ to \S+|all \S+)",
    r"X\d ",
    rf"Over {OVER}, UNDECIDED",
    r"[Tt]he optimum over [a-z0-9 ]+ lies in the shaded part",
    r"over factors of at most \d+ components?, ",
    r" of order \d ",
    r"about \d+ lam, which a component attains in floats, to at most \S+ lam",
)


def claims(text):
    """Yield (pattern, match) of the known sentences in a text, and at last (None, the rest)."""
    for pattern in CLAIMS:
        yield from ((pattern, found) for found in re.finditer(pattern, text))
        text = re.sub(pattern, "", text)
    yield None, text


def unproved(text, truth):
    """Return the false sentences of a text, and numbers that belong to no known sentence."""
    *found, (_, text) = claims(text)
    wrong = [m.group() for pattern, m in found if not CLAIMS[pattern](truth, *m.groups())]
    for pattern in NO_CLAIM:
        text = re.sub(pattern, "", text)
    rest = re.findall(r"[^\n]{0,40}(?<![A-Za-z0-9])\d[^\n]{0,20}", text)
    return wrong + [f"unknown: {line}" for line in rest]
