"""Hidden layers: networks judged, those that libraries trained, their polars, and an hour."""

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, process_time

import data
import numpy as np
from measure import Options, at_most, both_tiers, megabytes, picture, same, timed

from certify import Problem, Verdict, check, improve
from certify.adapters import files
from certify.adapters.arrays import scnn_relu
from certify.atoms import ReLU
from certify.losses import Squared
from certify.polar import Proposal
from certify.polar.ascent.layers import attain
from certify.polar.branching import cells
from certify.polar.branching import layers as tree
from certify.polar.branching.layer_parts import ROOT_STEPS, STEPS, Bounder
from certify.polar.branching.tree import Limits, grow
from certify.polar.layer_query import LayerQuery
from certify.polar.proved import layer_above
from certify.polar.relaxation.layers import form_of
from certify.search.layers import lam_max

UNITS = 24  # neurons that an improvement starts from
REFUTATIONS = 5  # by networks of one size, before a candidate is judged


# Random data, and diabetes


def on_random():
    """Return a network's outputs on 100 x 3 random data, with noise."""
    rng = np.random.default_rng(0)
    X, U = rng.standard_normal((100, 3)), rng.standard_normal((3, 3))
    y = np.maximum(X @ U, 0.0).sum(axis=1, keepdims=True)
    return ReLU(X), Squared(y + 0.3 * rng.standard_normal(y.shape))


def on_diabetes(rows: int):
    """Return the layer and the loss of the first rows of a permutation."""
    _, X, y = data.diabetes(rows)
    return ReLU(X, bias="regularized"), Squared(y[:, None])


def problem_at(layer, share: float) -> Problem:
    """Return the problem at a share of the smallest lam of an empty network."""
    atom, loss = layer
    return Problem(loss, atom, share * atom.attain(loss.data, 0)[0])


def optimum(problem: Problem, rtol: float, budget: float):
    """Return the weights that an improvement ends at, whatever their proof."""
    rng = np.random.default_rng(1)
    shapes = problem.atom.shapes(problem.loss.dims)
    start = tuple(0.1 * rng.standard_normal((*s, UNITS)) for s in shapes)
    return improve(problem, start, rtol=rtol, budget=budget).factors


