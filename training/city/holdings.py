"""What an enterprise has or has been through that is no monthly series: rights, honours, titles, cases."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.city.enterprises import Enterprises, Floats, Ints
from training.city.parameters import FIRST_DEMAND_DAY, LAST_DAY, World, stream

HONOURS = ("hnte", "tech_sme", "srdi", "little_giant", "gazelle", "export_brand", "agri_leader")
RIGHTS = ("invention_patent", "utility_model", "design", "trademark")
SOURCES_LACKING = {
    "annual_report": 0.10,
    "tax": 0.06,
    "invoices": 0.20,
    "social_security": 0.18,
    "utilities": 0.25,
    "credit": 0.16,
    "court": 0.08,
    "ip": 0.12,
    "customs": 0.30,
    "honours": 0.08,
    "real_estate": 0.22,
}


CASES = ("civil", "enforcement", "dishonest")


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Court cases, one row each: whose, its kind (index of ``CASES``), the day of filing, against or by it."""

    enterprise: Ints
    kind: Ints
    filed_on: npt.NDArray[np.datetime64]
    defendant: npt.NDArray[np.bool_]

    def known_before(self, day: np.datetime64, kind: str, n: int) -> Floats:
        """Cases of a kind against each of ``n`` enterprises filed before a day."""
        mine = (self.kind == CASES.index(kind)) & self.defendant & (self.filed_on < day)
        return np.bincount(self.enterprise[mine], minlength=n).astype(float)


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """Counts and values per enterprise; ``present[source]`` says whether the platform holds that source for it."""

    rights: dict[str, Ints]
    honours: dict[str, npt.NDArray[np.bool_]]
    honour_from: dict[str, npt.NDArray[np.datetime64]]
    property_value: Floats
    mortgaged: Floats
    cases: Cases
    present: dict[str, npt.NDArray[np.bool_]]


def hold(world: World, enterprises: Enterprises, seed: int) -> Holdings:
    """Draw rights, honours, titles, cases, and which sources are lacking.

    Sources are lacking more often where quality is low, the enterprise is micro, or in agriculture: not at random.
    """
    rng = stream(seed, 3)
    n = len(enterprises)
    quality = enterprises.quality.mean(axis=1)
    tech, size = enterprises.tech, enterprises.size
    rights = {
        "invention_patent": np.where(tech, rng.poisson(1.0 + 1.6 * size), 0),
        "utility_model": np.where(tech | (enterprises.section == "C"), rng.poisson(0.4 + 2.0 * tech + size), 0),
        "design": rng.poisson(0.05 + 0.3 * tech),
        "trademark": rng.poisson(0.25 + 0.5 * size),
    }
    honours, starts = _honours(rng, enterprises, quality)
    owns = rng.random(n) < np.clip(0.22 + 0.17 * size + 0.08 * quality, 0.03, 0.9)
    value = np.where(owns, np.round(enterprises.assets_cny * rng.uniform(0.25, 0.9, n) + 400_000, -4), 0.0)
    return Holdings(
        rights=rights,
        honours=honours,
        honour_from=starts,
        property_value=value,
        mortgaged=np.round(value * np.where(rng.random(n) < 0.35, rng.uniform(0.1, 0.7, n), 0), -4),
        cases=_cases(rng, enterprises, quality),
        present=_present(world, rng, enterprises, quality),
    )


def _honours(
    rng: np.random.Generator, enterprises: Enterprises, quality: Floats
) -> tuple[dict[str, npt.NDArray[np.bool_]], dict[str, npt.NDArray[np.datetime64]]]:
    n = len(enterprises)
    tech, size = enterprises.tech, enterprises.size
    chance = {
        "hnte": tech * (0.25 + 0.15 * size),
        "tech_sme": tech * 0.55,
        "srdi": tech * (0.06 + 0.14 * size),
        "little_giant": tech * 0.03 * size,
        "gazelle": tech * 0.05 * size,
        "export_brand": enterprises.exporter * 0.06 * (1 + size),
        "agri_leader": enterprises.agri_rural * 0.08 * (1 + size),
    }
    lift = np.exp(0.3 * quality)
    honours = {name: rng.random(n) < np.clip(p * lift, 0, 0.95) for name, p in chance.items()}
    day = np.datetime64(FIRST_DEMAND_DAY)
    starts = {name: day - rng.integers(-200, 1000, n).astype("timedelta64[D]") for name in HONOURS}
    return honours, starts


def _cases(rng: np.random.Generator, enterprises: Enterprises, quality: Floats) -> Cases:
    counts = (
        rng.poisson(np.exp(-1.5 - 0.5 * quality + 0.5 * enterprises.size)),
        rng.random(len(quality)) < 0.06 * np.exp(-0.85 * quality),
        rng.random(len(quality)) < 0.014 * np.exp(-0.9 * quality),
    )
    who = np.concatenate([np.repeat(np.arange(len(quality)), c.astype(np.int64)) for c in counts])
    kind = np.repeat(np.arange(len(CASES)), [int(c.sum()) for c in counts])
    filed = np.datetime64(LAST_DAY) - rng.integers(30, 1100, len(who)).astype("timedelta64[D]")
    return Cases(
        enterprise=who,
        kind=kind,
        filed_on=np.maximum(filed, enterprises.registered_on[who] + np.timedelta64(60, "D")),
        defendant=(kind > 0) | (rng.random(len(who)) < 0.75),
    )


def _present(
    world: World, rng: np.random.Generator, enterprises: Enterprises, quality: Floats
) -> dict[str, npt.NDArray[np.bool_]]:
    n = len(enterprises)
    factor = world.missing * np.exp(-0.35 * quality + 0.3 * (enterprises.size == 0) + 0.35 * enterprises.agri_rural)
    present = {s: rng.random(n) >= np.clip(share * factor, 0, 0.9) for s, share in SOURCES_LACKING.items()}
    present["registry"] = np.ones(n, dtype=np.bool_)
    return present
