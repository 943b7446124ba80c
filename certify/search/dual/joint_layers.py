"""A dual point of a hidden layer that relaxations bound by lam: W and their multipliers together.

    max d(W)   over W and, of each part, N >= 0, L and r   with   e s w^T p
               + x^T (B^T N B + 2 B^T L) x  <=  lam/2 (|u|^2 + s^2) + r (|u|^2 - s^2)

x = (p, u, s), s = |u| = |v|, p = (F u)_+.  A part has a sign e of v, and cuts; B x >= 0 are p,
q = p - F u and the cuts, p_i q_i = 0; the rows of L are t s - y . u >= 0.  A polar that the
relaxation overstates at the network's own W is overstated less there.  It is the dual of

    min l(sum e Z_c + A q) + lam/2 sum tr Y_c   over   Y_c >= 0,  X_c = B Y_c B^T in the products

Z_c the column of X_c that is s p, tr Y_c of u and s, which are equal.  By alternating directions:
each Y_c by an eigendecomposition, all X_c together by the loss.  Bounds of rows by other rows join
the facts from time to time.  Where the value rises little, the parts are split: at first by the
sign of the w^T p of that moment, then through the mean of u.  They are parts of the tree of W, cut
by the sign of w^T p: it grows on from there.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic
from typing import NamedTuple, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.cluster import Pool
from certify.base.gram import CORES
from certify.base.minimize import even_out
from certify.polar.ascent.layers import attain
from certify.polar.branching import cones, layers
from certify.polar.branching.layer_parts import Bounder, Cut, Grown, Path, bounder, step_seconds
from certify.polar.branching.tree import WORKERS, Solved, SolvedPart, of_leaves
from certify.polar.layer_query import LayerQuery
from certify.polar.layers import cells_are_few
from certify.polar.relaxation.frame import WEIGHT
from certify.polar.relaxation.layer_admm import Relaxed
from certify.polar.relaxation.layer_multiplier import LayerMultiplier, best_multiplier
from certify.polar.relaxation.layers import SINGLE, even_units
from certify.polar.relaxation.row_bounds import RowBound, with_zeros
from certify.problem import Problem, Values

from . import scaling
from .case_stacks import each
from .joint import remove_offsets, simple
from .joint_layer_part import Leaf, Part
from .points import Dual, Run, bound, bound_point, dual_at, inside_point, polar_target

PRICE = 0.7  # the first rho, in units of lam times the rows over the size of X
CHANGE = 1.3  # what rho changes by
EVERY = 50  # steps between looks at the bound
IDLE = 2  # looks of little gain that end the last stage
SLOW, STALLED = 0.05, 0.01  # of what is left: the gain in a look that ends a stage, the last one
MOST, NUMBERS = 1024, 3e7  # parts that are not split any more, of so many products of facts
NEXT = 2.0  # times the steps of a stage: parts are split while there is time for as many
SMALL = 1e-3  # share of all X: a smaller part is not split
TINY = 1e-300  # no division by zero
HALF_NORMAL = (2 / np.pi) ** 0.5  # the mean of |z|, z normal
EFFORT = 10.0  # seconds of an ordinary core without a budget, as a number of steps
ENOUGH = 0.5  # of epsilon: the gap at which a polish ends
HOPE = 0.5  # of what the network's own W proves
ROUNDS = 24  # sections that find W between its ends
PARTS = 3  # of the tree of the network's own W: both halves
POLISHING = 0.6  # share of the time left
FURTHER = 2.0  # how much longer a dual point is stored: a tree may bound its polar below lam
SLIGHT = 2.0**-7  # of an attained value: a bound this near to it hardly falls any more
PARALLEL = 1e-6  # 1 - the cosine of multiples of one point
ORDINARY = 2.0**40  # sizes of lam, W and X beyond which float32 may not hold their products
LOOSE = 1.1  # of lam: a bound of the polar from which polishing W gains more than its tree
LOOSER = 1.5  # of lam: a bound of the polar from which no tree of minutes closes the gap of W


S = TypeVar("S")
T = TypeVar("T")


class BoundedParts(NamedTuple):
    """W, a field, its parts with their bounds, and d of the multiple of W that they prove."""

    W: Array
    leaves: tuple[Leaf, ...]
    uppers: tuple[float, ...]
    value: float


def applies(problem: Problem) -> bool:
    """Whether the polar is that of a ReLU layer of one output whose features are not few.

    W is to be a plain projection beside the offsets, and the loss to have a slope everywhere.
    """
    layer = problem.atom.layer
    if layer is None or layer.max_pooled or layer.slope or layer.samples is not None:
        return False
    loss = problem.loss
    dense = np.isfinite(loss.curvature) and loss.observed.full and loss.dims[-1] == 1
    many = not cones.are_few(layer) and not cells_are_few(*layer.features.shape)
    return bool(dense) and many and simple(problem)


class Joint:
    """The iterates of all parts, W and the offsets that they share.

    tell     hears what is found at each look of a polish
    left     returns how many more steps of a part there is time for
    expired  returns whether the search for bounds of rows is to end
    """

    def __init__(self, problem: Problem, factors: Factors, q: Values, W: Array) -> None:
        """Begin at both signs of v, and at W and the offsets q."""
        self.problem, self.W, self.q = problem, W.reshape(-1), q
        query = query_of(problem, W)
        self.first, self.taken = bounder(query), 0
        self.tell: Callable[[BoundedParts], None] = lambda _: None
        self.left: Callable[[], float] = lambda: np.inf
        self.expired: Callable[[], bool] = lambda: False
        form = self.first.form
        self.pool = ThreadPoolExecutor(CORES) if len(form.F) > SINGLE else None
        _, units, _ = even_units(form)
        m = len(form.F)
        self.t = units[:m] / form.scale
        neurons, signs = balance(query, factors)
        neurons[:m] /= form.scale
        grams = ((e, (neurons * (signs == e)) @ neurons.T) for e in query.signs())
        self.parts = [self.part(e, (), X, (), None) for e, X in grams]
        size = float(np.sqrt(np.mean([np.square(x.Z).sum() for x in self.parts])))
        self.rho = PRICE * m * problem.lam / size if size > 0 else 0.0

    def part(
        self, sign: int, cuts: Path, X: Array, rows: tuple[RowBound, ...], U: Array | None
    ) -> Part:
        """Return a part that begins at X over x and at U."""
        form = self.first.form.with_cuts(self.first.cuts(cuts), sign).with_row_bounds(rows)
        return Part(form, cuts, self.problem.lam, (X, U))

    def each(self, work: Callable[[S], T], items: Sequence[S]) -> list[T]:
        """Return work(item) of each, in order; those of large layers run side by side."""
        return [work(x) for x in items] if self.pool is None else each(self.pool, work, items)

    def step(self) -> None:
        """Move every X; then W, the offsets and every Z."""
        self.taken += len(self.parts)
        goals = self.each(lambda x: x.move(self.rho), self.parts)
        ends = np.stack([x.ends(V) for x, V in zip(self.parts, goals, strict=True)], axis=1)
        moves = list(zip(self.parts, goals, self.share(*ends), strict=True))
        self.each(lambda x: x[0].meet_with(*x[1:]), moves)

    def balance(self) -> None:
        """Move rho toward a primal residual equal to the dual one, both relative."""
        squares = sum((x.residuals() for x in self.parts), np.zeros(4))
        primal, size, dual, weight = map(float, np.sqrt(squares))
        change = even_out(primal * weight, dual * size, CHANGE)
        self.rho *= change
        for x in self.parts:
            x.scale_multiplier(change)

    def split(self, found: BoundedParts) -> None:
        """Split the parts that hold more than a little, as they are found now."""
        solver = bounder(query_of(self.problem, found.W))
        sizes = np.array([float(np.trace(x.over())) for x in self.parts])
        large = sizes > SMALL * sizes.sum()

        def divided(k: int) -> list[Part]:
            """Return what is left of a part."""
            part = self.parts[k]
            return self.halves(solver, part, found.leaves[k]) if large[k] else [part]

        groups = self.each(divided, range(len(self.parts)))
        self.parts = [x for group in groups for x in group]

    def widen(self) -> None:
        """Add the bounds of rows that the parts violate, and leave out those of no use."""

        def wider(part: Part) -> Part:
            """Return a part with other bounds of rows."""
            rows, U = part.next_row_bounds(self.expired)
            return self.part(part.form.sign, part.cuts, part.over(), rows, U)

        if self.crowded:
            self.parts = self.each(wider, self.parts)

    @property
    def crowded(self) -> bool:
        """Whether bounds of rows gain more than they take."""
        return self.parts[0].form.crowded

    def halves(self, solver: Bounder, part: Part, leaf: Leaf) -> list[Part]:
        """Return both halves of a part; of that of a sign, beside where e w^T p is negative."""
        X, cuts, out = part.over(), leaf.cuts, list[Part]()
        rows, U = part.next_row_bounds(self.expired, cut=True)
        if not cuts:
            own, other = sorted(solver.by_sign(), key=lambda c: c.sign != leaf.sign)
            out, cuts = [self.part(leaf.sign, (other,), 0.0 * X, rows, U)], (own,)
            U = with_zeros(U, len(U) - len(rows))
        for cut in solver.through_mean(leaf.X):
            out.append(self.part(leaf.sign, (*cuts, cut), one_side(X, cut), rows, U.copy()))
        return out

    def share(self, V: Array, sizes: Array) -> Array:
        """Return the columns nearest to V (signs, m) in the price of the loss over columns >= 0.

        A column c below its size shortens the products of p and u to c.  With a = V + e w /
        (2 rho t), w = -l' at their sum, between 0 and the slope at w = 0, it is a, or
        (a + size) / 2 if a is less than the size.
        """
        observed, loss = self.problem.loss.observed, self.problem.loss
        e = np.array([[x.form.sign] for x in self.parts]) / (WEIGHT * self.t)
        shift = self.problem.shift(self.q) if self.problem.offsets else 0.0

        def columns(w: Array) -> Array:
            """Return the columns beside w."""
            a = V + e * w / (2 * self.rho)
            return np.maximum(np.where(a < sizes, 0.5 * (a + sizes), a), 0.0)

        def total(w: Array) -> Array:
            """Return what they add up to."""
            return np.asarray((e * columns(w)).sum(axis=0))[:, None]

        def slope(w: Array) -> Array:
            """Return -l' there."""
            return -loss.gradient(observed.field(total(w)) + shift).reshape(-1)

        self.W = find_zeros(lambda w: w - slope(w), slope(np.zeros(len(self.t))))
        if self.problem.offsets:
            self.q = self.problem.fit_offsets(observed.field(total(self.W)))
        return columns(self.W)

    def look(self) -> BoundedParts:
        """Return W, orthogonal to the offsets, and what its parts prove."""
        loss = self.problem.loss
        W = remove_offsets(self.problem, loss.observed.field(self.W[:, None]))
        W = loss.clip_dual(W)
        solver = bounder(query_of(self.problem, W))

        def bounded(part: Part) -> tuple[Leaf, float]:
            """Return a part with its multipliers, and its bound."""
            leaf = part.leaf(self.W / self.t, self.rho)
            return leaf, multiplier(solver, leaf).bound

        leaves, uppers = zip(*self.each(bounded, self.parts), strict=True)
        s = scaling.best_scale(self.problem, W, max(uppers))
        return BoundedParts(W, leaves, uppers, scaling.value(self.problem, W, s))


