"""What a certificate costs a reader: its size, and its verification in both arithmetics."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from measure import Row

from certify import Problem, Result, verify

TIERS = ("exact", "rounded")


def read(found: Result, asked: tuple[Problem, tuple], rtol: float) -> Row:
    """Return the certificate's size, the seconds of each tier, and what they verify."""
    problem, factors = asked
    with TemporaryDirectory() as folder:
        row = {"certificate kB": found.certificate.save(Path(folder) / "x.cert") / 1e3}
    verdicts = set()
    for tier in TIERS:
        begun = perf_counter()
        proved = verify(found.certificate, problem, factors, rtol=rtol, tier=tier)
        row[f"{tier} verify s"] = perf_counter() - begun
        verdicts.add(proved.verdict.name)
    return row | {"verified as": ", ".join(sorted(verdicts))}
