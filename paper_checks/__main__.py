"""Print the table of statements; exit status 0 only if all hold."""

import sys

from . import load, names


def main() -> int:
    """Run every statement."""
    bad = 0
    for name in names():
        checks = load(name)
        failed = [c for c in checks if not c.holds()]
        bad += len(failed)
        sys.stdout.write(f"{name:24} {len(checks):5} instances  {'FAILS' if failed else 'holds'}\n")
        for c in failed:
            sys.stdout.write(f"    {c.claim}: {c.left} {c.relation} {c.right} is false\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
