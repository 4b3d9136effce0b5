"""Hidden ties between enterprises and institutions: the main bank, and the relationship that confounds the log."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.city.enterprises import Enterprises, Floats, Ints
from training.city.institutions import KINDS, Institutions
from training.city.parameters import stream


@dataclass(frozen=True, kw_only=True)
class Ties:
    """``relationship`` is (enterprises, institutions), about standard normal; ``main`` is each one's main bank."""

    relationship: npt.NDArray[np.float32]
    main: Ints


def tie(enterprises: Enterprises, institutions: Institutions, seed: int) -> Ties:
    """Draw main banks near home, and relationships that reputation and the main bank lift."""
    rng = stream(seed, 13)
    n, banks = len(enterprises), len(institutions)
    lends = institutions.kind < KINDS.index("guarantor")
    weight = institutions.branch.T * (institutions.officers * lends)[None, :] + 1e-9
    edges = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)[enterprises.division]
    main = np.minimum((rng.random(n)[:, None] > edges).sum(axis=1), banks - 1)
    noise = rng.normal(0, 0.75, (n, banks))
    relationship = noise + 0.45 * enterprises.reputation[:, None]
    relationship[np.arange(n), main] += 0.9
    return Ties(relationship=relationship.astype(np.float32), main=main.astype(np.int64))


def is_main(ties: Ties, who: Ints, banks: int) -> Floats:
    """(demands, institutions): 1 at the main bank of the enterprise that asks."""
    return np.asarray(ties.main[who][:, None] == np.arange(banks)[None, :], dtype=float)
