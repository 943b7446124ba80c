"""Max-pooling, `ReLU(V, samples=..., pool="max")`: a proved bracket, and certificates."""

from dataclasses import replace

import numpy as np
import pytest

from certify import InputError, OutOfScopeError, Problem, Verdict, check, improve, verify
from certify.adapters.files import load
from certify.adapters.torch import from_model
from certify.atoms import ReLU
from certify.base.clock import Clock
from certify.losses import Absolute, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.certificate.file import Certificate, ask
from certify.pipeline.certificate.question import question
from certify.pipeline.report._formula import formula
from certify.polar.ascent.layers import attain
from certify.polar.layer_query import LayerQuery
from certify.polar.layers import propose
from certify.search.candidate import evaluate
from certify.search.families import search
from certify.search.lam_max import lam_max
from problems import largest_patch
from problems._networks import steepest_largest
from tests.network_cases import drawn, value
from tests.pooling_cases import pooled, slack, truth
from tests.question_files import write

ATOM, W = pooled(3, (4, 2, 2, 1))
NONE = np.zeros((2, 0)), np.zeros((1, 0))


# --- the polar ------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "right"), [(0, "l2"), (1, "l2+"), (2, "l2+"), (1, "l1-")])
def test_the_polar_is_enclosed_tightly(seed, right):
    atom, W = pooled(seed, (4, 3, 2, 1), right=right)
    found, best = atom.polar(W), truth(atom, W)
    assert found.lower <= best + slack(atom, W)
    assert best - slack(atom, W) <= found.upper <= best * (1 + 2.0**-20) + slack(atom, W)
    u = found.witness[0]
    assert value(atom, W, u[:, None] / np.linalg.norm(u))[0] >= found.lower - slack(atom, W)
    assert found.lower >= best * (1 - 2.0**-20) - slack(atom, W) or not best  # then none earns


@pytest.mark.thorough
def test_the_polar_moves_with_its_scale():
    held = ATOM.polar(W)
    for e in (-300, 300):
        there = ATOM.polar(np.ldexp(W, e))
        assert (there.lower, there.upper) == tuple(np.ldexp([held.lower, held.upper], e))
    assert ATOM.polar(0 * W).upper == 0.0


def test_one_patch_a_sample_is_the_plain_layer():
    rng = np.random.default_rng(5)
    V, W = drawn(rng, (5, 2)), drawn(rng, (5, 1))
    plain, most = ReLU(V), ReLU(V, samples=range(5), pool="max")
    x = drawn(rng, (2, 3)), drawn(rng, (1, 3))
    mine, theirs = (Problem(Squared(W), a, 0.5).objective(x, ()) for a in (most, plain))
    assert mine == theirs
    assert most.polar(W).upper == pytest.approx(plain.polar(W).upper, rel=2.0**-20)
    assert most.statement() == plain.statement() | {"pool": "max"}


def test_many_features_are_bounded_by_one_layer_for_each_sign():
    rng = np.random.default_rng(1)
    atom = ReLU(drawn(rng, (4, 7)), samples=[0, 0, 1, 1], pool="max")
    W = drawn(rng, (2, 1))
    found = atom.polar(W, budget=0.5)
    assert [len(tree["nodes"]) for tree in found.proof["each"]] == [1, 1]
    assert 0 < found.lower <= found.upper < 3 * found.lower
    U = rng.standard_normal((7, 20_000))
    assert value(atom, W, U / np.linalg.norm(U, axis=0)).max() <= found.upper
    assert atom.propose(0 * W, None, 0, None).upper == 0.0


def test_a_spent_budget_still_proves_a_bound():
    found = ATOM.polar(W, budget=1e-9)
    assert truth(ATOM, W) - slack(ATOM, W) <= found.upper < np.inf


def test_a_target_that_is_met_ends_the_search():
    best = truth(ATOM, W)
    for target in (1.5 * best, 0.5 * best):
        found = propose(LayerQuery(ATOM.layer, W, target=target))
        assert found.upper >= best - slack(ATOM, W)
    one = ask_of(1.5 * best)
    assert sum(len(t["nodes"]) for t in one) <= sum(len(t["nodes"]) for t in ask_of(None))


def ask_of(target):
    """Return the trees for a target."""
    return propose(LayerQuery(ATOM.layer, W, target=target)).proof["each"]


