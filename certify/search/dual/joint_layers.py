"""A dual point of a hidden layer that relaxations bound by lam: W and their multipliers together.

    max d(W)   over W, N >= 0 and L   with   e s w^T p + x^T (B^T N B + 2 B^T L) x
                                             <=  lam/2 (|u|^2 + s^2)

for both signs e of v, x = (p, u, s), s = |u| = |v|, p = (F u)_+; B x >= 0 are p and q = p - F u,
p_i q_i = 0; the rows of L are t s - y . u >= 0.  A polar that the relaxation overstates at the
network's own W is overstated less there.  It is the dual of

    min l(sum e Z_e + A q) + lam/2 sum tr Y_e   over   Y_e >= 0,  X_e = B Y_e B^T in the products

Z_e the column of X_e that is s p, tr Y_e of u and s.  By alternating directions: each Y_e by an
eigendecomposition, all X_e together by the loss.  The constraints are those of both halves of the
tree of W, cut by the sign of w^T p: it grows on from there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import NamedTuple, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.polar.ascent.layers import attain
from certify.polar.branching import cones, layers
from certify.polar.branching.layer_parts import Bounder, Cut, Grown, bounder
from certify.polar.branching.tree import Solved
from certify.polar.layer_query import LayerQuery
from certify.polar.layers import few
from certify.polar.relaxation.cone import Cone
from certify.polar.relaxation.frame import WEIGHT, Frame
from certify.polar.relaxation.layer_admm import Relaxed
from certify.polar.relaxation.layer_multiplier import LayerMultiplier, best_multiplier
from certify.polar.relaxation.layer_products import Products
from certify.polar.relaxation.layers import LayerForm, even_units, form_of
from certify.problem import Problem, Values

from . import scaling as rays
from .joint import remove_offsets, simple
from .points import Dual, Run, bound, bound_point, dual_at, enough, inside_point

RELAX = 1.6  # over-relaxation
PRICE = 0.7  # rho, in units of lam times the rows over the size of X: larger ones move W less
LOOKS, EVERY = 10, 100  # looks at the bound, and steps between them
SETTLED = 0.01  # of what is left: the gain in a look that ends it
HOPE = 0.5  # of what the network's own W proves
ROUNDS = 24  # sections that find W between its ends
SINGLE = 150  # rows from which iterates are kept in float32
PARTS = 3  # of the tree of the network's own W: both halves
POLISHING = 0.25  # share of the time left
FURTHER = 2.0  # how much longer a dual point is stored: a tree may bound its polar below lam
SHARES = tuple(k / 20 for k in range(20))  # of the network's own W in a mixture
LEFT = 0.85  # of what halves leave open above what is attained: what a tree of minutes leaves
AMPLE = 3.0  # times the seconds of the halves of W: less is too short for a mixture
SLIGHT = 2.0**-7  # of an attained value: a bound this near to it hardly falls any more
PARALLEL = 1e-6  # 1 - the cosine of multiples of one point
ORDINARY = 2.0**40  # sizes of lam, W and X beyond which float32 may not hold their products
LOOSE = 1.1  # of lam: a bound of the polar from which polishing W gains more than its tree
LOOSER = 1.5  # of lam: a bound of the polar from which no tree of minutes closes the gap of W


Known: TypeAlias = Solved[Cut, Relaxed, LayerMultiplier | None]


class Part(NamedTuple):
    """A half: the sign of v, X over (p, u, s), of trace 1 in u, and N and Y over p and q."""

    sign: int
    X: Array
    N: Array
    Y: Array


class Found(NamedTuple):
    """W, a field, its halves, and d of the multiple of W that they prove."""

    W: Array
    parts: tuple[Part, ...]
    value: float


def applies(problem: Problem) -> bool:
    """Whether the polar is that of a ReLU layer of one output whose features are not few.

    W is to be a plain projection beside the offsets, and the loss to have a slope everywhere.
    """
    layer = problem.atom.layer
    if layer is None or layer.most or layer.slope or layer.samples is not None:
        return False
    loss = problem.loss
    dense = np.isfinite(loss.curvature) and loss.observed.full and loss.dims[-1] == 1
    many = not cones.are_few(layer) and not few(*layer.features.shape)
    return bool(dense) and many and simple(problem)


class Half:
    """The iterates of one sign: X in the cone, Z in the polyhedron, and U."""

    def __init__(self, form: LayerForm, neurons: Array, lam: float) -> None:
        """Start at neurons (p, u, s), in even units."""
        self.kind = np.float32 if len(form.F) > SINGLE else np.float64
        self.form, self.rows = form, Products(form)
        self.frame = Frame(form, self.kind)
        (m, d), weights = form.F.shape, self.frame.weights
        T = np.delete(self.frame.T[m:], range(form.priced, d), axis=0)
        self.cone = Cone(self.frame, (-0.5 * lam * T.T @ T).astype(self.kind))
        p, u, s = np.split(neurons, [m, m + d])
        at = np.vstack([p, p - form.F @ u, weights[:, None] * u, WEIGHT * s])
        self.Z = self.polyhedron((at @ at.T).astype(self.kind))
        self.U = np.zeros_like(self.Z)

    def step(self, rho: float) -> Array:
        """Project on the cone, and over-relax."""
        X = self.cone.project(self.Z - self.U, self.kind(rho))
        V = self.kind(RELAX) * X
        V += self.kind(1 - RELAX) * self.Z
        V += self.U
        return V

    def ends(self, V: Array) -> Array:
        """Return what the products of p and s are near to, and the length of those of p and u."""
        p, (*u, s) = self.rows.p, self.rows.ball
        return np.stack([V[p, s], np.linalg.norm(V[np.ix_(p, u)], axis=1)]).astype(float)

    def meet(self, V: Array, column: Array) -> None:
        """Project on the polyhedron; column: the products of p and s."""
        self.Z = self.polyhedron(V, column.astype(self.kind))
        self.U = V - self.Z

    def polyhedron(self, V: Array, column: Array | None = None) -> Array:
        """Return the projection: u's own rows are free, but for the reach of a free bias."""
        Z = self.rows.project(V, column)
        if self.form.reach:
            normal, k = -((self.form.reach / self.frame.weights) ** 2), self.rows.u
            normal[-1] = self.frame.weights[-1] ** -2
            excess = max(float(normal @ Z[k, k]), 0.0)
            Z[k, k] -= normal * (excess / float(normal @ normal))
        return Z

    def part(self, W: Array, rho: float, units: Array) -> Part:
        """Return X, N and Y in the units of the form; W times e / 2 t is no part of Y."""
        m, U = len(self.form.F), rho * self.U.astype(float)
        U[self.rows.p, self.rows.s] += 0.5 * self.form.sign * W / WEIGHT
        N, Y = self.rows.multipliers(U)
        sizes = np.tile(units[:m], 2)
        T = self.frame.T / units[:, None]
        X = T @ self.cone.Y.astype(float) @ T.T
        priced = np.arange(m, m + self.form.priced)
        X /= max(float(X[priced, priced].sum()), np.finfo(float).tiny)
        return Part(self.form.sign, X, N * np.outer(sizes, sizes), Y * sizes[:, None])


