"""What check() answers about the candidate's own number of components."""

import json
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from certify import Certificate, InputError, Problem, RejectedError, Verdict, check, verify
from certify.atoms import CP, RankOne
from certify.cli import main
from certify.cli.audit._book import above, at_size
from certify.cli.audit._job import derived
from certify.kernel.verdict import Outcome
from certify.losses import Huber, KullbackLeibler, Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.numbers import at_least, at_most, excess
from certify.pipeline.own_size_result import explained_variance, own_size
from certify.pipeline.report import facts, write

RNG = np.random.default_rng(5)
Y = RNG.standard_normal((12, 8))
LEFT, VALUES, RIGHT = np.linalg.svd(Y, full_matrices=False)


def truncated(lam, r):
    """The r largest components of the soft-thresholded decomposition."""
    root = np.sqrt(np.maximum(VALUES[:r] - lam, 0))
    return LEFT[:, :r] * root, RIGHT[:r].T * root


@pytest.mark.parametrize("r", [1, 2, 3])
def test_a_truncated_optimum_is_the_best_of_its_size(r):
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
    result = check(problem, truncated(0.5, r))
    own = result.own_size
    assert (result.verdict, own.verdict) == (Verdict.RANK_LIMITED, Verdict.CERTIFIED)
    exact = 0.5 * (0.5**2 * r + sum(VALUES[r:] ** 2)) + 0.5 * sum(VALUES[:r] - 0.5)
    assert own.lower <= exact * (1 + 1e-12)
    assert exact <= own.upper * (1 + 1e-12)
    assert own.relative_gap <= 1e-6
    assert own.lower > result.lower
    assert own.certified
    assert own.reason in result.reason
    verb = "explains" if r == 1 else "explain"
    assert f"your {RankOne.count(r)} {verb} " in own.reason
    assert " of the variance less the penalty, no " in own.reason
    assert result.own_size  # there is a proof at this size; .certified says what it proves
    held = own.certificate
    assert held is not result.certificate
    assert verify(held, problem, truncated(0.5, r), own_size=True).verdict is Verdict.CERTIFIED
    with pytest.raises(RejectedError, match="claim"):
        verify(held, problem, truncated(0.5, r))
    with pytest.raises(RejectedError, match="claim"):
        verify(result.certificate, problem, truncated(0.5, r), own_size=True)


def test_without_a_penalty_both_answers_are_one():
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.0)
    result = check(problem, truncated(0.0, 3))
    assert result.verdict is result.own_size.verdict is Verdict.CERTIFIED
    assert result.own_size.certificate is result.certificate
    share = sum(VALUES[:3] ** 2) / sum(VALUES**2)
    yours, most = result.explained_variance
    assert yours <= share * (1 + 1e-12)
    assert share <= most * (1 + 1e-12)
    assert most - yours < 1e-6
    assert "explain" in result.explain()


def test_worse_factors_of_the_same_size_are_refuted_with_better_ones():
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
    U, V = truncated(0.5, 3)
    own = check(problem, (1.1 * U, V)).own_size
    assert own.verdict is Verdict.REFUTED
    assert own.better is not None
    assert own.better[0].shape[1] <= 3
    assert problem.objective(own.better) <= own.better_upper * (1 + 1e-12)
    assert own.lower <= own.better_upper
    assert "3 components are proved" in own.reason


def test_one_that_is_best_of_all_sizes_needs_no_second_question():
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
    result = check(problem, truncated(0.5, 8))
    assert result.verdict is result.own_size.verdict is Verdict.CERTIFIED
    assert result.own_size.certificate is result.certificate


def test_nonnegative_factors_without_a_penalty_have_a_bound():
    U, V = RNG.random((9, 2)), RNG.random((6, 2))
    problem = Problem(Squared(U @ V.T), RankOne("l2+", "l2+"), 0.0)
    result = check(problem, (U, V), atol=1e-12)
    assert result.verdict is Verdict.CERTIFIED
    spoiled = check(problem, (U, 0.9 * V), rtol=1e-6)
    assert spoiled.verdict is Verdict.REFUTED


def test_where_no_bound_at_a_fixed_size_is_known_that_of_any_size_is_told():
    problem = Problem(Huber(Y[:10], delta=1.0), RankOne("l2", "l2"), 0.3)
    factors = [RNG.standard_normal((10, 1)), RNG.standard_normal((8, 1))]
    result = check(problem, factors, budget=1)
    own = result.own_size
    assert own.lower == result.lower
    assert own.certificate is result.certificate
    assert result.explained_variance is None
    assert own.verdict in (Verdict.REFUTED, Verdict.UNDECIDED)


