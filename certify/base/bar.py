"""A progress bar on a terminal or in a notebook, by rich."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .clock import Clock, Progress

Read = Callable[[Any, str, float], tuple[str, float]]


def timed(task: Any, stage: str, value: float) -> tuple[str, float]:  # noqa: ANN401  rich's task
    """Show the stage and its objective; the bar is the time spent of a budget."""
    return f"{stage}  {value:.8g}", task.elapsed or 0.0


@contextmanager
def bar(total: float | None = None, read: Read = timed) -> Iterator[Progress | None]:
    """Show a bar on stderr, or in a notebook's cell, while the body runs.

    Yields None, and shows nothing, where stderr is neither.
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
def shown(clock: Clock) -> Iterator[None]:
    """Let a clock whose progress is True tell a bar, while the body runs."""
    if clock.progress is not True:
        yield
        return
    try:
        with bar(clock.budget) as clock.progress:
            yield
    finally:
        clock.progress = True
