"""Bounded admission: as much computing at once as the machine can finish soon; the rest is told to come back."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from api import errors
from api.metrics import Metrics

T = TypeVar("T")


class Admission:
    """A small pool of workers and a bounded line before it.

    Parameters
    ----------
    workers
        Threads that compute.
    most
        Computations in work or in line at once.
    """

    def __init__(self, workers: int, most: int, metrics: Metrics) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="compute")
        self._most = most
        self._metrics = metrics
        self._now = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Compute in the pool.

        Raises
        ------
        ProblemError
            429 when the line is full.
        """
        if self._now >= self._most:
            self._metrics.refused.inc()
            raise errors.busy()
        self._now += 1
        self._metrics.in_flight.set(self._now)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._now -= 1
            self._metrics.in_flight.set(self._now)

    def close(self) -> None:
        """Finish what is in work."""
        self._pool.shutdown(wait=True)
