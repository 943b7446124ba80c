"""Proofs on a Dask cluster of processes: the certificate is that of one machine, bit for bit."""

import os
import signal
import threading
import time
from contextlib import contextmanager, nullcontext

import distributed
import numpy as np
import pytest
from scipy import sparse

from certify import InputError, Problem, check, improve, verify
from certify.atoms import RankOne, ReLU
from certify.base import cluster
from certify.base.cluster import connect
from certify.base.rigor import tiles
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline import row_blocks
from certify.polar import eigen, lanczos
from certify.search import ratings

pytestmark = pytest.mark.thorough
M, N, SIDE, HELD = 500, 300, 32, 20


@pytest.fixture
def problem(monkeypatch):
    """Return ratings, few but treated as if they were millions."""
    for module, name, value in (
        (ratings, "LARGE", 0),
        (lanczos, "LARGE", 0),
        (eigen, "DENSE", 8),
        (tiles, "SIDE", SIDE),
        (tiles, "ENTRIES", 2000),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr("certify.pipeline.certificate.tiers.EXACT_SIDE", 8)
    monkeypatch.setattr("certify.pipeline.own_size.LARGEST", 0)  # the one question only
    rng = np.random.default_rng(0)
    rows, cols = np.nonzero(rng.random((M, N)) < 0.1)
    taste = np.einsum("kr,kr->k", rng.random((M, 3))[rows], rng.random((N, 3))[cols])
    stars = taste + 0.1 * rng.standard_normal(len(rows))
    Y = sparse.coo_array((stars - stars.mean(), (rows, cols)), shape=(M, N))
    return Problem(Squared(Y), RankOne("l2", "l2"), 2.0)


def poor(problem):
    rng = np.random.default_rng(1)
    return tuple(0.1 * rng.standard_normal((d, 2)) for d in problem.loss.dims)


def saved(result, folder):
    """Return the bytes of its certificate."""
    result.certificate.save(folder / "x.cert")
    return (folder / "x.cert").read_bytes()


def kill_a_busy_worker(client, killed):
    """Kill a worker, as a lack of memory does, while others wait for what it has made."""
    pids, limit = client.run(os.getpid), time.monotonic() + 60
    while not killed and time.monotonic() < limit:
        held = {address for address, keys in client.has_what().items() if len(keys) > HELD}
        busy = [a for a, tasks in client.processing().items() if tasks and a in held]
        if busy:
            killed.append(pids[busy[0]])
            os.kill(killed[0], signal.SIGKILL)
        time.sleep(0.01)


@contextmanager
def workers(count):
    """Enter a context with a client of processes of its own."""
    local = distributed.LocalCluster(
        n_workers=count, threads_per_worker=1, dashboard_address=None, processes=True
    )
    with local, distributed.Client(local, set_as_default=False) as client:
        yield client


@contextmanager
def killing(client):
    """Kill a busy worker in the course of what is done in the context."""
    killed = []
    killer = threading.Thread(target=kill_a_busy_worker, args=(client, killed))
    killer.start()
    yield
    killer.join()
    assert len(killed) == 1


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("count", "kill"), [(1, False), (2, True), (4, True)])
def test_a_certificate_is_the_same_on_any_workers_of_which_one_dies(problem, tmp_path, count, kill):
    factors = poor(problem)
    here = improve(problem, factors, rtol=1e-3)
    with workers(count) as client:
        with killing(client) if kill else nullcontext():
            result = check(problem, here.factors, rtol=1e-3, client=client)
        proved = verify(
            result.certificate, problem, here.factors, rtol=1e-3, tier="rounded", client=client
        )
        again = improve(problem, factors, rtol=1e-3, client=client)
    local = check(problem, here.factors, rtol=1e-3)
    assert local.certified
    pairs = (local, result), (here.result, again.result)
    for x, y in pairs:
        assert (x.lower, x.upper) == (y.lower, y.upper)
        assert saved(x, tmp_path) == saved(y, tmp_path)
    assert proved == verify(result.certificate, problem, here.factors, rtol=1e-3, tier="rounded")


@pytest.fixture
def table(problem, tmp_path):
    """Return a table of files with weights, of the norms as well, and biases."""
    observed, files = problem.loss.observed, []
    Y = observed.matrix(problem.loss.arrays()["Y"])
    for a in range(0, M, 60):
        listed = Y[a : a + 60].tocoo()
        files.append(str(tmp_path / f"{a}.npz"))
        rows, cols = listed.coords
        weights = 1 + np.arange(len(rows)) % 3
        np.savez(files[-1], rows=rows, cols=cols, data=listed.data, weights=weights)
    biases, rng = [RowIntercept(0.0), ColumnIntercept(0.0)], np.random.default_rng(3)
    p = [rng.uniform(0.8, 1.25, len(Y[a : a + 60].indptr) - 1) for a in range(0, M, 60)]
    norms = p, rng.uniform(0.8, 1.25, N)
    return row_blocks.RowBlocks(files, N, problem.lam, biases, norms=norms)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("count", "kill"), [(1, False), (2, True), (4, True)])