def one_side(X: Array, cut: Cut) -> Array:
    """Return about what of a mixture X is on one side of a cut through its mean.

    That is X / 2 +- (m d^T + d m^T) / 2, as of vectors x = m + f with s constant and f normal:
    m = E x = X e_s / |s|, and d = E f sign(a . f) = (2 / pi)^(1/2) X a / (a . X a)^(1/2).
    """
    a = np.append(cut.sign * cut.normal, 0.0)
    along, size = X @ a, float(X[-1, -1])
    spread = float(a @ along)
    if not (spread > 0 and size > 0):
        return 0.5 * X
    side = np.outer(X[:, -1], along) * (HALF_NORMAL / (spread * size) ** 0.5)
    return np.asarray(0.5 * (X + side + side.T))


def query_of(problem: Problem, W: Array, seed: int = 0) -> LayerQuery:
    """Return the query of the layer's polar at W (samples, 1)."""
    layer = problem.atom.layer
    if layer is None:
        raise TypeError(f"a hidden layer is needed, got {type(problem.atom).__name__}")
    return LayerQuery(layer, W, seed=seed)


def balance(query: LayerQuery, factors: Factors) -> tuple[Array, Array]:
    """Return (p, u, s) of each neuron with |u| = s, and the sign of its v."""
    layer, (U, V) = query.layer, factors
    sizes = layer.size(U), np.abs(V[0])
    keep = (sizes[0] > 0) & (sizes[1] > 0)
    root = np.sqrt(sizes[1][keep] / sizes[0][keep])
    u = U[:, keep] * root
    return np.vstack([layer.act(u), u, sizes[1][keep] / root]), np.sign(V[0, keep])


