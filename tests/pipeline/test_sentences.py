"""What is printed is true: every sentence with a number is held against an exact optimum."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from certify import Problem, check, restarts, verify
from certify.adapters._fitted import Factors
from certify.atoms import CP, RankOne, ReLU
from certify.cli._show import lines, of_proof, of_result, of_training
from certify.losses import Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.comparison import page
from certify.pipeline.report import facts, in_words
from certify.pipeline.report import page as report_page
from certify.pipeline.units import Units
from tests.sentences import CLAIMS, NUM, Truth, claims, unproved
from tests.tolerance import exact_objective

THIRD = 1.0 / 3.0


@dataclass(frozen=True)
class Known:
    """A problem whose optimum over at most r components is known for every r.

    values   the singular values (or weights) of orthogonal parts of the data, largest first
    parts    the factors of part k, for a component of size 1
    """

    problem: Problem
    values: tuple
    parts: tuple
    rest: Fraction = Fraction(0)

    def optimum(self, r):
        """Sum of 1/2 s^2 less 1/2 (s - lam)_+^2 of the r largest."""
        lam, s = Fraction(self.problem.lam), [Fraction(x) for x in self.values]
        saved = [max(x - lam, Fraction(0)) ** 2 / 2 for x in s]
        return self.rest + sum(x * x / 2 for x in s) - sum(saved[:r])

    def fit(self, sizes):
        """Return factors with these sizes of the parts, in order."""
        first, *others = (x[:, : len(sizes)] for x in self.parts)
        return (first * np.array(sizes), *others)


EYE = np.eye(3)
DIAGONAL = (5.0, 3.0 + THIRD, 1.25)
SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 2.0  # columns of sum 0
MEANS = np.array([1.0, -2.0, THIRD])


def matrix(lam, atom=None):
    atom = atom or RankOne("l2", "l2")
    return Known(Problem(Squared(np.diag(DIAGONAL)), atom, lam), DIAGONAL, (EYE, EYE))


def centred(lam):
    Y = SIGNS * np.array([5.0, 3.0, 1.25]) + np.array([1.0, -2.0, 0.5])
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam, [ColumnIntercept()])
    return Known(problem, (5.0, 3.0, 1.25), (SIGNS, EYE))


def cube(lam):
    T = sum(d * np.einsum("i,j,k->ijk", e, e, e) for d, e in zip(DIAGONAL, EYE, strict=True))
    return Known(Problem(Squared(T), CP(("l2",) * 3), lam), DIAGONAL, (EYE, EYE, EYE))


def layer(lam):
    """Nonnegative outputs y of the identity: one unit, (u)_+ v with |y| = 5."""
    y = np.array([[3.0], [4.0]])
    unit = np.array([[0.6], [0.8]])
    problem = Problem(Squared(y), ReLU(np.eye(2)), lam)
    return Known(problem, (5.0,), (unit, np.ones((1, 1))))


CASES = {
    "matrix": (matrix(1.0), [(4.0, 2.25, 0.5), (4.0, 2.0, 0.25), (4.0, 2.5), (1.0,)]),
    "best of its size": (matrix(1.0), [(4.0, 2.0 + THIRD), (4.0,)]),
    "exact": (matrix(0.0), [(5.0, 3.0, 1.25)]),
    "undecided": (matrix(THIRD), [(5.0 - THIRD, 3.0, 1.25 - THIRD)]),
    "undecided rank": (matrix(0.0), [(5.0, 3.0 + THIRD)]),
    "third": (matrix(THIRD), [(4.5, 3.0, 1.0), (4.0,)]),
    "nonnegative": (matrix(1.0, RankOne("l2+", "l2+")), [(4.0, 2.0, 0.25), (3.0,)]),
    "sum": (matrix(1.0, RankOne("l2", "l2", form="sum")), [(4.0, 2.0)]),
    "rank": (matrix(0.0), [(5.0, 3.0), (5.0, 3.0 + THIRD), (4.0,)]),
    "rank without negatives": (matrix(0.0, RankOne("l2+", "l2+")), [(5.0, 3.0), (4.0,)]),
    "means": (centred(1.0), [(4.0, 2.0, 0.25), (4.0, 1.0)]),
    "rank and means": (centred(0.0), [(5.0, 2.0), (5.0, 3.0)]),
    "cube": (cube(1.0), [(4.0, 2.0, 0.25)]),
    "layer": (layer(1.0), [(4.0,), (2.0,)]),
}
SETTINGS = {"undecided": {"rtol": 0.0}, "undecided rank": {"rtol": 0.0}}
FITS = [(name, k) for name, (_, fits) in CASES.items() for k in range(len(fits))]


def truth_of(known, x, result, rtol):
    """Return what is true of a fit, its candidate's offsets those of the result."""
    problem = known.problem
    mine = exact_objective(problem, x, result.q)
    better = None
    if result.better is not None:
        better = exact_objective(problem, result.better, result.better_q)[1]
    spread = sum(Fraction(v) ** 2 for v in known.values)
    return Truth(
        known.optimum,
        mine[1],
        x[0].shape[-1],
        eps=(Fraction(rtol), Fraction(0)),
        better=better,
        lower=Fraction(result.lower),
        spread=spread,
        penalty=problem.lam > 0,
        units=(Fraction(result.units.multiple), Fraction(result.units.constant)),
    )