def too_few(problem: Problem, best):
    """Return weights of half the neurons, that nothing of their size was found better than."""
    theta = problem.atom.theta(best)
    factors = tuple(x[:, np.argsort(-theta)[: len(theta) // 2]] for x in best)
    for _ in range(REFUTATIONS):
        found = check(problem, factors, budget=20.0)
        larger = found.better is not None and found.better[0].shape[1] > factors[0].shape[1]
        if found.verdict is not Verdict.REFUTED or larger:
            break
        factors = found.better
    return factors


def judged(name: str, share: float, asked, rtol: float, budget: float):
    """Time a check, and the verification of its certificate."""
    worked = process_time()
    seconds, found = timed(check, *asked, rtol=rtol, budget=budget)
    return {
        "problem": name,
        "lam / lam_max": share,
        "epsilon": rtol,
        "verdict": found.verdict.name,
        "gap, relative": found.relative_gap,
        "tier": found.tier,
        "check s": seconds,
        "processor s": process_time() - worked,
    } | both_tiers(found, *asked, rtol)


def networks(options: Options):
    """Judge an optimum, one with too few neurons and one stopped early; and diabetes."""
    yield "Hidden layers"
    rows = []
    for share in (0.2, 0.05):
        problem = problem_at(on_random(), share)
        best = optimum(problem, 1e-6, 60.0)
        few = too_few(problem, best)
        for name, factors in (
            (f"random 100 x 3, {best[0].shape[1]} neurons", best),
            (f"too few, {few[0].shape[1]}", few),
            ("stopped early", tuple(1.02 * x for x in best)),
        ):
            rows.append(judged(name, share, (problem, factors), 1e-6, 60.0))
    cases = [(data.PART, 0.5, 1e-3), (data.PART, 0.2, 1e-3), (data.PART, 0.067, 1e-2)]
    cases += [(442, 0.5, 1e-2), (442, 0.2, 1e-2)]  # smaller: hour
    for count, share, rtol in () if options.quick else cases:
        problem, budget = problem_at(on_diabetes(count), share), 120.0 if count < 442 else 600.0
        best = optimum(problem, 0.01 * rtol, 0.25 * budget)
        name = f"diabetes {count} x {best[0].shape[0]}, {best[0].shape[1]} neurons"
        rows.append(judged(name, share, (problem, best), rtol, budget))
    yield from rows
    yield at_most("random data, optimum", max(r["check s"] for r in rows[:6:3]), 60)
    for k, (what, verdict) in enumerate(
        (("optima", "CERTIFIED"), ("too few neurons", "RANK_LIMITED"), ("stopped early", "REFUTED"))
    ):
        yield same(what, ", ".join(sorted({r["verdict"] for r in rows[k:6:3]})), verdict)
    held = sum(r["verified as"] == r["verdict"] for r in rows)
    yield same("networks with a bracket, verified in both tiers", held, len(rows))


def hour(options: Options, share: float = 0.05):
    """Spend an hour on all of diabetes at a small lam, or as many seconds as --repeats says.

    What bounds without a certificate leave is 0.82 of the objective.
    """
    seconds = 20 if options.quick else options.repeats or 3600
    yield f"442 x 11, lam / lam_max = {share}, {seconds} s"
    problem = problem_at(on_diabetes(60 if options.quick else 442), share)
    best = optimum(problem, 1e-4, 5.0 if options.quick else 120.0)
    upper, heard = problem.objective(best), [(0.0, 0.0)]
    start, worked = perf_counter(), process_time()

    def told(stage: str, value: float) -> None:
        """Keep a lower bound that rises."""
        if "optimum at least" in stage and value > heard[-1][1]:
            heard.append((perf_counter() - start, value))

    found = check(problem, best, rtol=1e-2, budget=seconds, progress=told)
    heard.append((perf_counter() - start, found.lower))
    kept, due = [], 0.0
    for at, lower in heard[1:-1]:  # at 1, 2, 4, ... times the first moment
        if at >= due:
            kept.append((at, lower))
            due = 2 * at
    rows = [{"s": at, "proved at least": x, "gap": 1 - x / upper} for at, x in (*kept, heard[-1])]
    rows[-1] |= {"verdict": found.verdict.name, "tier": found.tier}
    rows[-1]["processor s"] = process_time() - worked
    yield from rows
    yield at_most("gap at the end", float(rows[-1]["gap"]), 0.82, "")
    if not options.quick:
        with picture("hour.png", (8, 4), outside=False) as axes:
            times, lowers = zip(*heard, strict=True)
            axes.step(times, lowers, where="post", label="proved: the optimum is at least")
            axes.axhline(upper, color="tab:red", linewidth=1, label="the network's objective")
            axes.fill_between(times, lowers, upper, step="post", alpha=0.15)
            axes.set(xlabel="seconds (one core)", ylabel="objective", xscale="log", xlim=(1, None))


# Networks that libraries trained, each saved as files beside a problem.toml

DECAY, STEPS_OF_ADAM = 0.5, 3000


def by_sklearn(table: data.Table, units: int, alpha: float, folder: Path, **given) -> str:
    """Fit by L-BFGS, from one start, until nothing moves; save; return the lines of [network].

    A regression minimizes 1/(2 n) |f - y|^2 + alpha/(2 n) |weights|^2, a classification the
    mean log loss + alpha/(2 n) |weights|^2.
    """
    from safetensors.numpy import save_file
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    squared = table.y.dtype.kind == "f"
    kind = MLPRegressor if squared else MLPClassifier
    plain = {"max_iter": 20_000, "max_fun": 10**6, "tol": 1e-10, "random_state": 0}
    model = kind(hidden_layer_sizes=(units,), solver="lbfgs", alpha=alpha, **(plain | given))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(table.X, table.y)
    state = {f"{k}.weight": a for k, a in enumerate(model.coefs_)}
    state |= {f"{k}.bias": a for k, a in enumerate(model.intercepts_)}
    save_file({k: np.ascontiguousarray(a) for k, a in state.items()}, folder / "net.safetensors")
    loss, decay = ("mse", 2 * alpha) if squared else ("bce", alpha)
    return (
        f'model = "net.safetensors"\nloss = "{loss}"\nreduction = "sum"\n'
        f'weight_decay = {decay!r}\ndecay_bias = false\nlayout = "sklearn"\n'
    )


def by_torch(table: data.Table, units: int, kind: str, folder: Path) -> str:
    """Train Linear, ReLU, Linear in single precision by Adam on all rows, steps getting short."""
    import torch
    from safetensors.numpy import save_file

    torch.manual_seed(0)
    X, y = (torch.tensor(a, dtype=torch.float32) for a in (table.X, table.y[:, None]))
    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], units), torch.nn.ReLU(), torch.nn.Linear(units, 1)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=DECAY)
    shorter = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS_OF_ADAM)
    for _ in range(STEPS_OF_ADAM):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(X), y).backward()
        optimizer.step()
        shorter.step()
    state = {k: p.detach().numpy() for k, p in net.state_dict().items()}
    save = save_graph if kind == "onnx" else save_file
    save(state, folder / f"net.{kind}")
    return f'model = "net.{kind}"\nloss = "mse"\nweight_decay = {DECAY!r}\n'


