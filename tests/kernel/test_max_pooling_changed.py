"""Max-pooling proofs that are changed at random prove no less than the polar, which is exact."""

from copy import deepcopy
from fractions import Fraction
from functools import cmp_to_key, partial

import numpy as np
import pytest

from certify import RejectedError
from certify.atoms import ReLU
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.rules.polar import polar_bound
from certify.polar.proved import as_kernel_array
from certify.polar.proved import split as parted
from tests.network_cases import network_of
from tests.tolerance import fractions

SCALES = (1.0, 2.0**-400, 2.0**400)
CHANGES = 60  # of each proof


def layer(rng):
    """Return a layer in the plane, with equal, opposite or zero rows, and a W of one output."""
    samples = np.repeat(np.arange(3), rng.integers(1, 4, 3))
    V = rng.integers(-4, 5, (len(samples), 2)) * rng.choice([1.0, 0.1])
    i, j = rng.integers(0, len(V), 2)
    V[i] = rng.choice([-1.0, 0.0, 1.0]) * V[j]
    W = rng.integers(-3, 4, (3, 1)) / 4
    right = str(rng.choice(["l2", "l1+", "linf-"]))
    return ReLU(V * rng.choice(SCALES), samples=samples, pool="max", right=right), W


def upper_half(p):
    """Return whether an angle is in [0, pi)."""
    return p[1] > 0 or (p[1] == 0 and p[0] > 0)


def turn(p, q):
    """Return -1 where the angle of p is smaller than that of q, 1 where it is larger."""
    if upper_half(p) != upper_half(q):
        return -1 if upper_half(p) else 1
    cross = p[0] * q[1] - p[1] * q[0]
    return (cross < 0) - (cross > 0)


def square_of_polar(atom, W):
    """Return the square of the polar, exactly: of every arc both ends and the gradient."""
    F = [fractions(f) for f in atom.layer.features]
    own = [np.flatnonzero(atom.samples == k).tolist() for k in range(len(W))]
    omega, cone = fractions(W), atom.layer.right.cone
    pairs = [(i, j) for rows in own for i in rows for j in rows if i < j]
    rows = F + [[a - b for a, b in zip(F[i], F[j], strict=True)] for i, j in pairs]
    ends = [(s * b, -s * a) for a, b in rows if a or b for s in (1, -1)]
    ends = sorted(ends or [(Fraction(1), Fraction(0))], key=cmp_to_key(turn))
    unit = [tuple(x / max(map(abs, p)) for x in p) for p in ends]
    middles = [
        (a + c, b + d) if (a + c or b + d) else (-b, a)
        for (a, b), (c, d) in zip(unit, unit[1:] + unit[:1], strict=True)
    ]

    def largest(k, u):
        """Return the row of a sample that is largest at u, zeros where none is positive."""
        return max([[0, 0], *(F[i] for i in own[k])], key=lambda f: f[0] * u[0] + f[1] * u[1])

    def gradient(u):
        """Return the sum of the largest rows."""
        held = [largest(k, u) for k in range(len(own))]
        return [sum(w * f[c] for w, f in zip(omega, held, strict=True)) for c in (0, 1)]

    best = Fraction(0)
    steep = [tuple(s * x for x in gradient(u)) for u in middles for s in (1, -1)]
    for u in (*ends, *(c for c in steep if any(c))):
        value = sum(a * b for a, b in zip(gradient(u), u, strict=True))
        value = max({"+": value, "-": -value}.get(cone, abs(value)), 0)
        best = max(best, value * value / (u[0] * u[0] + u[1] * u[1]))
    return best


# --- changes ----------------------------------------------------------------------------


def any_of(rng, held):
    """Return one of a list; ValueError if there is none."""
    return held[int(rng.integers(len(held)))]


def inner(rng, text, kind):
    """Return the nodes within a leaf, and the place of one of a kind."""
    nodes = any_of(rng, [n for n in any_of(rng, text["each"])["nodes"] if "leaf" in n])["nodes"]
    return nodes, any_of(rng, [i for i, n in enumerate(nodes) if kind in n])


def outer(rng, text, kind):
    """Return the nodes of one sign, and one of a kind."""
    nodes = any_of(rng, text["each"])["nodes"]
    return nodes, any_of(rng, [n for n in nodes if kind in n])


