"""Steps of several cases at once are those of each alone, on any number of threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, get_ident

import numpy as np
import pytest

from certify import Problem
from certify.atoms import RankOne
from certify.losses import KullbackLeibler
from certify.polar.relaxation import cone
from certify.search.dual import case_stacks
from certify.search.dual.case_stacks import Frames, Stack, diagonals, each, stacked
from certify.search.dual.joint_cases import Cases
from tests.tolerance import rounding

SHAPE = (5, 4)
D = sum(SHAPE)


def iterates(threads=1):
    """Return six cases, of two to four cuts, after some steps."""
    rng = np.random.default_rng(0)
    problem = Problem(KullbackLeibler(rng.poisson(1.0, SHAPE) * 1.0), RankOne("l2+", "l2+"), 0.3)
    state = Cases(problem, tuple(rng.random((d, 6)) for d in SHAPE), threads)
    for count in (1, 2, 6):
        state.split(count)
        for _ in range(10):
            state.step()
    return state


@pytest.mark.parametrize("alone", [1, 10**9], ids=["each", "stacked"])
def test_no_number_depends_on_the_threads(monkeypatch, alone):
    monkeypatch.setattr(case_stacks, "ALONE", alone)
    monkeypatch.setattr(case_stacks, "TOGETHER", 2)
    one, two = iterates(), iterates(threads=3)
    assert len(one.stacks) == (6 if alone == 1 else 3)
    assert np.array_equal(one.W, two.W)
    assert one.bound().uppers == two.bound().uppers
    for a, b in zip(one.cases, two.cases, strict=True):
        assert np.array_equal(a.X, b.X)
        assert np.array_equal(a.U, b.U)


def test_items_are_worked_on_side_by_side_and_returned_in_order():
    """Both wait for each other, as they could not in turn."""
    both = Barrier(2, timeout=30)
    with ThreadPoolExecutor(2) as pool:
        threads = each(pool, lambda x: (x, both.wait() >= 0, get_ident()), [3, 1])
    assert [x for x, *_ in threads] == [3, 1]
    assert threads[0][2] != threads[1][2]


def test_a_context_goes_with_the_work():
    """Numpy's errors are ignored where they are by whoever asks."""
    with ThreadPoolExecutor(2) as pool, np.errstate(over="ignore"):
        assert each(pool, lambda kind: np.geterr()[kind], ["over", "over"]) == ["ignore", "ignore"]


def test_stacked_cases_move_as_each_alone(monkeypatch):
    """Although some have fewer cuts than others; eigenvectors are found anew in each step."""
    monkeypatch.setattr(cone, "OFTEN", 0)
    monkeypatch.setattr(case_stacks, "ALONE", 1)
    apart = iterates()
    monkeypatch.setattr(case_stacks, "ALONE", 10**9)
    together = iterates()
    assert len({len(c.cuts) for c in together.cases}) > 1
    for a, b in zip(apart.cases, together.cases, strict=True):
        assert a.path[0].normal == pytest.approx(b.path[0].normal)
        assert pytest.approx(b.X, abs=1e-4 * np.abs(b.X).max()) == a.X
    (stack,) = together.stacks
    for k, c in enumerate(together.cases):
        q = len(c.X)
        assert not stack.X[k, q:].any()
        assert not stack.U[k, q:].any()
        assert np.shares_memory(stack.X, c.X)


def test_products_with_frames_are_those_with_dense_ones():
    rng = np.random.default_rng(1)
    C = rng.standard_normal((2, 3, D))
    C[1, 2] = 0.0
    T = rng.standard_normal((2, D + 3, D + 3))
    T, frames, vectors = T + T.mT, Frames(C), rng.standard_normal((2, D, 4))
    down, up = frames.down(T, 0.7), frames.up(vectors)
    for k in range(2):
        B = np.vstack([np.eye(D), C[k]])
        values, turn = np.linalg.eigh(B.T @ B)
        Q = B @ (turn / np.sqrt(values)) @ turn.T
        sizes = np.abs(Q.T) @ np.abs(T[k]) @ np.abs(Q)
        slack = rounding(sizes.max(), flops=64 * D * D)
        assert down[k] == pytest.approx(Q.T @ T[k] @ Q - 0.7 * np.linalg.inv(B.T @ B), abs=slack)
        assert up[k] == pytest.approx(Q @ vectors[k], abs=slack)


