"""Copies of the folder of formal proofs, to be broken."""

import shutil

from paper_checks._formal import FORMAL

BESIDE = ("table.toml", "Makefile", "_CoqProject", "text.golden")
GENERATED = ("Assumptions.v", "Statements.v")


def copy_to(folder):
    """Copy what is written by hand, and the text that was read."""
    for path in [*FORMAL.glob("*.v"), *(FORMAL / name for name in BESIDE)]:
        if path.name not in GENERATED:
            shutil.copy(path, folder)
    return folder


def edited(folder, name, old, new):
    """Replace a text that is in a file of the folder."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def with_row(folder, **fields):
    """Append a row to the table."""
    lines = ["[[row]]", *(f'{key} = "{value}"' for key, value in fields.items())]
    with (folder / "table.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(["", *lines, ""]))
    return folder
