"""A notebook for each tutorial: current, and executed cell by cell as Jupyter would."""

import json
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest

from certify import Problem, check
from certify.atoms import RankOne
from certify.cli import main
from certify.losses import Squared

DOCS = Path(__file__).parents[2] / "docs"
MADE = runpy.run_path(str(DOCS / "notebooks.py"))
NAMES = [p.stem for p in MADE["TUTORIALS"]]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_its_tutorial(name):
    text = (DOCS / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert text == MADE["written"](DOCS / "tutorials" / f"{name}.md"), "python docs/notebooks.py"
    held = json.loads(text)
    assert {c["cell_type"] for c in held["cells"]} == {"markdown", "code"}
    assert all(c["outputs"] == [] for c in held["cells"] if c["cell_type"] == "code")
    page = (DOCS / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    code = [c for c in held["cells"] if c["cell_type"] == "code"]
    assert len(code) == page.count("```python") + page.count("```console") + page.count("```toml")


def test_there_is_one_for_each_tutorial():
    assert sorted(p.stem for p in (DOCS / "notebooks").glob("*.ipynb")) == NAMES


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_from_its_first_cell_to_its_last(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    held = json.loads((DOCS / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    names = {"__name__": "__main__"}
    for cell in held["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            continue
        if text.startswith("%%writefile "):
            head, _, body = text.partition("\n")
            (tmp_path / head.removeprefix("%%writefile ")).write_text(body, encoding="utf-8")
        elif text.startswith("!"):
            for line in text.splitlines():
                program, *arguments = shlex.split(line[1:])
                assert program == "certify"
                assert main(arguments) in (0, 10, 12, 14)
        else:
            exec(compile(text, name, "exec"), names)  # noqa: S102  our own page


def test_a_result_is_a_small_cell_without_a_script():
    Y = np.diag([5.0, 4.0])
    held = check(Problem(Squared(Y), RankOne("l2", "l2"), 1.0), (np.eye(2), np.eye(2)))
    html = held._repr_html_()
    assert len(html) < 8000
    assert "<script" not in html
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert html.index("above the optimum over any size (proved)") < html.index(held.verdict.name)
