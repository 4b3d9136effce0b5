"""The facts conditions read, for one demand and for many: the same figures from the same functions.

A fact not recorded is NaN or ``None`` and stays so; the size class ``undetermined`` is such a fact, not a class.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features import terms
from matcher.catalog_rules import CompiledRules
from matcher.domain import Demand, Kind

Profile = Mapping[str, object]
"""Profile columns of one enterprise by name, ``size_class`` and ``platform_rating`` among them; absent is unknown."""

_UNDETERMINED = "undetermined"
_SHARES: dict[str, Callable[[terms.Floats, terms.Columns], terms.Floats]] = {
    "pair.amount_share_of_turnover": terms.amount_share_of_turnover,
    "pair.debt_after_share_of_turnover": terms.debt_after_share_of_turnover,
    "pair.amount_share_of_tax_paid": terms.amount_share_of_tax_paid,
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts of one demand in the order a compiled catalogue reads them."""

    numbers: NDArray[np.float64]
    codes: tuple[str | None, ...]


def demand_columns(demands: Sequence[Demand]) -> dict[str, NDArray[Any]]:
    """Demands as columns of one length, the form ``judge_many`` and pair rows read.

    Returns
    -------
    dict
        ``uscc``, ``purpose``, ``repayment`` (codes); ``amount_cny``, ``term_months``, ``max_annual_rate`` (NaN: not
        stated); ``needed_by`` (``datetime64[D]``, NaT: not stated); ``asks_<kind>`` and ``offers_<collateral kind>``
        (0 or 1); ``appraised_<collateral kind>_cny`` (0: none offered, NaN: an item not appraised).
    """
    columns: dict[str, NDArray[Any]] = {
        "uscc": np.array([d.uscc for d in demands], dtype=object),
        "purpose": np.array([d.purpose.value for d in demands], dtype=object),
        "repayment": np.array([d.repayment.value for d in demands], dtype=object),
        "amount_cny": np.array([float(d.amount_cny) for d in demands]),
        "term_months": np.array([float(d.term_months) for d in demands]),
        "max_annual_rate": np.array([_rate(d) for d in demands]),
        "needed_by": np.array([d.needed_by for d in demands], dtype="datetime64[D]"),
    }
    for kind in Kind:
        columns[f"asks_{kind}"] = np.array([float(kind in d.kinds) for d in demands])
    appraised = np.array([_appraised(d) for d in demands]).reshape(len(demands), len(terms.COLLATERAL_KINDS))
    offered = np.array([_offered(d) for d in demands]).reshape(appraised.shape)
    for index, name in enumerate(terms.COLLATERAL_KINDS):
        columns[f"offers_{name}"] = offered[:, index]
        columns[f"appraised_{name}_cny"] = appraised[:, index]
    return columns


def facts_of(rules: CompiledRules, profile: Profile, demand: Demand, as_of: date) -> Facts:
    """Facts of one demand on one day."""
    numbers = _demand_numbers(demand, as_of)
    codes = {"demand.uscc": demand.uscc, "demand.purpose": demand.purpose, "demand.repayment": demand.repayment}
    needed = rules.numeric_facts
    numbers.update(_shares(needed, profile, numbers["demand.amount_cny"]))
    numbers.update(_collateral(needed, demand, numbers["demand.amount_cny"]))
    vector = [numbers[f] if f in numbers else _number(profile.get(f[8:])) for f in needed]
    return Facts(
        numbers=np.array(vector, dtype=np.float64),
        codes=tuple(
            str(codes[t.fact]) if t.fact in codes else _code(profile.get(t.fact[8:])) for t in rules.code_tables
        ),
    )


