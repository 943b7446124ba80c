"""A pytest plugin: a test that fails unless a factorization is a proved global optimum.

    def test_our_model_is_a_global_optimum(certified):
        certified(problem, factors, rtol=1e-4)

`pytest --certify-update` stores the certificates in a folder `certificates` next to the test.
Later runs verify them without a search; they fail if the data, the model or the question changed
by one bit.  The last bits of a model that the test fits itself depend on the machine:
`certified(..., refit=True)` proves it in each run, and compares its bracket with the stored one.
A marker sets the keywords of the fixture: @pytest.mark.certify(budget=60).
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FOLDER = "certificates"
KNOWN = ("atol", "budget", "rtol", "seed")
PLAIN = re.compile(r"[^A-Za-z0-9_.=-]+")
FACTORS = re.compile(r"statement\.arrays\.(U|V|X\d+|q\d+)\b")
LONGEST = 120  # characters of a test's name in a file name
CURE = "if that is meant, store it again with pytest --certify-update"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --certify-budget and --certify-update."""
    group = parser.getgroup("certify", "proofs of global optimality")
    group.addoption(
        "--certify-budget", type=float, metavar="SECONDS", help="stop each search after this time"
    )
    group.addoption(
        "--certify-update", action="store_true", help="search again and store the certificates"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "certify(rtol, atol, budget, seed): of `certified` in a test"
    )


@dataclass
class Certified:
    """The fixture: called with a problem and its factors, it passes or fails the test."""

    place: Path
    label: str
    scratch: Path
    update: bool
    settings: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)

    def __call__(
        self,
        problem: Any,
        factors: Any,
        *,
        q: Any = None,
        name: str = "",
        refit: bool = False,
        **settings: Any,
    ) -> Any:
        """Fail unless the factors are proved to be within epsilon of the optimum.

        problem, factors, q   as in certify.check        rtol, atol, budget, seed   its keywords
        name                  distinguishes several calls in one test
        refit                 the test fits the factors in each run: they are proved in each run,
                              and the optimum must be that of the stored certificate within epsilon

        Returns check's Result, or verify's Proved if a stored certificate was verified.
        """
        __tracebackhide__ = True
        if unknown := sorted(set(settings) - set(KNOWN)):
            raise TypeError(f"certified() takes {', '.join(KNOWN)}, got {', '.join(unknown)}")
        keywords = {**self.settings, **settings}
        path = self.path(name)
        stored = path.exists() and not self.update
        if stored and not refit:
            return verify_stored(path, (problem, factors, q), keywords)
        result = self.search(path, (problem, factors, q), keywords, data=refit)
        if stored and (wrong := difference(path, result)):
            pytest.fail(f"{wrong}; {CURE}", pytrace=False)
        return result

    def path(self, name: str) -> Path:
        """Return the path of the certificate of this call."""
        count = self.counts[name] = self.counts.get(name, 0) + 1
        parts = [self.label, plain(name), str(count) if count > 1 else ""]
        return self.place / FOLDER / f"{'.'.join(p for p in parts if p)}.cert"

    def search(
        self, path: Path, question: tuple[Any, Any, Any], keywords: dict[str, Any], *, data: bool
    ) -> Any:
        """Search for a proof; with --certify-update store it, with the arrays if `data`."""
        __tracebackhide__ = True
        from certify.pipeline.certificate.verdict import Verdict  # noqa: PLC0415
        from certify.pipeline.check import check  # noqa: PLC0415  only where a test uses it

        problem, factors, q = question
        result = check(problem, factors, q=q, **keywords)
        if result.verdict is not Verdict.CERTIFIED:
            pytest.fail(self.failure(result), pytrace=False)
        if self.update and result.certificate is not None:
            path.parent.mkdir(exist_ok=True)
            result.certificate.save(path, data=data)
        return result

    def failure(self, result: Any) -> str:
        """Return the message of a failure; better factors are saved to a file."""
        lines = [f"not certified: {result.explain()}"]
        if result.better is not None:
            import numpy as np  # noqa: PLC0415

            from certify.pipeline.certificate.file import name_factors  # noqa: PLC0415

            path = self.scratch / f"{self.label}.better.npz"
            arrays: dict[str, Any] = name_factors(result.better)
            np.savez(path, **arrays)
            lines.append(f"The better factors are in {path}")
        return "\n".join(lines)


