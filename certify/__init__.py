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
    from . import atoms, losses, norms, offsets, testing
    from .adapters import from_model
    from .adapters.score import score
    from .base.errors import InputError, OutOfScopeError
    from .kernel.errors import RejectedError
    from .pipeline.certificate.file import Certificate
    from .pipeline.certificate.verdict import Verdict
    from .pipeline.certificate.verify import verify
    from .pipeline.check import check
    from .pipeline.improve import improve
    from .pipeline.restarts import restarts
    from .pipeline.result import Result
    from .pipeline.tensor_norms import nuclear, spectral
    from .problem import Problem

__all__ = [
    "Certificate",
    "InputError",
    "OutOfScopeError",
    "Problem",
    "RejectedError",
    "Result",
    "Verdict",
    "atoms",
    "check",
    "from_model",
    "improve",
    "losses",
    "norms",
    "nuclear",
    "offsets",
    "restarts",
    "score",
    "spectral",
    "testing",
    "verify",
]
__version__ = "0.1.0"
HOMES = {
    "Certificate": "pipeline.certificate.file",
    "InputError": "base.errors",
    "OutOfScopeError": "base.errors",
    "Problem": "problem.problem",
    "RejectedError": "kernel.errors",
    "Result": "pipeline.result",
    "Verdict": "pipeline.certificate.verdict",
    "check": "pipeline.check",
    "from_model": "adapters",
    "improve": "pipeline.improve",
    "nuclear": "pipeline.tensor_norms",
    "restarts": "pipeline.restarts",
    "score": "adapters.score",
    "spectral": "pipeline.tensor_norms",
    "verify": "pipeline.certificate.verify",
}
PACKAGES = ("atoms", "losses", "norms", "offsets", "testing")
logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever has that name
    """Import a public name when it is first used."""
    if name in PACKAGES:
        return import_module(f".{name}", __name__)
    if name not in HOMES:
        raise AttributeError(f"module 'certify' has no attribute {name!r}")
    found = getattr(import_module(f".{HOMES[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return [*__all__, "__version__"]
