"""The interpreters of this machine: `python3 tests/pythons.py 3.13` prints the path of one.

They are looked for on PATH and among those of pyenv; the exit status is 1 if there is none.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

VERSIONS = "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"
ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


@cache
def find(version):
    """Return the path of an interpreter of this version, such as "3.13", or None."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = sorted(map(str, root.glob(f"versions/{version}.*/bin/python")))
    for path in [shutil.which(f"python{version}"), *installed]:
        if path and answer(path) == version:  # a launcher may find none
            return path
    return None


def answer(path):
    """Return the version that an interpreter says it has."""
    done = subprocess.run(
        [path, "-I", "-S", "-c", ASK], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


if __name__ == "__main__":
    found = find(sys.argv[1])
    if found is None:
        sys.exit(f"there is no Python {sys.argv[1]} on this machine")
    sys.stdout.write(f"{found}\n")
