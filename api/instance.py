"""One running service: its store, its keys, its profiles, and the matcher that is in service now."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock

from api.archive import Archive, NoSuchVersionError
from api.idempotency import InFlight
from api.keyring import Keyring
from api.lead_book import LeadBook
from api.profiles import ProfileBook, open_profiles
from api.settings import Settings
from api.world import World, load_officers, load_world, names, open_world
from matcher.catalog import Catalog
from matcher.dealings_book import DealingsBook, open_dealings
from matcher.market import PriceTable, PriceTableError
from matcher.matching import Matcher, Versions
from matcher.policy import Rulebook, default_rulebook
from matcher.ranker import Ranker, champion_directory
from matcher.rating import RatingModel
from matcher.replanning import current_table
from matcher.store import marketplace, rulebooks
from matcher.store.clock import Clock, PinnedClock, SystemClock
from matcher.store.store import Store, open_store

Say = Callable[[str], None]


@dataclass(kw_only=True)
class Instance:
    """Everything a request may touch. ``matcher`` is replaced whole, never changed."""

    settings: Settings
    store: Store
    keyring: Keyring
    world: World
    profiles: ProfileBook
    dealings: DealingsBook
    names: dict[str, str]
    matcher: Matcher
    archive: Archive
    in_flight: InFlight = field(default_factory=InFlight)
    put_lock: Lock = field(default_factory=Lock)
    leads: LeadBook = field(default_factory=LeadBook)

    @property
    def clock(self) -> Clock:
        """The store's clock."""
        return self.store.clock

    def as_it_was(self, versions: Versions) -> Matcher:
        """The matcher as it was with these versions.

        Raises
        ------
        NoSuchVersionError
            If one of them is not kept here any more.
        """
        return self.archive.matcher(self.matcher, versions)

    def close(self) -> None:
        """Finish what waits and give everything back."""
        self.store.close()
        self.profiles.close()


def open_instance(
    settings: Settings, say: Say, law: Rulebook | None = None, clock: Callable[[date], Clock] | None = None
) -> Instance:
    """Open the store, load the world where it is new, and make the matcher ready.

    Parameters
    ----------
    say
        Told each step as it is done, with its seconds.
    law
        The law in force; the one that ships with the project where none is given.
    clock
        Makes the clock from the world's last day; by default the machine's in production, else that day pinned.

    Raises
    ------
    StoreUnreachableError, NoWorldError, BundleError
        With where, why and what to do.
    """
    step = _Steps(say)
    world = open_world(settings.city)
    ranker = Ranker.load(settings.matcher_models / "ranker")
    step("champion model")
    store = open_store(settings.database, clock(world.last_day) if clock else _clock(settings, world.last_day))
    try:
        load_world(store, world)
        load_officers(store, world)
        step("store")
        catalog = _running_catalogue(store)
        rulebook = law or default_rulebook()
        _archive_law(store, rulebook)
        rating = _rating(settings.matcher_models / "rating")
        matcher = Matcher(catalog, ranker, rating, rulebook, _prices(store, say))
        step("catalogue, law and prices")
        profiles = open_profiles(world, settings.matcher_home / "profiles")
        step("profiles")
        dealings = open_dealings(world.directory)
        step("earlier dealings")
    except BaseException:
        store.close()
        raise
    return Instance(
        settings=settings,
        store=store,
        keyring=Keyring(store),
        world=world,
        profiles=profiles,
        dealings=dealings,
        names=names(world),
        matcher=matcher,
        archive=Archive(store, settings.matcher_models),
    )


def _rating(directory: Path) -> RatingModel | None:
    """The rating in service: the one ``champion.json`` names, else the newest; none where there is no model."""
    chosen = champion_directory(directory)
    if chosen != directory:
        return RatingModel.load(chosen)
    versions = sorted(directory.glob("*/manifest.json"))
    return RatingModel.load(versions[-1].parent) if versions else None


def _prices(store: Store, say: Say) -> PriceTable | None:
    """The price table in service; one that cannot be read is told and left, the next plan replaces it."""
    try:
        return store.read(current_table)
    except PriceTableError as error:
        say(f"prices: {error}")
        return None


def _archive_law(store: Store, rulebook: Rulebook) -> None:
    if not store.read(lambda connection: rulebooks.is_archived(connection, rulebook.version)):
        now = store.clock.now()
        store.write(lambda connection: rulebooks.archive(connection, rulebook.version, rulebook.texts, now))


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
