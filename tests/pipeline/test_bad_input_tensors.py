"""Tensors as users have them: what is wrong is one sentence, what is odd is still a bracket."""

import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from certify import InputError, OutOfScopeError, Problem, Verdict, check, verify
from certify.adapters.files import load
from certify.atoms import CP, RankOne
from certify.losses import Huber, Logistic, Squared
from certify.pipeline.restarts import restarts
from tests.question_files import inside

rng = np.random.default_rng(0)
X = [np.eye(n)[:, :2] * 2.0 for n in (4, 3, 2)]
T = np.einsum("ir,jr,kr->ijk", *X)  # two orthogonal slices of length 8
LAM = 2.0
BEST = tuple(x * (6 / 8) ** (1 / 3) for x in X)
CUBE = CP(("l2",) * 3)
HOLES = np.where(rng.random(T.shape) < 0.3, np.nan, T)


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    """Let a warning of any library be an error, as `python -W error` does."""
    monkeypatch.setattr(sys, "warnoptions", ["error"])


def bracket(problem, factors, **named):
    """Assert a proved bracket and return the result."""
    found = check(problem, factors, budget=3, **named)
    assert found.certificate is not None
    assert found.lower <= found.upper < np.inf
    again = verify(found.certificate, problem, factors)
    assert again.verdict is found.verdict
    return found


# --- wrong: one sentence that shows it ----------------------------------------------------

OTHER = {
    "a scalar": (3.0, "Y must have 2 dimensions or more, got shape ()"),
    "a vector": (T[0, 0], "Y must have 2 dimensions or more, got shape (2,)"),
    "a matrix": (T[0], "CP needs data of 3 modes, one for each norm, got shape (3, 2)"),
    "order 4": (T[None], "CP needs data of 3 modes, one for each norm, got shape (1, 4, 3, 2)"),
    "an empty mode": (T[:, :0], "Y must not be empty, got shape (4, 0, 2)"),
    "infinite": (np.where(T > 4, np.inf, T), "Y must be finite, got inf"),
    "complex": (T + 0j, "must hold real"),
    "rounded integers": (np.full(T.shape, 2**53 + 1), "which float64 would round"),
    "NaN as missing": (HOLES, "give ~np.isnan(Y) as the mask"),
}


@pytest.mark.parametrize("name", OTHER)
def test_wrong_data_are_one_sentence(name):
    data, said = OTHER[name]
    with pytest.raises(InputError) as caught:
        Problem(Squared(data), CUBE, LAM)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "loss", [Squared, partial(Huber, delta=1.0), Logistic], ids=["squared", "huber", "logistic"]
)
def test_nan_names_the_mask_in_every_loss(loss):
    data = np.where(np.isnan(HOLES), np.nan, HOLES > 0)
    with pytest.raises(InputError, match=r"NaN means missing, give .* as the mask"):
        loss(data)
    assert loss(data, mask=~np.isnan(data)).observed.size == (~np.isnan(data)).sum()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mask": np.zeros(T.shape, bool)}, "Y has no observed entry of 24"),
        ({"weights": np.zeros(T.shape)}, "Y has no observed entry of 24"),
        ({"mask": np.ones((4, 6), bool)}, r"mask must be boolean of shape \(4, 3, 2\)"),
        ({"weights": np.ones((4, 6))}, r"weights must have shape \(4, 3, 2\)"),
        ({"weights": np.where(T > 4, -0.5, 1.0)}, r"weights must be >= 0, got -0\.5"),
        ({"weights": np.where(T > 4, np.nan, 1.0)}, "weights must be finite"),
    ],
)
def test_wrong_masks_and_weights_are_one_sentence(arguments, said):
    with pytest.raises(InputError, match=said):
        Squared(T, **arguments)


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ((X[0], X[1]), "sequence of 3 arrays, got 2"),
        ((*X, X[2]), "sequence of 3 arrays, got 4"),
        (SimpleNamespace(), "got SimpleNamespace; certify.adapters reads other packages"),
        (np.ones((3, 2)), "sequence of 3 arrays, got ndarray$"),
        ((X[0], X[1][:, :1], X[2]), r"one number of components, got \[1, 2\]"),
        ((X[0], X[2], X[1]), r"factors\[1\] must have shape \(3, r\), got \(2, 2\)"),
        ((X[0], X[1].T, X[2]), r"factors\[1\] must have shape \(3, r\), got \(2, 3\)"),
        ((X[0], X[1][:, 0], X[2]), r"factors\[1\] must have shape \(3, r\), got \(3,\)"),
        ((X[0], X[1] * np.nan, X[2]), r"factors\[1\] must be finite"),
    ],
)
def test_wrong_factors_are_one_sentence(factors, said):
    problem = Problem(Squared(T), CUBE, LAM)
    for asked in (lambda: check(problem, factors), lambda: restarts(problem, [X, factors])):
        with pytest.raises(InputError, match=said.replace("factors", r"(factors|fits\[1\])")):
            asked()


