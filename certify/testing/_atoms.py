"""check_atom: test an atom against the contract of atoms/_base.py."""

from collections.abc import Callable, Iterable
from itertools import product

from hypothesis import strategies as st

from certify.atoms import Atom
from certify.base.arrays import Array, short
from certify.base.errors import InputError

from . import _polars as polars
from . import _slices as slices
from ._contract import Book, ContractError, Report, example_count, over
from ._exact import KERNEL, ROUNDED, Scale, scale_of

Shape = tuple[int, ...]
FEW, ROWS = 3, 9  # columns and rows of the matrices that are tried
SHARE = 8  # slices for each polar that is drawn
SHRINK = 240  # smaller examples that are tried after a failure
SIMPLE = 4  # the simplest shapes, in which a failure is searched for again
INFINITE = "not covered: every bound that was returned is infinite"
UNTRIED = {
    slices.FREE: "not covered: some W have an infinite polar, by dual=",
    polars.BELOW: INFINITE,
    polars.ABOVE: INFINITE,
    polars.DOMINATED: INFINITE,
    polars.SPARSE: "not covered: no sparse tensors",
}


def check_atom(
    atom: Atom,
    *,
    shapes: Iterable[Shape] | None = None,
    dual: Callable[[Array], Array] | None = None,
    examples: int = 100,
    seed: int = 0,
) -> Report:
    """Test an atom against its contract on small instances, and return a report.

    shapes    shapes of data; by default small ones that `atom.check` accepts
    dual      maps W to one where the polar is finite, if it is not finite everywhere
    examples  the number of slices; there is one W, whose search is long, for eight of them

    Raises ContractError for a clause that fails, on a small instance, with both figures;
    InputError if the atom accepts none of the shapes.
    """
    if not isinstance(atom, Atom):
        raise InputError(f"atom must be an Atom, got {short(atom)}")
    count, known = example_count(examples), accepted_shapes(atom, shapes)
    tries = count, (seed, SHRINK)
    book = Book((*slices.CLAUSES, *polars.CLAUSES), how_decided(atom, scale_of(atom, known[0])))

    def prices(subset: list[Shape]) -> None:
        """Test the clauses about slices, on data of some shapes."""
        drawn = slices.examples(atom, st.sampled_from(subset))
        over(drawn, lambda x: slices.check_slices(book, atom, x, everywhere=not dual), *tries)

    smallest(prices, known)
    queries = polars.examples(atom, st.sampled_from(known), dual or (lambda W: W))
    share = -(-count // SHARE), (seed, SHRINK // SHARE)
    over(queries, lambda x: polars.check_polar(book, atom, x, seed), *share)
    book.how |= {c.name: why for c, why in UNTRIED.items() if not book.counts[c.name]}
    return book.report(atom)


def smallest(run: Callable[[list[Shape]], None], known: list[Shape]) -> None:
    """Run on all shapes; a failure is searched for among the simplest shapes, too."""
    try:
        run(known)
    except ContractError as error:
        for shape in known[:SIMPLE]:
            try:
                run([shape])
            except ContractError as other:
                if other.clause == error.clause:
                    raise other from None
        raise


def accepted_shapes(atom: Atom, shapes: Iterable[Shape] | None) -> list[Shape]:
    """Return the shapes that the atom accepts, simplest first; tensors only if no matrix is."""
    tried = [tuple(s) for s in shapes or ()]
    if valid := [s for s in tried if takes(atom, s)]:
        return valid
    if not tried:
        sides = range(1, FEW + 1)
        for candidates in (
            product(range(1, ROWS + 1), sides),
            product(sides, repeat=3),
            product(sides[:2], repeat=4),
        ):
            if valid := [s for s in candidates if takes(atom, s)]:
                small = [s for s in valid if max(s) <= FEW]
                return sorted(small or valid, key=sum)
    name = type(atom).__name__
    raise InputError(f"{name} takes none of the shapes {tried or 'tried'}: give shapes=[...]")


def takes(atom: Atom, shape: Shape) -> bool:
    """Whether the atom accepts data of a shape."""
    try:
        atom.check(shape)
        list(atom.shapes(shape))
    except (InputError, ValueError, IndexError):
        return False
    return True


def how_decided(atom: Atom, scale: Scale) -> dict[str, str]:
    """Return how each clause is decided."""
    how = {c.name: ROUNDED for c in slices.ROUGH}
    how |= {c.name: scale.words for c in polars.CLAUSES}
    if scale.how != KERNEL:
        how[slices.WORDS.name] = "not covered: the kernel has no words for it"
    if slices.other_form(atom) is None:
        how |= {c.name: "not covered: it has one form" for c in (slices.FORMS, polars.TWINS)}
    return how
