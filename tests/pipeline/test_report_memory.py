"""Reports and audits of small certificates of huge tensors: nothing that is not listed is made."""

import tracemalloc
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from certify.atoms import DeepReLU
from certify.base.observed import Observed
from certify.cli import audit
from certify.kernel.fields import Json
from certify.pipeline.certificate.file import Certificate
from certify.pipeline.certificate.question import question
from certify.pipeline.report import facts, in_words, page
from tests import bombs

WEIGHTS = 1.0, 2.0, 3.0
ROOMY = 64 << 20  # bytes: of the lines of the data, a hundred times less than of its entries
SHAPE = (60_000, 240, 240)  # 25.7 GiB
ONE, ZERO = (float(x).hex() for x in (1, 0))
DEEP = {"form": "product", "hidden": [2]}
OFFSETS: dict[str, tuple[Json, dict]] = {
    "none": ({}, {}),
    "intercept": ({"ridge": ONE}, {"q0": np.ones(1)}),
    "row": ({"ridge": ONE}, {"q0": np.ones(SHAPE[0])}),
    "sparse": ({"rho": ONE}, {"q0": np.ones(3)}),
}


def saved(path, said, given, rank):
    """Write a certificate of no proof: whatever the factors are, the optimum is at least 0."""
    names = [k for k in given if k in ("U", "V") or k[0] == "X"]
    given |= {k: np.full((len(given[k]), rank), 0.5) for k in names}
    bombs.sealed(path, said, given, {}, {})
    exact = {"rtol": ZERO, "atol": ZERO}
    certificate = Certificate.load(path)
    statement = certificate.statement | exact
    replace(certificate, claim={"verdict": "UNDECIDED"}, statement=statement).save(path)
    return path


def of_tensor(path, kind="none", rank=2, loss="squared", weights=()):
    said, given, _ = bombs.listed(SHAPE, bombs.cp("l2", "l2", "l2"), 3)
    given["rows"] += np.array([0, 7, SHAPE[0] - 3])
    fields, arrays = OFFSETS[kind]
    said |= {"offsets": [] if kind == "none" else [{"kind": kind} | fields], "loss": loss}
    given |= arrays | ({"weights": np.array(weights)} if weights else {})
    return saved(path, said, given, rank)


def of_network(path, kind):
    shape = (1 << 13, 64)
    said, given, _ = bombs.listed(shape, bombs.RELU if kind == "relu" else DEEP | {"kind": kind}, 3)
    if kind == "deep_relu":
        said["atom"] |= {"slope": ZERO}
    given["features"] = np.ones((shape[0], 1))
    given["U"] = np.ones((1, 1) if kind == "relu" else (2, 1))
    if kind == "relu":
        given["samples"] = np.arange(shape[0])
    else:
        given["V"] = np.ones((2 * shape[1], 1))
    return saved(path, said, given, 1)


CASES = {
    **{f"tensor, {k}": lambda at, k=k: of_tensor(at, k) for k in OFFSETS},
    "tensor, no component": lambda at: of_tensor(at, rank=0),
    "tensor, weights": lambda at: of_tensor(at, weights=WEIGHTS),
    "tensor, poisson": lambda at: of_tensor(at, loss="poisson"),
    "matrix": lambda at: saved(at, *bombs.listed((1 << 16, 1 << 15), bombs.pair(), 3)[:2], 2),
    **{k: lambda at, k=k: of_network(at, k) for k in ("relu", "deep_linear", "deep_relu")},
}


@pytest.fixture
def peak():
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", CASES)
def test_a_certificate_is_explained_and_drawn_without_what_it_does_not_list(name, tmp_path, peak):
    path = CASES[name](tmp_path / "x.cert")
    proof = facts(Certificate.load(path))
    words, html = in_words(proof), page(proof)
    assert peak() < ROOMY
    assert words["answer"].startswith("UNDECIDED")
    assert " × ".join(map(str, proof.certificate.statement["shape"])) in html


def test_an_audit_of_a_huge_tensor_writes_its_row_and_verifies_it(tmp_path):
    of_tensor(tmp_path / "x.cert")
    plan = tmp_path / "audit.toml"
    plan.write_text('[[model]]\nname = "huge"\ncertificate = "x.cert"\n')
    (row,) = audit.run(plan, tmp_path / "out").rows
    assert (row["verdict"], row["data"]) == ("UNDECIDED", list(SHAPE))


def test_the_listed_entries_of_a_tensor_are_those_of_its_mask(tmp_path):
    certificate = Certificate.load(of_tensor(tmp_path / "x.cert", weights=WEIGHTS))
    problem = question(certificate).problem
    assert problem.loss.dims == SHAPE
    assert problem.loss.observed.size == 3
    assert prod(problem.loss.shape) == prod(SHAPE)
    assert problem.loss.arrays()["weights"].tolist() == [*WEIGHTS]


def test_inner_products_take_the_memory_of_one_component_not_of_all(peak):
    m, n, r = 1000, 100, 50
    atom = DeepReLU(np.ones((m, 1)), (2,), form="product")
    factors = np.ones((1, 2, r)), np.ones((2, n, r))
    inner, sizes = atom.inner_products(np.ones((m, n)), factors, Observed(m, n))
    assert inner.tolist() == [2 * m * n] * r
    assert sizes == pytest.approx(np.full(r, 2 * (m * n) ** 0.5))
    assert peak() < 8 * 8 * m * n
