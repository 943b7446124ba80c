"""Sum = product: 1/2 (|u|^2 + |v|^2) and |u||v| have the same infimum over rescalings.

    |u||v| <= 1/2 (a^2 |u|^2 + |v|^2 / a^2),  with equality at a^2 = |v| / |u|      (AM-GM)

in the l1 norm, where everything is rational.
"""

import random
from fractions import Fraction

from . import Check
from ._exact import l1, vector


def checks(seed: int, examples: int) -> list[Check]:
    """Test the inequality at random scalings s = a^2, and equality at the best one."""
    rng = random.Random(seed)
    out = []
    while len(out) < 2 * examples:
        a, b = l1(vector(rng, 3)), l1(vector(rng, 4))
        if not a * b:
            continue
        s = Fraction(rng.randint(1, 12), rng.randint(1, 12))
        out.append(Check("product <= sum", a * b, "<=", (s * a * a + b * b / s) / 2))
        best = b / a
        out.append(
            Check("equal at the best scaling", a * b, "==", (best * a * a + b * b / best) / 2)
        )
    return out
