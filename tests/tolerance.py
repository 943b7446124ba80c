"""The one place where a rounding allowance is computed, and values are known exactly."""

import math
from fractions import Fraction

import numpy as np

from certify.atoms import CP, DeepLinear, DeepReLU, ReLU, Symmetric

from . import references

EPS = float(np.finfo(np.float64).eps)
BITS = 256  # correct bits of the square roots below: far beyond a float's 53


def rounding(*terms, flops):
    """Return flops eps sum |terms|: the a-priori bound for that many operations."""
    return flops * EPS * sum(float(np.abs(t).sum()) for t in terms)


def half_ulp(x):
    """Return how far the float nearest to a number may be from it."""
    return Fraction(math.ulp(x)) / 2


def fractions(x):
    """Return an array's entries as exact rationals."""
    flat = np.asarray(x).reshape(-1)
    return [v if isinstance(v, Fraction) else Fraction(float(v)) for v in flat]


def enclosed_root(x):
    """Return rationals (lo, hi) around the square root of x >= 0, BITS bits apart."""
    shift = max(0, BITS + (x.denominator.bit_length() - x.numerator.bit_length()) // 2)
    scaled, rest = divmod(x.numerator << 2 * shift, x.denominator)
    r = math.isqrt(scaled)
    return Fraction(r, 1 << shift), Fraction(r + (r * r < scaled or rest > 0), 1 << shift)


def exact_square(key, x):
    """Return the square of the norm `key` of a vector, exactly."""
    values = fractions(x)
    if key.startswith("linf"):
        return max(map(abs, values)) ** 2
    if key.startswith("l1"):
        return sum(map(abs, values), Fraction(0)) ** 2
    return sum((v * v for v in values), Fraction(0))


def exact_theta(atom, *x):
    """Return rationals around theta of a slice, of any kind of atom."""
    if isinstance(atom, ReLU):
        return layer_theta(atom, *x)
    if isinstance(atom, CP):
        return cp_theta(atom, x * len(atom.norms) if atom.symmetric else x)
    if isinstance(atom, DeepLinear | DeepReLU):
        return cp_theta(CP(["l2"] * len(x), form=atom.form), [part.reshape(-1) for part in x])
    if isinstance(atom, Symmetric):
        return (exact_square(atom.norm, x[0]),) * 2
    u, v = x
    if any(g.name == "variation" for g in atom.gauges):
        sizes = [exact_norm(g, part) for g, part in zip(atom.gauges, x, strict=True)]
        return tuple(a * b for a, b in zip(*sizes, strict=True))
    a, b = exact_square(atom.left, u), exact_square(atom.right, v)
    return ((a + b) / 2,) * 2 if atom.form == "sum" else enclosed_root(a * b)


def layer_theta(atom, u, v):
    """Return rationals around |u||v| or its sum form; a free bias has no price."""
    layer = atom.layer
    sizes = exact_norm(layer.left, u[:-1] if layer.free else u), exact_norm(layer.right, v)
    if atom.form == "sum":
        return tuple((a * a + b * b) / 2 for a, b in zip(*sizes, strict=True))
    return tuple(a * b for a, b in zip(*sizes, strict=True))


def cp_theta(atom, x):
    """Return rationals around the product of the norms, or the mean of their K-th powers."""
    squares = [exact_square(key, part) for key, part in zip(atom.norms, x, strict=True)]
    if atom.form == "product":
        return enclosed_root(math.prod(squares))
    K, roots = len(squares), [enclosed_root(s) for s in squares]
    ends = [
        [s ** (K // 2) * r[end] ** (K % 2) for s, r in zip(squares, roots, strict=True)]
        for end in (0, 1)
    ]
    return sum(ends[0]) / K, sum(ends[1]) / K


def exact_shift(offset, q, i, j):
    """Return (A q)_ij of one offset, exactly."""
    if offset.name == "linear":
        pairs = zip(fractions(offset.A[i]), fractions(q[:, j]), strict=True)
        return sum((a * b for a, b in pairs), Fraction(0))
    if offset.name == "smooth":
        return Fraction(float(q[i, j]))
    return Fraction(float(q[{"intercept": 0, "row": i, "column": j}[offset.name]]))


def exact_field(offset, q, at):
    """Return A q at the observed entries, from the definition."""
    if offset.name == "sparse":
        return fractions(q)
    if offset.name == "mode":
        at_mode = np.array(np.unravel_index(np.ravel_multi_index(at.listed, (at.m, at.n)), at.dims))
        return [Fraction(float(q[k])) for k in at_mode[offset.axis]]
    pairs = zip(*(k.tolist() for k in at.listed), strict=True)
    return [exact_shift(offset, q, i, j) for i, j in pairs]


def exact_penalty(offset, q):
    """Return H(q), exactly."""
    if offset.name == "sparse":
        return Fraction(offset.rho) * sum(map(abs, fractions(q)), Fraction(0))
    total = Fraction(offset.ridge) * exact_square("l2", q) / 2
    if offset.name == "smooth":
        weights = np.ones(len(offset.edges)) if offset.weights is None else offset.weights
        for (i, j), w in zip(offset.edges.tolist(), fractions(weights), strict=True):
            ends = zip(fractions(q[i]), fractions(q[j]), strict=True)
            total += Fraction(offset.rho) * w * sum((a - b) ** 2 for a, b in ends) / 2
    return total


def exact_objective(problem, factors, q=()):
    """Return rationals around f(U, V, q), written from the definition alone."""
    atom = problem.atom
    at, held = problem.loss.observed, zip(problem.offsets, q, strict=True)
    shifts = [iter(exact_field(o, x, at)) for o, x in held]
    every = factors * len(at.dims) if len(factors) == 1 else factors  # one factor for all
    if isinstance(atom, ReLU):
        every = (exact_hidden(atom.layer, factors[0]), factors[1])
    if isinstance(atom, DeepLinear | DeepReLU):
        every = exact_outputs(atom, factors)
    where = np.unravel_index(np.ravel_multi_index(at.listed, (at.m, at.n)), at.dims)
    fit = []
    for place in zip(*(k.tolist() for k in where), strict=True):
        rows = [fractions(x[i]) for x, i in zip(every, place, strict=True)]
        terms = (math.prod(parts) for parts in zip(*rows, strict=True))
        fit.append(sum(terms, Fraction(0)) + sum(next(f) for f in shifts))
    total, error = exact_loss(problem.loss, fit)
    for o, x in zip(problem.offsets, q, strict=True):
        total += exact_penalty(o, x)
    slices = range(factors[0].shape[-1])
    thetas = [exact_theta(atom, *(x[..., k] for x in factors)) for k in slices]
    lam = Fraction(problem.lam)
    for weight, x in zip(problem.l1 or (), factors, strict=False):
        total += Fraction(weight) * sum(map(abs, fractions(x)), Fraction(0))
    ends = (-error, error)
    return tuple(total + e + lam * sum(t[side] for t in thetas) for side, e in enumerate(ends))


def exact_outputs(atom, factors):
    """Return the outputs of parallel deep networks as rows times the identity, exactly."""
    slope = Fraction(getattr(atom, "slope", 1.0))
    n, outputs = len(atom.V), factors[-1].shape[1]
    total = np.full((n, outputs), Fraction(0), dtype=object)
    for k in range(factors[0].shape[-1]):
        held = np.array([fractions(row) for row in atom.V], dtype=object)
        for at, x in enumerate(factors):
            if at:
                held = np.where(held > 0, held, slope * held)
            own = np.array([fractions(row) for row in x[..., k]], dtype=object)
            held = held @ own.reshape(x.shape[:2])
        total = total + held
    return total, np.eye(outputs)


def exact_hidden(layer, U):
    """Return pool(s(F U)), exactly, as an array of rationals."""
    samples = range(len(layer.features)) if layer.samples is None else layer.samples.tolist()
    out = [[Fraction(0)] * U.shape[1] for _ in range(max(samples) + 1)]
    for f, k in zip(layer.features, samples, strict=True):
        for j, u in enumerate(U.T):
            pairs = zip(fractions(f), fractions(u), strict=True)
            z = sum((a * b for a, b in pairs), Fraction(0))
            acted = z if z > 0 else Fraction(layer.slope) * z
            out[k][j] = max(out[k][j], acted) if layer.max_pooled else out[k][j] + acted
    return np.array(out, dtype=object).reshape(len(out), U.shape[1])


def exact_loss(loss, fit):
    """Return (l, error) of a loss at exact fits: no error for least squares."""
    if loss.name != "squared":
        value = references.rational(references.value(loss, fit))
        return value, references.NEAR * (1 + abs(value))
    weights = np.ones(len(fit)) if loss.scale is None else loss.scale
    triples = zip(fractions(weights), fit, fractions(loss.data), strict=True)
    return sum((w * (z - y) ** 2 / 2 for w, z, y in triples), Fraction(0)), Fraction(0)


def exact_norm(norm, x):
    """Return rationals around the norm of a vector, written from its definition alone."""
    values = fractions(x)
    squares = [v * v for v in values]
    if norm.name in ("l1", "linf"):
        size = (sum if norm.name == "l1" else max)(map(abs, values))
        return Fraction(size), Fraction(size)
    if norm.name == "weighted":
        squares = [Fraction(w) * s for w, s in zip(norm.weights, squares, strict=True)]
    if norm.name == "group":
        sums = [enclosed_root(sum(squares[i] for i in g)) for g in norm.groups]
        how = sum if norm.outer == "l1" else max
        return how(s[0] for s in sums), how(s[1] for s in sums)
    low, high = enclosed_root(sum(squares, Fraction(0)))
    part, share = Fraction(0), Fraction(1)
    if norm.name == "elastic":
        share = 1 - Fraction(norm.alpha)
        part = Fraction(norm.alpha) * sum(map(abs, values))
    if norm.name == "variation":
        part = Fraction(norm.rho) * sum(abs(values[i] - values[j]) for i, j in norm.edges)
    return part + share * low, part + share * high
