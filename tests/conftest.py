"""One BLAS thread a worker, and Hypothesis without luck or deadlines."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

settings.register_profile(
    "certify",
    deadline=None,  # machines are shared
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("certify")


def pytest_terminal_summary(terminalreporter):
    """Count skips in the open: a skipped test has proved nothing."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    terminalreporter.write_line(f"{skipped} skipped")
