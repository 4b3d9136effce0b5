"""What a statute says, typed: cited values with their span, measures, targets, prime rates, the size standard.

An entry takes the citation of its file (``cite``) where it gives none of its own. A value with no article, act, first
day, ``checked_on`` or force is refused, and so are two values of one name on one day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from matcher.domain import Text
from matcher.policy.statutes_reader import StatuteError, day_of, number_of, require, text_of

FORCES = frozenset({"hard", "soft", "target", "guidance"})
PAYEES = frozenset({"enterprise", "bank", "guarantor"})

Value = Decimal | frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Citation:
    """Where a value stands: article and act, the days it holds (``last_day`` None: no end), when it was checked."""

    article: str
    act: str
    force: str
    first_day: date
    last_day: date | None
    checked_on: date

    def covers(self, day: date) -> bool:
        """Whether it holds on ``day``, both ends included."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)


@dataclass(frozen=True, kw_only=True)
class CitedValue:
    """One number or set of codes of one name over one span of days; ``unit`` says what the number counts."""

    name: str
    value: Value
    unit: str
    citation: Citation


@dataclass(frozen=True, kw_only=True)
class MeasureLaw:
    """One measure as the statute has it, whatever the day; ``values`` may hold several spans of one name."""

    name: str
    citation: Citation
    payee: str
    title: Text
    answer: Text
    clauses: Mapping[str, Text]
    values: Mapping[str, tuple[CitedValue, ...]]
    file: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """One yearly target: reached when ``counter`` stands in ``operator`` (gt, ge) to ``threshold``."""

    code: str
    year: int
    title: Text
    operator: str
    threshold: Decimal
    unit: str
    counted: Text
    counter: str
    citation: Citation


@dataclass(frozen=True, kw_only=True)
class PrimeRate:
    """One publication of the loan prime rate; rates are shares per year, ``sources`` counts agreeing transcriptions."""

    published_on: date
    one_year: Decimal
    five_year: Decimal
    sources: int
    status: str
    note: str
    citation: Citation


@dataclass(frozen=True, kw_only=True)
class SizeRow:
    """One industry of the size standard: bounds by indicator, each (small, medium, large), inclusive."""

    industry: Text
    covers: tuple[str, ...]
    bounds: Mapping[str, tuple[Decimal, Decimal, Decimal]]
    citation: Citation


def both(entry: object, where: str) -> Text:
    """A text in both languages."""
    if not isinstance(entry, dict):
        raise StatuteError(f"{where}: needs both languages, as {{zh: …, en: …}}")
    return Text(zh=text_of(entry, "zh", where), en=text_of(entry, "en", where))


def citation(entry: Mapping[str, Any], cite: Mapping[str, Any], where: str) -> Citation:
    """The citation of an entry, its own words before those of its file."""
    full = {**cite, **entry}
    force = text_of(full, "force", where)
    if force not in FORCES:
        raise StatuteError(f"{where}: force {force!r} is none of {', '.join(sorted(FORCES))}")
    first = day_of(full, "first_day", where)
    last = day_of(full, "last_day", where) if full.get("last_day") is not None else None
    if last is not None and last < first:
        raise StatuteError(f"{where}: last_day {last} lies before first_day {first}")
    return Citation(
        article=text_of(full, "article", where),
        act=text_of(full, "act", where),
        force=force,
        first_day=first,
        last_day=last,
        checked_on=day_of(full, "checked_on", where),
    )


def measure(name: str, entry: Mapping[str, Any], cite: Mapping[str, Any], file: str) -> MeasureLaw:
    """One measure with its dated values.

    Raises
    ------
    StatuteError
        Names the file, the measure and the key at fault.
    """
    where = f"{file}: {name}"
    payee = entry.get("payee")
    if payee not in PAYEES:
        raise StatuteError(f"{where}: payee {payee!r} is none of enterprise, bank and guarantor")
    clauses = {fact: both(text, f"{where}.clauses.{fact}") for fact, text in (entry.get("clauses") or {}).items()}
    values = {key: _spans(key, entries, cite, f"{where}.{key}") for key, entries in (entry.get("values") or {}).items()}
    return MeasureLaw(
        name=name,
        citation=citation(entry, cite, where),
        payee=payee,
        title=both(entry.get("title"), f"{where}.title"),
        answer=both(entry.get("answer"), f"{where}.answer"),
        clauses=clauses,
        values=values,
        file=file,
    )


