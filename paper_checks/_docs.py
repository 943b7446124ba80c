"""python -m paper_checks._docs: write docs/theory.md, its pictures, and the table in README.md."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from . import load, names
from ._coverage import PAGE, renewed
from ._formal import table as proofs
from ._links import graded, links
from ._pictures import PICTURES
from ._run import Outcome, run
from ._words import FAIR, INTRODUCTION, LETTERS_USED, OPEN, pretty, short

ROOT = Path(__file__).parents[1]
START, END = "<!-- paper_checks -->", "<!-- /paper_checks -->"
LEVELS = """\
| evidence | meaning |
|---|---|
| machine-proved | the statement is a theorem in Coq, checked by `make -C paper_checks/formal`, without axioms other than the library's |
| machine-proved in part | parts of it are theorems; the section says which |
| checked end to end | a checker that is itself proved in Coq proves it for certificates, from the file to the verdict; the section says for which |
| exact on instances | both sides of every relation are rational numbers, compared without slack |
| property-tested in floats with derived slack | some relations have a slack, which is a derived bound of the rounding |
| necessity shown | each hypothesis has a counterexample, proved in rational numbers, that satisfies all the others |
| not covered | nothing is tested |
"""  # noqa: E501  rows of a table


def documented(found: list[Outcome]) -> list[Outcome]:
    """Return the outcomes with all theorems of the table, built here or not: a test builds them."""
    rows = proofs().rows
    named = {o.name: tuple(r.full_name for r in rows if r.statement == o.name) for o in found}
    return [replace(o, theorems=named[o.name]) for o in found]


def document(found: list[Outcome]) -> str:
    """Return docs/theory.md."""
    parts = [
        "# Statements of the paper",
        "Generated from the modules of `paper_checks/` by `python -m paper_checks._docs`.",
        pretty(INTRODUCTION),
        _code(LETTERS_USED),
        "`python -m paper_checks` runs all of it; `--html OUT.html` writes a page like this one.",
        table(found),
        LEVELS.strip(),
        *("\n\n".join(section(o)) for o in found),
        "## What the paper leaves open",
        pretty(FAIR),
        *(f"**{title}.** {pretty(words)}" for title, words in OPEN.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _code(text: str) -> str:
    lines = pretty(text).replace(";   ", ";\n").replace("; ", ";\n")
    return f"```text\n{lines}\n```"


def table(found: list[Outcome], page: str = "") -> str:
    """Return statement and evidence of each; links go to `page`."""
    rows = [
        f"| [{pretty(o.statement.title)}]({page}#{anchor(o)}) | {', '.join(o.evidence)} |"
        for o in found
    ]
    return "\n".join(["| statement | evidence |", "|---|---|", *rows])


def anchor(o: Outcome) -> str:
    """Return the name of a heading in links: letters, digits and hyphens."""
    title = pretty(o.statement.title).lower()
    return "".join(c for c in title if c.isalnum() or c in " -_").replace(" ", "-")


def section(o: Outcome) -> Iterator[str]:
    s = o.statement
    yield f"## {pretty(s.title)}"
    yield pretty(s.words)
    yield _code(s.formula)
    if o.name in PICTURES:
        said = pretty(PICTURES[o.name].said)
        yield f"![{said}](pictures/{o.name}.svg)\n\n*{said}*"
    code = f"paper_checks/{o.name}.py"
    yield f"**Evidence**: {', '.join(o.evidence)}. Tested in [{code}](../{code})."
    yield f"**Relations**: {'; '.join(map(pretty, sorted(o.claims)))}."
    if s.needs:
        yield "**Hypotheses, each with a counterexample that lacks it**"
        yield "\n".join(f"- *{pretty(k)}*: {pretty(v)}{_broken(o, k)}" for k, v in s.needs.items())
    if s.gap:
        yield f"**Remarks**: {pretty(s.gap)}"
    if links(o.name):
        yield "**Formal proofs**"
        yield from (f"*{head}*: {pretty(words)}" for head, words in graded(o.name))
        yield "\n".join(
            "- " + ", ".join(f"{what} `{text}`" for what, text in link) for link in links(o.name)
        )


def _broken(o: Outcome, name: str) -> str:
    check = o.needed.get(name)
    if check is None:
        return ""
    relation = pretty(f"{short(check.left)} {check.relation} {short(check.right)}")
    return f" (*{pretty(check.claim)}* would say {relation})"


def readme(text: str, found: list[Outcome]) -> str:
    """Return the README's text with its table renewed."""
    before, start, rest = text.partition(START)
    end = rest.partition(END)[1:]
    if not end[0]:
        raise ValueError(f"README.md has no {START} ... {END}")
    return f"{before}{start}\n\n{table(found, 'docs/theory.md')}\n\n{''.join(end)}"


def files(found: list[Outcome]) -> dict[Path, str]:
    """Return all that is generated, by path."""
    found = documented(found)
    old = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = {
        ROOT / f"docs/pictures/{o.name}.svg": PICTURES[o.name].svg(alone=True) + "\n"
        for o in found
        if o.name in PICTURES
    }
    return {
        ROOT / "docs/theory.md": document(found),
        ROOT / "README.md": readme(old, found),
        PAGE: renewed(PAGE.read_text(encoding="utf-8")),
        **pictures,
    }


def main() -> int:
    """Run every statement and write the files."""
    for path, text in files([run(name, load(name), 200, 0) for name in names()]).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
