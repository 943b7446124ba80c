"""What people do with results by habit: if, ==, pickle, print; and what they pass by mistake."""

import copy
import io
import pickle
import re
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from certify import InputError, Problem, RejectedError, Verdict, check, improve, restarts, verify
from certify.atoms import RankOne, ReLU
from certify.losses import LOSSES, Huber, Squared
from certify.norms import Weighted
from certify.offsets import ColumnIntercept
from tests.question_files import inside, write

rng = np.random.default_rng(3)
Y = rng.standard_normal((8, 5))
PROBLEM = Problem(Squared(Y), RankOne("l2", "l2"), 0.7)
FACTORS = rng.standard_normal((8, 2)), rng.standard_normal((5, 2))
RESULT = check(PROBLEM, FACTORS)
BETTER = improve(PROBLEM, FACTORS)
HELD = {
    "result": RESULT,
    "problem": PROBLEM,
    "certificate": RESULT.certificate,
    "improvement": BETTER,
}


@pytest.mark.parametrize(
    "found", [RESULT, BETTER, verify(RESULT.certificate, PROBLEM, FACTORS)], ids=type
)
def test_a_result_is_no_yes_or_no(found):
    with pytest.raises(TypeError, match=r"neither true nor false: ask for \.certified"):
        bool(found)
    assert found.certified == (found is BETTER)


def test_a_verdict_is_equal_to_its_name_and_to_no_other_string():
    assert RESULT.verdict == "REFUTED"
    assert RESULT.verdict != "CERTIFIED"
    assert RESULT.verdict in ("CERTIFIED", "REFUTED")
    assert {Verdict.CERTIFIED: 1}["CERTIFIED"] == 1
    assert RESULT.verdict != 10
    for wrong in ("refuted", "Certified", "OK"):
        with pytest.raises(ValueError, match="a verdict is one of CERTIFIED, REFUTED, "):
            RESULT.verdict == wrong  # noqa: B015  the comparison raises


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize(
    "way",
    [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy, copy.copy],  # noqa: S301  our own
    ids=["pickle", "deepcopy", "copy"],
)
def test_what_is_returned_can_be_kept(name, way):
    back = way(HELD[name])
    assert repr(back) == repr(HELD[name])
    if name == "problem":
        assert back.objective(FACTORS) == PROBLEM.objective(FACTORS)
        return
    certificate = {"result": lambda: back.certificate, "certificate": lambda: back}.get(
        name, lambda: back.result.certificate
    )()
    factors = back.factors if name == "improvement" else FACTORS
    assert verify(certificate, PROBLEM, factors).verdict.name == certificate.verdict


@pytest.mark.parametrize("name", HELD)
def test_joblib_keeps_them_too(name):
    joblib = pytest.importorskip("joblib")
    file = io.BytesIO()
    joblib.dump(HELD[name], file)
    file.seek(0)
    assert repr(joblib.load(file)) == repr(HELD[name])


def test_a_pickled_lie_is_no_proof():
    lie = pickle.loads(pickle.dumps(RESULT.certificate))  # noqa: S301  our own
    lie.claim["verdict"] = "CERTIFIED"
    with pytest.raises(RejectedError, match="not proved"):
        verify(lie, PROBLEM, FACTORS)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (PROBLEM, "Problem(Squared(Y=<8 x 5>), RankOne(), lam=0.7)"),
        (ReLU(Y, bias="free"), "ReLU(V=<8 x 5>, bias='free')"),
        (Squared(Y, mask=Y > 0), "Squared(Y=<8 x 5>, mask=<8 x 5>)"),
        (Huber(Y.tolist(), 2.0), "Huber(Y=<8 values>, delta=2.0)"),
        (
            Problem(Squared(Y), RankOne(Weighted(range(1, 9))), 1.0, [ColumnIntercept()]),
            (
                "Problem(Squared(Y=<8 x 5>), RankOne(left=Weighted(weights=<8 values>)), lam=1.0, "
                "offsets=[ColumnIntercept()])"
            ),
        ),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_reprs_are_short(shown, text):
    assert repr(shown) == text


