"""Brings a new champion into service while requests are answered: loaded beside, then put in place whole.

A request holds one ``Matcher`` from start to end, so none ever sees two. A champion that must not serve changes
nothing but the fault that readiness tells.
"""

import threading

import structlog

from api.instance import Instance
from matcher.ranker import BundleError, Ranker, champion_directory

_LOG = structlog.get_logger(__name__)
EVERY_SECONDS = 2.0


class ChampionWatch:
    """Looks at ``champion.json`` again and again from a thread of its own.

    Parameters
    ----------
    every
        Seconds between two looks.
    """

    def __init__(self, instance: Instance, every: float = EVERY_SECONDS) -> None:
        self.fault: str | None = None
        self._instance, self._every = instance, every
        self._directory = instance.settings.matcher_models / "ranker"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="champion", daemon=True)

    def start(self) -> "ChampionWatch":
        """Begin to look."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Look no more; returns when the last look is over."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> bool:
        """Look once: put the champion into service if it is another; whether it was."""
        try:
            changed = self._follow()
        except Exception as error:  # whatever is wrong with a bundle, the one in service goes on
            if self.fault != str(error):
                _LOG.error("champion refused", reason=str(error), serving=self._instance.matcher.versions.model)
            self.fault = str(error)
            return False
        self.fault = None
        return changed

    def _follow(self) -> bool:
        named = champion_directory(self._directory)
        if named == self._directory or named.name == self._instance.matcher.versions.model:
            return False
        ranker = Ranker.load(named)
        if ranker.version != named.name:
            raise BundleError(f"{named.name} says it is {ranker.version}: a bundle keeps the folder it was written to")
        with self._instance.put_lock:
            running = self._instance.matcher
            self._instance.matcher = running.with_ranker(ranker)
        _LOG.info("champion in service", model=ranker.version, before=running.versions.model)
        return True

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            self.look()
