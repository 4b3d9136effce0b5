"""Changes of single actionable facts that lift what keeps a demand out of one product, each the smallest that does.

Only what an enterprise can honestly change is changed: amount, term, collateral, kinds asked for, rate, day, repayment,
and records not yet on file. Its age, industry, place, purpose and past are as they are. Nothing here claims to admit:
the caller judges the changed case again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from features.terms import TURNOVER_COLUMNS
from matcher.catalog_rules import ProductCheck
from matcher.domain import Collateral, CollateralKind, Demand, Operator, Product, Repair, Repayment, Text
from matcher.eligibility_facts import Profile
from matcher.repair_texts import COLLATERAL_TEXTS, KIND_TEXTS, RECORD_OFFICES, REPAYMENT_TEXTS

LEAST_SHARE, MOST_SHARE = Decimal("0.3"), Decimal("1.5")
"""An amount outside these shares of the one asked for is another project, not a repair."""

_AMOUNT_ALONE = Decimal("0.8")
_SHARES = ("pair.amount_share_of_turnover", "pair.debt_after_share_of_turnover", "pair.amount_share_of_tax_paid")
_WAN = Decimal(10_000)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A demand with what is known of its enterprise, and the repairs that made it so."""

    demand: Demand
    profile: Profile
    as_of: date
    repairs: tuple[Repair, ...] = ()

    def changed(self, demand: Demand, repair: Repair) -> "Case":
        """The case with another demand, and the repair that says so."""
        return replace(self, demand=demand, repairs=(*self.repairs, repair))


@dataclass(frozen=True, kw_only=True)
class Obstacles:
    """The checks of one product: all of them, those that fail, and those that are unknown."""

    product: Product
    every: Sequence[ProductCheck]
    failed: Sequence[ProductCheck]
    unknown: Sequence[ProductCheck]

    def concerns(self, *fields: str) -> bool:
        """Whether a check on one of these fields fails."""
        return any(check.rule.field in fields for check in self.failed)


def repaired(case: Case, obstacles: Obstacles) -> Case | None:
    """The case with every obstacle lifted as far as a step knows how, ``None`` where a step finds no way."""
    result: Case | None = case
    for step in (_collateral, _amount, _term, _kinds, _rate, _day, _repayment, _records):
        if result is None:
            return None
        result = step(result, obstacles)
    return result


def _collateral(case: Case, obstacles: Obstacles) -> Case | None:
    product, cover = obstacles.product, _bound(obstacles, "pair.collateral_cover", Operator.GE, max)
    missing = [c for c in (*obstacles.failed, *obstacles.unknown) if c.rule.field == "pair.collateral_cover"]
    if not missing and not obstacles.concerns("demand.collateral"):
        return case
    if not product.collateral_kinds:
        return None
    offered = [item for item in case.demand.collateral if item.kind in product.collateral_kinds]
    pending = [item for item in offered if item.appraised_value_cny is None]
    value = sum((item.appraised_value_cny or Decimal(0) for item in offered), Decimal(0))
    needed = (cover or Decimal(0)) * case.demand.amount_cny
    if pending:
        return _appraised(case, pending[0], max(needed - value, Decimal(0)))
    if cover and value >= needed * _AMOUNT_ALONE:
        return _with_amount(case, _whole(value / cover, ROUND_FLOOR))
    kind = offered[0].kind if offered else _kind_at_hand(product, case.profile)
    return _added(case, kind, _whole(needed - value, ROUND_CEILING) if cover else None)


def _kind_at_hand(product: Product, profile: Profile) -> CollateralKind:
    """The accepted kind the records show the enterprise to have, else the first the product names."""
    shown = {
        CollateralKind.REAL_ESTATE: "property_free_cny",
        CollateralKind.INVENTION_PATENT: "invention_patents",
        CollateralKind.TRADEMARK: "trademarks",
        CollateralKind.EXPORT_ORDER: "exports_12m_cny",
        CollateralKind.RECEIVABLE: "sales_3m_cny",
    }
    held = (kind for kind, name in shown.items() if kind in product.collateral_kinds and _known(profile, name))
    return next(held, product.collateral_kinds[0])


def _added(case: Case, kind: CollateralKind, value: Decimal | None) -> Case:
    name = COLLATERAL_TEXTS[kind]
    worth = Text(zh="", en="") if value is None else Text(zh=f"，评估值不低于 {_yuan(value).zh}",
                                                          en=f" appraised at {_yuan(value).en} or more")  # fmt: skip
    items = (*case.demand.collateral, Collateral(kind=kind, appraised_value_cny=value))
    text = Text(zh=f"增加抵质押物：{name.zh}{worth.zh}", en=f"add collateral: {name.en}{worth.en}")
    before = ", ".join(map(_item, case.demand.collateral)) or None
    repair = _repair("demand.collateral", before, _item(items[-1]), "appraiser", text)
    return case.changed(replace(case.demand, collateral=items), repair)


