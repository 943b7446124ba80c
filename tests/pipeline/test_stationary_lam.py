"""The lam that factors tell: which penalty they were trained with, and what check() says of it."""

import pickle

import numpy as np
import pytest

from certify import InputError, Problem, Verdict, check, verify
from certify.atoms import CP, DeepLinear, RankOne, ReLU, Symmetric
from certify.losses import Absolute, Poisson, Squared
from tests.question_files import PLAIN, inside, write
from tests.tolerance import rounding

rng = np.random.default_rng(5)
Y = rng.integers(-4, 5, (12, 9)).astype(float)

SUM = f'{PLAIN}\nform = "sum"'


def thresholded(lam, *, kept=None, data=Y):
    """Return the factors that are optimal at lam: singular values less lam."""
    u, s, vt = np.linalg.svd(data, full_matrices=False)
    s = np.maximum(s - lam, 0.0)
    r = int((s > 0).sum()) if kept is None else kept
    return u[:, :r] * np.sqrt(s[:r]), vt[:r].T * np.sqrt(s[:r])


def test_each_component_tells_the_lam_of_the_training():
    U, V = thresholded(6.0, kept=2)
    told = Problem(Squared(Y), RankOne("l2", "l2"), 0.5).stationary_lam((U, V))
    assert told.values == pytest.approx([6.0, 6.0], rel=1e-12)
    assert told.lam == pytest.approx(6.0, rel=1e-12)
    assert told.spread <= 1e-12
    assert told.settled
    assert repr(told) == f"StationaryLam(lam=6, spread={told.spread:.2g})"


def test_check_says_so_before_it_refutes():
    factors = thresholded(6.0, kept=2)
    found = check(Problem(Squared(Y), RankOne("l2", "l2"), 0.5), factors)
    assert found.verdict in (Verdict.REFUTED, Verdict.RANK_LIMITED)
    cure = "if you trained with that, training has not converged: improve() continues"
    opening = f"these factors look stationary at lam = 6; you gave 0.5; {cure}. Apart from that: "
    assert found.reason.startswith(opening)
    assert "stationary at lam = 6; you gave 0.5" in found.explain().splitlines()[1]


@pytest.mark.parametrize("lam", [6.0, 6.1])
def test_nothing_is_said_of_the_right_lam_or_one_that_is_near(lam):
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam)
    assert problem.stationary_lam(thresholded(6.0, kept=2)).objection == ""
    assert "stationary at" not in check(problem, thresholded(6.0, kept=2)).reason


@pytest.mark.parametrize("r", [1, 3])
def test_factors_that_are_stationary_for_no_lam_tell_none(r):
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
    told = problem.stationary_lam((rng.standard_normal((12, r)), rng.standard_normal((9, r))))
    assert not told.settled
    assert told.objection == ""


def test_one_component_is_stationary_only_if_its_parts_are():
    u, v = thresholded(6.0, kept=1)
    off = v + 0.3 * np.roll(v, 1)  # some lam balances any one component; its parts tell it apart
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
    assert problem.stationary_lam((u, v)).settled
    assert not problem.stationary_lam((u, off)).settled


def test_a_fit_without_penalty_is_told_apart():
    u, s, vt = np.linalg.svd(Y, full_matrices=False)
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 3.0)
    told = problem.stationary_lam((u[:, :2] * s[:2], vt[:2].T))
    assert told.free
    assert told.lam == 0
    assert "without a penalty (lam = 0); you gave 3; if you trained with" in told.objection
    small = Problem(Squared(Y), RankOne("l2", "l2"), 1e-4)  # as the default alpha of a network
    told = small.stationary_lam((u[:, :2] * s[:2], vt[:2].T))
    assert told.free
    assert told.objection == ""


def test_no_lam_is_told_of_a_loss_with_kinks():
    """Where the data are met exactly, one subgradient is 0 for every lam."""
    two = np.eye(3)[:, :2], np.diag([3.0, 2.0, 1.0])[:, :2]  # of the optimum's three components
    problem = Problem(Absolute(np.diag([3.0, 2.0, 1.0])), RankOne("l2", "l2"), 0.9)
    assert problem.stationary_lam(two).free
    found = check(problem, two)
    assert found.verdict is Verdict.RANK_LIMITED
    assert "stationary" not in found.reason


def test_no_components_and_zero_components_tell_nothing():
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 3.0)
    for factors in ((np.zeros((12, 0)), np.zeros((9, 0))), (np.zeros((12, 2)), np.zeros((9, 2)))):
        told = problem.stationary_lam(factors)
        assert np.isnan(told.lam)
        assert told.objection == ""


