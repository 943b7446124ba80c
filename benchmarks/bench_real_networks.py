"""Real networks on real data, each judged by one command; too few units, stopped early, sampled.

certify check problem.toml -o x.cert        with the table [network] in problem.toml
certify verify x.cert --problem problem.toml --tier exact | rounded
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import cvxpy as cp
import numpy as np
import proofs
from measure import Claim, Options, Report, Row, at_most, main, same
from trained import (
    PART,
    SOME,
    Array,
    Case,
    cancer,
    classifier,
    diabetes,
    regressor,
    sklearn_files,
    torch_files,
    torch_network,
)

from certify import Problem, check
from certify.adapters import files
from certify.adapters.arrays import scnn_relu
from certify.search.layers import lam_max

DECAY, STEPS = 0.5, 3000  # of the PyTorch network
PATTERNS, SHARE = 12, 0.2  # that are sampled, and lam as a part of lam_max, as pyscnn's
LONG = 600.0  # seconds for all of the data
Make = Callable[[Path], Path]


def run(options: Options) -> Report:
    """Train, save, check and verify every network."""
    rows = [one(case, make) for case, make in cases(quick=options.quick)]
    rows.append(sampled())
    return Report("Real networks, one command each", rows, claims(rows))


def cases(*, quick: bool) -> Iterator[tuple[Case, Make]]:
    """Yield each network with what writes its files."""
    part, some = diabetes(PART), cancer(SOME)
    small = Case("MLPRegressor, alpha = 20", part, 30)
    yield small, lambda f: sklearn_files(small, regressor(part, 30, 20.0), f)
    net = torch_network(part, 30, DECAY, STEPS)
    for kind in ("safetensors", "onnx"):
        held = Case(f"PyTorch, .{kind}", part, 30)
        yield held, lambda f, c=held, k=kind: torch_files(c, net, DECAY, f / f"net.{k}")
    plane = Case("MLPClassifier, alpha = 2", some, 20, 1e-3)
    yield plane, lambda f: sklearn_files(plane, classifier(some, 20, 2.0), f)
    few = Case("too few units, alpha = 1", some, 1, 1e-3)
    yield few, lambda f: sklearn_files(few, classifier(some, 1, 1.0), f)
    early = Case("stopped early, alpha = 2", some, 20, 1e-3)
    yield early, lambda f: sklearn_files(early, classifier(some, 20, 2.0, max_iter=10), f)
    if not quick:
        every, both = diabetes(), cancer()
        wide = Case("MLPRegressor, alpha = 20", every, 50, budget=LONG)
        yield wide, lambda f: sklearn_files(wide, regressor(every, 50, 20.0), f)
        long = Case("MLPClassifier, alpha = 20", both, 20, budget=LONG)
        yield long, lambda f: sklearn_files(long, classifier(both, 20, 20.0), f)


def command(*arguments: object) -> Row:
    """Run the command and return its line of JSON."""
    line = [sys.executable, "-m", "certify", *map(str, arguments), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def one(case: Case, make: Make) -> Row:
    """Write a network's files, check it by one command, and verify by two."""
    with TemporaryDirectory() as folder:
        toml = make(Path(folder))
        cert, better = Path(folder) / "x.cert", Path(folder) / "better.npz"
        told = command("check", toml, "-o", cert, "--better", better, "--budget", case.budget)
        checked = [command("verify", cert, "--problem", toml, "--tier", t) for t in proofs.TIERS]
        share = share_of(files.load(toml).problem)
        size, units = cert.stat().st_size, better_units(better)
    return {
        "network": case.name,
        "data": case.data.name,
        "units": case.units,
        "lam / lam_max": share,
        "epsilon": case.rtol,
        "verdict": told["verdict"],
        "better units": units,
        "gap, relative": told["relative_gap"],
        "check s": told["seconds"],
        "tier": told["tier"],
        "certificate kB": size / 1e3,
        **{f"{t} verify s": p["seconds"] for t, p in zip(proofs.TIERS, checked, strict=True)},
        "verified as": ", ".join(sorted({p["verdict"] for p in checked})),
    }


