"""From a request to a question the matcher answers, and back again from what was stored of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection

from api import errors, wire
from api.instance import Instance
from api.profiles import Row
from api.world import PURPOSE, RECIPIENT
from features.consent import permitted_sources
from features.dealings import Line
from matcher.demand_states import OPEN, turns_possible
from matcher.domain import Demand, Text
from matcher.matching import Matcher, Question, Recommendation, Versions
from matcher.standing import mask
from matcher.store import demands, enterprises
from matcher.store.documents import demand_from_document, demand_to_document

NO_DEMAND = Text(zh="需求", en="demand")
NO_ENTERPRISE = Text(zh="企业", en="enterprise")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as bytes, with what it followed from."""

    recommendation_id: str
    question: Question
    found: Recommendation
    body: bytes
    inputs: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes answered."""
        return hashlib.sha256(self.body).hexdigest()


def demand_of(connection: Connection, demand_id: str) -> Demand:
    """A demand of the library that still stands open, whatever its leads did so far.

    Raises
    ------
    ProblemError
        404 where there is none, 409 with its state as the code where it is a draft or came to an end.
    """
    kept = demands.find(connection, demand_id)
    if kept is None:
        raise errors.not_found(NO_DEMAND)
    if demands.State(kept.state) not in OPEN:
        can = ", ".join(turns_possible(demands.State(kept.state)))
        raise errors.conflict(
            kept.state,
            Text(
                zh=f"该需求当前为 {kept.state}，不再推荐；可执行：{can or '发布新需求'}。",
                en=f"The demand is {kept.state}: nothing is recommended for it; possible: {can or 'publish another'}.",
            ),
        )
    return kept.demand


def profile_of(instance: Instance, connection: Connection, uscc: str, as_of: date) -> Row:
    """The profile of an enterprise as known on a day, as far as its consents of that day and of today let one read."""
    batch = enterprises.latest_batch(connection, uscc)
    records = enterprises.records(connection, uscc) if batch else {}
    row = instance.profiles.row(uscc, as_of, batch, records)
    return mask(row, permitted(connection, uscc, as_of, instance.clock.today()))


def permitted(connection: Connection, uscc: str, as_of: date, today: date) -> frozenset[str]:
    """Sources the platform may read for financing as they stood on a day: leave is needed on that day and still today.

    Asking about a day gone by opens nothing whose consent has ended since.
    """
    grants = [row.grant() for row in enterprises.consents_of(connection, uscc)]
    then = permitted_sources(grants, RECIPIENT, PURPOSE, as_of)
    return then if as_of == today else then & permitted_sources(grants, RECIPIENT, PURPOSE, today)


def seed_of(demand: Demand, as_of: date) -> str:
    """What the drawn lines of a demand follow from: asked again on the day, in any language, the list is the same."""
    stated = msgspec.json.encode([demand.demand_id, demand_to_document(demand), as_of], order="deterministic")
    return hashlib.sha256(stated).hexdigest()[:16]


def answer(matcher: Matcher, question: Question, recommendation_id: str, language: str) -> Answer:
    """Ask the matcher and put its answer into bytes, beside the inputs that would give the same bytes again."""
    found = matcher.recommend(question)
    document = wire.recommendation_json(found, question, matcher.catalog, recommendation_id, language)
    inputs = {
        "recommendation_id": recommendation_id,
        "language": language,
        "demand_id": question.demand.demand_id,
        "demand": demand_to_document(question.demand),
        "as_of": question.as_of,
        "profile": question.profile,
        "dealings": None
        if question.dealings is None
        else [(line.product_id, line.shown, line.applied, line.approved) for line in question.dealings],
        "top_n": question.top_n,
        "personalised": question.personalised,
        "include_unknown": question.include_unknown,
        "explore": question.explore,
        "seed": question.seed,
        "versions": wire.versions_json(matcher.versions),
    }
    return Answer(
        recommendation_id=recommendation_id,
        question=question,
        found=found,
        body=wire.encode(document),
        inputs=wire.encode(inputs),
    )


def replayed(instance: Instance, inputs: bytes) -> Answer:
    """The answer that stored inputs give, from the versions they were answered with.

    Raises
    ------
    NoSuchVersionError
        If one of them is not kept here.
    """
    stored: Mapping[str, Any] = msgspec.json.decode(inputs)
    matcher = instance.as_it_was(Versions(**stored["versions"]))
    question = Question(
        demand=demand_from_document(stored["demand"], stored["demand_id"]),
        as_of=date.fromisoformat(stored["as_of"]),
        profile=stored["profile"],
        dealings=_lines(stored.get("dealings")),
        top_n=stored["top_n"],
        personalised=stored["personalised"],
        include_unknown=stored["include_unknown"],
        explore=stored.get("explore", 0.0),
        seed=stored.get("seed", ""),
        by_relevance="seed" not in stored,
    )
    return answer(matcher, question, stored["recommendation_id"], stored["language"])


def _lines(stored: Sequence[Sequence[Any]] | None) -> tuple[Line, ...] | None:
    """Dealings as they were stored, in the order of the fields; older inputs hold none."""
    if stored is None:
        return None
    return tuple(Line(product_id=p, shown=s, applied=a, approved=decided) for p, s, a, decided in stored)
