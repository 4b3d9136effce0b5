"""Builds a whole world and writes it down: records, catalogue, demands, log, manifest, and the truth apart."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from features.schema import SOURCES
from features.sources import SourceTables
from training.city.actors import City, Log
from training.city.admission import admit, catalogue_bytes, open_catalogue
from training.city.catalogue import stock_marketplace
from training.city.demands import demand_table, publish_demands
from training.city.enterprises import Ints, found_enterprises
from training.city.holdings import hold
from training.city.institutions import open_institutions
from training.city.invoices import invoice_table
from training.city.log import Admit, live
from training.city.panel import live_through
from training.city.parameters import DEMAND_MONTH_0, FIRST_DAY, HOLD_OUT_FIRST_DAY, LAST_DAY, MONTHS, World, world_named
from training.city.records import credit_frame, event_frames, monthly_frames
from training.city.snapshot import rating_in_service, snapshot
from training.city.tables import application_table, officer_table, source_table
from training.city.ties import tie
from training.city.truth import write_truth

FULL = {"enterprises": 25_000, "demands": 60_000, "institutions": 74, "products": 426}
SMALL = {"enterprises": 1_000, "demands": 2_500, "institutions": 18, "products": 60}
DEFAULT_SEED = 20_260_901


def build(
    out: Path | str,
    world: str = "default",
    *,
    seed: int = DEFAULT_SEED,
    enterprises: int | None = None,
    demands: int | None = None,
    institutions: int | None = None,
    products: int | None = None,
    small: bool = False,
    progress: bool = False,
) -> Path:
    """Build a simulated world into a directory, in place of any world there.

    Parameters
    ----------
    enterprises, demands, institutions, products
        Sizes; the full city's by default, those of a world for tests where ``small``.
    progress
        Show bars on the terminal.

    Returns
    -------
    Path
        The directory: ``sources/``, ``catalog.json``, ``demands``, ``exposures``, ``applications`` and ``officers``
        (parquet), ``manifest.json`` and ``truth/``. The same arguments give the same bytes and the same digest.

    Raises
    ------
    UnknownWorldError
        If no world has that name.
    """
    chosen = world_named(world)
    sizes = dict(SMALL if small else FULL)
    given = {"enterprises": enterprises, "demands": demands, "institutions": institutions, "products": products}
    sizes |= {name: value for name, value in given.items() if value is not None}
    directory = Path(out)
    for part in ("sources", "truth"):
        shutil.rmtree(directory / part, ignore_errors=True)
    (directory / "sources").mkdir(parents=True, exist_ok=True)
    with _steps(progress, 4 + len(MONTHS) - DEMAND_MONTH_0) as step:
        _build(directory, chosen, seed, sizes, step)
    return directory


def _build(directory: Path, world: World, seed: int, sizes: dict[str, int], step: Callable[[str], None]) -> None:
    city = found(directory, world, seed, sizes, step)
    log = live(city, admitter(directory, city), lambda: step("log"))
    _write_log(directory, city, log)
    write_manifest(directory, world, seed, sizes)
    step("written")


def found(directory: Path, world: World, seed: int, sizes: dict[str, int], step: Callable[[str], None]) -> City:
    """Found a city, its records of every source written down, nothing shown to anybody yet."""
    people = found_enterprises(world, sizes["enterprises"], seed)
    panel = live_through(world, people, seed)
    holdings = hold(world, people, seed)
    step("enterprises")
    frames: dict[str, pd.DataFrame | pa.Table] = {
        **monthly_frames(people, panel, holdings, seed),
        **event_frames(people, panel, holdings, seed),
        "invoices": invoice_table(people, panel, holdings, seed),
    }
    for source, frame in frames.items():
        write_table(source_table(SOURCES[source], frame), directory / "sources" / f"{source}.parquet")
    step("records")
    institutions = open_institutions(sizes["institutions"], seed)
    city = City(
        world=world,
        enterprises=people,
        panel=panel,
        holdings=holdings,
        institutions=institutions,
        marketplace=stock_marketplace(institutions, sizes["products"], seed),
        ties=tie(people, institutions, seed),
        demands=publish_demands(world, people, panel, holdings, sizes["demands"], seed),
        seed=seed,
    )
    step("market")
    return city


def admitter(directory: Path, city: City) -> Admit:
    """Verdicts from profiles as known on the first day of each month, loans of the log so far included."""
    catalog = open_catalogue(city.institutions, city.marketplace)
    _write_credit(directory, city)
    rating = rating_in_service()
    # Views over the files: the handle sees credit records written anew, and stays warm from month to month.
    tables = SourceTables.from_directory(directory / "sources")

    def verdicts(month: int, rows: Ints) -> npt.NDArray[np.int8]:
        _write_credit(directory, city)
        columns = snapshot(tables, MONTHS[month].date(), city.enterprises, rating)
        return admit(catalog, columns, city.enterprises, city.demands, rows)

    return verdicts


def _write_credit(directory: Path, city: City) -> None:
    frame = credit_frame(city.enterprises, city.panel, city.holdings, city.seed)
    write_table(source_table(SOURCES["credit"], frame), directory / "sources" / "credit.parquet")


def write_catalogue(directory: Path, city: City, log: Log) -> None:
    """Write the catalogue with what each institution can review."""
    for record, capacity in zip(city.institutions.records, log.capacity, strict=True):
        record["reviews_per_month"] = int(capacity)
    (directory / "catalog.json").write_bytes(catalogue_bytes(city.institutions, city.marketplace))


def _write_log(directory: Path, city: City, log: Log) -> None:
    _write_credit(directory, city)
    write_catalogue(directory, city, log)
    write_table(demand_table(city.demands, city.enterprises), directory / "demands.parquet")
    write_table(pa.concat_tables(log.exposures), directory / "exposures.parquet")
    write_table(application_table(city, log), directory / "applications.parquet")
    write_table(officer_table(city, log), directory / "officers.parquet")
    write_truth(directory, pa.concat_tables(log.pairs), city.world.examination, city.enterprises)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as every file of a world is written."""
    pq.write_table(table, path, row_group_size=100_000)


def write_manifest(directory: Path, world: World, seed: int, sizes: dict[str, int]) -> None:
    """Write what a world is and the digest of its files."""
    manifest = {
        "simulated": True,
        "world": world.name,
        "about": world.about,
        "seed": seed,
        **sizes,
        "first_day": FIRST_DAY.isoformat(),
        "last_day": LAST_DAY.isoformat(),
        "hold_out_first_day": HOLD_OUT_FIRST_DAY.isoformat(),
        "profiles_as_of": "the first day of the month of publication",
        "rating": rating_in_service().version,
        "parameters": {k: v for k, v in world.as_dict().items() if k != "examination"},
        "digest": digest(directory),
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


def digest(directory: Path) -> str:
    """SHA-256 over the names and bytes of every file of a world but its manifest."""
    total = hashlib.sha256()
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and p.name != "manifest.json"):
        total.update(path.relative_to(directory).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


@contextmanager
def _steps(show: bool, total: int) -> Iterator[Callable[[str], None]]:
    if not show:
        yield lambda _: None
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task("simulated city", total=total)
        yield lambda name: bar.update(task, advance=1, description=f"simulated city: {name}")
