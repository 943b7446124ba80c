"""A user's project that names everything public once: type checkers read it, nothing runs it."""

from pathlib import Path

import numpy as np

import certify
from certify import (
    Certificate,
    InputError,
    OutOfScopeError,
    Problem,
    RejectedError,
    Result,
    Verdict,
    check,
    from_model,
    improve,
    norms,
    nuclear,
    restarts,
    score,
    spectral,
    testing,
    verify,
)
from certify.atoms import CP, Atom, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
from certify.atoms.relu import gated
from certify.cli import audit
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Loss,
    Poisson,
    Quantile,
    Softmax,
    Squared,
    SquaredHinge,
)
from certify.norms import Elastic, Group, Variation, Weighted
from certify.offsets import (
    ColumnIntercept,
    Intercept,
    Linear,
    ModeIntercept,
    Offset,
    RowIntercept,
    Smooth,
    Sparse,
)
from certify.pipeline import report
from certify.pipeline.certificate.question import Question, question
from certify.pipeline.restarts import Fit, RestartReport
from certify.pipeline.tensor_norms import NormBound
from certify.search.lam_max import lam_max
from certify.testing import check_atom, check_loss

Y = np.eye(2)
losses: list[Loss] = [
    Squared(Y),
    Squared(Y, weights=Y + 1, mask=Y > 0),
    Huber(Y, 1.0),
    Absolute(Y),
    Quantile(Y, 0.5),
    Logistic(Y),
    Softmax(Y),
    Hinge(2 * Y - 1),
    SquaredHinge(2 * Y - 1),
    KullbackLeibler(Y),
    Poisson(Y),
]
atoms: list[Atom] = [
    RankOne(),
    RankOne("l2+", Elastic(0.5), "sum"),
    RankOne(Group([0, 1]), Weighted([1.0, 2.0])),
    Symmetric("l2"),
    CP(("l2", "l2", "l1+")),
    CP("l2", symmetric=True, order=3),
    ReLU(Y, bias="free"),
    DeepLinear(Y, (2,)),
    DeepReLU(Y, (2,), slope=0.5),
    RankOne(Variation([(0, 1)], 1.0)),
]
offsets: list[Offset] = [
    Intercept(),
    RowIntercept(ridge=1.0),
    ColumnIntercept(),
    ModeIntercept(0),
    Linear(Y),
    Sparse(0.5),
    Smooth([(0, 1)], 1.0),
]
problem = Problem(Squared(Y), RankOne("l2", "l2+"), lam=0.5, offsets=[Intercept()])
factors = (np.ones((2, 1)), np.ones((2, 1)))


def progress(stage: str, value: float) -> bool:
    return value < 0


result: Result = check(
    problem, factors, rtol=1e-3, budget=1.0, progress=progress, seed=0, dual=None, method="engine"
)
try:
    check(problem, factors, progress=True, checkpoint=Path("x"))
except (InputError, OutOfScopeError) as error:
    text: str = str(error)
lower: float = result.lower
name: str = result.verdict.name
code: int = result.verdict.exit_code
certified: bool = result.verdict is Verdict.CERTIFIED
gap: float = result.gap + result.relative_gap + result.epsilon + result.stationarity
words: str = result.explain() + result.reason + result.tier
size: int = result.report("x.html")
axes = result.plot()
certificate: Certificate | None = result.certificate
if certificate is not None:
    size = certificate.save(Path("x.cert"))
    again: Certificate = Certificate.load("x.cert")
    line: str = again.summary() + again.verdict
    asked: Question = question(again)
    size = report.write(again, "x.html")
    try:
        proved = verify(
            certificate, problem, factors, q=result.q, tier="rounded", rtol=1e-3, atol=0.0
        )
        tier: str = proved.tier
        rules: tuple[str, ...] = proved.rules
        better_value: float | None = proved.better
    except RejectedError as rejected:
        where: str = rejected.where
better = improve(problem, factors, q=None, budget=1.0)
objective: float = better.objective
inner: Result = better.result
U, V = better.factors
value: float = problem.objective(factors, result.q)
arrays = [
    Group(np.array([0, 1])),
    Group([[0], [1]], outer="linf", cone="+-"),
    Weighted(np.ones(2)),
    Variation(np.array([[0, 1]]), 1),
]
lists: Result = check(problem, [[[1], [2]], [[3], [4]]], q=[np.ones(1)], rtol=0, dual=np.eye(2))
found, read = from_model(object(), Y)
number: float = score(object(), Y, None, budget=1.0)
fits: RestartReport = restarts(problem, [factors, better.factors], budget=1.0)
stop: bool = fits.stop
smallest: int | None = fits.smallest
rank: int | None = fits.rank
one: Fit = fits.best
print(fits.advice, fits.plot("x.png"), one.excess[0])
bound: NormBound = spectral(np.ones((2, 2, 2)))
top: float = nuclear(np.ones((2, 2, 2)), budget=1.0).upper + lam_max(problem).upper
done: audit.Audit = audit.run("audit.toml", "out", jobs=1)
status: int = audit.verify(Path("out"), inputs=".").status
print(check_atom(RankOne()), check_loss(Squared(Y)), gated, certify.__version__)
print(norms.gauge("l2+").value(Y), testing.strategies)
