"""Run the kernel alone: python -I -S certify/kernel CERTIFICATE [QUESTION] [--limit N].

Started as a folder or as an archive (not with -m), this file has no package.  Then the folder
becomes a package with a name of its own, and leaves sys.path.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036  this file alone is for every Python
    message = "certify/kernel needs Python 3.10 or later, got %d.%d\n"
    sys.stderr.write(message % sys.version_info[:2])
    sys.exit(2)

from types import ModuleType

if not __package__:
    __package__ = "certify_kernel"  # relative imports need it
    __spec__ = None
    package = ModuleType(__package__)
    package.__path__ = [sys.path.pop(0)]
    sys.modules[__package__] = package

from .claim import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
