"""Claim 10: the first 80 digits, nonnegative: the bracket against time, to ten minutes.

python benchmarks/bench_patience.py --repeats 3600    these seconds instead of ten minutes
"""

from bench_nonnegative import eighty
from measure import Claim, Options, Report, at_most, main

# Gaps half of the way from the relaxation (6.2e-3, 2.1e-2) to what search says (1e-4, 5e-4).
HALFWAY = {0.1: 3.15e-3, 0.05: 1.075e-2}
TEN_MINUTES = 600


def run(options: Options) -> Report:
    """Spend the seconds on each ratio."""
    seconds = options.repeats or TEN_MINUTES
    rows = [eighty(ratio, seconds, options) for ratio in HALFWAY]
    return Report(f"10. 80 digits, {seconds} s each", rows, list(claims(rows)))


def claims(rows: list[dict[str, object]]) -> list[Claim]:
    """Claim half of the way."""
    pairs = zip(rows, HALFWAY.values(), strict=True)
    return [at_most(f"{row['question']}: gap", float(row["gap"]), most, "") for row, most in pairs]


if __name__ == "__main__":
    main(run, threads=1)
