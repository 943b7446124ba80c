"""Fits of one problem against one bound: what is proved equal, worse, optimal, and what is not."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import InputError, OutOfScopeError, Problem, Verdict, verify
from certify.adapters.files import load
from certify.atoms import ATOMS, RankOne, ReLU, Symmetric
from certify.kernel.scalars import Enclosure
from certify.losses import Absolute, Squared
from certify.offsets import Intercept
from certify.pipeline import restarts as module
from certify.pipeline.certificate.verdict import EXIT_CODES
from certify.pipeline.comparison import alike, conclude
from certify.pipeline.restarts import restarts
from tests.question_files import OPTIMUM, U, V, Y, inside, write
from tests.tolerance import exact_objective

PROBLEM = Problem(Squared(Y), RankOne("l1", "l1"), 2.0)
BEST, SPLIT = (U, V), (np.hstack([U, U]) / 2, np.hstack([V, V]))
PADDED = (np.hstack([U, 0 * U]), np.hstack([V, V]))
ONE = (U[:, :1], V[:, :1])  # 1/2 (2^2 + 4^2) + 2 * 3 = 16
WORSE = (2 * U, V)  # 1/2 (1^2 + 0^2) + 2 * 10 = 20.5
NEAR = (U * (1 + 1e-9), V)


# --- what is concluded --------------------------------------------------------------------


def test_every_fit_is_placed_against_one_bound():
    report = restarts(PROBLEM, [WORSE, BEST, ONE, SPLIT, NEAR])
    assert [f.status for f in report.fits] == ["worse", "optimal", "worse", "optimal", "optimal"]
    assert report.verdict is Verdict.CERTIFIED
    assert report.stop
    assert report.optimal == (1, 3, 4)
    assert report.lower == report.upper == OPTIMUM
    assert report.fits[0].excess == (6.5, 6.5)
    assert report.fits[2].excess == (2.0, 2.0)
    assert report.fits[1].same == (1, 3, 4)
    assert report.fits[0].same == (0,)
    assert report.best.index == 1
    assert report.smallest == 2
    assert report.better is None
    assert verify(report.certificate, PROBLEM, BEST).verdict is Verdict.CERTIFIED


def test_distances_are_told_in_per_cent_and_as_explained_variance():
    report = restarts(PROBLEM, [WORSE, BEST])
    assert [row[3] for row in report.rows()[1:]] == ["46 to 47 %", "at most 0 %"]  # 6.5 of 14
    total = Fraction(float((Y * Y).sum()))
    shares = [float(1 - 2 * Fraction(f.upper) / total) for f in report.fits]
    assert [f.explained for f in report.fits] == pytest.approx(shares, abs=1e-15)
    assert Fraction(report.fits[1].explained) <= 1 - 28 / total <= Fraction(report.explained)
    assert "variance at most 31.708 % (the penalty counts" in repr(
        report
    )  # 1 - 28 / 41, rounded up
    other = restarts(Problem(Squared(Y, weights=Y * 0 + 2), RankOne("l1", "l1"), 2.0), [BEST])
    assert (other.explained, other.fits[0].explained, other.rows()[1][4]) == (None, None, "–")


def test_the_smallest_size_counts_slices_that_are_not_zero():
    report = restarts(PROBLEM, [SPLIT, PADDED])
    assert [f.size for f in report.fits] == [4, 2]
    assert report.smallest == 2
    assert "fit 1 has the fewest components of them, 2" in report.advice


def test_fits_do_not_say_which_size_suffices_and_the_table_of_sizes_does():
    """A rank-3 optimum in 5 parts beside an untrained fit of 3: 3 components suffice."""
    problem = Problem(Squared(np.diag([5.0, 4.0, 3.0])), RankOne("l2", "l2"), 1.0)
    best = np.diag([4.0, 3.0, 2.0]) ** 0.5
    parts = best[:, [0, 0, 1, 1, 2]] * np.sqrt([0.5, 0.5, 0.5, 0.5, 1.0])
    report = restarts(problem, [(parts, parts), (0.1 * np.eye(3),) * 2], sizes=True)
    assert report.optimal == (0,)
    proved = "proved to be within epsilon of the optimum over any size"
    assert report.advice == f"stop restarting: fit 0 is {proved}"
    assert report.which.startswith("3 components come within epsilon of the lowest objective")
    both = restarts(problem, [(parts, parts), (best, best), (0.1 * np.eye(3),) * 2])
    fewest = "fits 0 and 1 (fit 1 has the fewest components of them, 3) are"
    assert both.advice == f"stop restarting: {fewest} {proved}"


def test_a_fit_that_better_factors_undercut_within_epsilon_is_open():
    """`better` of another fit's check lies below the best fit by less than epsilon."""
    values = [Enclosure(Fraction(16), Fraction(16)), Enclosure(Fraction(20), Fraction(20))]
    near = Fraction(16) - Fraction(1, 10**10), (np.ones((2, 1)), np.ones((2, 1)))
    better = Enclosure(near[0], near[0]), near[1]
    result = restarts(PROBLEM, [BEST]).result
    first, other = (
        type(result)(**{**vars(result), "lower": 14.0, "verdict": v, "reason": f"it is {v.name}"})
        for v in (Verdict.UNDECIDED, Verdict.REFUTED)
    )
    report = conclude((values, [1, 1]), [(0, first), (1, other)], better, (1e-6, 0.0))
    assert [f.status for f in report.fits] == ["open", "worse"]
    assert report.advice.startswith("open: fit 0 is 9.99e-11 to 2 above the optimum; better")
    assert "no fit is optimal" not in report.advice
    alone = conclude((values, [1, 1]), [(0, first), (1, other)], None, (1e-6, 0.0))
    assert alone.advice == "open: fit 0 is at most 2 above the optimum; it is UNDECIDED"


