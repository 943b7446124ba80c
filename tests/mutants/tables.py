"""The mutants themselves: made by the operators, written by hand, and those that are explained."""

import ast
import random
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .functions import Function, StaleError, rewritten
from .operators import changes

HERE = Path(__file__).parent
KINDS = ("equivalent", "loosens", "refuses")


@dataclass(frozen=True)
class Mutant:
    """A change of one function; `node` makes the definition with it."""

    function: Function
    operator: str
    old: str
    new: str
    nth: int
    lines: tuple[int, ...]
    node: Callable[[], ast.stmt]

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.function.qualname, self.old, self.new, self.nth

    def __str__(self) -> str:
        name = Path(self.function.file).name
        mark = f" (occurrence {self.nth})" if self.nth > 1 else ""
        head = f"{name}:{self.lines[0]} {self.function.qualname} [{self.operator}]{mark}"
        return f"{head}\n    - {self.old}\n    + {self.new}"


def made(functions: Mapping[str, Function]) -> list[Mutant]:
    """Return every mutant that the operators make."""
    return [
        Mutant(f, c.operator, c.old, c.new, c.nth, (c.line,), partial(c.applied, f.node))
        for f in functions.values()
        if f.live is not None
        for c in changes(f.node)
    ]


def by_hand(functions: Mapping[str, Function], path: Path = HERE / "hand.toml") -> list[Mutant]:
    """Return the mutants written by hand; a fragment that is not there once is an error."""
    out = []
    for row in tomllib.loads(path.read_text("utf-8"))["mutant"]:
        function = functions.get(row["of"])
        if function is None:
            raise StaleError(f"no function is named {row['of']}")
        node = rewritten(function, row["old"], row["new"])
        first = function.node.lineno + function.text[: function.text.index(row["old"])].count("\n")
        lines = tuple(range(first, first + row["old"].count("\n") + 1))
        out.append(
            Mutant(function, "by hand", row["old"], row["new"], 1, lines, partial(_same, node))
        )
    return out


def _same(node: ast.stmt) -> ast.stmt:
    return node


def spread(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Choose mutants by a seed, in turn from every function."""
    rng = random.Random(seed)  # noqa: S311  a choice, no secret
    pools: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        pools.setdefault(mutant.function.qualname, []).append(mutant)
    for pool in pools.values():
        rng.shuffle(pool)
    order = sorted(pools)
    rng.shuffle(order)
    out: list[Mutant] = []
    while len(out) < count and order:
        out += [pools[name].pop() for name in order]
        order = [name for name in order if pools[name]]
    return out[:count]


def explained(mutants: list[Mutant], path: Path = HERE / "explained.toml") -> dict:
    """Return {key: kind} of the survivors with a reason; one that no mutant has is an error."""
    known, out = {m.key for m in mutants}, {}
    for row in tomllib.loads(path.read_text("utf-8")).get("survivor", []):
        key = row["of"], row["old"], row["new"], row.get("nth", 1)
        if key not in known:
            raise StaleError(f"explained, but no mutant any more: {key}")
        if row["kind"] not in KINDS or not row["reason"].strip():
            raise ValueError(f"no kind of {KINDS} or no reason: {key}")
        out[key] = row["kind"]
    return out


def fixed(mutants: list[Mutant], path: Path = HERE / "fixed.toml") -> list[tuple[Mutant, str]]:
    """Return the mutants of the short list, each with the test that kills it."""
    known = {m.key: m for m in mutants}
    out = []
    for row in tomllib.loads(path.read_text("utf-8"))["mutant"]:
        key = row["of"], row["old"], row["new"], row.get("nth", 1)
        if key not in known:
            raise StaleError(f"on the short list, but no mutant any more: {key}")
        out.append((known[key], row["test"]))
    return out
