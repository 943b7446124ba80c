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
from measure import Options, bounded, claim, judged, picture

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
TIERS = ("exact", "rounded")


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


def networks(options: Options):
    """Judge an optimum, one with too few neurons and one stopped early; and diabetes."""
    yield "Hidden layers"
    for share in (0.2, 0.05):
        problem = problem_at(on_random(), share)
        best = optimum(problem, 1e-6, 60.0)
        few = too_few(problem, best)
        name = f"random 100 x 3, {best[0].shape[1]} neurons"
        wanted = {"verdict": "CERTIFIED", "check s": 60.0}
        yield row(name, share, (problem, best), 1e-6, 60.0), wanted
        name = f"too few, {few[0].shape[1]}"
        yield row(name, share, (problem, few), 1e-6, 60.0), {"verdict": "RANK_LIMITED"}
        early = tuple(1.02 * x for x in best)
        yield row("stopped early", share, (problem, early), 1e-6, 60.0), {"verdict": "REFUTED"}
    cases = [(data.PART, 0.5, 1e-3), (data.PART, 0.2, 1e-3), (data.PART, 0.067, 1e-2)]
    cases += [(442, 0.5, 1e-2), (442, 0.2, 1e-2)]  # smaller: hour
    for count, share, rtol in () if options.quick else cases:
        problem, budget = problem_at(on_diabetes(count), share), 120.0 if count < 442 else 600.0
        best = optimum(problem, 0.01 * rtol, 0.25 * budget)
        name = f"diabetes {count} x {best[0].shape[0]}, {best[0].shape[1]} neurons"
        yield row(name, share, (problem, best), rtol, budget), {"gap": 1.0}


def row(name: str, share: float, asked, rtol: float, budget: float):
    """Judge a network, by both arithmetics."""
    said = {"problem": name, "lam / lam_max": share, "epsilon": rtol}
    return said | judged(*asked, tiers=TIERS, rtol=rtol, budget=budget)[0]


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
    yield claim("gap at the end", float(rows[-1]["gap"]), 0.82)
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
    """Train by Adam on all rows, steps getting short, and save."""
    import torch
    from safetensors.numpy import save_file

    optimizer = partial(torch.optim.Adam, lr=0.01, weight_decay=DECAY)
    given = table.X, table.y[:, None]
    net, _ = data.torch_network(given, units, optimizer, STEPS_OF_ADAM, shorter=True)
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


def real_networks(options: Options):
    """Train, save, check and verify each by one command; then pyscnn's sampled program."""
    yield "Real networks, one command each"
    part, some, both = data.diabetes(data.PART), data.cancer(100), data.cancer()
    fit, net = partial(partial, by_sklearn), partial(partial, by_torch, part, 30)
    early = fit(some, 20, 2.0, max_iter=10)
    cases = [  # name, what trains and saves it, epsilon, seconds, what is wanted
        ("MLPRegressor, alpha = 20", fit(part, 30, 20.0), 1e-2, 60.0, "CERTIFIED"),
        ("PyTorch, .safetensors", net("safetensors"), 1e-2, 60.0, "CERTIFIED"),
        ("PyTorch, .onnx", net("onnx"), 1e-2, 60.0, "CERTIFIED"),
        ("MLPClassifier, alpha = 2", fit(some, 20, 2.0), 1e-3, 60.0, "CERTIFIED"),
        ("too few units, alpha = 1", fit(some, 1, 1.0), 1e-3, 60.0, "RANK_LIMITED"),
        ("stopped early, alpha = 2", early, 1e-3, 60.0, "REFUTED"),
        ("MLPRegressor, alpha = 20", fit(data.diabetes(), 50, 20.0), 1e-2, 600.0, None),
        ("MLPClassifier, alpha = 20", fit(both, 20, 20.0), 1e-2, 600.0, None),
    ]
    for *case, verdict in cases[:6] if options.quick else cases:
        wanted = {"gap": 1.0} | ({"verdict": verdict} if verdict else {})
        yield trained(*case), wanted | ({"better units": 20} if case[1] is early else {})
    yield sampled(part), {"gap": 1.0, "verdict": "REFUTED"}


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
        checked = command("check", toml, "-o", cert, "--better", better, "--budget", budget)
        tiers = {k: command("verify", cert, "--problem", toml, "--tier", k) for k in TIERS}
        problem, size, more = files.load(toml).problem, cert.stat().st_size, None
        if better.exists():
            with np.load(better) as arrays:
                more = int(arrays["U"].shape[1])
    return {
        "network": name,
        "data": table.name,
        "units": units,
        "lam / lam_max": float(problem.lam / lam_max(problem, budget=5.0).lower),
        "epsilon": rtol,
        "verdict": "/".join(sorted({p["verdict"] for p in (checked, *tiers.values())})),
        "better units": more,
        "gap": checked["relative_gap"],
        "check s": checked["seconds"],
        "arithmetic": checked["tier"],
        "certificate kB": size / 1e3,
        **{f"{tier} verify s": p["seconds"] for tier, p in tiers.items()},
    }


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
    row, result, _ = judged(problem, factors, tiers=TIERS, rtol=rtol, budget=60.0)
    return {
        "network": f"pyscnn's program, {patterns} patterns",
        "data": table.name,
        "units": row.pop("components"),
        "lam / lam_max": share,
        "epsilon": rtol,
        **row,
        "better units": None if result.better is None else result.better[0].shape[1],
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


def layers(options: Options):
    """Bound each polar by each method that fits its size, in twelve seconds.

    W is what a linear fit leaves of the diabetes data: N rows in a seeded order, the first
    d - 1 of 10 features and a bias.  Every bound is the kernel's, in rounded arithmetic.
    """
    yield "polars of hidden layers"
    rows, seconds = [], 12.0
    for n, d in SHAPES[:1] if options.quick else SHAPES:
        atom, W = residual(n, d)
        lower = attain(replace(atom.query(W), deadline=monotonic() + seconds))[0]
        for name, propose in methods(n, d):

            def search(propose=propose, atom=atom, W=W, lower=lower):
                ask = replace(atom.query(W), deadline=monotonic() + seconds)
                return lower, propose(ask, lower)

            row = {"polar": f"{name}, N = {n}, d = {d}", "N": n, "d": d, "method": name}
            row |= bounded(search, partial(layer_above, W, atom))
            rows.append(row)
            exact = name == "cells" and d < FEW
            yield row, {"gap": 1e-6, "search s": 60.0} if exact else {}
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
            marks = [(r["search s"], max(r["gap"], 1e-12), r) for r in rows if r["method"] == name]
            axes.loglog([s for s, *_ in marks], [gap for _, gap, _ in marks], "o", label=name)
            for s, gap, r in marks:
                axes.annotate(f" {r['N']} x {r['d']}", (s, gap), fontsize=7)
        axes.set(xlabel="seconds (one core)", ylabel="proved gap, relative")
