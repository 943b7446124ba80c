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

Problems whose optimum is known by an argument that does not come from this package. Of each,
one candidate that is optimal and one that is not; every verdict is checked by the tests, with
many more candidates, in `problems/`.
"""


def text() -> str:
    """Return the page."""
    parts = [HEAD]
    for name in problems.names():
        cases = problems.load(name)
        first = next(iter(cases.values()))
        parts.append(f"## {name.replace('_', ' ')}\n\n`{formula(first.problem)}`\n")
        rows = ["| candidate | verdict | optimum | why |", "|---|---|---|---|"]
        for case, x in shown(cases):
            why = x.why.replace("|", "\\|").replace("\n", " ")
            rows.append(f"| {case} | {x.verdict.name} | {x.optimum:.10g} | {why} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def shown(cases: dict[str, problems.Instance]) -> list[tuple[str, problems.Instance]]:
    """Return the first candidate that is optimal, and the first that is not."""
    good = [c for c in cases.items() if c[1].verdict.name == "CERTIFIED"]
    bad = [c for c in cases.items() if c[1].verdict.name != "CERTIFIED"]
    return [*good[:1], *bad[:1]]


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
