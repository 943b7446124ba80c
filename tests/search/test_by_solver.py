"""The method "cvxpy": every atom that has a relaxation, and a solver that may lie or fail."""

import importlib
import threading

import numpy as np
import pytest

import problems
from certify import InputError, Problem, Verdict, check, improve, verify
from certify.atoms import CP, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
from certify.base.checkpoint import Checkpoint, save_to
from certify.cli import main
from certify.losses import Squared
from certify.norms import L2, Elastic, Group, Variation

SOLVE = importlib.import_module("certify.search.relax._solve")

rng = np.random.default_rng(1)
W, S = rng.integers(-8, 9, (4, 3)) / 4, rng.integers(-8, 9, (4, 4)) / 4
T, V = rng.integers(-8, 9, (3, 2, 2)) / 4, rng.integers(-8, 9, (4, 2)) / 4
POOLED = ReLU(np.vstack([V, V[::-1]]), right="linf", samples=[0, 0, 1, 1, 2, 2, 3, 3], pool="max")
POLARS = {
    "l2": (RankOne(), W),
    "lines": (RankOne("l1", "l2+"), W),
    "cube": (RankOne("linf", "l2+"), W),
    "zeros": (RankOne(L2(cone="+0*-"), Elastic(0.5)), W),
    "zero group": (RankOne(Group([[0, 1], [2, 3]], cone="00+*"), "l2"), W),
    "jumps": (RankOne(Variation([(0, 1), (2, 3)], 1.0), "l2+"), W),
    "symmetric": (Symmetric("l2+"), S),
    "simplex": (Symmetric("l1+"), S),
    "symmetric cube": (CP("linf+", symmetric=True, order=2), S),
    "tensor": (CP(("l1", "l2+", "linf")), T),
    "layer": (ReLU(V, right="l1", bias="regularized"), W),
    "linear layer": (ReLU(V, activation="linear"), W),
    "pooled": (POOLED, W),
    "deep linear": (DeepLinear(V, (2,)), W),
}
CASES = pytest.mark.parametrize("name", POLARS)


def test_a_request_to_stop_does_not_wait_for_the_solver():
    end = threading.Event()
    with save_to(Checkpoint()) as checkpoint:

        class Endless:
            status = "optimal"

            def solve(self, **_):
                assert not threading.current_thread().daemon  # killed at exit, it would abort
                checkpoint.stopped = True
                end.wait(10)

        assert SOLVE.attempt(Endless(), "SCS", 60.0) == "interrupted"
        assert SOLVE.attempt(None, "SCS", 60.0) == "interrupted"
        assert SOLVE.Using.within(60.0).left() == 0
        end.set()


@pytest.mark.sampled(1000)
@CASES
def test_the_bound_of_a_polar_is_never_below_what_is_attained(name):
    atom, held = POLARS[name]
    told, own = atom.polar(held, method="cvxpy"), atom.polar(held, budget=1)
    assert max(told.lower, own.lower) <= told.upper < np.inf
    if own.upper <= own.lower * (1 + 1e-9):  # the engine has closed it
        loose = {"pooled": 1.3, "cube": 1.3, "jumps": 1.03}  # corners, cones: no program of cvxpy's
        assert told.upper <= own.upper * loose.get(name, 1 + 1e-5)


def raises(*_):
    raise RuntimeError("no licence")


LIES = {  # what it does to every variable, and the status it reports
    "wrong signs": (lambda x: -x, "optimal"),
    "zero": (lambda x: 0 * x, "optimal"),
    "half": (lambda x: x / 2, "optimal_inaccurate"),
    "NaN": (lambda x: x * np.nan, "optimal"),
    "largest floats": (lambda x: 0 * x + np.finfo(float).max, "optimal"),
    "nothing": (lambda _: None, "infeasible"),
    "exception": (raises, ""),
}


def lying(monkeypatch, lie):
    honest = SOLVE.cp.Problem.solve
    change, status = LIES[lie]

    def solve(self, **options):
        honest(self, **options)
        for x in self.variables():
            x.save_value(change(x.value))
        for c in self.constraints:
            if c.dual_value is not None and isinstance(c.dual_value, np.ndarray):
                c.dual_variables[0].save_value(change(c.dual_value))
        self._status = status

    monkeypatch.setattr(SOLVE.cp.Problem, "solve", solve)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["cube", "simplex", "tensor", "layer", "pooled", "zero group"])
def test_a_solver_that_lies_lowers_no_polar(name, lie, monkeypatch):
    atom, held = POLARS[name]
    truth = atom.polar(held, budget=0).lower
    lying(monkeypatch, lie)
    told = atom.polar(held, method="cvxpy")
    assert told.upper >= truth
    if told.upper == np.inf:
        assert told.proof == {}
        assert told.note.startswith("cvxpy's")
    if lie in ("NaN", "nothing", "exception"):
        assert told.upper == np.inf


