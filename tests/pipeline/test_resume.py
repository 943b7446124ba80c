"""A proof that takes long goes on where it was stopped: `certify check --resume`."""

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from certify import Problem, check
from certify.atoms import CP, RankOne, ReLU
from certify.base.checkpoint import Checkpoint, unpack
from certify.base.clock import Clock
from certify.losses import Logistic, Softmax, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.checkpoint_file import read
from certify.polar.branching.layer_parts import Cut
from certify.polar.branching.layers import EDGE
from certify.polar.branching.tree import Node, Solved, Tree
from certify.polar.relaxation.layer_admm import Relaxed
from certify.polar.relaxation.layer_multiplier import LayerMultiplier
from certify.problem.proof_time import ROUNDED
from certify.search import evidence
from certify.search.candidate import evaluate
from certify.search.dual.points import Run
from certify.search.families import search
from tests.cli.test_outputs import interruptible
from tests.question_files import inside, outside

ROWS, WIDTH, LAM = 30, 6, 3.0  # too wide for cells
TIGHT = ["--rtol", "1e-7", "--json"]  # not within: a tree grows until it is stopped
SHORT = 1 - 4 * EDGE  # a proof is as short as that allows
COLUMN = (ColumnIntercept(),)
KINDS = (Tree, Node, Solved, Cut, LayerMultiplier, Relaxed)
TABLE = """lam = {lam}
[data]
Y = "Y.npy"
[atom]
kind = "relu"
V = "V.npy"
[factors]
U = "U.npy"
V = "W.npy"
"""


def drawn(*shape):
    return np.random.default_rng(7).standard_normal(shape)


KINDS_OF = {
    "tensor": (Squared(np.abs(drawn(5, 4, 3))), CP(["l2", "l2", "l2+"]), 0.8, (), (5, 4, 3)),
    "nonnegative": (Squared(np.abs(drawn(9, 7))), RankOne("l2+", "l2+"), 0.5, (), (9, 7)),
    "signs": (Logistic((drawn(9, 7) > 0) * 1.0), RankOne("l2", "linf"), 0.5, COLUMN, (9, 7)),
    "classes": (
        Softmax(np.eye(3)[[0, 1, 2, 2, 1, 0, 1, 2, 0]]),
        ReLU(drawn(9, 5), bias="free"),
        0.2,
        COLUMN,
        (6, 3),
    ),
}


@pytest.fixture(scope="module")
def question():
    """Return a network that a short search ends at, with the problem it solves."""
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((ROWS, WIDTH)), rng.standard_normal((ROWS, 1))
    problem = Problem(Squared(y), ReLU(X), LAM)
    start = 0.1 * rng.standard_normal((WIDTH, 20)), 0.1 * rng.standard_normal((1, 20))
    found = search(
        problem, evaluate(problem, start, None), Clock(), 0, (1e-9, None)
    )  # no clock: steps
    return problem, found.best.factors


@pytest.fixture
def path(tmp_path, question):
    return written(tmp_path, *question)


def written(folder, problem, factors, lam=LAM):
    """Write the question as files."""
    arrays = {"Y": problem.loss.data, "V": problem.atom.V, "U": factors[0], "W": factors[1]}
    for name, a in arrays.items():
        np.save(folder / f"{name}.npy", a)
    file = folder / "p.toml"
    file.write_text(TABLE.format(lam=lam))
    return file


def trees(file):
    """Return the trees in a checkpoint, by name."""
    head, arrays = read(file)
    checkpoint = Checkpoint()
    checkpoint.fill(head["kept"], arrays)
    return {k: checkpoint.recall(k, KINDS) for k in checkpoint.read if k.startswith("tree.")}


def largest(file):
    """Return (name, tree) of the tree of most parts."""
    return max(trees(file).items(), key=lambda item: len(item[1].nodes))


def cuts(node):
    """Return what tells a part from others."""
    return [(c.sign, c.normal.tobytes()) for c in node.path]


def interrupted(path, checkpoint):
    """Run the command on a terminal until a tree grows; then press Ctrl-C once.

    Return the status, what is printed, and the parts that the tree was said to have.
    """
    main_end, user_end = pty.openpty()
    line = [sys.executable, "-m", "certify", "check", str(path), "--resume", str(checkpoint)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "200"}
    with subprocess.Popen(
        [*line, *TIGHT, "--budget", "60"],
        preexec_fn=interruptible,  # noqa: PLW1509  one thread here; restores a signal only
        stdout=subprocess.PIPE,
        stderr=user_end,
        env=env,
    ) as process:
        os.close(user_end)
        shown = b""
        while b"parts, optimum at least" not in shown:
            shown += os.read(main_end, 4096)
        process.send_signal(signal.SIGINT)
        try:
            while os.read(main_end, 4096):
                pass
        except OSError:  # how Linux reports that the other end is closed
            pass
        out = process.stdout.read()
        os.close(main_end)
    told = int(re.findall(rb"(\d+) parts, optimum", shown)[-1])
    return process.returncode, json.loads(out), told


