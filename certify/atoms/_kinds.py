"""How hard the polar of a pair of norms is."""

from certify.norms import Gauge, gauge

CLOSED, HARD, OPEN = "closed", "NP-hard", "no closed form"


def polar_kind(left: str | Gauge, right: str | Gauge) -> str:
    """Return whether the polar of a pair of norms is closed, NP-hard, or has no closed form.

    pair                     polar                           class     rule        loose by
    l1 x any norm            largest dual norm of a line     closed    lines       nothing
      variation with signs   one flow for both signs of u    closed    lines       some
    l2, weighted             sigma_1(D^-1/2 W E^-1/2)        closed    spectral    nothing
      signs on one or both   sup over cones                  NP-hard   N, M, conic 1.5 % seen
    linf x l2, weighted      sup over a cube and a ball      NP-hard   scales      sqrt(pi/2)
    linf x linf              infinity-to-1 norm, cut norm    NP-hard   scales      1.783
      a dozen coordinates                                              corners     nothing
    group (largest) x ...    sup over products of balls      NP-hard   scales      1.783
    elastic, group (sum),    sup u^T W v                     no closed spectral,   sqrt of the
      variation x ... not l1                                 form      conic       length
      6 coordinates at most                                            cones       nothing
    """
    both = gauge(left), gauge(right)
    if any(g.axial for g in both):
        return CLOSED
    if not all(g.exact for g in both):
        return OPEN
    return CLOSED if all(g.is_round and g.free for g in both) else HARD