def test_at_least_so_many_per_cent_are_of_the_largest_that_the_optimum_can_be():
    values = [Enclosure(Fraction(30), Fraction(30)), Enclosure(Fraction(20), Fraction(20))]
    result = restarts(PROBLEM, [BEST]).result
    result = type(result)(**{**vars(result), "lower": 10.0, "verdict": Verdict.UNDECIDED})
    report = conclude((values, [1, 1]), [(1, result)], None, (0.0, 0.0))
    assert report.rows()[1][3] == "50 to 200 %"  # 10 of 20 at least, 20 of 10 at most


def test_a_bound_beside_offsets_is_over_their_values_too():
    problem = Problem(Squared(Y), RankOne("l1", "l1"), 2.0, [Intercept()])
    assert restarts(problem, [BEST]).bound.startswith("optimum over any size and any offsets >= ")


def test_a_better_point_than_every_fit_says_go_on():
    report = restarts(PROBLEM, [WORSE, ONE])
    assert report.verdict is Verdict.RANK_LIMITED  # check()'s verdict on the best fit, 1
    assert not report.stop
    assert report.smallest is None
    assert report.upper < 14.001
    assert exact_objective(PROBLEM, report.better, ())[0] <= Fraction(report.upper)
    assert report.fits[1].excess[0] == pytest.approx(16 - report.upper)
    assert "no fit is optimal" in report.advice


def test_a_wide_epsilon_makes_all_fits_one():
    report = restarts(PROBLEM, [WORSE, BEST, ONE], atol=7.0)
    assert {f.status for f in report.fits} == {"optimal"}
    assert report.fits[0].same == (0, 1, 2)
    assert report.smallest == 1


