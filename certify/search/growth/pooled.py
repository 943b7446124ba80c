"""Column generation for networks that take the largest of a sample's rows.

All weights descend together by the gradient of the rows that are the largest, then the sizes of the
neurons alone, which is a convex problem; W = -grad l there, and the neuron that earns most at W is
appended.  Where two rows tie there is no gradient: then a point is kept only if it is lower.
"""

from dataclasses import replace

import numpy as np

from certify.polar.ascent.layers import attain
from certify.polar.layer_query import LayerQuery
from certify.search.candidate import evaluate, lowest
from certify.search.column_generation import Search
from certify.search.coordinates.layers import Net
from certify.search.descent.layers import Descent, descend
from certify.search.descent.products import Task
from certify.search.envelope import Smoothed

from . import layers
from .layers import append_neurons

ROUNDS = 40  # of a search
STEPS, STALLED = 300, 1e-10  # steps of all weights in a round, and the gain that ends them
EXCESS = 1e-9  # relative excess over lam that is worth a neuron
STALLED_ROUND = 1e-13  # relative gain of a round that ends a search at one size


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(search: Search, seed: int, wanted: float, cap: int | None = None) -> Search:
    """Run until the gap is below `wanted`, no neuron earns more than lam, or time is spent.

    cap  the largest number of neurons
    """
    problem, now, before = search.problem, search.best, np.inf
    net, smoothed = Net(problem), Smoothed(problem.loss)
    for k in range(ROUNDS):
        made = Descent(problem, smoothed, net.balance(now.factors), now.q)
        task = Task(problem, smoothed, now.q, search.clock.expired)
        none = tuple(x[:, :0] for x in now.factors)
        factors = append_neurons(task, descend(made, STEPS, STALLED)[0], none)
        now = lowest([now, search.keep("neurons", evaluate(problem, factors))])
        W = problem.dual_point(now.factors, now.q)
        if search.over() or not np.isfinite(W).all():
            break
        top, neuron = attain(LayerQuery(net.layer, net.dense(W), seed=seed + k))
        gap = (top - problem.lam) * float(net.sizes(now.factors).sum())
        if top <= problem.lam * (1 + EXCESS) or (now.size and gap <= wanted):
            break
        if cap is None or now.size < cap:
            one = tuple(x[:, None] for x in neuron)
            now = evaluate(problem, append_neurons(task, now.factors, one))
        elif before - now.value <= STALLED_ROUND * abs(now.value):
            break
        before = now.value
    return search


# rounds are counted instead of steps
FAMILY = replace(layers.FAMILY, grow=grow, steps=lambda *_: 1, earn=None)
