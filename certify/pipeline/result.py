"""The result of check()."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify.atoms import Factors
from certify.base.errors import InputError
from certify.problem import Values
from certify.search.candidate import Candidate

from .certificate.file import Certificate, as_numpy
from .certificate.verdict import Bracket, Judgement, Verdict, epsilon_up
from .numbers import at_least, at_most, distance
from .origin import Origin
from .own_size_result import ExplainedVariance, OwnSize
from .report import write
from .report._result import cell, explanation, plot_result
from .units import OBJECTIVE, Units


@dataclass(frozen=True)
class Result(Bracket, Judgement):
    """The answer about a candidate.

    With a certificate, lower <= inf over all sizes (at lam = 0: over rank <= r) and
    f(candidate) <= upper are proved.

    stationarity  sum over components of |<W, phi(X_i)> - lam theta(X_i)| / sum of lam theta(X_i)
    better        better factors, if the verdict is REFUTED or RANK_LIMITED
    q             the offsets at which `upper` holds: given, or found
    over          over what the bound holds: "any size", or at lam = 0 "at most r components"
    tier          the arithmetic of the proof: "exact", "rounded", or "floats" without a proof
    steps         (name, objective) of each step of the search for better factors
    reached       the best point of that search, not proved
    better_upper  f(better) <= better_upper, proved; None without better factors
    own           the answer about the candidate's own size, if it was asked for: see own_size
    origin        the fit from which an adapter read the factors
    units         the loss that the fit's library reports: objective = multiple * loss + constant
    """

    verdict: Verdict
    lower: float
    upper: float
    reason: str
    certificate: Certificate | None
    stationarity: float
    better: Factors | None
    q: Values
    over: str
    tier: str
    steps: tuple[tuple[str, float], ...] = ()
    reached: Candidate | None = None
    better_upper: float | None = None
    own: OwnSize | None = None
    origin: Origin | None = None
    units: Units = OBJECTIVE

    called = "a Result"

    @property
    def own_size(self) -> OwnSize:
        """The answer over at most as many components as the candidate has.

        There always is one; it is true if it has a proof, as `if result.own_size:` asks.
        """
        if self.own is not None:
            return self.own
        answer = self.verdict, self.lower, self.upper, self.reason, self.certificate
        return OwnSize(*answer, self.over)

    @property
    def own_certificate(self) -> Certificate | None:
        """The certificate of that answer, if it is not the result's own certificate."""
        own = self.own_size.certificate
        return None if own is self.certificate else own

    @property
    def explained_variance(self) -> ExplainedVariance | None:
        """The share of the variance that the candidate explains, and the most that as many
        components can (1 - 2 f / |Y|^2: a penalty counts as not explained).  None unless the loss
        is least squares over all entries and a bracket is proved.
        """
        return self.own_size.explained_variance

    @property
    def better_q(self) -> Values:
        """The offsets of the better factors."""
        return self.certificate.better_offsets() if self.certificate is not None else ()

    def better_model(self, estimator: Any, *, own_size: bool = False) -> Any:  # noqa: ANN401
        """Return a fitted copy of the estimator that holds the better factors.

        estimator  the one that from_model read, or a pipeline or search that contains it: NMF,
                   PCA, TruncatedSVD, DictionaryLearning or SparsePCA of scikit-learn,
                   IncrementalPCA or MiniBatchSparsePCA; MLPRegressor or MLPClassifier; a
                   Sequential of PyTorch
        own_size   take the better factors of at most as many components, `own_size.better`

        The figures of the copy (reconstruction_err_, error_, explained_variance_, ...) are those of
        the better factors, so from_model reads it like any fit.  The copy of an NMF or a dictionary
        holds the components only; its codes are those of transform, or are solved for again.  A
        network has as many hidden units as the better factors.

        Raises InputError if there are no better factors, or if they cannot be put into an
        estimator of this kind.
        """
        answer = self.own_size if own_size else self
        if answer.better is None or answer.certificate is None:
            raise InputError(f"{answer.verdict.name} has no better factors: keep the estimator")
        if self.origin is None:
            message = "better_model needs the factors that from_model read from a model of "
            raise InputError(f"{message}scikit-learn or PyTorch: take result.better")
        if self.origin.rebuild is None:
            message = f"better_model makes no {self.origin.model}, which keeps more than its"
            raise InputError(f"{message} components: take result.better")
        if answer.certificate.statement["observed"] != "all":
            raise InputError("better_model needs all entries of the data: take result.better")
        Y = as_numpy(answer.certificate.given["Y"]).reshape(answer.certificate.statement["shape"])
        return self.origin.rebuild(estimator, Y, answer.better, answer.better_q)

    @property
    def distance(self) -> str:
        """How far above the optimum these factors can be, in words."""
        return distance(self.lower, self.upper, self.over, proved=self.certificate is not None)

    def report(self, path: str | Path) -> int:
        """Write the certificate, verified again, as one HTML page; return its size in bytes.

        The page includes the answer at the candidate's own size if it has its own certificate.

        Raises InputError without a certificate (NUMERICAL, OUT_OF_SCOPE), without jinja2 and
        matplotlib, or if the file cannot be written.
        """
        if self.certificate is None:
            raise InputError(f"{self.verdict.name} has no certificate to report: {self.reason}")
        return write(self.certificate, path, own=self.own_certificate, units=self.units)

    def explain(self) -> str:
        """Say in sentences what is proved, which bound is loose, what was tried and what to do."""
        return explanation(self)

    def plot(self, path: str | Path | None = None) -> Any:  # noqa: ANN401  matplotlib's axes
        """Draw the bracket and the objectives of the search; with a path, write the picture.

        Returns matplotlib's Axes.  Raises InputError if matplotlib is not installed.
        """
        return plot_result(self, path)

    def _repr_html_(self) -> str:
        """Show the verdict, the reason and a picture of the bracket in a notebook."""
        return cell(self, self.epsilon)

    @property
    def epsilon(self) -> float:
        """The tolerance max(atol, rtol |upper|), rounded up; 0 without a certificate."""
        if self.certificate is None:
            return 0.0
        rtol, atol = (float.fromhex(self.certificate.statement[k]) for k in ("rtol", "atol"))
        return epsilon_up(self.upper, (rtol, atol))

    def __repr__(self) -> str:
        """Show the distance to the optimum, the verdict and the bracket."""
        return (
            f"Result({self.distance}, {self.verdict.name}, "
            f"{at_least(self.lower)} <= optimum over {self.over}, "
            f"candidate <= {at_most(self.upper)}, {self.tier})"
        )