def test_factors_and_a_certificate_of_blocks_that_never_meet_are_the_same_on_any_workers(
    table, tmp_path, count, kill
):
    folder = tmp_path / "fit"
    here = row_blocks.improve(table, rtol=0.2, folder=tmp_path / "here")
    with workers(count) as client:
        with killing(client) if kill else nullcontext():
            there = row_blocks.improve(table, rtol=0.2, client=client, folder=folder)
        proof = row_blocks.verify(
            there.result.certificate, table, there.factors, rtol=0.2, client=client
        )
    names = {p.name for p in (tmp_path / "here").iterdir()}
    assert {p.name for p in folder.iterdir() if not p.name.startswith(".")} == names
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    assert saved(here.result, tmp_path) == saved(there.result, tmp_path)
    assert proof.certified
    assert (proof.lower, proof.upper) == (here.result.lower, here.result.upper)
    assert row_blocks.verify(tmp_path / "x.cert", table, here.factors, rtol=0.2) == proof


def by_cones():
    """Return a layer of few features: a tree of cones."""
    rng = np.random.default_rng(2)
    return zero(rng.standard_normal((300, 2)), ReLU(rng.standard_normal((300, 3))), 9.0)


def by_conic():
    """Return data whose polar takes a tree of relaxations."""
    Y = np.abs(np.random.default_rng(0).standard_normal((9, 7)))
    return zero(Y, RankOne("l2+", "l2+"), 0.3)


def by_network():
    """Return a layer of more features than cones are for."""
    rng = np.random.default_rng(2)
    return zero(rng.standard_normal((9, 2)), ReLU(rng.standard_normal((9, 7))), 1.0)


def zero(Y, atom, lam):
    """Return a problem, and one component of zeros."""
    return Problem(Squared(Y), atom, lam), tuple(np.zeros((*d, 1)) for d in atom.shapes(Y.shape))


class Counted(cluster.Cluster):
    """A cluster that counts its tasks, and kills the worker that holds most after the twelfth."""

    noted, kill = 0, False

    def run(self, work, *given):
        """Note a task."""
        Counted.noted += 1
        if self.kill and self.noted == 12:
            held, pids = self.client.has_what(), self.client.run(os.getpid)
            os.kill(pids[max(held, key=lambda address: len(held[address]))], signal.SIGKILL)
        return super().run(work, *given)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("make", [by_cones, by_conic, by_network])
@pytest.mark.parametrize(("count", "kill"), [(1, False), (2, True), (4, True)])
def test_a_tree_is_the_same_on_any_workers_of_which_one_dies(
    tmp_path, monkeypatch, make, count, kill
):
    for module in ("certify.base.rigor.cones", "certify.polar.branching.cones"):
        monkeypatch.setattr(f"{module}.NODES", 300)
    monkeypatch.setattr("certify.base.rigor.cones.ROUND", 8)
    problem, factors = make()
    here = check(problem, factors, budget=None)
    assert here.certificate.proof["polar"]["rule"] == make.__name__.removeprefix("by_")
    proved = verify(here.certificate, problem, factors, tier="rounded")
    monkeypatch.setattr(cluster, "Cluster", Counted)
    monkeypatch.setattr(cluster, "QUICK", 0.0)
    monkeypatch.setattr(Counted, "kill", kill)
    monkeypatch.setattr(Counted, "noted", 0)
    with workers(count) as client:
        there = check(problem, factors, budget=None, client=client)
        tasks = Counted.noted
        again = verify(there.certificate, problem, factors, tier="rounded", client=client)
    assert tasks > 12
    assert Counted.noted > tasks
    assert saved(here, tmp_path) == saved(there, tmp_path)
    assert again == proved


@pytest.mark.parametrize("address", ["", "nonsense", "foo://a:1", "tcp://127.0.0.1"])
def test_of_what_is_no_address_no_client_is_made(address, monkeypatch):
    monkeypatch.setattr(distributed, "Client", None)  # half made it could not be closed
    with pytest.raises(InputError, match=f"no Dask scheduler answers at {address}: "):
        connect(address)
