"""Hold your own atom or loss to its contract, and draw problems to test your own theorems on.

`check_atom` and `check_loss` run every clause of `certify.atoms.Atom` and `certify.losses.Loss`
on small instances drawn by Hypothesis.  A clause that fails raises `ContractError`, with its
name, its formula, the smallest instance found, and both figures; else a `Report` says of each
clause on how many examples it was tried, how it was decided, and what is not covered.

>>> from certify.atoms import RankOne
>>> from certify.testing import check_atom
>>> report = check_atom(RankOne("l1", "l2+"), examples=16)
>>> report["homogeneity of theta"].examples
16
>>> report["polar from above"].how
'exactly, by the kernel'

A price of degree 1 beside a product of degree 2 is no atom:

>>> import numpy as np
>>> from certify.atoms import Atom
>>> from certify.polar import Proposal
>>> class Cheap(Atom):
...     degree, kind = 2, "cheap"
...     def shapes(self, data_shape): return (data_shape[0],), (data_shape[1],)
...     def phi(self, x): return np.outer(*x)
...     def theta(self, factors): return abs(factors[0]).sum(axis=0) + abs(factors[1]).sum(axis=0)
...     def propose(self, W, target, seed, deadline): return Proposal(np.inf)
...     def attain(self, W, seed): return 0.0, tuple(np.zeros(d) for d in W.shape)
>>> from certify.testing import ContractError
>>> try:
...     check_atom(Cheap())
... except ContractError as error:
...     print(error.clause.name, error.left, error.right, sep=" | ")
homogeneity of theta | 0.25 | 0.5

What is decided by what: claims about the polar and the domain of d are decided in the kernel's
exact arithmetic for what the kernel knows; for an atom of your own in rationals, if its phi and
theta give Fractions back for arrays of Fractions; else in floats, with a slack that counts
operations (about 1e-14 of what is summed).  The search for a slice that earns more than the
polar knows nothing of the atom's own `attain`; it is a search, and what it does not find is not
excluded.  A bound of infinity claims nothing, and counts as not tried.  A smooth loss shows a
gradient that is off by e in its values by e^2 / 2 only: about 1e-6 of its size is seen, less is
not, and costs a bound no more than that.  `certify.testing.strategies` has the strategies.

Needs the extra `testing`: pip install 'certify[testing]'.
"""

try:
    import hypothesis as _hypothesis  # noqa: F401  all of what follows needs it
except ImportError as error:
    message = f"Hypothesis cannot be imported ({error}): pip install 'certify[testing]'"
    raise ImportError(message) from None

from . import strategies
from ._atoms import check_atom
from ._contract import Clause, ContractError, Covered, Report
from ._losses import check_loss

__all__ = ["Clause", "ContractError", "Covered", "Report", "check_atom", "check_loss", "strategies"]
