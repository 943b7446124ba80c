"""Hypothesis strategies of balanced points: they draw factors, then W and rho, then the data."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO
from ._draw import positives, rationals, vectors
from ._exact import dot, scale
from ._linear import Vector, exact, linf, plus
from ._models import Factors, Model
from ._problems import (
    BARRIER,
    LOSSES,
    MODELS,
    ONE,
    PULL,
    Candidate,
    Problem,
    across,
    spread,
    tight,
)

Choice = Callable[[st.DrawFn, list[Factors]], tuple[Factors, ...]]


def some(draw: st.DrawFn, faces: list[Factors]) -> tuple[Factors, ...]:
    """Draw up to three slices, each factor of any size."""
    chosen = draw(st.lists(st.sampled_from(faces), max_size=3))
    return tuple(spread(x, draw(st.tuples(*(positives(3) for _ in x)))) for x in chosen)


@st.composite
def points(
    draw: st.DrawFn,
    *,
    steep: bool = False,
    losses: Sequence[str] = tuple(LOSSES),
    models: Sequence[Model] = MODELS,
    choice: Choice = some,
) -> Candidate:
    """Draw balanced slices, a balanced q, and W of polar lam.

    With `steep`, W may have a part orthogonal to the slices, and its polar may exceed lam.
    """
    model, loss = draw(st.sampled_from(models)), draw(st.sampled_from(losses))
    n = len(model.phi(model.extreme[0]))
    W, faces = tight(model, exact(draw(vectors(n).filter(any))))
    if loss == BARRIER and sum(W) < 0:  # then an intercept can make t > 0
        W, faces = exact(scale(-ONE, W)), [spread(x, (*[ONE] * (len(x) - 1), -ONE)) for x in faces]
    slices = choice(draw, faces)
    lam = draw(positives(4))
    if loss == BARRIER:
        lam = min(lam, PULL / (2 * linf(W)))
    W = exact(scale(lam, W))
    if steep:
        zero = [ZERO] * n  # so that there is a row
        for free in across([model.phi(x) for x in slices], [tuple(zero)]):
            W = plus(W, free, draw(rationals(-2, 2)))
    problem = Problem(model, loss, W, lam)
    lifted = loss == BARRIER and sum(W) > 0
    problem, q = (intercept if lifted else with_offsets)(draw, problem, slices)
    return completed(draw, problem, (slices, q))


def inside(losses: Sequence[str] = tuple(LOSSES)) -> st.SearchStrategy[Candidate]:
    """Draw no slices, a balanced q, and W of a polar below lam: an optimum."""

    def larger(p: Candidate, by: Fraction) -> Candidate:
        return replace(p, problem=replace(p.problem, lam=p.problem.lam * (1 + by)))

    return st.builds(larger, points(losses=losses, choice=lambda _, __: ()), positives(4))


def intercept(
    draw: st.DrawFn, problem: Problem, slices: tuple[Factors, ...]
) -> tuple[Problem, Vector]:
    """Draw A = 1, the penalty, and q = (sum W) / rho or of that sign, large enough for t > 0."""
    pull, ridge = sum(problem.y, ZERO), draw(st.booleans())
    q = draw(positives(4)) + linf(problem.prediction(slices, ()))
    ones = tuple(ONE for _ in problem.y)
    rho = pull / q if ridge else pull
    return replace(problem, columns=(ones,), rho=rho, ridge=ridge), (q,)


def with_offsets(
    draw: st.DrawFn, problem: Problem, _slices: tuple[Factors, ...]
) -> tuple[Problem, Vector]:
    """Draw A with up to two columns, the penalty, and a balanced q: A^T W in dH(q)."""
    W = problem.y
    columns = tuple(map(exact, draw(st.lists(vectors(len(W), rationals(-2, 2)), max_size=2))))
    pull, ridge = tuple(dot(a, W) for a in columns), draw(st.booleans())
    some = draw(positives(3)) ** 2
    rho = some if ridge or not any(pull) else linf(pull) * draw(st.sampled_from((1, 2)))
    if ridge:
        q = exact(scale(1 / rho, pull))
    else:
        pairs = zip(draw(vectors(len(columns), rationals(0))), pull, strict=True)
        q = tuple((f if w > 0 else -f) if abs(w) == rho else ZERO for f, w in pairs)
    return replace(problem, columns=columns, rho=rho, ridge=ridge), q


def completed(
    draw: st.DrawFn, problem: Problem, at: tuple[tuple[Factors, ...], Vector]
) -> Candidate:
    """Choose y so that -grad loss is W, which is passed as y; draw others, or the same.

    If W or t is outside the loss's domain, the loss is squared.
    """
    W, t, loss = problem.y, problem.prediction(*at), problem.loss
    y = [LOSSES[loss].data(a, b) for a, b in zip(W, t, strict=True)]
    if any(x is None for x in y):
        loss, y = "squared", [a + b for a, b in zip(W, t, strict=True)]
    made = replace(problem, loss=loss, y=exact(y))
    if draw(st.booleans()):
        return Candidate(made, *at, *at)
    slices = st.tuples(*(vectors(k).map(exact) for k in problem.model.lengths))
    others = tuple(draw(st.lists(slices, max_size=3)))
    p = draw(vectors(len(problem.columns)))
    if loss == BARRIER and p:  # else f would be infinite for most of them
        p[0] = abs(p[0]) + linf(made.prediction(others, [ZERO] * len(p)))
    return Candidate(made, *at, others, exact(p))
