"""Follows the running catalogue of the store: what another process put on the marketplace is in every list here too.

A request holds one ``Matcher`` from start to end, so none ever sees two catalogues.
"""

import threading

import structlog

from api.instance import Instance
from matcher.catalog import Catalog
from matcher.store import marketplace

_LOG = structlog.get_logger(__name__)
EVERY_SECONDS = 1.0


def follow(instance: Instance) -> bool:
    """Put the store's running catalogue into service here if it is another; whether it was."""
    if instance.store.read(marketplace.running) == instance.matcher.versions.catalog:
        return False
    with instance.put_lock:
        return follow_locked(instance)


def follow_locked(instance: Instance) -> bool:
    """``follow`` for who holds the instance's lock already."""
    with instance.store.reading() as connection:
        named = marketplace.running(connection)
        if named is None or named == instance.matcher.versions.catalog:
            return False
        document = marketplace.archived_catalogue(connection, named)
    if document is None:
        raise LookupError(f"the running catalogue {named} is not in the store")
    before = instance.matcher.versions.catalog
    instance.matcher = instance.matcher.with_catalog(Catalog.from_json(document))
    _LOG.info("catalogue in service", catalog=named, before=before)
    return True


class CatalogueWatch:
    """Looks at the store again and again from a thread of its own.

    Parameters
    ----------
    every
        Seconds between two looks.
    """

    def __init__(self, instance: Instance, every: float = EVERY_SECONDS) -> None:
        self.fault: str | None = None
        self._instance, self._every = instance, every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="catalogue", daemon=True)

    def start(self) -> "CatalogueWatch":
        """Begin to look."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Look no more; returns when the last look is over."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> bool:
        """Look once; whether another catalogue came into service."""
        try:
            changed = follow(self._instance)
        except Exception as error:  # whatever is wrong with a catalogue, the one in service goes on
            if self.fault != str(error):
                _LOG.error("catalogue refused", reason=str(error), serving=self._instance.matcher.versions.catalog)
            self.fault = str(error)
            return False
        self.fault = None
        return changed

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            self.look()
