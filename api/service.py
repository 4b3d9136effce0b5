"""The service while it lives: not ready at first, ready once everything is loaded, and gone cleanly at the end."""

import gc
import threading
from collections.abc import Callable

import structlog
from fastapi import Request

from api import errors
from api.admission import Admission
from api.catalogue import CatalogueWatch
from api.champion import ChampionWatch
from api.instance import Instance, open_instance
from api.keys import NoKeysError
from api.metrics import Metrics
from api.oidc import Tokens
from api.outbound import Guard
from api.prices import PriceWatch, plan_now
from api.pushing import Pusher
from api.rate_limit import RateLimits
from api.settings import Settings
from api.webhooks_delivery import Push
from api.world import NoWorldError
from matcher.ranker import BundleError
from matcher.rating import RatingModelError
from matcher.store.database import StoreUnreachableError

_LOG = structlog.get_logger(__name__)
WORKERS = 2
_LACKS: tuple[tuple[type[Exception], str], ...] = (
    (StoreUnreachableError, "store"),
    (BundleError, "champion"),
    (RatingModelError, "rating"),
    (NoWorldError, "world"),
    (NoKeysError, "keys"),
)
"""What a failure to load means is missing."""


class Service:
    """Holds the instance once there is one.

    Parameters
    ----------
    opened
        An instance ready made; else ``start`` loads one in the background, so that liveness answers meanwhile.
    """

    def __init__(self, settings: Settings, opened: Instance | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.admission = Admission(WORKERS, settings.max_in_flight, self.metrics)
        self.rates = RateLimits(settings.requests_per_minute)
        self.tokens = _tokens(settings)
        self.guard = Guard(is_production=settings.is_production)
        self.failure: str | None = None
        self.champion: ChampionWatch | None = None
        self.push: Push | None = None
        self.pusher: Pusher | None = None
        self.prices: PriceWatch | None = None
        self.catalogue: CatalogueWatch | None = None
        self._lacking = "loading"
        self._instance = opened
        self._loading: threading.Thread | None = None

    @property
    def instance(self) -> Instance:
        """The instance.

        Raises
        ------
        ProblemError
            503 while there is none.
        """
        if self._instance is None:
            raise errors.unready(self.missing())
        return self._instance

    def missing(self) -> list[str]:
        """What is lacking for an answer, by name: store, champion, world, keys, prices…; empty when ready."""
        if self._instance is None:
            return [self._lacking]
        return [] if self._instance.store.database.is_reachable() else ["store"]

    def degraded(self) -> list[str]:
        """What it answers without although it should not: prices that were never planned, a champion refused."""
        found = [] if self.instance.matcher.prices is not None else ["prices"]
        return found + (["champion"] if self.champion is not None and self.champion.fault is not None else [])

    def start(self, say: Callable[[str], None], ready: Callable[[Instance], object]) -> None:
        """Load in the background; ``ready`` is called once the instance answers."""
        if self._instance is not None:
            ready(self._instance)
            self._attend(self._instance)
            return
        self._loading = threading.Thread(target=self._load, args=(say, ready), name="loading", daemon=True)
        self._loading.start()

    def part(self) -> None:
        """End what would never end by itself: the server waits for open streams before it lets ``close`` be called."""
        if self.push is not None:
            self.push.listeners.end()

    def close(self) -> None:
        """Finish what is in work, then close the instance."""
        if self._loading is not None:
            self._loading.join()
        if self.champion is not None:
            self.champion.stop()
        if self.push is not None:
            self.push.stop()
        if self.pusher is not None:
            self.pusher.stop()
        if self.prices is not None:
            self.prices.stop()
        if self.catalogue is not None:
            self.catalogue.stop()
        self.admission.close()
        gc.unfreeze()
        if self._instance is not None:
            self._instance.close()

    def wake_pusher(self) -> None:
        """A demand waits to be pushed; without a pusher in this process, another or the next start finds it."""
        if self.pusher is not None:
            self.pusher.wake()

    def _attend(self, instance: Instance) -> None:
        """Begin what goes on beside the requests."""
        self.champion = ChampionWatch(instance).start()
        self.prices = PriceWatch(instance).start()
        self.catalogue = CatalogueWatch(instance).start()
        self.push = Push(instance.store, self.metrics, self.guard).start()
        self.pusher = Pusher(instance).start()

    def _load(self, say: Callable[[str], None], ready: Callable[[Instance], object]) -> None:
        try:
            instance = open_instance(self.settings, say)
            ready(instance)
            self._first_plan(instance, say)
            # What is loaded stays: the collector need not walk it again and again while it answers.
            gc.collect()
            gc.freeze()
            self._attend(instance)
            self._instance = instance
        except Exception as error:
            self.failure = str(error)
            self._lacking = next((name for kind, name in _LACKS if isinstance(error, kind)), self._lacking)
            _LOG.error("not ready", reason=str(error))
            say(f"not ready: {error}")

    def _first_plan(self, instance: Instance, say: Callable[[str], None]) -> None:
        """Plan where no plan was ever made; without one the service answers by p·q·H and readiness says so."""
        if instance.matcher.prices is not None:
            return
        self._lacking = "prices"
        try:
            made = plan_now(instance)
        except Exception as error:  # lists without prices are better than none
            _LOG.error("no plan", reason=str(error))
            say(f"prices: none ({error})")
            return
        say(f"prices: {sum(made.seconds.values()):.1f} s")


def _tokens(settings: Settings) -> Tokens | None:
    if not settings.oidc_issuer:
        return None
    return Tokens(
        settings.oidc_issuer,
        settings.oidc_audience,
        settings.oidc_jwks_url,
        settings.oidc_role_claim,
        settings.oidc_institution_claim,
    )


def service_of(request: Request) -> Service:
    """The service behind a request."""
    found: Service = request.app.state.service
    return found


def instance_of(request: Request) -> Instance:
    """The instance behind a request; 503 while there is none."""
    return service_of(request).instance
