"""The page of odd inputs: what the tests feed, and the sentence that each ends in.

python -m tests.odd_inputs    writes docs/howto/odd-inputs.md
"""

import io
import re
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from certify import InputError
from certify.adapters.files import load
from certify.cli import main
from tests.adapters.test_files import WRONG, write
from tests.cli.test_wrong_invocations import CASES, fill

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "odd-inputs.md"
LONG = 60  # characters of a part that are shown
HEAD = """\
# Odd inputs

If something is wrong with your input, `certify` prints one sentence that contains the wrong value,
changes no file, and ends with exit status 2. This page shows inputs of the tests with these
sentences. `python -m tests.odd_inputs` writes it.
"""


def cell(text: str) -> str:
    """Return text as code within a table."""
    shown = text.replace("|", "\\|").replace("\n", " ⏎ ")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def of_file(changed: dict[str, str]) -> str:
    """Return the sentence about a problem.toml with these parts changed."""
    with tempfile.TemporaryDirectory() as made:
        try:
            load(write(Path(made), **changed))
        except InputError as error:
            return str(error).replace(f"{made}/", "").replace(made, "the folder")
    raise AssertionError(changed)


def of_command(arguments: list[str]) -> str:
    """Return the sentence about an invocation."""
    told = io.StringIO()
    with redirect_stderr(told):
        assert main(arguments) == 2
    return told.getvalue().strip().splitlines()[-1].replace(f"{Path.cwd()}/", "")


def rows() -> list[tuple[str, str]]:
    """Return what was written, and what a test looks for in the sentence about it."""
    commands = [
        (cell(" ".join(["certify", *arguments])), said) for arguments, said in CASES.values()
    ]
    return commands + [(cell(shown(changed)), re.escape(said)) for changed, said in WRONG]


def shown(changed: dict[str, str]) -> str:
    """Return the parts of a problem.toml that are changed."""
    return "; ".join(x if len(x) < LONG else f"{x[:LONG]} …" for x in changed.values())


def page() -> str:
    """Return the page."""
    with tempfile.TemporaryDirectory() as made, chdir(made), redirect_stdout(io.StringIO()):
        fill(Path(made))
        told = [of_command(arguments) for arguments, _ in CASES.values()]
    told += [of_file(changed) for changed, _ in WRONG]
    lines = [f"| {a} | {cell(b)} |" for (a, _), b in zip(rows(), told, strict=True)]
    head = ["| written | certify says |", "|---|---|"]
    parts = [HEAD, "## On the command line", "", *head, *lines[: len(CASES)]]
    return "\n".join([*parts, "", "## In problem.toml", "", *head, *lines[len(CASES) :]]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
