"""The cases of drawn instances in which each claim was seen, equal and strict, and those missing.

A module names its cases by CASES, predicates of an instance.  In each case a claim `<=` has to be
seen equal and strict, a claim `<` strict, and a claim `==` at all; NEVER lists what cannot be.  A
generator that stops drawing a case, or a bound that stops being tight in one, is so noticed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ._base import Check, Module

ANY = "any"  # the case of every instance
EQUAL, STRICT = "equal", "strict"
SIDES = {"<=": (EQUAL, STRICT), "<": (STRICT,), "==": (EQUAL,)}
ENOUGH = 100  # drawn instances from which every cell is demanded
MOST = 2000  # instances drawn before a cell is called empty
BATCH = 25  # instances drawn with one seed

Case = Callable[[Any], bool]


class Cell(NamedTuple):
    """A claim in a case, equal or strict."""

    claim: str
    case: str
    side: str

    def __str__(self) -> str:
        case = "" if self.case == ANY else f" in the case {self.case!r}"
        return f"{self.claim}: {self.side}{case}"


def cells(module: Module, instance: object, checks: Iterable[Check]) -> set[Cell]:
    """Return the cells that an instance fills; a relation within its slack is equal."""
    cases = [ANY, *(name for name, holds in module.CASES.items() if holds(instance))]
    sides = {(c.claim, STRICT if abs(c.left - c.right) > c.slack else EQUAL) for c in checks}
    return {Cell(claim, case, side) for claim, side in sides for case in cases}


def demanded(module: Module, relations: dict[str, str]) -> Iterator[Cell]:
    """Yield the cells that drawn instances have to fill."""
    for claim, relation in relations.items():
        never = excluded(module, claim)
        for case in (ANY, *module.CASES):
            for side in SIDES[relation]:
                cell = Cell(claim, case, side)
                if cell not in never:
                    yield cell


def excluded(module: Module, claim: str) -> set[Cell]:
    """Return the cells of a claim that NEVER lists: of a case, or of one side of it."""
    found = set()
    for text in module.NEVER.get(claim, ()):
        case, _, side = text.rpartition(": ") if text.endswith((EQUAL, STRICT)) else (text, "", "")
        cases = (ANY, *module.CASES) if case == ANY else (case,)
        found |= {Cell(claim, c, s) for c in cases for s in ((side,) if side else (EQUAL, STRICT))}
    return found


def faults(module: Module, relations: dict[str, str], seen: Counter[Cell]) -> list[str]:
    """Return the empty cells, those that are filled though NEVER has them, and unknown names."""
    out = [f"{cell}: never seen" for cell in demanded(module, relations) if not seen[cell]]
    for claim in module.NEVER:
        if claim not in relations:
            out.append(f"NEVER names the claim {claim!r}, which is not tested")
        for cell in sorted(excluded(module, claim)):
            if cell.case not in (ANY, *module.CASES):
                out.append(f"NEVER names the case {cell.case!r}, which is none")
            if seen[cell]:
                out.append(f"{cell}: seen {seen[cell]} times, though it is listed as impossible")
    return out


def counted(what: str, count: Callable[[Any], int]) -> dict[str, Case]:
    """Return the cases none, one and several."""
    return {
        f"no {what}": lambda i: count(i) == 0,
        f"one {what}": lambda i: count(i) == 1,
        f"several {what}s": lambda i: count(i) > 1,
    }


def among(what: str, key: Callable[[Any], object], options: Iterable[object]) -> dict[str, Case]:
    """Return a case for each option."""
    return {f"{what} {option}": lambda i, option=option: key(i) == option for option in options}


def order(left: str, right: str, signed: Callable[[Any], Any]) -> dict[str, Case]:
    """Return the cases <, = and > by the sign of left - right."""
    return {
        f"{left} < {right}": lambda i: signed(i) < 0,
        f"{left} = {right}": lambda i: signed(i) == 0,
        f"{left} > {right}": lambda i: signed(i) > 0,
    }