def test_no_repr_shows_an_array():
    for held in HELD.values():
        assert "array(" not in repr(held)
        assert len(repr(held)) < 250
    for name, cls in LOSSES.items():
        labels = 2 * np.eye(2) - 1 if "hinge" in name else np.eye(2)
        number = {"huber": (1.0,), "quantile": (0.5,)}.get(name, ())
        assert repr(cls(labels, *number)).startswith(f"{cls.__name__}(Y=<2 x 2>")


class Fitted:
    """An estimator of some library."""

    def fit(self):
        """Look like one."""


@pytest.mark.parametrize("call", [check, improve, restarts])
def test_a_model_in_place_of_a_problem_is_told_the_way(call):
    with pytest.raises(InputError, match=r"got Fitted; read the model first: problem, factors = "):
        call(Fitted(), Y)
    with pytest.raises(InputError, match=r"problem must be a Problem, got ndarray; state one"):
        call(Y, FACTORS)
    with pytest.raises(InputError, match="problem must be a Problem"):
        verify(RESULT.certificate, Fitted(), FACTORS)


@pytest.mark.parametrize("family", ["torch", "onnx", "sklearn", "tensorly"])
def test_the_function_that_reads_a_model_exists(family):
    model = type("Model", (), {"__module__": f"{family}.models"})()
    with pytest.raises(InputError, match="read the model first") as raised:
        check(model, Y)
    name = re.search(r"(certify[.\w]*)\((.*)\)", str(raised.value))
    module, _, function = name[1].rpartition(".")
    assert callable(getattr(import_module(module), function))
    assert ("y" in name[2]) == (family in {"torch", "onnx"})


def test_scikit_learns_model_is_told_from_model():
    decomposition = pytest.importorskip("sklearn.decomposition")
    with pytest.raises(InputError, match=r"certify\.from_model\(model, X\)"):
        check(decomposition.PCA(2).fit(Y), Y)


def test_parts_of_the_wrong_kind_are_named():
    with pytest.raises(InputError, match="atom must be an Atom, got 'rank_one'"):
        Problem(Squared(Y), "rank_one", 1.0)
    with pytest.raises(InputError, match=r"loss must be a Loss, got array\(\[\[") as refused:
        Problem(Y, RankOne(), 1.0)
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match=r"pass result\.certificate"):
        verify(RESULT, PROBLEM, FACTORS)


def test_the_objective_of_odd_arguments_ends_in_our_sentences():
    problem = Problem(Squared(Y), RankOne(), 0.7, ColumnIntercept())
    q = problem.best_offsets(FACTORS)
    value = problem.objective(FACTORS, q)
    assert problem.objective([x.tolist() for x in FACTORS], [list(q[0])]) == value
    for ask in (problem.objective, problem.predict, problem.dual_point):
        with pytest.raises(InputError, match=r"q must be given, 1 arrays: problem\.best_offsets"):
            ask(FACTORS)
        with pytest.raises(InputError, match="q must be a sequence of 1 arrays"):
            ask(FACTORS, q[0])
        with pytest.raises(InputError, match=r"factors\[0\] must have shape \(8, r\)"):
            ask(FACTORS[::-1], q)
        with pytest.raises(InputError, match="one number of components"):
            ask((FACTORS[0], FACTORS[1][:, :1]), q)


def test_without_offsets_their_values_may_be_none_as_an_adapter_has_them():
    problem, offset = (Problem(Squared(Y), RankOne(), 0.7, o) for o in ((), ColumnIntercept()))
    assert problem.objective(FACTORS, None) == problem.objective(FACTORS)
    assert np.array_equal(problem.dual_point(FACTORS, None), problem.dual_point(FACTORS))
    with pytest.raises(InputError, match="q must be given, 1 arrays"):
        offset.objective(FACTORS, None)


