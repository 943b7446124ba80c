"""Where a statement is proved: the rows of the table of formal proofs that name it."""

from importlib import import_module
from importlib.util import find_spec


def links(statement: str) -> list[list[tuple[str, str]]]:
    """Return for each theorem what it is, its file, and the rule and function it is about."""
    if find_spec("paper_checks._formal") is None:
        return []
    rows = import_module("paper_checks._formal").table().rows
    return [
        [
            ("theorem", row.theorem),
            ("in", f"paper_checks/formal/{row.file}"),
            *([("rule", row.rule)] if row.rule else []),
            *([("function", row.function)] if row.function else []),
        ]
        for row in rows
        if row.statement == statement
    ]
