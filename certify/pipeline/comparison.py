"""A comparison of fits by proved brackets, as a record, a table and a plot."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from certify.atoms import Atom, Factors
from certify.base.errors import InputError
from certify.base.extras import optional
from certify.kernel.scalars import Enclosure
from certify.polar.proved import above, below

from .certificate.file import Certificate, write_atomically
from .certificate.verdict import Verdict, exact_epsilon
from .numbers import at_least, at_most, digits_of, excess, per_cent
from .report import environment
from .result import Result
from .sizes import HEAD, SizeBracket, draw_sizes, sufficient_size, too_few

PAGE = "html"
FORMATS = ("png", "svg", "pdf", PAGE)
HEADS = ("objective", "above the optimum by", "explained", "status", "same as")
SHOWN = ("lower", "upper", "excess", "explained", "same", "status")  # of a fit, as plain values


@dataclass(frozen=True)
class Fit:
    """One fit among others; every number is proved.

    size     the number of nonzero components
    lower    lower <= f(fit) <= upper
    excess   (low, high): low <= f(fit) - optimum <= high
    same     the fits whose objectives are within epsilon of this one's, including itself
    status   what is proved of this fit: "optimal" (within epsilon of the optimum), "worse" (above
             the optimum by more than epsilon), or "open" (neither)
    explained   the share of the variance for `upper`, rounded down; only for least squares
    """

    index: int
    size: int
    lower: float
    upper: float
    excess: tuple[float, float]
    same: tuple[int, ...]
    status: str
    explained: float | None = None


@dataclass(frozen=True)
class RestartReport:
    """Fits against one lower bound of the optimum over all sizes.

    lower        lower <= inf over all sizes <= upper <= f of every fit
    fits         in the order given
    verdict      CERTIFIED if a fit is proved optimal, else check()'s verdict on the best fit
    result       the check() that proved `lower`
    better       factors that are proved better than every fit, if no fit is proved optimal
    why          the reason of check()'s verdict on the best fit
    rank         at lam = 0 the size of the largest fit: the bound is over rank at most that
    atom         the problem's atom, which names the components
    sizes        a bracket for each number of components, if they were asked for
    tolerances   rtol and atol: two objectives are equal if within max(atol, rtol |objective|)
    explained    the share of the variance for `lower`, rounded up; a penalty counts as not
                 explained; only for least squares
    any_offsets  whether the problem has offsets, over whose values the bound holds too
    """

    lower: float
    upper: float
    fits: tuple[Fit, ...]
    verdict: Verdict
    result: Result
    better: Factors | None
    why: str = ""
    rank: int | None = None
    atom: Atom | type[Atom] = Atom
    sizes: tuple[SizeBracket, ...] = ()
    tolerances: tuple[float, float] = (0.0, 0.0)
    explained: float | None = None
    any_offsets: bool = False

    @property
    def over(self) -> str:
        """The factors over which the bound holds, in words."""
        return self.atom.over(self.rank) + " and any offsets" * self.any_offsets

    @property
    def which(self) -> str:
        """The number of components that comes near the lowest objective, in a sentence.

        It follows from `sizes` alone: the fits themselves say nothing of other factors.
        """
        if not self.sizes:
            return ""
        near = partial(exact_epsilon, tolerances=self.tolerances)
        few, least = too_few(self.sizes, near), sufficient_size(self.sizes, near)
        lowest = at_most(self.sizes[-1].upper)
        first = f"{self.atom.count(least)} {'comes' if least == 1 else 'come'} within epsilon"
        most = self.atom.over(self.sizes[-1].size)
        first = f"{first} of the lowest objective found of {most}, {lowest} or less"
        return first if few is None else f"{first}; it is proved that {few} cannot"

    @property
    def best(self) -> Fit:
        """The fit of the lowest objective."""
        return min(self.fits, key=lambda f: (f.upper, f.index))

    @property
    def optimal(self) -> tuple[int, ...]:
        """The fits proved optimal."""
        return tuple(f.index for f in self.fits if f.status == "optimal")

    @property
    def smallest(self) -> int | None:
        """The fewest components of a fit that is proved optimal; other fits may need fewer."""
        return min((self.fits[k].size for k in self.optimal), default=None)

    @property
    def stop(self) -> bool:
        """Whether it is proved that no restart can be better by more than epsilon."""
        return bool(self.optimal)

    @property
    def certificate(self) -> Certificate | None:
        """The certificate of the bound."""
        return self.result.certificate

    @property
    def advice(self) -> str:
        """What is proved of these fits, and what to do, in a sentence."""
        if self.stop:
            end = "proved to be within epsilon of the optimum"
            return f"stop restarting: {self.proved_optimal} {end} over {self.over}"
        best = self.best
        most = at_most(best.excess[1], 3)
        if self.better is None:
            return f"open: fit {best.index} is at most {most} above the optimum; {self.why}"
        size = self.better[0].shape[-1]
        verb = "reaches" if size == 1 else "reach"
        reach = f"{self.atom.count(size)} {verb} at most {at_most(self.upper)}"
        found = f"better factors are proved ({reach}); improve() continues"
        if all(f.status == "worse" for f in self.fits):
            return f"no fit is optimal: {found}"
        least = at_least(best.excess[0], 3)
        return f"open: fit {best.index} is {least} to {most} above the optimum; {found}"

    @property
    def proved_optimal(self) -> str:
        """Name the fits that are proved optimal, and the one that has the fewest components."""
        first, *others = self.optimal
        if not others:
            return f"fit {first} is"
        names = f"fits {', '.join(map(str, self.optimal[:-1]))} and {self.optimal[-1]}"
        sizes = {self.fits[k].size for k in self.optimal}
        if len(sizes) == 1:
            return f"{names} are"
        k = min(self.optimal, key=lambda k: (self.fits[k].size, k))
        fewest = f"(fit {k} has the fewest {self.atom.components()} of them, {self.fits[k].size})"
        return f"{names} {fewest} are"

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "verdict": self.verdict.name,
            "lower": self.lower,
            "upper": self.upper,
            "rank": self.rank,
            "over": self.over,
            "explained_at_most": self.explained,
            "optimal": list(self.optimal),
            "smallest": self.smallest,
            "stop": self.stop,
            "reason": self.advice,
            "which": self.which,
            "sizes": [s.as_dict() for s in self.sizes],
            "fits": [
                {"fit": f.index, "components": f.size} | {k: getattr(f, k) for k in SHOWN}
                for f in self.fits
            ],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table, a heading first."""
        return [("fit", self.atom.components(), *HEADS), *(row(f, self) for f in self.fits)]

    def curve(self) -> list[tuple[str, ...]]:
        """Return the table of sizes, a heading first."""
        return [(self.atom.components(), *HEAD), *(s.row() for s in self.sizes)]

    @property
    def bound(self) -> str:
        """The common bound of all fits, in a sentence."""
        text = f"optimum over {self.over} >= {at_least(self.lower)}"
        if self.explained is None:
            return text
        note = " (the penalty counts as not explained)" if self.rank is None else ""
        return f"{text}: explained variance at most {at_most(per_cent(self.explained), 5)} %{note}"

    def __repr__(self) -> str:
        """Show the table, the bound and what to do."""
        lines = [*columns(self.rows()), self.bound, self.advice]
        more = [*columns(self.curve()), self.which] if self.sizes else []
        return "\n".join(lines + more)

    def plot(self, path: str | Path) -> int:
        """Draw each fit's objective above the common bound; return the size in bytes.

        If there are brackets for each size, draw these against the number of components.  A page
        (.html) also has the tables and the bound in words.

        Raises InputError for another format than .png, .svg, .pdf or .html, a file that cannot
        be written, or without matplotlib and jinja2.
        """
        kind, figure = plottable(path)
        buffer = io.BytesIO()
        canvas = figure(figsize=(7, 4), layout="constrained")
        done = draw_sizes(self.sizes, canvas) if self.sizes else draw(self, canvas)
        done.savefig(buffer, format="png" if kind == PAGE else kind, dpi=150)
        blob = buffer.getvalue()
        if kind == PAGE:
            blob = page(self, f"data:image/png;base64,{base64.b64encode(blob).decode()}").encode()
        write_atomically(Path(path), blob)
        return len(blob)


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table, its columns aligned."""
    widths = [max(len(r[k]) for r in rows) for k in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]


def plottable(path: str | Path) -> tuple[str, Any]:
    """Return the format of a plot by its file name, and matplotlib's Figure.

    Raises InputError for another format than .png, .svg, .pdf or .html, or without matplotlib.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        known = ", ".join(f".{k}" for k in FORMATS)
        raise InputError(f"a plot must be one of {known}, got {path}")
    return kind, optional("matplotlib.figure", "matplotlib", "report").Figure


