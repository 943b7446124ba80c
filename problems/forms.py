"""Product and half sum of squares: one optimum, but unbalanced factors pay in one form."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance

WHY = (
    "the matrix has singular values 4 and 2, so the optimum is (4 - 1/2) + (2 - 1/2) = 5 in "
    "both forms (AM-GM: |u||v| <= (|u|^2 + |v|^2)/2, equal when |u| = |v|); factors (2U, V/2) "
    "have the same product and pay (2 + 1/8)(3 + 1) instead of 4 in the sum form"
)


def cases() -> dict[str, Instance]:
    """Return balanced and unbalanced factors of one product, under both forms."""
    Y = np.array([[3.0, 1.0], [1.0, 3.0]])
    basis = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    root = basis * np.sqrt([3.0, 1.0])
    told = {
        "balanced_sum": ("sum", root, root, Verdict.CERTIFIED),
        "balanced_product": ("product", root, root, Verdict.CERTIFIED),
        "unbalanced_product": ("product", 2 * root, root / 2, Verdict.CERTIFIED),
        "unbalanced_sum": ("sum", 2 * root, root / 2, Verdict.REFUTED),
    }
    return {
        k: Instance(Problem(Squared(Y), RankOne(form=form), 1.0), (U, V), None, 5.0, v, WHY)
        for k, (form, U, V, v) in told.items()
    }