def share_of(problem: Problem) -> float:
    """Return lam as a part of the smallest lam of an empty network, as far as that is found."""
    return float(problem.lam / lam_max(problem, budget=5.0).lower)


def better_units(file: Path) -> int | None:
    """Return the units of the better network, if there is one."""
    if not file.exists():
        return None
    with np.load(file) as held:
        return int(held["U"].shape[1])


def sampled() -> Row:
    """Solve pyscnn's program over sampled patterns, and judge it among all of them."""
    data = diabetes(PART)
    norms = np.linalg.norm(data.X, axis=0)
    none = [np.ones((1, data.X.shape[1])), np.zeros((1, 1))]
    top = lam_max(scnn_relu(none, data.X, data.y, 1.0)[0], budget=5.0).lower
    lam = SHARE * top / len(data.y)
    problem, factors = scnn_relu(program(data.X / norms, data.y, lam, norms), data.X, data.y, lam)
    begun = perf_counter()
    found = check(problem, factors, rtol=1e-2, budget=60.0)
    spent = perf_counter() - begun
    return {
        "network": f"pyscnn's program, {PATTERNS} patterns",
        "data": data.name,
        "units": factors[0].shape[1],
        "lam / lam_max": SHARE,
        "epsilon": 1e-2,
        "verdict": found.verdict.name,
        "better units": None if found.better is None else found.better[0].shape[1],
        "gap, relative": found.relative_gap,
        "check s": spent,
        "tier": found.tier,
        **proofs.read(found, (problem, factors), 1e-2),
    }


def program(X: Array, y: Array, lam: float, norms: Array) -> list[Array]:
    """Return [W1, W2] of the program over sampled patterns, each with its cone:

    min 1/(2 n) |sum +-D_i X v_i - y|^2 + lam sum |v_i|,   (2 D_i - 1) X v_i >= 0.
    """
    rng = np.random.default_rng(0)
    gates = np.unique(X @ rng.standard_normal((X.shape[1], PATTERNS)) > 0, axis=1).T.astype(float)
    gates, signs = np.repeat(gates, 2, axis=0), np.tile([1.0, -1.0], len(gates))
    parts = [cp.Variable(X.shape[1]) for _ in gates]
    f = sum(s * cp.multiply(g, X @ v) for s, g, v in zip(signs, gates, parts, strict=True))
    cones = [cp.multiply(2 * g - 1, X @ v) >= 0 for g, v in zip(gates, parts, strict=True)]
    paid = lam * sum(cp.norm(v) for v in parts)
    cp.Problem(cp.Minimize(cp.sum_squares(f - y) / (2 * len(y)) + paid), cones).solve("CLARABEL")
    W1 = np.array([v.value for v in parts]) / norms
    alive = np.linalg.norm(W1, axis=1) > 1e-6 * np.linalg.norm(W1, axis=1).max()
    return [W1[alive], signs[None, alive]]


def claims(rows: list[Row]) -> list[Claim]:
    """Claim the verdicts of the small networks, and a verified bracket of every one."""
    at = {(r["network"], r["data"]): r for r in rows}
    told = [same(f"{n}, {d}", r["verdict"], wanted(n)) for (n, d), r in at.items() if wanted(n, d)]
    early = at["stopped early, alpha = 2", rows[3]["data"]]
    told.append(
        at_most("stopped early: units of the better network", early["better units"], 20, "")
    )
    held = sum(r["verified as"] == r["verdict"] and 0 <= r["gap, relative"] < 1 for r in rows)
    return [*told, same("networks with a bracket, verified in both tiers", held, len(rows))]


def wanted(name: str, data: str = "") -> str:
    """Return the verdict that a network should have; "" for those of all the data."""
    if data in ("diabetes 442 x 10", "breast cancer 569 x 2"):
        return ""
    kinds = {"too few": "RANK_LIMITED", "stopped": "REFUTED", "pyscnn": "REFUTED"}
    return next((v for k, v in kinds.items() if name.startswith(k)), "CERTIFIED")


if __name__ == "__main__":
    main(run, threads=1)
