"""Models of packages that need not be installed, read from their plain arrays.

from certify.adapters.arrays import surprise_svd
problem, factors = surprise_svd((pu, qi), (users, items, ratings), 0.02, (bu, bi), mean)
check(problem, factors, q=factors.q)

Ratings are (users, items, ratings), a scipy.sparse matrix or a table with named columns;
`triplets` numbers the ids of raw ones, from a table or a .csv file.
"""

from ._fitted import Factors
from ._implicit import implicit_als
from ._impute import soft_impute
from ._ratings import cornac_mf, cornac_nmf, surprise_svd, weighted_model
from ._scnn import scnn_gated, scnn_relu
from .files._triplets import Triplets, triplets

__all__ = [
    "Factors",
    "Triplets",
    "cornac_mf",
    "cornac_nmf",
    "implicit_als",
    "scnn_gated",
    "scnn_relu",
    "soft_impute",
    "surprise_svd",
    "triplets",
    "weighted_model",
]