def _spans(name: str, entries: object, cite: Mapping[str, Any], where: str) -> tuple[CitedValue, ...]:
    if not isinstance(entries, list) or not entries:
        raise StatuteError(f"{where}: needs a list of dated entries")
    values = [
        CitedValue(
            name=name,
            value=_value(entry, where),
            unit=text_of(entry, "unit", where),
            citation=_cited(entry, cite, where),
        )
        for entry in entries
    ]
    refuse_overlap([value.citation for value in values], where)
    return tuple(sorted(values, key=lambda value: value.citation.first_day))


def _cited(entry: Mapping[str, Any], cite: Mapping[str, Any], where: str) -> Citation:
    for key in ("article", "force"):  # a value names its own article: a file holds several
        require(entry, key, where)
    return citation(entry, cite, where)


def _value(entry: Mapping[str, Any], where: str) -> Value:
    found = require(entry, "value", where)
    if isinstance(found, list):
        if not all(isinstance(code, str) for code in found):
            raise StatuteError(f"{where}: a list of codes holds texts only")
        return frozenset(found)
    return number_of(entry, "value", where)


def refuse_overlap(citations: Sequence[Citation], where: str) -> None:
    """Two entries of one name may not hold on one day."""
    ordered = sorted(citations, key=lambda each: each.first_day)
    for earlier, later in pairwise(ordered):
        if earlier.last_day is None or later.first_day <= earlier.last_day:
            raise StatuteError(
                f"{where}: the span from {earlier.first_day} overlaps the one from {later.first_day}: "
                "give the earlier one a last_day before it"
            )


def target(code: str, entry: Mapping[str, Any], cite: Mapping[str, Any], file: str) -> Target:
    """One yearly target."""
    where = f"{file}: {code}"
    operator = text_of(entry, "operator", where)
    if operator not in {"gt", "ge"}:
        raise StatuteError(f"{where}: operator {operator!r} is neither gt (超过) nor ge (以上)")
    return Target(
        code=code,
        year=int(number_of(entry, "year", where)),
        title=both(entry.get("title"), where),
        operator=operator,
        threshold=number_of(entry, "threshold", where),
        unit=text_of(entry, "unit", where),
        counted=both(entry.get("counted"), f"{where}.counted"),
        counter=text_of(entry, "counter", where),
        citation=_cited(entry, cite, where),
    )


def prime_rate(entry: Mapping[str, Any], cite: Mapping[str, Any], file: str) -> PrimeRate:
    """One publication of the loan prime rate; it holds from the day it was published."""
    published = day_of(entry, "published_on", file)
    where = f"{file}: {published}"
    return PrimeRate(
        published_on=published,
        one_year=number_of(entry, "one_year", where),
        five_year=number_of(entry, "five_year", where),
        sources=int(number_of(entry, "sources", where)),
        status=text_of(entry, "status", where),
        note=text_of(entry, "note", where),
        citation=citation({"first_day": published.isoformat()}, cite, where),
    )


def size_row(entry: Mapping[str, Any], cite: Mapping[str, Any], file: str) -> SizeRow:
    """One industry of the size standard."""
    industry = both(entry.get("industry"), f"{file}: industry")
    where = f"{file}: {industry.en}"
    bounds = {
        indicator: (
            number_of(grades, "small", where),
            number_of(grades, "medium", where),
            number_of(grades, "large", where),
        )
        for indicator, grades in require(entry, "bounds", where).items()
    }
    return SizeRow(
        industry=industry,
        covers=tuple(require(entry, "covers", where)),
        bounds=bounds,
        citation=citation(entry, cite, where),
    )
