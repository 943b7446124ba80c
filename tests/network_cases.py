"""Hidden layers whose polar is known by enumeration, and proofs about them, tight and random."""

from fractions import Fraction
from itertools import combinations, product

import cvxpy as cp
import numpy as np

from certify.atoms import ReLU
from certify.kernel.arrays import Arrays, rows_of
from certify.kernel.evidence import Evidence
from certify.kernel.patterns import Pattern
from certify.kernel.rules.network import Case, pull_back
from certify.kernel.rules.polar import polar_bound
from certify.kernel.statement import stated_atom
from certify.pipeline.certificate.file import ask
from certify.polar.proved import as_kernel_array, split
from certify.search.relax import Using

GRID = 64.0  # data are multiples of 1/64: sums and products of a few are exact
TINY = 2.0**-40  # singular values of dyadic rows are 0 or far above it


def drawn(rng, shape):
    """Return small dyadic numbers."""
    return rng.integers(-96, 97, shape) / GRID


def made(seed, sizes=(4, 2, 1), **kwargs):
    """Return a layer and a W for it; columns sum to zero where the bias is free."""
    rng = np.random.default_rng(seed)
    rows, d, outputs = sizes
    samples = kwargs.get("samples")
    W = drawn(rng, (rows if samples is None else max(samples) + 1, outputs))
    if kwargs.get("bias") == "free":
        W[-1] -= W.sum(axis=0)
    return ReLU(drawn(rng, (rows, d)), **kwargs), W


# --- the truth: every local maximum on every face of every cell -----------------------


def value(atom, W, U):
    """Return |W^T pool(s(F u))| of each column of U, the norm dual to that of v."""
    y, right = W.T @ atom.layer.act(U), atom.layer.right
    if right.cone:
        y = np.maximum(y if right.cone == "+" else -y, 0.0)
    if right.name == "l2":
        return np.sqrt((y**2).sum(axis=0))
    return np.abs(y).max(axis=0) if right.name == "l1" else np.abs(y).sum(axis=0)


def functionals(right, outputs):
    """Return matrices M: on a cell, at a maximum, the value is |M^T (linear)|_2 for one of them."""
    if right.name == "l1":
        return [np.eye(outputs)[:, [j]] for j in range(outputs)]
    if right.name == "linf":
        return [np.array(g)[:, None] for g in product((-1.0, 0.0, 1.0), repeat=outputs)]
    chosen = (np.eye(outputs)[:, list(c)] for k in range(outputs) for c in combos(outputs, k + 1))
    return list(chosen)


def combos(n, k):
    return combinations(range(n), k)


def faces(F):
    """Return bases of the spaces where up to d - 1 of the rows vanish."""
    d = F.shape[1]
    out = []
    for k in range(d):
        for rows in combos(len(F), k):
            held = F[list(rows)].reshape(k, d)
            _, sizes, right = np.linalg.svd(held, full_matrices=True)
            rank = int((sizes > TINY).sum())
            out.append(right[rank:].T)
    return out


def directions(F, omega, atom, more=None):
    """Return unit vectors among which every local maximum of the value is.

    F (rows, d), omega (rows, outputs).  Within the relative interior of a face of a cell
    (the rows of F and of `more` cut the space) the value is that of a linear map followed by
    one of `functionals`: a local maximum is an eigenvector of its Gram matrix on the face.
    """
    patterns = np.array(list(product((1.0, atom.layer.slope), repeat=len(F))))
    linear = np.einsum("rd,kr,ro->kdo", F, patterns, omega)
    found = []
    for Q in faces(F if more is None else np.vstack([F, more])):
        for M in functionals(atom.layer.right, omega.shape[1]):
            C = np.einsum("de,kdo,oj->kej", Q, linear, M)
            vectors = np.linalg.eigh(C @ np.swapaxes(C, 1, 2))[1]
            found.append((Q @ vectors).transpose(1, 0, 2).reshape(F.shape[1], -1))
    U = np.hstack(found)
    return np.hstack([U, -U])


def candidates(atom, W, more=None):
    """Return vectors u, |u| <= 1 where it is priced, that hold every maximizer.

    With a free bias some best b puts a row at its break: b c = -f_i . u, and what is left is
    a layer without a bias.
    """
    layer = atom.layer
    F, omega = layer.features, layer.spread(W)
    if not layer.free:
        return directions(F, omega, atom, more)
    out = []
    for f in F[:, :-1]:
        U = directions(F[:, :-1] - f, omega, atom)
        out.append(np.vstack([U, -(f @ U) / F[0, -1]]))
    return np.hstack(out)