@given(
    ends=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=6),
    below=st.integers(0, 3),
    atol=st.integers(0, 5),
)
def test_every_sentence_follows_from_the_enclosures(ends, below, atol):
    values = [Enclosure(Fraction(lo), Fraction(lo + width)) for lo, width in ends]
    floor = min(v.lo for v in values) - below
    result = restarts(PROBLEM, [BEST]).result
    given = {"lower": float(floor), "verdict": Verdict.UNDECIDED}
    result = type(result)(**{**vars(result), **given})
    report = conclude((values, [1] * len(values)), [(0, result)], None, (0.0, float(atol)))
    for f, v in zip(report.fits, values, strict=True):
        assert f.excess == (max(v.lo - min(w.hi for w in values), 0), v.hi - floor)
        assert (f.status == "optimal") == (v.hi - floor <= atol)
        if f.status == "worse":
            assert any(v.lo - w.hi > atol for w in values)
        for j in f.same:
            if j != f.index:
                ends_of = (*v, *values[j])
                assert max(ends_of) - min(ends_of) <= atol
    assert report.stop == (report.verdict is Verdict.CERTIFIED)


def test_a_certified_fit_is_optimal_though_its_bound_was_rounded_down():
    third = Enclosure(Fraction(1, 3), Fraction(1, 3))
    result = restarts(PROBLEM, [BEST]).result
    result = type(result)(**{**vars(result), "lower": 1 / 3})
    report = conclude(([third, third], [1, 1]), [(0, result)], None, (0.0, 0.0))
    assert Fraction(1 / 3) < Fraction(1, 3)
    assert [f.status for f in report.fits] == ["optimal", "open"]


def test_excesses_are_rounded_outward():
    values = [Enclosure(Fraction(k, 3), Fraction(k, 3)) for k in (4, 5, 7)]
    result = restarts(PROBLEM, [BEST]).result
    result = type(result)(**{**vars(result), "lower": 0.1, "verdict": Verdict.UNDECIDED})
    report = conclude((values, [1, 1, 1]), [(0, result)], None, (0.0, 0.0))
    for f, v in zip(report.fits, values, strict=True):
        low, high = map(Fraction, f.excess)
        exact = v.lo - values[0].lo, v.hi - Fraction(0.1)
        assert low <= exact[0]
        assert exact[1] <= high
        assert float(exact[0]) == pytest.approx(float(low))
        assert float(exact[1]) == pytest.approx(float(high))
        assert Fraction(f.lower) < v.lo < Fraction(f.upper)
    assert Fraction(report.upper) > values[0].hi


def test_wide_enclosures_are_not_called_the_same():
    wide, thin = Enclosure(Fraction(0), Fraction(2)), Enclosure(Fraction(1), Fraction(1))
    assert alike([wide, wide, thin], (0.0, 1.5)) == [(0,), (1,), (2,)]
    assert alike([wide, wide, thin], (0.0, 2.0)) == [(0, 1, 2)] * 3


def test_one_bound_serves_all_and_later_fits_are_asked_only_while_it_is_open(monkeypatch):
    asked, plain = [], module.check

    def counted(problem, factors, **named):
        asked.append(factors[0].shape[-1])
        found = plain(problem, factors, **named)
        loose = {"lower": found.lower - 1.0, "verdict": Verdict.UNDECIDED}
        return found if len(asked) == 2 else type(found)(**{**vars(found), **loose})

    monkeypatch.setattr(module, "check", counted)
    report = restarts(PROBLEM, [WORSE, ONE, BEST, SPLIT])
    assert asked == [2, 4]  # the best fit, then the next: its bound closes the gap
    assert report.optimal == (2, 3)
    assert report.lower == OPTIMUM


@pytest.mark.parametrize("tries", [1, 3])
def test_an_open_bracket_stops_after_a_few_fits(monkeypatch, tries):
    asked, plain = [], module.check

    def loose(problem, factors, **named):
        asked.append(1)
        found = plain(problem, factors, **named)
        return type(found)(**{**vars(found), "lower": 1.0, "verdict": Verdict.UNDECIDED})

    monkeypatch.setattr(module, "check", loose)
    monkeypatch.setattr(module, "TRIES", tries)
    report = restarts(PROBLEM, [BEST, SPLIT, NEAR, ONE, WORSE])
    assert len(asked) == tries
    assert report.verdict is Verdict.UNDECIDED
    assert [f.status for f in report.fits] == ["open", "open", "open", "worse", "worse"]
    assert "fit 0 is at most 13 above the optimum" in report.advice


