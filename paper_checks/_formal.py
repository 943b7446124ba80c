"""The table of formal proofs: statement, theorem, rule of the kernel, Python function.

`formal/table.toml` is the table, `formal/*.v` has the theorems, and `formal/assumptions.txt`, which
`make -C paper_checks/formal` writes, has the axioms of each theorem in the table.  `_statements`
stores the text of the theorems.  The table says how much of a statement is proved.
"""

import importlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _kernel as kernel
from . import names
from ._statements import FORMAL, GENERATED, changed, sources

ALLOWED = frozenset(  # the classical logic of MathComp-Analysis, under its reals
    {
        "boolp.propositional_extensionality",
        "boolp.functional_extensionality_dep",
        "boolp.constructive_indefinite_description",
    }
)
UNPROVED = re.compile(
    r"\b(?:Admitted|admit|give_up|Axioms?|Parameters?|Conjectures?|bypass_check"
    r"|Unset\s+(?:Guard|Positivity|Universe)|type-in-type)\b"
)
STATED = r"\b(?:Theorem|Lemma|Corollary)\s+{}(?![\w'])"
THEOREMS = re.compile(r"\b(?:Theorem|Corollary)\s+([\w']+)")
ENTRY = re.compile(r'^ *= "([\w.\']+)"%string\n *: string\n', re.MULTILINE)
AXIOM = re.compile(r"^([\w.']+)(?:\s*:|\s+(?:is|relies)\s)", re.MULTILINE)  # "is assumed ..."


@dataclass(frozen=True)
class Row:
    """One theorem: `file` without folder; `statement`, `rule` and `function` may be empty."""

    theorem: str
    file: str
    statement: str = ""
    rule: str = ""
    function: str = ""

    @property
    def full_name(self) -> str:
        """Return `Duality.weak_duality`."""
        return f"{self.file.removesuffix('.v')}.{self.theorem}"


@dataclass(frozen=True)
class Grade:
    """How much of a statement is proved by machine, in words.

    whole    the theorems that are all of it; or open: what is not proved
    checked  for which certificates the proved checker proves it, from the file to the verdict
    """

    name: str
    proved: str
    whole: tuple[str, ...] = ()
    open: str = ""
    checked: str = ""


@dataclass(frozen=True)
class Table:
    """The rows, the grades, and the parts of the kernel without a theorem, with the reasons."""

    rows: tuple[Row, ...]
    grades: dict[str, Grade]
    uncovered: tuple[tuple[str, str], ...]


def table(folder: Path = FORMAL) -> Table:
    """Read the table; TypeError on a field that it does not have."""
    held = tomllib.loads((folder / "table.toml").read_text(encoding="utf-8"))
    rows = tuple(Row(**row) for row in held.get("row", ()))
    graded = ({**one, "whole": tuple(one.get("whole", ()))} for one in held.get("statement", ()))
    grades = {one["name"]: Grade(**one) for one in graded}
    uncovered = ((n, part["why"]) for part in held.get("uncovered", ()) for n in part["names"])
    return Table(rows, grades, tuple(uncovered))


def faults(folder: Path = FORMAL) -> list[str]:
    """Return the contradictions between the table, the theorems and the kernel, as sentences."""
    held, texts = table(folder), sources(folder)
    out = [f"{name} leaves something unproved" for name in texts if UNPROVED.search(texts[name])]
    known = set(names()), kernel.rules()
    for row in held.rows:
        out += _faults_of(row, texts, *known)
    placed = {(row.file, row.theorem) for row in held.rows}
    for name, text in texts.items():
        out += [
            f"{name}: the theorem {t} has no row"
            for t in THEOREMS.findall(text)
            if (name, t) not in placed
        ]
    keys = Counter(row.full_name for row in held.rows)
    out += [f"{name} has {count} rows" for name, count in sorted(keys.items()) if count > 1]
    return [*out, *_ungraded(held), *_unplaced(held)]


def _faults_of(
    row: Row, texts: dict[str, str], statements: set[str], rules: set[str]
) -> Iterator[str]:
    if not re.search(STATED.format(re.escape(row.theorem)), texts.get(row.file, "")):
        yield f"{row.file} has no theorem {row.theorem}"
    if not row.statement and not row.rule:
        yield f"{row.full_name} is neither of a statement nor of a rule"
    if row.statement and row.statement not in statements:
        yield f"{row.full_name}: there is no statement {row.statement}"
    if row.rule and row.rule not in rules and not kernel.known(row.rule):
        yield f"{row.full_name}: the kernel has no rule {row.rule}"
    if row.function and not _exists(row.function):
        yield f"{row.full_name}: there is no function {row.function}"


