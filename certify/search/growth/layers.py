"""Column generation over neurons: a convex program of their cells, then neurons that earn more.

    x, q, W <- the program of the present cells; append the cells of every neuron that earns
    more than lam at W; drop the empty, merge the alike; repeat

until ascents find no neuron that earns more.  The points of the program stay in their cells, so
kinks need no care, and W is nearly inside the polar ball.
"""

from dataclasses import dataclass, replace

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.polar.ascent.alike import merge
from certify.polar.ascent.layers import Field, above, cosines
from certify.problem import Problem, Values
from certify.search import envelope
from certify.search.candidate import widen
from certify.search.column_generation import Search
from certify.search.coordinates.layers import Net
from certify.search.descent import conic
from certify.search.descent.cells import CellProgram, Cells, cells_of
from certify.search.descent.layers import Descent, descend, on_kinks
from certify.search.descent.products import Task, best_weights
from certify.search.envelope import Smoothed
from certify.search.schedule import Expired, Family

ROUNDS = 80
COARSE, FINE = 300, 2000  # quasi-Newton steps
STALLED, STALLED_COARSE = 1e-13, 1e-8  # relative gains that end them; luck, never truth
TOGETHER = 60  # neurons appended at once
TIGHT = 1e-9  # relative excess over lam that is worth a neuron
NOTHING, ALIKE = 1e-6, 1e-7  # share of the largest neuron to drop; 1 - cosine to merge
SMALL = 0.1  # of the mean size: the size of a new neuron
STALE, PATIENT = 5, 15  # rounds without a better gap that end the search; with a multiplier
AGAIN = 6  # alternating descents and programs at a fixed size
WIDEST, WORK = 6000, 2500**3  # unknowns of a program; those times the square of its rank
ALLOWED = 20_000  # steps of descents without a budget
SOLVED = 50  # steps that a general solver counts for
MANY = 40_000  # borders of cells from which the program is slow, and all weights descend first
CUTS = 10_000  # borders of cells, together with those of cuts


@dataclass
class Round:
    """The state of a search.

    cuts  for a loss with kinks, whose W is not unique: the cells of all neurons that once earned
          more than lam.  They must stay in the program, or they earn more again
    """

    smoothed: Smoothed
    cells: Cells
    q: Values
    W: Array | None = None
    cuts: Cells | None = None


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(search: Search, seed: int, wanted: float, cap: int | None = None) -> Search:
    """Run until the gap is below `wanted`, nothing improves, or time or steps are spent.

    cap  the largest number of neurons; then descents and programs alternate and none is appended
    """
    net = Net(search.problem)
    at = begin(search, net, seed)
    stale, least = 0, np.inf
    for k in range(ROUNDS if cap is None else AGAIN):
        before = search.best.value
        fixed = cap is not None and k > 0
        descended = net.turns or fixed or at.cells.size * len(net.layer.features) > MANY
        if descended:
            at = descend_jointly(search, net, at, seed + k)
        at = solve_program(search, at, seed + k, descended=descended)
        if at.W is None or not np.isfinite(at.W).all():
            break
        factors = at.cells.factors(net)
        field, price = field_of(net, at.W), search.problem.lam * (1 + TIGHT)
        top, neurons = above(field, price, factors[0], seed + k, search.clock.expired)
        search.weigh(at.W, top)
        gap = search.gap
        if gap <= wanted or search.over():
            break
        if cap is not None:
            if before - search.best.value <= STALLED * abs(before) and k:
                break
            continue
        stale, least = (0, gap) if gap < 0.9 * least else (stale + 1, least)
        if stale >= (STALE if at.smoothed.S is None else PATIENT) or (
            not neurons[0].shape[1] and at.smoothed.S is None and stale > 1
        ):
            break
        append(net, at, neurons, seed + k)
        at.smoothed = at.smoothed.update(field_at(search, at))
    return search


def begin(search: Search, net: Net, seed: int) -> Round:
    """Descend from the best factors, and take their cells."""
    problem, best = search.problem, search.best
    smoothed = envelope.of(problem.loss, problem.predict(best.factors, best.q))
    factors = net.balance(net.split_blocks(best.factors))
    q = problem.best_offsets(factors) if problem.offsets else ()
    search.note("balance", factors, q)
    task = Descent(problem, Smoothed(problem.loss) if problem.loss.smooth else smoothed, factors, q)
    return Round(smoothed, *descend_and_prune(search, net, task, (COARSE, STALLED_COARSE), seed))


