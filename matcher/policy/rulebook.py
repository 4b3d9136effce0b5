"""Dated legal values, looked up by day. A day no law covers is an error, never a guess.

A city is a folder of YAML under ``statutes``; another city is another folder and no code. Nothing is read at import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from matcher.domain import Benefit, Text
from matcher.policy.statutes_parser import (
    CitedValue,
    MeasureLaw,
    PrimeRate,
    SizeRow,
    Target,
    both,
    measure,
    prime_rate,
    refuse_overlap,
    size_row,
    target,
)
from matcher.policy.statutes_reader import (
    NoLawInForceError,
    StatuteError,
    day_of,
    folder_texts,
    read_texts,
    require,
    text_of,
)

__all__ = ["CITIES", "Law", "NoLawInForceError", "Rulebook", "StatuteError", "default_rulebook"]

CITIES = Path(__file__).parent / "statutes"
"""Where the cities that ship with the project live."""

_DAYS_KEPT = 512  # distinct days whose law is kept compiled


@dataclass(frozen=True, kw_only=True)
class Law:
    """One measure's law on one day: what holds, or will hold, or has held.

    Parameters
    ----------
    phase
        ``in_force``, ``upcoming`` (before its first day) or ``expired``.
    begun
        Whether the act it stands in is in force that day; an upcoming measure of an act not begun has no figures.
    values
        Numbers and sets of codes by name, as of the nearest day the measure is in force.
    answers
        Answers without a number given so far, by status, missing facts, note and force.
    """

    measure: MeasureLaw
    phase: str
    begun: bool
    values: Mapping[str, CitedValue]
    numbers: Mapping[str, Decimal] = field(repr=False)
    code_sets: Mapping[str, frozenset[str]] = field(repr=False)
    answers: dict[tuple[str, tuple[str, ...], Text | None, str | None], Benefit] = field(
        default_factory=dict, repr=False
    )

    def number(self, name: str) -> Decimal:
        """A number of this law.

        Raises
        ------
        NoLawInForceError
            None is in force that day.
        """
        try:
            return self.numbers[name]
        except KeyError:
            raise self._absent(name) from None

    def codes(self, name: str) -> frozenset[str]:
        """A closed set of codes of this law; errors as ``number``."""
        try:
            return self.code_sets[name]
        except KeyError:
            raise self._absent(name) from None

    def _absent(self, name: str) -> NoLawInForceError:
        return NoLawInForceError(
            f"No value of {self.measure.name}.{name} is in force: add a dated, cited entry to {self.measure.file}."
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Rulebook:
    """Everything the law of one city says, with the digest of its files.

    Parameters
    ----------
    version
        Digest of the folder: the same bytes give the same version.
    measures
        In the order of their files.
    prime_rates
        By day of publication, ascending.
    texts
        The files themselves by name: what an archive keeps, and ``from_texts`` reads again.
    """

    city: Text
    act: str
    act_title: Text
    act_first_day: date
    act_last_day: date | None
    version: str
    measures: tuple[MeasureLaw, ...]
    targets: tuple[Target, ...]
    prime_rates: tuple[PrimeRate, ...]
    size_rows: tuple[SizeRow, ...]
    sections: Mapping[str, tuple[int, int]]
    texts: Mapping[str, str] = field(repr=False)
    _rates_by_month: Mapping[tuple[int, int], tuple[PrimeRate, ...]] = field(repr=False)
    _days: dict[date, Mapping[str, Law]] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, folder: str | Path) -> "Rulebook":
        """Reads a city.

        Parameters
        ----------
        folder
            With an ``act.yaml`` and any files that hold ``measures``, ``targets``, ``loan_prime_rate`` or
            ``size_standard``.

        Raises
        ------
        StatuteError
            Names the file and the key: a key twice, spans that overlap, a number not quoted, a citation missing.
        """
        return cls.from_texts(folder_texts(Path(folder)), where=str(folder))

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], *, where: str = "the archive") -> "Rulebook":
        """A rulebook from the texts of its files by name, as ``texts`` of another gives them; errors as ``load``."""
        files, digest = read_texts(texts)
        if "act.yaml" not in files:
            raise StatuteError(f"{where}: act.yaml is missing: it names the act, its first and its last day")
        act = files["act.yaml"]
        rates = sorted(_prime_rates(files), key=lambda rate: rate.published_on)
        size_rows, sections = _size_standard(files)
        return cls(
            city=both(act.get("city"), "act.yaml: city"),
            act=text_of(act, "act", "act.yaml"),
            act_title=both(act.get("title"), "act.yaml: title"),
            act_first_day=day_of(act, "first_day", "act.yaml"),
            act_last_day=day_of(act, "last_day", "act.yaml") if act.get("last_day") is not None else None,
            version=digest[:16],
            measures=tuple(_named(files, "measures", measure)),
            targets=tuple(_named(files, "targets", target)),
            prime_rates=tuple(rates),
            _rates_by_month=_by_month(rates),
            size_rows=size_rows,
            sections=sections,
            texts=dict(texts),
        )

    def value(self, measure_name: str, name: str, as_of: date) -> CitedValue:
        """One value as in force on a day, with its citation.

        Raises
        ------
        NoLawInForceError
            No such value, or none on that day; the message says what to add.
        """
        for law in self.measures:
            if law.name == measure_name:
                found = _covering(law.values.get(name, ()), as_of)
                if found is not None:
                    return found
                raise NoLawInForceError(
                    f"No value of {measure_name}.{name} is in force on {as_of}: add a dated, cited entry to {law.file}."
                )
        raise NoLawInForceError(f"No measure {measure_name} in {self.city.en}: add it to a file of its folder.")

    def on(self, as_of: date) -> Mapping[str, Law]:
        """Every measure's law on a day, by name, in the order of the rulebook; kept for the next question."""
        found = self._days.get(as_of)
        if found is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            found = self._days[as_of] = {law.name: self._law(law, as_of) for law in self.measures}
        return found

    def one_year_rate(self, year: int, month: int, as_of: date) -> PrimeRate | None:
        """The last loan prime rate published in a calendar month and by ``as_of``; None if there is none."""
        rates = self._rates_by_month.get((year, month), ())
        return next((rate for rate in reversed(rates) if rate.published_on <= as_of), None)

    def _law(self, law: MeasureLaw, as_of: date) -> Law:
        first = max(law.citation.first_day, self.act_first_day)
        ends = [day for day in (law.citation.last_day, self.act_last_day) if day is not None]
        last = min(ends) if ends else None
        phase, day = "in_force", as_of
        if as_of < first:
            phase, day = "upcoming", first
        elif last is not None and as_of > last:
            phase, day = "expired", last
        values = {name: found for name, spans in law.values.items() if (found := _covering(spans, day)) is not None}
        return Law(
            measure=law,
            phase=phase,
            begun=as_of >= self.act_first_day,
            values=values,
            numbers={name: each.value for name, each in values.items() if isinstance(each.value, Decimal)},
            code_sets={name: each.value for name, each in values.items() if isinstance(each.value, frozenset)},
        )


