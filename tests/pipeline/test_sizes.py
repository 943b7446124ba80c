"""The curve of restarts: a proved bracket of the least objective for each number of components."""

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from certify import Problem
from certify.atoms import RankOne, ReLU
from certify.kernel.scalars import Enclosure
from certify.losses import Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.restarts import restarts
from certify.pipeline.sizes import SizeBracket, brackets, sufficient_size, too_few
from tests.question_files import U, V, inside, write

RNG = np.random.default_rng(8)
Y = RNG.standard_normal((8, 6))
LEFT, VALUES, RIGHT = np.linalg.svd(Y, full_matrices=False)


def truncated(lam, r):
    root = np.sqrt(np.maximum(VALUES[:r] - lam, 0))
    return LEFT[:, :r] * root, RIGHT[:r].T * root


def least(lam, r):
    kept = VALUES[:r] - lam
    return 0.5 * (r * lam**2 + sum(VALUES[r:] ** 2)) + lam * sum(kept)


@pytest.mark.parametrize("lam", [0.0, 0.25])
def test_each_size_has_the_bracket_of_its_own_optimum(lam):
    fits = [truncated(lam, r) for r in (3, 1, 2)]
    poor = 0.5 * fits[2][0], fits[2][1]
    padded = tuple(np.pad(x, [(0, 0), (0, 2)]) for x in fits[1])
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam)
    report = restarts(problem, [*fits, poor, padded], sizes=True)
    assert [(s.size, s.fit) for s in report.sizes] == [(1, 1), (2, 2), (3, 0)]
    for s in report.sizes:
        exact = least(lam, s.size)
        assert s.lower <= exact * (1 + 1e-12)
        assert exact * (1 - 1e-12) <= s.upper <= s.objective
        assert s.upper - s.lower <= 1e-6 * s.upper
        assert s.better is None
        assert s.explained.yours <= 1 - 2 * exact / np.square(Y).sum() + 1e-12 <= 1
    assert report.which.startswith("3 components come within epsilon of the lowest")
    assert report.which.endswith("; it is proved that 2 cannot")
    assert "2 cannot" in repr(report)
    assert report.as_dict()["sizes"][0]["size"] == 1


def test_a_constant_hidden_unit_is_a_component():
    data, targets = np.array([[1.0], [2.0], [-1.0]]), np.array([[1.0], [2.0], [0.5]])
    problem = Problem(Squared(targets), ReLU(data, bias="free"), 0.125, [ColumnIntercept()])
    constant = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 3.0]])
    q = [np.array([-3.0])]
    report = restarts(problem, [constant], q=[q], sizes=True, budget=1)
    (one,) = report.sizes
    assert (one.size, one.fit, report.fits[0].size) == (2, 0, 2)
    assert one.objective == report.fits[0].upper == pytest.approx(problem.objective(constant, q))


def test_an_untrained_fit_is_replaced_by_the_better_ones_found():
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.0)
    poor = RNG.standard_normal((8, 2)), RNG.standard_normal((6, 2))
    (one,) = restarts(problem, [poor], sizes=True).sizes
    assert one.upper == pytest.approx(least(0.0, 2))
    assert one.upper < one.objective
    assert problem.objective(one.better) <= one.upper * (1 + 1e-12)


def test_without_being_asked_there_is_no_curve():
    report = restarts(Problem(Squared(Y), RankOne("l2", "l2"), 0.0), [truncated(0.0, 1)])
    assert (report.sizes, report.which) == ((), "")
    assert "come within" not in repr(report)


def judged(lowers, betters=()):
    """Return a judge that knows the answer of each size."""
    held = dict(betters)

    def judge(x, _q):
        r = x[0].shape[-1]
        better = held.get(r)
        return SimpleNamespace(
            own_size=SimpleNamespace(lower=lowers[r], better=better and x, better_upper=better)
        )

    return judge


def fit(r, value):
    exact = Fraction(value)
    return (np.zeros((2, r)), np.zeros((2, r))), (), Enclosure(exact, exact)


def test_bounds_of_more_components_hold_for_fewer_and_fewer_are_among_more():
    problem = Problem(Squared(np.eye(2)), RankOne("l2", "l2"), 0.0)
    held = [fit(1, 9.0), fit(2, 10.0), fit(3, 7.0)]
    found = brackets(problem, held, judged({1: 2.0, 2: 4.0, 3: 3.0}, {3: 6.5}))
    assert [s.lower for s in found] == [4.0, 4.0, 3.0]
    assert [s.upper for s in found] == [9.0, 9.0, 6.5]
    assert [s.better is None for s in found] == [True, True, False]


@pytest.mark.parametrize(
    ("epsilon", "few", "least_size"), [(0, 2, 3), (1, 1, 3), (2, 1, 2), (9, None, 1)]
)
def test_which_size_suffices_depends_on_what_counts_as_equal(epsilon, few, least_size):
    ends = {1: (9, 10), 2: (6, 7), 3: (4, 5)}
    held = [SizeBracket(r, 0, float(b), float(a), float(b)) for r, (a, b) in ends.items()]
    near = lambda _: Fraction(epsilon)  # noqa: E731
    assert (too_few(held, near), sufficient_size(held, near)) == (few, least_size)
    assert all(a.lower >= b.lower for a, b in pairwise(held))


def test_the_command_has_a_second_table_and_picture(tmp_path, capsys):
    path = write(
        tmp_path, tail='[[restarts]]\nU = "U1.npy"\nV = "V1.npy"', U1=U[:, :1], V1=V[:, :1]
    )
    plot = tmp_path / "sizes.png"
    ended = inside(capsys, "restarts", path, "--sizes", "-o", plot)
    assert ended.status == 0
    least = "the lowest objective found of at most 2 components, 14 or less"
    assert f"2 components come within epsilon of {least}" in ended.out
    assert plot.read_bytes().startswith(b"\x89PNG")
    told = inside(capsys, "restarts", path, "--sizes", "--json").json
    assert [s["size"] for s in told["sizes"]] == [1, 2]
