"""A statement imported with one fragment of the sources changed, and whether its tests notice.

The package is imported anew, beside the one in use, so that what is changed in a helper is changed
in the statement too.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, SimpleNamespace

import pytest

import paper_checks
from tests.paper_checks import contract

FOLDER = Path(paper_checks.__file__).parent
PAGE = FOLDER.parent / "docs" / "theory.md"
OWN, TWINS = "paper_checks", "tests.paper_checks.test_paper_twins"
EXAMPLES = 40


class StaleError(LookupError):
    """A change that does not apply to the sources, or whose result cannot be imported."""


class Changed(SourceFileLoader):
    """The loader of a file with another text."""

    def __init__(self, fullname: str, path: Path, text: str) -> None:
        super().__init__(fullname, str(path))
        self.text = text

    def get_code(self, fullname: str) -> CodeType:
        """Compile the text; nothing is read from or written to a cache."""
        return compile(self.text, self.get_filename(fullname), "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds one module of the package, with another text."""

    def __init__(self, file: str, old: str, new: str) -> None:
        path = FOLDER / f"{file}.py"
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise StaleError(f"{file}.py has {old!r} {text.count(old)} times")
        self.loader = Changed(f"{OWN}.{file}", path, text.replace(old, new))

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """Return where the module is, if it is the one."""
        if fullname != self.loader.name:
            return None
        return spec_from_file_location(fullname, self.loader.path, loader=self.loader)


@contextmanager
def imported_anew(finders: list[Finder]) -> Iterator[None]:
    """Import the package and the twins anew within, by the finders first; then as before."""
    held = {name: sys.modules.pop(name) for name in _ours()}
    sys.meta_path[:0] = finders
    try:
        yield
    finally:
        del sys.meta_path[: len(finders)]
        for name in _ours():
            del sys.modules[name]
        sys.modules.update(held)


def _ours() -> list[str]:
    return [n for n in sys.modules if n == TWINS or n.partition(".")[0] == OWN]


def noticed(statement: str, file: str, old: str, new: str) -> str:
    """Return what a test of the statement says once `old` is `new`; "" if none notices."""
    return said(statement, Finder(file, old, new))


def said(statement: str, *finders: Finder) -> str:
    """Return what the first test that fails says, "" if all pass."""
    with imported_anew([*finders]):
        try:
            module = importlib.import_module(OWN).load(statement)
            runs, needs, docs = (
                importlib.import_module(f"{OWN}.{n}") for n in ("_run", "_necessity", "_docs")
            )
            twins = importlib.import_module(TWINS)
        except (SyntaxError, ImportError) as error:
            raise StaleError(f"{statement} cannot be imported: {error}") from error
        try:
            once = quick(module)
            contract.needs_are_shown(once, needs.broken)
            contract.relations_agree(once)
            for case in twins.CASES:
                if case[0] == statement:
                    twins.test_a_counterexample_that_is_changed_is_refused_and_says_why(*case)
            checks = contract.drawn(once, EXAMPLES)  # without shrinking one that fails
            assert [c for c in checks if not c.passed()] == []
            found = runs.run(statement, once, 1, 0)
            assert found.failures == []
            for check in checks:
                found.add(check, "")
            contract.is_tight(once, {c.claim for c in checks})
            contract.is_as_strong_as_it_shows([*contract.named(once), *checks])
            page = PAGE.read_text(encoding="utf-8")
            for part in docs.section(docs.documented([found])[0]):
                assert part in page, part
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  a test that fails
            return f"{type(error).__name__}: {error}"
    return ""


def unseen(statement: str, file: str, old: str, new: str) -> list[str]:
    """Return what a run of the statement says fails once `old` is `new`."""
    with imported_anew([Finder(file, old, new)]):
        try:
            module = importlib.import_module(OWN).load(statement)
            runs = importlib.import_module(f"{OWN}._run")
        except (SyntaxError, ImportError) as error:
            raise StaleError(f"{statement} cannot be imported: {error}") from error
        runs.MOST = 2 * runs.ENOUGH  # a cell that is always empty needs no more
        return [str(failure) for failure in runs.run(statement, module, runs.ENOUGH, 0).failures]


def quick(module: object) -> SimpleNamespace:
    """Return the module with its named instances computed once."""
    checks, examples = list(module.fixed()), list(module.counterexamples())
    same = {"fixed": lambda: checks, "counterexamples": lambda: examples}
    return SimpleNamespace(**(vars(module) | same))
