"""The proved checker's program, and certificates with one change each, for its tests."""

import re
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify import Problem, RejectedError, improve
from certify.atoms import ReLU
from certify.kernel.claim import check as proved
from certify.kernel.fields import number, rational
from certify.kernel.file import identity, read
from certify.kernel.verdict import prove
from certify.losses import Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.certificate.file import as_kernel_array as array
from certify.pipeline.certificate.file import as_numpy
from paper_checks._statements import FORMAL

FOLDER = FORMAL.parent / "checker"
LIMIT = 60 * 60  # seconds, on a busy machine; it takes two minutes of one core

COVERED = (
    "absolute",
    "bias",
    "boxed",
    "column",
    "concave",
    "cones",
    "cones_bias",
    "conic",
    "corners",
    "deep_layers",
    "deep_linear",
    "elastic",
    "elastic_conic",
    "equal",
    "given",
    "groups",
    "groups_largest",
    "hinge",
    "huber",
    "intercept",
    "kullback_leibler",
    "ky_fan",
    "linear",
    "lines",
    "logistic",
    "masked",
    "max_pool",
    "mode",
    "negative",
    "network",
    "network_leaf",
    "network_range",
    "outputs",
    "outputs_max_pool",
    "own_size",
    "poisson",
    "quantile",
    "rank_limited",
    "rank_limited_network",
    "rank_limited_tensor",
    "refuted",
    "refuted_by_rank",
    "ridge",
    "row",
    "signs",
    "slices",
    "softmax",
    "sparse",
    "spectral",
    "spectral_scaled",
    "squared_hinge",
    "symmetric",
    "tensor_splits",
    "transpose",
    "trivial",
    "weighted",
    "weighted_entries",
)

STATUS = {"CERTIFIED": 0, "REFUTED": 10, "UNDECIDED": 12, "RANK_LIMITED": 14}

REJECTED, OUTSIDE = 20, 3
TOOLS = ("coqc", "ocamlfind", "make")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
if not MISSING:  # the tools without the libraries are not enough
    asked = ["ocamlfind", "query", "zarith", "sha"]
    found = subprocess.run(asked, capture_output=True, check=False)
    MISSING = [] if found.returncode == 0 else ["zarith or sha"]
BUILT = pytest.mark.skipif(bool(MISSING), reason=f"the proved checker is not built: no {MISSING}")

LINE = re.compile(r"VERIFIED (\w+)  (\S+) <= optimum, candidate <= (\S+)\n")


class Session:
    """One process of the checker, asked about many files: starting it would cost most."""

    def __init__(self, binary):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([str(binary), "-"], stdin=pipe, stdout=pipe, text=True)

    def answer(self, path):
        """Return what the checker prints about a file, and its exit status."""
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        status, _, text = self.process.stdout.readline().partition(" ")
        if text.startswith("VERIFIED "):
            text += self.process.stdout.readline()
        return text, int(status)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.communicate()


