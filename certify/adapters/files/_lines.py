"""The line of a key in a problem.toml, for messages."""

import re
from pathlib import Path

HEADER = re.compile(r"^\s*\[{1,2}\s*([A-Za-z0-9_.\-]+)\s*\]{1,2}\s*(#.*)?$")
KEY = re.compile(r"""^\s*["']?([A-Za-z0-9_\-]+)["']?\s*(\.[^=]*)?=""")
FENCES = ('"""', "'''")


def with_line(path: Path, name: str) -> str:
    """Return the path with the line of a dotted key or table, problem.toml:3.

    The line is left out if the key is not in the file, or in two tables of the same name.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return str(path)
    line = line_of(text, name)
    return str(path) if line is None else f"{path}:{line}"


def line_of(text: str, name: str) -> int | None:
    """Return the line of table.key, or of a key above all tables; else that of the table."""
    table, _, key = name.partition(".")
    key = key.partition(".")[0].partition("[")[0]
    matches: list[int] = []
    headers: list[int] = []
    for number, where, part in keys(text):
        if part is None:
            headers += [number] * (where == table)
        elif (where, part) in ((table, key), ("", name)) or (not where and part == table):
            matches.append(number)
    lines = matches or headers
    return lines[0] if len(lines) == 1 else None


def keys(text: str) -> list[tuple[int, str, str | None]]:
    """Return (line, table, key) of every key, and (line, table, None) of every header."""
    out: list[tuple[int, str, str | None]] = []
    table, fence = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            fence = "" if fence in line else fence
            continue
        if header := HEADER.match(line):
            table = header.group(1)
            out.append((number, table, None))
        elif key := KEY.match(line):
            out.append((number, table, key.group(1)))
        fence = next((f for f in FENCES if line.count(f) % 2), "")
    return out