def verify_stored(path: Path, question: tuple[Any, Any, Any], keywords: dict[str, Any]) -> Any:
    """Verify a stored certificate for the test's current question."""
    __tracebackhide__ = True
    from certify.kernel.errors import RejectedError  # noqa: PLC0415
    from certify.pipeline.certificate.file import Certificate  # noqa: PLC0415  only where a test uses it
    from certify.pipeline.certificate.verdict import Verdict  # noqa: PLC0415
    from certify.pipeline.certificate.verify import TIERS, verify  # noqa: PLC0415

    problem, factors, q = question
    epsilon = {k: keywords[k] for k in ("rtol", "atol") if k in keywords}
    wrong = ""
    try:
        certificate = Certificate.load(path)
        tier = certificate.claim.get("tier")  # every tier proves; exact integers might take hours
        tier = tier if tier in TIERS else "exact"
        proved = verify(certificate, problem, factors, q=q, tier=tier, **epsilon)
    except RejectedError as error:
        wrong = f"{path} does not prove what this test asks: {error}"
    if wrong:
        what = "The data, the model or the question changed"
        if FACTORS.search(wrong):
            what = "The factors changed, perhaps in their last bits only, as those of a fit on "
            what += "another machine do: certified(..., refit=True) proves a new fit in each run"
        pytest.fail(f"{wrong}\n{what}; {CURE}", pytrace=False)
    if proved.verdict is not Verdict.CERTIFIED:
        pytest.fail(f"{path} proves {proved.verdict.name} only", pytrace=False)
    return proved


def difference(path: Path, result: Any) -> str:
    """Return how a new proof differs from the stored one, in its question or its optimum, or "".

    The arrays and lam may differ.
    """
    from certify.kernel.claim import same_question  # noqa: PLC0415
    from certify.kernel.errors import RejectedError  # noqa: PLC0415
    from certify.pipeline.certificate.file import Certificate  # noqa: PLC0415
    from certify.pipeline.numbers import at_least, at_most  # noqa: PLC0415
    from certify.pipeline.report import facts  # noqa: PLC0415  only where a test uses it

    def shape(statement: dict[str, Any]) -> dict[str, Any]:
        """Return a statement without its numbers."""
        arrays = {k: a["dtype"] for k, a in statement["arrays"].items()}
        return {k: v for k, v in statement.items() if k != "lam"} | {"arrays": arrays}

    try:
        old = Certificate.load(path)
        same_question(shape(old.statement), shape(result.certificate.statement))
        before = facts(old)
    except RejectedError as error:
        return f"{path} is of another question: {error}"
    low, high = before.proved.lower - before.epsilon, before.proved.upper + before.epsilon
    if low <= result.upper and result.lower <= high:
        return ""
    then, now = (f"[{at_least(p.lower)}, {at_most(p.upper)}]" for p in (before.proved, result))
    return f"the optimum over {result.over} moved from {then} in {path} to {now}"


def plain(text: str) -> str:
    """Return a text as a part of a file name; a digest distinguishes texts that are shortened."""
    shown = PLAIN.sub("_", text)
    if len(shown) <= LONGEST and not PLAIN.search(re.sub(r"[\[\]]", "", text)):
        return shown
    return f"{shown[:LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@pytest.fixture
def certified(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Certified:
    """Return certified(problem, factors, ...), an assertion that is proved."""
    settings: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("certify"))):
        if marker.args or set(marker.kwargs) - set(KNOWN):
            raise pytest.UsageError(f"the marker certify takes {', '.join(KNOWN)} by name")
        settings |= marker.kwargs
    budget = request.config.getoption("--certify-budget")
    if budget is not None:
        settings["budget"] = budget
    path: Path = request.node.path
    group = "" if request.cls is None else f"{request.cls.__qualname__}."
    label = plain(f"{path.stem}.{group}{request.node.name}")
    return Certified(
        place=path.parent,
        label=label,
        scratch=tmp_path_factory.mktemp("certify"),
        update=request.config.getoption("--certify-update"),
        settings=settings,
    )
