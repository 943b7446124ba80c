"""Run the benchmarks, each in a process of its own; write results.json and the pages made of it.

    python benchmarks/run.py [NAME ...] [--only TEXT] [--quick] [--repeats N] [--out FOLDER]

Without a NAME all are run.  Named ones are merged into the results already in the folder; with
--only, so are the rows of the cases whose name has the text in it.  --quick writes nothing unless
a folder is given.
"""

import argparse
import importlib
import json
import platform
import sys
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import expectations
from measure import HERE, MACHINE, Claim, Options, SkippedError, alone, claims, markdown, table
from threadpoolctl import threadpool_limits

MODULES = {  # a benchmark is the function of its name; in this order they are written
    "matrices": "digits scaling dictionary ratings nonnegative losses at_scale clicks text",
    "peers": "peers",
    "bounds": "tensor_polar short_sides",
    "trained": "cp short_problems networks real_networks hour",
    "expectations": "defaults penalties",
}
BENCHMARKS = {name: module for module, names in MODULES.items() for name in names.split()}
CASE = ("case", "model", "data", "family", "size", "ratio")  # columns that say what a row is about
LIBRARIES = ("numpy", "scipy", "cvxpy", "clarabel", "scs", "python-flint")
LIBRARIES += ("scikit-learn", "tensorly")


@dataclass(frozen=True)
class Report:
    """One benchmark's table and claims; `skipped` is the reason why it did not run."""

    title: str
    rows: list
    claims: list[Claim]
    skipped: str = ""

    @classmethod
    def restored(cls, stored: dict) -> "Report":
        """Return a report from its JSON."""
        return cls(**stored | {"claims": [Claim(**c) for c in stored["claims"]]})

    def claimed(self) -> list:
        """Return the claims as rows."""
        return [asdict(c) | {"holds": "yes" if c.holds else "NO"} for c in self.claims]

    def text(self) -> str:
        """Return what is printed."""
        parts = [table(self.rows), table(self.claimed())]
        parts = [f"skipped: {self.skipped}"] if self.skipped else parts
        return "\n\n".join([f"{self.title}  ({MACHINE})", *parts]) + "\n"


def measured(name: str, options: Options) -> Report:
    """Run one benchmark."""
    benchmark = getattr(importlib.import_module(BENCHMARKS[name]), name)
    report = Report("", [], [])
    with threadpool_limits(None if name == "scaling" else 1, user_api="blas"):
        try:
            for part in benchmark(options):
                row, wanted = part if isinstance(part, tuple) else (part, {})
                if isinstance(part, str):
                    report = replace(report, title=part)
                elif isinstance(part, Claim):
                    report.claims.append(part)
                else:
                    report.rows.append(row)
                    report.claims.extend(claims(row, wanted))
        except SkippedError as error:  # what came before stays
            report = replace(report, skipped=str(error))
    return report


def merged(new: Report, old: Report) -> Report:
    """Return rows and claims, new where their cases were run again, in the old order."""
    rows = {case(row): row for report in (old, new) for row in report.rows}
    made = {c.what: c for report in (old, new) for c in report.claims}
    return replace(new, rows=[*rows.values()], claims=[*made.values()])


def case(row) -> tuple:
    """Return what a row is about."""
    return tuple(row[k] for k in CASE if k in row) or (next(iter(row.values())),)


def main() -> None:
    """Run, merge, write; exit status 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--only", default="", help="cases whose name has this text")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--repeats", type=int, help="rounds; of hour the seconds")
    parser.add_argument("--out", type=Path, help="folder to write to")
    given = parser.parse_args()
    if unknown := set(given.names) - {*BENCHMARKS}:
        known = ", ".join(BENCHMARKS)
        parser.error(f"NAME must be one of {known}, got {', '.join(sorted(unknown))}")
    folder = given.out or (None if given.quick else HERE)
    reports = read(folder / "results.json") if folder else {}
    for name in given.names or BENCHMARKS:
        new = alone(measured, name, Options(given.quick, given.repeats, given.only))
        reports[name] = merged(new, reports.get(name, new)) if given.only else new
        print(new.text(), flush=True)
        if folder:
            write(folder, {k: reports[k] for k in BENCHMARKS if k in reports})
    sys.exit(not all(c.holds for report in reports.values() for c in report.claims))


def read(file: Path) -> dict[str, Report]:
    """Return the reports of an earlier run."""
    if not file.exists():
        return {}
    stored = json.loads(file.read_text(encoding="utf-8"))
    return {k: Report.restored(r) for k, r in stored["reports"].items()}


def write(folder: Path, reports: dict[str, Report]) -> None:
    """Write results.json, RESULTS.md, and beside them the page of what to expect."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = {"python": platform.python_version()} | {k: version(k) for k in LIBRARIES}
    stored = {k: asdict(r) for k, r in reports.items()}
    stored = {"machine": MACHINE, "versions": versions, "reports": stored}
    (folder / "results.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    listed = ", ".join(f"{k} {v}" for k, v in versions.items())
    (folder / "RESULTS.md").write_text(text(reports, listed), encoding="utf-8")
    if folder == HERE and {"defaults", "penalties"} <= set(reports):
        rows = (reports[k].rows for k in ("defaults", "penalties"))
        expectations.PAGE.write_text(expectations.page(*rows), encoding="utf-8")


def text(reports: dict[str, Report], versions: str) -> str:
    """Return the claims in one table, the first with its benchmark's name, then each table."""
    rows, reports = [], {k: r for k, r in reports.items() if BENCHMARKS[k] != "expectations"}
    for r in reports.values():
        made = r.claimed() or [{"what": f"skipped: {r.skipped}"}]
        names = [r.title.split(",")[0], *[""] * len(made)]
        rows += [{"benchmark": name} | c for name, c in zip(names, made, strict=False)]
    parts = [
        f"Medians on {MACHINE}; ratios within one run. {versions}.",
        markdown(rows),
        "![seconds against size](scaling.png)",
    ]
    parts += [
        f"### {r.title}\n\n`python benchmarks/run.py {k}`\n\n{markdown(r.rows)}"
        for k, r in reports.items()
        if not r.skipped
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