def save_graph(state, file: Path) -> None:
    """Save x -> Gemm, Relu, Gemm -> y as an .onnx file."""
    from onnx import TensorProto, helper, numpy_helper, save

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None]) for name in "xy")
    nodes = [
        helper.make_node("Gemm", ["x", "0.weight", "0.bias"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["a"]),
        helper.make_node("Gemm", ["a", "2.weight", "2.bias"], ["y"], transB=1),
    ]
    weights = [numpy_helper.from_array(a, name) for name, a in state.items()]
    made = helper.make_graph(nodes, "net", [x], [y], initializer=weights)
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(made, opset_imports=opset, ir_version=8), file)


def real_networks(options: Options, early_units: int = 20):
    """Train, save, check and verify each by one command; then pyscnn's sampled program."""
    yield "Real networks, one command each"
    part, some = data.diabetes(data.PART), data.cancer(100)
    fit = partial(by_sklearn, part, 30, 20.0)
    net = {kind: partial(by_torch, part, 30, kind) for kind in ("safetensors", "onnx")}
    early = partial(by_sklearn, some, 20, 2.0, max_iter=10)
    cases = [  # name, what trains and saves it, epsilon, seconds, verdict wanted
        ("MLPRegressor, alpha = 20", fit, 1e-2, 60.0, "CERTIFIED"),
        ("PyTorch, .safetensors", net["safetensors"], 1e-2, 60.0, "CERTIFIED"),
        ("PyTorch, .onnx", net["onnx"], 1e-2, 60.0, "CERTIFIED"),
        ("MLPClassifier, alpha = 2", partial(by_sklearn, some, 20, 2.0), 1e-3, 60.0, "CERTIFIED"),
        ("too few units, alpha = 1", partial(by_sklearn, some, 1, 1.0), 1e-3, 60.0, "RANK_LIMITED"),
        ("stopped early, alpha = 2", early, 1e-3, 60.0, "REFUTED"),
    ]
    if not options.quick:
        fit, both = partial(by_sklearn, data.diabetes(), 50, 20.0), data.cancer()
        cases += [
            ("MLPRegressor, alpha = 20", fit, 1e-2, 600.0, ""),
            ("MLPClassifier, alpha = 20", partial(by_sklearn, both, 20, 20.0), 1e-2, 600.0, ""),
        ]
    rows = [trained(*case[:4]) for case in cases]
    rows.append(sampled(part))
    yield from rows
    for row, wanted in zip(rows, [*(case[4] for case in cases), "REFUTED"], strict=True):
        if wanted:
            yield same(f"{row['network']}, {row['data']}", row["verdict"], wanted)
    units = rows[5]["better units"]
    yield at_most("stopped early: units of the better network", units, early_units, "")
    held = sum(r["verified as"] == r["verdict"] and 0 <= r["gap, relative"] < 1 for r in rows)
    yield same("networks with a bracket, verified in both tiers", held, len(rows))