def test_separate_weights_show_as_a_balance_and_are_no_defect():
    a, b, s = 18.0, 2.0, (2.0 / 18.0) ** 0.25
    U, V = thresholded(6.0, kept=2)  # sqrt(a b) = 6
    factors = U * s, V / s
    one = Problem(Squared(Y), RankOne("l2", "l2", form="sum"), 6.0)
    told = one.stationary_lam(factors)
    assert told.weights == pytest.approx((a, b), rel=1e-12)
    assert told.lam == pytest.approx(6.0, rel=1e-12)
    said = "stationary at the separate weights (18, 2); you gave 6 for all: state lam=(18, 2)"
    found = check(one, factors)
    assert found.verdict is Verdict.REFUTED  # rescaling helps the objective that was asked about
    assert said in found.reason
    both = Problem(Squared(Y), RankOne("l2", "l2", form="sum"), (a, b))
    assert both.stationary_lam(factors).objection == ""
    assert check(both, thresholded(6.0)).verdict is Verdict.REFUTED  # balanced for other weights
    best = tuple(x * k for x, k in zip(thresholded(6.0), (s, 1 / s), strict=True))
    good = check(both, best)
    assert good.verdict is Verdict.CERTIFIED
    assert verify(good.certificate, both, best).verdict is Verdict.CERTIFIED


def test_separate_weights_are_the_objective_exactly():
    a, b = 3.0, 0.7
    U, V = rng.integers(-3, 4, (12, 2)) / 2, rng.integers(-3, 4, (9, 2)) / 2
    problem = Problem(Squared(Y), RankOne("l2", "l2", form="sum"), (a, b))
    terms = 0.5 * ((Y - U @ V.T) ** 2).sum(), a / 2 * (U**2).sum(), b / 2 * (V**2).sum()
    assert abs(problem.objective((U, V)) - sum(terms)) <= rounding(*terms, flops=300)
    assert problem.lam == 2.0 ** np.round(np.log2(problem.lam))
    for gauge, weight in zip(problem.atom.gauges, (a, b), strict=True):
        assert set(gauge.weights) == {weight / problem.lam}  # exactly: lam is a power of two
    assert pickle.loads(pickle.dumps(problem)).lam == problem.lam  # noqa: S301  our own


@pytest.mark.parametrize(
    ("atom", "lam", "said"),
    [
        (RankOne("l2", "l2"), (1.0, 2.0), "separate weights lam=(1.0, 2.0) are for RankOne"),
        (RankOne("l1", "l2", form="sum"), (1.0, 2.0), "form='product'"),
        (RankOne("l2", "l2", form="sum"), (1.0, 2.0, 3.0), "separate weights"),
        (RankOne("l2", "l2", form="sum"), (1.0, 0.0), "lam[1] must be a finite number > 0, got 0"),
        (RankOne("l2", "l2", form="sum"), (1.0, "2"), "lam[1] must be a finite number > 0, got"),
        (CP(("l2", "l2"), form="sum"), (1.0, 2.0), "separate weights"),
    ],
)
def test_separate_weights_are_refused_where_no_norm_states_them(atom, lam, said):
    with pytest.raises(InputError) as refused:
        Problem(Squared(Y), atom, lam)
    assert said in str(refused.value)


def test_scikit_learns_alphas_are_stated_by_hand():
    decomposition = pytest.importorskip("sklearn.decomposition")
    X = np.abs(Y)
    model = decomposition.NMF(2, alpha_W=0.2, alpha_H=0.05, tol=1e-12, max_iter=5000)
    W = model.fit_transform(X)
    n, m = X.shape
    factors = W, model.components_.T
    atom = RankOne("l2+", "l2+", form="sum")
    one = Problem(Squared(X), atom, (n * m * 0.2 * 0.05) ** 0.5)
    told = one.stationary_lam(factors)
    assert told.weights == pytest.approx((m * 0.2, n * 0.05), rel=1e-4)
    stated = Problem(Squared(X), atom, (m * 0.2, n * 0.05))
    assert check(one, factors, budget=0.4).verdict is Verdict.REFUTED
    assert check(stated, factors, budget=0.4, rtol=1e-2).verdict is not Verdict.REFUTED


@pytest.mark.parametrize("symmetric", [False, True])
def test_tensors_tell_theirs(symmetric):
    e = np.eye(3)
    T = sum(s * np.einsum("i,j,k->ijk", x, x, x) for s, x in ((5.0, e[0]), (4.0, e[1])))
    atom = CP("l2", symmetric=symmetric, order=3)
    x = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]) ** (1 / 3)  # 5 - 3 = 2, 4 - 3 = 1
    problem = Problem(Squared(T), atom, 0.5)
    told = problem.stationary_lam((x,) * atom.parts)
    assert told.values == pytest.approx([3.0, 3.0], rel=1e-12)
    assert told.settled
    assert "stationary at lam = 3; you gave 0.5" in told.objection
    off = x + np.array([[0.0, 0.3], [0.2, 0.0], [0.4, 0.1]])
    assert not problem.stationary_lam((off,) * atom.parts).settled