def find_zeros(f: Callable[[Array], Array], end: Array) -> Array:
    """Return about the zeros of rising functions, between 0 and an end.

    By secants and halvings in turn: a kink may hold one side of a secant.
    """
    low, high = np.minimum(end, 0.0), np.maximum(end, 0.0)
    at_low, at_high = f(low), f(high)
    x = low
    for k in range(ROUNDS):
        rise = at_high - at_low
        secant = low - at_low * (high - low) / np.where(rise > 0, rise, 1.0)
        x = np.clip(secant, low, high) if k % 2 else 0.5 * (low + high)
        at = f(x)
        above = at > 0
        high, at_high = np.where(above, x, high), np.where(above, at, at_high)
        low, at_low = np.where(above, low, x), np.where(above, at_low, at)
    return x


def multiplier(solver: Bounder, leaf: Leaf) -> LayerMultiplier:
    """Return the multiplier of a part of the tree of W: nothing is multiplied by the first cut."""
    at = 2 * len(solver.form.F) + len(solver.form.bias_ranges)
    N = with_zeros(leaf.N.astype(float), at)
    path = path_of(solver.by_sign(), leaf)
    return best_multiplier(solver.at(path, leaf.row_bounds), N, np.insert(leaf.Y, at, 0.0, axis=0))


