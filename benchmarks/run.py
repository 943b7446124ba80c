"""Run the benchmarks, each in a process of its own; write results.json and RESULTS.md.

    python benchmarks/run.py [NAME ...] [--quick] [--repeats N] [--out FOLDER]

Without a NAME all are run.  Named ones are merged into the results already in the folder.
--quick writes nothing unless a folder is given.
"""

import argparse
import importlib
import json
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from measure import HERE, MACHINE, Claim, Options, SkippedError, markdown, table
from threadpoolctl import threadpool_limits

MODULES = {  # a benchmark is the function of its name; in this order it is written
    **dict.fromkeys(("digits", "scaling", "ratings", "cvxpy", "bracket", "dictionary"), "matrices"),
    **dict.fromkeys(("movielens", "nonnegative", "losses", "biases"), "matrices"),
    "polars": "hard_polars",
    "short_sides": "short_sides",
    "own_size": "own_size",
    "at_scale": "at_scale",
    "peers": "peers",
    "patience": "matrices",
    **dict.fromkeys(("tensorly", "tensor_polar", "cp"), "tensors"),
    **dict.fromkeys(("networks", "real_networks", "layers", "hour"), "networks"),
}
EVERY_CORE = ("scaling", "ratings", "at_scale", "layers")  # the others use one thread of BLAS
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
    def restored(cls, told: dict) -> "Report":
        """Return a report from its JSON."""
        return cls(**told | {"claims": [Claim(**c) for c in told["claims"]]})

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
    benchmark = getattr(importlib.import_module(MODULES[name]), name)
    found, skipped = [], ""
    with threadpool_limits(None if name in EVERY_CORE else 1, user_api="blas"):
        try:
            found.extend(benchmark(options))  # what came before a SkippedError stays
        except SkippedError as error:
            skipped = str(error)
    kinds = ([x for x in found if isinstance(x, kind)] for kind in (str, dict, Claim))
    (title,), rows, claims = kinds
    return Report(title, rows, claims, skipped)


def main() -> None:
    """Run, merge, write; exit status 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODULES))
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--repeats", type=int, help="rounds; of patience and hour the seconds")
    parser.add_argument("--out", type=Path, help="folder to write to")
    given = parser.parse_args()
    if unknown := set(given.names) - {*MODULES}:
        parser.error(f"NAME must be one of {', '.join(MODULES)}, got {', '.join(sorted(unknown))}")
    folder = given.out or (None if given.quick else HERE)
    held = read(folder / "results.json") if folder else {}
    for name in given.names or MODULES:
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            options = Options(given.quick, given.repeats)
            held[name] = alone.submit(measured, name, options).result()
        print(held[name].text())
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, {k: held[k] for k in MODULES if k in held})
    sys.exit(not all(c.holds for report in held.values() for c in report.claims))


def read(file: Path) -> dict[str, Report]:
    """Return the reports of an earlier run."""
    if not file.exists():
        return {}
    told = json.loads(file.read_text(encoding="utf-8"))
    return {k: Report.restored(r) for k, r in told["reports"].items()}


def write(folder: Path, held: dict[str, Report]) -> None:
    """Write results.json and RESULTS.md."""
    versions = {"python": platform.python_version()} | {k: version(k) for k in LIBRARIES}
    reports = {k: asdict(r) for k, r in held.items()}
    told = {"machine": MACHINE, "versions": versions, "reports": reports}
    (folder / "results.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    listed = ", ".join(f"{k} {v}" for k, v in versions.items())
    (folder / "RESULTS.md").write_text(text(held, listed), encoding="utf-8")


def text(held: dict[str, Report], versions: str) -> str:
    """Return the claims in one table, the first with its benchmark's name, then each table."""
    rows = []
    for r in held.values():
        claims = r.claimed() or [{"what": f"skipped: {r.skipped}"}]
        names = [r.title.split(",")[0], *[""] * len(claims)]
        rows += [{"benchmark": name} | c for name, c in zip(names, claims, strict=False)]
    parts = [
        f"Medians on {MACHINE}; ratios within one run. {versions}.",
        markdown(rows),
        "![seconds against size](scaling.png)",
    ]
    parts += [f"### {r.title}\n\n{markdown(r.rows)}" for r in held.values() if not r.skipped]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
