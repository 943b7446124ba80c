"""Run one statement: its named instances once, and instances drawn by Hypothesis."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from time import perf_counter
from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from ._base import ZERO, Check, Module, Statement
from ._cases import BATCH, ENOUGH, MOST, Cell, cells, demanded, faults
from ._formal import checked, machine_proved, proves_all
from ._necessity import NoCounterexampleError, broken

PROVED = "machine-proved"
PARTLY = "machine-proved in part"
EXACT = "exact on instances"
FLOATS = "property-tested in floats with derived slack"
CHECKED = "checked end to end"
NEEDED = "necessity shown"
UNCOVERED = "not covered"
FAILS = "fails"


@dataclass(frozen=True)
class Failure:
    """A false relation with the shrunk instance, or in words what else is wrong."""

    check: Check | None
    instance: str

    def __str__(self) -> str:
        c = self.check
        if c is None:
            return self.instance
        slack = f" + {c.slack}" if c.slack else ""
        told = f"{c.claim}: {c.left} {c.relation} {c.right}{slack}"
        if c.dropped:
            return f"{told} without {c.dropped!r} is true: no counterexample  ({self.instance})"
        return f"{told} is false  ({self.instance})"


@dataclass
class Claim:
    """One claim of a statement: its relation, how often it was tested, and its largest slack."""

    relation: str
    tested: int = 0
    slack: Fraction = ZERO
    why: str = ""

    def add(self, check: Check) -> None:
        """Count one instance."""
        self.tested += 1
        if check.slack > self.slack:
            self.slack, self.why = check.slack, check.why


@dataclass
class Outcome:
    """The result of a run: examples drawn, relations tested by claim, failures, seconds.

    needed    the hypotheses with a valid counterexample; theorems: the formal proofs that are built
    seen      in how many drawn instances each cell was seen; demanded: the cells that have to be
    """

    name: str
    statement: Statement
    theorems: tuple[str, ...] = ()
    examples: int = 0
    seconds: float = 0.0
    claims: dict[str, Claim] = field(default_factory=dict)
    needed: dict[str, Check] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    seen: Counter[Cell] = field(default_factory=Counter)
    demanded: tuple[Cell, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether something was tested and nothing failed."""
        return bool(self.claims) and not self.failures

    @property
    def tested(self) -> int:
        """How many relations were tested."""
        return sum(c.tested for c in self.claims.values()) + len(self.needed)

    @property
    def exact(self) -> bool:
        """Whether every relation had slack zero."""
        return all(not c.slack for c in self.claims.values())

    @property
    def evidence(self) -> tuple[str, ...]:
        """The evidence for the statement, from this run and from the proofs that are built."""
        found = self.proved()
        if not self.claims:
            return tuple(found) or (UNCOVERED,)
        if self.failures:
            return (FAILS,)
        found.append(EXACT if self.exact else FLOATS)
        needs = self.statement.needs
        if needs and self.needed.keys() >= needs.keys():
            found.append(NEEDED)
        elif self.needed:
            found.append(f"{NEEDED} for {len(self.needed)} of {len(needs)} hypotheses")
        return tuple(found)

    def proved(self) -> list[str]:
        """Return the level of the theorems: the whole statement or parts of it, by the table.

        If the proved checker proves the statement for certificates, that level follows.
        """
        if not self.theorems:
            return []
        level = PROVED if proves_all(self.name, self.theorems) else PARTLY
        return [level, CHECKED] if checked(self.name) else [level]

    def add(self, check: Check, instance: str) -> Failure | None:
        """Count a check; return its failure, if it is one."""
        if check.dropped:  # its other hypotheses are not checked, so it shows no need
            known = check.dropped in self.statement.needs
            if known and check.passed():
                return None
            return Failure(check, instance if known else f"no such hypothesis: {check.dropped}")
        self.claims.setdefault(check.claim, Claim(check.relation)).add(check)
        return None if check.passed() else Failure(check, instance)

    def necessities(self, module: Module) -> Iterator[Failure]:
        """Check each counterexample; yield a failure for each invalid one."""
        for example in getattr(module, "counterexamples", tuple)():
            try:
                self.needed.setdefault(example.dropped, broken(module, example))
            except NoCounterexampleError as wrong:
                yield Failure(None, f"no counterexample: {wrong}")

    @property
    def counts(self) -> dict[Cell, int]:
        """In how many drawn instances each demanded cell was seen."""
        return {cell: self.seen[cell] for cell in self.demanded}

    @property
    def relations(self) -> dict[str, str]:
        """The relation of each claim."""
        return {name: claim.relation for name, claim in self.claims.items()}


class FalseRelationError(AssertionError):
    """A drawn instance on which a relation is false."""


def run(name: str, module: Module, examples: int, draw_seed: int) -> Outcome:
    """Run `fixed` once and `sides` on drawn instances; the same seed draws the same."""
    start = perf_counter()
    found = Outcome(name, module.STATEMENT, machine_proved(name))
    for check in module.fixed():
        failure = found.add(check, "a named instance")
        if failure:
            found.failures.append(failure)
    found.failures += found.necessities(module)
    found.failures += _drawn(module, found, examples, draw_seed)
    found.seconds = perf_counter() - start
    return found


def _drawn(module: Module, found: Outcome, examples: int, draw_seed: int) -> list[Failure]:
    """Draw instances, and more while a cell is empty; return what fails, and the cells left empty.

    Each batch has a seed of its own: within one, Hypothesis draws many that are alike.
    """
    most = max(MOST, examples) if examples >= ENOUGH else examples
    for k in itertools.count():
        failure = _draw(module, found, min(BATCH, most - found.examples), draw_seed + (k << 64))
        if failure:
            return [failure]
        found.demanded = tuple(demanded(module, found.relations))
        if found.examples >= most or (found.examples >= examples and all(found.counts.values())):
            break
    if examples < ENOUGH:
        return []
    return [Failure(None, fault) for fault in faults(module, found.relations, found.seen)]


def _draw(module: Module, found: Outcome, examples: int, draw_seed: int) -> Failure | None:
    """Run drawn instances; return the smallest failure that Hypothesis found."""
    last: list[Failure] = []

    @seed(draw_seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(module.INSTANCES)
    def one(instance: Any) -> None:  # noqa: ANN401  each module has its own
        found.examples += 1
        checks, told = list(module.sides(instance)), repr(instance)
        failures = [f for check in checks if (f := found.add(check, told))]
        if failures:
            last[:] = failures[:1]
            raise FalseRelationError
        found.seen.update(cells(module, instance, checks))

    try:
        one()
    except FalseRelationError:
        return last[0]
    return None