def test_frames_without_cuts_change_nothing():
    T = np.arange(float(D * D)).reshape(1, D, D)
    frames = Frames(np.zeros((1, 0, D)))
    assert np.array_equal(frames.down(T, 0.5), T - 0.5 * np.eye(D))
    assert np.array_equal(frames.up(T), T)


def test_a_step_moves_y_and_both_multipliers():
    """Y = (T - pull M)_+ in the frame, V = X + 1.9 (Y - X) + U, X the projection of V."""
    (stack,), m = iterates().stacks, SHAPE[0]
    X, U = stack.X.copy(), stack.U.copy()
    block = stack.step(0.1)
    values, vectors = np.linalg.eigh(stack.frames.down(X - U, 0.1))
    up = stack.frames.up(vectors)
    assert pytest.approx((up * np.maximum(values, 0)[:, None]) @ up.mT) == stack.Y
    V = 1.9 * stack.Y - 0.9 * X + U
    assert pytest.approx(V) == stack.V
    assert np.array_equal(block, stack.V[:, :m, m:D])
    diagonals(stack.V)[:], blocks = -1.0, np.full(block.shape, 0.25)
    V = stack.V.copy()
    squares = stack.meet(blocks)
    Z = np.maximum(V, 0)
    diagonals(Z)[:] = diagonals(V)
    Z[:, :m, m:D], Z[:, m:D, :m] = blocks, blocks.mT
    assert pytest.approx(Z) == stack.X
    assert pytest.approx(V - Z) == stack.U
    sizes = [np.square(x).sum() for x in (stack.Y - Z, Z - X, Z, V - Z)]
    assert squares == pytest.approx(sizes)


def test_what_was_found_stays_as_cases_move_on():
    state = iterates()
    found, rho = state.bound().leaves[0], state.rho
    N, X = found.N.copy(), found.X.copy()
    state.step()
    assert state.rho == rho
    assert np.array_equal(found.N, N)
    assert np.array_equal(found.X, X)
    assert not np.array_equal(state.cases[0].X, X)


def test_entries_are_shared_from_where_they_were(monkeypatch):
    """The same blocks again are told by one slope, whose cases are those it began with."""
    state, calls = iterates(), []
    plain = state.slope
    monkeypatch.setattr(state, "slope", lambda *given: calls.append(given) or plain(*given))
    V = np.random.default_rng(2).standard_normal((6, *SHAPE))
    first = state.share(V)
    assert len(calls) > 1
    calls.clear()
    assert state.share(V) == pytest.approx(first)
    assert len(calls) == 1


def test_large_cases_are_stacks_of_their_own(monkeypatch):
    cases = iterates().cases
    assert [len(x.X) for x in stacked(cases, SHAPE[0])] == [6]
    monkeypatch.setattr(case_stacks, "TOGETHER", 4)
    assert [len(x.X) for x in stacked(cases, SHAPE[0])] == [4, 2]
    monkeypatch.setattr(case_stacks, "ALONE", D)
    assert [len(x.X) for x in stacked(cases, SHAPE[0])] == [1] * 6
    alone = Stack(cases[:1], SHAPE[0])
    T = np.diag(np.arange(D) - 2.0)
    values, vectors = alone.positive(np.stack([T]))
    assert (vectors * values[:, None]) @ vectors.mT == pytest.approx(np.maximum(T, 0.0)[None])
    assert len(alone.cone.part.b) == D - 3
