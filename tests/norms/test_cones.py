"""Bad norms, cones and factors are refused in a sentence that names the cure."""

import numpy as np
import pytest

from certify import InputError, Problem, check, verify
from certify.adapters import files
from certify.atoms import RankOne, Symmetric
from certify.losses import Squared
from certify.norms import L2, Elastic, Group, LInf, Variation, Weighted, gauge, support

LOSS = Squared(np.zeros((3, 2)))


def asked(left):
    return lambda: Problem(LOSS, RankOne(left, "l2"), 1.0)


WRONG = {
    "cone marks": (lambda: L2(cone="+x"), "cone must be \"\", .*got '\\+x'"),
    "cone type": (lambda: L2(cone=1), "got 1"),
    "cone of zeros": (lambda: LInf(cone="00"), "fixes every coordinate to zero"),
    "cone length": (asked(L2(cone="+*")), "left: the cone has 2 signs for 3 coordinates"),
    "right cone length": (
        lambda: Problem(LOSS, RankOne("l2", L2(cone="+++")), 1.0),
        "right: the cone has 3 signs for 2",
    ),
    "groups overlap": (lambda: Group([[0, 1], [1, 2]]), "overlap: index 1 is in 0 and 1"),
    "groups miss": (lambda: Group([[0], [2]]), "every index: 1 is in none; give it"),
    "groups short": (asked(Group([[0], [1]])), "left: groups must hold every index below 3: 2"),
    "groups long": (asked(Group([[0, 1], [2, 3]])), "hold the index 3, but there are 3"),
    "groups empty": (lambda: Group([[0], []]), r"groups\[1\] is empty"),
    "no groups": (lambda: Group([]), "got no group"),
    "groups text": (lambda: Group("01"), "lists of indices, got '01'"),
    "group text": (lambda: Group(["01"]), r"groups\[0\] must be a list"),
    "groups real": (lambda: Group([[0.5]]), "indices >= 0, got 0.5"),
    "groups negative": (lambda: Group([[-1, 0]]), "got -1"),
    "outer": (lambda: Group([[0]], "l2"), "outer must be one of l1, linf, got 'l2'"),
    "alpha high": (lambda: Elastic(1.5), r"alpha must be in \[0, 1\], got 1.5"),
    "alpha negative": (lambda: Elastic(-0.1), "got -0.1"),
    "alpha nan": (lambda: Elastic(float("nan")), "got nan"),
    "weight zero": (lambda: Weighted([1.0, 0.0]), r"weights\[1\] is 0; .*drop its row or give it"),
    "weight negative": (lambda: Weighted([1.0, -2.0]), "got -2.0"),
    "weight nan": (lambda: Weighted([np.nan]), "finite, got nan"),
    "weight infinite": (lambda: Weighted([np.inf]), "finite, got inf"),
    "weights none": (lambda: Weighted([]), "got none"),
    "weights length": (asked(Weighted([1.0])), "weights must have length 3, got 1"),
    "loop": (lambda: Variation([(1, 1)], 1.0), r"edges\[0\] joins coordinate 1 to itself"),
    "edge range": (asked(Variation([(0, 3)], 1.0)), r"edges\[0\] is \(0, 3\), but there are 3"),
    "edge negative": (lambda: Variation([(0, -1)], 1.0), "two coordinates >= 0"),
    "edge of three": (lambda: Variation([(0, 1, 2)], 1.0), "a pair of coordinates"),
    "edges number": (lambda: Variation(3, 1.0), "pairs of coordinates, got 3"),
    "no edges": (lambda: Variation([], 1.0), "without edges this norm is 'l2'"),
    "rho zero": (lambda: Variation([(0, 1)], 0.0), "rho must be a finite number > 0, got 0.0"),
    "alone": (lambda: Variation([(0, 1)], 1.0, plus=""), "polar is infinite unless the sums of W"),
    "a norm with parameters": (lambda: gauge("elastic+"), "has parameters: give Elastic"),
    "support text": (lambda: support(["a"]), "mask must be boolean"),
    "support sign": (lambda: support([True], "0"), "sign must be"),
}