def _appraised(case: Case, item: Collateral, value: Decimal) -> Case:
    worth = _whole(value, ROUND_CEILING)
    done = replace(item, appraised_value_cny=worth)
    items = tuple(done if other is item else other for other in case.demand.collateral)
    name, yuan = COLLATERAL_TEXTS[item.kind], _yuan(worth)
    text = Text(
        zh=f"对{name.zh}作评估，评估值须不低于 {yuan.zh}", en=f"have the {name.en} appraised, at {yuan.en} or more"
    )
    repair = _repair("demand.collateral", _item(item), _item(done), "appraiser", text)
    return case.changed(replace(case.demand, collateral=items), repair)


def _amount(case: Case, obstacles: Obstacles) -> Case | None:
    if not obstacles.concerns("demand.amount_cny", *_SHARES):
        return case
    least = _bound(obstacles, "demand.amount_cny", Operator.GE, max) or Decimal(0)
    most = min((bound for bound in _amount_ceilings(case.profile, obstacles)), default=case.demand.amount_cny)
    wanted = min(max(case.demand.amount_cny, least), _whole(most, ROUND_FLOOR))
    return _with_amount(case, wanted) if wanted != case.demand.amount_cny else case


def _amount_ceilings(profile: Profile, obstacles: Obstacles) -> list[Decimal]:
    turnover = next((known for name in TURNOVER_COLUMNS if (known := _figure(profile, name)) is not None), None)
    debt, tax = _figure(profile, "loans_outstanding_cny"), _figure(profile, "tax_paid_12m_cny")
    basis: Mapping[str, tuple[Decimal | None, Decimal | None]] = {
        "demand.amount_cny": (Decimal(1), Decimal(0)),
        "pair.amount_share_of_turnover": (turnover, Decimal(0)),
        "pair.debt_after_share_of_turnover": (turnover, debt),
        "pair.amount_share_of_tax_paid": (tax, Decimal(0)),
    }
    result = []
    for check in obstacles.every:
        base, less = basis.get(check.rule.field, (None, None))
        value = check.rule.value
        if check.rule.operator is Operator.LE and isinstance(value, Decimal) and base is not None and less is not None:
            result.append(value * base - less)
    return result


def _with_amount(case: Case, amount: Decimal) -> Case | None:
    asked = case.demand.amount_cny
    if not max(asked * LEAST_SHARE, Decimal(1)) <= amount <= asked * MOST_SHARE:
        return None
    yuan, less = _yuan(amount), amount < asked
    text = Text(
        zh=f"将金额{'降至' if less else '提高到'} {yuan.zh}",
        en=f"{'lower' if less else 'raise'} the amount to {yuan.en}",
    )
    repair = _repair("demand.amount_cny", format(asked, "f"), format(amount, "f"), "enterprise", text)
    return case.changed(replace(case.demand, amount_cny=amount), repair)


def _term(case: Case, obstacles: Obstacles) -> Case | None:
    if not obstacles.concerns("demand.term_months"):
        return case
    asked = case.demand.term_months
    least = _bound(obstacles, "demand.term_months", Operator.GE, max)
    most = _bound(obstacles, "demand.term_months", Operator.LE, min)
    term = max(asked, int(_whole(least, ROUND_CEILING)) if least is not None else asked)
    term = min(term, int(most) if most is not None else term)
    if term in {asked, 0}:
        return None
    text = Text(zh=f"将期限改为 {term} 个月", en=f"change the term to {term} months")
    repair = _repair("demand.term_months", str(asked), str(term), "enterprise", text)
    return case.changed(replace(case.demand, term_months=term), repair)


def _kinds(case: Case, obstacles: Obstacles) -> Case | None:
    if not obstacles.concerns("demand.kinds"):
        return case
    kind = obstacles.product.kind
    kinds, name = (*case.demand.kinds, kind), KIND_TEXTS[kind]
    text = Text(zh=f"需求类别增加：{name.zh}", en=f"also ask for {name.en}")
    repair = _repair("demand.kinds", ",".join(case.demand.kinds), ",".join(kinds), "enterprise", text)
    return case.changed(replace(case.demand, kinds=kinds), repair)


def _rate(case: Case, obstacles: Obstacles) -> Case | None:
    asked = case.demand.max_annual_rate
    rate = _bound(obstacles, "demand.max_annual_rate", Operator.GE, max)
    if not obstacles.concerns("demand.max_annual_rate") or asked is None or rate is None:
        return None if obstacles.concerns("demand.max_annual_rate") else case
    percent = f"{(rate * 100).normalize():f}%"
    text = Text(zh=f"将可接受的最高年利率提高到 {percent}", en=f"accept a yearly rate of up to {percent}")
    repair = _repair("demand.max_annual_rate", format(asked, "f"), format(rate, "f"), "enterprise", text)
    return case.changed(replace(case.demand, max_annual_rate=rate), repair)


