"""Everything that acts in one world, and the log that grows while it acts."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.city.approval import Lending
from training.city.catalogue import Marketplace
from training.city.demands import Demands
from training.city.enterprises import Enterprises
from training.city.holdings import Holdings
from training.city.institutions import Institutions
from training.city.outcomes import Loans
from training.city.panel import Panel
from training.city.parameters import World
from training.city.queues import File
from training.city.ties import Ties


@dataclass(kw_only=True)
class City:
    """Everything that acts in the log of one world."""

    world: World
    enterprises: Enterprises
    panel: Panel
    holdings: Holdings
    institutions: Institutions
    marketplace: Marketplace
    ties: Ties
    demands: Demands
    seed: int


@dataclass(kw_only=True)
class Log:
    """What happened, still as arrays and files."""

    lending: Lending
    capacity: npt.NDArray[np.int64]
    exposures: list[pa.Table] = field(default_factory=list)
    pairs: list[pa.Table] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    loans: Loans
    reviewed: dict[tuple[int, date], int] = field(default_factory=dict)
