"""Certificates of global optimality for factorizations.

problem = Problem(Squared(Y), RankOne("l2", "l2"), lam=3.0)
result = check(problem, (U, V))
result.certificate.save("x.cert")
verify("x.cert", problem, (U, V))

Every name is imported when it is first used: `import certify` loads neither numpy nor scipy.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._errors import InputError, OutOfScopeError
    from .adapters import from_model
    from .certificate import Certificate
    from .improving import Improvement as Improvement
    from .improving import improve
    from .kernel.verify import RejectedError
    from .pipeline import check
    from .problem import Problem
    from .recheck import Proved as Proved
    from .recheck import verify
    from .result import Result
    from .scoring import score
    from .verdict import Verdict

__all__ = [
    "Certificate",
    "InputError",
    "OutOfScopeError",
    "Problem",
    "RejectedError",
    "Result",
    "Verdict",
    "check",
    "from_model",
    "improve",
    "score",
    "verify",
]
__version__ = "0.1.0"
HOMES = {
    "Certificate": "certificate",
    "Improvement": "improving",
    "InputError": "_errors",
    "OutOfScopeError": "_errors",
    "Problem": "problem",
    "Proved": "recheck",
    "RejectedError": "kernel.verify",
    "Result": "result",
    "Verdict": "verdict",
    "check": "pipeline",
    "from_model": "adapters",
    "improve": "improving",
    "score": "scoring",
    "verify": "recheck",
}
logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever has that name
    """Import a public name when it is first used."""
    if name not in HOMES:
        raise AttributeError(f"module 'certify' has no attribute {name!r}")
    found = getattr(import_module(f".{HOMES[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *HOMES})
