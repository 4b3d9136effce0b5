"""What the environment decides: where to listen, where the store is, where the home is, development or production."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    max_in_flight
        ``MAX_IN_FLIGHT``: recommendations worked on or waiting at once; more are answered 429.
    max_body_bytes
        ``MAX_BODY_BYTES``: larger request bodies are answered 413.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    port: int = Field(default=8000, ge=1, le=65_535)
    host: str = "127.0.0.1"
    database_url: str = ""
    matcher_home: Path = Path(".local")
    matcher_mode: Literal["development", "production"] = "development"
    matcher_city: Path | None = None
    matcher_models: Path = Path(__file__).parent.parent / "models"
    max_in_flight: int = Field(default=64, ge=1)
    max_body_bytes: int = Field(default=4_194_304, ge=1_024)

    @property
    def database(self) -> str:
        """URL of the store."""
        return self.database_url or f"sqlite:///{(self.matcher_home / 'matcher.db').resolve()}"

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