def test_a_budget_is_shared_by_the_fits_that_are_asked(monkeypatch):
    given, plain = [], module.check

    def loose(problem, factors, *, budget, **named):
        given.append(budget)
        found = plain(problem, factors, **named)
        return type(found)(**{**vars(found), "lower": 1.0, "verdict": Verdict.UNDECIDED})

    monkeypatch.setattr(module, "check", loose)
    restarts(PROBLEM, [BEST, SPLIT, NEAR, ONE], budget=3000.0)
    assert len(given) == 3
    assert 1400 < given[0] <= 1500  # a half of what is left
    assert 1400 < given[1] <= 1500  # the first took less
    assert 2800 < given[2] <= 3000  # all that is left
    restarts(PROBLEM, [BEST])
    restarts(PROBLEM, [BEST], budget=None)
    assert given[3:] == ["auto", None]


# --- every atom, offsets ------------------------------------------------------------------


def test_symmetric_fits_are_compared_too():
    S = np.diag([3.0, 2.0, -1.0])
    problem = Problem(Squared(S), Symmetric("l2"), 0.5)
    best = np.diag(np.sqrt([2.5, 1.5, 0.0]))[:, :2]
    report = restarts(problem, [(2 * best,), (best,), (np.hstack([best, 0 * best]),)])
    assert report.optimal == (1, 2)
    assert report.smallest == 2
    assert "symmetric" in ATOMS


def test_offsets_are_found_or_given_fit_by_fit():
    problem = Problem(Squared(Y + 1.0), RankOne("l1", "l1"), 2.0, (Intercept(),))
    given_q = restarts(problem, [BEST, BEST], q=[(np.array([1.0]),), (np.array([3.0]),)])
    assert given_q.fits[0].upper == OPTIMUM
    assert given_q.fits[1].upper > OPTIMUM + 1
    found = restarts(problem, [BEST, BEST], q=[None, (np.array([3.0]),)])
    assert found.fits[0].upper <= OPTIMUM
    assert found.fits[1].upper == given_q.fits[1].upper


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fits", "said"),
    [
        ([], "fits must be a sequence of at least one fit, got 0"),
        (3, "fits must be a sequence of at least one fit, got int"),
        ([BEST, (U, V, V)], r"fits\[1\] must be a sequence of 2 arrays, got 3"),
        ([BEST, (U, V.T)], r"fits\[1\]\[1\] must have shape \(3, r\)"),
        ([(U * np.nan, V)], r"fits\[0\]\[0\] must be finite"),
        ([BEST, (U * 1e200, V)], r"fits\[1\]: the objective overflows"),
    ],
)
def test_what_is_wrong_in_a_fit_is_told_with_its_number(fits, said):
    with pytest.raises(InputError, match=said):
        restarts(PROBLEM, fits)


def test_offsets_of_another_number_of_fits_are_refused():
    with pytest.raises(InputError, match="one entry for each of 1 fits, got 2"):
        restarts(PROBLEM, [BEST], q=[None, None])


