"""A report's formula is the objective that is computed, and no bound is rounded past itself."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import certify
from certify import Problem, Verdict, check
from certify.atoms import CP, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
from certify.cli import audit
from certify.cli._auditing import show
from certify.cli.audit import _book as book
from certify.losses import Absolute, Huber, KullbackLeibler, Logistic, Quantile, Squared
from certify.norms import Group
from certify.offsets import ColumnIntercept, Sparse
from certify.pipeline import report
from certify.pipeline.certificate.verdict import relative, spread
from certify.pipeline.numbers import at_least, at_most
from certify.pipeline.report import words
from certify.pipeline.report._formula import formula
from certify.pipeline.report._result import STEPS

Y = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
T = np.arange(8.0).reshape(2, 2, 2)
V = np.array([[1.0, -2.0], [0.5, 1.0]])
L2 = "‖uₖ‖₂ ‖vₖ‖₂"


@pytest.mark.parametrize(
    ("loss", "atom", "parts"),
    [
        (Squared(Y), RankOne(), ["½ Σ (z − y)²", f"λ Σₖ {L2},   Z = Σₖ uₖvₖᵀ"]),
        (Squared(Y), RankOne(form="sum"), ["½(‖uₖ‖₂² + ‖vₖ‖₂²)"]),
        (Squared(Y), RankOne("l1+", "linf-"), ["‖uₖ‖₁ ‖vₖ‖∞", "uₖ ≥ 0", "vₖ ≤ 0"]),
        (Squared(Y), RankOne(Group([0, 1], cone="+*")), ["group(uₖ)", "uₖ of its given sign"]),
        (Squared(Y, weights=Y + 1), RankOne(), ["½ Σ c (z − y)²", "c the weights"]),
        (Squared(Y, mask=Y > 0), RankOne(), ["sums over the observed entries"]),
        (Huber(Y, 0.25), RankOne(), ["Σ h(z − y)  +  λ", "δ = 0.25"]),
        (Quantile(Y, 0.75), RankOne(), ["τ(y − z)₊ + (1 − τ)(z − y)₊", "τ = 0.75"]),
        (Logistic(Y, weights=Y + 1), RankOne(), ["Σ c (ln(1 + eᶻ) − yz)  +"]),
        (KullbackLeibler(Y), RankOne("l2+", "l2+"), ["Σ (z − y ln z + y ln y − y)", "uₖ ≥ 0"]),
        (Absolute(Y), RankOne(), ["Σ |z − y|"]),
        (Squared(np.eye(2)), Symmetric("l1+"), ["‖xₖ‖₁²", "xₖxₖᵀ", "xₖ ≥ 0"]),
        (Squared(T), CP(("l2", "l1+", "linf")), ["‖x¹ₖ‖₂ ‖x²ₖ‖₁ ‖x³ₖ‖∞", "x²ₖ ≥ 0"]),
        (Squared(T), CP(form="sum"), ["1/3 (‖x¹ₖ‖₂³ + ‖x²ₖ‖₂³ + ‖x³ₖ‖₂³)"]),
        (Squared(T), CP("l2", symmetric=True, order=3), ["λ Σₖ ‖xₖ‖₂³", "xₖ ∘ xₖ ∘ xₖ"]),
        (Squared(Y), ReLU(V), ["s(V uₖ) vₖᵀ", "s(z) = max(z, 0)"]),
        (Squared(Y), ReLU(V, activation="abs"), ["s(z) = |z|"]),
        (Squared(Y), ReLU(V, activation="leaky_relu", slope=0.5), ["else 0.5 z"]),
        (Squared(Y[:1]), ReLU(V, samples=[0, 0]), ["P s(V uₖ) vₖᵀ", "P sums the rows"]),
        (Squared(Y), DeepLinear(V, (2, 2), "sum"), ["1/3 (‖X¹ₖ‖³ + ‖X²ₖ‖³ + ‖X³ₖ‖³)"]),
        (Squared(Y), DeepReLU(V, (2, 2), 0.5), ["s(s(V X¹ₖ) X²ₖ) X³ₖ", "‖X¹ₖ‖ ‖X²ₖ‖ ‖X³ₖ‖"]),
    ],
)
def test_the_formula_has_every_part_of_the_objective(loss, atom, parts):
    told = formula(Problem(loss, atom, 0.5))
    assert [p for p in parts if p not in told] == []


def test_a_sign_a_weight_or_a_form_that_is_not_there_is_not_told():
    told = formula(Problem(Squared(Y), RankOne(), 0.5))
    assert told == f"minimize  ½ Σ (z − y)²  +  λ Σₖ {L2},   Z = Σₖ uₖvₖᵀ"


def test_offsets_have_a_price_where_they_have_one():
    def told(*offsets):
        return formula(Problem(Squared(Y), RankOne(), 0.5, list(offsets)))

    assert "uₖvₖᵀ + A q" in told(ColumnIntercept())
    assert "H(q)" not in told(ColumnIntercept())
    assert "H(q)" in told(ColumnIntercept(ridge=0.5))
    assert "H(q)" in told(Sparse(rho=0.5))


def test_a_free_bias_is_told():
    problem = Problem(Squared(Y), ReLU(V, bias="free"), 0.5, [ColumnIntercept()])
    assert "s(V uₖ + bₖ) vₖᵀ" in formula(problem)
    assert "biases bₖ without penalty" in formula(problem)


@pytest.mark.parametrize(
    "x",
    [2.25, 2.2499999999999, 1 / 3, -1 / 3, 1e-20 / 3, 1e30 / 3, 0.0, 5e-324, -3e-310, 1.7e308 / 3],
)
@pytest.mark.parametrize("digits", [2, 7, 10, 12])
def test_a_bound_is_never_rounded_to_the_side_where_it_is_not_proved(x, digits):
    low, high = Fraction(at_least(x, digits)), Fraction(at_most(x, digits))
    assert low <= Fraction(x) <= high
    assert high - low <= Fraction(101, 100) * Fraction(10) ** (1 - digits) * abs(Fraction(x))


@pytest.mark.parametrize(("lower", "upper"), [(-1e-20, 0.25), (0.1, 0.3), (2.25, 2.25), (0.0, 5.0)])
def test_a_gap_is_rounded_up(lower, upper):
    exact = Fraction(upper) - Fraction(lower)
    assert exact <= Fraction(spread(lower, upper)) <= exact * (1 + Fraction(2) ** -51)
    assert spread(-np.inf, upper) == np.inf


def test_an_infinite_bound_has_a_name():
    assert (at_least(-np.inf), at_most(np.inf)) == ("-inf", "inf")


def test_the_sentence_of_the_bracket_is_proved_as_it_stands():
    result = check(Problem(Squared(Y), RankOne(), 0.3), (np.ones((2, 1)), np.ones((3, 1))))
    held = report.facts(result.certificate)
    told = words.bracket(held)
    low = float(told.partition("at least ")[2].partition(",")[0])
    high = float(told.partition("at most ")[2].partition(":")[0])
    assert low <= held.proved.lower <= held.proved.upper <= high
    assert f"{at_least(result.lower)} <= optimum" in result.explain()


def test_the_epsilon_that_is_advised_accepts_the_gap():
    result = check(Problem(Squared(Y), RankOne(), 0.3), (np.ones((2, 1)), np.ones((3, 1))))
    held = report.facts(result.certificate)
    wide = replace(held.proved, verdict=Verdict.UNDECIDED, lower=held.proved.upper - 0.1049)
    told = words.closing(replace(held, proved=wide))
    atol = float(told.partition("--atol ")[2].partition(" ")[0])
    assert 0.1049 < atol < 0.12


@pytest.mark.parametrize(
    ("gap", "upper", "share"),
    [(1.0, -4.0, 0.25), (0.0, 0.0, 0.0), (5.0, 0.0, np.inf), (np.inf, 1.0, np.inf)],
)
def test_a_gap_has_a_share_of_nothing_only_if_there_is_none(gap, upper, share):
    assert relative(gap, upper) == share


def test_no_table_and_no_repr_rounds_a_bound_past_itself(tmp_path, capsys):
    result = check(Problem(Squared(Y / 3), RankOne(), 0.1), (np.ones((2, 1)), np.ones((3, 1))))
    lower, upper = repr(result).partition(", REFUTED, ")[2].split(" <= ")[::2]
    assert float(lower) <= result.lower
    assert float(upper.partition(",")[0]) >= result.upper
    row = {"name": "a", "verdict": "REFUTED", "status": 10, "reason": ""}
    row |= {"lower": 1.234567899, "upper": 1.2345678901}
    book.write_pages(tmp_path, [row])
    show(audit.Audit(tmp_path, [row]), lines=False)
    for said in ((tmp_path / "index.html").read_text("utf-8"), capsys.readouterr().out):
        assert "1.2345678" in said
        assert "1.2345679" in said


NOTED = re.compile(r'(?:note|keep|tell)\("([\w ]+)"')


def test_every_step_of_a_search_has_words_for_a_reader():
    source = Path(certify.__file__).parent / "search"
    texts = "".join(path.read_text("utf-8") for path in source.rglob("*.py"))
    names = set(NOTED.findall(texts))
    assert {"sweep", "majorize", "repair", "descend", "lifted", "grow"} <= names
    assert {name for name in names if " " not in name} <= set(STEPS)
    assert all(f'"{name}"' in texts for name in STEPS)