class Joint:
    """The iterates of both signs, W and the offsets that they share."""

    def __init__(self, problem: Problem, factors: Factors, q: Values, W: Array) -> None:
        self.problem, self.W, self.q = problem, W.reshape(-1), q
        query = query_of(problem, W)
        self.form = form_of(query)
        m = len(self.form.F)
        inner, self.units, _ = even_units(replace(self.form, sign=1))
        self.t = self.units[:m] / self.form.scale
        neurons, signs = balance(query, factors)
        neurons[:m] *= self.t[:, None]
        self.halves = [
            Half(replace(inner, sign=e), neurons[:, signs == e], problem.lam) for e in query.signs()
        ]
        size = float(np.sqrt(np.mean([np.square(h.Z).sum() for h in self.halves])))
        self.rho = PRICE * m * problem.lam / size if size > 0 else 0.0

    def step(self) -> None:
        """Move every X; then W, the offsets and every Z."""
        goals = [h.step(self.rho) for h in self.halves]
        ends = np.stack([h.ends(V) for h, V in zip(self.halves, goals, strict=True)], axis=1)
        for h, V, column in zip(self.halves, goals, self.share(*ends), strict=True):
            h.meet(V, column)

    def share(self, V: Array, sizes: Array) -> Array:
        """Return the columns nearest to V (signs, m) in the price of the loss over columns >= 0.

        A column c below its size shortens the products of p and u to c.  With a = V + e w /
        (2 rho t), w = -l' at their sum, between 0 and the slope at w = 0, it is a, or
        (a + size) / 2 if a is less than the size.
        """
        observed, loss = self.problem.loss.observed, self.problem.loss
        e = np.array([[h.form.sign] for h in self.halves]) / (WEIGHT * self.t)
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

    def look(self) -> Found:
        """Return W, orthogonal to the offsets, and what its halves prove."""
        loss = self.problem.loss
        W = remove_offsets(self.problem, loss.observed.field(self.W[:, None]))
        W = loss.clip_dual(W)
        parts = tuple(h.part(self.W / self.t, self.rho, self.units) for h in self.halves)
        solver = bounder(query_of(self.problem, W))
        top = max(multiplier(solver, x).bound for x in parts)
        s = rays.best_scale(self.problem, W, top)
        return Found(W, parts, rays.value(self.problem, W, s))


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