@pytest.mark.parametrize("right", ["l2", "l1", "linf", "l2+"])
def test_neurons_of_several_outputs_earn_what_is_said(right):
    atom, W = pooled(2, (4, 2, 2, 2), right=right)
    found, (u, v) = attain(LayerQuery(atom.layer, W))
    assert found == pytest.approx(float((W * atom.phi((u, v))).sum()), rel=1e-12)
    assert np.linalg.norm(u) == pytest.approx(1, rel=1e-12)
    assert atom.layer.right.value(v[:, None])[0] == pytest.approx(1, rel=1e-12)
    assert 0.999 * truth(atom, W) <= found <= truth(atom, W) + slack(atom, W)


@pytest.mark.thorough
def test_lam_max_is_where_no_neuron_helps():
    found = lam_max(Problem(Squared(W), ATOM, 1.0))
    assert found.lower <= truth(ATOM, W) + slack(ATOM, W)
    assert truth(ATOM, W) - slack(ATOM, W) <= found.upper
    above = check(Problem(Squared(W), ATOM, found.upper), NONE)
    below = check(Problem(Squared(W), ATOM, 0.9 * found.lower), NONE)
    assert (above.verdict, below.verdict) == (Verdict.CERTIFIED, Verdict.RANK_LIMITED)


# --- certificates -----------------------------------------------------------------------


def test_the_zoos_polar_is_that_of_every_face_of_every_cell():
    found = steepest_largest(largest_patch.F, largest_patch.SAMPLES.tolist(), largest_patch.W)
    assert (found.square, found.directions) == (largest_patch.LAM**2, [(3, 4)])
    atom = largest_patch.cases()["optimal"].problem.atom
    assert truth(atom, largest_patch.W[:, None]) == pytest.approx(10.0, rel=1e-14)
    assert (atom.layer.act(largest_patch.U[:, None])[:, 0] == largest_patch.H).all()


@pytest.mark.parametrize(
    "offsets", [(), pytest.param((ColumnIntercept(),), marks=pytest.mark.slow)]
)
def test_a_network_is_improved_until_it_is_proved_optimal(offsets):
    rng = np.random.default_rng(4)
    Y = drawn(rng, (4, 1)) + 1
    problem = Problem(Squared(Y), ATOM, 0.25, offsets)
    start = rng.standard_normal((2, 2)), rng.standard_normal((1, 2))
    found = improve(problem, start, rtol=1e-5)
    assert found.result.verdict is Verdict.CERTIFIED
    values = [v for _, v in found.history]
    assert values == sorted(values, reverse=True)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("offsets", [(), (ColumnIntercept(),)])
def test_a_worse_network_is_refuted_with_a_better_one(offsets):
    rng = np.random.default_rng(4)
    problem = Problem(Squared(drawn(rng, (4, 1)) + 1), ATOM, 0.25, offsets)
    start = rng.standard_normal((2, 2)), rng.standard_normal((1, 2))
    found = check(problem, start, rtol=0.125, budget=4.0)
    assert found.verdict in (Verdict.REFUTED, Verdict.RANK_LIMITED)
    told = verify(found.certificate, problem, start, rtol=0.125)
    assert told.verdict is found.verdict
    better = found.better
    assert problem.objective(better, problem.best_offsets(better)) < found.upper


@pytest.mark.thorough
def test_the_best_of_its_size_is_told_from_the_best_of_any():
    problem = Problem(Squared(W + 1), ATOM, 0.125)
    start = evaluate(problem, (np.ones((2, 1)), np.ones((1, 1))))
    found = search(problem, start, Clock(), 0, (1e-2, None))
    assert found.same.size == 1 < found.best.size
    assert found.best.value < found.same.value < start.value
    again = search(problem, found.same, Clock(), 0, (1e-2, None))
    assert again.same.value == pytest.approx(found.same.value, rel=1e-6)
    assert again.best.value == pytest.approx(found.best.value, abs=1e-2)


