"""The cells that the planes v_k.u = 0 cut from d-space, in rationals; and their number."""

from functools import lru_cache

from ._exact import dot
from ._linear import Matrix, dependences, exact, transposed
from ._rays import both, edges, parallel

Cell = tuple[int, ...]  # +1 where v_k.u >= 0, else -1


@lru_cache(maxsize=64)
def cells(V: Matrix) -> tuple[Cell, ...]:
    """Return every sign pattern of V u that an open set of u has.

    With the axes' planes every cell has an edge. Near an edge u the planes through u cut as they
    cut the space orthogonal to u; for every other plane the side is that of u.
    """
    if len(V[0]) == 1:
        return tuple(dict.fromkeys(tuple(sign(s * v[0]) for v in V) for s in (1, -1)))
    found = {}
    for u in both(edges(V)):
        basis = list(dependences(transposed([u])))
        here = [dot(v, u) for v in V]
        through = tuple(
            exact([dot(v, b) for b in basis]) for v, x in zip(V, here, strict=True) if not x
        )
        for part in cells(through) if through else ((),):
            sides = iter(part)
            found[tuple(sign(x) if x else next(sides) for x in here)] = None
    return tuple(found)


def sign(x: object) -> int:
    """Return 1 for x >= 0, else -1."""
    return 1 if x >= 0 else -1  # type: ignore[operator]  # a Fraction


def regions(V: Matrix) -> int:
    """Return the number of cells by deletion and restriction, without listing them.

    A plane that is added cuts as many cells in two as the other planes cut from it.
    """
    planes: list[tuple] = []
    for v in V:
        if any(v) and not any(parallel(v, w) for w in planes):
            planes.append(v)
    count = 1
    for k, v in enumerate(planes):
        basis = list(dependences(transposed([v])))
        count += regions([exact([dot(w, b) for b in basis]) for w in planes[:k]])
    return count
