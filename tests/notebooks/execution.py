"""Runs a notebook top to bottom in a kernel of its own; ``make notebooks`` runs all and keeps their outputs in place."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from training.world_cache import world_directory

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = tuple(sorted((ROOT / "notebooks").glob("*.ipynb")))
WORLDS = ("default", "drifting")
LONGEST_SECONDS = 240


def build_worlds(cache: Path) -> Path:
    """Every small city the notebooks read, built where absent: their outputs never speak of building."""
    for name in WORLDS:
        world_directory(cache, name, small=True)
    return cache


def executed(path: Path, worlds: Path) -> NotebookNode:
    """A fresh copy of the notebook with the outputs of this run, on made-up data wherever real data may be absent.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails; it shows the cell and the traceback.
    """
    notebook = nbformat.read(path, as_version=4)
    given = {name: value for name, value in os.environ.items() if name != "PPP_DATA"}
    given |= {"MATCHER_WORLDS": str(worlds), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    client = NotebookClient(
        notebook,
        timeout=LONGEST_SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env=given)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def main(names: list[str]) -> None:
    """Run the notebooks whose names begin so (all where none is given) and save them with their outputs."""
    chosen = [path for path in NOTEBOOKS if not names or path.name.startswith(tuple(names))]
    with TemporaryDirectory() as scratch:
        worlds = build_worlds(Path(os.environ.get("MATCHER_WORLDS", scratch)))
        for path in chosen:
            print(f"running {path.name}", flush=True)
            nbformat.write(executed(path, worlds), path)


if __name__ == "__main__":
    main(sys.argv[1:])