def test_torch_tensors_are_read_as_they_are_or_refused_in_a_sentence():
    torch = pytest.importorskip("torch")
    held = torch.tensor(Y)
    for same in (held.clone().requires_grad_(), torch.nn.Parameter(held), held):
        assert np.array_equal(Squared(same).data, Y)
    half = held.bfloat16()
    assert np.array_equal(Squared(half).data, half.double().numpy())
    assert PROBLEM.objective(tuple(map(torch.tensor, FACTORS))) == PROBLEM.objective(FACTORS)
    for wrong, said in (
        (torch.zeros(8, 5, device="meta"), "Y is a meta tensor, which holds no numbers"),
        (held.to_sparse(), r"Y is a torch.sparse_coo tensor: pass x.to_dense\(\)"),
        (held.to(torch.complex64), "Y must hold real float64 or integers, got dtype complex64"),
    ):
        with pytest.raises(InputError, match=said):
            Squared(wrong)


def rejected(problem=PROBLEM, factors=FACTORS, **asked):
    """Return what verify() says of the certificate for another question."""
    with pytest.raises(RejectedError) as refused:
        verify(RESULT.certificate, problem, factors, **asked)
    assert refused.value.code == "question"
    assert "0x" not in str(refused.value)
    return str(refused.value)


def test_a_mismatch_is_told_in_decimals_with_its_cure():
    assert "was made for rtol 1e-06 and you ask for 0.01: pass --rtol 1e-06" in rejected(rtol=0.01)
    assert "was made for atol 0.0 and you ask for 0.5" in rejected(atol=0.5)
    other = Problem(Squared(Y), RankOne("l2", "l2"), 0.8)
    assert "about lam = 0.7, your problem has lam = 0.8" in rejected(other)
    huber = Problem(Huber(Y, 0.1), RankOne("l2", "l2"), 0.7)
    assert '{"delta": "0.1", "kind": "huber"}' in rejected(huber)


@pytest.mark.parametrize("name", ["rtol", "atol", "lam"])
@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ([0], "[0]"),
        (True, "True"),
        ("0x", "'0x'"),
        ("0x1p99999", "'0x1p99999'"),
        ("inf", "'inf'"),
        (None, "None"),
    ],
)
def test_a_statement_whose_number_is_none_is_rejected_in_a_sentence(name, field, shown):
    broken = replace(RESULT.certificate, statement={**RESULT.certificate.statement, name: field})
    with pytest.raises(RejectedError) as refused:
        verify(broken, PROBLEM, FACTORS)
    assert str(refused.value).endswith(f"the certificate's {name} is no number but {shown}")
    del broken.statement[name]
    with pytest.raises(RejectedError, match=f"the certificate's {name} is no number but None"):
        verify(broken, PROBLEM, FACTORS)


def test_other_arrays_are_told_by_where_and_how_much():
    moved = Y.copy()
    moved[1, 2] += 1.0
    said = rejected(Problem(Squared(moved), RankOne("l2", "l2"), 0.7))
    assert "your Y differs from the certificate's in 1 of 40 numbers, by at most 1; " in said
    assert f"the first is [1, 2]: {float(Y[1, 2])!r} there" in said
    U, V = FACTORS
    last = rejected(factors=(np.nextafter(U, 9.0), V))
    assert "Only last bits differ, as after a fit on another machine: run check on yours" in last
    assert "Only last bits" not in rejected(factors=(1.001 * U, V))
    assert "your U has shape (8, 1), the certificate's (8, 2)" in rejected(
        factors=(U[:, :1], V[:, :1])
    )


def test_without_the_question_in_the_file_the_array_is_still_named(tmp_path):
    RESULT.certificate.save(tmp_path / "x.cert", data=False)
    with pytest.raises(RejectedError, match="your U is not that of the certificate"):
        verify(tmp_path / "x.cert", PROBLEM, (2 * FACTORS[0], FACTORS[1]))


def test_the_command_says_the_same(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    assert inside(capsys, "check", "problem.toml", "-o", "x.cert", "--rtol", "0.01").status == 0
    ended = inside(capsys, "verify", "x.cert", "--problem", "problem.toml")
    assert (ended.status, ended.out) == (20, "")
    assert "pass --rtol 0.01" in ended.err
    again = inside(capsys, "verify", "x.cert", "--problem", "problem.toml", "--rtol", "0.01")
    assert again.status == 0
