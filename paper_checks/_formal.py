"""The table of formal proofs: statement, theorem, rule of the kernel, Python function.

`formal/table.toml` is the table, `formal/*.v` the theorems, and `formal/assumptions.txt`, which
`make -C paper_checks/formal` writes, what each theorem of the table rests on.
"""

import ast
import importlib
import inspect
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from certify.kernel import verify as kernel

from . import names

FORMAL = Path(__file__).parent / "formal"
ALLOWED = frozenset(  # the classical logic of MathComp-Analysis, under its reals
    {
        "boolp.propositional_extensionality",
        "boolp.functional_extensionality_dep",
        "boolp.constructive_indefinite_description",
    }
)
COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
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
class Table:
    """The rows, and the rules that no theorem covers yet, each with the reason."""

    rows: tuple[Row, ...]
    uncovered: dict[str, str]


def table(folder: Path = FORMAL) -> Table:
    """Read the table; TypeError on a field that it does not have."""
    held = tomllib.loads((folder / "table.toml").read_text(encoding="utf-8"))
    rows = tuple(Row(**row) for row in held.get("row", ()))
    return Table(rows, {row["rule"]: row["why"] for row in held.get("uncovered", ())})


def kernel_rules() -> set[str]:
    """Return everything of the kernel that needs a theorem, as TABLE.key.

    `network_bound` and `deep_bound` list their rules in their own text, as `rule in (...)`, and a
    lower bound is called what its `Bound` says.
    """
    tables = ("POLAR_RULES", "TENSOR_RULES", "LOSSES", "OFFSETS")
    return {f"{name}.{key}" for name in tables for key in getattr(kernel, name)} | _written()


@cache
def _written() -> frozenset[str]:
    found = {
        f"{name}.{key}"
        for name in ("network_bound", "deep_bound")
        for key in _compared(getattr(kernel, name))
    }
    tree = ast.parse(inspect.getsource(kernel))
    return frozenset(found | {f"lower.{name}" for name in _bound_names(tree)})


def _compared(function: Any) -> Iterator[str]:  # noqa: ANN401  any function
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "rule":
            for side in node.comparators:
                if isinstance(node.ops[0], ast.In):
                    yield from ast.literal_eval(side)


def _bound_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Bound":
            parts = [n for a in node.args if isinstance(a, ast.Tuple) for n in a.elts]
            yield from (n.value for n in parts if isinstance(n, ast.Constant))


def faults(folder: Path = FORMAL) -> list[str]:
    """Return what is wrong between the table, the theorems and the kernel; a sentence each."""
    held = table(folder)
    texts = {p.name: COMMENT.sub(" ", p.read_text("utf-8")) for p in sorted(folder.glob("*.v"))}
    texts.pop("Assumptions.v", None)
    out = [f"{name} leaves something unproved" for name in texts if UNPROVED.search(texts[name])]
    covered, known = {row.rule for row in held.rows} - {""}, kernel_rules()
    for row in held.rows:
        out += _faults_of(row, texts, known)
    placed = {(row.file, row.theorem) for row in held.rows}
    for name, text in texts.items():
        out += [
            f"{name}: the theorem {t} has no row"
            for t in THEOREMS.findall(text)
            if (name, t) not in placed
        ]
    keys = [row.full_name for row in held.rows]
    out += [
        f"{name} has {keys.count(name)} rows" for name in sorted(set(keys)) if keys.count(name) > 1
    ]
    out += [f"the rule {r} has no theorem" for r in sorted(known - covered - set(held.uncovered))]
    out += [
        f"the rule {r} has a theorem and is called uncovered"
        for r in sorted(covered & set(held.uncovered))
    ]
    return out + [
        f"{r} is called uncovered and is no rule" for r in sorted(set(held.uncovered) - known)
    ]


def _faults_of(row: Row, texts: dict[str, str], known: set[str]) -> Iterator[str]:
    if not re.search(STATED.format(re.escape(row.theorem)), texts.get(row.file, "")):
        yield f"{row.file} has no theorem {row.theorem}"
    if not row.statement and not row.rule:
        yield f"{row.full_name} is neither of a statement nor of a rule"
    if row.statement and row.statement not in names():
        yield f"{row.full_name}: there is no statement {row.statement}"
    if row.rule and row.rule not in known and not _exists(f"{kernel.__name__}.{row.rule}"):
        yield f"{row.full_name}: the kernel has no rule {row.rule}"
    if row.function and not _exists(row.function):
        yield f"{row.full_name}: there is no function {row.function}"


def _exists(dotted: str) -> bool:
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


def built(folder: Path = FORMAL) -> bool:
    """Whether everything was proved after the last change of a file."""
    listed = folder / "assumptions.txt"
    sources = [p for p in folder.glob("*.v") if p.name != "Assumptions.v"]
    sources.append(folder / "table.toml")
    return listed.exists() and all(p.stat().st_mtime <= listed.stat().st_mtime for p in sources)


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
    """Return the theorems that prove (parts of) a statement; () where they are not built."""
    if not built(folder):
        return ()
    text = (folder / "assumptions.txt").read_text(encoding="utf-8")
    rows = tuple(r for r in table(folder).rows if r.statement == statement)
    bad = {line.split()[0] for line in unfounded(text, rows)}
    return tuple(r.full_name for r in rows if r.full_name not in bad)