@pytest.mark.thorough
def test_ctrl_c_leaves_a_bracket_and_a_file_from_which_the_command_goes_on(tmp_path, path):
    file = tmp_path / "a.checkpoint"
    status, first, told = interrupted(path, file)
    assert (status, first["verdict"]) == (12, "UNDECIDED")
    assert 0 < first["lower"] < first["upper"]
    name, before = largest(file)
    assert len(before.nodes) <= 2 * told + 2  # not what the rest of the budget would add
    bare = outside("check", path, *TIGHT, "--budget", "0").json
    assert bare["lower"] < SHORT * first["lower"]
    kept = None
    for budget in ("0", "4", "16", "64"):  # a part takes seconds where others work beside
        goes = ("--budget", budget, "--resume", file, "-o", tmp_path / "x")
        on = outside("check", path, *TIGHT, *goes)
        if on.json["lower"] < SHORT * first["lower"]:  # cones by the million take their time
            assert "the proof in the checkpoint takes about" in on.json["reason"]
            assert len(largest(file)[1].nodes) == len(before.nodes)
            continue
        kept = kept or on.json
        assert on.json["lower"] >= SHORT * kept["lower"]
        after = trees(file)[name]
        if len(after.nodes) > len(before.nodes):
            break
    assert len(after.nodes) > len(before.nodes) >= 1
    assert list(map(cuts, after.nodes[: len(before.nodes)])) == list(map(cuts, before.nodes))
    assert after.upper <= before.upper
    tier = ["--tier", on.json["tier"]]  # exactly, the tree that 300 seconds grew takes minutes
    proved = outside("verify", tmp_path / "x", "--problem", path, *TIGHT, *tier).json
    assert proved["lower"] == on.json["lower"]


@pytest.mark.thorough
def test_a_budget_that_is_spent_is_gone_on_from(tmp_path, question):
    problem, factors = question
    file = tmp_path / "a.checkpoint"
    lower, size = 0.0, 0
    for budget in (2.0, 0.0, 2.0, 0.0):
        found = check(problem, factors, rtol=1e-7, budget=budget, checkpoint=file)
        parts = len(largest(file)[1].nodes)
        assert found.lower >= SHORT * lower
        assert parts >= size
        lower, size = found.lower, parts
    assert check(problem, factors, rtol=1e-7, budget=0.0).lower < SHORT * lower


def test_a_proof_that_the_budget_lacks_stays_in_the_file(tmp_path, monkeypatch):
    loss, atom, lam, offsets, sides = KINDS_OF["classes"]
    problem, file = Problem(loss, atom, lam, offsets), tmp_path / "a.checkpoint"
    factors = [0.3 * np.abs(drawn(n, 2)) for n in sides]
    first = check(problem, factors, rtol=1e-9, budget=1.0, checkpoint=file)
    before, met, recall = list(trees(file)), [], evidence.recall
    with monkeypatch.context() as patched:
        patched.setattr(evidence, "BYTE", 1.0)
        patched.setattr(evidence, "recall", lambda run: met.append(recall(run)) or met[0])
        short = check(problem, factors, rtol=1e-9, budget=0.0, checkpoint=file)
    assert "the proof in the checkpoint takes about" in met[0].note
    assert met[0].dual is None
    assert 0 < short.lower <= short.upper
    assert list(trees(file)) == before
    again = check(problem, factors, rtol=1e-9, budget=0.0, checkpoint=file)
    assert again.lower >= SHORT * first.lower


def test_what_is_kept_takes_its_bytes_and_its_cones():
    problem = Problem(Squared(drawn(9, 1)), ReLU(drawn(9, 3)), 0.5)
    start = evaluate(problem, (np.zeros((3, 0)), np.zeros((1, 0))), None)
    run = Run(problem, start, 1e-6, Clock(0.0), 0, given=True)
    assert evidence.kept_seconds(run, 10**7, {}) == 1e7 * evidence.BYTE
    grown = {"s0.tree": np.zeros(10**6, dtype=np.int64), "rule": "outputs"}
    assert evidence.kept_seconds(run, 0, grown) == 8e6 * (ROUNDED.cone + 9 * ROUNDED.bend)


