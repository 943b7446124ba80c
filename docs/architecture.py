"""Draw the packages and what they import, read from the code: python docs/architecture.py."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1] / "certify"
PICTURE = Path(__file__).parent / "pictures" / "architecture.svg"
WIDE, HIGH, ACROSS, UP = 104, 26, 150, 52
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328;text-anchor:middle}"
    "rect{fill:#f6f8fa;stroke:#59636e}rect.trusted{stroke:#14713a;stroke-width:3}"
    "line{stroke:#0b62c4;stroke-opacity:.35}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect{fill:#161b22}"
    "line{stroke:#6cb6ff}}"
)


def imports(path: Path) -> set[str]:
    """Return the packages of certify/ that a file imports."""
    found = set()
    depth = len(path.relative_to(ROOT).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        named = (node.module or "").split(".")
        if node.level == depth:
            found |= {named[0]} if node.module else {a.name for a in node.names}
        elif not node.level and named[0] == "certify":
            found |= {named[1]} if len(named) > 1 else {a.name for a in node.names}
    return found


def arrows() -> dict[str, set[str]]:
    """Return, for each package, the packages that it imports."""
    names = {p.parent.name for p in ROOT.glob("*/__init__.py")}
    return {
        name: {x for path in (ROOT / name).rglob("*.py") for x in imports(path)} & names - {name}
        for name in sorted(names)
    }


def heights(below: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each package: one above the highest that it imports."""
    out: dict[str, int] = {}
    while len(out) < len(below):
        free = [n for n in below if n not in out and below[n] <= out.keys()]
        if not free:
            raise ValueError(f"a circle among {sorted(below.keys() - out.keys())}")
        out |= {n: 1 + max((out[x] for x in below[n]), default=-1) for n in free}
    return out


def drawn() -> str:
    """Return the picture: floors from the bottom up, a line for each import."""
    below = arrows()
    at = heights(below)
    top = max(at.values())
    place = {}
    for floor in range(top + 1):
        row = [n for n in sorted(below) if at[n] == floor]
        for k, name in enumerate(row):
            x = 2 * ACROSS + (k - (len(row) - 1) / 2) * ACROSS
            place[name] = (x, 20 + (top - floor) * UP)
    size = f'width="{4 * ACROSS}" height="{40 + top * UP + HIGH}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>']
    for name, targets in below.items():
        (x, y), own = place[name], HIGH / 2
        out += [
            f'<line x1="{x:g}" y1="{y + own:g}" x2="{place[t][0]:g}" y2="{place[t][1] + own:g}"/>'
            for t in sorted(targets)
        ]
    for name, (x, y) in sorted(place.items()):
        kind = ' class="trusted"' if name == "kernel" else ""
        box = f'x="{x - WIDE / 2:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="4"'
        out.append(f'<rect{kind} {box}/><text x="{x:g}" y="{y + 17:g}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
