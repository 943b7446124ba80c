"""The first thing that every output says: how far above the optimum the factors can be."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import Problem, Verdict, check
from certify.atoms import RankOne
from certify.losses import Squared
from certify.pipeline.certificate.verdict import epsilon_up
from certify.pipeline.numbers import at_least, at_most, distance, percent, share_of
from tests.question_files import inside, write

Y = np.diag([5.0, 4.0])
PROBLEM = Problem(Squared(Y), RankOne("l2", "l2"), 1.0)
BEST = np.diag([4.0, 3.0]), np.eye(2)  # optimum 1 + 7 = 8
NEAR = np.diag([4.0, 3.0 + 2.0**-7]), np.eye(2)  # above it by 2^-15 = 3.05e-5, of 8: .00038 %


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [
        (8.0, 8.0, "at most 0 % above the optimum over any size (proved)"),
        (8.0, 8.0 + 2.0**-15, "at most 0.00039 % above the optimum over any size (proved)"),
        (100.0, 101.0, "at most 1 % above the optimum over any size (proved)"),
        (3.0, 4.0, "at most 34 % above the optimum over any size (proved)"),
        (1.0, 1000.0, "at most 99900 % above the optimum over any size (proved)"),
        (1.0, 3.21, "at most 221 % above the optimum over any size (proved)"),
        (1e-6, 1.0, "at most 1e+8 % above the optimum over any size (proved)"),
        (0.0, 0.0, "at most 0 % above the optimum over any size (proved)"),
        (0.0, 2.0, "at most 2 above the optimum over any size (proved)"),
        (-1.0, 2.5, "at most 3.5 above the optimum over any size (proved)"),
        (-np.inf, 2.0, "no bound of the distance to the optimum over any size (proved)"),
        (5e-324, 1e308, "at most 2.1e+633 % above the optimum over any size (proved)"),
    ],
)
def test_the_distance_is_a_share_of_the_optimum_rounded_up(lower, upper, told):
    assert distance(lower, upper, "any size", proved=True) == told


def test_without_a_proof_it_says_so():
    assert distance(1.0, 2.0, "any size", proved=False).endswith("(by floats, nothing proved)")


EXTREMES = [5e-324, -5e-324, 2.0**-1022, 1.7976931348623157e308, 0.1, -0.1, 0.0, 1e22, 9.9999999995]
ANY = st.floats(allow_nan=False, allow_infinity=False) | st.fractions() | st.sampled_from(EXTREMES)


@given(ANY, st.integers(1, 17))
def test_a_bound_as_text_is_on_its_own_side_and_as_near_as_its_digits_allow(x, digits):
    low, high, exact = Fraction(at_least(x, digits)), Fraction(at_most(x, digits)), Fraction(x)
    assert low <= exact <= high
    assert high - low <= abs(exact) * Fraction(10, 10**digits) * 2


@pytest.mark.parametrize("x", [np.inf, -np.inf])
def test_what_is_not_finite_is_said_to_be_so(x):
    assert at_least(x) == at_most(x) == str(x)


@given(st.fractions(), st.fractions().filter(bool))
def test_a_share_is_rounded_up(distance, whole):
    said = share_of(abs(distance), whole)
    assert said.endswith(" %")
    assert Fraction(said.removesuffix(" %")) >= 100 * abs(distance / whole)


@pytest.mark.parametrize(
    ("upper", "least"),
    [(-1.0, 1e-6), (2.0, 2e-6), (np.inf, np.inf), (-1.7976931348623157e308, np.inf)],
)
def test_an_epsilon_is_rounded_up_and_infinite_beyond_float64(upper, least):
    assert epsilon_up(upper, (1e-6, 0.0)) >= least
    assert epsilon_up(0.0, (1e-6, 0.5)) == 0.5
    assert epsilon_up(-1.0, (1.0, 0.0)) > 1.0  # the number is above -1 - 2^-52


def test_python_says_it_first():
    found = check(PROBLEM, NEAR)
    said = "t most 0.00039 % above the optimum over any size (proved)"
    assert found.verdict is Verdict.REFUTED
    assert repr(found).startswith(f"Result(a{said}, REFUTED, ")
    assert found.explain().startswith(f"A{said}.\nREFUTED: ")
    assert found._repr_html_().index(said) < found._repr_html_().index("REFUTED")
    assert check(PROBLEM, BEST).distance.startswith("at most ")


def test_what_to_do_next_is_said_of_each_verdict():
    found = check(PROBLEM, NEAR)
    assert "result.better, let improve(problem, factors) continue from it, or train longer" in (
        found.explain()
    )
    assert found.explain().endswith("small enough for you: rtol=1e-05 accepts it.")
    assert check(PROBLEM, NEAR, rtol=1e-5).certified
    far = check(PROBLEM, (np.ones((2, 1)), np.ones((2, 1))))
    assert "accepts it" not in far.explain()
    assert "accepts it" not in check(PROBLEM, BEST).explain()


def test_the_commands_say_it_first(tmp_path, capsys):
    path, cert = write(tmp_path), tmp_path / "x.cert"
    told = "at most 0 % above the optimum over any size (proved)"
    for arguments in (
        ("check", path, "-o", cert),
        ("verify", cert, "--problem", path),
        ("improve", path, "-o", tmp_path / "better.npz"),
    ):
        first, second, *_ = inside(capsys, *arguments).out.splitlines()
        assert first == told
        assert second.startswith("CERTIFIED")
    assert inside(capsys, "explain", cert).out.splitlines()[0] == f"Distance: {told}"
    for arguments in (("verify", cert, "--problem", path), ("explain", cert)):
        assert inside(capsys, *arguments, "--json").json["distance"] == told
    pytest.importorskip("jinja2")
    inside(capsys, "report", cert, "-o", tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert page.index(f"A{told[1:]}.") < page.index("<strong>CERTIFIED")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0123, "0.013"),
        (4.5, "4.5"),
        (99.1, "99.1"),
        (99.95, "100"),
        (100.0, "100"),
        (999.25, "999.3"),
    ],
)
def test_a_share_has_all_digits_before_the_point_when_it_is_rounded_up(share, text):
    assert percent(share) == f"{text} %"
