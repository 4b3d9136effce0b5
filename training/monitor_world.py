"""The monitor's two windows from a world: what the champion was trained on, and what was published since a day."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.pair_columns import PAIR_COLUMNS
from features.schema import PROFILE
from matcher.eligibility import judge_many
from matcher.matching import Matcher
from matcher.policy import default_rulebook
from matcher.ranker import Ranker
from matcher.rating import RatingModel
from training.dataset import History, pair_matrix_of, read_history
from training.evaluate import MICRO_TURNOVER_CNY
from training.monitor import MATURE_DAYS, Window
from training.trial import questions_of

__all__ = ["windows"]

MOST_LINES, MOST_JUDGED = 30_000, 400
"""Lines and demands drawn evenly from a window that has more."""


def windows(
    world: Path, ranker: Ranker, rating: RatingModel | None, since: date, *, progress: bool = False
) -> tuple[Window, Window]:
    """Reference and recent window of a world."""
    history = read_history(world, progress=progress)
    until = date.fromisoformat(str(ranker.manifest["records_until"]))
    published = history.published_on
    last = published.max().item()
    matcher = Matcher(history.catalog, ranker, rating, default_rulebook())
    before = np.nonzero(published <= np.datetime64(min(until, since - timedelta(days=1))))[0]
    after = np.nonzero(published >= np.datetime64(since))[0]
    return tuple(_window(world, history, matcher, rows, last) for rows in (before, after))  # type: ignore[return-value]