def test_separate_weights_of_a_tensor_are_told_with_their_cure():
    x = np.array([[2.0], [0.0]]) ** (1 / 3)
    T = np.zeros((2, 2, 2))
    T[0, 0, 0] = 5.0
    problem = Problem(Squared(T), CP(("l2", "l2", "l2"), form="sum"), 3.0)
    told = problem.stationary_lam((2 * x, x / 2, x))
    assert told.weights == pytest.approx((3 / 8, 24.0, 3.0))
    assert "state form='product'" in told.objection


def test_symmetric_matrices_and_layers_tell_theirs():
    S = np.diag([5.0, 4.0, 1.0])
    x = np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]) ** 0.5
    told = Problem(Squared(S), Symmetric("l2"), 1.0).stationary_lam((x,))
    assert told.values == pytest.approx([2.0, 2.0])
    assert told.spread <= 1e-12
    X = np.array([[1.0, 0.0], [0.0, 1.0]])
    u, v = np.diag([2.0, 3.0]) ** 0.5, np.array([[2.0, 3.0]]) ** 0.5
    layer = Problem(Squared(np.array([[2.5], [3.5]])), ReLU(X), 7.0)
    assert "stationary at lam = 0.5; you gave 7" in layer.stationary_lam((u, v)).objection
    one = Problem(Squared(np.array([[2.5, 0.0], [3.5, 1.0]])), ReLU(X), 7.0)  # v misses an output
    v = np.vstack([v, [0.0, 0.0]])
    assert not one.stationary_lam((u[:, 1:], v[:, 1:])).settled


def test_other_atoms_tell_what_their_scales_say_and_infinite_losses_nothing():
    X = np.eye(3)
    deep = Problem(Squared(Y[:3, :2]), DeepLinear(X, [2]), 1.0)
    parts = tuple(rng.standard_normal((*s, 2)) for s in deep.atom.shapes((3, 2)))
    assert not deep.stationary_lam(parts).settled
    counts = Problem(Poisson(np.abs(Y)), RankOne("l1+", "l1+"), 1.0)
    told = counts.stationary_lam((np.ones((12, 1)), np.ones((9, 1))))
    assert not told.settled


def test_a_problem_file_states_separate_weights(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    s = (2.0 / 18.0) ** 0.25
    U, V = thresholded(6.0)
    write(tmp_path, U=U * s, V=V / s, lam="[18.0, 2.0]", Y=Y, atom=SUM)
    ended = inside(capsys, "check", "problem.toml", "-o", "x.cert")
    assert (ended.status, ended.err) == (0, "")
    assert inside(capsys, "verify", "x.cert", "--problem", "problem.toml").status == 0


@pytest.mark.parametrize("lam", ["[18.0, 2.0, 3.0]", "[1.0, -1.0]", '[1.0, "a"]', "[]"])
def test_wrong_separate_weights_in_a_file_are_one_sentence(tmp_path, capsys, monkeypatch, lam):
    monkeypatch.chdir(tmp_path)
    U, V = thresholded(6.0)
    write(tmp_path, U=U, V=V, lam=lam, Y=Y, atom=SUM)
    ended = inside(capsys, "check", "problem.toml")
    assert ended.status == 2
    assert "lam" in ended.sentence


def test_init_fills_in_the_lam_that_the_factors_tell(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("Y.npy", Y)
    U, V = thresholded(6.0)
    np.save("U.npy", U)
    np.save("V.npy", V)
    ended = inside(capsys, "init", "Y.npy", "U.npy", "V.npy")
    assert "lam = 6: the factors are stationary there" in ended.out
    assert inside(capsys, "check", "problem.toml").status == 0
    s = (2.0 / 18.0) ** 0.25
    np.save("U.npy", U * s)
    np.save("V.npy", V / s)
    ended = inside(capsys, "init", "Y.npy", "U.npy", "V.npy", "--force")
    assert "lam = [18, 2]" in (tmp_path / "problem.toml").read_text()
    assert inside(capsys, "check", "problem.toml").status == 0


def test_init_says_that_a_fit_has_no_penalty(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    u, s, vt = np.linalg.svd(Y, full_matrices=False)
    np.save("Y.npy", Y)
    np.savez("fit.npz", U=u[:, :2] * s[:2], V=vt[:2].T)
    ended = inside(capsys, "init", "Y.npy", "fit.npz")
    assert "lam = 0: the factors are stationary without a penalty, so models of as" in ended.out
    assert "replace it if the training had one" in ended.out
    assert inside(capsys, "check", "problem.toml", "--budget", "1").status == 0


@pytest.mark.parametrize("small", [1e-300, 5e-324])
def test_no_separate_weights_are_told_of_a_side_whose_squares_underflow(small):
    problem = Problem(Squared(np.eye(2)), RankOne(form="sum"), 0.5)
    found = problem.stationary_lam((np.ones((2, 1)), np.full((2, 1), small)))
    assert found.weights is None
    assert check(problem, (np.ones((2, 1)), np.full((2, 1), small)), budget=0).upper >= 1