def test_that_more_components_are_better_decides_nothing_about_as_many():
    problem = Problem(Huber(Y, delta=1.0), RankOne("l2", "l2"), 0.3)
    result = check(problem, [np.zeros((12, 0)), np.zeros((8, 0))])
    own = result.own_size
    assert (result.verdict, own.verdict) == (Verdict.RANK_LIMITED, Verdict.UNDECIDED)
    assert own.better is None
    assert own.better_upper is None


@pytest.mark.parametrize(("first", "second"), [(2, 1), (1, 2)])
def test_the_higher_of_two_lower_bounds_is_told(first, second):
    problem = Problem(Huber(Y, delta=1.0), RankOne("l2", "l2"), 0.3)

    def proof(lower):
        outcome = Outcome("UNDECIDED", Fraction(lower), Fraction(3), None, "exact", ())
        return SimpleNamespace(outcome=outcome, certificate=None)

    assert own_size(problem, 1, proof(first), proof(second)).lower == 2


def test_out_of_scope_is_so_at_its_own_size_too():
    positive = np.abs(Y)
    problem = Problem(KullbackLeibler(positive), CP(["l2+"] * 2), 0.0)
    result = check(problem, [np.ones((12, 1)), np.ones((8, 1))])
    assert result.verdict is result.own_size.verdict is Verdict.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("offsets", "centred"),
    [
        ([], lambda x: x),
        ([ColumnIntercept()], lambda x: x - x.mean(0)),
        ([RowIntercept()], lambda x: x - x.mean(1, keepdims=True)),
        (
            [RowIntercept(), ColumnIntercept()],
            lambda x: x - x.mean(0) - x.mean(1, keepdims=True) + x.mean(),
        ),
    ],
)
def test_explained_variance_is_of_what_the_means_leave(offsets, centred):
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.0, offsets)
    whole = np.square(centred(np.vectorize(Fraction)(Y))).sum()
    lower, upper = float(whole) / 10, float(whole) / 4
    yours, most = (1 - 2 * Fraction(x) / whole for x in (upper, lower))
    found = explained_variance(problem, lower, upper)
    assert found == pytest.approx((0.5, 0.8))
    assert Fraction(found.yours) <= yours
    assert most <= Fraction(found.at_most)


def test_explained_variance_is_told_only_where_it_means_something():
    weights = Problem(Squared(Y, weights=np.ones_like(Y)), RankOne("l2", "l2"), 0.1)
    ridged = Problem(Squared(Y), RankOne("l2", "l2"), 0.1, [ColumnIntercept(ridge=1.0)])
    zero = Problem(Squared(np.zeros((2, 2))), RankOne("l2", "l2"), 0.1)
    for problem in (weights, ridged, zero):
        assert explained_variance(problem, 0.1, 0.2) is None


def test_the_command_writes_and_rechecks_the_second_certificate(tmp_path, capsys):
    U, V = truncated(0.5, 2)
    for name, x in (("Y", Y), ("U", U), ("V", V)):
        np.save(tmp_path / f"{name}.npy", x)
    path = tmp_path / "problem.toml"
    path.write_text(
        'lam = 0.5\n[data]\nY = "Y.npy"\n[loss]\nkind = "squared"\n'
        '[atom]\nkind = "rank_one"\nleft = "l2"\nright = "l2"\n'
        '[factors]\nU = "U.npy"\nV = "V.npy"\n'
    )
    out = tmp_path / "own.cert"
    assert main(["check", str(path), "--own-size", str(out), "--json"]) == 14
    told = json.loads(capsys.readouterr().out)
    assert told["own_verdict"] == "CERTIFIED"
    assert 0 < told["explained"] <= told["explained_at_most"] <= 1
    assert Certificate.load(out).own_size
    assert main(["verify", str(out), "--problem", str(path), "--own-size"]) == 0
    assert main(["verify", str(out), "--problem", str(path)]) == 20


@pytest.fixture(scope="module")
def worse():
    """The answer about three components that are not the best three, and more are better."""
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
    U, V = truncated(0.5, 3)
    return check(problem, (1.01 * U, V))