@pytest.mark.parametrize(("made", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_norm_is_refused_with_its_value(made, said):
    with pytest.raises(InputError, match=said):
        made()


def test_a_graph_in_two_parts_is_fine():
    norm = Variation([(0, 1), (2, 3)], 1.0)
    flat = np.array([1.0, 1.0, -1.0, -1.0])
    assert norm.value(flat) == 2.0  # the l2 norm prices what total variation leaves free
    assert abs(float(norm.dual(flat)) - 2.0) <= 2.0**-50


def test_support_builds_the_cone():
    mask = np.array([True, False, True])
    assert [support(mask, sign) for sign in ("", "+", "-")] == ["*0*", "+0+", "-0-"]
    norm = L2(cone=support(mask))
    assert norm.admits(np.array([1.0, 0.0, -2.0]))
    assert not norm.admits(np.array([0.0, 1e-300, 0.0]))


def test_norms_are_values():
    assert RankOne(L2(), LInf(cone="+")) == RankOne("l2", "linf+")
    assert Group([[0, 2], [1]]) == Group([0, 1, 0]) == Group(np.array([5, 7, 5]))
    assert hash(Elastic(0.5)) == hash(Elastic(0.5))
    assert Weighted([1, 2]) != Weighted([1, 2], cone="+")


TINY = {
    "l2+": (L2(cone="+"), -1e-17, ">= 0"),
    "l2-": (L2(cone="-"), 1e-17, "<= 0"),
    "fixed": (L2(cone="*0*"), 1e-17, "0"),
}


@pytest.mark.parametrize(("norm", "entry", "wanted"), TINY.values(), ids=TINY)
def test_a_sign_violated_by_rounding_is_told_and_the_projection_is_judged(norm, entry, wanted):
    problem = Problem(Squared(np.zeros((3, 2))), RankOne(norm, "l2"), 1.0)
    U, V = np.zeros((3, 1)), np.zeros((2, 1))
    U[1, 0] = entry
    said = rf"U must be {wanted} under .*, got {entry} at \[1, 0\]; Problem.project\(factors\)"
    with pytest.raises(InputError, match=said):
        check(problem, (U, V))
    near = problem.project((U, V))
    assert not near[0].any()
    result = check(problem, near)
    assert result.verdict.name == "CERTIFIED"
    assert verify(result.certificate, problem, near).upper == 0.0


def test_a_projection_is_the_nearest_and_leaves_what_is_allowed():
    problem = Problem(LOSS, RankOne(L2(cone="+-*"), "linf-"), 1.0)
    U, V = np.array([[-1.0], [2.0], [-3.0]]), np.array([[1.0], [-2.0]])
    near = problem.project((U, V))
    assert near[0].tolist() == [[0.0], [0.0], [-3.0]]
    assert near[1].tolist() == [[0.0], [-2.0]]
    assert all(map(np.array_equal, problem.project(near), near))
    with pytest.raises(InputError, match="shape"):
        problem.project((V, U))


ATOMS = {
    'left = { norm = "elastic", alpha = 0.5, cone = "+" }': RankOne(Elastic(0.5, cone="+"), "l2"),
    'left = { norm = "group", groups = [[0, 2], [1]], outer = "linf" }': RankOne(
        Group([[0, 2], [1]], "linf"), "l2"
    ),
    'left = { norm = "group", groups = "labels.npy" }': RankOne(Group([[0, 2], [1]]), "l2"),
    'left = { norm = "group", groups = "labels.csv" }': RankOne(Group([[0, 2], [1]]), "l2"),
    'left = { norm = "variation", edges = [[0, 1], [1, 2]], rho = 0.5 }': RankOne(
        Variation([(0, 1), (1, 2)], 0.5), "l2"
    ),
    'left = { norm = "variation", edges = "edges.npy", rho = 0.5 }': RankOne(
        Variation([(0, 1), (1, 2)], 0.5), "l2"
    ),
    'right = { norm = "weighted", weights = "weights.npy" }': RankOne("l2", Weighted([1.0, 2.0])),
    'right = { norm = "weighted", weights = [1.0, 2.0] }': RankOne("l2", Weighted([1.0, 2.0])),
    'left = { norm = "l2", cone = "+0*" }\nright = "linf-"': RankOne(L2(cone="+0*"), "linf-"),
}
BAD = {
    'left = { norm = "elastic" }': "atom.left.alpha is missing",
    'left = { norm = "elastik", alpha = 0.5 }': "atom.left.norm 'elastik' is unknown: did you mean",
    "left = { alpha = 0.5 }": "atom.left.norm is missing",
    'left = { norm = "elastic", alpha = 0.5, rho = 1.0 }': "'rho' is not known in .atom.left.",
    'left = { norm = "elastic", alpha = "half" }': "atom.left.alpha must be a valid number",
    'left = { norm = "group", groups = [[0], [2]] }': "1 is in none",
    "left = 3": "atom.left must be a norm",
    'left = "l7"': "got 'l7'",
}


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the arrays that the questions name."""
    held = {
        "Y": np.zeros((3, 2)),
        "U": np.zeros((3, 1)),
        "V": np.zeros((2, 1)),
        "labels": np.array([4, 7, 4]),
        "edges": np.array([[0, 1], [1, 2]]),
        "weights": np.array([1.0, 2.0]),
    }
    for name, a in held.items():
        np.save(tmp_path / f"{name}.npy", a)
    (tmp_path / "labels.csv").write_text("4\n7\n4\n")
    return tmp_path


def written(folder, atom, factors='U = "U.npy"\nV = "V.npy"', kind="rank_one"):
    """Write a question and return its path."""
    data, path = '[data]\nY = "Y.npy"', folder / "problem.toml"
    text = f'lam = 1.0\n{data}\n[atom]\nkind = "{kind}"\n{atom}\n[factors]\n{factors}\n'
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "atom"), ATOMS.items(), ids=range(len(ATOMS)))
def test_a_question_file_may_hold_any_norm(folder, text, atom):
    assert files.load(written(folder, text)).problem.atom == atom


@pytest.mark.parametrize(("text", "said"), BAD.items(), ids=range(len(BAD)))
def test_a_wrong_norm_in_a_question_file_is_told(folder, text, said):
    with pytest.raises(InputError, match=said):
        files.load(written(folder, text))


def test_the_files_of_a_norm_are_inputs(folder):
    text = 'left = { norm = "variation", edges = "edges.npy", rho = 0.5 }'
    assert folder / "edges.npy" in files.load(written(folder, text)).inputs


def test_a_symmetric_question_has_one_factor(folder):
    np.save(folder / "Y.npy", np.eye(3))
    path = written(folder, 'norm = "l2+"', 'U = "U.npy"', "symmetric")
    held = files.load(path)
    assert held.problem.atom == Symmetric("l2+")
    assert len(held.factors) == 1
    with pytest.raises(InputError, match="'V' is not known"):
        files.load(written(folder, 'norm = "l2"', 'U = "U.npy"\nV = "V.npy"', "symmetric"))
    with pytest.raises(InputError, match=r"factors\.V is missing"):
        files.load(written(folder, "", 'U = "U.npy"'))
