"""A plot as inline SVG: colours are classes, so that light and dark are one drawing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

STYLE = """
svg.plot{--ink:#1f2328;--quiet:#59636e;--rule:#d1d9e0;--a:#0b62c4;--b:#b93a00;--c:#14713a}
@media (prefers-color-scheme:dark){
svg.plot{--ink:#e6edf3;--quiet:#9aa6b2;--rule:#3a434d;--a:#6cb6ff;--b:#ff9d66;--c:#6fdd8b}}
svg.plot text{font:11px system-ui,sans-serif;fill:var(--ink)}
svg.plot .quiet{fill:var(--quiet)}
svg.plot .rule{stroke:var(--rule);fill:none}
svg.plot .a,svg.plot .b,svg.plot .c{fill:none;stroke-width:2;stroke-linejoin:round}
svg.plot .a{stroke:var(--a)}svg.plot .b{stroke:var(--b)}svg.plot .c{stroke:var(--c)}
svg.plot .dash{stroke-dasharray:5 4}
svg.plot .a.area,svg.plot .a.dot{fill:var(--a)}svg.plot .b.area,svg.plot .b.dot{fill:var(--b)}
svg.plot .c.area,svg.plot .c.dot{fill:var(--c)}
svg.plot .area{fill-opacity:.15;stroke-width:1}
svg.plot text.a{fill:var(--a)}svg.plot text.b{fill:var(--b)}svg.plot text.c{fill:var(--c)}
svg.plot text.a,svg.plot text.b,svg.plot text.c{stroke:none}
"""
WIDTH = 340
Point = tuple[float, float]


@dataclass
class Plot:
    """A panel of width x height pixels that shows [x0, x1] x [y0, y1].

    `left`, `top`, `right` and `bottom` are margins for ticks and labels.
    """

    x: Point
    y: Point
    width: float = WIDTH
    height: float = 220
    left: float = 34
    right: float = 10
    top: float = 22
    bottom: float = 30
    parts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """Return where (x, y) is, in pixels."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        wide, high = self.width - self.left - self.right, self.height - self.top - self.bottom
        return round(self.left + wide * across, 1), round(self.top + high * (1 - up), 1)

    def _points(self, points: Iterable[Point]) -> str:
        return " ".join("{:g},{:g}".format(*self.at(*p)) for p in points)

    def line(self, points: Iterable[Point], kind: str) -> None:
        """Draw a line through the points; kind is a, b or c, with dash behind it or not."""
        self.parts.append(f'<polyline class="{kind}" points="{self._points(points)}"/>')

    def area(self, points: Iterable[Point], kind: str) -> None:
        """Fill a polygon."""
        self.parts.append(f'<polygon class="{kind} area" points="{self._points(points)}"/>')

    def dots(self, points: Iterable[Point], kind: str, size: float = 3) -> None:
        """Draw dots."""
        for p in points:
            x, y = self.at(*p)
            self.parts.append(f'<circle class="{kind} dot" cx="{x:g}" cy="{y:g}" r="{size:g}"/>')

    def text(self, place: Point, words: str, kind: str = "", anchor: str = "start") -> None:
        """Write words at a point of the plot."""
        self._write(self.at(*place), words, kind, anchor)

    def _write(self, at: Point, words: str, kind: str, anchor: str) -> None:
        x, y = at
        told = escape(words)
        self.parts.append(
            f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{told}</text>'
        )

    def axes(self, xs: Sequence[float], ys: Sequence[float], below: str, above: str) -> None:
        """Draw rules at the ticks, and label the axes."""
        for x in xs:
            (a, b), (c, d) = self.at(x, self.y[0]), self.at(x, self.y[1])
            self.parts.append(f'<path class="rule" d="M{a:g} {b:g}L{c:g} {d:g}"/>')
            self._write((a, b + 13), f"{x:.3g}", "quiet", "middle")
        for y in ys:
            (a, b), (c, d) = self.at(self.x[0], y), self.at(self.x[1], y)
            self.parts.append(f'<path class="rule" d="M{a:g} {b:g}L{c:g} {d:g}"/>')
            self._write((a - 5, b + 4), f"{y:.3g}", "quiet", "end")
        end = self.width - self.right
        self._write((end, self.height - 4), below, "quiet", "end")
        self._write((4, 12), above, "quiet", "start")

    def title(self, words: str) -> None:
        """Write above the panel, in its middle."""
        middle = (self.left + self.width - self.right) / 2
        self._write((middle, 13), words, "", "middle")


def svg(panels: Sequence[Plot], said: str, *, alone: bool = False) -> str:
    """Return the panels in rows of at most WIDTH; `alone` adds the style, for a file.

    WIDTH is that of a narrow screen, so nothing is scaled down there.
    """
    groups, across, down, high = [], 0.0, 0.0, 0.0
    for p in panels:
        if across + p.width > WIDTH:
            across, down, high = 0.0, down + high, 0.0
        groups.append(f'<g transform="translate({across:g} {down:g})">{"".join(p.parts)}</g>')
        across, high = across + p.width, max(high, p.height)
    space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    style = f"<style>{STYLE}</style>" if alone else ""
    return (
        f'<svg{space} class="plot" viewBox="0 0 {WIDTH} {down + high:g}" role="img" '
        f'aria-label="{escape(said)}">{style}{"".join(groups)}</svg>'
    )
