"""Hypothesis strategies of small rationals; zero and equal entries are as likely as any."""

from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ._exact import Matrix, Vector


def rationals(low: int = -6, high: int = 6) -> SearchStrategy[Fraction]:
    """Draw a / b with a in [low, high] and b in {1, 2, 3}."""
    return st.builds(Fraction, st.integers(low, high), st.integers(1, 3))


RATIONALS = rationals()


def positives(high: int = 12) -> SearchStrategy[Fraction]:
    """Draw a / b > 0."""
    return st.builds(Fraction, st.integers(1, high), st.integers(1, high))


def vectors(n: int, entries: SearchStrategy[Fraction] = RATIONALS) -> SearchStrategy[Vector]:
    """Draw a vector of length n."""
    return st.lists(entries, min_size=n, max_size=n)


def matrices(
    m: int, n: int, entries: SearchStrategy[Fraction] = RATIONALS
) -> SearchStrategy[Matrix]:
    """Draw an m x n matrix, as a list of rows."""
    return st.lists(vectors(n, entries), min_size=m, max_size=m)


def slices(
    m: int, n: int, most: int, entries: SearchStrategy[Fraction] = RATIONALS
) -> SearchStrategy[tuple[list[Vector], list[Vector]]]:
    """Draw factors (us, vs) of at most `most` slices u v^T of shape (m, n)."""
    pair = st.tuples(vectors(m, entries), vectors(n, entries))
    return st.lists(pair, max_size=most).map(lambda ps: ([p[0] for p in ps], [p[1] for p in ps]))
