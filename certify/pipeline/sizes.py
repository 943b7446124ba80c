"""The least objective against the number of components: a proved bracket for each size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any

from certify.atoms import Factors
from certify.kernel.scalars import Enclosure
from certify.polar.proved import above, below
from certify.problem import Problem, Values

from .numbers import at_least, at_most, per_cent
from .own_size_result import ExplainedVariance, explained_variance
from .result import Result

Judge = Callable[[Factors, Values], Result]


@dataclass(frozen=True)
class SizeBracket:
    """A proved bracket for at most `size` components.

        lower <= inf { f(X) : X of at most `size` components } <= upper <= objective

    fit        the best fit of this size; objective: the upper bound of its objective
    upper      that of the best fit of at most `size` components, or of better factors found
    better     these better factors; None if a fit is the best
    explained  the shares of the variance for least squares; else None
    """

    size: int
    fit: int
    objective: float
    lower: float
    upper: float
    better: Factors | None = None
    explained: ExplainedVariance | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the bracket as plain values."""
        names = ("size", "fit", "objective", "lower", "upper")
        shares = self.explained and list(self.explained)
        return {k: getattr(self, k) for k in names} | {"explained": shares}

    def row(self) -> tuple[str, ...]:
        """Return a line of the table."""
        shares = self.explained
        percent = ""
        if shares is not None:
            yours, most = map(per_cent, shares)
            percent = f"{at_least(yours, 5)} to {at_most(most, 5)} %"
        bounds = at_least(self.lower), at_most(self.upper)
        return str(self.size), str(self.fit), at_most(self.objective), *bounds, percent


HEAD = ("best fit", "objective", "no fewer than", "best found", "explained variance")


def brackets(
    problem: Problem, fits: Sequence[tuple[Factors, Values, Enclosure]], judge: Judge
) -> tuple[SizeBracket, ...]:
    """Return a bracket for each size among the fits, the smallest first.

    fits  the factors without zero components, the offsets and the enclosed objective of each fit

    A lower bound for more components holds for fewer components, too.
    """
    best: dict[int, int] = {}
    for k, (x, _, value) in enumerate(fits):
        r = x[0].shape[-1]
        if r not in best or value.hi < fits[best[r]][2].hi:
            best[r] = k
    sizes = sorted(best)
    answers = [judge(*fits[best[r]][:2]).own_size for r in sizes]
    lower = [*accumulate([Fraction(a.lower) for a in reversed(answers)], max)][::-1]
    uppers: list[tuple[Fraction, Factors | None]] = []
    for r, answer in zip(sizes, answers, strict=True):
        met = [(fits[best[r]][2].hi, None), *uppers[-1:]]
        if answer.better is not None and answer.better_upper is not None:
            met.append((Fraction(answer.better_upper), answer.better))
        uppers.append(min(met, key=lambda pair: pair[0]))
    out = []
    for r, low, (high, better) in zip(sizes, lower, uppers, strict=True):
        ends = below(low), above(high)
        objective = above(fits[best[r]][2].hi)
        shares = explained_variance(problem, *ends)
        out.append(SizeBracket(r, best[r], objective, *ends, better, shares))
    return tuple(out)


def too_few(sizes: Sequence[SizeBracket], near: Callable[[Fraction], Fraction]) -> int | None:
    """Return the largest size that is proved not to come near the lowest objective, if any.

    near  near(value): the distance that counts as equal
    """
    least = Fraction(sizes[-1].upper)
    wrong = [s.size for s in sizes if Fraction(s.lower) > least + near(least)]
    return max(wrong, default=None)


def sufficient_size(sizes: Sequence[SizeBracket], near: Callable[[Fraction], Fraction]) -> int:
    """Return the least size with known factors near the lowest objective."""
    least = Fraction(sizes[-1].upper)
    return min(s.size for s in sizes if Fraction(s.upper) <= least + near(least))


def draw_sizes(sizes: Sequence[SizeBracket], figure: Any) -> Any:  # noqa: ANN401  matplotlib's
    """Draw the fits, the best objectives and the bounds against the number of components."""
    axes = figure.subplots()
    at = [s.size for s in sizes]
    low, high = ([getattr(s, k) for s in sizes] for k in ("lower", "upper"))
    axes.fill_between(at, low, high, color="tab:blue", alpha=0.15, label="the least lies here")
    axes.plot(at, high, color="tab:blue", marker="o", label="best found")
    axes.plot(at, low, color="black", marker="_", label="proved: none below")
    axes.scatter(at, [s.objective for s in sizes], color="tab:orange", marker="x", label="best fit")
    axes.set(xlabel="components", ylabel="objective", ylim=(0, None) if min(low) >= 0 else None)
    axes.set_xticks(at)
    axes.legend()
    return figure
