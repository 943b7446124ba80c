"""Certificates of global optimality for factorizations.

problem = Problem(Squared(Y), RankOne("l2", "l2"), lam=3.0)
result = check(problem, (U, V))
result.certificate.save("x.cert")
verify("x.cert", problem, (U, V))
"""

from ._errors import InputError, OutOfScopeError
from .certificate import Certificate
from .improve import Improvement, improve
from .kernel.verify import RejectedError
from .pipeline import check
from .problem import Problem
from .recheck import Proved, verify
from .result import Result
from .verdict import Verdict

__all__ = [
    "Certificate",
    "Improvement",
    "InputError",
    "OutOfScopeError",
    "Problem",
    "Proved",
    "RejectedError",
    "Result",
    "Verdict",
    "check",
    "improve",
    "verify",
]
__version__ = "0.1.0"