@pytest.mark.parametrize(
    ("norms", "named", "said"),
    [
        ((), {}, "a norm for each of 2 modes or more"),
        (("l2",), {}, "a norm for each of 2 modes or more"),
        (("l2", "l3", "l2"), {}, "l3"),
        (("l2", "l1"), {"symmetric": True}, "symmetric needs one norm"),
        ("l2", {}, "needs order="),
        (("l2", "l2"), {"order": 3}, "order is 3, but there are 2 norms"),
        (("l2", "l2"), {"form": "mean"}, "form must be one of product, sum"),
    ],
)
def test_wrong_norms_are_one_sentence(norms, named, said):
    with pytest.raises(InputError, match=said):
        CP(norms, **named)


def test_a_symmetric_tensor_has_modes_of_one_size():
    with pytest.raises(InputError, match=r"modes of one size, got \(4, 3, 2\)"):
        Problem(Squared(T), CP("l2", symmetric=True, order=3), LAM)


def test_no_penalty_is_out_of_scope_with_a_cure():
    other = Problem(Huber(T, 1.0), CUBE, 0.0)
    found = check(other, X)
    assert found.verdict is Verdict.OUT_OF_SCOPE
    assert "lam" in found.reason
    with pytest.raises(OutOfScopeError):
        restarts(other, [X])
    for mask in (None, T.min() < T):
        held = Problem(Squared(T, mask=mask), CUBE, 0.0)
        assert check(held, X).verdict is not Verdict.OUT_OF_SCOPE


def test_negative_factors_of_a_nonnegative_mode_are_refused():
    problem = Problem(Squared(T), CP(("l2", "l2+", "l2")), LAM)
    with pytest.raises(InputError, match="V must be >= 0"):
        check(problem, (X[0], -X[1], X[2]))


# --- odd: a proved bracket ----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3, 2), (4, 1, 2), (4, 3, 1), (1, 1, 3), (1, 1, 1)])
def test_modes_of_size_1_are_legal(shape):
    rng = np.random.default_rng(1)
    data = rng.standard_normal(shape)
    at = int(np.argmax(shape))
    matrix = np.moveaxis(data, at, 0).reshape(shape[at], -1)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    lam, kept = 0.5 * values[0], values > 0.5 * values[0]
    size = values[kept] - lam
    best = [np.ones((1, kept.sum())) for _ in shape]
    best[at] = left[:, kept] * size
    wide = [k for k, n in enumerate(shape) if n > 1 and k != at]
    scaled = right[kept].T  # the other mode, or a number of a mode of size 1
    best[wide[0] if wide else (at + 1) % 3] = scaled
    problem = Problem(Squared(data), CUBE, lam)
    wanted = 0.5 * (np.minimum(values, lam) ** 2).sum() + lam * size.sum()
    assert problem.objective(tuple(best)) == pytest.approx(wanted)
    assert bracket(problem, best).verdict is Verdict.CERTIFIED


@pytest.mark.parametrize("r", [0, 1, 2])
def test_a_zero_tensor_is_certified_at_zero(r):
    problem = Problem(Squared(np.zeros((4, 3, 2))), CUBE, LAM)
    found = bracket(problem, [np.zeros((n, r)) for n in (4, 3, 2)])
    assert found.verdict is Verdict.CERTIFIED
    assert (found.lower, found.upper) == (0.0, 0.0)


