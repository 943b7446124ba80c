"""Negative log-likelihoods: of labels, of classes and of counts."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from ..errors import demand, shown
from ..exp_log import FINE, ONE, Ends, ceil_shift, exp_at, floor_shift, log_at, xlogx
from ..scalars import Enclosure, power
from .base import Grains, Loss, Spans, common_grid, enclosed_sum


class Logistic(Loss):
    """h = ln(1 + e**z) - y z = ln(1 + e**x), where x = z if y = 0 and x = -z if y = 1.

    With a = -w or w respectively, c ln(1 + e**x) - a x is bounded below iff 0 <= a <= c.  Then it
    is at least c ln c - a ln a - b ln b, b = c - a (its value at e**x = a / b; a limit at the
    ends).  In a unit u of a, b and c = a + b, ln u cancels.
    """

    def allows(self, y: float) -> bool:
        """Accept 0 and 1."""
        return y in (0.0, 1.0)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c ln(1 + e**x); its slope in x is between 0 and 1."""
        places, ends = z.exp + FINE, []
        turned = [
            (-hi, -lo) if one else (lo, hi)
            for lo, hi, one in zip(z.los, z.his, y.ints, strict=True)
        ]
        xs = [floor_shift(lo, places) for lo, _ in turned]
        for x, (_, hi), (low, high), k in zip(
            xs, turned, self.by.softplus(xs), c.ints, strict=True
        ):
            wide = ceil_shift(hi, places) - x
            ends.append((k * low, k * (high + wide)))
        return enclosed_sum(ends, c.exp - FINE)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether 0 <= a <= c."""
        triples = zip(w, y.ints, c, strict=True)
        return all(0 <= (v if one else -v) <= x for v, one, x in triples)

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum c ln c - a ln a - b ln b."""
        del y
        kinds = [*set(c)]
        whole = dict(zip(kinds, self.by.xlogx(kinds), strict=True))
        ours = self.by.xlogx([abs(a) for a in w])
        others = self.by.xlogx([x - abs(a) for a, x in zip(w, c, strict=True)])
        terms = zip(c, ours, others, strict=True)
        return Fraction(sum(whole[x][0] - a[1] - b[1] for x, a, b in terms), ONE)


class Softmax(Loss):
    """h = ln(sum of e**z over a row) - z at the row's label; a row of y is one-hot.

    With q = c y - w, c ln sum e**z - <q, z> is bounded below iff q >= 0 and sum q = c (so
    sum w = 0).  Then it is at least c ln c - sum q ln q (Gibbs).  In a unit u, ln u cancels.
    """

    group = 0

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept rows with one 1 and zeros."""
        rows = (y[k : k + n] for k in range(0, len(y), n))
        return super().labels(y, n) and all(sum(row) == 1.0 for row in rows)

    def allows(self, y: float) -> bool:
        """Accept 0 and 1."""
        return y in (0.0, 1.0)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c (ln sum e**z - z_label)."""
        n, ends = len(z.los) // len(c.ints), []
        for i, k in enumerate(c.ints):
            part = slice(i * n, i * n + n)
            row = Spans(z.los[part], z.his[part], z.exp)
            low, high = _cross_entropy(row, y.ints[part].index(1))
            ends.append((k * low, k * high))
        return enclosed_sum(ends, c.exp - FINE)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether q >= 0 and sum w = 0, row by row."""
        return all(min(q) >= 0 and sum(q) == x for q, x in self._rows(w, y, c))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum c ln c - sum q ln q."""
        rows = self._rows(w, y, c)
        return Fraction(sum(xlogx(x)[0] - sum(xlogx(v)[1] for v in q) for q, x in rows), ONE)

    def _rows(
        self, w: Sequence[int], y: Grains, c: Sequence[int]
    ) -> Iterator[tuple[list[int], int]]:
        """Yield (q, c) of each row."""
        n = len(w) // max(len(c), 1)
        for i, x in enumerate(c):
            both = zip(w[i * n : i * n + n], y.ints[i * n : i * n + n], strict=True)
            yield [x * one - v for v, one in both], x


def _cross_entropy(z: Spans, label: int) -> Ends:
    """Enclose ln sum e**d, d = z - z_label, over intervals of z.

    At the lower ends of d, with M the largest of them (d = 0 at the label), it is M + ln S with
    S = sum e**(d - M) >= 1, where ln is 1-Lipschitz.  Up to the upper ends of d it grows by at
    most the widest interval.  For one class it is ln e**0 = 0.
    """
    if len(z.los) == 1:
        return 0, 0
    places = z.exp + FINE
    lows = [floor_shift(lo - z.his[label], places) for lo in z.los]
    highs = [ceil_shift(hi - z.los[label], places) for hi in z.his]
    lows[label] = highs[label] = 0
    top, low, high = max(lows), 0, 0
    for x in lows:
        lo, hi, k = exp_at(x - top)
        low, high = low + floor_shift(lo, k), high + ceil_shift(hi, k)
    ends = log_at(low, -FINE)
    wide = max(b - a for a, b in zip(lows, highs, strict=True))
    return top + ends[0], top + ends[1] + high - low + wide