def test_at_a_fixed_rank_the_bound_is_that_of_the_largest_fit():
    S = np.diag([5.0, 3.0, 1e-9])
    problem = Problem(Squared(S), RankOne("l2", "l2"), 0.0)
    one, two, three = ((S[:, :k], np.eye(3)[:, :k]) for k in (1, 2, 3))
    poor = np.ones((3, 2)), np.ones((3, 2))
    report = restarts(problem, [one, poor, two, three], atol=1e-6)
    assert [f.status for f in report.fits] == ["worse", "worse", "optimal", "optimal"]
    assert [f.size for f in report.fits] == [1, 2, 2, 3]
    assert (report.rank, report.smallest, report.stop) == (3, 2, True)
    assert report.fits[0].excess[0] == pytest.approx(4.5)
    assert report.advice.startswith(
        "stop restarting: fits 2 and 3 (fit 2 has the fewest components of them, 2) are proved to "
        "be within epsilon of the optimum over at most 3 components"
    )
    small = restarts(problem, [one, one])
    assert small.optimal == (0, 1)
    assert small.lower == pytest.approx(4.5)
    assert report.as_dict()["rank"] == 3
    assert restarts(PROBLEM, [BEST]).rank is None


MASK = np.array([[True, False], [True, True]])


def test_a_fixed_rank_question_without_a_bound_is_out_of_scope():
    with pytest.raises(OutOfScopeError, match="lam = 0 is covered for RankOne"):
        restarts(Problem(Absolute(np.eye(2), mask=MASK), Symmetric("l2"), 0.0), [(np.eye(2),)])


# --- table and plot -----------------------------------------------------------------------


def test_a_table_of_networks_counts_hidden_units_and_writes_large_shares_alike():
    layer = ReLU(np.eye(2))
    far, near = ((np.eye(2), c * np.eye(2)) for c in (30.0, 0.5))
    report = restarts(Problem(Squared(np.eye(2)), layer, 0.5), [far, near], sizes=True)
    assert report.rows()[0][:2] == ("fit", "hidden units")
    assert report.curve()[0][0] == "hidden units"
    low, _, high = report.rows()[1][3].removesuffix(" %").partition(" to ")
    assert 1000 <= int(low) <= int(high) <= int(low) + 1
    assert "e+" not in repr(report)


def test_the_table_has_a_line_for_each_fit():
    lines = repr(restarts(PROBLEM, [WORSE, BEST, SPLIT])).splitlines()
    assert lines[0].split("  ")[0] == "fit"
    assert "20.5" in lines[1]
    assert "46 to 47 %" in lines[1]
    assert " ".join(lines[2].split()) == "1 2 14 at most 0 % 31.707 % optimal 2"
    assert lines[-2].startswith("optimum over any size >= 14: explained variance at most 31.708 %")
    assert lines[-1].startswith("stop restarting: fits 1 and 2")


@pytest.mark.parametrize(
    ("kind", "head"),
    [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("html", b"<!doctype html>")],
)
def test_the_plot_is_a_file_of_its_kind(tmp_path, kind, head):
    path = tmp_path / f"fits.{kind}"
    size = restarts(PROBLEM, [WORSE, BEST]).plot(path)
    blob = path.read_bytes()
    assert len(blob) == size
    assert blob.startswith(head)
    if kind == "html":  # the picture, and the table of both fits without one of their sizes
        page = blob.decode()
        assert page.count("data:image/png;base64,iVBOR") == 1
        assert "The fits" in page
        assert "Each number of components" not in page
        assert all(
            cell in page for line in restarts(PROBLEM, [WORSE, BEST]).rows() for cell in line
        )


def test_a_plot_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.png, \.svg, \.pdf, \.html, got .*fits\.gif"):
        restarts(PROBLEM, [BEST]).plot(tmp_path / "fits.gif")


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"pip install 'certifact\[report\]'"):
        restarts(PROBLEM, [BEST]).plot(tmp_path / "fits.png")
    assert not (tmp_path / "fits.png").exists()


# --- the command --------------------------------------------------------------------------

TAIL = '[[restarts]]\nU = "U1.npy"\nV = "V1.npy"\n[[restarts]]\nX = ["U2.npy", "V2.npy"]'
OTHERS = {"U1": ONE[0], "V1": ONE[1], "U2": SPLIT[0], "V2": SPLIT[1]}


