"""A reader of the wire who knows nothing of the matcher: recomputes eligibility from rules, profile and demand."""

from datetime import date
from typing import Any

COLLATERAL_SECURED = {"mortgage", "rights_pledge", "movable_pledge", "warehouse_receipt", "inventory", "receivable"}


def verdict(
    product: dict[str, Any], profile: dict[str, Any], demand: dict[str, Any], as_of: str, fee_cap: str = "pass"
) -> str:
    """Pass, fail or unknown for one product, from what the wire says."""
    answers = [_rule(rule, product, profile, demand) for rule in product["rules"]]
    answers += _implied(product, demand, date.fromisoformat(as_of))
    answers.append(fee_cap)
    if "fail" in answers:
        return "fail"
    return "unknown" if "unknown" in answers else "pass"


def _rule(rule: dict[str, Any], product: dict[str, Any], profile: dict[str, Any], demand: dict[str, Any]) -> str:
    observed = _observed(rule["field"], product, profile, demand)
    if observed is None:
        return "unknown"
    return "pass" if _holds(rule["operator"], observed, rule["value"]) else "fail"


def _holds(operator: str, observed: Any, value: Any) -> bool:
    if isinstance(value, bool):
        same = bool(observed) is value
        return same if operator == "eq" else not same
    if operator in {"ge", "le", "eq", "ne"} and not isinstance(observed, str):
        number = float(value)
        return {"ge": observed >= number, "le": observed <= number, "eq": observed == number}.get(
            operator, observed != number
        )
    held = {
        "eq": lambda: observed == value,
        "ne": lambda: observed != value,
        "in": lambda: observed in value,
        "not_in": lambda: observed not in value,
        "starts_with_any": lambda: observed.startswith(tuple(value)),
        "starts_with_none": lambda: not observed.startswith(tuple(value)),
    }
    return bool(held[operator]())


def _observed(field: str, product: dict[str, Any], profile: dict[str, Any], demand: dict[str, Any]) -> Any:
    room, _, name = field.partition(".")
    if room == "profile":
        value = profile.get(name)
        return None if value == "undetermined" else value
    if room == "demand":
        value = demand.get(name)
        return float(value) if name in {"amount_cny", "max_annual_rate"} and value is not None else value
    return _pair(name, product, profile, demand)


def _pair(name: str, product: dict[str, Any], profile: dict[str, Any], demand: dict[str, Any]) -> float | None:
    amount = float(demand["amount_cny"])
    if name == "collateral_cover":
        return _cover(product, demand, amount)
    sales = next(
        (
            profile[column]
            for column in ("sales_12m_cny", "taxed_sales_12m_cny", "revenue_annual_cny")
            if profile[column] is not None
        ),
        None,
    )
    if name == "amount_share_of_turnover":
        return _share(amount, sales)
    if name == "amount_share_of_tax_paid":
        return _share(amount, profile["tax_paid_12m_cny"])
    debt = profile["loans_outstanding_cny"]
    return None if debt is None else _share(debt + amount, sales)


def _share(amount: float, base: float | None) -> float | None:
    if base is None:
        return None
    return amount / base if base > 0 else float("inf")


def _cover(product: dict[str, Any], demand: dict[str, Any], amount: float) -> float | None:
    total = 0.0
    for item in demand["collateral"]:
        if item["kind"] in product["collateral_kinds"]:
            if item.get("appraised_value_cny") is None:
                return None
            total += float(item["appraised_value_cny"])
    return total / amount


def _implied(product: dict[str, Any], demand: dict[str, Any], as_of: date) -> list[str]:
    amount, term = float(demand["amount_cny"]), demand["term_months"]
    valid_to = product["valid_to"]
    holds = [
        float(product["amount_min_cny"]) <= amount <= float(product["amount_max_cny"]),
        product["term_min_months"] <= term <= product["term_max_months"],
        not product["purposes"] or demand["purpose"] in product["purposes"],
        date.fromisoformat(product["valid_from"]) <= as_of,
        valid_to is None or as_of <= date.fromisoformat(valid_to),
        product["kind"] in demand["kinds"],
        demand.get("max_annual_rate") is None or float(product["rate_low"]) <= float(demand["max_annual_rate"]),
        _in_time(product, demand, as_of),
        demand["repayment"] == "any" or demand["repayment"] in product["repayments"] or "any" in product["repayments"],
        _has_collateral(product, demand),
    ]
    return ["pass" if held else "fail" for held in holds]


def _in_time(product: dict[str, Any], demand: dict[str, Any], as_of: date) -> bool:
    needed = demand.get("needed_by")
    return needed is None or (date.fromisoformat(needed) - as_of).days >= product["days_to_disburse"]


def _has_collateral(product: dict[str, Any], demand: dict[str, Any]) -> bool:
    if product["security"] not in COLLATERAL_SECURED or not product["collateral_kinds"]:
        return True
    offered = {item["kind"] for item in demand["collateral"]}
    return bool(offered & set(product["collateral_kinds"]))