def page(report: RestartReport, picture: str) -> str:
    """Return the report as HTML; picture: the plot, as a data URI."""
    source = files(__package__).joinpath("report", "restarts.html.jinja").read_text("utf-8")
    tables = {"The fits": report.rows(), "Each number of components": report.curve()}
    shown = {name: rows for name, rows in tables.items() if len(rows) > 1}
    context = {"report": report, "tables": shown, "picture": picture}
    return str(environment().from_string(source).render(**context))


def row(f: Fit, report: RestartReport) -> tuple[str, ...]:
    """Return a line of the table."""
    others = ", ".join(str(k) for k in f.same if k != f.index)
    shared = "–" if f.explained is None else f"{at_least(per_cent(f.explained), 5)} %"
    return str(f.index), str(f.size), at_most(f.upper), away(f, report), shared, f.status, others


def away(f: Fit, report: RestartReport) -> str:
    """Say how far above the optimum a fit is; in per cent of it if the bound is positive."""
    (low, high), most = f.excess, excess(report.lower, f.upper)
    if not most.endswith("%"):
        return f"{at_least(low, 3)} to {at_most(high, 3)}" if low else f"at most {at_most(high, 3)}"
    if not low:
        return f"at most {most}"
    least = 100 * Fraction(low) / Fraction(report.upper)  # upper >= the optimum > 0
    return f"{at_least(least, digits_of(least))} to {most}"