def truth(atom, W):
    """Return the polar, attained."""
    return float(value(atom, W, candidates(atom, W)).max(initial=0.0))


# --- asking the kernel -----------------------------------------------------------------


def network_of(atom, W, **said):
    """Return what the kernel is told of a layer."""
    given = Arrays({k: as_kernel_array(a) for k, a in atom.arrays().items()}, "statement")
    return stated_atom(atom.statement() | said, given, Pattern(*W.shape))


def proved(tier, atom, W, proof):
    """Return the kernel's bound."""
    ar, (text, arrays) = tier(), split(proof)
    with np.errstate(all="ignore"):  # the kernel refuses what is not finite
        w = ar.load(as_kernel_array(W.reshape(-1)))
        return polar_bound(ar, network_of(atom, W), w, Evidence(text, Arrays(arrays, "proof")))


def case_of(ar, atom, W, cuts=None):
    """Return the kernel's view of one polar."""
    net = network_of(atom, W)
    w = ar.load(as_kernel_array(W.reshape(-1)))
    m, d = net.features.shape
    held = as_kernel_array(np.zeros((0, m + d)) if cuts is None else cuts)
    omega = [Fraction(x) for x in atom.layer.spread(W)[:, 0].tolist()] if W.shape[1] == 1 else []
    return Case(net, pull_back(ar, net, w), omega, rows_of(held))


def asked_of(problem, factors, q=None):
    """Return a question about factors, with the best intercept where it is to be found."""
    held = problem.accept(factors)
    asked = ask(problem, held, q, rtol=1e-6, atol=0.0)
    if q is not None or not problem.offsets:
        return asked, {}
    rest = problem.loss.data - problem.atom.predict(held, problem.loss.observed)
    return asked, {"q0": as_kernel_array(rest.mean(axis=0))}


# --- cells --------------------------------------------------------------------------------


def best_cell(atom, W, sign, rows):
    """Return the node of the least bound over mu and rho; `rows` has (row, sign) pairs."""
    layer, slope = atom.layer, atom.layer.slope
    F, omega = layer.features, sign * layer.spread(W)[:, 0]
    m, d = F.shape
    known, extra, free = np.zeros(m), 0.0, []
    reach, radius = far(layer)
    signs = dict(rows)
    for i, w in enumerate(omega):
        if i in signs:
            known[i] = w * (1.0 if signs[i] > 0 else slope)
        elif w < 0:
            free.append(i)
        else:
            known[i] = w * (1 + slope) / 2
            extra += w * (1 - slope) / 2 * radius[i]
    mu, rho = cp.Variable(max(len(rows), 1), nonneg=True), cp.Variable(max(len(free), 1))
    total = F.T @ known
    for k, (i, s) in enumerate(rows):
        total = total + s * F[i] * mu[k]
    for k, i in enumerate(free):
        total = total + omega[i] * F[i] * rho[k]
    priced = d - int(layer.free)
    cost = cp.norm(total[:priced]) + (reach * cp.abs(total[d - 1]) if layer.free else 0.0)
    cp.Problem(cp.Minimize(cost), [rho >= slope, rho <= 1]).solve(solver="CLARABEL")
    found = {"cell": 0, "mu": [], "rho": []}
    found["mu"] = [[k, max(float(mu.value[k]), 0.0).hex()] for k in range(len(rows))]
    inside = np.clip(rho.value, slope, 1.0)
    found["rho"] = [[i, float(inside[k]).hex()] for k, i in enumerate(free)]
    return found


def far(layer):
    """Return a bound of |b|, and of |f_i . u| of each row."""
    F = layer.features
    if not layer.free:
        return 0.0, np.linalg.norm(F, axis=1)
    sizes = np.linalg.norm(F[:, :-1], axis=1)
    return sizes.max() / F[0, -1], sizes + sizes.max()


def cell_tree(atom, W, depth):
    """Return a proof by cells: the first rows are split, `depth` of them."""
    signs = {"": (1, -1), "+": (1,), "-": (-1,)}[atom.layer.right.cone]
    nodes = [{"signs": []}]

    def grow(sign, rows):
        """Add a part and return its number."""
        at = len(nodes)
        nodes.append({})
        if len(rows) == depth:
            nodes[at] = best_cell(atom, W, sign, rows)
        else:
            i = len(rows)
            plus, minus = (grow(sign, [*rows, (i, s)]) for s in (1, -1))
            nodes[at] = {"row": i, "plus": plus, "minus": minus}
        return at

    nodes[0]["signs"] = [grow(s, []) for s in signs]
    return {"rule": "network", "nodes": nodes}


