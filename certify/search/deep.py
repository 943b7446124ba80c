"""Parallel deep networks, searched as equivalent networks with one hidden layer.

Let each layer of a network pass one unit on, with the K-th root of a neuron's weight.  The network
has the output and the theta of that neuron: for linear layers always, for relu because hidden
values are >= 0.  So better neurons are better deep networks.  A linear network is itself a sum of
neurons, by the singular value decomposition of the product of its weights.
"""

import numpy as np

from certify.atoms import Atom, Factors, RankOne, ReLU
from certify.atoms._layers import thread
from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.problem import Problem

from .candidate import Candidate, Goal, evaluate, lowest
from .growth.layers import FAMILY
from .schedule import drop_rises
from .search_result import SearchResult

FAINT = 1e-13  # relative: a singular value below it is not a neuron


def slope(atom: Atom) -> float:
    """Return the slope of the activation of a deep atom."""
    return float(getattr(atom, "slope"))  # noqa: B009  a deep atom


def nuclear_problem(problem: Problem) -> Problem | None:
    """Return a problem below that of deep networks with an activation; None for other atoms.

    Omega*(W) <= c sigma_1(W), c = sigma_1(V) max(1, |slope|)^(K-1), so Omega(Z) >= |Z|_* / c.
    """
    atom = problem.atom
    if atom.family != "deep" or slope(atom) == 1:
        return None
    c = float(np.linalg.norm(getattr(atom, "V"), 2) * getattr(atom, "steep"))  # noqa: B009
    lam = problem.lam / c if 0 < c < np.inf else np.inf
    return Problem(problem.loss, RankOne(), lam, problem.offsets) if lam < np.inf else None


def search(problem: Problem, start: Candidate, clock: Clock, seed: int, goal: Goal) -> SearchResult:
    """Search among neurons, and write each point as parallel deep networks."""
    atom = problem.atom
    linear = slope(atom) == 1
    V = getattr(atom, "V")  # noqa: B009  a deep atom
    shallow = ReLU(V, activation="linear" if linear else "relu")
    twin = Problem(problem.loss, shallow, problem.lam, problem.offsets)
    first = neurons(start.factors) if linear else no_neurons(V.shape[1], problem.loss.shape[1])
    inner = evaluate(twin, first, start.q or None)
    result = FAMILY.search(twin, inner, clock, seed, (goal[0], None))
    deep = [(name, as_deep(problem, s)) for name, s in result.steps]
    deep += [("neurons", as_deep(problem, s)) for s in (result.same, result.best)]
    met = [("start", start), *sorted(deep, key=lambda p: -p[1].value)]
    small = [s for _, s in met if s.size <= start.size]
    return SearchResult(drop_rises(met), lowest(small), lowest([s for _, s in met]), result.duals)


def no_neurons(d: int, outputs: int) -> Factors:
    """Return no neurons."""
    return np.zeros((d, 0)), np.zeros((outputs, 0))


def neurons(factors: Factors) -> Factors:
    """Return the neurons of linear networks: the singular vectors of the product of each."""
    U, V = [], []
    for k in range(factors[0].shape[-1]):
        product = factors[0][..., k]
        for x in factors[1:]:
            product = product @ x[..., k]
        left, values, right = np.linalg.svd(product, full_matrices=False)
        kept = values > FAINT * values[0]
        root = np.sqrt(values[kept])
        U.append(left[:, kept] * root)
        V.append(right[kept].T * root)
    empty = no_neurons(factors[0].shape[0], factors[-1].shape[1])
    return np.hstack([empty[0], *U]), np.hstack([empty[1], *V])


def as_deep(problem: Problem, s: Candidate) -> Candidate:
    """Return neurons as deep networks."""
    nets = [layers_of(problem, u, v) for u, v in zip(s.factors[0].T, s.factors[1].T, strict=True)]
    parts = tuple(np.stack(layer, axis=-1) for layer in zip(*nets, strict=True))
    empty = tuple(np.zeros((*shape, 0)) for shape in problem.atom.shapes(problem.loss.dims))
    return evaluate(problem, parts or empty, s.q or None)


def layers_of(problem: Problem, u: Array, v: Array) -> Factors:
    """Return a network of layers of equal norms that computes one neuron."""
    hidden = getattr(problem.atom, "hidden")  # noqa: B009  a deep atom
    a, b = float(np.linalg.norm(u)), float(np.linalg.norm(v))
    weight = (a * b) ** (1.0 / (len(hidden) + 1))
    unit = thread(u / (a or 1.0), v / (b or 1.0), hidden)
    return tuple(weight * x for x in unit)
