"""Run the benchmarks, each case in a process of its own; write results.json and the pages of it.

    python benchmarks/run.py [NAME ...] [--only TEXT] [--quick] [--repeats N] [--out FOLDER]

Without a NAME all are run.  Their rows are merged into the results in the folder: with --only
those of the cases whose name has the text.  --quick writes nothing unless a folder is given.
"""

import argparse
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import cells
import expectations
import matrices
import peers
import row_blocks
import trained
from measure import HERE, Options, Row, Table, markdown

MACHINE = "2 cores"
BENCHMARKS = {  # a benchmark is the table of its name; in this order they are written
    name: table
    for module in (matrices, peers, trained, row_blocks, cells, expectations)
    for name, table in vars(module).items()
    if isinstance(table, Table)
}
LIBRARIES = (
    "numpy",
    "scipy",
    "cvxpy",
    "clarabel",
    "scs",
    "python-flint",
    "scikit-learn",
    "tensorly",
)


def merged(new: list[Row], old: list[Row]) -> list[Row]:
    """Return rows, new where their cases were run again, in the old order."""
    names = dict.fromkeys(r["case"] for r in (*old, *new))
    made = {r["case"] for r in new}
    return [r for k in names for r in (new if k in made else old) if r["case"] == k]


def main() -> None:
    """Run, merge, write; exit status 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--only", default="", help="cases whose name has this text")
    parser.add_argument("--quick", action="store_true", help="few cases, one round")
    parser.add_argument("--repeats", type=int, help="rounds; of hour the seconds")
    parser.add_argument("--out", type=Path, help="folder to write to")
    given = parser.parse_args()
    if unknown := set(given.names) - {*BENCHMARKS}:
        known = ", ".join(BENCHMARKS)
        parser.error(f"NAME must be one of {known}, got {', '.join(sorted(unknown))}")
    folder, missed = given.out or (None if given.quick else HERE), False
    stored = read(folder / "results.json") if folder else {}
    for name in given.names or BENCHMARKS:
        table = BENCHMARKS[name]
        new = table.rows(Options(given.quick, given.repeats), given.only)
        claims = [c for row in new for c in table.claims(row)]
        missed |= any(c["holds"] == "NO" for c in claims)
        parts = [f"{table.title}  ({MACHINE})", *(markdown(x) for x in (new, claims) if x)]
        print("\n\n".join(parts) + "\n", flush=True)
        stored[name] = merged(new, stored.get(name, [])) if given.only else new
        if folder:
            write(folder, {k: stored[k] for k in BENCHMARKS if k in stored})
    sys.exit(missed)


def read(file: Path) -> dict[str, list[Row]]:
    """Return the rows of an earlier run."""
    return json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else {}


def write(folder: Path, rows: dict[str, list[Row]]) -> None:
    """Write results.json, a row a line, RESULTS.md, pictures, and the page of what to expect."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = {"python": platform.python_version()} | {k: version(k) for k in LIBRARIES}
    (folder / "results.json").write_text(stored_text(rows, versions), encoding="utf-8")
    (folder / "RESULTS.md").write_text(text(rows, versions), encoding="utf-8")
    for name, made in rows.items():
        if draw := BENCHMARKS[name].picture:
            draw(folder / f"{name}.png", made)
    if folder == HERE:
        page = expectations.PAGE.read_text(encoding="utf-8")
        page = expectations.page(page, rows["defaults"], rows["penalties"])
        expectations.PAGE.write_text(page, encoding="utf-8")


def stored_text(rows: dict[str, list[Row]], versions: dict[str, str]) -> str:
    """Return the JSON of results, a row a line."""
    lines = {k: ",\n".join(map(json.dumps, r)) for k, r in rows.items()}
    tables = ",\n".join(f"{json.dumps(k)}: [\n{made}\n]" for k, made in lines.items())
    head = f'"machine": "{MACHINE}", "versions": {json.dumps(versions)}'
    return f'{{{head}, "rows": {{\n{tables}\n}}}}\n'


def text(rows: dict[str, list[Row]], versions: dict[str, str]) -> str:
    """Return the claims in one table, the first with its benchmark's name, then each table."""
    tables = {k: t for k, t in BENCHMARKS.items() if k in rows and k not in vars(expectations)}
    claims = []
    for k, table in tables.items():
        made = [c for row in rows[k] for c in table.claims(row)]
        claims += [{"benchmark": "" if n else k} | c for n, c in enumerate(made)]
    listed = ", ".join(f"{k} {v}" for k, v in versions.items())
    parts = [f"Medians on {MACHINE}; ratios within one run. {listed}.", markdown(claims)]
    for k, t in tables.items():
        parts += [f"### {t.title}", f"`python benchmarks/run.py {k}`", markdown(rows[k])]
        parts += [f"![{t.title}]({k}.png)"] if t.picture else []
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
