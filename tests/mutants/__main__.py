"""python -m tests.mutants: run mutants, and show those that no test kills."""

import sys

from .job import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
