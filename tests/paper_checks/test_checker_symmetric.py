"""What the proved checker covers of symmetric matrices and tensors: one vector in all modes."""

from dataclasses import replace

import numpy as np
import pytest

import problems
from certify import Problem, check, improve
from certify.atoms import CP, Symmetric
from certify.losses import Huber, KullbackLeibler, Squared
from certify.offsets import ColumnIntercept, ModeIntercept
from certify.pipeline.certificate.file import as_kernel_array as array
from certify.pipeline.certificate.file import as_numpy
from tests.paper_checks.checker_cases import (
    BUILT,
    OUTSIDE,
    REJECTED,
    STATUS,
    Session,
    agrees,
    answer,
    answers_to_lies,
    drawn,
    with_array,
)

pytestmark = [pytest.mark.thorough, BUILT]

ZOO = [
    (name, case)
    for name in ("phases", "published_tensor", "symmetric", "symmetric_tensor")
    for case, one in problems.load(name).items()
    if len(one.factors) == 1
]


@pytest.mark.parametrize(("name", "case"), ZOO)
def test_every_symmetric_instance_is_verified(binary, tmp_path, name, case):
    one, path = problems.load(name)[case], tmp_path / "x.cert"
    check(one.problem, one.factors, q=one.q, budget=2).certificate.save(path)
    assert agrees(binary, path) in STATUS.values()


def found(norm, order, loss=Squared, **told):
    """Return the certificate of the best factors found for a random symmetric question.

    told: what part is `seen`, whether it is `weighed`, `offsets`, the `form` or "x x^T"
    """
    rng, dims, form = np.random.default_rng(order), (3,) * order, told.get("form", "product")
    y = rng.standard_normal(dims)
    y = abs(y) if loss is KullbackLeibler else y
    numbers = {"delta": 0.5} if loss is Huber else {}
    made = loss(y, mask=rng.random(dims) < told.get("seen", 1.0), **numbers)
    weights = np.exp(rng.standard_normal(dims))
    made = replace(made, weights=weights) if told.get("weighed") else made
    atom = Symmetric(norm) if form == "x x^T" else CP(norm, symmetric=True, order=order, form=form)
    problem = Problem(made, atom, 0.6, told.get("offsets", ()))
    start = np.ones((3, int(loss is KullbackLeibler)))  # an objective that is finite
    return improve(problem, (start,), budget=2).result.certificate


MATRIX = {"order": 2, "form": "x x^T"}
CASES = {
    "a matrix": {"norm": "l2", **MATRIX, "seen": 0.8, "weighed": True},
    "a nonnegative matrix": {"norm": "l2+", **MATRIX},
    "beside means": {"norm": "l2", **MATRIX, "offsets": [ColumnIntercept()]},
    "lines": {"norm": "l1+", **MATRIX, "loss": Huber},
    "two modes": {"norm": "l1", "order": 2, "form": "sum"},
    "gram": {"norm": "l2", "order": 3, "seen": 0.8, "weighed": True},
    "a sum": {"norm": "l2", "order": 3, "form": "sum"},
    "nonpositive": {"norm": "l2-", "order": 3},
    "counts": {"norm": "l2+", "order": 3, "loss": KullbackLeibler},
    "slices": {"norm": "l1", "order": 3, "loss": Huber},
    "a mean": {"norm": "l2", "order": 3, "offsets": [ModeIntercept(1)]},
    "square": {"norm": "l2", "order": 4},
    "signs": {"norm": "l2+", "order": 4},
}


@pytest.mark.parametrize("name", CASES)
def test_symmetric_questions_are_covered_and_changes_answered_alike(binary, tmp_path, name):
    held, path = found(**CASES[name]), tmp_path / "x.cert"
    held.save(path)
    assert agrees(binary, path) in STATUS.values()
    more = [*lies_of_symmetry(held)]
    with Session(binary) as session:
        seen = answers_to_lies(session, path, held, more)
        for seed in range(300):
            drawn(held, np.random.default_rng(seed)).save(path)
            seen.add(agrees(session, path))
    assert {REJECTED, OUTSIDE} <= seen
    assert seen & set(STATUS.values())


