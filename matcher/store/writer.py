"""One writer with group commit: waiting changes share one transaction and one sync; each is answered after its commit.

A change is a function of a connection. It may run twice (when a sibling in its group fails, the group is undone and
each change runs alone), so it must have no effect but through the connection. It never runs again once its COMMIT was
sent: where that fails (the database went away in between), it may be done, and its caller is told that nobody knows.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, RootTransaction

T = TypeVar("T")
GROUP = 256
"""Most changes sharing one commit."""


class WriterClosedError(RuntimeError):
    """The writer no longer takes changes: the service is stopping."""


class OutcomeUnknownError(RuntimeError):
    """A change was sent to be committed and the answer did not come: it may be done or not."""


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    change: Callable[[Connection], Any]
    future: Future[Any]


class Writer:
    """The only thread that writes.

    Parameters
    ----------
    engine
        Engine whose transactions take the write lock at once.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()
        self.commits = 0

    @property
    def depth(self) -> int:
        """Changes waiting now."""
        return self._waiting.qsize()

    def submit(self, change: Callable[[Connection], T]) -> Future[T]:
        """Queue a change; the future is done once it is durable, or holds what it raised.

        It holds an ``OutcomeUnknownError`` where the commit itself failed.

        Raises
        ------
        WriterClosedError
            If the writer was closed.
        """
        if self._closed.is_set():
            raise WriterClosedError("The store is closing and takes no more changes.")
        future: Future[T] = Future()
        self._waiting.put(_Waiting(change=change, future=future))
        return future

    def write(self, change: Callable[[Connection], T]) -> T:
        """Queue a change and wait until it is durable; raises what it raised."""
        return self.submit(change).result()

    def close(self) -> None:
        """Finish what waits, then stop."""
        if not self._closed.is_set():
            self._closed.set()
            self._waiting.put(None)
            self._thread.join()

    def _work(self) -> None:
        stopping = False
        while not stopping:
            first = self._waiting.get()
            group = [] if first is None or _given_up(first) else [first]
            stopping = first is None
            while len(group) < GROUP and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    stopping = True
                elif not _given_up(following):
                    group.append(following)
            if group:
                self._commit(group)

    def _commit(self, group: list[_Waiting]) -> None:
        try:
            with self._engine.connect() as connection:
                transaction = connection.begin()
                results = [waiting.change(connection) for waiting in group]
                _finish(connection, transaction)
        except OutcomeUnknownError as error:
            for waiting in group:
                waiting.future.set_exception(error)
            return
        except BaseException as error:
            if len(group) == 1:
                group[0].future.set_exception(error)
                return
            for waiting in group:
                self._commit([waiting])
            return
        self.commits += 1
        for waiting, result in zip(group, results, strict=True):
            waiting.future.set_result(result)


def _finish(connection: Connection, transaction: RootTransaction) -> None:
    """Commit; a connection that did not answer is used no more."""
    try:
        transaction.commit()
    except BaseException as error:
        connection.invalidate()
        raise OutcomeUnknownError("The commit was sent and not answered: the change may be done or not.") from error


def _given_up(waiting: _Waiting) -> bool:
    """Whether nobody waits for a change any more: it is left undone; one begun can no longer be given up."""
    return not waiting.future.set_running_or_notify_cancel()
