"""Bars for what takes more than a few seconds; silent where nobody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def steps(visible: bool, title: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar of ``total`` steps on standard error; yields what to call after each."""
    if not visible:
        yield lambda: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)
