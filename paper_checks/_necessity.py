"""Whether a counterexample is valid: it refutes the dropped hypothesis and proves the others."""

from collections.abc import Iterator
from dataclasses import replace

from ._base import Check, Counterexample, Module
from ._polynomial import UndecidedError


class NoCounterexampleError(ValueError):
    """A counterexample that lacks more than one hypothesis, or none, or breaks no claim."""


def broken(module: Module, example: Counterexample) -> Check:
    """Return the false conclusion; NoCounterexampleError says what is wrong with the example."""
    name = example.dropped
    if name not in module.STATEMENT.needs:
        raise NoCounterexampleError(f"there is no hypothesis {name!r}")
    try:
        return _broken(module, example)
    except UndecidedError as undecided:
        raise NoCounterexampleError(f"without {name!r}: {undecided}") from None


def _broken(module: Module, example: Counterexample) -> Check:
    name = example.dropped
    conclusion = example.conclusion(example.instance)
    if conclusion.true() or conclusion.slack:
        raise NoCounterexampleError(f"without {name!r} it is true: {written(conclusion)}")
    for other in assumed(module, conclusion.claim, name):
        checks = list(module.HYPOTHESES[other](example.instance))
        lost = [c for c in checks if not c.true()]
        wanted = other != name and name not in contained(module, other)
        if not checks or any(c.slack for c in checks):
            raise NoCounterexampleError(f"without {name!r}: {other!r} is not decided exactly")
        if lost and wanted:
            raise NoCounterexampleError(f"without {name!r}: {other!r} fails: {written(lost[0])}")
        if not lost and not wanted:
            raise NoCounterexampleError(f"without {name!r}: {other!r} holds")
    return replace(conclusion, dropped=name)


def assumed(module: Module, claim: str, dropped: str) -> Iterator[str]:
    """Yield the hypotheses of a claim; the dropped one is among them."""
    rests = module.STATEMENT.rests.get(claim, tuple(module.STATEMENT.needs))
    if dropped not in rests:
        raise NoCounterexampleError(f"{claim!r} does not rest on {dropped!r}")
    yield from rests


def contained(module: Module, name: str) -> set[str]:
    """Return the hypotheses that one contains, directly or through others."""
    found: set[str] = set()
    for other in module.STATEMENT.implies.get(name, ()):
        found |= {other, *contained(module, other)}
    return found


def written(check: Check) -> str:
    """Return a relation as text."""
    return f"{check.claim}: {check.left} {check.relation} {check.right}"
