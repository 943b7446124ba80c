"""A certificate says its question completely: the problem can be built back from it."""

from dataclasses import replace

import numpy as np
import pytest

import problems
from certify import InputError, Problem, RejectedError, check
from certify.atoms import RankOne, ReLU
from certify.losses import Squared
from certify.norms import Elastic, Group, Variation, Weighted
from certify.pipeline.certificate.file import Certificate, ask
from certify.pipeline.certificate.question import question

ZOO = [(name, case) for name in problems.names() for case in problems.load(name)]
DATA = np.arange(12.0).reshape(4, 3)
NORMS = (
    Elastic(0.25, cone="+"),
    Group([[0, 2], [1, 3]], "linf"),
    Variation([[0, 1], [1, 2]], 0.5),
    Weighted([1.0, 2.0, 3.0, 4.0], cone="+-*0"),
)


def stated(problem, factors, q=None):
    asked = ask(problem, problem.accept(factors), q, rtol=1e-3, atol=0.5)
    return Certificate(asked.statement, asked.given, {"verdict": "UNDECIDED"}, {}, {})


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("name", "case"), ZOO)
def test_every_question_of_the_zoo_is_read_back(name, case):
    held = problems.load(name)[case]
    q = None if held.q is None else held.problem.accept_offsets(held.q)
    found = question(stated(held.problem, held.factors, q))
    assert (found.rtol, found.atol) == (1e-3, 0.5)
    assert found.problem.lam == held.problem.lam
    values = held.q if held.q is not None else held.problem.offsets and ()
    if values is not None and len(values) == len(held.problem.offsets):
        ours = held.problem.objective(held.problem.accept(held.factors), tuple(values))
        assert found.problem.objective(found.factors, tuple(values)) == ours


@pytest.mark.parametrize("norm", NORMS, ids=lambda n: n.name)
def test_norms_with_parameters_are_read_back(norm):
    problem = Problem(Squared(DATA), RankOne(norm, "l2"), 1.0)
    found = question(stated(problem, (np.zeros((4, 0)), np.zeros((3, 0)))))
    assert found.problem.atom.gauges[0].statement() == norm.statement()


def test_a_pooled_layer_with_an_unpriced_bias_is_read_back():
    atom = ReLU(np.eye(4), bias="free", activation="leaky_relu", slope=0.25, samples=[0, 0, 1, 1])
    problem = Problem(Squared(DATA[:2]), atom, 1.0)
    found = question(stated(problem, (np.ones((5, 2)), np.ones((3, 2)))))
    assert found.problem.atom.statement() == atom.statement()


@pytest.mark.thorough
def test_data_left_out_of_the_file_are_named(tmp_path):
    result = check(Problem(Squared(DATA), ReLU(np.eye(4)), 1.0), (np.ones((4, 1)), np.ones((3, 1))))
    path = tmp_path / "x.cert"
    result.certificate.save(path, data=False)
    with pytest.raises(InputError, match=r"holds no data \(U, V, Y, features left out\)"):
        question(Certificate.load(path))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lam": (2.0).hex(), "lam2": "x"}, "lam2"),
        ({"format": "certify/2"}, "format"),
        ({"shape": [3, 4]}, "."),
        ({"atom": {"kind": "tree"}}, "tree"),
        ({"claim": "best"}, "claim"),
    ],
)
def test_a_statement_that_says_anything_else_is_rejected(change, named):
    held = stated(Problem(Squared(DATA), ReLU(np.eye(4)), 1.0), (np.ones((4, 1)), np.ones((3, 1))))
    with pytest.raises((RejectedError, InputError), match=named):
        question(replace(held, statement=held.statement | change))


@pytest.mark.parametrize(
    "wrong", [{"arrays": 3}, {"arrays": None}, {"arrays": [1]}, {"shape": "x"}, {"offsets": 0}]
)
def test_a_statement_whose_fields_are_of_another_kind_is_rejected(wrong):
    Y = np.diag([3.0, 2.0])
    held = check(Problem(Squared(Y), RankOne(), 1.0), (Y, np.eye(2))).certificate
    odd = replace(held, statement=held.statement | wrong)
    with pytest.raises((RejectedError, InputError), match=r"statement|1 left out"):
        question(odd)
    assert odd.summary() == repr(odd)[12:-1]
    assert replace(held, statement={}).summary() == "claims nothing that can be read"