SECTIONS = r'<section aria-labelledby="(?:question|answer|own|next)">.*?</section>'
BESIDE = r'<title>.*?</title>|<pre>.*?</pre>|<p class="formula">.*?</p>'


def words_of(html):
    """Return the text of HTML."""
    return re.sub(r"<[^>]*>", "\n", html).replace("&lt;", "<").replace("&gt;", ">")


def plain(html):
    """Return the text of the sections of a page that state the question and the answer."""
    kept = "\n".join(re.findall(SECTIONS, html, re.DOTALL))
    return words_of(re.sub(BESIDE, "", kept, flags=re.DOTALL))


def said_of_certificates(result):
    """Return what is said of the certificates of a result."""
    proofs = [facts(c) for c in (result.certificate, result.own_certificate) if c]
    for k, proof in enumerate(proofs):
        own = k > 0 or proof.question.own_size
        words = {k: x for k, x in in_words(proof).items() if k not in ("objective", "proof")}
        yield from ((f"words: {name}", own, text) for name, text in words.items())
        shown = dict(lines(of_proof(verify(proof.certificate), 0.0), {}))
        yield from ((f"verify: {name}", own, shown[name]) for name in ("bracket", "gap"))
    html = report_page(proofs[0], own=None if len(proofs) == 1 else proofs[1], units=result.units)
    for own, text in enumerate(plain(html).split("At its own size")):
        yield "page", own > 0, text


def said(result):
    """Return all that is said of a result: where, whether it is about its own size, the text."""
    yield "repr", False, repr(result)
    yield "repr of its size", True, repr(result.own_size)
    for line in result.explain().splitlines():
        yield "explain", line.startswith(("At their own size", "Over at most")), line
    for own, text in enumerate(words_of(result._repr_html_()).split("At its own size")):
        yield "notebook", own > 0, text
    fields = of_training(result.units, of_result(result, 0.0))
    for name, text in lines(fields, {}):
        if name not in ("arithmetic", "stationarity"):
            yield name, name == "own size", text
    yield from said_of_certificates(result)


def truth_at(own, truth, known, result):
    """Return the truth of a sentence: better factors of the own size are other ones."""
    answer = result.own_size
    if not own:
        return truth
    better = truth.better
    if answer.better is not None:
        better = exact_objective(known.problem, answer.better, answer.better_q)[1]
    return replace(truth, better=better, own=True, lower=Fraction(answer.lower))


@cache
def answered(name, k):
    """Return the case, what is true of its fit, and its result."""
    known, fits = CASES[name]
    x = known.fit(fits[k])
    given = Factors(*x) if len(x) == 2 else x
    if len(x) == 2:
        given.units = Units(7.0, -0.5, "loss_")
    settings = {"budget": 2.0, "rtol": 1e-6} | SETTINGS.get(name, {})
    result = check(known.problem, given, **settings)
    return known, truth_of(known, x, result, settings["rtol"]), result


@pytest.mark.parametrize(("name", "k"), FITS)
def test_every_sentence_about_a_fit_is_true(name, k):
    known, truth, result = answered(name, k)
    for where, own, text in said(result):
        assert unproved(text, truth_at(own, truth, known, result)) == [], where


