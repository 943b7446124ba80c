"""Fits for audits: small models of every family, and some that go wrong."""

import os
import signal
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np

from certify import Problem
from certify.atoms import CP, DeepLinear, RankOne, ReLU, Symmetric
from certify.losses import Huber, Logistic, Squared

X = np.random.default_rng(0).random((8, 5))
ONES = np.ones((8, 1)), np.ones((5, 1))


def decompositions():
    from sklearn import decomposition  # noqa: PLC0415  the other fits need not wait for it

    return decomposition


def pca():
    return decompositions().PCA(2, svd_solver="full").fit(X), X


def svd():
    return decompositions().TruncatedSVD(2, algorithm="arpack", random_state=0).fit(X), X


def nmf():
    nmf_of = decompositions().NMF
    model = nmf_of(2, alpha_W=0.05, tol=1e-12, max_iter=20000, init="nndsvda")
    return model.fit(X), X


def nuclear():
    return Problem(Squared(X), RankOne(), 0.5), ONES


def lasso():
    return Problem(Huber(X, 1.0), RankOne("l1", "l1"), 0.5), ONES


def logistic():
    return Problem(Logistic((X > 0.5).astype(float)), RankOne(), 0.5), ONES


def symmetric():
    return Problem(Squared(X.T @ X), Symmetric("l2"), 0.5), (np.ones((5, 1)),)


def tensor():
    T = np.einsum("i,j,k->ijk", *[np.ones(n) for n in (3, 2, 2)])
    return Problem(Squared(T), CP(("l2",) * 3), 0.5), tuple(np.ones((n, 1)) for n in T.shape)


def network():
    V = np.linspace(-1.0, 1.0, 6)[:, None]
    net = ReLU(V, bias="regularized")
    return Problem(Squared(np.abs(V)), net, 0.25), (np.ones((2, 1)), np.ones((1, 1)))


def deep():
    net = DeepLinear(X, (2,), "sum")
    return Problem(Squared(X[:, :1]), net, 0.5), (np.ones((5, 2, 1)), np.ones((2, 1, 1)))


def wrong():
    raise ValueError("no such data")


def odd():
    return 3


def crash():
    os._exit(7)


def hang():
    time.sleep(600)


def more():
    return *nuclear(), 3


def interrupts():
    raise KeyboardInterrupt("<b>" * 10**5)


def leaves():
    sys.exit(3)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def loud():
    for stream in (sys.stdout, sys.stderr):
        stream.write("x" * 10**6)
    assert not sys.stdin.read()
    return nuclear()


def forks():
    """Return in two processes, and leave a third that outlives both."""
    if os.fork():
        return nuclear()
    if os.fork():
        return nuclear()
    place = Path(os.environ["AUDIT_ALIVE"])
    while True:
        with place.open("a") as file:
            file.write(".")
        time.sleep(0.1)


def threads():
    Thread(target=time.sleep, args=(600,)).start()
    return nuclear()


def slow():
    time.sleep(float(os.environ.get("AUDIT_SLEEP", "0")))
    return nuclear()
