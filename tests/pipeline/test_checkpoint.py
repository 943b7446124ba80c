"""What a long computation keeps comes back as it was, and it goes on from there."""

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from certify import InputError, Problem, Verdict, check
from certify.atoms import ReLU
from certify.base.checkpoint import (
    Checkpoint,
    pack,
    report_trees,
    save_to,
    stop_requested,
    unpack,
)
from certify.losses import Squared
from certify.norms import gauge
from certify.pipeline.checkpoint_file import open_checkpoint
from certify.polar import PolarQuery
from certify.polar.branching.tree import Limits, Solved, grow
from certify.polar.layer_query import LayerQuery
from certify.polar.product_query import ProductQuery


class Span(NamedTuple):
    low: float
    high: float


@dataclass(frozen=True)
class ProvedPart:
    name: str
    parts: tuple


def test_values_come_back_as_they_were():
    a, b = np.arange(6.0).reshape(2, 3), np.array([1, 2**60])
    value = ProvedPart(
        "x", (Span(0.1, np.inf), a, a, b, a > 2, None, True, {3: -np.inf, "k": (1,)})
    )
    value = ProvedPart("outer", (value, np.float32(0.1) * np.ones(2, "f4"), np.int64(3), -0.0))
    text, arrays = pack(value)
    back = unpack(text, arrays, (Span, ProvedPart))
    inner, single, three, zero = back.parts
    assert inner.parts[0] == Span(0.1, np.inf)
    for found, wanted in zip(inner.parts[1:5], (a, a, b, a > 2), strict=True):
        assert found.dtype == wanted.dtype
        assert np.array_equal(found, wanted)
    assert inner.parts[5:] == (None, True, {3: -np.inf, "k": (1,)})
    assert single.dtype == np.float32
    assert np.array_equal(single, value.parts[1])
    assert three == 3
    assert str(zero) == "-0.0"
    assert arrays["float64"].size == a.size  # kept once


def test_what_cannot_be_kept_is_an_error():
    with pytest.raises(TypeError, match="set cannot be kept"):
        pack({1, 2})


def halves(calls):
    """A part is an interval of the line, its bound its length plus its middle's value."""

    def solve(path, warm, _):
        calls.append(path)
        low, high = (0.0, 1.0) if warm is None else warm
        for label in path[len(path) - 1 :]:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if label == "left" else (middle, high)
        span = Span(low, high)
        return Solved(high, np.array(span), low, span, ("left", "right"), span)

    return solve


def test_a_tree_goes_on_where_it_was():
    calls, once = [], []
    limits = Limits(nodes=41, workers=1)
    whole = grow(halves(once), limits)
    held = {}
    checkpoint = Checkpoint(lambda text, arrays: held.update(text=text, arrays=arrays))
    with save_to(checkpoint):
        grow(halves(calls), Limits(nodes=11, workers=1, key="t", kinds=(Span,)))
    again = Checkpoint()
    again.fill(held["text"], held["arrays"])
    with save_to(again):
        tree = grow(halves(calls), Limits(nodes=41, workers=1, key="t", kinds=(Span,)))
    assert calls == once
    assert tree.upper == whole.upper
    assert [n.path for n in tree.nodes] == [n.path for n in whole.nodes]
    with save_to(again):  # another question starts anew
        other = grow(halves([]), Limits(nodes=1, workers=1, key="u", kinds=(Span,)))
    assert len(other.nodes) == 1


def test_a_part_that_is_split_keeps_nothing_that_proves_it():
    tree = grow(halves([]), Limits(nodes=5, workers=1))
    assert [n.solved.witness is None for n in tree.nodes] == [bool(n.children) for n in tree.nodes]
    assert all(n.solved.warm is None for n in tree.nodes if n.children)


def cut_short(calls, limit):
    """A part is bounded by 1 over its depth; after some calls, by nothing."""

    def solve(path, warm, _):
        del warm
        calls.append(path)
        upper = 9.0 if len(calls) > limit else 1.0 / (1 + len(path))
        return Solved(upper, "proof", 0.125 * len(path), path, ("left", "right"))

    return solve


@pytest.mark.parametrize("short", [4, 5, 6])
def test_parts_that_were_cut_short_do_not_loosen_a_tree(short):
    calls = []
    whole = grow(cut_short([], 99), Limits(nodes=3, workers=1))
    tree = grow(cut_short(calls, short), Limits(expired=lambda: len(calls) > short, workers=1))
    assert len(calls) > short
    assert tree.upper <= whole.upper == 0.5
    assert tree.lower == 0.125 * max(map(len, calls))  # what they found is kept
    paths = [n.path for n in tree.nodes]
    assert len(set(paths)) == len(paths)
    for node in tree.nodes:
        assert len(node.children) in (0, 2)
        assert [tree.nodes[k].path[:-1] for k in node.children] == [node.path] * len(node.children)


def test_a_kept_value_that_is_damaged_is_named():
    held = {}
    Checkpoint(lambda text, arrays: held.update(text=text, arrays=arrays)).keep(
        "k", lambda: np.arange(6.0), now=True
    )
    held["arrays"]["k/float64"] = held["arrays"]["k/float64"][:4]
    checkpoint = Checkpoint()
    checkpoint.fill(held["text"], held["arrays"])
    with pytest.raises(InputError, match="the checkpoint is damaged at k"):
        checkpoint.recall("k")