def trained(name: str, make, rtol: float, budget: float):
    """Write a network's files, check it by one command, and verify by two."""
    table, units = make.args[:2]
    with TemporaryDirectory() as place:
        folder = Path(place)
        toml, cert, better = (folder / k for k in ("problem.toml", "x.cert", "better.npz"))
        np.save(folder / "X.npy", table.X)
        np.save(folder / "y.npy", np.asarray(table.y, dtype=float))  # classes as 0 and 1
        arrays = f'X = "X.npy"\ny = "y.npy"\n\n[epsilon]\nrtol = {rtol!r}\n'
        toml.write_text(f"[network]\n{make(folder)}{arrays}", encoding="utf-8")
        told = command("check", toml, "-o", cert, "--better", better, "--budget", budget)
        tiers = {k: command("verify", cert, "--problem", toml, "--tier", k) for k in TIERS}
        problem, size, more = files.load(toml).problem, cert.stat().st_size, None
        if better.exists():
            with np.load(better) as held:
                more = int(held["U"].shape[1])
    return {
        "network": name,
        "data": table.name,
        "units": units,
        "lam / lam_max": float(problem.lam / lam_max(problem, budget=5.0).lower),
        "epsilon": rtol,
        "verdict": told["verdict"],
        "better units": more,
        "gap, relative": told["relative_gap"],
        "check s": told["seconds"],
        "tier": told["tier"],
        "certificate kB": size / 1e3,
        **{f"{tier} verify s": p["seconds"] for tier, p in tiers.items()},
        "verified as": ", ".join(sorted({p["verdict"] for p in tiers.values()})),
    }


TIERS = ("exact", "rounded")