def descend_and_prune(
    search: Search, net: Net, task: Descent, effort: tuple[int, float], seed: int
) -> tuple[Cells, Values]:
    """Return the cells of a descent's end, without those that are alike, and its offsets.

    effort  the most steps, and the relative gain that ends them
    """
    steps, stalled = effort
    factors, q, used = descend(task, min(steps, search.steps), stalled, search.clock.expired)
    search.steps -= used
    cells = prune(net, cells_of(net, factors, seed))
    factors = cells.factors(net)
    search.note("descend", factors, refit_offsets(search, factors, q))
    return cells, q


def refit_offsets(search: Search, factors: Factors, q: Values) -> Values:
    """Return the better of q and the fitted offsets for these factors."""
    problem = search.problem
    if not problem.offsets:
        return ()
    tries = [q, problem.best_offsets(factors)]
    return min(tries, key=lambda x: problem.objective(factors, x))


def descend_jointly(search: Search, net: Net, at: Round, seed: int) -> Round:
    """Descend on all weights together, across cells and with turning output weights."""
    factors = at.cells.factors(net)
    kept = on_kinks(net, factors[0]) if net.turns and at.W is not None else None
    task = Descent(search.problem, at.smoothed, factors, at.q, kept)
    cells, q = descend_and_prune(search, net, task, (FINE, STALLED), seed)
    return replace(at, cells=cells, q=q)


def solve_program(search: Search, at: Round, seed: int, *, descended: bool) -> Round:
    """Solve the program of the cells, and drop and merge neurons.

    If the solver fails, all weights descend unless they just have, and W is the slope there.
    """
    problem, net = search.problem, Net(search.problem)
    done = None
    if at.cells.size and not search.clock.expired():
        done = conic.solve(CellProgram(problem, with_cuts(net, at), at.q), search.clock.left())
        search.steps -= SOLVED
    if done is not None:
        at.cells, at.q, at.W = done
    else:
        if at.cells.size and not descended:
            at = descend_jointly(search, net, at, seed)
        elif not at.cells.size:
            at.q = problem.fit_offsets(np.zeros_like(net.plain(at.cells.factors(net))))
        at.W = at.smoothed.at(field_at(search, at)).W
    at.cells = prune(net, at.cells)
    factors = at.cells.factors(net)
    search.note("reweight", factors, refit_offsets(search, factors, at.q))
    return at


def with_cuts(net: Net, at: Round) -> Cells:
    """Return the cells with the newest cuts, as many as a general solver can take."""
    if at.cuts is None:
        return at.cells
    cuts = unlike(at.cuts, at.cells)
    room = CUTS // max(len(net.layer.features), 1) - at.cells.size
    first = min(max(cuts.size - room, 0), cuts.size)
    return at.cells.join(cuts.take(np.arange(first, cuts.size)))


def unlike(cells: Cells, others: Cells) -> Cells:
    """Return the cells that are not among others: duplicates cost the solver digits."""
    mine, theirs = (np.vstack([c.S, c.V, c.mask]) for c in (cells, others))
    apart = np.abs(mine[:, :, None] - theirs[:, None, :]).max(axis=0, initial=0.0)
    return cells.take(~(apart <= ALIKE).any(axis=1))


def field_at(search: Search, at: Round) -> Array:
    """Return the field of the cells' neurons and the offsets."""
    net = Net(search.problem)
    return np.asarray(net.plain(at.cells.factors(net)) + search.problem.shift(at.q))


def prune(net: Net, cells: Cells) -> Cells:
    """Drop negligible neurons, and merge those that are alike."""
    sizes = net.layer.size(cells.x)
    cells = cells.take(sizes > NOTHING * sizes.max(initial=0.0))
    sizes = net.layer.size(cells.x)
    near = cosines(net.layer, (cells.x, cells.V)) > 1 - ALIKE
    chosen, totals = merge(sizes, near)
    out = cells.take(chosen)
    return replace(out, x=out.x * (totals / net.layer.size(out.x)))