def multiplier(solver: Bounder, part: Part) -> LayerMultiplier:
    """Return the multiplier of a half of the tree of W: nothing is multiplied by its cut."""
    N, Y = np.pad(part.N, (0, 1)), np.pad(part.Y, ((0, 1), (0, 0)))
    return best_multiplier(solver.at(path_of(solver, part)), N, Y)


def path_of(solver: Bounder, part: Part) -> tuple[Cut, ...]:
    """Return the path to a half."""
    return tuple(c for c in solver.by_sign() if c.sign == part.sign)


def polish(
    joint: Joint, wanted: float, expired: Callable[[], bool], known: float = -np.inf
) -> Found | None:
    """Take steps until the value rises no more; return the best seen, None if it is below `known`.

    wanted  the value at which to stop
    known   a value that is given up for lost if two looks leave HOPE of it
    """
    seen, best = list[float](), None
    for k in range(1, LOOKS * EVERY + 1):
        joint.step()
        if k % EVERY and not expired():
            continue
        now = joint.look()
        if best is None or now.value > best.value:
            best = now
        seen.append(best.value)
        late = len(seen) > 1 and best.value - seen[-2] <= SETTLED * (wanted - best.value)
        lost = len(seen) > 1 and best.value < HOPE * known
        if best.value >= wanted or late or lost or expired():
            break
    return best if best is not None and best.value >= known else None


def tree_of(query: LayerQuery, found: Found) -> Grown:
    """Return the tree of W, cut by the sign of w^T p."""
    solver = bounder(query)
    known: dict[int, Known] = {}
    for part in found.parts:
        path, best = path_of(solver, part), multiplier(solver, part)
        known[part.sign] = solver.known(path, Relaxed(part.X, best, 0), 0.0)
    none: Known = Solved(0.0, None)
    return layers.tree_of_halves(solver, [known.get(c.sign, none) for c in solver.by_sign()])


def bound_or_polish(run: Run, W: Array) -> Iterator[Dual | None]:
    """Yield the bound of W; where that of its polar is loose, first of a W that is polished."""
    if not applies(run.problem):
        yield bound(run, W)
        return
    begun = monotonic()
    known, polar = bound_halves(run, W)
    took = monotonic() - begun
    if polar <= LOOSE * run.problem.lam or run.clock.expired():
        yield bound(run, W)
        return
    run.clock.tell("dual point of a relaxation", run.start.value)
    left = run.clock.left()
    until = np.inf if left is None else monotonic() + POLISHING * left

    def expired() -> bool:
        """Whether the share of the polish is spent."""
        return run.clock.expired() or monotonic() > until

    found = polish_halves(run, W, expired, known)
    if found is not None:
        yield bound_found(run, found)
        if polar > LOOSER * run.problem.lam and not run.clock.expired():
            left = run.clock.left()
            ample = left is None or run.share * left >= AMPLE * took
            with threadpool_limits(1, user_api="blas"):
                mixed, near = mixture(run, (W, polar), found, SHARES if ample else SHARES[:1])
            deadline = run.deadline()
            yield bound_found(run, mixed, near)
            if deadline is not None and monotonic() >= deadline:
                return  # what is left is for the same tree
    if found is None or not run.clock.expired():
        yield bound(run, W)