def test_a_report_has_a_picture_of_both_answers(worse, tmp_path):
    worse.report(tmp_path / "both.html")
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    own = worse.own_size
    assert page.count("<svg") == 4
    at = page.index("At its own size")
    assert "REFUTED" in page[at : at + 300]
    for said in ("these factors", "better factors", "lower bound"):
        assert said in page[at:]
    assert at_least(own.lower, 7) in page[at:]
    best = check(Problem(Squared(Y), RankOne("l2", "l2"), 0.0), truncated(0.0, 3))
    best.report(tmp_path / "one.html")
    assert "At its own size" not in (tmp_path / "one.html").read_text(encoding="utf-8")


def test_a_report_refuses_a_second_certificate_of_another_question(worse, tmp_path):
    held, own = worse.certificate, worse.own_size.certificate
    other = check(Problem(Squared(Y), RankOne("l2", "l2"), 0.5), truncated(0.5, 3))
    assert own.own_size
    for first, second in ((held, other.own_size.certificate), (held, held)):
        with pytest.raises(InputError, match="of the same factors at their own size"):
            write(first, tmp_path / "x.html", own=second)


def test_words_and_cells_say_yours_the_best_found_and_the_bound(worse):
    own = worse.own_size
    told = worse.explain()
    most = at_most(own.better_upper)
    assert f"yours reach at most {at_most(own.upper)}, the best found at most {most}" in told
    assert f"the optimum over {own.over} is at least {at_least(own.lower)}" in told
    assert worse._repr_html_().count("<svg") == 2
    best = check(Problem(Squared(Y), RankOne("l2", "l2"), 0.0), truncated(0.0, 3))
    assert "At their own size" not in best.explain()
    assert best._repr_html_().count("<svg") == 1


def test_the_command_writes_both_answers_on_one_page(worse, tmp_path, capsys):
    worse.certificate.save(tmp_path / "x.cert")
    worse.own_size.certificate.save(tmp_path / "own.cert")
    page = tmp_path / "x.html"
    args = ["report", str(tmp_path / "x.cert"), "-o", str(page)]
    assert main([*args, "--own-size", str(tmp_path / "own.cert")]) == worse.verdict.exit_code
    assert "At its own size" in page.read_text(encoding="utf-8")
    assert main([*args, "--own-size", str(tmp_path / "x.cert")]) == 2
    assert "same factors at their own size" in capsys.readouterr().err


def test_an_audit_has_the_answer_in_its_row(worse):
    row = derived(facts(worse.certificate), facts(worse.own_certificate))
    assert (row["own_verdict"], row["own_lower"]) == ("REFUTED", worse.own_size.lower)
    assert at_size(row) == excess(worse.own_size.lower, worse.upper) != above(row)
    best = check(Problem(Squared(Y), RankOne("l2", "l2"), 0.0), truncated(0.0, 3))
    assert at_size(derived(facts(best.certificate), None)) == "the same"
    assert at_size({"verdict": "FAILED"}) == ""


def test_an_epsilon_is_asked_as_before():
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 0.5)
    with pytest.raises(InputError, match="rtol"):
        check(problem, truncated(0.5, 2), rtol=-1.0)


@pytest.mark.parametrize("unit", [1.0, 2.0**-80])
def test_better_components_refute_a_fit_whose_means_are_fitted_anew(unit):
    Z = unit * np.array([[4.0, 1.0, 0.0], [2.0, 3.0, 1.0], [0.0, 1.0, 5.0]])
    problem = Problem(Squared(Z), RankOne(), 0.5 * unit, [ColumnIntercept()])
    worse = np.sqrt(unit) * np.ones((3, 1)), 0.1 * np.sqrt(unit) * np.ones((3, 1))
    for q in (None, problem.best_offsets(worse)):
        own = check(problem, worse, q=q, budget=5.0).own_size
        assert own.verdict is Verdict.REFUTED
        assert own.reason.startswith(
            "better factors of at most 1 component, with any offsets, are proved"
        )
        again = verify(own.certificate, problem, worse, q=q, own_size=True)
        assert again.verdict is Verdict.REFUTED
        value = problem.objective(own.better, own.better_q)
        assert own.lower <= value < 0.4 * own.upper
        assert value == pytest.approx(own.better_upper)
        assert repr(own).startswith("OwnSize(REFUTED, ")
    best = own.better, own.better_q
    at_best = check(problem, best[0], q=best[1], rtol=1e-6).own_size
    assert (at_best.verdict, at_best.better, at_best.better_q) == (Verdict.CERTIFIED, None, ())