def lies_of_symmetry(held):
    """Change the question about one vector into one about many, its norms, and its rule."""
    atom = held.statement["atom"]
    for changed in lies_of_the_atom(atom):
        yield replace(held, statement={**held.statement, "atom": changed})
    for changed in lies_of_the_rule(held.proof.get("polar", {})):
        yield replace(held, proof={**held.proof, "polar": changed})
    for name in (name for name in held.witness if name[0] in "KP"):
        for at in range(as_numpy(held.witness[name]).size):
            for by in (-1.0, 2.0**-3, 2.0**40):
                yield with_array(held, "witness", name, moved_at(at, by))


def lies_of_the_atom(atom):
    """Change the kind and the norms."""
    yield from ({**atom, "kind": kind} for kind in ("cp", "symmetric", "rank_one"))
    yield from ({**atom, "symmetric": x} for x in (True, False, 1, 0))
    for norm in ("l1", "l2", "l2+", "l2-", "l1+", "linf", "linf+"):
        if "norms" in atom:
            for k in (1, len(atom["norms"])):
                yield {**atom, "norms": [norm] * k + atom["norms"][k:]}
        else:
            yield from ({**atom, "left": norm}, {**atom, "left": norm, "right": norm})


def lies_of_the_rule(polar):
    """Change the rule, its form, and what is split."""
    for rule in ("spectral", "conic", "lines", "corners", "cones", "signs", "slices", "transpose"):
        yield from ({**polar, "rule": rule}, {"rule": rule})
    nodes = polar.get("nodes", [{"leaf": 0, "shift": "7/1"}])
    yield {"rule": "conic", "nodes": nodes}
    yield {"rule": "transpose", "nodes": nodes, "form": "square", "rows": [0, 1], "splits": []}
    for node in ({"equal": [0, 1]}, {"groups": "left", "each": [1, 2]}, {"cut": 0}):
        yield {**polar, "nodes": [{**node, "plus": 1, "minus": 2}, *nodes, *nodes]}
    yield from ({**polar, "form": x} for x in ("gram", "hat", "square"))
    yield from ({**polar, "boxed": x} for x in ([], ["left"], ["right"]))
    yield from ({**polar, "rows": x} for x in ([0], [1], [0, 1], [1, 2], [0, 2], [1, 0], []))


def moved_at(at, by):
    """Return what moves one entry of an array."""

    def change(x):
        x[at] += by

    return change


def test_the_null_multipliers_are_of_all_orders_of_the_indices(binary, tmp_path):
    held, path = found("l2", 3), tmp_path / "x.cert"
    assert held.proof["polar"]["form"] == "gram"
    count = 30  # of nine products of two coordinates: pairs that are not sorted
    for at in range(count):
        values = np.zeros(count)
        values[at] = 2.0**-4
        witness = {**held.witness, "K0.rows": array(values)}
        for verdict in STATUS:
            claim = {**held.claim, "verdict": verdict}
            replace(held, witness=witness, claim=claim).save(path)
            assert agrees(binary, path) != OUTSIDE
    replace(held, witness={**held.witness, "K0.rows": array(np.zeros(9))}).save(path)
    assert answer(binary, path) == ("NOT VERIFIED  proof.K0.rows\n", REJECTED)


@pytest.mark.parametrize(
    ("case", "change", "why"),
    [
        ("a matrix", {"rule": "cones"}, "proof.polar.rule"),
        ("a matrix", {"rule": "conic", "boxed": ["left"]}, "proof.polar.boxed"),
        ("gram", {"form": "square"}, "proof.polar.form"),
        ("gram", {"rows": [2, 0]}, "proof.polar.rows"),
    ],
)
def test_what_is_no_rule_of_one_vector_is_rejected_by_name(binary, tmp_path, case, change, why):
    held, path = found(**CASES[case]), tmp_path / "x.cert"
    replace(held, proof={**held.proof, "polar": {**held.proof["polar"], **change}}).save(path)
    assert answer(binary, path) == (f"NOT VERIFIED  {why}\n", REJECTED)
    assert agrees(binary, path) == REJECTED


def test_one_vector_has_one_norm_and_one_size(binary, tmp_path):
    held, path = found("l2", 3), tmp_path / "x.cert"
    atom = {**held.statement["atom"], "norms": ["l2", "l2+", "l2"]}
    replace(held, statement={**held.statement, "atom": atom}).save(path)
    assert answer(binary, path) == ("NOT VERIFIED  statement.atom: symmetric\n", REJECTED)
    assert agrees(binary, path) == REJECTED