@lru_cache(maxsize=8)
def default_rulebook(city: str = "yantai") -> Rulebook:
    """The rulebook of a city that ships with the project, read once."""
    return Rulebook.load(CITIES / city)


def _covering(spans: tuple[CitedValue, ...], day: date) -> CitedValue | None:
    return next((each for each in spans if each.citation.covers(day)), None)


def _named(files: Mapping[str, dict[str, Any]], section: str, parse: Any) -> list[Any]:
    found: dict[str, Any] = {}
    for file, document in files.items():
        for name, entry in (document.get(section) or {}).items():
            if name in found:
                raise StatuteError(f"{file}: {name} stands in another file too: keep one")
            found[name] = parse(name, entry, document.get("cite") or {}, file)
    return list(found.values())


def _prime_rates(files: Mapping[str, dict[str, Any]]) -> list[PrimeRate]:
    rates: dict[date, PrimeRate] = {}
    for file, document in files.items():
        for entry in document.get("loan_prime_rate") or ():
            rate = prime_rate(entry, document.get("cite") or {}, file)
            if rate.published_on in rates:
                raise StatuteError(f"{file}: two prime rates published on {rate.published_on}: keep one")
            rates[rate.published_on] = rate
    return list(rates.values())


def _by_month(rates: Sequence[PrimeRate]) -> Mapping[tuple[int, int], tuple[PrimeRate, ...]]:
    found: dict[tuple[int, int], tuple[PrimeRate, ...]] = {}
    for rate in rates:
        month = (rate.published_on.year, rate.published_on.month)
        found[month] = (*found.get(month, ()), rate)
    return found


def _size_standard(
    files: Mapping[str, dict[str, Any]],
) -> tuple[tuple[SizeRow, ...], Mapping[str, tuple[int, int]]]:
    rows: list[SizeRow] = []
    sections: dict[str, tuple[int, int]] = {}
    for file, document in files.items():
        if "size_standard" not in document:
            continue
        cite = document.get("cite") or {}
        rows += [size_row(entry, cite, file) for entry in document["size_standard"]]
        for letter, (first, last) in require(document, "sections", file).items():
            sections[letter] = (int(first), int(last))
        for code in {code for row in rows for code in row.covers}:
            refuse_overlap([row.citation for row in rows if code in row.covers], f"{file}: {code}")
    return tuple(rows), sections