def test_a_large_lam_certifies_no_slices():
    problem = Problem(Squared(T), CUBE, 8.0)
    found = bracket(problem, [x[:, :0] for x in X])
    assert found.verdict is Verdict.CERTIFIED
    assert found.upper == 64.0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_entirely_missing_leaves_a_bracket(axis):
    seen = np.ones(T.shape, bool)
    np.moveaxis(seen, axis, 0)[-1] = False
    loss = Squared(np.where(seen, T, np.nan), mask=seen)
    problem = Problem(loss, CUBE, LAM)
    found = bracket(problem, BEST)
    assert found.upper == pytest.approx(problem.objective(BEST))
    assert 0 < found.lower <= 28.0  # the optimum of the whole, of which less is observed


def test_integers_are_read_as_they_are():
    whole, plain = (Problem(Squared(a), CUBE, LAM) for a in (T.astype(np.int16), T))
    assert bracket(whole, BEST).upper == bracket(plain, BEST).upper
    assert bracket(plain, BEST).verdict is Verdict.CERTIFIED
    assert bracket(plain, BEST).upper == pytest.approx(28.0)  # 2 (1/2 2^2 + 2 * 6)


@pytest.mark.parametrize("scale", [1e150, 1e-150, 1e-100])
def test_far_scales_are_certified_as_near_ones(scale):
    problem = Problem(Squared(T * scale), CUBE, LAM * scale)
    factors = (BEST[0] * scale, *BEST[1:])
    found = bracket(problem, factors)
    assert found.verdict is Verdict.CERTIFIED
    assert found.upper == pytest.approx(2 * 14.0 * scale**2)


def test_an_objective_that_overflows_is_refused_with_the_cure():
    problem = Problem(Squared(T * 1e200), CUBE, LAM)
    with pytest.raises(InputError, match="scale data, lam and factors down"):
        check(problem, BEST)


def test_far_apart_factors_of_a_fine_product_are_judged():
    """prod |x^k| is ordinary though one factor is 1e-150 and another 1e150."""
    problem = Problem(Squared(T), CUBE, LAM)
    found = bracket(problem, (BEST[0] * 1e150, BEST[1] * 1e-150, BEST[2]))
    assert found.verdict is Verdict.CERTIFIED


@pytest.mark.parametrize("budget", [0, 0.01])
def test_too_large_for_the_budget_is_a_bracket(budget):
    rng = np.random.default_rng(1)
    data = rng.standard_normal((30, 25, 20))
    problem = Problem(Squared(data), CUBE, 3.0)
    factors = [rng.standard_normal((n, 2)) for n in data.shape]
    found = check(problem, factors, budget=budget)
    assert 0 < found.lower < found.upper
    assert found.certificate is not None


def test_order_2_is_judged_as_a_matrix():
    A = np.diag([3.0, 2.0, 0.5])[:, :2]
    best = (np.diag([2.5, 1.5, 0.0])[:, :2], np.eye(2))
    both = [bracket(Problem(Squared(A), a, 0.5), best) for a in (CP(("l2", "l2")), RankOne())]
    assert [b.verdict for b in both] == [Verdict.CERTIFIED] * 2
    assert both[0].upper == both[1].upper


# --- files --------------------------------------------------------------------------------

NORMS = 'kind = "cp"\nnorms = ["l2", "l2", "l2"]'
NAMED = 'U = "U.npy"\nV = "V.npy"\nX2 = "X2.npy"'


def write(folder, atom=NORMS, factors=NAMED, data='Y = "Y.npy"', tail="", **arrays):
    """Write a question about the tensor; arrays replace or add to Y, U, V, X2."""
    held = {"Y": T, "U": BEST[0], "V": BEST[1], "X2": BEST[2], **arrays}
    for name, a in held.items():
        np.save(folder / f"{name}.npy", a)
    np.savez(folder / "all.npz", **held)
    path = folder / "problem.toml"
    path.write_text(f"lam = 2.0\n[data]\n{data}\n[atom]\n{atom}\n[factors]\n{factors}\n{tail}\n")
    return path


@pytest.mark.parametrize(
    ("atom", "factors"),
    [
        (NORMS, NAMED),
        (NORMS, 'X = ["U.npy", "V.npy", "all.npz:X2"]'),
        ('kind = "cp"', NAMED),
        ('kind = "cp"\nnorms = "l2"\norder = 3', NAMED),
    ],
    ids=["named", "listed", "default", "order"],
)
def test_a_tensor_question_is_read_checked_and_verified(tmp_path, capsys, atom, factors):
    path, cert = write(tmp_path, atom, factors), tmp_path / "x.cert"
    ended = inside(capsys, "check", path, "-o", cert, "--json")
    assert ended.status == 0
    assert ended.json["verdict"] == "CERTIFIED"
    assert inside(capsys, "verify", cert, "--problem", path).status == 0
    assert load(path).problem.loss.dims == (4, 3, 2)


