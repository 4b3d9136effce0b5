"""The hidden truth of a world, kept apart from its logs; only the city and evaluation may read it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training.city.enterprises import Enterprises


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The truth of one world.

    Parameters
    ----------
    pairs
        One row per demand of the held-out months and product its published rules admit: ``demand_id``, ``product_id``,
        ``p_apply`` = P(apply | seen), ``p_approve`` = P(approve | reviewed), ``verdict`` (1 unknown, 2 pass).
    examination
        v_k, chance that position k (from 1) is looked at.
    enterprises
        ``uscc``, ``quality`` on the last day, ``reputation``, ``growth``.
    """

    pairs: pd.DataFrame
    examination: npt.NDArray[np.float64]
    enterprises: pd.DataFrame


def read_truth(world: Path) -> Truth:
    """The truth of the world in a directory."""
    directory = world / "truth"
    examination = json.loads((directory / "examination.json").read_text())["examination"]
    return Truth(
        pairs=pd.read_parquet(directory / "pairs.parquet"),
        examination=np.array(examination),
        enterprises=pd.read_parquet(directory / "enterprises.parquet"),
    )


def write_truth(world: Path, pairs: pa.Table, examination: tuple[float, ...], enterprises: Enterprises) -> None:
    """Write the truth of a world beside its logs."""
    directory = world / "truth"
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(pairs, directory / "pairs.parquet")
    (directory / "examination.json").write_text(json.dumps({"examination": list(examination)}) + "\n")
    latent = pd.DataFrame(
        {
            "uscc": enterprises.uscc,
            "quality": enterprises.quality[:, -1],
            "reputation": enterprises.reputation,
            "growth": enterprises.growth,
        }
    )
    latent.to_parquet(directory / "enterprises.parquet", index=False)
