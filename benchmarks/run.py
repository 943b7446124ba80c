"""Run the benchmarks, each in a process of its own; write results.json and RESULTS.md.

    python benchmarks/run.py [NAME ...] [--quick] [--out FOLDER]

NAME is what follows bench_; without one all are run.  Named ones are merged into the
results already in the folder.  --quick writes nothing unless a folder is given.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from measure import MACHINE, Claim, Report, Row, claimed, markdown

HERE = Path(__file__).parent
NAMES = (
    "digits",
    "scaling",
    "ratings",
    "cvxpy",
    "bracket",
    "dictionary",
    "movielens",
    "nonnegative",
    "losses",
    "biases",
    "polars",
    "patience",
    "tensorly",
    "tensor_polar",
    "cp",
    "networks",
    "real_networks",
    "layers",
    "hour",
)
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
Results = dict[str, Report]


def main() -> None:
    """Run, merge, write; exit status 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--out", type=Path, help="folder to write to")
    given = parser.parse_args()
    if unknown := set(given.names) - {*NAMES}:
        parser.error(f"NAME must be one of {', '.join(NAMES)}, got {', '.join(sorted(unknown))}")
    folder = given.out or (None if given.quick else HERE)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    held = read(folder / "results.json") if folder else {}
    held |= {k: measured(k, quick=given.quick) for k in given.names or NAMES}
    if folder:
        write(folder, {k: held[k] for k in NAMES if k in held})
    sys.exit(not all(c.holds for report in held.values() for c in report.claims))


def measured(name: str, *, quick: bool) -> Report:
    """Run one benchmark, show its tables, and return its report."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = [sys.executable, str(HERE / f"bench_{name}.py"), "--json", str(file)]
        done = subprocess.run(command + ["--quick"] * quick, check=False)
        if not file.exists():  # a claim that does not hold is in the report
            sys.exit(f"bench_{name}.py ended with status {done.returncode} and no report")
        return restored(json.loads(file.read_text(encoding="utf-8")))


def restored(told: dict) -> Report:
    """Return a report from its JSON."""
    return Report(**told | {"claims": [Claim(**c) for c in told["claims"]]})


def read(file: Path) -> Results:
    """Return the reports of an earlier run."""
    if not file.exists():
        return {}
    told = json.loads(file.read_text(encoding="utf-8"))
    return {k: restored(r) for k, r in told["reports"].items()}


def write(folder: Path, held: Results) -> None:
    """Write results.json and RESULTS.md."""
    versions = {"python": platform.python_version()} | {k: version(k) for k in LIBRARIES}
    reports = {k: vars(r) | {"claims": [vars(c) for c in r.claims]} for k, r in held.items()}
    told = {"machine": MACHINE, "versions": versions, "reports": reports}
    (folder / "results.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (folder / "RESULTS.md").write_text(text(held, versions), encoding="utf-8")


def text(held: Results, versions: dict[str, str]) -> str:
    """Return the claims in one table, then each benchmark's own."""
    listed = ", ".join(f"{k} {v}" for k, v in versions.items())
    rows = [row for r in held.values() for row in summary(r)]
    parts = [
        f"Medians on {MACHINE}; ratios within one run. {listed}.",
        markdown(rows),
        "![seconds against size](scaling.png)",
    ]
    parts += [f"### {r.title}\n\n{markdown(r.rows)}" for r in held.values() if not r.skipped]
    return "\n\n".join(parts) + "\n"


def summary(report: Report) -> list[Row]:
    """Return the claims, the first with the benchmark's name before it."""
    rows = claimed(report) or [{"what": f"skipped: {report.skipped}"}]
    names = [report.title.split(",")[0], *[""] * len(rows)]
    return [{"benchmark": name} | row for name, row in zip(names, rows, strict=False)]


if __name__ == "__main__":
    main()