def entry(rng, text, arrays, kind):
    """Change an entry of an array: a row to compare with, a split, or a whole split's side."""
    del text
    name = any_of(rng, [k for k in arrays if k.endswith(kind)])
    held = np.array(arrays[name].data).reshape(arrays[name].shape)
    at = int(rng.integers(len(held)))
    if kind == "base":
        held[at] = rng.integers(-2, 9)
    else:
        held[at] = any_of(rng, [-held[at], 0 * held[at], rng.standard_normal(2)])
    arrays[name] = as_kernel_array(held)


def swapped(rng, text, arrays):
    """Exchange two arrays."""
    del text
    a, b = any_of(rng, list(arrays)), any_of(rng, list(arrays))
    arrays[a], arrays[b] = arrays[b], arrays[a]


def sides(rng, text, arrays, kind):
    """Exchange or move the children of a split."""
    del arrays
    if kind == "split":
        nodes, node = outer(rng, text, kind)
    else:
        nodes, at = inner(rng, text, kind)
        node = nodes[at]
    if rng.integers(2):
        node["plus"], node["minus"] = node["minus"], node["plus"]
    else:
        node[any_of(rng, ["plus", "minus", kind])] = int(rng.integers(-1, len(nodes) + 1))


def numbered(rng, text, arrays):
    """Let a leaf use the arrays of another."""
    del arrays
    nodes, node = outer(rng, text, "leaf")
    node["leaf"] = int(rng.integers(len(nodes)))


def dropped(rng, text, arrays):
    """Drop a node."""
    del arrays
    nodes = any_of(rng, [outer(rng, text, "leaf")[0], inner(rng, text, "signs")[0]])
    nodes.pop(int(rng.integers(len(nodes))))


def halved(rng, text, arrays):
    """Split a part once more, at any row, known sides included."""
    del arrays
    nodes, at = inner(rng, text, "cell")
    nodes += [deepcopy(nodes[at]), deepcopy(nodes[at])]
    nodes[at] = {"row": int(rng.integers(12)), "plus": len(nodes) - 2, "minus": len(nodes) - 1}


def told(rng, text, arrays):
    """Change what a cell tells."""
    del arrays
    nodes, at = inner(rng, text, "cell")
    number = float(rng.uniform(0, 2) * rng.choice([1.0, 1e-3, 1e3])).hex()
    name = any_of(rng, ["mu", "rho", "chords"])
    held = [[int(rng.integers(9)), number]]
    ends = [[int(rng.integers(9)), float(rng.random()).hex(), held, []]]
    nodes[at][name] = any_of(rng, [[], ends if name == "chords" else held])


def reversed_signs(rng, text, arrays):
    """Exchange the trees of the signs, or leave one out."""
    del arrays
    text["each"] = text["each"][::-1] if rng.integers(2) else text["each"][:1]


KINDS = (
    *(partial(entry, kind=kind) for kind in ("base", "base", "splits")),
    *(partial(sides, kind=kind) for kind in ("split", "row")),
    *(swapped, numbered, dropped, halved, told, told, reversed_signs),
)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("seed", range(16))
def test_a_changed_proof_never_proves_less_than_the_polar(seed):
    rng = np.random.default_rng(seed)
    atom, W = layer(rng)
    square = square_of_polar(atom, W)
    with np.errstate(all="ignore"):  # as `ReLU.polar`
        found = atom.propose(W, None, 0, None)
    text, arrays = parted(found.proof)
    accepted = 0
    for k in range(CHANGES):
        said, given = deepcopy(text), dict(arrays)
        for _ in range(int(rng.integers(3)) if k else 0):
            try:
                any_of(rng, KINDS)(rng, said, given)
            except ValueError:  # nothing of the kind there
                continue
        ar = Rounded() if k % 5 == 0 else Exact()
        try:
            w = ar.load(as_kernel_array(W.reshape(-1)))
            held = Arrays(given, "proof")
            with np.errstate(all="ignore"):  # the kernel refuses what is not finite
                bound = polar_bound(ar, network_of(atom, W), w, Evidence(said, held))
        except RejectedError:
            continue
        accepted += 1
        assert bound * bound >= square
    assert 0 < accepted < CHANGES


def test_the_exact_polar_is_that_of_a_fine_circle():
    atom, W = layer(np.random.default_rng(4))
    scale = np.abs(W).max() * np.abs(atom.V).max()
    angles = np.linspace(0, 2 * np.pi, 20_001)
    y = (W.T @ atom.layer.act(np.stack([np.cos(angles), np.sin(angles)])))[0]
    signed = {"+": y, "-": -y}.get(atom.layer.right.cone, np.abs(y))
    exact = float(square_of_polar(atom, W)) ** 0.5
    assert signed.max() > 0
    assert abs(signed.max() - exact) <= 1e-3 * scale