def test_the_command_reads_restarts_and_files(tmp_path, capsys):
    path = write(tmp_path, U=2 * U, tail=TAIL, **OTHERS)
    np.savez(tmp_path / "more.npz", U=U, V=V)
    plot, cert = tmp_path / "fits.png", tmp_path / "x.cert"
    ended = inside(
        capsys, "restarts", path, tmp_path / "more.npz", "-o", plot, "--certificate", cert, "--json"
    )
    assert ended.status == 0
    found = ended.json
    assert [f["status"] for f in found["fits"]] == ["worse", "worse", "optimal", "optimal"]
    assert found["optimal"] == [2, 3]
    assert found["smallest"] == 2
    assert found["stop"] is True
    assert plot.stat().st_size > 1000
    best = load(write(tmp_path, U=SPLIT[0], V=SPLIT[1]))
    assert verify(cert, best.problem, best.factors).lower == OPTIMUM


def test_the_command_shows_a_table(tmp_path, capsys):
    ended = inside(capsys, "restarts", write(tmp_path, tail=TAIL, **OTHERS))
    assert ended.status == 0
    assert "14 to 15 %" in ended.out
    assert "stop restarting: fits 0 and 2 (fit 0 has the fewest" in ended.out


def test_without_an_optimal_fit_the_status_is_the_verdict_on_the_best(tmp_path, capsys):
    path = write(tmp_path, U=ONE[0], V=ONE[1])
    ended = inside(capsys, "restarts", path, "--json")
    assert ended.status == EXIT_CODES["RANK_LIMITED"]
    assert ended.json["stop"] is False
    signed = 'kind = "rank_one"\nleft = "l2+"\nright = "l2+"'
    side = np.sqrt(4.5)  # the best 1 component has the entry 4.5
    path = write(tmp_path, U=side * np.eye(2, 1), V=side * np.eye(3, 1), atom=signed, lam="0.5")
    ended = inside(capsys, "restarts", path, "--budget", "0", "--json")
    assert ended.status == EXIT_CODES["UNDECIDED"]


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ('[[restarts]]\nU = "U.npy"', "restarts.V is missing"),
        ('[[restarts]]\nX = ["U.npy"]', "restarts.X must list 2 arrays, got 1"),
        ('[[restarts]]\nX = ["U.npy", "V.npy"]\nU = "U.npy"', "'U' is not known in \\[restarts\\]"),
        ('[[restarts]]\nU = "V.npy"\nV = "V.npy"', r"restarts\[0\]\[0\] must have shape \(2, r\)"),
        ('[[restarts]]\nU = "no.npy"\nV = "V.npy"', "cannot read .*no.npy"),
    ],
)
def test_a_wrong_restart_is_one_sentence_that_names_it(tmp_path, tail, said):
    with pytest.raises(InputError, match=said):
        load(write(tmp_path, tail=tail))


def test_a_file_of_another_fit_must_have_the_names(tmp_path, capsys):
    np.savez(tmp_path / "more.npz", U=U, W=V)
    ended = inside(capsys, "restarts", write(tmp_path), tmp_path / "more.npz")
    assert ended.status == 2
    assert "has no array 'V'" in ended.sentence


def test_a_plot_over_an_input_or_of_an_unknown_kind_is_refused_before_any_work(tmp_path, capsys):
    np.savez(tmp_path / "more.npz", U=U, V=V)
    path = write(tmp_path)
    ended = inside(capsys, "restarts", path, tmp_path / "more.npz", "-o", tmp_path / "more.npz")
    assert (ended.status, "it is an input" in ended.sentence) == (2, True)
    other = write(tmp_path, tail=TAIL, **OTHERS)
    ended = inside(capsys, "restarts", other, "--certificate", tmp_path / "V2.npy")
    assert (ended.status, "it is an input" in ended.sentence) == (2, True)
    ended = inside(capsys, "restarts", path, "-o", tmp_path / "fits.gif")
    assert (ended.status, "a plot must be one of" in ended.sentence) == (2, True)
