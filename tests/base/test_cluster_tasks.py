"""Tasks of a cluster: results of workers that round alike are taken together, others refused."""

import numpy as np
import pytest

from certify.base.cluster import PLACE, Here, Signed, on_cluster, run_signed
from certify.base.errors import InputError
from certify.base.rigor import tiles


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
