"""A progress bar on a terminal or in a notebook, by rich."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from time import monotonic
from typing import Any

from .clock import Clock, Progress

LATER = 2.0  # seconds after which a bar appears by default
Read = Callable[[Any, str, float], tuple[str, float]]


def show_stage(task: Any, stage: str, value: float) -> tuple[str, float]:  # noqa: ANN401  rich's task
    """Return the text for a stage and its objective, and the length of the bar: seconds."""
    return f"{stage}  {value:.8g}", task.elapsed or 0.0


@contextmanager
def bar(total: float | None = None, read: Read = show_stage) -> Iterator[Progress | None]:
    """Show a bar on a terminal or in a notebook's cell while the body runs.

    Yields None, without a bar, if stderr is neither.
    """
    from rich.console import Console  # noqa: PLC0415  only where it is shown
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as shown_bar:
        task = shown_bar.add_task("starting", total=total or None)

        def tell(stage: str, value: float) -> None:
            """Show the stage and its value."""
            text, done = read(shown_bar.tasks[0], stage, value)
            shown_bar.update(task, description=text, completed=done)

        yield tell


@contextmanager
def show_progress(clock: Clock) -> Iterator[None]:
    """Show the stages of a clock in a bar if its progress is True, or None on a terminal."""
    wanted, total = clock.progress, clock.budget or clock.most
    showing: AbstractContextManager[Progress | bool | None] = nullcontext(wanted)
    if wanted is True or (wanted is None and sys.stderr.isatty()):
        showing = bar(total) if wanted else later(total)
    try:
        with showing as clock.progress:
            yield
    finally:
        clock.progress = wanted


@contextmanager
def later(total: float | None) -> Iterator[Progress]:
    """Show a bar once the body has run for a while; most calls end before."""
    begun, bars = monotonic(), list[Progress | None]()
    with ExitStack() as stack:

        def tell(stage: str, value: float) -> None:
            """Show the stage and its value, once it is time."""
            if not bars and monotonic() - begun > LATER:
                bars.append(stack.enter_context(bar(total)))
            if bars and bars[0] is not None:
                bars[0](stage, value)

        yield tell
