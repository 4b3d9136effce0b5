"""How a measure answers: conditions settled in one order, amounts cut to the fen, one text in two languages.

A condition known to fail beats one that is unknown; an unknown one makes the answer conditional and names itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal

from matcher.domain import Benefit, Text
from matcher.policy.facts import CaseFacts
from matcher.policy.rulebook import Law, Rulebook

FEN = Decimal("0.01")
ZERO = Decimal(0)
NO_MONEY = Decimal("0.00")

Figure = Decimal | date | bool | str
Condition = tuple[str, bool | None]

_STATUS_ZH = {
    "entitled": "可享受",
    "conditional": "待定",
    "excluded": "不符合",
    "upcoming": "尚未施行",
    "expired": "已失效",
    "not_applicable": "不涉及",
}
_STATUS_EN = {
    "entitled": "entitled",
    "conditional": "conditional",
    "excluded": "excluded",
    "upcoming": "not yet in force",
    "expired": "no longer in force",
    "not_applicable": "not applicable",
}


@dataclass(slots=True)
class Case:
    """One question to one measure."""

    facts: CaseFacts
    as_of: date
    law: Law
    rulebook: Rulebook


def to_fen(amount: Decimal) -> Decimal:
    """Yuan rounded down to the fen.

    >>> to_fen(Decimal("44408.339"))
    Decimal('44408.33')
    """
    return amount.quantize(FEN, rounding=ROUND_DOWN)


def member(code: str | None, codes: frozenset[str]) -> bool | None:
    """Whether a code is in a set; unknown when it is not known or could not be determined."""
    if code is None or code == "undetermined":
        return None
    return code in codes


def known(value: object) -> bool | None:
    """A condition that only asks for the fact: met when known, else unknown."""
    return None if value is None else True


def negation(flag: bool | None) -> bool | None:
    """Not, with unknown staying unknown."""
    return None if flag is None else not flag


def settle(
    case: Case,
    conditions: tuple[Condition, ...],
    *,
    amount: Decimal | None = None,
    figures: Mapping[str, Figure] | None = None,
    note: Text | None = None,
    force: str | None = None,
) -> Benefit:
    """The answer the conditions add up to.

    Parameters
    ----------
    conditions
        Facts by name with whether they meet the law: False excludes with the clause of that fact, None makes the answer
        conditional and goes to ``missing``.
    amount
        What it is, or would be; never shown when excluded.
    """
    missing: tuple[str, ...] = ()
    for name, met in conditions:
        if met is False:
            return excluded(case, name, figures=figures, force=force)
        if met is None and name not in missing:
            missing = (*missing, name)
    status = "conditional" if missing else "entitled"
    return answer(case, status, amount=amount, figures=figures, missing=missing, note=note, force=force)


def excluded(
    case: Case, failed: str, *, figures: Mapping[str, Figure] | None = None, force: str | None = None
) -> Benefit:
    """The answer where a condition is known to fail, with its clause."""
    return answer(
        case,
        "excluded",
        figures={**(figures or {}), "failed": failed},
        note=case.law.measure.clauses.get(failed),
        force=force,
    )


def answer(
    case: Case,
    status: str,
    *,
    amount: Decimal | None = None,
    figures: Mapping[str, Figure] | None = None,
    missing: tuple[str, ...] = (),
    note: Text | None = None,
    force: str | None = None,
) -> Benefit:
    """One measure's answer, cited."""
    measure = case.law.measure
    cited = measure.citation
    shown = to_fen(amount) if amount is not None else None
    return Benefit(
        measure=measure.name,
        article=cited.article,
        act=cited.act,
        force=force or cited.force,
        status=status,
        amount_cny=shown,
        payee=measure.payee,
        figures=figures or {},
        missing=missing,
        text=_text(case, status, shown, missing, note),
    )


def _text(case: Case, status: str, amount: Decimal | None, missing: tuple[str, ...], note: Text | None) -> Text:
    measure = case.law.measure
    article = measure.citation.article
    zh = f"{measure.title.zh}（第{article}条）：{_STATUS_ZH[status]}"
    en = f"{measure.title.en} (article {article}): {_STATUS_EN[status]}"
    if status in {"entitled", "conditional"}:
        zh += f"。{measure.answer.zh}"
        en += f"; {measure.answer.en}"
    if amount is not None:
        zh += f"，金额{amount:,}元"
        en += f"; {amount:,} yuan"
    if missing:
        zh += f"；待核实：{'、'.join(missing)}"
        en += f"; to be settled by: {', '.join(missing)}"
    if note is not None:
        zh += f"。{note.zh}"
        en += f"; {note.en}"
    return Text(zh=zh, en=en)
