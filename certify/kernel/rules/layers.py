"""The rules for the polar of layers: sup <W, pool(s(F u)) v^T> over |u||v| <= 1."""

from dataclasses import replace
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import flat_of, transposed
from ..errors import demand, shown
from ..evidence import Evidence
from ..exact import Exact, Grid
from ..metered import Metered
from ..norms import L1, L2
from ..patterns import Pattern
from ..scalars import root
from ..spaces import Deep, Network, Pair
from .cones import layer_cones
from .lines import lines
from .matrices import POLAR_RULES
from .max_pool import max_pool
from .network import network, pull_back
from .spectral import spectral


def network_bound(ar: Arithmetic[H], net: Network, w: H, proof: Evidence) -> Fraction:
    """Prove an upper bound of the polar by the rule that the proof names.

    linear    for slope 1: s(F u) = F u, and the polar is that of F^T W for u v^T.
    network   bounds sup |W^T s(F u)|_2 over |u| <= 1.  For outputs in l2 this is the polar; for l1
              the dual norm, the largest entry, is at most that; for any other norm it is at most
              that times the largest |v|_2 in its unit ball, sqrt(outputs) for linf.
    outputs   bounds each output separately; the arrays of output t are named s<t>.NAME.  The polar
              is at most the largest bound (l1), their sum (linf), or the root of the sum of their
              squares (l2).
    cones     bounds the dual norm of W^T s(F u) over cones of u.
    max_pool  for max-pooling with one output; with several, "outputs" has a proof for each.
    """
    rule, n = str(proof.fields.get("rule")), net.right
    listed = rule in ("cones", "linear", "max_pool", "network", "outputs")
    demand(listed, "proof.polar.rule", "unknown", rule)
    fits = rule == "outputs" or (rule == "max_pool") == net.max_pooled
    pooling = f"{rule} of the {('sum', 'largest')[net.max_pooled]}"
    demand(fits, "proof.polar.rule", "wrong_rule", pooling)
    if rule == "max_pool":
        demand(n.size == 1, "proof.polar.rule", "wrong_rule", f"{rule} of {n.size} outputs")
        return max_pool(ar, net, w, proof)
    if rule == "linear":
        demand(net.slope == 1, "proof.polar.rule", "wrong_rule", f"slope {net.slope}")
        return of_linear(ar, net, w, proof)
    demand(isinstance(net.left, L2), "proof.polar.rule", "wrong_rule", net.left.name)
    if rule == "cones":
        return layer_cones(ar, net, w, proof)
    if rule == "network":
        bound = network(ar, net, w, proof)
        return bound if type(n) in (L1, L2) else root(bound * bound * n.widest).hi
    one = replace(net, at=Pattern(net.at.m, 1), right=L2(1, n.cone))
    bounded, bounds = max_pool if net.max_pooled else network, []
    for t, inner in enumerate(proof.each(n.size)):
        bounds.append(bounded(ar, one, ar.fixed(w, net.at, (1, t), 1), inner))
    return n.support(bounds)


def of_linear(ar: Arithmetic[H], net: Network, w: H, proof: Evidence) -> Fraction:
    """Bound sup <W, pool(F u) v^T> = sup u^T (F^T W) v by the rule of matrices in "of".

    For one output every norm is |v|; it is read as l1, for which the rule `lines` is exact.
    """
    demand(not net.free, "proof.polar.rule", "wrong_rule", "an unpriced bias")
    inner = proof.part("of")
    name = str(inner.fields.get("rule"))
    demand(name in POLAR_RULES, "proof.polar.of.rule", "unknown", name)
    d, c = net.features.shape[1], net.right.size
    right = L1(1, net.right.cone) if c == 1 else net.right
    if c == 1 and name == "lines":  # a vector; exact in every arithmetic
        entries, e = ar.exact_lines(w, 1, net.at)
        row = Grid([entries[0][k] for k in net.samples], e, (1, len(net.samples)))
        exact = Metered(Exact(), ar.budget)
        line = exact.multiply(exact.load(transposed(net.features)), row)  # (d, 1)
        return lines(exact, Pair(Pattern(d, 1), net.left, right), line, inner)
    pulled = pull_back(ar, net, w)  # (c, m)
    back = ar.multiply(ar.load(transposed(net.features)), pulled)  # (d, c)
    flat = ar.unfold(back, Pattern(d, c), (0, 1), 1)
    return POLAR_RULES[name](ar, Pair(Pattern(d, c), net.left, right), flat, inner)


def deep_bound(ar: Arithmetic[H], net: Deep, w: H, proof: Evidence) -> Fraction:
    """Prove a bound of sup <W, s(... s(F X1) ...) XK> over |X1|_F ... |XK|_F <= 1.

    linear   for slope 1: <F^T W, X1 ... XK> <= sigma_1(F^T W) |X1 ... XK|_*, and the nuclear norm
             of a product of two matrices, hence of K, is at most that of their Frobenius norms.
    layers   <W, H XK> <= |W|_2 |H|_F |XK|_F; |s(G X)|_F <= L |G|_F |X|_F, L = max(1, |slope|);
             |F X1|_F <= |F|_2 |X1|_F.  So the polar is at most |W|_2 |F|_2 L^(K-1).  The rule
             `spectral` bounds both norms (its arrays are named "W.NAME", "F.NAME").
    """
    rule = str(proof.fields.get("rule"))
    demand(rule in ("linear", "layers"), "proof.polar.rule", "unknown", rule)
    (d, c), m = (net.widths[0], net.widths[-1]), net.at.m
    if rule == "linear":
        demand(net.slope == 1, "proof.polar.rule", "wrong_rule", f"slope {shown(net.slope)}")
        one = Network(net.at, net.features, range(m), net.slope, L2(d), L2(c))
        return of_linear(ar, one, w, proof)
    bound, features = net.steep, ar.load(flat_of(net.features))
    for name, field, at in (("W", w, net.at), ("F", features, Pattern(m, d))):
        space = Pair(at, L2(at.m), L2(at.n))
        bound *= spectral(ar, space, field, proof.part(name, f"{name}."))
    return bound
