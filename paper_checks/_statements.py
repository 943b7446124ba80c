"""The text of the theorems: python -m paper_checks._statements renews `text.golden`.

`text.golden` has the text of each file of `formal/` without comments, proofs, and lemmas that have
no row in the table.  What remains are the theorems and everything they refer to: sections,
variables, hypotheses, definitions and notations.  `statements.golden` has the same as Coq
understands it; `make -C paper_checks/formal golden` renews both.  A change of either is a change
of what is proved.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

FORMAL = Path(__file__).parent / "formal"
GENERATED = ("Assumptions.v", "Statements.v")
TEXT, PRINTED = "text.golden", "statements.golden"
WIDTH = 100
TOKEN = re.compile(r"\(\*|\*\)|\"[^\"]*\"", re.DOTALL)
END = re.compile(r"(?<!\.)\.(?=\s|$)")
LEMMA = re.compile(r"(?:Lemma|Theorem|Corollary|Fact|Remark|Proposition)\s+([\w']+)")
COMMAND = re.compile(r"[\s\-+*{}\d:]*(?:#\[.*?\]\s*)?[A-Z]")  # tactics are written small
WORD = re.compile(r"[A-Za-z_][\w']*")


def uncommented(text: str) -> str:
    """Return the text with a space for every comment; they nest, and strings may hold one."""
    out, depth, last = [], 0, 0
    for token in TOKEN.finditer(text):
        out += [text[last : token.start()]] if not depth else []
        last = token.end()
        if token[0] == "(*":
            depth += 1
        elif token[0] == "*)":
            depth -= 1
        elif not depth:
            out.append(token[0])
        out += [" "] if not depth else []
    return "".join([*out, text[last:] if not depth else ""])


def sources(folder: Path) -> dict[str, str]:
    """Return the files by name, without comments."""
    paths = sorted(p for p in folder.glob("*.v") if p.name not in GENERATED)
    return {p.name: uncommented(p.read_text(encoding="utf-8")) for p in paths}


def sentences(text: str) -> list[str]:
    """Split at each full stop; white space is one blank."""
    return [held for s in END.split(text) if (held := " ".join(s.split()))]


def with_proofs(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each sentence with its proof: the sentences between Proof and Qed, or [].

    A proof that ends otherwise is part of what is said, and so is a command inside a proof.
    """
    said, proof = "", None
    for sentence in [*sentences(text), ""]:
        if proof is None:
            if not re.match(r"Proof\b", sentence):
                yield from [(said, [])] if said else []
                said = sentence
                continue
            proof = []
        proof.append(sentence)
        if sentence == "Qed":
            yield said, [s for s in proof if s != "Qed"]
            yield from ((s, []) for s in proof[1:-1] if COMMAND.match(s))
            said, proof = "", None
        elif sentence in ("", "Defined", "Admitted", "Abort"):
            yield from ((s, []) for s in (said, *proof) if s)
            said, proof = "", None


def kept(text: str, rows: set[str]) -> Iterator[str]:
    """Yield the sentences to keep; a lemma without a row is kept if another sentence names it."""
    found = list(with_proofs(text))
    heads = [m[1] if (m := LEMMA.match(said)) and proof else "" for said, proof in found]
    lemmas = {name for name in heads if name and name not in rows}
    spoken = [said for (said, _), name in zip(found, heads, strict=True) if name not in lemmas]
    called = {word for said in spoken for word in WORD.findall(said)} & lemmas
    for (said, proof), name in zip(found, heads, strict=True):
        if name in called:
            yield from (said, *proof, "Qed")
        elif name not in lemmas:
            yield said


def text_of(folder: Path = FORMAL) -> str:
    """Return the correct content of `text.golden`."""
    held = tomllib.loads((folder / "table.toml").read_text(encoding="utf-8"))
    rows: dict[str, set[str]] = {}
    for row in held.get("row", ()):
        rows.setdefault(row["file"], set()).add(row["theorem"])
    flags = (folder / "_CoqProject").read_text(encoding="utf-8").split("\n")
    parts = [("_CoqProject", [line for line in flags if line])]
    for name, text in sources(folder).items():
        parts.append((name, [f"{said}." for said in kept(text, rows.get(name, set()))]))
    return "\n".join(f"== {name}\n\n{_lines(said)}" for name, said in parts)


def _lines(said: list[str]) -> str:
    return "".join(f"{_wrapped(sentence)}\n" for sentence in said)


def _wrapped(sentence: str) -> str:
    """Break a sentence into lines, at blanks only."""
    lines = [""]
    for word in sentence.split(" "):
        if lines[-1].strip() and len(lines[-1]) + len(word) >= WIDTH:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


def changes(old: str, new: str) -> list[str]:
    """Return the lines that differ, with the file they are in: "Duality.v: - Theorem ..."."""
    before, after = _by_file(old), _by_file(new)
    return [
        f"{f'{name}: ' if name else ''}{line[0]} {line[1:]}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
        for line in difflib.unified_diff(before.get(name, []), after.get(name, []), n=0)
        if line[0] in "+-" and line[:3] not in ("+++", "---") and line[1:].strip()
    ]


def _by_file(text: str) -> dict[str, list[str]]:
    parts = (part.partition("\n") for part in f"\n{text}".split("\n== "))
    return {name: said.splitlines() for name, _, said in parts}


def changed(folder: Path = FORMAL) -> list[str]:
    """Return the differences between `text.golden` and the files."""
    return changes((folder / TEXT).read_text(encoding="utf-8"), text_of(folder))


def printed(text: str) -> str:
    """Return the output of Coq without its version; white space is one blank."""
    return "\n".join(" ".join(block.split()) for block in re.split(r"\n(?=\S)", text)[1:])


def renew(folder: Path = FORMAL) -> None:
    """Write `text.golden`."""
    (folder / TEXT).write_text(text_of(folder), encoding="utf-8")


if __name__ == "__main__":
    renew()
