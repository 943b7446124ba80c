"""Write a Jupyter notebook for each tutorial: its text, its blocks of Python and its commands.

python docs/notebooks.py
"""

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER, TUTORIALS = HERE / "notebooks", sorted((HERE / "tutorials").glob("*.md"))
BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)```\n?", re.DOTALL
)
LINK = re.compile(r"\]\((\.\./[^)]*?|[a-z-]+\.md[^)]*?)\)")


def notebook(page: str) -> dict[str, Any]:
    """Return a page as a notebook: blocks of Python and of the command are code."""
    cells: list[dict[str, Any]] = []
    at = 0
    for block in BLOCK.finditer(page):
        text, kind = block["text"].rstrip("\n"), block["kind"]
        add(cells, "markdown", page[at : block.start()])
        at = block.end()
        if block["file"]:
            add(cells, "code", f"%%writefile {block['file']}\n{text}")
        elif kind == "python":
            add(cells, "code", text)
        elif kind == "console":
            lines = [x[2:].partition("   #")[0] for x in text.splitlines() if x.startswith("$ ")]
            add(cells, "code", "\n".join(f"!{x}" for x in lines))
        else:
            add(cells, "markdown", block.group())
    add(cells, "markdown", page[at:])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    head = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": head, "nbformat": 4, "nbformat_minor": 4}


def add(cells: list[dict[str, Any]], kind: str, text: str) -> None:
    """Append a cell, if there is anything in it."""
    plain = text.strip("\n")
    if kind == "markdown":
        plain = LINK.sub(lambda m: f"](../tutorials/{m[1]})", plain)
    if plain.strip():
        cell = {"cell_type": kind, "metadata": {}, "source": plain.splitlines(keepends=True)}
        cells.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))


def written(path: Path) -> str:
    """Return the notebook of a page, as its file holds it."""
    made = notebook(path.read_text(encoding="utf-8"))
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for tutorial in TUTORIALS:
        (FOLDER / f"{tutorial.stem}.ipynb").write_text(written(tutorial), encoding="utf-8")