def numbers_of_block(
    rules: CompiledRules, profiles: terms.Columns, demands: terms.Columns, as_of: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """Numeric facts of a block of demands, shape (numeric facts, demands)."""
    days = as_of.astype("datetime64[D]")
    ordinal = days.astype(np.int64) + date(1970, 1, 1).toordinal()
    left = (demands["needed_by"].astype("datetime64[D]") - days).astype("timedelta64[D]")
    amount = np.asarray(demands["amount_cny"], dtype=np.float64)
    special: dict[str, NDArray[np.float64]] = {
        "demand.as_of": ordinal.astype(np.float64),
        "demand.days_left": np.where(np.isnat(left), np.nan, left.astype(np.int64).astype(np.float64)),
    }
    result = np.empty((len(rules.numeric_facts), len(amount)))
    for row, fact in enumerate(rules.numeric_facts):
        result[row] = special[fact] if fact in special else _column(fact, profiles, demands, amount)
    return result


def codes_of_block(rules: CompiledRules, profiles: terms.Columns, demands: terms.Columns) -> list[NDArray[np.object_]]:
    """Codes of a block of demands, one array per table of the compiled rules; ``None`` for null."""
    result = []
    for table in rules.code_tables:
        room, _, name = table.fact.partition(".")
        column = (demands if room == "demand" else profiles).get(name)
        values = [None] * len(demands["amount_cny"]) if column is None else [_code(value) for value in column]
        result.append(np.array(values, dtype=object))
    return result


def _column(
    fact: str, profiles: terms.Columns, demands: terms.Columns, amount: NDArray[np.float64]
) -> NDArray[np.float64]:
    room, _, name = fact.partition(".")
    if fact in _SHARES:
        return _SHARES[fact](amount, profiles)
    if name.startswith("collateral_cover#"):
        appraised = np.stack([demands[f"appraised_{kind}_cny"] for kind in terms.COLLATERAL_KINDS], axis=1)
        return terms.collateral_cover(appraised, amount, _accepts(name)[None, :])
    if name.startswith("offers#"):
        offered = np.stack([demands[f"offers_{kind}"] for kind in terms.COLLATERAL_KINDS], axis=1)
        return np.asarray(offered[:, _accepts(name)].max(axis=1) > 0, dtype=np.float64)
    column = (demands if room == "demand" else profiles).get(name)
    return np.full(len(amount), np.nan) if column is None else np.asarray(column, dtype=np.float64)


def _accepts(fact: str) -> NDArray[np.bool_]:
    accepted = set(fact.partition("#")[2].split("+"))
    return np.array([kind in accepted for kind in terms.COLLATERAL_KINDS])


def _demand_numbers(demand: Demand, as_of: date) -> dict[str, float]:
    left = (demand.needed_by - as_of).days if demand.needed_by else np.nan
    return {
        "demand.amount_cny": float(demand.amount_cny),
        "demand.term_months": float(demand.term_months),
        "demand.max_annual_rate": _rate(demand),
        "demand.days_left": float(left),
        "demand.as_of": float(as_of.toordinal()),
        **{f"demand.asks_{kind}": float(kind in demand.kinds) for kind in Kind},
    }


def _shares(needed: Sequence[str], profile: Profile, amount: float) -> dict[str, float]:
    wanted = [fact for fact in _SHARES if fact in needed]
    if not wanted:
        return {}
    columns = {name: np.array([_number(profile.get(name))]) for name in terms.PAIR_PROFILE_COLUMNS}
    return {fact: float(_SHARES[fact](np.array([amount]), columns)[0]) for fact in wanted}


def _collateral(needed: Sequence[str], demand: Demand, amount: float) -> dict[str, float]:
    covers = [fact for fact in needed if fact.startswith("pair.collateral_cover#")]
    offers = [fact for fact in needed if fact.startswith("demand.offers#")]
    offered = {str(item.kind) for item in demand.collateral}
    result = {fact: float(not offered.isdisjoint(fact.partition("#")[2].split("+"))) for fact in offers}
    if covers and offered:
        accepts = np.array([_accepts(fact) for fact in covers])
        cover = terms.collateral_cover(np.array([_appraised(demand)]), np.array([amount]), accepts)
        result.update(zip(covers, cover.tolist(), strict=True))
    else:
        result.update(dict.fromkeys(covers, 0.0))
    return result


def _appraised(demand: Demand) -> list[float]:
    value = dict.fromkeys(terms.COLLATERAL_KINDS, 0.0)
    for item in demand.collateral:
        value[item.kind] += np.nan if item.appraised_value_cny is None else float(item.appraised_value_cny)
    return list(value.values())


def _offered(demand: Demand) -> list[float]:
    kinds = {item.kind for item in demand.collateral}
    return [float(kind in kinds) for kind in terms.COLLATERAL_KINDS]


def _rate(demand: Demand) -> float:
    return np.nan if demand.max_annual_rate is None else float(demand.max_annual_rate)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float, np.number, np.bool_)) else np.nan


def _code(value: object) -> str | None:
    return value if isinstance(value, str) and value and value != _UNDETERMINED else None