def command(*arguments: object):
    """Run the command and return its line of JSON."""
    line = [sys.executable, "-m", "certify", *map(str, arguments), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def sampled(table: data.Table, patterns: int = 12, share: float = 0.2, rtol: float = 1e-2):
    """Solve pyscnn's program over sampled patterns, and judge it among all of them."""
    _, X, y = table
    norms = np.linalg.norm(X, axis=0)
    none = [np.ones((1, X.shape[1])), np.zeros((1, 1))]
    lam = share * lam_max(scnn_relu(none, X, y, 1.0)[0], budget=5.0).lower / len(y)
    W1, W2 = program(X / norms, y, lam, patterns)
    W1 /= norms
    size = np.linalg.norm(W1, axis=1)
    alive = size > 1e-6 * size.max()
    problem, factors = scnn_relu([W1[alive], W2[:, alive]], X, y, lam)
    seconds, found = timed(check, problem, factors, rtol=rtol, budget=60.0)
    return {
        "network": f"pyscnn's program, {patterns} patterns",
        "data": table.name,
        "units": factors[0].shape[1],
        "lam / lam_max": share,
        "epsilon": rtol,
        "verdict": found.verdict.name,
        "better units": None if found.better is None else found.better[0].shape[1],
        "gap, relative": found.relative_gap,
        "check s": seconds,
        "tier": found.tier,
        **both_tiers(found, problem, factors, rtol),
    }


def program(X, y, lam: float, patterns: int):
    """Return [W1, W2] of the program over sampled patterns, each with its cone:

    min 1/(2 n) |sum +-D_i X v_i - y|^2 + lam sum |v_i|,   (2 D_i - 1) X v_i >= 0.
    """
    import cvxpy as cp

    rng = np.random.default_rng(0)
    gates = np.unique(X @ rng.standard_normal((X.shape[1], patterns)) > 0, axis=1).T.astype(float)
    gates, signs = np.repeat(gates, 2, axis=0), np.tile([1.0, -1.0], len(gates))
    parts = [cp.Variable(X.shape[1]) for _ in gates]
    f = sum(s * cp.multiply(g, X @ v) for s, g, v in zip(signs, gates, parts, strict=True))
    cones = [cp.multiply(2 * g - 1, X @ v) >= 0 for g, v in zip(gates, parts, strict=True)]
    paid = lam * sum(cp.norm(v) for v in parts)
    cp.Problem(cp.Minimize(cp.sum_squares(f - y) / (2 * len(y)) + paid), cones).solve("CLARABEL")
    return np.array([v.value for v in parts]), signs[None]


# Polars of hidden layers

SHAPES = ((25, 2), (60, 3), (100, 3), (100, 4), (60, 10), (100, 11), (200, 11), (442, 11))
FEW, PRODUCTS = 4, 100  # features for which cells run; rows for which products do


def layers(options: Options, seconds: float = 12.0):
    """Bound each polar by each method that fits its size, in so many seconds.

    W is what a linear fit leaves of the diabetes data: N rows in a seeded order, the first
    d - 1 of 10 features and a bias.  Every bound is the kernel's, in rounded arithmetic.
    """
    yield "polars of hidden layers"
    rows = []
    for n, d in SHAPES[:3] if options.quick else SHAPES:
        atom, W = residual(n, d)
        lower = attain(replace(atom.query(W), deadline=monotonic() + seconds))[0]
        for name, propose in methods(n, d):
            ask = replace(atom.query(W), deadline=monotonic() + seconds)
            spent, found = timed(propose, ask, lower)
            checked, upper = timed(layer_above, W, atom, found.proof)
            row = {
                "N": n,
                "d": d,
                "method": name,
                "attained": lower,
                "proved": upper,
                "gap": upper / lower - 1,
                "s": spent,
                "verify s": checked,
                "parts": len(found.proof["nodes"]),
                "MB": megabytes(found.proof),
            }
            rows.append(row)
            yield row
    exact = [(f"cells, N = {r['N']}, d = {r['d']}", r) for r in rows if r["method"] == "cells"]
    exact = [(name, r) for name, r in exact if r["d"] < FEW]
    yield from (at_most(f"{name}: gap", r["gap"], 1e-6, "") for name, r in exact)
    yield from (at_most(f"{name}: time", r["s"], 60) for name, r in exact)
    if not options.quick:
        draw_gaps(rows)


def residual(n: int, d: int):
    """Return the layer of n rows and d features, and what a linear fit leaves of the target."""
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:n]
    V = X[chosen, : d - 1] / X.std(axis=0)[: d - 1]
    F = np.column_stack([V, np.ones(n)])
    z = (y[chosen] - y.mean()) / y.std()
    return ReLU(V, bias="regularized"), (z - F @ np.linalg.lstsq(F, z)[0])[:, None]


def methods(n: int, d: int):
    """Yield the methods for a size."""
    if d <= FEW:
        yield "cells", cells.proposal
    yield "relaxation", partial(relaxed, radial=False)
    if n <= PRODUCTS:
        yield "relaxation + products", partial(relaxed, radial=True)
    yield "branching", tree.proposal


def relaxed(ask: LayerQuery, lower: float, *, radial: bool) -> Proposal:
    """Return the bound of one part, with the products of p, q <= |f| s or without."""
    solver = Bounder(ask, replace(form_of(ask), radial=radial), (ROOT_STEPS, STEPS))
    return Proposal(*tree.proof_of(solver, grow(solver, Limits(lower, nodes=1)), lower))


def draw_gaps(rows) -> None:
    """Draw the proved gap against the time, a mark for each size and method."""
    with picture("layers.png", (9, 4.5)) as axes:
        for name in dict.fromkeys(r["method"] for r in rows):
            held = [(r["s"], max(r["gap"], 1e-12), r) for r in rows if r["method"] == name]
            axes.loglog([s for s, *_ in held], [gap for _, gap, _ in held], "o", label=name)
            for s, gap, r in held:
                axes.annotate(f" {r['N']} x {r['d']}", (s, gap), fontsize=7)
        axes.set(xlabel="seconds (one core)", ylabel="proved gap, relative")