def path_of(signs: Sequence[Cut], leaf: Leaf) -> Path:
    """Return the path to a part, from its sign on."""
    return (*(c for c in signs if c.sign == leaf.sign), *leaf.cuts)


def polish(
    joint: Joint,
    wanted: float,
    expired: Callable[[], bool],
    known: float = -np.inf,
    most: int = MOST,
) -> BoundedParts | None:
    """Take steps, and split the parts after two looks; return the best seen.

    Where bounds of rows join them, they are split where a look gains little.  The last stage, of
    `most` parts or those that there is time for, ends after IDLE such looks; but of parts that
    are split beside bounds of rows it does not, as W becomes better while its bounds do not show
    it yet.  None if the best is below `known`.

    wanted  the value at which to stop
    known   a value that is given up for lost if two looks leave HOPE of it
    most    parts that are not split any more
    """
    best, before, begun, idle = None, -np.inf, 0, 0
    crowded = joint.crowded
    least = SLOW if crowded else np.inf, -np.inf if crowded and most > 1 else STALLED
    while True:
        now = advance(joint, expired)
        joint.tell(now)
        best = now if best is None else max(best, now, key=lambda x: x.value)
        last = len(joint.parts) >= most
        first = before == -np.inf
        lost = not first and best.value < HOPE * known
        slow = not first and now.value - before <= least[last] * (wanted - now.value)
        idle = idle + 1 if slow else 0
        over = best.value >= wanted or (idle == IDLE and last)
        if over or lost or expired():
            return best if best.value >= known else None
        before = max(before, now.value)
        if last or not slow:
            joint.widen()
        elif joint.left() < NEXT * (joint.taken - begun):
            most = 0
        else:
            joint.split(now)
            before, begun, idle = -np.inf, joint.taken, 0


def advance(joint: Joint, over: Callable[[], bool]) -> BoundedParts:
    """Take EVERY steps, or as many as there are until it is over, and look."""
    for _ in range(EVERY):
        joint.step()
        if over():
            break
    joint.balance()
    return joint.look()


def tree_of(query: LayerQuery, found: BoundedParts, aim: float = np.inf) -> Grown:
    """Return the tree of W with these leaves, cut by the sign of w^T p first.

    Of both sides of a cut the positive one is first.

    aim  a bound of a part above it is lowered by more steps, which use the cut by sign too
    """
    solver = bounder(query)
    first = solver.by_sign()
    known: list[SolvedPart[Cut, Relaxed, LayerMultiplier | None]] = [
        ((c,), Solved(0.0, None)) for c in first if c.sign == solver.excluded_sign
    ]
    paths = [path_of(first, leaf) for leaf in found.leaves]
    parts = [Relaxed(leaf.X, multiplier(solver, leaf), 0) for leaf in found.leaves]
    tasks = [(path, part, aim) for path, part in zip(paths, parts, strict=True)]
    known.extend(zip(paths, Pool(solver.resume, WORKERS).map(tasks), strict=True))
    return of_leaves(sorted(known, key=lambda x: [-c.sign for c in x[0]]))


def bound_or_polish(run: Run, W: Array) -> Iterator[Dual | None]:
    """Yield the bound of W; where that of its polar is loose, first of a W that is polished."""
    if not applies(run.problem):
        yield bound(run, W)
        return
    known, polar = bound_halves(run, W)
    if polar <= LOOSE * run.problem.lam or run.clock.expired():
        yield bound(run, W)
        return
    run.clock.tell("dual point of a relaxation", run.start.value)
    left = run.clock.left()
    until = np.inf if left is None else monotonic() + POLISHING * left
    many = polar > LOOSER * run.problem.lam
    found = polish_parts(run, W, until, (known, most_parts(run.problem) if many else 1))
    if found is not None:
        deadline = run.deadline()
        yield bound_found(run, found, near=many)
        if deadline is not None and monotonic() >= deadline:
            return  # what is left is for the same tree
    if found is None or not run.clock.expired():
        yield bound(run, W)


