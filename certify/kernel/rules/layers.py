"""The rules for the polar of layers: sup <W, pool(s(F u)) v^T> over |u||v| <= 1."""

from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays, flat_of
from ..errors import demand, shown
from ..fields import Json, shift_of
from ..norms import L2, LInf
from ..patterns import Pattern
from ..scalars import root
from ..spaces import Deep, Network
from .linear import of_linear
from .max_pool import max_pool
from .network import network
from .witness import apart, gram_side, largest_eigenvalue


def network_bound(ar: Arithmetic[H], net: Network, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove an upper bound of the polar by the rule that the proof names.

    linear    slope 1: s(F u) = F u, and the polar is that of F^T W for u v^T.
    network   bounds sup |W^T s(F u)|_2 over |u| <= 1: for outputs in l2 that is the polar,
              in l1 the largest entry is no larger, in linf the sum is sqrt(outputs) times it
              at most.
    outputs   one output at a time, the t-th one's arrays named s<t>.NAME: the largest of
              their bounds (l1), the sum (linf) or the root of the sum of squares (l2).
    max_pool  for the largest of a sample's rows, of one output; of several, each of "outputs"
              is a proof of it.
    """
    rule, n = str(proof.get("rule")), net.right
    listed = rule in ("linear", "max_pool", "network", "outputs")
    demand(listed, "proof.polar.rule", "unknown", rule)
    fits = rule == "outputs" or (rule == "max_pool") == net.most
    demand(fits, "proof.polar.rule", "wrong_rule", f"{rule} of the {('sum', 'largest')[net.most]}")
    if rule == "max_pool":
        demand(n.size == 1, "proof.polar.rule", "wrong_rule", f"{rule} of {n.size} outputs")
        return max_pool(ar, net, w, proof, given)
    if rule == "linear":
        demand(net.slope == 1, "proof.polar.rule", "wrong_rule", f"slope {net.slope}")
        return of_linear(ar, net, w, proof, given)
    demand(isinstance(net.left, L2), "proof.polar.rule", "wrong_rule", net.left.name)
    if rule == "network":
        bound = network(ar, net, w, proof, given)
        return root(bound * bound * n.size).hi if isinstance(n, LInf) else bound
    each = proof.get("each")
    demand(isinstance(each, list), "proof.polar.each", "list", type(each).__name__)
    found = list(each or [])
    demand(len(found) == n.size, "proof.polar.each", "list", f"{len(found)}, not {n.size}")
    own, bounds = apart(given), []
    one = net._replace(at=Pattern(net.at.m, 1), right=L2(1, n.cone))
    for t, held in enumerate(found):
        demand(isinstance(held, dict), f"proof.polar.each[{t}]", "json", type(held).__name__)
        column = ar.fixed(w, net.at, (1, t), 1)
        bounded = max_pool if net.most else network
        bounds.append(bounded(ar, one, column, held, own.get(t, Arrays({}, "proof"))))
    return n.earned(bounds)


def deep_bound(ar: Arithmetic[H], net: Deep, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove a bound of sup <W, s(... s(F X1) ...) XK> over |X1|_F ... |XK|_F <= 1.

    linear   slope 1: <F^T W, X1 ... XK> <= sigma_1(F^T W) |X1 ... XK|_*, and the nuclear norm
             of a product is at most the product of two, hence of all, Frobenius norms.
    layers   <W, H XK> <= |W|_2 |H|_F |XK|_F; |s(G X)|_F <= L |G|_F |X|_F, L = max(1, |slope|);
             |F X1|_F <= |F|_2 |X1|_F.  So it is at most |W|_2 |F|_2 L^(K-1), both
             spectral norms by their Gram matrices (arrays "W.L", "F.L").
    """
    rule = str(proof.get("rule"))
    demand(rule in ("linear", "layers"), "proof.polar.rule", "unknown", rule)
    (d, c), m = (net.widths[0], net.widths[-1]), net.at.m
    if rule == "linear":
        demand(net.slope == 1, "proof.polar.rule", "wrong_rule", f"slope {shown(net.slope)}")
        one = Network(net.at, net.features, range(m), net.slope, L2(d), L2(c))
        return of_linear(ar, one, w, proof, given)
    bound = net.steep
    for name, field, at in (
        ("W", w, net.at),
        ("F", ar.load(flat_of(net.features)), Pattern(m, d)),
    ):
        held = proof.get(name)
        demand(isinstance(held, dict), f"proof.polar.{name}", "json", type(held).__name__)
        axis = gram_side(dict(held or {}), at, f"proof.polar.{name}.axis", held=False)
        g, slack = ar.gram(field, axis, at)
        shift = shift_of(dict(held or {}), f"proof.polar.{name}.shift")
        bound *= root(largest_eigenvalue(ar, g, shift, given, f"{name}.L")).hi + slack
    return bound
