"""Test your own atom or loss against its contract, and draw problems for tests of theorems.

`check_atom` and `check_loss` test every clause of `certify.atoms.Atom` and `certify.losses.Loss`
on small instances drawn by Hypothesis.  A clause that fails raises `ContractError`, with its
name, its formula, the smallest instance found, and both figures; otherwise a `Report` lists for
each clause the number of examples, how it was decided, and what is not covered.

>>> from certify.atoms import RankOne
>>> from certify.testing import check_atom
>>> report = check_atom(RankOne("l1", "l2+"), examples=16)
>>> report["homogeneity of theta"].examples
16
>>> report["polar from above"].how
'exactly, by the kernel'

A penalty of degree 1 with a product of degree 2 is not an atom:

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

How clauses are decided: for atoms and losses of the kernel, claims about the polar and the domain
of d are decided in its exact arithmetic.  For your own atom they are decided in rationals, if its
phi and theta return Fractions for arrays of Fractions; otherwise in floats, with a slack that
counts operations (about 1e-14 of the terms).  The search for a slice above the bound of the polar
does not use the atom's own `attain`; it may miss such slices.  An infinite bound is not a claim
and is not counted.  An error e in the gradient of a smooth loss changes values by e^2 / 2, so
errors below about 1e-6 of the gradient are not detected; they loosen bounds just as little.
`certify.testing.strategies` contains the strategies.

Needs the extra `testing`: pip install 'certifact[testing]'.
"""

try:
    import hypothesis as _hypothesis  # noqa: F401  required by the modules below
except ImportError as error:
    message = f"Hypothesis cannot be imported ({error}): pip install 'certifact[testing]'"
    raise ImportError(message) from None

from . import strategies
from ._atoms import check_atom
from ._contract import Clause, ContractError, Covered, Report
from ._losses import check_loss

__all__ = ["Clause", "ContractError", "Covered", "Report", "check_atom", "check_loss", "strategies"]