def conclude(
    per_fit: tuple[Sequence[Enclosure], Sequence[int]],
    results: Sequence[tuple[int, Result]],
    better: tuple[Enclosure, Factors] | None,
    tolerances: tuple[float, float],
) -> RestartReport:
    """Return the report that follows from proved numbers, in exact arithmetic.

    per_fit  the enclosed objective and the size of each fit
    results  (fit, its check()), the best fit first
    better   the objective and the factors of the best point that a check() proved
    """
    values, sizes = per_fit
    top = max(results, key=lambda pair: pair[1].lower)[1]
    bound = Fraction(top.lower)
    least = min([v.hi for v in values] + ([] if better is None else [better[0].hi]))
    same = alike(values, tolerances)
    certified = {k for k, r in results if r.verdict is Verdict.CERTIFIED}  # before any rounding
    fits = []
    for k, v in enumerate(values):
        low, high = max(v.lo - least, Fraction(0)), v.hi - bound
        near = k in certified or high <= exact_epsilon(v.hi, tolerances)
        status = (
            "optimal" if near else ("worse" if low > exact_epsilon(least, tolerances) else "open")
        )
        excess = (below(low), above(high))
        fits.append(Fit(k, sizes[k], below(v.lo), above(v.hi), excess, same[k], status))
    optimal = any(f.status == "optimal" for f in fits)
    verdict = Verdict.CERTIFIED if optimal else results[0][1].verdict
    factors = better[1] if better is not None and better[0].hi <= least and not optimal else None
    why = results[0][1].reason
    return RestartReport(top.lower, above(least), tuple(fits), verdict, top, factors, why)


def alike(values: Sequence[Enclosure], tolerances: tuple[float, float]) -> list[tuple[int, ...]]:
    """Return for each fit those with the same value, proved within epsilon, including itself."""

    def near(v: Enclosure, w: Enclosure) -> bool:
        """Whether two values are within epsilon."""
        top = max(v.hi, w.hi)
        return top - min(v.lo, w.lo) <= exact_epsilon(top, tolerances)

    pairs = list(enumerate(values))
    return [tuple(j for j, w in pairs if j == k or near(v, w)) for k, v in pairs]


def draw(report: RestartReport, figure: Any) -> Any:  # noqa: ANN401  a matplotlib Figure
    """Draw a mark for each fit and a line at the bound."""
    axes = figure.subplots()
    for status, colour, mark in (
        ("optimal", "tab:green", "o"),
        ("open", "tab:orange", "s"),
        ("worse", "tab:red", "x"),
    ):
        group = [f for f in report.fits if f.status == status]
        at, heights = [f.index for f in group], [f.upper for f in group]
        if group:
            axes.scatter(at, heights, color=colour, marker=mark, label=status)
    axes.axhline(report.lower, color="black", lw=1, label="proved lower bound")
    for f in report.fits:
        axes.annotate(f"{f.size}", (f.index, f.upper), xytext=(4, 4), textcoords="offset points")
    axes.set(xlabel="fit (number beside a mark: components)", ylabel="objective")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return figure
