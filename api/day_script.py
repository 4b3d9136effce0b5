"""What happens to each demand of the scripted day and what each bank does with it, drawn from a seed: pure."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matcher.domain import Demand
from matcher.refusals import REFUSALS

DAYS = 16
"""Days after the first on which desks work; the repayments come much later."""
REPAID_ON = 96
"""Day of the repayments, when whatever stood open without a desk at work has expired."""
SOURCES = ("invoices", "tax", "utilities", "social_security")
_FATES = ("lends", "lends", "slow", "refuses", "silent", "returns", "lends_late")


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One thing a bank does at a lead, on a day counted from the demand's publication."""

    day: int
    move: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Story:
    """One demand from beginning to end.

    Parameters
    ----------
    draft_first
        Kept as a draft, and published by a call of its own.
    revokes
        Source whose consent the enterprise revokes before it is recommended anything.
    discloses
        Whether it lets the first institution it reaches see its name and whom to call.
    withdrawn_on, reopened_on
        Days after publication; ``None`` where that does not happen.
    """

    number: int
    published_on: int
    body: Mapping[str, Any]
    draft_first: bool
    revokes: str | None
    discloses: bool
    withdrawn_on: int | None
    reopened_on: int | None
    seed: int

    def chance(self, *about: object) -> random.Random:
        """Chance that depends on the seed, the demand and what it is about alone: no order of calls matters."""
        return random.Random("|".join(map(str, (self.seed, self.number, *about))))

    def errands(self, rank: int) -> tuple[Errand, ...]:
        """What the bank does that the demand reached at this rank, from 0."""
        chance = self.chance("bank", rank)
        return _ERRANDS[chance.choice(_FATES)](chance, self.body)


def stories(demands: Sequence[Demand], seed: int) -> list[Story]:
    """A story for each of these demands, published anew."""
    return [_story(number, demand, seed) for number, demand in enumerate(demands)]


def _story(number: int, demand: Demand, seed: int) -> Story:
    chance = random.Random(f"{seed}|{number}")
    withdrawn = chance.randint(1, 6) if chance.random() < 0.1 else None
    return Story(
        number=number,
        published_on=0 if chance.random() < 0.8 else chance.randint(1, 2),
        body=_body(number, demand),
        draft_first=chance.random() < 0.1,
        revokes=chance.choice(SOURCES) if chance.random() < 0.2 else None,
        discloses=chance.random() < 0.4,
        withdrawn_on=withdrawn,
        reopened_on=12 if withdrawn is not None and chance.random() < 0.5 else None,
        seed=seed,
    )


def _body(number: int, demand: Demand) -> dict[str, Any]:
    body: dict[str, Any] = {
        "uscc": demand.uscc,
        "amount_cny": format(demand.amount_cny, "f"),
        "term_months": demand.term_months,
        "purpose": demand.purpose.value,
        "kinds": [kind.value for kind in demand.kinds],
        "repayment": demand.repayment.value,
        "collateral": [
            {"kind": one.kind.value}
            | ({} if one.appraised_value_cny is None else {"appraised_value_cny": format(one.appraised_value_cny, "f")})
            for one in demand.collateral
        ],
        "contact": {"name": f"联系人{number}", "phone": f"0535-{6_000_000 + number}"},
    }
    if demand.max_annual_rate is not None:
        body["max_annual_rate"] = format(demand.max_annual_rate, "f")
    return body


def _terms(chance: random.Random, body: Mapping[str, Any]) -> dict[str, Any]:
    rate = body.get("max_annual_rate") or f"0.0{chance.randint(320, 480)}"
    return {"approved": True, "amount_cny": body["amount_cny"], "annual_rate": rate}


def _lends(chance: random.Random, body: Mapping[str, Any], first: int = 1) -> tuple[Errand, ...]:
    decided = first + chance.randint(3, 7)
    errands = [
        Errand(day=first, move="claim"),
        Errand(day=first + 1, move="contact"),
        Errand(day=decided, move="decision", body=_terms(chance, body)),
        Errand(day=decided + 2, move="disbursement", body={"amount_cny": body["amount_cny"]}),
    ]
    if chance.random() < 0.6:
        errands.insert(2, Errand(day=first + 2, move="due-diligence"))
        errands.insert(-1, Errand(day=decided + 1, move="sign"))
    if chance.random() < 0.7:
        errands.append(Errand(day=REPAID_ON, move="repayment", body={"in_full": True}))
    return tuple(errands)


def _refuses(chance: random.Random, _body: Mapping[str, Any]) -> tuple[Errand, ...]:
    refusal = {"rejected": True, "reason_code": chance.choice(list(REFUSALS))}
    return (
        Errand(day=1, move="claim"),
        Errand(day=2, move="contact"),
        Errand(day=chance.randint(3, 8), move="decision", body=refusal),
    )


def _returns(chance: random.Random, body: Mapping[str, Any]) -> tuple[Errand, ...]:
    wanted = {"complete": ["上年度审计报告 2025 audited accounts"]}
    return (
        Errand(day=0, move="claim"),
        Errand(day=1, move="contact"),
        Errand(day=2, move="return", body=wanted),
        Errand(day=5, move="contact"),
        Errand(day=6, move="decision", body=_terms(chance, body)),
        Errand(day=8, move="disbursement", body={"amount_cny": body["amount_cny"]}),
    )


def _slow(_chance: random.Random, _body: Mapping[str, Any]) -> tuple[Errand, ...]:
    return (Errand(day=1, move="claim"), Errand(day=7, move="contact"))


def _silent(_chance: random.Random, _body: Mapping[str, Any]) -> tuple[Errand, ...]:
    return ()


_ERRANDS = {
    "lends": _lends,
    "lends_late": lambda chance, body: _lends(chance, body, first=3),
    "slow": _slow,
    "refuses": _refuses,
    "returns": _returns,
    "silent": _silent,
}
