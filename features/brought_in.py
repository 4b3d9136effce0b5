"""The raw tables of one enterprise with the rows it brought in itself, beside what a directory of sources holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from features.reading import read_rows
from features.schema import SOURCES
from features.sources import SourceTables


def tables_with(
    directory: Path, uscc: str, added: Mapping[str, Sequence[Mapping[str, Any]]], *, is_known: bool
) -> SourceTables:
    """Tables of one enterprise; a row brought in later stands for an earlier one of the same fact and day.

    Parameters
    ----------
    added
        Rows by source, oldest first.
    is_known
        Whether the directory knows the enterprise at all; files are not read for one it does not know.
    """
    frames = {name: rows_with(directory, name, uscc, added.get(name, []), is_known) for name in SOURCES}
    return SourceTables.from_frames(frames, threads=1)


def rows_with(
    directory: Path, source: str, uscc: str, added: Sequence[Mapping[str, Any]], is_known: bool
) -> pd.DataFrame:
    """Raw rows of one source of one enterprise, as ``tables_with`` puts them together."""
    path = directory / f"{source}.parquet"
    parts: list[pd.DataFrame] = []
    if path.exists() and is_known:
        parts.append(pq.read_table(path, filters=[("uscc", "=", uscc)]).to_pandas())
    if added:
        # Of two rows of one fact and day the reader keeps the first: the newest is given first, so it stands.
        parts.append(read_rows(source, list(added)[::-1]).frame)
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in SOURCES[source].names})
    if len(parts) == 1:
        return parts[0]
    joined: pd.DataFrame = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    return joined.drop_duplicates([*SOURCES[source].key, "known_on"], keep="last", ignore_index=True)