def _day(case: Case, obstacles: Obstacles) -> Case | None:
    if not obstacles.concerns("demand.days_left") or case.demand.needed_by is None:
        return case
    day = case.as_of + timedelta(days=obstacles.product.days_to_disburse)
    text = Text(zh=f"将用款日推迟到 {day.isoformat()}", en=f"need the money by {day.isoformat()} instead")
    before = case.demand.needed_by.isoformat()
    repair = _repair("demand.needed_by", before, day.isoformat(), "enterprise", text)
    return case.changed(replace(case.demand, needed_by=day), repair)


def _repayment(case: Case, obstacles: Obstacles) -> Case | None:
    if not obstacles.concerns("demand.repayment"):
        return case
    way: Repayment = next(iter(obstacles.product.repayments))
    name = REPAYMENT_TEXTS[way]
    text = Text(zh=f"还款方式改为{name.zh}", en=f"repay {name.en}")
    repair = _repair("demand.repayment", case.demand.repayment, way, "enterprise", text)
    return case.changed(replace(case.demand, repayment=way), repair)


def _records(case: Case, obstacles: Obstacles) -> Case | None:
    """Assumes for every record not on file the least value that passes, and says which record that is."""
    profile, repairs = dict(case.profile), list(case.repairs)
    for check in obstacles.unknown:
        room, _, name = check.rule.field.partition(".")
        if room == "pair" and name != "collateral_cover":
            repairs.append(_record(check))
        if room != "profile":
            continue
        value = _least_passing(check)
        if value is None:
            return None
        profile[name] = value
        repairs.append(_record(check))
    return replace(case, profile=profile, repairs=tuple(repairs))


def _record(check: ProductCheck) -> Repair:
    rule, source = check.rule, check.rule.settle_with
    office = RECORD_OFFICES.get(source)
    zh, en = (office.zh, office.en) if office else (source, source)
    text = Text(
        zh=f"补充记录或授权查询（{zh}）：{rule.clause.zh}", en=f"supply or consent to a record ({en}): {rule.clause.en}"
    )
    return _repair(rule.field, None, requirement(check), source if office else "enterprise", text)


def requirement(check: ProductCheck) -> str:
    """The value a record must show: the bound itself, or any of several; with its operator where a value is ruled out.

    The clause beside it says from which side a bound is met.
    """
    value, operator = check.rule.value, check.rule.operator
    if isinstance(value, tuple):
        shown = ", ".join(value)
    else:
        shown = value if isinstance(value, str) else format(Decimal(value), "f")
    ruled_out = operator in {Operator.NE, Operator.NOT_IN, Operator.STARTS_WITH_NONE}
    return f"{operator} {shown}" if ruled_out else shown


def _least_passing(check: ProductCheck) -> float | str | None:
    value, operator = check.rule.value, check.rule.operator
    if isinstance(value, Decimal | bool):
        return float(value) + 1.0 if operator is Operator.NE else float(value)
    if operator in {Operator.EQ, Operator.IN, Operator.STARTS_WITH_ANY}:
        return value if isinstance(value, str) else value[0]
    return "-"


def _bound(
    obstacles: Obstacles, field: str, operator: Operator, pick: Callable[[list[Decimal]], Decimal]
) -> Decimal | None:
    values = [c.rule.value for c in obstacles.every if c.rule.field == field and c.rule.operator is operator]
    numbers = [value for value in values if isinstance(value, Decimal)]
    return pick(numbers) if numbers else None


def _repair(field: str, before: str | None, after: str, office: str, text: Text) -> Repair:
    return Repair(field=field, before=before, after=after, office=office, text=text)


def _item(item: Collateral) -> str:
    value = item.appraised_value_cny
    return item.kind.value if value is None else f"{item.kind.value}:{value:f}"


def _whole(value: Decimal, rounding: str) -> Decimal:
    return value.quantize(Decimal(1), rounding=rounding)


def _yuan(value: Decimal) -> Text:
    wan = (value / _WAN).normalize()
    return Text(zh=f"{wan:f} 万元", en=f"{value:,f} yuan")


def _figure(profile: Profile, name: str) -> Decimal | None:
    value = profile.get(name)
    return Decimal(str(value)) if isinstance(value, float | int) and value == value else None


def _known(profile: Profile, name: str) -> bool:
    figure = _figure(profile, name)
    return figure is not None and figure > 0
