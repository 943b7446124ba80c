"""Tasks of a cluster: results of workers that round alike are taken together, others refused."""

import pickle
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from numpy.linalg import LinAlgError

from certify.base import cluster
from certify.base.cluster import PLACE, Here, Pool, Signed, as_it_is, call, on_cluster, run_signed
from certify.base.errors import InputError
from certify.base.rigor import tiles
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.budget import Budget
from certify.kernel.errors import RejectedError
from certify.kernel.file import read
from certify.kernel.metered import Metered
from certify.kernel.verdict import prove
from tests.places import Odd

GOLDEN = Path(__file__).parents[1] / "golden"


class Client:
    """What a client does, in this process; each result is said to be another worker's."""

    def __init__(self, names=(), error=None):
        self.names, self.error = names, error

    def compute(self, tasks):
        """Begin."""
        return tasks

    def nthreads(self):
        """Name the workers."""
        return {"one": 2, "two": 3} if not self.error else {}

    def gather(self, tasks):
        """Run them, or fail."""
        if self.error:
            raise self.error
        made = [t.compute(scheduler="synchronous") for t in tasks]
        names = self.names or [x.by for x in made]
        return [Signed(by, x.value) for by, x in zip(names, made, strict=True)]


def test_what_is_asked_of_a_client_is_what_is_made_here():
    X = np.arange(6.0).reshape(3, 2)
    with on_cluster(Client()):
        place = PLACE.get()
        tasks = place.each(lambda k: place.run(np.multiply, X, k), range(2))
        found = place.values([place.run(np.add, *tasks), place.run(np.asarray, X)])
        assert place.values([]) == []
    assert all(np.array_equal(x, X) for x in found)
    assert isinstance(PLACE.get(), Here)
    with on_cluster(None):
        assert isinstance(PLACE.get(), Here)


def test_results_that_were_rounded_otherwise_are_refused():
    one = run_signed(np.asarray, 1.0)
    assert run_signed(np.add, one, 2.0) == (one.by, 3.0)
    for name in ("numpy", "scipy", "openblas"):
        assert name in one.by
    with pytest.raises(ArithmeticError, match="workers round differently: "):
        run_signed(np.add, one, Signed("another", 2.0))
    with on_cluster(Client(["one", "two"])):
        place = PLACE.get()
        with pytest.raises(InputError, match="workers round differently: one; two"):
            place.values([place.run(np.asarray, k) for k in range(2)])


def test_the_cores_are_those_of_the_workers_that_are_there():
    assert PLACE.get().cores(7) == 7
    for client, cores in ((Client(), 5), (Client(error=OSError()), 7)):
        with on_cluster(client):
            assert PLACE.get().cores(7) == cores


def test_a_cluster_that_gives_up_is_a_sentence():
    said = "the Dask cluster gave up: OSError: the scheduler is gone"
    lost = Client(error=OSError("the scheduler is gone"))
    with on_cluster(lost), pytest.raises(InputError, match=said):
        tiles.in_tiles([np.eye(2)], 2, 1.0)


def test_a_pool_asks_a_cluster_once_calls_are_not_quick(monkeypatch):
    """The function is sent once; what it returns is the same, in the same order."""
    noted, now = [], iter(range(99))
    monkeypatch.setattr(cluster, "monotonic", lambda: 0.04 * next(now))  # a call of any number
    items = [(2.0, 3.0), (3.0, 2.0)]

    def run(place, work, *given):
        noted.append(work)
        return delayed(place, work, *given)

    with on_cluster(Client()):
        place = PLACE.get()
        delayed = type(place).run
        monkeypatch.setattr(type(place), "run", run)
        pool = Pool(pow)
        assert pool.map(items) == [8.0, 9.0]  # 20 ms each
        assert pool.map(items[:1]) == [8.0]  # one alone, 40 ms
        assert not noted
        monkeypatch.setattr(cluster, "QUICK", 0.01)
        assert pool.map(items) == [8.0, 9.0]
        assert not noted
        assert pool.map(items[:1]) == [8.0]  # one alone is nothing to share
        assert pool.map(items) == pool.map(items) == [8.0, 9.0]
        assert noted == [as_it_is, call, call, call, call]
    assert pool.map(items) == [8.0, 9.0]  # without a cluster, here
    assert len(noted) == 5


