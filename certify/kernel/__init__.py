"""The trusted kernel: check a certificate with the standard library alone.

    python -I -S certify/kernel CERTIFICATE [QUESTION]

A certificate answers a question about factors U (m, r), V (n, r) of

    f_r(U, V, q) = l(U V^T + A q) + lam sum_k theta(u_k, v_k) + sum rho/2 |q|^2,

where l is a convex loss over the observed entries: 1/2 sum w_ij (z_ij - Y_ij)^2 or another of
`LOSSES`.  For a tensor with K factors, sum_k u_k o v_k o x2_k o ... takes the place of U V^T; a
network has its own sum of slices (`spaces`).

The kernel recomputes every number from the question's own arrays, in exact integers
(a float is an integer times a power of two).  The proof's arrays are only witnesses: a bad
witness weakens a bound and cannot fake it.  The kernel never searches.  Each rule has its
proof in its docstring.  SPEC.md describes the format, and the order in which to read the code.

The rules are written once, for any `Arithmetic`.  The kernel's own arithmetic is `Exact`;
faster ones (integers by FLINT, outward-rounded floats) live outside.
"""

from .claim import check
from .errors import RejectedError
from .file import File, read
from .statement import FORMAT
from .verdict import Outcome, prove

__all__ = ["FORMAT", "File", "Outcome", "RejectedError", "check", "prove", "read"]