# --- leaves whose facts are multiplied by the cone of s = |u| -------------------------------


def lifted(Y):
    """Return rows (y, |y|), the last rounded up, exactly: float32 stays float32."""
    t = []
    for y in Y.astype(float):
        size, length = sum(Fraction(x) ** 2 for x in y), Y.dtype.type(np.linalg.norm(y))
        while Fraction(float(length)) ** 2 < size:
            length = np.nextafter(length, Y.dtype.type(np.inf))
        t.append(length)
    return np.column_stack([Y, np.array(t, dtype=Y.dtype)])


def cone_form(atom, W, cuts, sign):
    """Return C and B of a leaf with "Y<t>" where tau is 1, over x = (p, u, b, s).

    cuts  rows over (p, u, b), or over x
    """
    layer, omega = atom.layer, atom.layer.spread(W)
    F, a = layer.features, layer.slope
    (m, d), k = F.shape, sum(F.shape) + 1
    rows = [np.eye(m, k), np.hstack([np.eye(m), -F, np.zeros((m, 1))])]
    rows.append(np.pad(cuts, ((0, 0), (0, k - cuts.shape[1]))))
    A = np.zeros((k, omega.shape[1]))
    A[:m], A[m : m + d] = (1 - a) * omega, a * F.T @ omega
    C = A @ A.T
    if sign:
        C = np.zeros((k, k))
        C[-1], C[:, -1] = 0.5 * sign * A[:, 0], 0.5 * sign * A[:, 0]
    return C, np.vstack(rows)


def cone_lines(layer, Y):
    """Return L, its rows (0, -y, 0, t)."""
    (m, d), free = layer.features.shape, int(layer.free)
    h, cols = len(Y), d - free
    return np.hstack([np.zeros((h, m)), -Y[:, :cols], np.zeros((h, free)), Y[:, cols:]])


def cone_leaf(atom, W, cuts, sign):
    """Return the solver's best leaf, {"node", "arrays"}, and what it should prove."""
    layer = atom.layer
    (m, d), free, reach = layer.features.shape, int(layer.free), far(layer)[0]
    C, B = cone_form(atom, W, cuts, sign)
    (h, k), at = B.shape, np.arange(m)
    N, Y, t = cp.Variable((h, h), symmetric=True), cp.Variable((h, d - free)), cp.Variable(h)
    prices, meet = cp.Variable(3), np.zeros((h, h))
    meet[at, m + at] = meet[m + at, at] = 1.0
    priced = np.zeros((k, 3))
    priced[m : m + d - free, 0] = priced[m + d - free : m + d, 1] = priced[-1, 2] = 1.0
    last = [np.zeros((h, 1))] * free + [cp.reshape(t, (h, 1), "C")]
    L = cp.hstack([np.zeros((h, m)), -Y, *last])
    form = C + B.T @ N @ B + B.T @ L + L.T @ B
    held = [cp.diag(priced @ prices) >> form, cp.multiply(1 - meet, N) >= 0, prices[1] >= 0]
    held += [cp.SOC(t, Y, axis=1)] + [prices[1] == 0] * (not free)
    cost = prices[0] + prices[2] + reach**2 * prices[1]
    assert Using().solve(cp.Problem(cp.Minimize(cost), held))
    N = np.where(meet, N.value, np.maximum(N.value, 0.0))
    Y, (level, bias, radial) = lifted(Y.value), prices.value.tolist()
    Y[:, -1] = np.maximum(Y[:, -1], t.value)  # more is a product of a fact and s
    L = cone_lines(layer, Y)
    G = C + B.T @ N @ B + B.T @ L + L.T @ B - np.diag(priced @ [level, bias, radial])
    shift = np.ceil(max(np.linalg.eigvalsh(G)[-1], 0.0) * 2.0**40 + 2) / 2.0**40
    factor = np.linalg.cholesky(shift * np.eye(k) - G)
    wide = (1 + (layer.features**2).sum()) * (1 + reach**2) + 1
    told = max(level + radial, 0.0) + max(bias, 0.0) * reach**2 + shift * wide
    node = {"tau": "0x1p0", "level": level.hex(), "radial": radial.hex(), "bias": bias.hex()}
    node |= {"shift": Fraction(shift)} | ({"linear": True} if sign else {})
    arrays = {"N": N[np.tril_indices(h)], "Y": Y, "L": factor[np.tril_indices(k)]}
    return {"node": node, "arrays": arrays}, told if sign else told**0.5


# --- random proofs -------------------------------------------------------------------------