@pytest.mark.sampled(5)
@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["nonnegative_rows", "huber", "tensor_slices", "largest_patch"])
def test_a_solver_that_lies_certifies_nothing_wrong(name, lie, monkeypatch):
    lying(monkeypatch, lie)
    for case in list(problems.load(name).values())[:2]:
        told = {"q": case.q, "method": "cvxpy", "budget": 1}
        result = check(case.problem, case.factors, **told)
        assert result.lower <= case.optimum * (1 + 2.0**-50)
        assert result.verdict in (Verdict.UNDECIDED, case.verdict)
        if result.verdict is Verdict.UNDECIDED and lie in ("NaN", "nothing", "exception"):
            assert "cvxpy's" in result.reason
        verify(result.certificate, case.problem, case.factors, q=case.q)


@pytest.mark.thorough
def test_check_and_improve_certify_by_a_named_solver():
    problem = Problem(Squared(np.diag([3.0, 2.0, 0.25])), RankOne("l2", "linf"), 0.5)
    zero = np.zeros((3, 1)), np.zeros((3, 1))
    better = improve(problem, zero, method="cvxpy", solver="CLARABEL", rtol=1e-4)
    assert better.result.verdict is Verdict.CERTIFIED
    assert better.history[-1][0] in ("columns by cvxpy", "check")
    told = check(problem, zero, method="cvxpy", solver="SCS", rtol=1e-4)
    assert told.verdict in (Verdict.REFUTED, Verdict.RANK_LIMITED)
    assert told.lower <= better.objective


LINES = CP(["l2", "l1", "l2"])
BIG = np.ones((50, 40))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: RankOne().polar(W, method="guess"), "method must be one of engine, cvxpy"),
        (lambda: RankOne().polar(W, solver="SCS"), "needs method='cvxpy'"),
        (
            lambda: RankOne().polar(W, method="cvxpy", solver="GUESS"),
            "those installed, CLARABEL.*got 'GUESS'",
        ),
        (lambda: RankOne().polar(BIG, method="cvxpy"), "takes at most 80 rows and columns.*got 90"),
        (lambda: ReLU(BIG).polar(BIG, method="cvxpy"), "takes at most 32 rows and inputs.*got 90"),
        (lambda: CP().polar(np.ones((9, 9, 9)), method="cvxpy"), "takes at most 80 .*got 90"),
        (lambda: LINES.polar(np.ones((45, 2, 45)), method="cvxpy"), "takes at most 80 .*got 90"),
        (
            lambda: DeepReLU(BIG, (2,)).polar(BIG, method="cvxpy"),
            "takes at most 80 rows and columns.*got 90",
        ),
        (lambda: asked(1.0, BIG), "takes at most 80 rows"),
        (lambda: asked(1.0, np.ones((90, 90)), RankOne("l1", "l1")), "takes at most 4096 observed"),
        (lambda: asked(0.0, W), "no relaxation is known at lam = 0"),
    ],
)
def test_what_the_method_does_not_take_is_one_sentence(call, said):
    with pytest.raises(InputError, match=said):
        call()


def asked(lam, Y, atom=None):
    zero = np.zeros((Y.shape[0], 1)), np.zeros((Y.shape[1], 1))
    return check(Problem(Squared(Y), atom or RankOne(), lam), zero, method="cvxpy")


def test_the_command_takes_the_method_and_the_solver(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.toml").write_text(
        "lam = 0.5\n[data]\nY = [[3.0, 0.0], [0.0, 2.0]]\n[loss]\nkind = 'squared'\n[atom]\n"
        "kind = 'rank_one'\n[factors]\nU = [[1.0], [0.0]]\nV = [[1.0], [0.0]]\n"
    )
    by = ["--method", "cvxpy", "--solver"]
    assert main(["check", "p.toml", *by, "CLARABEL"]) in (10, 14)
    assert main(["improve", "p.toml", "-o", "b.npz", *by, "CLARABEL"]) == 0
    assert main(["check", "p.toml", *by, "GUESS"]) == 2
    assert "got 'GUESS'" in capsys.readouterr().err
    assert main(["check", "p.toml", "--solver", "SCS"]) == 2
    assert main(["check", "p.toml", "--method", "guess"]) == 2


ZOO = {
    f"{name}-{key}": case
    for name in problems.names()
    for key, case in problems.load(name).items()
    if case.problem.lam > 0 and case.verdict is Verdict.CERTIFIED
    if np.prod(case.problem.loss.dims) <= 60 and case.problem.atom.kind != "deep_relu"
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_is_bounded_as_by_the_engine(name):
    case = ZOO[name]
    told = check(case.problem, case.factors, q=case.q, method="cvxpy", budget=5, rtol=1e-5)
    own = check(case.problem, case.factors, q=case.q, budget=5, rtol=1e-5)
    assert told.lower <= case.optimum * (1 + 2.0**-50) + 2.0**-60
    assert told.verdict in (Verdict.CERTIFIED, Verdict.UNDECIDED)
    verify(told.certificate, case.problem, case.factors, q=case.q, rtol=1e-5)
    if told.verdict is own.verdict is Verdict.CERTIFIED:
        assert abs(told.lower - own.lower) <= 1e-5 * (abs(told.upper) + abs(own.upper))
