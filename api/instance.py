"""One running service: its store, its keys, its profiles, and the matcher that is in service now."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock

from api.auth import Keyring
from api.idempotency import InFlight
from api.profiles import ProfileBook, open_profiles
from api.settings import Settings
from api.world import World, load_world, names, open_world
from matcher.catalog import Catalog
from matcher.matching import Matcher
from matcher.policy import default_rulebook
from matcher.ranker import Ranker, champion_directory
from matcher.rating import RatingModel
from matcher.store import marketplace
from matcher.store.clock import Clock, PinnedClock, SystemClock
from matcher.store.store import Store, open_store

Say = Callable[[str], None]
_ARCHIVED = 4


class NoSuchVersionError(Exception):
    """An answer was made with a version that is not here any more; names it."""


@dataclass(kw_only=True)
class Instance:
    """Everything a request may touch. ``matcher`` is replaced whole, never changed."""

    settings: Settings
    store: Store
    keyring: Keyring
    world: World
    profiles: ProfileBook
    names: dict[str, str]
    matcher: Matcher
    in_flight: InFlight = field(default_factory=InFlight)
    put_lock: Lock = field(default_factory=Lock)
    _archive: OrderedDict[str, Matcher] = field(default_factory=OrderedDict)
    _archive_lock: Lock = field(default_factory=Lock)

    @property
    def clock(self) -> Clock:
        """The store's clock."""
        return self.store.clock

    def archived(self, catalog: str, model: str, policy: str) -> Matcher:
        """The matcher as it was with these versions.

        Raises
        ------
        NoSuchVersionError
            If the catalogue, the model or the law is not the one kept here.
        """
        running = self.matcher
        if policy != running.versions.policy or model != running.versions.model:
            raise NoSuchVersionError(f"model {model}, policy {policy}")
        if catalog == running.versions.catalog:
            return running
        with self._archive_lock:
            known = self._archive.get(catalog)
        if known is not None:
            return known
        document = self.store.read(lambda connection: marketplace.archived_catalogue(connection, catalog))
        if document is None:
            raise NoSuchVersionError(f"catalog {catalog}")
        made = running.with_catalog(Catalog.from_json(document))
        with self._archive_lock:
            self._archive[catalog] = made
            while len(self._archive) > _ARCHIVED:
                self._archive.popitem(last=False)
        return made

    def close(self) -> None:
        """Finish what waits and give everything back."""
        self.store.close()
        self.profiles.close()


def open_instance(settings: Settings, say: Say) -> Instance:
    """Open the store, load the world where it is new, and make the matcher ready.

    Parameters
    ----------
    say
        Told each step as it is done, with its seconds.

    Raises
    ------
    StoreUnreachableError, NoWorldError, BundleError
        With where, why and what to do.
    """
    step = _Steps(say)
    world = open_world(settings.city)
    ranker = Ranker.load(settings.matcher_models / "ranker")
    step("champion model")
    store = open_store(settings.database, _clock(settings, world.last_day))
    try:
        load_world(store, world)
        step("store")
        catalog = _running_catalogue(store)
        matcher = Matcher(catalog, ranker, _rating(settings.matcher_models / "rating"), default_rulebook())
        step("catalogue and law")
        profiles = open_profiles(world, settings.matcher_home / "profiles")
        step("profiles")
    except BaseException:
        store.close()
        raise
    return Instance(
        settings=settings,
        store=store,
        keyring=Keyring(store),
        world=world,
        profiles=profiles,
        names=names(world),
        matcher=matcher,
    )


def _rating(directory: Path) -> RatingModel | None:
    """The rating in service: the one ``champion.json`` names, else the newest; none where there is no model."""
    chosen = champion_directory(directory)
    if chosen != directory:
        return RatingModel.load(chosen)
    versions = sorted(directory.glob("*/manifest.json"))
    return RatingModel.load(versions[-1].parent) if versions else None


def _clock(settings: Settings, last_day: date) -> Clock:
    return SystemClock() if settings.is_production else PinnedClock(day=last_day)


def _running_catalogue(store: Store) -> Catalog:
    with store.reading() as connection:
        version = marketplace.stated(connection, marketplace.RUNNING)
        document = None if version is None else marketplace.archived_catalogue(connection, version)
    if document is None:
        raise NoSuchVersionError(f"the running catalogue {version} is not in the store: load a world first")
    return Catalog.from_json(document)


class _Steps:
    """Says each step with the seconds it took."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._since = time.perf_counter()

    def __call__(self, name: str) -> None:
        now = time.perf_counter()
        self._say(f"{name}: {now - self._since:.1f} s")
        self._since = now
