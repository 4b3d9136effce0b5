"""How fast one caller may ask: a bucket each that fills evenly, so a burst is fine and a flood is told to wait."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED = 10_000


class RateLimits:
    """Buckets of all callers of this process.

    Parameters
    ----------
    per_minute
        Requests a caller may make a minute where it has no limit of its own; a bucket holds ten seconds of them.
    now
        Seconds of a clock that never goes back.
    """

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._now = per_minute, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, caller: str, own_per_minute: int | None = None) -> int:
        """Take one request from the caller's bucket; 0, or the whole seconds to wait where it is empty."""
        rate = (own_per_minute or self._per_minute) / 60.0
        most = max(rate * 10.0, 1.0)
        now = self._now()
        with self._lock:
            left, since = self._buckets.pop(caller, (most, now))
            left = min(left + (now - since) * rate, most)
            allowed = left >= 1.0
            self._buckets[caller] = (left - 1.0 if allowed else left, now)
            while len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, -int(-(1.0 - left) // rate))
