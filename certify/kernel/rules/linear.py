"""Rule `linear`: a layer of slope 1 is a matrix."""

from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays, transposed
from ..errors import demand
from ..exact import Exact, Grid
from ..fields import Json
from ..metered import Metered
from ..norms import L1
from ..patterns import Pattern
from ..spaces import Network, Pair
from .lines import lines
from .matrices import POLAR_RULES
from .regions import pull_back


def of_linear(ar: Arithmetic[H], net: Network, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup <W, pool(F u) v^T> = sup u^T (F^T W) v by a rule of matrices, "of".

    Of one output every norm is |v|: it is taken as l1, whose polar is closed.
    """
    demand(not net.free, "proof.polar.rule", "wrong_rule", "an unpriced bias")
    held = proof.get("of")
    demand(isinstance(held, dict), "proof.polar.of", "json", type(held).__name__)
    inner = dict(held or {})
    name = str(inner.get("rule"))
    demand(name in POLAR_RULES, "proof.polar.of.rule", "unknown", name)
    d, c = net.features.shape[1], net.right.size
    right = L1(1, net.right.cone) if c == 1 else net.right
    if c == 1 and name == "lines":  # a vector: exactly in every arithmetic
        entries, e = ar.exact_lines(w, 1, net.at)
        column = next(iter(entries))
        own = Grid([column[k] for k in net.samples], e, (1, len(net.samples)))
        exact = Metered(Exact(), ar.budget)
        line = exact.multiply(exact.load(transposed(net.features)), own)  # (d, 1)
        return lines(exact, Pair(Pattern(d, 1), net.left, right), line, inner, given)
    pulled = pull_back(ar, net, w)  # (c, m)
    back = ar.multiply(ar.load(transposed(net.features)), pulled)  # (d, c)
    flat = ar.unfold(back, Pattern(d, c), (0, 1), 1)
    return POLAR_RULES[name](ar, Pair(Pattern(d, c), net.left, right), flat, inner, given)