@pytest.mark.parametrize("error", [RejectedError("rounded", "inexact", 1), LinAlgError("none")])
def test_what_ends_a_task_here_ends_it_on_a_cluster(error):
    with on_cluster(Client(error=error)), pytest.raises(type(error)) as raised:
        PLACE.get().values([])
    assert raised.value is error
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  our own


@pytest.mark.parametrize("code", "dfq")
@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3), (0, 2)])
def test_views_of_memory_are_sent(code, shape):
    given = memoryview(np.arange(np.prod(shape, dtype=int), dtype=code).reshape(shape))
    there = pickle.loads(pickle.dumps(given))  # noqa: S301  our own
    assert there.format == given.format
    assert there.tolist() == given.tolist() or not there.nbytes == given.nbytes == 0
    assert np.array_equal(np.asarray(there).reshape(shape), np.asarray(given))


@pytest.mark.parametrize("protocol", [4, 5])
def test_arrays_arrive_aligned(protocol):
    given = Signed("one", (np.arange(6.0).reshape(3, 2).T, np.zeros((0, 3), np.float32), {"k": 1}))
    for there in (Odd().send(given), pickle.loads(pickle.dumps(given, protocol))):  # noqa: S301
        assert there.by == "one"
        x, nothing, held = there.value
        for got, sent in ((x, given.value[0]), (nothing, given.value[1])):
            assert got.flags.aligned
            assert got.dtype == sent.dtype
            assert got.flags.f_contiguous == sent.flags.f_contiguous
            assert np.array_equal(got, sent)
        assert held == {"k": 1}
    assert not Odd().send(given.value)[0].flags.aligned
    assert run_signed(is_aligned, Odd().send(given.value[0])).value


def is_aligned(x):
    """Tell whether an array is."""
    return x.flags.aligned


class Sent:
    """A place where nothing arrives but as bytes."""

    runs = 0

    def run(self, work, *given):
        """Send what is given, and what is returned."""
        Sent.runs += 1
        return self.send(self.send(work)(*self.send(given)))

    def persist(self, task):
        """Return it."""
        return task

    def values(self, tasks):
        """Return them."""
        return list(tasks)

    def send(self, x):
        """Return a copy."""
        return pickle.loads(pickle.dumps(x))  # noqa: S301  our own


@pytest.mark.parametrize("name", ["boxed", "equal", "max_pool", "network_leaf", "outputs"])
def test_leaves_of_relaxations_are_bounded_where_tasks_run(monkeypatch, name):
    held = read(GOLDEN / f"{name}.cert")

    def outcome(proof, ar):
        """Return what is proved, or why nothing is."""
        try:
            found = prove(held.statement, held.given, proof, held.witness, ar)
        except RejectedError as error:
            return str(error)
        return found.verdict, found.lower, found.upper

    wrong = deepcopy(held.proof)
    spoil_leaf(wrong)
    expected = [outcome(proof, Rounded()) for proof in (held.proof, wrong)]
    assert isinstance(expected[1], str)
    monkeypatch.setattr(cluster, "QUICK", 0.0)
    monkeypatch.setattr(Sent, "runs", 0)
    token = PLACE.set(Sent())
    try:
        assert [outcome(proof, Rounded()) for proof in (held.proof, wrong)] == expected
        assert Sent.runs > 2
        Sent.runs = 0
        outcome(held.proof, Flint())
        assert not Sent.runs  # exact integers stay
    finally:
        PLACE.reset(token)


@pytest.mark.parametrize("count", [0, 1, 2, 33, 34, 65, 70])
@pytest.mark.parametrize("place", [Here, Sent])
def test_each_leaf_is_bounded_once_in_its_order(monkeypatch, place, count):
    monkeypatch.setattr(cluster, "QUICK", 0.0)
    token = PLACE.set(place())
    try:
        items = [(k,) for k in range(count)]
        assert Rounded().bounds(as_it_is, items) == [*range(count)]
        assert Metered(Rounded(), Budget()).bounds(as_it_is, items) == [*range(count)]
    finally:
        PLACE.reset(token)


def spoil_leaf(proof):
    """Write what is no number into the last leaf or cell."""
    leaves = [x for x in walk(proof) if "cell" in x or ("leaf" in x and "shift" in x)]
    leaves[-1]["mu" if "cell" in leaves[-1] else "shift"] = "1/3"


def walk(x):
    """Yield all objects of JSON."""
    if isinstance(x, dict):
        yield x
    for y in x.values() if isinstance(x, dict) else x if isinstance(x, list) else ():
        yield from walk(y)
