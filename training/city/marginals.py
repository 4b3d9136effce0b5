"""``python -m training.city.marginals DIR``: what a world is made of, beside the range it was meant to have.

Ranges come from the project's list of plausible figures; nearly all of them are assumptions, and the table says so.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from features.profile import build_profiles, profile_columns
from features.sources import SourceTables
from matcher.policy.size import size_classes
from matcher.rating import LETTERS
from training.city.enterprises import DIVISIONS
from training.city.families import FAMILIES
from training.city.snapshot import rating_in_service

ASSUMPTION = "assumption"
CUT = "the card is cut to this mix; assumption"
CENSUS = "national census from memory, shifted; assumption"
_SECTIONS = {"F": (0.28, 0.36), "C": (0.17, 0.24), "L": (0.09, 0.14), "E": (0.06, 0.08), "M": (0.05, 0.07)}
_SECTIONS |= {"A": (0.04, 0.09), "I": (0.03, 0.05), "G": (0.03, 0.05)}


@dataclass(frozen=True, kw_only=True)
class Marginal:
    """One figure of a world: its value, the range aimed at (``None`` where open) and where the range is from."""

    name: str
    value: float
    low: float | None
    high: float | None
    basis: str

    @property
    def within(self) -> bool:
        """Whether the value lies in its range; true where there is none."""
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)


def marginals(world: Path) -> tuple[Marginal, ...]:
    """Every figure of the table, read from the written world and from nothing hidden."""
    registry = pd.read_parquet(world / "sources/registry.parquet")
    return (
        *_people(world, registry),
        *_records(world, len(registry)),
        *_ratings(world),
        *_products(world),
        *_demands(world),
    )


def _people(world: Path, registry: pd.DataFrame) -> Iterator[Marginal]:
    report = pd.read_parquet(world / "sources/annual_report.parquet")
    latest = report[report["year"] == 2025].merge(registry, on="uscc")
    sizes = pd.Series(_sizes(latest))
    for size, low, high in (("micro", 0.56, 0.68), ("small", 0.27, 0.38), ("medium", 0.03, 0.07)):
        share = float((sizes == size).mean())
        yield _of(f"size class {size}, share of classified", share, low, high, "platform registrants; assumption")
    section = registry["industry_code"].str[0]
    for letter, (low, high) in _SECTIONS.items():
        yield _of(f"industry section {letter}", float((section == letter).mean()), low, high, CENSUS)
    for size, low, high in (("micro", 60, 200), ("small", 800, 2500), ("medium", 8000, 20000)):
        median = float(latest["revenue_cny"][(sizes == size).to_numpy()].median() / 1e4)
        yield _of(f"revenue of {size}, median, 10,000 yuan", median, low, high, ASSUMPTION)
    credit = pd.read_parquet(world / "sources/credit.parquet", columns=["uscc", "period", "ever_borrowed"])
    first = credit[credit["period"] == date(2025, 10, 1)]
    yield _of("has had an operating loan", float(first["ever_borrowed"].mean()), 0.40, 0.60, ASSUMPTION)
    yield _of("enterprises", float(len(registry)), None, None, "the plan's goal of 25,000")
    yield _of("divisions", float(registry["division_code"].nunique()), len(DIVISIONS), len(DIVISIONS), "division codes")


def _sizes(latest: pd.DataFrame) -> np.ndarray:
    return size_classes(
        latest["industry_code"].to_numpy(dtype=object),
        latest["employees"].to_numpy(dtype=float),
        latest["revenue_cny"].to_numpy(dtype=float),
        latest["assets_cny"].to_numpy(dtype=float),
    )


def _records(world: Path, enterprises: int) -> Iterator[Marginal]:
    for path in sorted((world / "sources").glob("*.parquet")):
        held = pd.read_parquet(path, columns=["uscc"])["uscc"].nunique() / enterprises
        yield _of(f"enterprises with {path.stem}", held, None, None, ASSUMPTION)
    invoices = pd.read_parquet(world / "sources/invoices.parquet", columns=["direction", "amount_cny", "status"])
    out = invoices[invoices["direction"] == "output"]
    yield _of("invoices", float(len(invoices)), None, None, ASSUMPTION)
    yield _of("void among output invoices", float((out["status"] == "void").mean()), 0.01, 0.10, ASSUMPTION)
    yield _of("reversals among output invoices", float((out["amount_cny"] < 0).mean()), 0.005, 0.05, ASSUMPTION)
    credit = pd.read_parquet(world / "sources/credit.parquet")
    last = credit[credit["period"] == credit["period"].max()]
    bad = last["outstanding_cny"].where(last["loan_class"].isin(["substandard", "doubtful", "loss"]), 0).sum()
    share = float(bad / last["outstanding_cny"].sum())
    yield _of("balance in the last three loan classes", share, 0.0, 0.04, "inclusive loans 1–3 %; assumption")


def _ratings(world: Path) -> Iterator[Marginal]:
    manifest = json.loads((world / "manifest.json").read_text())
    model = rating_in_service()
    tables = SourceTables.from_directory(world / "sources")
    try:
        letters = model.rate_many(profile_columns(build_profiles(tables, date.fromisoformat(manifest["last_day"]))))
    finally:
        tables.close()
    rated = letters[np.isin(letters.astype(str), LETTERS)]
    for letter, aim in zip(LETTERS, (0.08, 0.22, 0.38, 0.22, 0.10), strict=True):
        yield _of(f"platform rating {letter}, share of rated", float((rated == letter).mean()), *_near(aim), CUT)


def _near(aim: float) -> tuple[float, float]:
    return round(aim - 0.05, 2), round(aim + 0.05, 2)


def _products(world: Path) -> Iterator[Marginal]:
    catalog = json.loads((world / "catalog.json").read_text())
    products, institutions = pd.DataFrame(catalog["products"]), catalog["institutions"]
    yield _of("institutions", float(len(institutions)), None, None, "at least 70 in a full city")
    yield _of("products", float(len(products)), None, None, "the plan's goal of 400")
    loans = products[products["kind"] == "loan"]
    rate = (loans["rate_low"].astype(float) + loans["rate_high"].astype(float)) / 2
    yield _of("loan rate, mean of quotes", float(rate.mean()), 0.036, 0.056, "new loans 5.28 % (2022) to 3.64 % (2026)")
    government = {i["institution_id"] for i in institutions if i["is_government_guarantor"]}
    own = products[(products["kind"] == "guarantee") & products["institution_id"].isin(government)]
    over = float((own["guarantee_fee_rate"].astype(float) > 0.01).mean()) if len(own) else 0.0
    yield _of("government guarantee quotes above 1 %", over, 0.0, 0.5, "made so, to try the cap of article 7")
    files = pd.read_parquet(world / "applications.parquet")
    files = files[files["reviewed"]].merge(products[["product_id", "name"]], on="product_id")
    label = files["name"].map(lambda name: name["zh"].split("·")[0])
    for family in FAMILIES:
        mine = files[label.isin(family.zh)]
        if len(mine) >= 30:
            low, high = family.approval
            value = float(mine["approved"].astype(float).mean())
            yield _of(f"approved of reviewed, {family.name}", value, low - 0.08, high + 0.08, "type range ± 8 points")


def _demands(world: Path) -> Iterator[Marginal]:
    demands = pd.read_parquet(world / "demands.parquet")
    files = pd.read_parquet(world / "applications.parquet")
    median = float(demands["amount_cny"].median() / 1e4)
    yield _of("demand amount, median, 10,000 yuan", median, 50, 200, ASSUMPTION)
    yield _of("demand amount, sigma of log", float(np.log(demands["amount_cny"]).std()), 0.8, 1.4, "1.0; assumption")
    yield _of("demands", float(len(demands)), None, None, "about 60,000 in a full city")
    paid = files[files["disbursed_on"].notna()]["demand_id"].nunique() / len(demands)
    yield _of("demands paid out", paid, 0.25, 0.50, ASSUMPTION)
    yield _of("applications never reviewed by the last day", float((~files["reviewed"]).mean()), None, None, ASSUMPTION)
    done = files[files["reviewed"]]
    wait = (pd.to_datetime(done["reviewed_on"]) - pd.to_datetime(done["applied_on"])).dt.days
    yield _of(
        "days from application to decision, median", float(wait.median()), 1, 15, "1 to 10 working days; assumption"
    )


def _of(name: str, value: float, low: float | None, high: float | None, basis: str) -> Marginal:
    return Marginal(name=name, value=value, low=low, high=high, basis=basis)


def table(world: Path) -> str:
    """The figures as a Markdown table."""
    lines = ["| figure (simulated) | value | range aimed at | within | source |", "|---|---:|---|---|---|"]
    for m in marginals(world):
        value = f"{m.value:,.0f}" if abs(m.value) >= 100 else f"{m.value:.3g}"
        aimed = "open" if m.low is None or m.high is None else f"{m.low:g} – {m.high:g}"
        lines.append(f"| {m.name} | {value} | {aimed} | {'yes' if m.within else 'NO'} | {m.basis} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Print the table of the world in a directory."""
    parser = argparse.ArgumentParser(prog="training.city.marginals")
    parser.add_argument("world", type=Path)
    print(table(parser.parse_args(arguments).world))


if __name__ == "__main__":
    main()
