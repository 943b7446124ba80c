"""What every norm pair and loss reaches on a small question.

A cell is the zero model of a 3 x 2 question where it is optimal by a hair.
lam is an attained value of the polar of -grad l(0), raised by 2**-20 of itself: a closed or tight
bound certifies, a loose one leaves a bracket.  Every verdict is proved again by `verify`, exactly.
"""

from functools import cache
from itertools import product

import numpy as np
from measure import Case, Options, Row, Table

from certify import Problem, check, verify
from certify import losses as kinds
from certify.atoms import RankOne
from certify.atoms.rank_one import polar_kind
from certify.norms import Elastic, Gauge, Group, Variation, Weighted, gauge

Y = np.array([[3.0, -1.0], [2.0, 0.5], [-1.0, 2.0]])
HAIR = 2.0**-20  # of lam; epsilon is a little more


def norms(d: int) -> dict[str, Gauge]:
    """Return every kind of norm on vectors of length d."""
    halves = [list(range(d - 1)), [d - 1]]
    path = [(i, i + 1) for i in range(d - 1)]
    plain = {k: gauge(k) for k in ("l1", "l1+", "l2", "l2+", "linf", "linf+")}
    return plain | {
        "elastic": Elastic(0.5),
        "elastic+": Elastic(0.5, cone="+"),
        "groups": Group(halves),
        "largest group": Group(halves, outer="linf"),
        "variation": Variation(path, 0.5),
        "weighted": Weighted(np.arange(1.0, d + 1)),
    }


def losses() -> dict[str, kinds.Loss]:
    """Return every loss over data of its own kind; for KL a zero model needs zero counts."""
    signs, counts = np.where(Y > 0, 1.0, -1.0), np.rint(np.abs(Y))
    made = [
        kinds.Squared(Y),
        kinds.Huber(Y, 1.0),
        kinds.Absolute(Y),
        kinds.Quantile(Y, 0.75),
        kinds.Logistic((Y > 0) * 1.0),
        kinds.Softmax(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])),
        kinds.Hinge(signs),
        kinds.SquaredHinge(signs),
        kinds.Poisson(counts),
        kinds.KullbackLeibler(np.zeros_like(Y)),
    ]
    return {loss.name: loss for loss in made}


ZERO = np.zeros((Y.shape[0], 1)), np.zeros((Y.shape[1], 1))
SOME = (("l2", "l2"), ("l1", "l2"), ("l2+", "l2+"), ("linf", "linf"), ("groups", "l2"))


@cache
def question(left: str, right: str, loss: str) -> tuple[kinds.Loss, RankOne, float]:
    """Return the loss, the atom, and a value of the polar of -grad l(0) that a slice attains."""
    atom = RankOne(norms(Y.shape[0])[left], norms(Y.shape[1])[right])
    W = -losses()[loss].gradient(np.zeros(Y.shape))
    return losses()[loss], atom, atom.polar(W).lower


def cell(left: str, right: str, loss: str) -> str:
    """Return what a cell reaches: the verdict, and the rule that proves it."""
    stated, atom, top = question(left, right, loss)
    problem = Problem(stated, atom, top * (1 + HAIR) if top > 0 else 1.0)
    result = check(problem, ZERO, rtol=4 * HAIR)
    proved = verify(result.certificate, problem, ZERO, rtol=4 * HAIR)
    rule = result.certificate.proof.get("polar", {}).get("rule", "trivial")
    return f"{proved.verdict.name.lower()} {rule}"


def pairs() -> list[tuple[str, str]]:
    """Return every pair of norms."""
    return list(product(norms(2), norms(2)))


def reached(case: Case, _: Options) -> Row:
    """Return what a pair reaches: of least squares with its rule, or of every loss."""
    pair, every = case.make
    if every:
        return {loss: cell(*pair, loss) for loss in losses()}
    verdict, rule = cell(*pair, "squared").split()
    kind = polar_kind(*question(*pair, "squared")[1].gauges)
    return {"polar": kind, "verdict": verdict, "rule": rule}


cells = Table(
    "norm pairs: the zero model of a 3 x 2 question, optimal by a hair, least squares",
    {" x ".join(pair): Case((pair, False)) for pair in pairs()},
    reached,
)
cells_of_losses = Table(
    "losses: the same with some norm pairs",
    {" x ".join(pair): Case((pair, True)) for pair in SOME},
    reached,
)