def mixture(
    run: Run, own: tuple[Array, float], found: Found, shares: Sequence[float] = SHARES
) -> tuple[Found, float]:
    """Return the mixture of the network's own W and a polished one whose tree promises most.

    Also the bound of its polar from which it promises little: what is attained, and SLIGHT more.
    A polar is convex, so that what halves prove of a mixture, and what is attained of it, are at
    most between those of its ends; a tree leaves LEFT of what is open between them.

    own  W, and what its halves prove of its polar
    """
    problem, W = run.problem, own[0]

    def attained(W: Array) -> float:
        """Return an attained value of a polar."""
        return attain(query_of(problem, W, run.seed))[0]

    ends = [(W, own[1]), (found.W, tree_of(query_of(problem, found.W), found).upper)]
    left = [low + LEFT * (polar - low) for low, polar in ((attained(X), p) for X, p in ends)]

    def mix(share: float) -> Array:
        """Return a mixture."""
        return share * W + (1 - share) * found.W

    def value(share: float) -> float:
        """Return what a mixture promises."""
        polar = share * left[0] + (1 - share) * left[1]
        return rays.value(problem, mix(share), rays.best_scale(problem, mix(share), polar))

    best = mix(max(shares, key=value))
    return found._replace(W=best), attained(best) * (1 + SLIGHT)


def bound_halves(run: Run, W: Array) -> tuple[float, float]:
    """Return what the halves of the tree of W prove, and their bound of the polar.

    The tree is kept: the bound of W grows it.  Without a tree the bound is given as 0.
    """
    problem, point = run.problem, inside_point(run.problem, W)
    if point is None:
        return -np.inf, 0.0
    along = rays.along(problem, point.W)
    query = replace(
        query_of(problem, point.W, run.seed),
        target=enough(run, along),
        nodes=PARTS,
        deadline=run.deadline(),
    )
    if query.beyond(layers.FOURTH) or not is_ordinary(problem.lam, W):
        return -np.inf, 0.0
    polar = layers.grow_tree(query).upper
    return rays.value(problem, point.W, rays.best_scale(problem, point.W, polar)), polar


def is_ordinary(*sizes: Array | float) -> bool:
    """Whether float32 holds products of numbers of these sizes."""
    return all(1 / ORDINARY <= float(np.abs(x).max()) <= ORDINARY for x in sizes)


def polish_halves(
    run: Run, W: Array, expired: Callable[[], bool], known: float = -np.inf
) -> Found | None:
    """Return a polished W with its halves; None where these prove less than what is known."""
    problem, start = run.problem, run.start
    with threadpool_limits(1, user_api="blas"):
        joint = Joint(problem, start.factors, start.q, W)
        if not is_ordinary(problem.lam, W, joint.rho):
            return None
        return polish(joint, start.value, expired, known)


def bound_found(run: Run, found: Found, near: float | None = None) -> Dual | None:
    """Return what a tree of W proves, which grows from multipliers of halves, maybe of another W.

    W is as long as its value rises, up to FURTHER.

    near  a bound of the polar of W that would do, even if it does not prove what is wanted
    """
    problem = run.problem
    s = rays.best_scale(problem, found.W, problem.lam / FURTHER)
    point = inside_point(problem, s * found.W)
    if point is None:
        return None
    longer = found._replace(parts=tuple(p._replace(N=s * p.N, Y=s * p.Y) for p in found.parts))
    query = query_of(problem, point.W, run.seed)
    with threadpool_limits(1, user_api="blas"):
        layers.keep_tree(query, tree_of(query, longer))
    if near is not None:
        wanted = max(s * near, enough(run, rays.along(problem, point.W)))
        run = replace(run, wanted=wanted)
    return bound_point(run, point)


def is_polished(run: Run, dual: Dual) -> bool:
    """Whether a dual point is not a multiple of the one at the candidate."""
    W, V = dual_at(run.problem, run.start), dual.point.W
    sizes = float(np.linalg.norm(W) * np.linalg.norm(V))
    return applies(run.problem) and float((W * V).sum()) < (1 - PARALLEL) * sizes