COMPARED = {
    "split": (matrix(1.0), [(4.0, 2.0 + THIRD, 0.25), (4.0, 2.0), (1.0, 1.0, 1.0)]),
    "one": (matrix(1.0), [(4.0, 2.0, 0.25)]),
    "poor": (matrix(1.0), [(3.0, 2.0), (2.0, 1.0)]),
    "rank": (matrix(0.0), [(5.0, 3.0), (5.0, 3.0 + THIRD), (4.0,)]),
    "means": (centred(1.0), [(4.0, 2.0, 0.25), (4.0, 1.0)]),
}


@cache
def compared(name, rtol):
    """Return what is true of several fits, and their report."""
    known, sizes = COMPARED[name]
    fits = [known.fit(s) for s in sizes]
    report = restarts(known.problem, fits, sizes=True, rtol=rtol, budget=4.0)
    q = [known.problem.best_offsets(x) for x in fits]
    values = [exact_objective(known.problem, *f)[1] for f in zip(fits, q, strict=True)]
    most = max(x[0].shape[-1] for x in fits)
    better = min(values) if report.better is None else Fraction(report.upper)
    spread = sum(Fraction(v) ** 2 for v in known.values)
    truth = Truth(
        known.optimum, min(values), most, better=better, spread=spread, fits=tuple(values)
    )
    penalty = known.problem.lam > 0
    return replace(truth, eps=(Fraction(rtol), Fraction(0)), penalty=penalty), report


@pytest.mark.parametrize("rtol", [0.0, 1e-6, 0.05])
@pytest.mark.parametrize("name", COMPARED)
def test_every_sentence_about_several_fits_is_true(name, rtol):
    truth, report = compared(name, rtol)
    html = words_of("\n".join(re.findall(r"<p.*?</p>", page(report, ""), re.DOTALL)))
    for text in (report.advice, report.bound, report.which, html):
        assert unproved(text.replace(report.why, "") if report.why else text, truth) == []
    for fit, value in zip(report.fits, truth.fits, strict=True):
        away = value - truth.whole
        near = away <= max(truth.eps[1], truth.eps[0] * abs(value))
        assert fit.status in (("optimal", "open") if near else ("worse", "open"))
        assert Fraction(fit.lower) <= value <= Fraction(fit.upper)
        assert Fraction(fit.excess[0]) <= away <= Fraction(fit.excess[1])
    for s in report.sizes:
        assert Fraction(s.lower) <= truth.optimum(s.size) <= Fraction(s.upper)


def moved(pattern, found, truth):
    """Whether a sentence would be false with some of its numbers a little larger or smaller."""
    groups = list(found.groups())
    for k, text in enumerate(groups):
        try:
            value = Fraction(text)
        except (TypeError, ValueError):
            continue
        count = value.denominator == 1 and abs(value) < 10
        for other in (value + 1, value - 1) if count else (value * 9 / 10, value * 11 / 10):
            changed = [*groups[:k], str(other), *groups[k + 1 :]]
            try:
                if not CLAIMS[pattern](truth, *changed):
                    return True
            except (LookupError, ValueError, ZeroDivisionError):
                return True
    return False


ELSEWHERE = (  # tested by hand, in test_restarts and in test_budgets
    rf"fit (\d+) is {NUM} to",
    "the best objective proved",
)


def test_each_kind_of_sentence_is_met_and_would_be_noticed_if_it_were_false():
    met, noticed = set(), set()
    texts = []
    for name, k in FITS:
        known, truth, result = answered(name, k)
        texts += [(text, truth_at(own, truth, known, result)) for _, own, text in said(result)]
    for name in COMPARED:
        for rtol in (0.0, 1e-6, 0.05):
            truth, report = compared(name, rtol)
            texts += [(t, truth) for t in (report.advice, report.bound, report.which)]
    for text, truth in texts:
        for pattern, found in claims(text):
            if pattern is not None:
                met.add(pattern)
                far = replace(truth, candidate=1000 * truth.candidate + 1, better=Fraction(10**6))
                low = replace(truth, candidate=Fraction(0))
                others = [CLAIMS[pattern](t, *found.groups()) for t in (far, low)]
                if moved(pattern, found, truth) or not all(others):
                    noticed.add(pattern)
    assert {p for p in CLAIMS if p not in met and not p.startswith(ELSEWHERE)} == set()
    assert met - noticed == set()
