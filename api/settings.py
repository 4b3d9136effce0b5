"""What the environment decides: where to listen, where the store is, where the home is, development or production."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from matcher.desk_clocks import Clocks


class Settings(BaseSettings):
    """Read from the environment by name; defaults serve a development instance on this machine alone.

    Parameters
    ----------
    port, host
        Where to listen: ``PORT``, ``HOST``.
    database_url
        ``DATABASE_URL``; the embedded store under the home if absent.
    matcher_home
        ``MATCHER_HOME``: the city, the store, the keys.
    matcher_mode
        ``MATCHER_MODE``; production makes no keys and pins no day.
    matcher_city
        ``MATCHER_CITY``: directory of a world to serve instead of the default city under the home.
    matcher_models
        ``MATCHER_MODELS``: directory of the model bundles.
    public_url
        ``PUBLIC_URL``: address under which callers reach the service, as QR codes show it; else that of the
        request.
    max_in_flight
        ``MAX_IN_FLIGHT``: recommendations worked on or waiting at once; more are answered 429.
    requests_per_minute
        ``REQUESTS_PER_MINUTE`` of one caller, unless its key says otherwise; more are answered 429.
    log_level
        ``LOG_LEVEL``: ``info`` logs every request; ``warning`` by default in development, ``info`` in production.
    oidc_issuer, oidc_audience, oidc_jwks_url
        ``OIDC_ISSUER``, ``OIDC_AUDIENCE``, ``OIDC_JWKS_URL``: an identity provider whose bearer tokens are accepted
        beside keys; all three or none.
    oidc_role_claim, oidc_institution_claim
        ``OIDC_ROLE_CLAIM``, ``OIDC_INSTITUTION_CLAIM``: the claims that name role and institution.
    max_body_bytes
        ``MAX_BODY_BYTES``: larger request bodies are answered 413.
    clocks_accept_days, clocks_contact_days, clocks_decide_days, clocks_renewal_days, clocks_expire_days
        ``CLOCKS_…_DAYS``: days an institution has to claim, to contact, to decide, to decide a whitelisted renewal;
        days a demand stands open without a desk at work.
    clocks_escalate_days
        ``CLOCKS_ESCALATE_DAYS``: calendar days late after which a lead is escalated.
    clocks_working
        ``CLOCKS_WORKING``: the institutions' days are working days of the PRC instead of calendar days.
    clocks_tick_seconds
        ``CLOCKS_TICK_SECONDS``: seconds between two looks at who is due.
    explore
        ``EXPLORE``: share of lines drawn at random from the products admitted, so that curves stay known; 0 to 0.1.
    refresh_minutes
        ``REFRESH_MINUTES``: least minutes between two plans when queues move; 0 leaves planning to the nightly run.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    port: int = Field(default=8000, ge=1, le=65_535)
    host: str = "127.0.0.1"
    database_url: str = ""
    matcher_home: Path = Path(".local")
    matcher_mode: Literal["development", "production"] = "development"
    matcher_city: Path | None = None
    matcher_models: Path = Path(__file__).parent.parent / "models"
    public_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    max_in_flight: int = Field(default=64, ge=1)
    requests_per_minute: int = Field(default=60_000, ge=1)
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks_url: str = ""
    oidc_role_claim: str = "role"
    oidc_institution_claim: str = "institution_id"
    max_body_bytes: int = Field(default=4_194_304, ge=1_024)
    clocks_accept_days: int = Field(default=1, ge=1, le=365)
    clocks_contact_days: int = Field(default=3, ge=1, le=365)
    clocks_decide_days: int = Field(default=10, ge=1, le=365)
    clocks_renewal_days: int = Field(default=3, ge=1, le=365)
    clocks_expire_days: int = Field(default=90, ge=1, le=3_650)
    clocks_escalate_days: int = Field(default=3, ge=0, le=365)
    clocks_working: bool = False
    clocks_tick_seconds: float = Field(default=60, gt=0)
    explore: float = Field(default=0.06, ge=0.0, le=0.1)
    refresh_minutes: float = Field(default=15.0, ge=0.0)

    @model_validator(mode="after")
    def _whole_identity_provider(self) -> "Settings":
        stated = [bool(self.oidc_issuer), bool(self.oidc_audience), bool(self.oidc_jwks_url)]
        if any(stated) and not all(stated):
            raise ValueError("OIDC_ISSUER, OIDC_AUDIENCE and OIDC_JWKS_URL go together: set all three or none.")
        return self

    @property
    def database(self) -> str:
        """URL of the store."""
        return self.database_url or f"sqlite:///{(self.matcher_home / 'matcher.db').resolve()}"

    @property
    def clocks(self) -> Clocks:
        """By when institutions must answer."""
        return Clocks(
            accept=self.clocks_accept_days,
            contact=self.clocks_contact_days,
            decide=self.clocks_decide_days,
            renewal=self.clocks_renewal_days,
            expire=self.clocks_expire_days,
            escalate=self.clocks_escalate_days,
            working=self.clocks_working,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a process of its own needs to serve the same instance."""
        return {
            "DATABASE_URL": self.database,
            "MATCHER_HOME": str(self.matcher_home),
            "MATCHER_CITY": str(self.city),
            "MATCHER_MODELS": str(self.matcher_models),
            "MATCHER_MODE": self.matcher_mode,
        }

    @property
    def city(self) -> Path:
        """Directory of the world served."""
        return self.matcher_city or self.matcher_home / "city" / "default"

    @property
    def keys_file(self) -> Path:
        """Where a development instance leaves one key per role."""
        return self.matcher_home / "keys.json"

    @property
    def is_production(self) -> bool:
        """Whether nothing may be made up."""
        return self.matcher_mode == "production"


def settings_of_environment() -> Settings:
    """The settings, or the end of the command with one line for every variable that cannot be.

    Raises
    ------
    SystemExit
        With what is wrong and with which variable; never with its value, which may be a secret.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{_variable(one)}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors()]
        raise SystemExit("\n".join(f"not started: {line}" for line in lines)) from None


def _variable(error: Any) -> str:
    return str(error["loc"][0]).upper() if error["loc"] else "environment"