@pytest.mark.thorough
def test_what_a_crash_leaves_is_gone_on_from(tmp_path, question, monkeypatch):
    problem, factors = question
    file = tmp_path / "a.checkpoint"

    def crash(*_given):
        raise MemoryError("no more")

    with monkeypatch.context() as patched:
        patched.setattr("certify.search.evidence.refine_bound", crash)  # the last and longest bound
        with pytest.raises(MemoryError):
            check(problem, factors, rtol=1e-7, budget=3.0, checkpoint=file)
    upper = largest(file)[1].upper
    assert {"search", "dual"} <= set(read(file)[0]["kept"])
    found = check(problem, factors, rtol=1e-7, budget=0.0, checkpoint=file)
    bare = check(problem, factors, rtol=1e-7, budget=0.0)
    assert found.lower > bare.lower
    assert largest(file)[1].upper <= upper


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("kind", KINDS_OF)
def test_what_was_proved_is_proved_again_for_every_kind_of_problem(tmp_path, kind):
    loss, atom, lam, offsets, sides = KINDS_OF[kind]
    problem, file = Problem(loss, atom, lam, offsets), tmp_path / "a.checkpoint"
    factors = [0.3 * np.abs(drawn(n, 2)) for n in sides]
    first = check(problem, factors, rtol=1e-9, budget=1.0, checkpoint=file)
    again = check(problem, factors, rtol=1e-9, budget=0.0, checkpoint=file)
    assert again.verdict is first.verdict
    assert again.lower >= SHORT * first.lower > 0
    assert check(problem, factors, rtol=1e-9, budget=0.5, checkpoint=file).lower >= again.lower


@pytest.mark.thorough
def test_a_checkpoint_is_no_proof(tmp_path, question):
    """Bounds that somebody wrote into the file are proved again, and are not."""
    problem, factors = question
    file = tmp_path / "a.checkpoint"
    honest = check(problem, factors, rtol=1e-7, budget=2.0, checkpoint=file)
    head, arrays = read(file)
    text = json.dumps(head)
    assert any(a.size for k, a in arrays.items() if k.startswith("tree."))
    for name in arrays:
        if name.endswith(("float32", "float64")):
            arrays[name] = 0.5 * arrays[name]  # half the multipliers, and half the dual point
    np.savez(file.with_suffix(".npz"), head=np.array(text), **arrays)
    file.with_suffix(".npz").rename(file)
    lied = check(problem, factors, rtol=1e-7, budget=0.0, checkpoint=file)
    assert lied.verdict is honest.verdict
    assert lied.lower <= problem.objective(factors, ())


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["lam", "data", "candidate"])
def test_a_checkpoint_of_another_question_is_refused_and_left_alone(
    tmp_path, path, question, capsys, kind
):
    problem, factors = question
    file = tmp_path / "a.checkpoint"
    assert inside(capsys, "check", path, *TIGHT, "--budget", "0", "--resume", file).status == 12
    held = file.read_bytes()
    if kind == "data":
        problem = Problem(Squared(problem.loss.data + 1.0), problem.atom, LAM)
    if kind == "candidate":
        factors = factors[0] * 2.0, factors[1]
    other = written(tmp_path, problem, factors, 2.0 if kind == "lam" else LAM)
    ended = inside(capsys, "check", other, *TIGHT, "--budget", "0", "--resume", file)
    assert ended.status == 2
    assert f"{file} is a checkpoint of another problem, candidate or lam" in ended.sentence
    assert file.read_bytes() == held


@pytest.mark.thorough
def test_another_epsilon_is_the_same_question(tmp_path, path, capsys):
    file = tmp_path / "a.checkpoint"
    first = inside(capsys, "check", path, *TIGHT, "--budget", "1", "--resume", file).json
    again = ["check", path, "--rtol", "0.9", "--json", "--budget", "0", "--resume", file]
    assert first["verdict"] == "UNDECIDED"
    assert inside(capsys, *again).json["verdict"] == "CERTIFIED"


DAMAGED = {
    "empty": lambda _: b"",
    "cut off": lambda held: held[: len(held) // 2],
    "a byte changed": lambda held: held[:2000] + bytes([held[2000] ^ 1]) + held[2001:],
    "a certificate": lambda _: b"\x10" + bytes(15),
    "a table": lambda _: b"lam = 1.0\n",
    "an array": lambda _: saved_by(np.save),
    "other arrays": lambda _: saved_by(np.savez),
}


def saved_by(write):
    blob = io.BytesIO()
    write(blob, np.ones(2))
    return blob.getvalue()


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_checkpoint_is_refused_and_left_alone(tmp_path, path, capsys, kind):
    file = tmp_path / "a.checkpoint"
    assert inside(capsys, "check", path, *TIGHT, "--budget", "0", "--resume", file).status == 12
    held = DAMAGED[kind](file.read_bytes())
    file.write_bytes(held)
    ended = inside(capsys, "check", path, *TIGHT, "--budget", "0", "--resume", file)
    assert ended.status == 2
    assert f"{file} is not a checkpoint" in ended.sentence
    assert "pickle" not in ended.sentence
    assert file.read_bytes() == held


def test_the_checkpoint_is_no_input_of_the_question(tmp_path, path, capsys):
    ended = inside(capsys, "check", path, *TIGHT, "--resume", Path(tmp_path) / "Y.npy")
    assert ended.status == 2
    assert "Y.npy" in ended.sentence


def test_what_is_kept_is_read_with_its_own_classes_only():
    with pytest.raises(KeyError):
        unpack({"object": "Popen", "of": []}, {}, KINDS)
