"""What chance decides in the log: drawn as it comes, or paired, so that twin cities meet the same luck.

Drawn as it comes, one draw more shifts all later ones. Paired, every draw belongs to what it is about (a demand and a
position, a demand and a product, an institution and a day): what differs between twins is then their lists alone.
"""

import numpy as np
import numpy.typing as npt

from training.city.parameters import stream

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FIRST_DELAY = 0.45
"""Chance that an application is sent on the day it could be, then on each later one."""
_LISTING, _LOOK, _CLICK, _APPLY, _DELAY, _APPROVE, _ONLINE, _QUOTA, _SIGN, _LOAN = range(10)


class Luck:
    """Draws of one stream in the order they are asked for."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.listing = stream(seed, 20)
        self._queue = stream(seed, 21)

    def turn(self, month: int, demands: int, products: int) -> None:
        """Begin a month with so many demands and products."""

    def looks(self, product: Ints) -> Floats:
        """In [0, 1) for each demand and position."""
        return self.listing.random(product.shape)

    def clicks(self, product: Ints) -> Floats:
        """In [0, 1) for each demand and what stands at each position."""
        return self.listing.random(product.shape)

    applies = clicks

    def delays(self, product: Ints) -> Ints:
        """Days until an application is sent, the same day being 1."""
        return np.asarray(self.listing.geometric(FIRST_DELAY, product.shape))

    def approvals(self, line: Ints, product: Ints) -> Floats:
        """In [0, 1) for each file, named by the demand's place in its month and the product."""
        return self.listing.random(len(product))

    online = approvals

    def quota(self, bank: int, day: int) -> float:
        """In [0, 1) for an institution's working day (ordinal)."""
        return float(self._queue.random())

    def signing(self, demand: int, product: int) -> np.random.Generator:
        """Decides whether an approved file is signed, and when it is paid out."""
        return self._queue

    def loan(self, application: int, demand: int, product: int) -> np.random.Generator:
        """Decides the terms and the fate of a loan."""
        return stream(self.seed, 22, application)


class PairedLuck(Luck):
    """Draws that belong to what they are about, whatever else happens."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._month, self._shape = 0, (0, 0)

    def turn(self, month: int, demands: int, products: int) -> None:
        """Begin a month with so many demands and products."""
        self._month, self._shape = month, (demands, products)
        self.listing = stream(self.seed, 30, _LISTING, month)

    def looks(self, product: Ints) -> Floats:
        """In [0, 1) for each demand and position."""
        return stream(self.seed, 30, _LOOK, self._month).random(product.shape)

    def clicks(self, product: Ints) -> Floats:
        """In [0, 1) for each demand and what stands at each position."""
        return self._offers(_CLICK, np.arange(len(product))[:, None], product)

    def applies(self, product: Ints) -> Floats:
        """In [0, 1) for each demand and what stands at each position."""
        return self._offers(_APPLY, np.arange(len(product))[:, None], product)

    def delays(self, product: Ints) -> Ints:
        """Days until an application is sent, the same day being 1."""
        even = self._offers(_DELAY, np.arange(len(product))[:, None], product)
        return np.asarray(1 + np.floor(np.log1p(-even) / np.log1p(-FIRST_DELAY)), dtype=np.int64)

    def approvals(self, line: Ints, product: Ints) -> Floats:
        """In [0, 1) for each file, named by the demand's place in its month and the product."""
        return self._offers(_APPROVE, line, product)

    def online(self, line: Ints, product: Ints) -> Floats:
        """In [0, 1) for each file, named by the demand's place in its month and the product."""
        return self._offers(_ONLINE, line, product)

    def quota(self, bank: int, day: int) -> float:
        """In [0, 1) for an institution's working day (ordinal)."""
        return float(stream(self.seed, 30, _QUOTA, bank, day).random())

    def signing(self, demand: int, product: int) -> np.random.Generator:
        """Decides whether an approved file is signed, and when it is paid out."""
        return stream(self.seed, 30, _SIGN, demand, product)

    def loan(self, application: int, demand: int, product: int) -> np.random.Generator:
        """Decides the terms and the fate of a loan."""
        return stream(self.seed, 30, _LOAN, demand, product)

    def _offers(self, what: int, line: Ints, product: Ints) -> Floats:
        return np.asarray(stream(self.seed, 30, what, self._month).random(self._shape)[line, product])
