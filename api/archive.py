"""Versions that are not in service any more, loaded when an answer made with them is asked for again.

Catalogues, laws and prices come from the store, models and ratings from their folders; a few of each stay in memory.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from matcher.catalog import Catalog
from matcher.market import PriceTable
from matcher.matching import NO_PRICES, Matcher, Versions
from matcher.policy import Rulebook
from matcher.ranker import BundleError, Ranker
from matcher.rating import RatingModel, RatingModelError
from matcher.store import marketplace, prices, rulebooks
from matcher.store.store import Store

T = TypeVar("T")
NO_RATING = "none"
_KEPT = 4


class NoSuchVersionError(Exception):
    """An answer was made with a version that is not here any more; names it."""


class Archive:
    """Matchers as they were, by the versions of an answer.

    Parameters
    ----------
    models
        Directory with ``ranker/<version>`` and ``rating/<version>``.
    """

    def __init__(self, store: Store, models: Path) -> None:
        self._store, self._models = store, models
        self._catalogs, self._rulebooks = _Few[Catalog](), _Few[Rulebook]()
        self._rankers, self._ratings = _Few[Ranker](), _Few[RatingModel]()
        self._prices = _Few[PriceTable]()
        self._matchers = _Few[Matcher]()

    def matcher(self, running: Matcher, wanted: Versions) -> Matcher:
        """The matcher as it was with these versions; ``running`` where nothing has changed.

        Raises
        ------
        NoSuchVersionError
            If one of them is neither in service nor kept; says which, and where it was looked for.
        """
        if wanted == running.versions:
            return running
        return self._matchers.get(repr(wanted), lambda: self._made(running, wanted))

    def _made(self, running: Matcher, wanted: Versions) -> Matcher:
        now = running.versions
        if replace(wanted, prices=now.prices) == now:
            return running.with_prices(self._price_table(wanted.prices))
        made = Matcher(
            running.catalog if wanted.catalog == now.catalog else self._catalog(wanted.catalog),
            running.ranker if wanted.model == now.model else self._ranker(wanted.model),
            running.rating if wanted.rating == now.rating else self._rating(wanted.rating),
            running.rulebook if wanted.policy == now.policy else self._rulebook(wanted.policy),
            running.prices if wanted.prices == now.prices else self._price_table(wanted.prices),
        )
        if made.versions != wanted:
            raise NoSuchVersionError(f"features {wanted.features}")
        return made

    def _catalog(self, version: str) -> Catalog:
        def load() -> Catalog:
            document = self._store.read(lambda connection: marketplace.archived_catalogue(connection, version))
            if document is None:
                raise NoSuchVersionError(f"catalog {version} (the store has never run it)")
            return Catalog.from_json(document)

        return self._catalogs.get(version, load)

    def _rulebook(self, version: str) -> Rulebook:
        def load() -> Rulebook:
            texts = self._store.read(lambda connection: rulebooks.archived(connection, version))
            if texts is None:
                raise NoSuchVersionError(f"policy {version} (the store has never kept it)")
            return Rulebook.from_texts(texts)

        return self._rulebooks.get(version, load)

    def _price_table(self, version: str) -> PriceTable | None:
        if version == NO_PRICES:
            return None

        def load() -> PriceTable:
            document = self._store.read(lambda connection: prices.archived(connection, version))
            if document is None:
                raise NoSuchVersionError(f"prices {version} (the store has never kept them)")
            return PriceTable.from_json(document)

        return self._prices.get(version, load)

    def _ranker(self, version: str) -> Ranker:
        def load() -> Ranker:
            try:
                return Ranker.load(_folder(self._models / "ranker", version))
            except (BundleError, OSError) as error:
                raise NoSuchVersionError(f"model {version} ({error})") from error

        return self._rankers.get(version, load)

    def _rating(self, version: str) -> RatingModel | None:
        if version == NO_RATING:
            return None

        def load() -> RatingModel:
            try:
                return RatingModel.load(_folder(self._models / "rating", version))
            except (RatingModelError, OSError) as error:
                raise NoSuchVersionError(f"rating {version} ({error})") from error

        return self._ratings.get(version, load)


class _Few(Generic[T]):
    """The few things used last, by version; each is loaded once at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def get(self, version: str, load: Callable[[], T]) -> T:
        with self._lock:
            if version not in self._kept:
                self._kept[version] = load()
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(version)
            return self._kept[version]


def _folder(room: Path, version: str) -> Path:
    """The folder of a version; a version that is no plain name has none."""
    if Path(version).name != version or not (room / version).is_dir():
        raise NoSuchVersionError(f"{room.name} {version} (there is no folder of that name under models/{room.name})")
    return room / version
