"""The graph of a smooth offset: its components, and a bound of its spectral gap."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Graph:
    """An undirected graph on the rows 0..m-1: edges of weight > 0, components, a gap.

    gap is a lower bound of the least positive eigenvalue of the Laplacian L, or None if L = 0.
    Proof: let x sum to zero on a component of c vertices, and w be the least weight.  A path of
    at most c - 1 edges joins any two vertices i and j, so by Cauchy-Schwarz

        (x_i - x_j)^2 <= (c - 1) sum over the path of (x_a - x_b)^2 <= (c - 1) x^T L x / w.

    Summed over the c (c - 1) ordered pairs this is 2 c |x|^2 <= c (c - 1)^2 x^T L x / w.  So
    x^T L x >= 2 w / (c - 1)^2 |x|^2 on every component.
    """

    m: int
    edges: Sequence[int]  # i, j of each edge, flat
    weights: Sequence[float] | None
    labels: tuple[int, ...]
    gap: Fraction | None

    @property
    def components(self) -> int:
        """The number of components."""
        return max(self.labels) + 1

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield (i, j) of each edge."""
        return zip(self.edges[::2], self.edges[1::2], strict=True)


NO_GRAPH = Graph(0, (), None, (), None)


def components(m: int, edges: Sequence[int]) -> tuple[int, ...]:
    """Label each vertex with the number of its component, by merging along the edges."""
    parent = list(range(m))

    def top(i: int) -> int:
        """Return the root of a vertex, and shorten the path to it."""
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in zip(edges[::2], edges[1::2], strict=True):
        parent[top(i)] = top(j)
    numbers: dict[int, int] = {}
    return tuple(numbers.setdefault(top(i), len(numbers)) for i in range(m))
