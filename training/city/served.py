"""A city served by whatever lists it is given, month by month, and written down as it is known on any of those days.

What is written is the log alone, as it stood the evening before a month: applications not sent yet, files not reviewed
and money not paid out by then are not in it. A twin continues the same city with the same luck under other lists.
"""

import copy
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.city.actors import City
from training.city.build import admitter, found, write_catalogue, write_manifest, write_table
from training.city.demands import demand_table
from training.city.enterprises import Bools, Floats
from training.city.log import Arrivals, Life
from training.city.luck import PairedLuck
from training.city.parameters import DEMAND_MONTH_0, MONTHS, World
from training.city.tables import application_table, officer_table
from training.city.truth import write_truth

DEMAND_MONTHS = len(MONTHS) - DEMAND_MONTH_0
"""Months of the calendar in which demands are published; months are counted from the first of them here."""


class ServedCity:
    """One city in a directory; ``month`` is the next to be served."""

    def __init__(self, directory: Path, world: World, sizes: dict[str, int], city: City, life: Life | None) -> None:
        self.directory, self.world, self.sizes, self.city = directory, world, sizes, city
        self._admit = admitter(directory, city)
        self._life = life or Life(city, self._admit, PairedLuck(city.seed))
        self._truth: dict[int, pa.Table] = {}
        self.month = 0

    @classmethod
    def open(cls, directory: Path, world: World, seed: int, sizes: dict[str, int]) -> Self:
        """Found a city in an empty directory; ``sizes`` as ``training.city.build.build`` names them."""
        (directory / "sources").mkdir(parents=True, exist_ok=True)
        return cls(directory, world, sizes, found(directory, world, seed, sizes, lambda _: None), None)

    def twin(self, directory: Path) -> "ServedCity":
        """The same city at the same hour in another directory, with the same luck to come."""
        shutil.copytree(self.directory, directory)
        life = copy.deepcopy(self._life)
        other = ServedCity(directory, self.world, self.sizes, life.city, life)
        other._truth, other.month = dict(self._truth), self.month
        return other

    @property
    def capacity(self) -> Floats:
        """Reviews a month of each institution, as the catalogue publishes them."""
        return self._life.log.capacity.astype(np.float64)

    @property
    def owner(self) -> np.ndarray:
        """Institution of each product, by its place in the catalogue."""
        return self.city.marketplace.institution

    def first_day(self, month: int) -> date:
        """First day of a month counted from the first month of demands."""
        return MONTHS[DEMAND_MONTH_0 + month].date()

    def begin(self) -> Arrivals:
        """The demands of the month to be served."""
        arrivals = self._life.begin(DEMAND_MONTH_0 + self.month, self._admit)
        self._truth[self.month] = self._life.pairs(arrivals)
        return arrivals

    def serve(self, arrivals: Arrivals, score: Floats | None) -> None:
        """Live through the month under lists in order of a score (demands, products); the old lists where ``None``."""
        self._life.serve(arrivals, self._life.old_score(arrivals) if score is None else score)
        self.month += 1

    def funded(self) -> Bools:
        """Whether an approval of each demand was signed so far, by its row."""
        signed = np.zeros(len(self.city.demands), dtype=np.bool_)
        signed[list(self._life.queues.funded)] = True
        return signed

    def reviewed(self) -> int:
        """Files reviewed so far."""
        return sum(self._life.queues.reviewed.values())

    def write(self, judged: tuple[int, ...]) -> None:
        """Write the world as known the evening before the month to be served, its demands included.

        Parameters
        ----------
        judged
            Months whose true chances are written to ``truth/``, for evaluation alone.
        """
        log, city, known = self._life.log, self.city, self.first_day(self.month) - timedelta(days=1)
        write_catalogue(self.directory, city, log)
        arrived = int(np.count_nonzero(city.demands.month <= DEMAND_MONTH_0 + self.month))
        write_table(demand_table(city.demands, city.enterprises).slice(0, arrived), self.directory / "demands.parquet")
        write_table(_known(pa.concat_tables(log.exposures), known), self.directory / "exposures.parquet")
        write_table(application_table(city, log, known), self.directory / "applications.parquet")
        log.reviewed = self._life.queues.reviewed
        officers = officer_table(city, log)
        write_table(officers.filter(pc.less_equal(officers["period"], known)), self.directory / "officers.parquet")
        pairs = pa.concat_tables([self._truth[month] for month in judged])
        write_truth(self.directory, pairs, self.world.examination, city.enterprises)
        write_manifest(self.directory, self.world, city.seed, self.sizes)


def _known(exposures: pa.Table, day: date) -> pa.Table:
    """What was shown, with the applications sent by a day alone."""
    sent = pc.fill_null(pc.less_equal(exposures["applied_on"], day), False)
    days = pc.if_else(sent, exposures["applied_on"], pa.scalar(None, pa.date32()))
    place = exposures.column_names.index
    return exposures.set_column(place("applied"), "applied", sent).set_column(place("applied_on"), "applied_on", days)
