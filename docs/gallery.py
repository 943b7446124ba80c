"""Write gallery.md from the zoo: every problem whose optimum is known, and why.

python docs/gallery.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import problems  # noqa: E402  found from the checkout
from certify.pipeline.report._formula import formula  # noqa: E402

PAGE = Path(__file__).with_name("gallery.md")
HEAD = """# Gallery

These problems have an optimum that is known by an argument which does not use this package. Each
is shown with one candidate that is optimal and one that is not. The tests check these verdicts, and
those of many more candidates in `problems/`.
"""


def text() -> str:
    """Return the page."""
    parts = [HEAD]
    for name in problems.names():
        cases = problems.load(name)
        first = next(iter(cases.values()))
        parts.append(f"## {name.replace('_', ' ')}\n\n`{formula(first.problem)}`\n")
        parts.append(table(shown(cases)))
    return "\n".join(parts)


def table(cases: list[tuple[str, problems.Instance]]) -> str:
    """Return the candidates with their verdicts; why once, if it is the same for all."""
    whys = [x.why.replace("|", "\\|").replace("\n", " ") for _, x in cases]
    once = len(set(whys)) == 1
    columns = ["candidate", "verdict", "optimum", *["why"] * (not once)]
    rows = [joined(columns), "|---" * len(columns) + "|"]
    for (case, x), why in zip(cases, whys, strict=True):
        cells = [case, x.verdict.name, f"{x.optimum:.10g}", why]
        rows.append(joined(cells[: len(columns)]))
    above = [f"Why: {whys[0]}\n"] * once
    return "\n".join([*above, *rows]) + "\n"


def joined(cells: list[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def shown(cases: dict[str, problems.Instance]) -> list[tuple[str, problems.Instance]]:
    """Return the first candidate that is optimal, and the first that is not."""
    good = [c for c in cases.items() if c[1].verdict.name == "CERTIFIED"]
    bad = [c for c in cases.items() if c[1].verdict.name != "CERTIFIED"]
    return [*good[:1], *bad[:1]]


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