def test_whoever_asks_is_told_how_a_tree_grows():
    heard = []
    with (
        save_to(Checkpoint()),
        report_trees(lambda parts, upper: heard.append((parts, upper))),
    ):
        tree = grow(halves([]), Limits(nodes=9, workers=1))
    assert heard[-1] == (len(tree.nodes), tree.upper)
    assert [p for p, _ in heard] == sorted({p for p, _ in heard})
    grow(halves([]), Limits(nodes=9, workers=1))
    assert heard[-1] == (9, tree.upper)


def test_a_stop_ends_a_tree_between_parts():
    checkpoint = Checkpoint()
    assert not stop_requested()
    with save_to(checkpoint):
        checkpoint.stopped = True
        assert stop_requested()
        tree = grow(halves([]), Limits(nodes=41, workers=1))
    assert len(tree.nodes) == 1
    assert not stop_requested()


@pytest.mark.parametrize(
    "query",
    [
        PolarQuery(np.eye(3), gauge("l2+"), gauge("linf")),
        ProductQuery(np.ones((2, 2, 2)), (gauge("l2+"),) * 3),
        LayerQuery(ReLU(np.eye(3)).layer, np.ones((3, 1))),
    ],
    ids=lambda q: type(q).__name__,
)
def test_a_stop_ends_what_has_no_deadline(query):
    checkpoint = Checkpoint()
    with save_to(checkpoint):
        assert not query.expired()
        checkpoint.stopped = True
        assert query.expired()
    assert not query.expired()


STATEMENT = {"lam": "1", "rtol": "2"}


def test_only_the_same_question_goes_on(tmp_path):
    file = tmp_path / "a.checkpoint"
    checkpoint = open_checkpoint(file, STATEMENT)
    checkpoint.keep("k", lambda: np.ones(3), now=True)
    assert np.array_equal(open_checkpoint(file, STATEMENT | {"rtol": "1"}).recall("k"), np.ones(3))
    with pytest.raises(InputError, match="another problem"):
        open_checkpoint(file, STATEMENT | {"lam": "3"})


@pytest.mark.parametrize("spoil", [b"", b"PK\x03\x04 no archive", b"x" * 100])
def test_a_file_that_is_no_checkpoint(tmp_path, spoil):
    file = tmp_path / "a.checkpoint"
    file.write_bytes(spoil)
    with pytest.raises(InputError, match="not a checkpoint"):
        open_checkpoint(file, STATEMENT)


def test_a_certificate_is_no_checkpoint(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, head=np.array('{"format": 7}'))
    with pytest.raises(InputError, match="not a checkpoint of format"):
        open_checkpoint(file, STATEMENT)


def network():
    rng = np.random.default_rng(0)
    X, U = rng.standard_normal((12, 2)), rng.standard_normal((2, 3))
    return Problem(Squared(rng.standard_normal((12, 1))), ReLU(X), 0.4), (U, np.ones((1, 3)))


def test_check_goes_on_without_searching_again(tmp_path, monkeypatch):
    problem, factors = network()
    file = tmp_path / "a.checkpoint"
    first = check(problem, factors, checkpoint=file)
    monkeypatch.setattr("certify.search.families.search", None)  # not called any more
    again = check(problem, factors, checkpoint=file)
    assert again.verdict is first.verdict is Verdict.REFUTED
    assert again.lower >= first.lower
    assert again.upper == first.upper


def test_ctrl_c_leaves_what_is_proved(tmp_path, request):
    problem, factors = network()
    outside = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, outside))
    before = signal.getsignal(signal.SIGINT)

    def told(stage, _):
        if stage == "descend":
            os.kill(os.getpid(), signal.SIGINT)

    result = check(problem, factors, checkpoint=tmp_path / "a.checkpoint", progress=told)
    assert result.verdict in (Verdict.UNDECIDED, Verdict.REFUTED)
    assert result.lower <= result.upper
    assert signal.getsignal(signal.SIGINT) is before
    bare = check(problem, factors, progress=told)  # the same without a file
    assert bare.verdict in (Verdict.UNDECIDED, Verdict.REFUTED)
    assert not list(Path(tmp_path).glob("*.tmp"))


@pytest.mark.parametrize(
    "odd", [{"list": [1]}, 3, {"dict": [[1, 2]]}, {"list": [{"list": []}] * 4}]
)
@pytest.mark.parametrize("key", ["search", "dual"])
def test_values_that_no_run_writes_are_told_to_be_the_file_s(tmp_path, key, odd):
    rng, file = np.random.default_rng(5), tmp_path / "x.npz"
    problem = Problem(Squared(rng.standard_normal((8, 1))), ReLU(rng.standard_normal((8, 3))), 1.0)
    factors = rng.standard_normal((3, 2)), rng.standard_normal((1, 2))
    check(problem, factors, budget=1, checkpoint=file)
    with np.load(file) as stored:
        members = {k: stored[k] for k in stored.files}
    head = json.loads(str(members["head"]))
    assert key in head["kept"]
    head["kept"][key] = odd
    np.savez(file, **members | {"head": np.array(json.dumps(head))})
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"x\.npz is damaged: to go on from it ends in|checkpoint"):
        check(problem, factors, budget=1, checkpoint=file)
    assert file.read_bytes() == before
