"""Claim 3: a million generated ratings, 6040 x 3706, fitted by alternating least squares."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Claim, Options, Report, Row, at_most, main

SCRIPT = Path(__file__).parent / "ratings.py"
ASKED = {"m": 6040, "n": 3706, "count": 1_000_000, "lam": 40.0, "r": 40, "sweeps": 30}
QUICK = {"m": 1208, "n": 741, "count": 80_000, "lam": 20.0, "r": 40, "sweeps": 15}
BUDGET = 25.0  # seconds of search; the proofs before and after it are not in it


def run(options: Options) -> Report:
    """Fit once, then check in a fresh process for each round."""
    asked = (QUICK if options.quick else ASKED) | {"budget": BUDGET}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fitted.npz"
        fitted = alone("fit", file, asked)
        rounds = [alone("check", file, asked) for _ in range(options.rounds(3))]
    seconds = statistics.median(r["check s"] for r in rounds)
    memory = max(r["GB at peak"] for r in rounds)
    row = row_of(asked, rounds[-1]) | fitted
    row |= {"check s": seconds, "GB at peak": memory}
    title = f"3. {asked['count']} generated ratings, {asked['m']} x {asked['n']}, nuclear norm"
    return Report(title, [row], claims(rounds, seconds, memory))


def alone(role: str, file: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Run one step in a process of its own and return what it measured."""
    command = [sys.executable, str(SCRIPT), role, str(file), json.dumps(asked)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def row_of(asked: dict[str, Any], found: dict[str, Any]) -> Row:
    """Return what was asked and proved."""
    return {
        "r": asked["r"],
        "lam": asked["lam"],
        "sweeps": asked["sweeps"],
        "verdict": found["verdict"],
        "lower": found["lower"],
        "upper": found["upper"],
        "relative gap": (found["upper"] - found["lower"]) / found["upper"],
        "rounded verify s": found["rounded verify s"],
        "GB before": found["GB before"],
    }


def claims(rounds: list[dict[str, Any]], seconds: float, memory: float) -> list[Claim]:
    """Claim a proved bracket, its time and its memory."""
    low, high = rounds[-1]["lower"], rounds[-1]["upper"]
    shown = f"[{low:.8g}, {high:.8g}], {(high - low) / high:.1e} of it"
    return [
        Claim("a proved bracket", "0 < lower <= upper", shown, 0 < low <= high),
        at_most("check", seconds, 60),
        at_most("peak of memory, in a fresh process", memory, 2, "GB"),
    ]


if __name__ == "__main__":
    main(run)