class KullbackLeibler(Loss):
    """h = z - y ln z + y ln y - y, z >= 0 (z > 0 if y > 0), y >= 0.

    (c + w) z - c y ln z is bounded below iff w > -c, or w = -c and y = 0.  It is least at
    z = c y / (c + w); with the constants, d = c y ln((c + w) / c), and 0 if y = 0.
    """

    def allows(self, y: float) -> bool:
        """Accept y >= 0."""
        return y >= 0

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c (z - y + y (ln y - ln z))."""
        z, y = common_grid(z, y)
        ends = self.ends(z, y)
        weighted = ((k * low, k * high) for (low, high), k in zip(ends, c.ints, strict=True))
        return enclosed_sum(weighted, z.exp + c.exp - FINE)

    def ends(self, z: Spans, y: Grains) -> list[Ends]:
        """Enclose each h in units of 2**(exp - FINE), z and y on one grid.

        ln b <= ln a + (b - a) / a bounds the logarithms of the upper ends.
        """
        los, his, exp = z
        kinds, ends = [v for v in set(y.ints) if v], []
        known = dict(zip(kinds, self.by.logs(kinds, exp), strict=True))
        least = min(
            (lo if v else lo + (lo == 0) for lo, v in zip(los, y.ints, strict=True)), default=1
        )
        demand(least > 0, "fitted", "domain", f"{shown(least * power(exp))} or less")
        logs = iter(self.by.logs([lo for lo, v in zip(los, y.ints, strict=True) if v], exp))
        for lo, hi, v in zip(los, his, y.ints, strict=True):
            low, high = (lo - v) << FINE, (hi - v) << FINE
            if v:
                ours, theirs = known[v], next(logs)
                wide = -((lo - hi << FINE) // lo)
                low += v * (ours[0] - theirs[1] - wide)
                high += v * (ours[1] - theirs[0])
            ends.append((low, high))
        return ends

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether w >= -c, and w > -c where y > 0."""
        triples = zip(w, y.ints, c, strict=True)
        return all(v + x > 0 or v + x == one == 0 for v, one, x in triples)

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum c y ln((c + w) / c)."""
        kinds = [*set(c)]
        known = dict(zip(kinds, self.by.logs(kinds, 0), strict=True))
        counted = [(x + v, k, x) for v, k, x in zip(w, y.ints, c, strict=True) if k]
        logs = self.by.logs([v for v, _, _ in counted], 0)
        total = sum(
            x * k * (low - known[x][1]) for (_, k, x), (low, _) in zip(counted, logs, strict=True)
        )
        return Fraction(total) * power(y.exp - FINE)


class Poisson(Loss):
    """h = e**z - y z, y >= 0: the negative log-likelihood of counts, up to ln y!.

    With q = c y - w, c e**z - q z is bounded below iff q >= 0.  Then it is at least
    q - q ln(q / c), its value at e**z = q / c (0 in the limit q = 0).
    """

    signed = True

    def allows(self, y: float) -> bool:
        """Accept y >= 0."""
        return y >= 0

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c (e**z - y z); e**b <= e**a (1 + d + d**2), d = b - a <= 1."""
        places, parts = z.exp + FINE, []
        xs = [floor_shift(lo, places) for lo in z.los]
        for x, hi, (low, high, e), k in zip(xs, z.his, self.by.exps(xs), c.ints, strict=True):
            wide = ceil_shift(hi, places) - x
            demand(wide <= ONE, "fitted", "overflow", "an interval wider than 1")
            most = ceil_shift(high * (ONE * ONE + wide * ONE + wide * wide), -2 * FINE)
            parts.append((k * low, k * most, e - FINE))
        terms = zip(z.los, z.his, y.ints, c.ints, strict=True)
        linear = enclosed_sum(((-k * v * hi, -k * v * lo) for lo, hi, v, k in terms), z.exp + y.exp)
        return enclosed_apart(parts).plus(linear).times(power(c.exp))

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether q >= 0."""
        return all(q >= 0 for q, _ in self._means(w, y, c))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum q - q (ln q - ln c), on the grid of q."""
        spare = max(-y.exp, 0)
        known = {x: log_at(x << spare, 0)[0] for x in set(c)}
        means = [*self._means(w, y, c)]
        logs = self.by.xlogx([q for q, _ in means])
        total = sum(
            q * (ONE + known[x]) - high for (q, x), (_, high) in zip(means, logs, strict=True)
        )
        return Fraction(total) * power(-FINE - spare)

    def _means(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield (q, c) of each entry, in a unit that is finer if y has fractional bits."""
        up, spare = max(y.exp, 0), max(-y.exp, 0)
        for v, k, x in zip(w, y.ints, c, strict=True):
            yield x * (k << up) - (v << spare), x


def enclosed_apart(parts: list[tuple[int, int, int]]) -> Enclosure:
    """Enclose the sum of [lo, hi] * 2**exp, each with its own exponent."""
    grid = max((hi.bit_length() + e for _, hi, e in parts), default=0) - 2 * FINE
    return enclosed_sum(
        ((floor_shift(lo, e - grid), ceil_shift(hi, e - grid)) for lo, hi, e in parts), grid
    )
