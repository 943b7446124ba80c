"""The polar of W by the rule that the proof names; the rules for tensors."""

import math
from collections.abc import Callable
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..errors import demand
from ..evidence import Evidence
from ..fields import index
from ..norms import SIGNS
from ..patterns import Pattern
from ..spaces import Deep, Modes, Network, Pair, Space
from .cones import product_cones
from .corners import corners
from .layers import deep_bound, network_bound
from .matrices import POLAR_RULES
from .transpose import transpose


def polar_bound(ar: Arithmetic[H], space: Space, w: H, proof: Evidence) -> Fraction:
    """Prove an upper bound of the polar of W by the rule that the proof names.

    A tensor of order 2 is treated as a matrix.  For a symmetric tensor W is replaced by the sum
    over its permutations, whose value at x o ... o x is K! times that of W.
    """
    if isinstance(space, Network):
        return network_bound(ar, space, w, proof)
    if isinstance(space, Deep):
        return deep_bound(ar, space, w, proof)
    if isinstance(space, Modes) and len(space.norms) == 2:
        space = Pair(space.at, space.norms[0], space.norms[1], space.symmetric)
    rules = POLAR_RULES if isinstance(space, Pair) else TENSOR_RULES
    name = str(proof.fields.get("rule"))
    demand(name in rules, "proof.polar.rule", "unknown", name)
    if not isinstance(space, Modes) or not space.symmetric:
        return rules[name](ar, space, w, proof)
    whole = Modes(Pattern(space.at.m, space.at.n, dims=space.at.dims), space.norms, space.symmetric)
    bound = rules[name](ar, whole, ar.permuted(w, space.at), proof)
    return bound / math.factorial(len(space.norms))


def slices(ar: Arithmetic[H], modes: Modes, w: H, proof: Evidence) -> Fraction:
    """Prove sup <W, x1 o ... o xK> <= the largest bound of a slice, |xk|_1 <= 1 in mode k.

    The extreme points of the l1 ball in its cone are 0 and the unit vectors with a sign in the
    cone, so xk selects a slice of W and a sign.  If another factor is free, it can take the sign.
    A symmetric tensor is bounded as if its factors were different.  With one coordinate every
    plain norm is |x|, as l1 is.
    """
    dims = modes.at.sizes
    k = index(proof.fields.get("axis"), len(dims), "proof.polar.axis", "axis")
    n, rest = modes.norms[k], modes.norms[:k] + modes.norms[k + 1 :]
    demand(n.name == "l1" or n.size == 1, "proof.polar.rule", "wrong_rule", n.name)
    signs = SIGNS[n.cone][:1] if any(x.cone == "*" for x in rest) else SIGNS[n.cone]
    sizes = dims[:k] + dims[k + 1 :]
    below = Modes(Pattern(sizes[0], math.prod(sizes[1:]), dims=sizes), rest)
    best = Fraction(0)
    for t, inner in enumerate(proof.each(len(signs) * n.size)):
        part = ar.fixed(w, modes.at, (k, t % n.size), signs[t // n.size])
        best = max(best, polar_bound(ar, below, part, inner))
    return best


TENSOR_RULES: dict[str, Callable[..., Fraction]] = {
    "cones": product_cones,
    "corners": corners,
    "slices": slices,
    "transpose": transpose,
}
