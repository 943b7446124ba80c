"""Where a statement is proved: the rows of the table of formal proofs that name it."""

from ._formal import table


def links(statement: str) -> list[list[tuple[str, str]]]:
    """Return for each theorem its kind, name and file, and its rule and function."""
    return [
        [
            ("theorem", row.theorem),
            ("in", f"paper_checks/formal/{row.file}"),
            *([("rule", row.rule)] if row.rule else []),
            *([("function", row.function)] if row.function else []),
        ]
        for row in table().rows
        if row.statement == statement
    ]


def graded(statement: str) -> list[tuple[str, str]]:
    """Return the proved and the open parts of a statement in words; [] without theorems."""
    grade = table().grades.get(statement)
    if grade is None:
        return []
    told = [
        ("Proved by machine", grade.proved),
        ("Not proved", grade.open),
        ("Checked end to end", grade.checked),
    ]
    return [(head, words) for head, words in told if words]