def test_a_symmetric_question_has_one_factor(tmp_path):
    atom = 'kind = "cp"\nnorms = ["l2", "l2", "l2"]\nsymmetric = true\nform = "sum"'
    data = np.zeros((2, 2, 2))
    data[0, 0, 0] = 8.0
    path = write(tmp_path, atom, 'U = "U.npy"', Y=data, U=np.eye(2)[:, :1])
    held = load(path)
    assert held.problem.atom == CP("l2", symmetric=True, form="sum", order=3)
    assert held.names == ("U",)
    with pytest.raises(InputError, match=r"'V' is not known in \[factors\]"):
        load(write(tmp_path, atom, Y=data))


def test_masks_and_weights_of_tensors_are_read(tmp_path):
    rng = np.random.default_rng(1)
    seen = rng.random(T.shape) < 0.8
    data = 'Y = "Y.npy"\nmask = "seen.npy"\nweights = "w.npy"'
    held = load(write(tmp_path, data=data, seen=seen.astype(int), w=np.full(T.shape, 2.0)))
    assert held.problem.loss.observed.size == seen.sum()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"factors": 'U = "U.npy"\nV = "V.npy"'}, "factors.X2 is missing"),
        ({"factors": 'X = ["U.npy", "V.npy"]'}, "factors.X must list 3 arrays, got 2"),
        ({"factors": f'{NAMED}\nX3 = "X2.npy"'}, "the key 'X3' is not known in [factors]"),
        ({"factors": 'X = "U.npy"'}, "factors.X must be a valid list"),
        ({"atom": 'kind = "cp"\nnorms = 3'}, "atom.norms must be a list of norms, one a mode"),
        ({"atom": 'kind = "cp"\nnorms = ["l2", 3, "l2"]'}, "atom.norms must be a list of norms"),
        ({"atom": 'kind = "cp"\nnorms = ["l2", "l2", "l9"]'}, "l9"),
        ({"atom": 'kind = "cp"\nnorm = ["l2"]'}, "did you mean 'norms'?"),
        ({"atom": f"{NORMS}\nsymmetric = 1"}, "atom.symmetric must be a valid boolean"),
        ({"atom": 'kind = "cp"\nnorms = "l2"'}, "one norm for all modes needs order=2"),
        ({"Y": T[0]}, "CP needs data of 3 modes"),
        ({"Y": HOLES}, "as the mask"),
        ({"X2": BEST[2][:, :1]}, "one number of components, got [1, 2]"),
        ({"V": BEST[1].T}, "factors[1] must have shape (3, r), got (2, 3): pass its transpose"),
    ],
)
def test_a_wrong_file_is_one_sentence_and_status_2(tmp_path, capsys, changed, said):
    ended = inside(capsys, "check", write(tmp_path, **changed))
    assert ended.status == 2
    assert said in ended.sentence


def test_improve_writes_every_factor(tmp_path, capsys):
    worse = {"U": 1.5 * BEST[0][:, :1], "V": BEST[1][:, :1], "X2": BEST[2][:, :1]}
    path, better = write(tmp_path, **worse), tmp_path / "better.npz"
    assert inside(capsys, "improve", path, "-o", better).status == 0
    found = np.load(better)
    assert set(found) == {"U", "V", "X2"}
    problem = load(path).problem
    value = problem.objective(tuple(found[k] for k in ("U", "V", "X2")))
    assert value == pytest.approx(28.0, rel=1e-6)


def test_restarts_of_a_tensor_are_compared(tmp_path, capsys):
    other = 'X = ["W.npy", "V.npy", "X2.npy"]'
    path = write(tmp_path, tail=f"[[restarts]]\n{other}", W=1.1 * BEST[0])
    ended = inside(capsys, "restarts", path, tmp_path / "all.npz", "--json")
    assert ended.status == 0
    assert [f["status"] for f in ended.json["fits"]] == ["optimal", "worse", "optimal"]
    assert ended.json["smallest"] == 2