def test_a_saved_certificate_is_verified_and_tells_its_question(tmp_path):
    case = largest_patch.cases()["optimal"]
    result = check(case.problem, case.factors)
    result.certificate.save(tmp_path / "x.cert")
    verify(tmp_path / "x.cert", case.problem, case.factors)
    held = question(Certificate.load(tmp_path / "x.cert"))
    assert held.problem.atom.statement() == case.problem.atom.statement()
    assert (held.problem.atom.layer.samples == largest_patch.SAMPLES).all()
    summed = replace(case.problem, atom=replace(case.problem.atom, pool="sum"))
    with pytest.raises(ValueError, match="pool"):
        verify(tmp_path / "x.cert", summed, case.factors)


def test_it_is_not_taken_for_sum_pooling():
    """Sum pooling of the same patches is another network with another optimum."""
    x = np.array([[1.0, -1.0, 0.5, -0.5], [0.5, -0.5, -1.0, 1.0]]), np.ones((1, 4))
    most, summed = (Problem(Squared(W), replace(ATOM, pool=p), 1.0) for p in ("max", "sum"))
    assert most.objective(x, ()) != summed.objective(x, ())
    asked = [ask(p, x, None, rtol=0.0, atol=0.0).statement["atom"] for p in (most, summed)]
    assert ("pool" in asked[0], "pool" in asked[1]) == (True, False)


def test_a_biased_layer_has_its_column():
    atom = replace(ATOM, bias="regularized")
    assert atom.layer.features.shape == (8, 3)
    assert check(Problem(Squared(W), atom, 100.0), (np.zeros((3, 0)), NONE[1])).verdict is (
        Verdict.CERTIFIED
    )


# --- words and files ----------------------------------------------------------------------


def test_it_is_told_in_words():
    problem = Problem(Squared(W), ATOM, 1.0)
    assert problem.atom.title() == "a max-pooled network with one hidden layer"
    told = formula(problem)
    assert "max s(V uₖ) vₖᵀ" in told
    assert "max the largest of each sample's rows" in told
    assert "P sums" not in told


def test_it_is_read_from_a_file(tmp_path):
    named = 'kind = "relu"\nV = "F.npy"\nsamples = "S.npy"\n'
    path = write(
        tmp_path,
        atom=f'{named}pool = "max"',
        Y=W,
        F=ATOM.V,
        S=np.asarray(ATOM.samples),
        U=np.ones((2, 1)),
        V=np.ones((1, 1)),
    )
    held = load(path)
    assert held.problem.atom.statement() == ATOM.statement()
    path.write_text(path.read_text().replace('"max"', '"mean"'))
    with pytest.raises(InputError, match="pool must be one of sum, max"):
        load(path)


# --- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pool": "mean"}, "pool must be one of sum, max"),
        ({"samples": None}, "pool='max' needs samples"),
        ({"activation": "abs"}, "for activation='relu', got 'abs'"),
        ({"activation": "linear"}, "for activation='relu', got 'linear'"),
        ({"bias": "free"}, "pool='max' does not allow bias='free'"),
        ({"left": "l1"}, "left must be l2"),
    ],
)
def test_what_is_not_bounded_is_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        replace(ATOM, **wrong)


def test_what_knows_sums_only_refuses_by_name():
    for call in (ATOM.layer.pool, ATOM.layer.spread):
        with pytest.raises(TypeError, match="no linear pooling"):
            call(W)


@pytest.mark.parametrize(
    "problem",
    [
        Problem(Absolute(W), ATOM, 1.0),
        Problem(Squared(np.ones((4, 2))), replace(ATOM, right="linf"), 1.0),
    ],
    ids=["a loss with kinks", "several outputs in linf"],
)
def test_what_is_not_searched_is_bracketed(problem):
    x = np.ones((2, 1)), np.ones((problem.loss.shape[1], 1))
    with pytest.raises(OutOfScopeError, match=r"no search is known for ReLU\(.*pool='max'.* with"):
        improve(problem, x)
    found = check(problem, x)
    assert found.verdict is Verdict.UNDECIDED
    lots = np.random.default_rng(0).standard_normal((2, 500))
    values = [problem.objective((u[:, None], x[1]), ()) for u in lots.T]
    assert 0 <= found.lower <= min(values)


def test_a_layer_of_torch_is_refused_by_name():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.MaxPool1d(2), nn.Linear(2, 1))
    with pytest.raises(OutOfScopeError, match="the module MaxPool1d"):
        from_model(net, torch.ones(3, 2), torch.ones(3), weight_decay=0.1)