def append(net: Net, at: Round, neurons: Factors, seed: int) -> None:
    """Append the cells of new neurons, at a small size."""
    rank = min(WIDEST, net.problem.loss.observed.size)
    widest = max(min(WIDEST, WORK // rank**2), round(WORK ** (1 / 3)))
    room = max(widest // max(len(neurons[0]), 1) - at.cells.size, 0)
    U, V = (x[:, : min(TOGETHER, room)] for x in neurons)
    if not U.shape[1]:
        return
    sizes = net.layer.size(at.cells.x)
    mean = float(sizes.mean()) if len(sizes) else 1.0
    new = net.scale((U, V), np.full(U.shape[1], SMALL * mean))
    found = cells_of(net, new, seed)
    at.cells = at.cells.join(found)
    if not net.problem.loss.smooth:
        at.cuts = found if at.cuts is None else at.cuts.join(unlike(found, at.cuts))


def field_of(net: Net, W: Array) -> Field:
    """Return the field of a dual point."""
    return Field.of(net.layer, net.dense(W))


def earn(  # noqa: PLR0913  as `Family` says
    problem: Problem, W: Array, price: float, factors: Factors, *, seed: int, expired: Expired
) -> tuple[float, Factors]:
    """Return the most that a neuron is found to earn at W, and those that earn more."""
    return above(field_of(Net(problem), W), price, factors[0], seed, expired)


def sizes(task: Task, factors: Factors) -> Array:
    """Return |phi| of each neuron: a neuron without output is dead, whatever its weights."""
    problem = task.problem
    zero = problem.loss.observed.field(np.zeros(problem.loss.shape))
    return problem.atom.inner_products(zero, factors, problem.loss.observed)[1]


def polish(task: Task, factors: Factors, steps: int, stall: float) -> Factors:
    """Return factors of the same size and a lower objective."""
    start = Net(task.problem).balance(factors)
    made = Descent(task.problem, task.smoothed, start, task.q)
    return widen(descend(made, steps, stall, task.expired, task.goal)[0], factors[0].shape[1])


def append_best(task: Task, factors: Factors, most: int, seed: int) -> Factors:
    """Append at most `most` neurons that earn more than lam, and reweight all."""
    net = Net(task.problem)
    factors = net.balance(factors)
    W = task.smoothed.at(task.shift(net.plain(factors))[0]).W
    if not np.isfinite(W).all():
        return factors
    more = tuple(x[:, :most] for x in neurons_above(task, W, factors, seed))
    return append_neurons(task, factors, more)


def append_neurons(task: Task, factors: Factors, more: Factors) -> Factors:
    """Append neurons of theta 1, and reweight all."""
    net = Net(task.problem)
    wide = tuple(np.hstack(pair) for pair in zip(net.units(factors), more, strict=True))
    return reweight(task, wide, np.pad(net.sizes(factors), (0, more[0].shape[1])))


def neurons_above(task: Task, W: Array, factors: Factors, seed: int) -> Factors:
    """Return neurons of theta 1 that earn more than lam, best first."""
    field = field_of(Net(task.problem), W)
    return above(field, task.problem.lam, factors[0], seed, task.expired)[1]


def draw(task: Task, size: int, seed: int) -> Factors:
    """Return random neurons with the best weights; the scale of a feature does not matter."""
    net, rng = Net(task.problem), np.random.default_rng(seed)
    lengths = np.linalg.norm(net.layer.features, axis=0)
    U = rng.standard_normal((len(lengths), size)) / np.where(lengths > 0, lengths, 1.0)[:, None]
    V = net.right.project_cone(rng.standard_normal((net.outputs, size)))
    units = net.units((U, V))
    return reweight(task, units, np.ones(size))


def reweight(task: Task, units: Factors, start: Array) -> Factors:
    """Return neurons of theta 1 at better sizes than a start."""
    net = Net(task.problem)
    return net.scale(units, best_weights(task, (net.layer.act(units[0]), units[1]), start))


FAMILY = Family(grow, lambda *_: ALLOWED, earn, sizes, polish, append_best, draw)
