"""Profiles as the edge needs them: everybody's on the world's day in memory, anybody's on any other day built alone.

The day's profiles are built once, kept on disk under the digest of world and columns, and read in a second later on.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from api.world import World
from features.brought_in import tables_with
from features.profile import build_profiles, profile_columns
from features.schema import PROFILE
from features.sources import SourceTables

Row = dict[str, float | str | None]
_REMEMBERED = 512


class ProfileBook:
    """Profiles of one world, with whatever records came in since.

    Parameters
    ----------
    frame
        Everybody's profile on the world's last day, index ``uscc``, sorted.
    """

    def __init__(self, world: World, frame: pd.DataFrame) -> None:
        self.world = world
        self.codes: tuple[str, ...] = tuple(frame.index)
        self._row_of = {uscc: row for row, uscc in enumerate(self.codes)}
        self._columns: dict[str, NDArray[Any]] = dict(profile_columns(frame))
        self._tables = SourceTables.from_directory(world.sources)
        self._built: OrderedDict[tuple[str, date, int], Row] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, uscc: str) -> bool:
        return uscc in self._row_of

    def everybody(self) -> Mapping[str, NDArray[Any]]:
        """Columns of everybody's profile on the world's last day, in the order of ``codes``; not to be changed."""
        return self._columns

    def row(self, uscc: str, as_of: date, batch: int, records: dict[str, list[dict[str, Any]]]) -> Row:
        """The profile of one enterprise on a day, nulls where nothing is known.

        Parameters
        ----------
        batch, records
            Number of its last batch of records and the rows themselves; 0 and none where none came in.
        """
        if batch == 0 and as_of == self.world.last_day and uscc in self._row_of:
            index = self._row_of[uscc]
            return _plain(self._columns, index)
        key = (uscc, as_of, batch)
        with self._lock:
            if key in self._built:
                self._built.move_to_end(key)
                return self._built[key]
        built = self._build(uscc, as_of, records)
        with self._lock:
            self._built[key] = built
            while len(self._built) > _REMEMBERED:
                self._built.popitem(last=False)
        return built

    def rows(self, usccs: Sequence[str], as_of: date) -> dict[str, Row]:
        """Profiles of many enterprises on a day, by code, without records brought in since; unknown ones left out.

        One pass over the tables takes hardly longer for many than for one.
        """
        wanted = [uscc for uscc in dict.fromkeys(usccs) if uscc in self._row_of]
        if as_of == self.world.last_day:
            return {uscc: _plain(self._columns, self._row_of[uscc]) for uscc in wanted}
        if not wanted:
            return {}
        frame = build_profiles(self._tables, as_of, enterprises=wanted)
        columns = profile_columns(frame)
        return {uscc: _plain(columns, row) for row, uscc in enumerate(frame.index)}

    def prepare(self, usccs: Sequence[str], as_of: date) -> None:
        """Have the profiles of enterprises at hand that will be asked for one by one; as many as are remembered."""
        if as_of == self.world.last_day:
            return
        with self._lock:
            wanted = [uscc for uscc in usccs if (uscc, as_of, 0) not in self._built][:_REMEMBERED]
        built = self.rows(wanted, as_of)
        with self._lock:
            self._built |= {(uscc, as_of, 0): row for uscc, row in built.items()}
            while len(self._built) > _REMEMBERED:
                self._built.popitem(last=False)

    def close(self) -> None:
        """Give the engine back."""
        self._tables.close()

    def _build(self, uscc: str, as_of: date, records: dict[str, list[dict[str, Any]]]) -> Row:
        if not records:
            return _only_row(build_profiles(self._tables, as_of, enterprises=[uscc]))
        tables = tables_with(self.world.sources, uscc, records, is_known=uscc in self._row_of)
        try:
            return _only_row(build_profiles(tables, as_of, enterprises=[uscc]))
        finally:
            tables.close()


def open_profiles(world: World, kept_in: Path) -> ProfileBook:
    """The profiles of a world on its last day, from disk where they were built before."""
    path = kept_in / f"profiles-{_digest(world)}.parquet"
    if path.exists():
        return ProfileBook(world, pd.read_parquet(path))
    tables = SourceTables.from_directory(world.sources)
    try:
        frame = build_profiles(tables, world.last_day)
    finally:
        tables.close()
    kept_in.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    frame.to_parquet(unfinished)
    unfinished.replace(path)
    return ProfileBook(world, frame)


def _only_row(frame: pd.DataFrame) -> Row:
    return _plain(profile_columns(frame), 0)


def _plain(columns: Mapping[str, NDArray[Any]], index: int) -> Row:
    """One row as plain floats and texts, null as ``None``."""
    row: Row = {}
    for name, column in columns.items():
        value = column.item(index)
        row[name] = None if value is None or value != value else value
    return row


def _digest(world: World) -> str:
    columns = ",".join(f"{column.name}:{column.dtype}" for column in PROFILE)
    return hashlib.sha256(f"{world.digest}|{world.last_day}|{columns}".encode()).hexdigest()[:20]