def most_parts(problem: Problem) -> int:
    """Return the number of parts that a polish does not split: 39 of 442 samples, some 2 GB."""
    return min(int(NUMBERS / (2 * problem.loss.dims[0]) ** 2) + 1, MOST)


def bound_halves(run: Run, W: Array) -> tuple[float, float]:
    """Return what the halves of the tree of W prove, and their bound of the polar.

    The tree is kept: the bound of W grows it.  Without a tree the bound is given as 0.
    """
    problem, point = run.problem, inside_point(run.problem, W)
    if point is None:
        return -np.inf, 0.0
    along = scaling.along(problem, point.W)
    query = replace(
        query_of(problem, point.W, run.seed),
        target=polar_target(run, along),
        nodes=PARTS,
        deadline=run.deadline(),
    )
    if query.beyond(layers.FOURTH) or not is_ordinary(problem.lam, W):
        return -np.inf, 0.0
    polar = layers.grow_tree(query).upper
    return scaling.value(problem, point.W, scaling.best_scale(problem, point.W, polar)), polar


def is_ordinary(*sizes: Array | float) -> bool:
    """Whether float32 holds products of numbers of these sizes."""
    return all(1 / ORDINARY <= float(np.abs(x).max()) <= ORDINARY for x in sizes)


def polish_parts(
    run: Run, W: Array, until: float = np.inf, limits: tuple[float, int] = (-np.inf, MOST)
) -> BoundedParts | None:
    """Return a polished W with its parts; None where these prove less than what is known.

    Without a budget steps are counted instead of seconds.

    until   the moment at which to stop
    limits  what is known, and how many parts are not split any more
    """
    problem, start, begun = run.problem, run.start, monotonic()

    def tell(now: BoundedParts) -> None:
        """Report the bound that the parts give."""
        stage = f"{len(now.leaves)} parts, optimum at least"
        run.clock.tell(stage, run.reported.raise_to(now.value))

    with threadpool_limits(1, user_api="blas"):
        joint = Joint(problem, start.factors, start.q, W)
        if not is_ordinary(problem.lam, W, joint.rho):
            return None
        counted = run.clock.budget is None
        steps = EFFORT / step_seconds(joint.first.query.layer.features.shape)

        def left() -> float:
            """Return how many more steps of a part there is time for, at the pace so far."""
            if counted:
                return steps - joint.taken
            now = monotonic()
            return (until - now) * joint.taken / (now - begun)

        def expired() -> bool:
            """Return whether the time or the steps are used up."""
            return run.clock.expired() or left() <= 0

        joint.tell, joint.left, joint.expired = tell, left, expired
        wanted = start.value - ENOUGH * run.epsilon
        return polish(joint, wanted, expired, *limits)


def bound_found(run: Run, found: BoundedParts, *, near: bool = False) -> Dual | None:
    """Return what a tree of W proves, which grows from its parts.

    W is as long as its value rises, up to FURTHER.

    near  a bound of its polar that is SLIGHT above an attained value would do, even if it does not
          prove what is wanted
    """
    problem = run.problem
    s = scaling.best_scale(problem, found.W, problem.lam / FURTHER)
    point = inside_point(problem, s * found.W)
    if point is None:
        return None
    longer = found._replace(leaves=tuple(x._replace(N=s * x.N, Y=s * x.Y) for x in found.leaves))
    whole = run.clock.duration()
    until = None if whole is None else run.clock.start + whole
    query = replace(query_of(problem, point.W, run.seed), deadline=until)
    with threadpool_limits(1, user_api="blas"):
        aim = polar_target(run, scaling.along(problem, point.W))
        if near:
            aim = max(attain(query)[0] * (1 + SLIGHT), aim)
            run = replace(run, target=aim)
        layers.keep_tree(query, tree_of(query, longer, aim))
    return bound_point(run, point)


def is_polished(run: Run, dual: Dual) -> bool:
    """Whether a dual point is not a multiple of the one at the candidate."""
    W, V = dual_at(run.problem, run.start), dual.point.W
    sizes = float(np.linalg.norm(W) * np.linalg.norm(V))
    return applies(run.problem) and float((W * V).sum()) < (1 - PARALLEL) * sizes
