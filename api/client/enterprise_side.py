"""Calls of the platform: recommend, enterprises, consents, demands, events."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, cast

from api.client import answers
from api.client.nouns import Nouns

Json = Mapping[str, Any]


class EnterpriseSide(Nouns):
    """What a key of the role ``platform`` opens."""

    def recommend(
        self,
        *,
        demand_id: str | None = None,
        demand: Json | None = None,
        top_n: int = 10,
        personalised: bool = True,
        include_unknown: bool = True,
        as_of: date | None = None,
    ) -> answers.Recommendation:
        """Products an enterprise can really have, best first, for a demand of the library or one stated here."""
        body: dict[str, object] = {
            "top_n": top_n,
            "personalised": personalised,
            "include_unknown": include_unknown,
        }
        stated = {"demand_id": demand_id, "demand": demand, "as_of": as_of}
        body |= {name: value for name, value in stated.items() if value is not None}
        return cast(answers.Recommendation, self._made("POST", "/v1/recommendations", body=body))

    def recommendation(self, recommendation_id: str) -> answers.Recommendation:
        """A recommendation as it was served."""
        path = "/v1/recommendations/{recommendation_id}"
        return cast(answers.Recommendation, self._got("GET", path, recommendation_id=recommendation_id))

    def replay(self, recommendation_id: str) -> answers.Replay:
        """Recompute a recommendation and compare the bytes."""
        path = "/v1/recommendations/{recommendation_id}/replay"
        return cast(answers.Replay, self._got("POST", path, recommendation_id=recommendation_id))

    def enterprises(self, *, page_size: int = 200) -> Iterator[answers.EnterpriseNamed]:
        """Every enterprise, by code."""
        return self._pages("GET", "/v1/enterprises", {"limit": page_size})

    def profile(self, uscc: str, *, as_of: date | None = None) -> answers.Profile:
        """What is known of an enterprise on a day."""
        path = "/v1/enterprises/{uscc}/profile"
        return cast(answers.Profile, self._got("GET", path, {"as_of": as_of}, uscc=uscc))

    def put_records(self, uscc: str, source: str, known_on: date, rows: Sequence[Json]) -> answers.RecordsTaken:
        """Append raw rows of a source: sent once only, for rows are appended each time."""
        path = "/v1/enterprises/{uscc}/records/{source}"
        body = {"known_on": known_on, "rows": list(rows)}
        told = self._calls.send("PUT", path, {"uscc": uscc, "source": source}, body=body, repeatable=False)
        return cast(answers.RecordsTaken, told.json())

    def consents(self, uscc: str, *, as_of: date | None = None, page_size: int = 200) -> Iterator[answers.Consent]:
        """Every consent of an enterprise, oldest first."""
        path = "/v1/enterprises/{uscc}/consents"
        return self._pages("GET", path, {"as_of": as_of, "limit": page_size}, uscc=uscc)

    def grant(
        self, uscc: str, source: str, *, purpose: str, recipient: str, expires_on: date | None = None
    ) -> answers.Consent:
        """Let a recipient read a source for a purpose."""
        path = "/v1/enterprises/{uscc}/consents/{source}"
        body = {"purpose": purpose, "recipient": recipient, "expires_on": expires_on}
        return cast(answers.Consent, self._got("PUT", path, body=body, uscc=uscc, source=source))

    def revoke(
        self, uscc: str, source: str, *, purpose: str | None = None, recipient: str | None = None
    ) -> answers.ConsentRevoked:
        """Take consents to a source back."""
        path = "/v1/enterprises/{uscc}/consents/{source}"
        params = {"purpose": purpose, "recipient": recipient}
        return cast(answers.ConsentRevoked, self._got("DELETE", path, params, uscc=uscc, source=source))

    def personalise(self, uscc: str, enabled: bool) -> answers.Personalised:
        """Switch the personalisation of an enterprise on or off."""
        path = "/v1/enterprises/{uscc}/personalisation"
        return cast(answers.Personalised, self._got("PUT", path, body={"enabled": enabled}, uscc=uscc))

    def publish(self, demand: Json) -> answers.Demand:
        """Put a demand into the library; it goes to the institutions at once unless it is a draft."""
        return cast(answers.Demand, self._made("POST", "/v1/demands", body=demand))

    def demands(
        self, *, state: str | None = None, uscc: str | None = None, late: bool | None = None, page_size: int = 200
    ) -> Iterator[answers.DemandSummary]:
        """Demands by state, enterprise and lateness."""
        return self._pages("GET", "/v1/demands", {"state": state, "uscc": uscc, "late": late, "limit": page_size})

    def demand(self, demand_id: str) -> answers.Demand:
        """One demand with its leads and moves."""
        return cast(answers.Demand, self._got("GET", "/v1/demands/{demand_id}", demand_id=demand_id))

    def publish_draft(self, demand_id: str) -> answers.Demand:
        """Publish a draft."""
        return cast(answers.Demand, self._made("POST", "/v1/demands/{demand_id}/publish", demand_id=demand_id))

    def withdraw(self, demand_id: str) -> answers.Demand:
        """Withdraw a demand; its leads close."""
        return cast(answers.Demand, self._made("POST", "/v1/demands/{demand_id}/withdraw", demand_id=demand_id))

    def reopen(self, demand_id: str) -> answers.Demand:
        """Reopen a demand, or hand a returned one back completed."""
        return cast(answers.Demand, self._made("POST", "/v1/demands/{demand_id}/reopen", demand_id=demand_id))

    def send_events(self, events: Sequence[Json]) -> answers.EventsTaken:
        """Tell up to 1,000 events; each is counted once however often it is sent."""
        return cast(answers.EventsTaken, self._made("POST", "/v1/events", body={"events": list(events)}))

    def event_types(self) -> answers.EventTypes:
        """Every type of event."""
        return cast(answers.EventTypes, self._got("GET", "/v1/events/types"))