def random_leaf(rng, atom, k, path, outputs):
    """Return a leaf that no search made, and its arrays: N of allowed signs, the rest anything.

    path  the rows, cuts and added facts before it; a fact may have slack, which needs "radial"
    """
    m, cuts = len(atom.layer.features), len(path)
    radial, cone = bool(rng.integers(2)), bool(rng.integers(2))
    radial |= any(kind == "added" for kind, _ in path)
    h = 2 * m + (1 + 2 * m if radial and not cone else 0) + cuts
    N = (
        np.abs(rng.standard_normal((h, h)))
        * rng.integers(0, 2, (h, h))
        * 2.0 ** rng.integers(-8, 3)
    )
    N = np.tril(N)
    i = np.arange(m)
    N[m + i, i] = rng.standard_normal(m) * 2.0 ** rng.integers(-4, 4)
    node = {"leaf": k, "tau": float(2.0 ** rng.integers(-4, 5)).hex()}
    node |= {"level": float(rng.uniform(-1, 4)).hex(), "bias": float(rng.uniform(-1, 2)).hex()}
    node |= {"shift": f"{int(rng.integers(0, 200)):x}/8"}
    if radial:
        node["radial"] = float(rng.uniform(-2, 4)).hex()
    if radial and outputs == 1 and rng.integers(2):
        node["linear"] = True
    kind = np.float32 if rng.integers(2) else np.float64
    arrays = {f"N{k}": N[np.tril_indices(h)].astype(kind)}
    if radial and cone:
        size = atom.layer.features.shape[1] - int(atom.layer.free)
        Y = rng.standard_normal((h, size)) * rng.integers(0, 2, (h, 1)) * 2.0 ** rng.integers(-4, 2)
        arrays[f"Y{k}"] = lifted(Y.astype(kind))
    return node, arrays


def random_proof(rng, atom, W, held=()):
    """Return a random tree over random cuts with random leaves; held: first on every path."""
    layer, outputs = atom.layer, W.shape[1]
    m, d = layer.features.shape
    nodes, arrays = [], {"cuts": rng.integers(-8, 9, (2, m + d)) / 4}
    signs = {"": 2, "+": 1, "-": 1}[layer.right.cone]

    def grow(rows, depth, *, signed):
        """Add a part and return its number."""
        at = len(nodes)
        nodes.append({})
        if depth and not rng.integers(4):
            nodes[at] = random_fact(rng, layer)
            nodes[at]["next"] = [grow([*rows, ("added", 0)], depth - 1, signed=signed)]
        elif depth and rng.integers(3):
            kind = ("row", "cut")[int(rng.integers(2))]
            index = int(rng.integers(m if kind == "row" else 2))
            below = [*rows, (kind, index)]
            plus, minus = (grow(below, depth - 1, signed=signed) for _ in range(2))
            nodes[at] = {kind: index, "plus": plus, "minus": minus}
        elif signed and layer.slope <= 1 and rng.integers(2):
            nodes[at] = random_cell(rng, atom, rows)
        else:
            k = sum("leaf" in node for node in nodes)
            held = random_leaf(rng, atom, k, rows, outputs if signed else 2)
            nodes[at] = held[0]
            arrays.update(held[1])
        return at

    if outputs == 1 and rng.integers(4):
        nodes.append({})
        nodes[0] = {"signs": [grow([*held], 2, signed=True) for _ in range(signs)]}
    else:
        grow([*held], 2, signed=False)
    return {"rule": "network", "nodes": nodes, **arrays}


def random_fact(rng, layer):
    """Return a node that adds a fact, without its child."""
    k, *others = rng.permutation(len(layer.features)).tolist()
    chosen = [[i, float(rng.normal()).hex()] for i in others if rng.integers(2)]
    if layer.free and rng.integers(2):
        return {"range": chosen}
    return {"above": k, "of": chosen}


def random_cell(rng, atom, path):
    """Return a cell with any multipliers that are allowed."""
    m = len(atom.layer.features)
    usable = [k for k, (kind, _) in enumerate(path) if kind == "row" and rng.integers(2)]
    rho, chords = ([i for i in range(m) if rng.integers(2)] for _ in range(2))
    slope = atom.layer.slope

    def some():
        """Return multipliers of the path's rows."""
        return [[k, float(rng.uniform(0, 2)).hex()] for k in usable if rng.integers(2)]

    return {
        "chords": [[i, float(rng.uniform(slope, 1)).hex(), some(), some()] for i in chords],
        "cell": 0,
        "mu": [[k, float(rng.uniform(0, 2)).hex()] for k in usable],
        "rho": [[i, float(rng.uniform(atom.layer.slope, 1)).hex()] for i in rho],
    }