def answer(binary, path):
    """Return what the checker prints about a file, and its exit status."""
    if isinstance(binary, Session):
        return binary.answer(path)
    done = subprocess.run(
        [str(binary), str(path)], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.stderr == ""
    return done.stdout, done.returncode


def kernel(path):
    """Return what the Python kernel proves of a file, or None."""
    try:
        file = read(path)
        return proved(file, file.given)
    except (RejectedError, ValueError, ArithmeticError):
        return None


def by_a_hair(path):
    """Return what Python proves where it misses CERTIFIED by its rounding of quotients alone."""
    file = read(path)
    outcome = prove(file.statement, file.given, file.proof, file.witness)
    eps = max(
        number(file.statement["atol"], "atol"),
        number(file.statement["rtol"], "rtol") * abs(outcome.upper),
    )
    assert outcome.verdict == "UNDECIDED"
    assert 0 < outcome.upper - outcome.lower - eps < max(abs(outcome.upper), 1) * rounding(file)
    return outcome


def rounding(file):
    """Return what part of the value Python's quotients lose; lines, and s but for squares, too."""
    exact = file.statement["loss"] == "squared" and "l1" not in file.statement
    return Fraction(1, 2**100 if exact else 2**58)


def added(proof):
    """Return what is added to the dual points of a proof, all in all, or None for nothing."""
    floor = proof.get("floor", {})
    listed = [*proof.get("corrections", []), *floor.get("corrections", [])]
    return sum(abs(rational(x, "corrections")) for _, x in listed) if listed else None


def agrees(binary, path):
    """Compare both on one file; return the checker's exit status."""
    text, status = answer(binary, path)
    if status == OUTSIDE:
        assert text.startswith("NOT COVERED  ")
        return status
    outcome = kernel(path)
    if status == REJECTED:
        assert text.startswith("NOT VERIFIED  ")
        if text.endswith("not proved, CERTIFIED\n") and outcome is not None:
            by_a_hair(path)
        else:
            assert outcome is None
        return status
    verdict, lower, upper = LINE.match(text).groups()
    if outcome is None:
        assert read(path).claim["verdict"] == "CERTIFIED"
        outcome = by_a_hair(path)
    else:
        assert verdict == outcome.verdict
    assert status == STATUS[verdict]
    value = max(abs(outcome.upper), abs(outcome.lower), 1)
    slack, less = Fraction(1, 10**15) * value, value * rounding(read(path))
    if (more := added(read(path).proof)) is not None:  # Python pays for its norm
        slack = less = 1000 * (more + Fraction(1, 10**16)) * value
    assert abs(Fraction(lower) - outcome.lower) <= slack
    assert abs(Fraction(upper) - outcome.upper) <= slack
    assert Fraction(upper) > outcome.upper - slack / 10**9  # not rounded to nearest
    assert Fraction(lower) < outcome.lower + max(less, slack / 10**9)
    return status


TINY = 3 << 60


def lies_of_offsets(held):
    """Change what offsets are and cost, and the corrections of a dual point."""
    offsets = held.statement["offsets"]
    for k, offset in enumerate(offsets):
        told = [{**offset, "kind": kind} for kind in ("intercept", "linear", "row", "smooth")]
        told += [{**offset, "axis": axis} for axis in (0, 1, 2, "0")]
        told += [{**offset, "rho": x} for x in (HALF, MORE, MINUS, float.hex(0.0))]
        for changed in told:
            new = [*offsets[:k], changed, *offsets[k + 1 :]]
            yield replace(held, statement={**held.statement, "offsets": new})
    for new in (offsets[1:], [*offsets, offsets[0]], offsets[::-1]):
        yield replace(held, statement={**held.statement, "offsets": new})
    listed = held.proof.get("corrections", [])
    for new in (
        listed[1:],
        listed[::-1],
        [*listed, [0, f"1/{TINY:x}"]],
        [*listed, [0, "0/1"]],
        [[10_000, "0/1"]],
        [[0, f"1/{TINY:x}"], [0, f"-1/{TINY:x}"]],
        [[0, f"1/{TINY:x}"], [1, f"-1/{TINY:x}"]],
        [[0, "1/0"]],
        [[0, 1]],
        [[0, f"-2/{TINY:x}"]],
        7,
    ):
        yield replace(held, proof={**held.proof, "corrections": new})


def with_array(held, part, name, change):
    """Change an array and, of a question, its digest."""
    arrays = dict(getattr(held, part))
    x = as_numpy(arrays[name]).copy()
    change(x.reshape(-1))
    arrays[name] = array(x)
    held = replace(held, **{part: arrays})
    if part == "given":
        stated = {k: identity(a) for k, a in arrays.items()}
        held = replace(held, statement={**held.statement, "arrays": stated})
    return held


def put(value):
    def change(x):
        if x.size:
            with np.errstate(over="ignore"):  # 1e300 is infinite in single precision
                x[x.size // 2] = value

    return change


def answers_to_lies(binary, path, held, more=()):
    """Return the statuses that changes of a certificate end with, those of Python's kernel too."""
    found = set()
    for lie in [*lies(held), *more]:
        lie.save(path)
        found.add(agrees(binary, path))
    return found


def verify_and_change(binary, path, held, more):
    """Verify a certificate that is covered; its changes end in each way, as Python's kernel says.

    more: changes beside those of every certificate
    """
    held.save(path)
    assert LINE.match(answer(binary, path)[0])
    assert agrees(binary, path) in STATUS.values()
    with Session(binary) as session:
        seen = answers_to_lies(session, path, held, more)
    assert {REJECTED, OUTSIDE} <= seen
    assert seen & set(STATUS.values())


def lies(held):
    """Yield sealed certificates with one change each."""
    yield from lies_of_arrays(held)
    yield from lies_of_the_statement(held)
    yield from lies_of_the_proof(held)


def lies_of_arrays(held):
    """Change a number of an array, or leave the array out."""
    for part in ("given", "witness"):
        for name, a in getattr(held, part).items():
            whole = as_numpy(a).dtype.kind == "i"
            for value in (0, 7, -1) if whole else (0.0, -1.0, 1e300, 5e-324, np.inf, np.nan):
                yield with_array(held, part, name, put(value))
            others = {k: a for k, a in getattr(held, part).items() if k != name}
            yield replace(held, **{part: others})


def lies_of_the_statement(held):
    """Change or leave out a field of the question."""
    for field in held.statement:
        yield replace(held, statement={k: v for k, v in held.statement.items() if k != field})
    zero, half, minus = "0x0.0p+0", "0x1.0000000000000p-1", "-0x1.0000000000000p+0"
    for field in ("lam", "rtol", "atol"):
        for value in (zero, half, minus, "0.5", "0x1p-1", "nan", "inf", 1):
            yield replace(held, statement={**held.statement, field: value})
    for field, value in (
        ("format", "certify/2"),
        ("claim", "rank"),
        ("loss", "absolute"),
        ("q", "found"),
        ("observed", "listed"),
        ("observed", "all"),
        ("shape", [2, 2]),
        ("shape", [3, 3, 1]),
        ("shape", [2, 3, 2]),
        ("shape", [3, 2, 2]),
        ("more", "field"),
    ):
        yield replace(held, statement={**held.statement, field: value})
    for k, offset in enumerate(held.statement["offsets"]):
        for value in (zero, half, minus, "0x1.0000000000000p-1074", 1):
            changed = [*held.statement["offsets"]]
            changed[k] = {**offset, "ridge": value}
            yield replace(held, statement={**held.statement, "offsets": changed})
    for field, value in (("form", "sum"), ("left", "l1"), ("right", "l2+"), ("kind", "symmetric")):
        atom = {**held.statement["atom"], field: value}
        yield replace(held, statement={**held.statement, "atom": atom})


def lies_of_the_proof(held):
    """Change the claim or the proof."""
    for verdict in (*STATUS, "BETTER"):
        yield replace(held, claim={**held.claim, "verdict": verdict})
    polar = held.proof.get("polar", {})
    for field, value in (
        ("axis", 0),
        ("axis", 2),
        ("shift", "1/3"),
        ("shift", "0/1"),
        ("shift", "-1/1"),
        ("shift", "-1/400"),
        ("shift", "-0/1"),
        ("shift", "--1/1"),
        ("shift", "1_0/1"),
        ("rule", "lines"),
        ("rule", None),
        ("rows", [0]),
        ("rows", [2]),
        ("rows", [1, 2]),
        ("rows", [1, 0]),
        ("rows", [0, 1, 2]),
        ("form", "gram"),
        ("form", "hat"),
        ("form", "square"),
        ("splits", [0]),
        ("copies", [0]),
    ):
        yield replace(held, proof={**held.proof, "polar": {**polar, field: value}})
    for nodes in lies_of_a_tree(polar.get("nodes", [])):
        yield replace(held, proof={**held.proof, "polar": {**polar, "nodes": nodes}})
    fan = held.proof.get("ky_fan", {})
    changes = (("axis", 0), ("axis", 1), ("shift", "0/1"), ("shift", "7/1"), ("rows", []))
    for field, value in changes:
        yield replace(held, proof={**held.proof, "ky_fan": {**fan, field: value}})
    for proof in (
        {},
        *({**held.proof, "floor": told} for told in ({}, {"corrections": []}, {"more": 1}, [])),
        {k: v for k, v in held.proof.items() if k != "floor"},
        {"better": True},
        {**held.proof, "better": True},
        {"corrections": [[0, "1/1"]]},
    ):
        yield replace(held, proof=proof)


def lies_of_a_tree(nodes):
    """Change the nodes of a tree of cases: what they are, and who is whose child."""
    for k, node in enumerate(nodes):
        for field, old in node.items():
            for value in (0, 1, len(nodes), "7/1") if field != "shift" else ("0/1", "7/1", "1/3"):
                if value != old:
                    yield [*nodes[:k], {**node, field: value}, *nodes[k + 1 :]]
            yield [*nodes[:k], {f: x for f, x in node.items() if f != field}, *nodes[k + 1 :]]
        yield [*nodes[:k], *nodes[k + 1 :]]
        yield [*nodes, node]
        yield [*nodes[:k], {**node, "equal": [0, 1]}, *nodes[k + 1 :]]
        for changed in lies_of_an_end(node):
            yield [*nodes[:k], changed, *nodes[k + 1 :]]
        if "plus" in node:
            turned = {**node, "plus": node["minus"], "minus": node["plus"]}
            yield [*nodes[:k], turned, *nodes[k + 1 :]]
    if nodes:
        yield from ([], {}, [1], [[]])


HALF, ONE, MORE, MINUS = (float.hex(x) for x in (0.5, 1.0, 1.5, -1.0))


def lies_of_an_end(node):
    """Change what is listed at an end of a hidden layer's tree."""
    if "cell" in node:
        for field, values in {
            "mu": ([[0, MINUS]], [[0, MORE]], [[0, ONE], [0, ONE]], [[99, ONE]], [0], 0),
            "rho": ([[0, HALF]], [[0, MORE]], [[0, HALF], [0, HALF]], [[99, HALF]]),
            "chords": (
                [[0, HALF, [], []]],
                [[0, MORE, [], []]],
                [[0, MINUS, [], []]],
                [[99, HALF, [], []]],
                [[0, HALF, [], []], [0, HALF, [], []]],
                [[0, HALF, [[0, ONE]], []]],
                [[0, HALF, [], [[0, MINUS]]]],
                [[0, HALF, [], [[99, ONE]]]],
            ),
        }.items():
            yield from ({**node, field: value} for value in values)
    if "tau" in node:
        for field in ("tau", "level", "radial", "bias"):
            for value in (HALF, MORE, MINUS, float.hex(0.0), float.hex(2.0**20)):
                yield {**node, field: value}
        yield {**node, "linear": True}
        yield {**node, "linear": True, "radial": HALF}


def layered(  # noqa: PLR0913  keywords
    outputs=1, right="l2", seed=1, loss=Squared, offsets=(), *, features=2, **layer
):
    """Return the certificate of a hidden layer that is fitted."""
    rng, free = np.random.default_rng(seed), layer.get("bias") == "free"
    X, Y = rng.standard_normal((7, features)), rng.standard_normal((7, outputs))
    problem = Problem(loss(Y), ReLU(X, right=right, **layer), 0.6, offsets)
    none = np.zeros((features + free, 0)), np.zeros((outputs, 0))
    return improve(problem, none, budget=3).result.certificate


def lies_of_lines(held):
    """Change an l1 penalty and the lines beside it."""
    a, b = held.statement["l1"]
    zero = float.hex(0.0)
    told = (
        [zero, zero],
        [b, a],
        [MINUS, b],
        [HALF, MORE],
        [a],
        [a, b, a],
        [a, 1],
        {},
        [MORE, zero],
    )
    for new in told:
        yield replace(held, statement={**held.statement, "l1": new})
    lines = held.proof["lines"]
    for k, line in enumerate(lines):
        for field, values in {
            "norm": ("own", "l1", "l2", 1),
            "slope": (zero, HALF, MORE, MINUS, "1.5", float.hex(1e6)),
            "proof": ({}, {"polar": {}}, [], {"ky_fan": {}}),
        }.items():
            for value in values:
                new = [*lines[:k], {**line, field: value}, *lines[k + 1 :]]
                yield replace(held, proof={**held.proof, "lines": new})
            less = {f: x for f, x in line.items() if f != field}
            yield replace(held, proof={**held.proof, "lines": [*lines[:k], less, *lines[k + 1 :]]})
    flat = {"norm": "own", "slope": HALF, "proof": {}}
    for new in (lines[1:], lines[::-1], [*lines, flat], [flat] * 16, [flat] * 17, [], {}, 7):
        yield replace(held, proof={**held.proof, "lines": new})
    for new in ({}, {**held.proof, "polar": {"rule": "lines"}}, {**held.proof, "corrections": []}):
        yield replace(held, proof=new)


FREE = {"bias": "free", "offsets": [ColumnIntercept()]}


def drawn(held, draw):
    """Return a certificate with one to three changes that are drawn, and sealed."""
    for _ in range(int(draw.integers(1, 4))):
        kind = int(draw.integers(5))
        if kind == 0:
            field = str(draw.choice(["lam", "rtol", "atol"]))
            told = float.hex(float(draw.choice(HEIGHTS)) * float(draw.random()))
            held = replace(held, statement={**held.statement, field: told})
        elif kind == 1:
            verdict = str(draw.choice(list(STATUS)))
            held = replace(held, claim={**held.claim, "verdict": verdict})
        elif kind == 2 and (parts := sorted({"ky_fan", "polar"} & set(held.proof))):
            part = str(draw.choice(parts))
            shift = f"{int(draw.integers(2**20)):x}/{1 << int(draw.integers(12)):x}"
            new = {**held.proof[part], "shift": shift, "axis": int(draw.integers(2))}
            if "nodes" in new:
                leaves = [{**x, "shift": shift} if "leaf" in x else x for x in new["nodes"]]
                new = {**held.proof[part], "nodes": leaves}
            held = replace(held, proof={**held.proof, part: new})
        else:
            part = str(draw.choice(["given", "witness"]))
            names_ = [k for k, a in getattr(held, part).items() if as_numpy(a).dtype.kind == "f"]
            if names_:
                held = with_array(held, part, str(draw.choice(names_)), moved(draw))
    return held


HEIGHTS = (0.0, 2.0**-1074, 2.0**-60, 2.0**-20, 1.0, 2.0, 2.0**40, 2.0**1000)


def moved(draw):
    """Return what moves some entries of an array, by little or by much."""
    by, sign = float(draw.choice(HEIGHTS)), float(draw.choice([-1.0, 1.0]))
    how, some = int(draw.integers(4)), float(draw.random())

    def change(x):
        at = np.flatnonzero(np.random.default_rng(x.size).random(x.size) <= some)
        with np.errstate(all="ignore"):
            new = (x[at] + sign * by, x[at] * (1 + sign * by), x[at] * sign * by, -x[at])[how]
        x[at] = np.where(np.isfinite(new), new, 0.0)

    return change