def _exists(function: str) -> bool:
    """Whether there is such a function: a dotted name of the package, else of the kernel."""
    package, dot, _ = function.partition(".")
    return _imported(function) if dot and package == "certify" else kernel.known(function)


def _imported(dotted: str) -> bool:
    parts = dotted.split(".")
    for k in range(len(parts), 0, -1):
        try:
            held: Any = importlib.import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        for name in parts[k:]:
            if not hasattr(held, name):
                return False
            held = getattr(held, name)
        return True
    return False


def _ungraded(held: Table) -> Iterator[str]:
    """Yield the faults of the grades: each needs theorems of the whole statement, or open parts."""
    proved = {row.statement for row in held.rows} - {""}
    yield from (
        f"the statement {s} has theorems and no grade" for s in sorted(proved - set(held.grades))
    )
    for name, grade in held.grades.items():
        own = {row.full_name for row in held.rows if row.statement == name}
        if not own:
            yield f"the statement {name} is graded and has no theorem"
        if bool(grade.whole) == bool(grade.open):
            yield f"the grade of {name} has either theorems of the whole or what is open"
        yield from (
            f"the grade of {name}: {t} is no theorem of it" for t in grade.whole if t not in own
        )


def _unplaced(held: Table) -> Iterator[str]:
    """Yield the rules and functions of the kernel that are neither covered nor called uncovered."""
    covered = {row.rule for row in held.rows} | {row.function for row in held.rows}
    without, rules, functions = dict(held.uncovered), kernel.rules(), kernel.functions()
    yield from (f"the rule {r} has no theorem" for r in sorted(rules - covered - set(without)))
    for name in sorted(functions):
        if not kernel.names_of(name) & (covered | set(without)):
            yield f"the kernel's {name} has no theorem and is not called uncovered"
    listed = rules | {n for function in functions for n in kernel.names_of(function)}
    for name, count in sorted(Counter(n for n, _ in held.uncovered).items()):
        if name in covered:
            yield f"{name} has a theorem and is called uncovered"
        if name not in listed:
            yield f"{name} is called uncovered and is nothing of the kernel"
        if count > 1:
            yield f"{name} is called uncovered {count} times"


def built(folder: Path = FORMAL) -> bool:
    """Whether everything was proved after the last change of a file."""
    listed = folder / "assumptions.txt"
    needed = [p for p in folder.glob("*.v") if p.name not in GENERATED]
    needed.append(folder / "table.toml")
    return listed.exists() and all(p.stat().st_mtime <= listed.stat().st_mtime for p in needed)


def assumptions(text: str) -> dict[str, tuple[str, ...]]:
    """Read `assumptions.txt`: for each theorem the axioms it rests on."""
    parts = ENTRY.split(text)[1:]
    return {
        name: tuple(AXIOM.findall(rest.replace("Axioms:", "")))
        for name, rest in zip(parts[::2], parts[1::2], strict=True)
    }


def unfounded(text: str, rows: tuple[Row, ...]) -> list[str]:
    """Return the theorems that are not listed, or rest on more than the library's axioms."""
    held = assumptions(text)
    out = [f"{row.full_name} is not listed" for row in rows if row.full_name not in held]
    for name, axioms in held.items():
        out += [f"{name} rests on {a}" for a in axioms if a not in ALLOWED]
    return out


def machine_proved(statement: str, folder: Path = FORMAL) -> tuple[str, ...]:
    """Return the theorems that prove (parts of) a statement.

    Return () if they are not built, or if their text differs from `text.golden`, which was read.
    """
    if not built(folder) or changed(folder):
        return ()
    text = (folder / "assumptions.txt").read_text(encoding="utf-8")
    rows = tuple(r for r in table(folder).rows if r.statement == statement)
    bad = {line.split()[0] for line in unfounded(text, rows)}
    return tuple(r.full_name for r in rows if r.full_name not in bad)


def proves_all(statement: str, theorems: tuple[str, ...], folder: Path = FORMAL) -> bool:
    """Whether the theorems that the table calls the whole statement are among these."""
    grade = table(folder).grades.get(statement)
    return grade is not None and bool(grade.whole) and set(grade.whole) <= set(theorems)


def checked(statement: str, folder: Path = FORMAL) -> bool:
    """Whether the proved checker proves the statement for some certificates."""
    grade = table(folder).grades.get(statement)
    return grade is not None and bool(grade.checked)
