"""Tasks of a cluster: results of workers that round alike are taken together, others refused."""

import pickle

import numpy as np
import pytest
from numpy.linalg import LinAlgError

from certify.base import cluster
from certify.base.cluster import PLACE, Here, Pool, Signed, as_it_is, call, on_cluster, run_signed
from certify.base.errors import InputError
from certify.base.rigor import tiles
from certify.kernel.errors import RejectedError


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
