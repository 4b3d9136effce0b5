"""The callers of the scripted day: the platform and every bank, each with its own key, over HTTP alone."""

import hashlib
from collections.abc import Mapping
from typing import Any

import httpx

from api.day_ledger import Acknowledged, Ledger, Sent
from api.day_script import REPAID_ON, Story
from matcher.store.clock import Clock
from matcher.store.leads import lead_id_of

_CONFLICT = 409
_CREATED = 201
_MOST_APPLICATIONS = 2
_COMPLETED_ON = 4
"""Day after its publication on which the enterprise has completed what a bank returned."""
_MEETING = ("demand_id", "institution_id", "slot")
_CONTACT = "contact_disclosure"


class UnexpectedAnswerError(Exception):
    """The service answered what the script has no place for; says to what."""


class Wire:
    """One service over HTTP, one key a role.

    Parameters
    ----------
    keys
        By role, and by institution for the banks.
    """

    def __init__(self, client: httpx.Client, keys: Mapping[str, str]) -> None:
        self._client, self._keys = client, keys

    def call(
        self, who: str, method: str, path: str, body: Mapping[str, Any] | None = None, *, once: str | None = None
    ) -> httpx.Response:
        """One request, answered 2xx or 409.

        Raises
        ------
        UnexpectedAnswerError
            For any other status.
        """
        headers = {"Authorization": f"Bearer {self._keys[who]}"}
        if once is not None:
            headers["Idempotency-Key"] = once
        answer = self._client.request(method, path, json=body, headers=headers)
        if answer.is_success or answer.status_code == _CONFLICT:
            return answer
        raise UnexpectedAnswerError(f"{method} {path} as {who}: {answer.status_code} {answer.text[:300]}")

    def pages(self, who: str, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            joint = "&" if "?" in path else "?"
            more = "" if cursor is None else f"{joint}cursor={cursor}"
            page = self.call(who, "GET", path + more).json()
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items


class Actors:
    """Everybody who acts at one demand, day by day.

    Parameters
    ----------
    ids
        Demand id by number of the story, once it is published.
    """

    def __init__(self, wire: Wire, ledger: Ledger, clock: Clock) -> None:
        self.ids: dict[int, str] = {}
        self._wire, self._ledger, self._clock = wire, ledger, clock
        self._reached: dict[int, list[str]] = {}
        self._event: dict[str, Any] = {}
        self._ended: set[tuple[int, str]] = set()

    def publish(self, story: Story) -> None:
        """Publish the demand, the call repeated under its key, and ask for a recommendation."""
        body, key = dict(story.body), f"day-{story.seed}-{story.number}"
        if story.draft_first:
            body["draft"] = True
        first = self._wire.call("platform", "POST", "/v1/demands", body, once=key)
        again = self._wire.call("platform", "POST", "/v1/demands", body, once=key)
        if first.status_code != _CREATED or again.content != first.content:
            raise UnexpectedAnswerError(f"the same publication was answered twice: {again.text[:200]}")
        demand_id = str(first.json()["demand_id"])
        self.ids[story.number] = demand_id
        self._ledger.usccs[demand_id] = story.body["uscc"]
        self._note("platform", story, None, "draft" if story.draft_first else "published", first.json()["state"], {})
        if story.draft_first:
            self._turn(story, "publish")
        self._consent(story)
        self._recommend(story, demand_id)

    def work(self, story: Story, day: int) -> None:
        """Everything the platform and the banks do at this demand on a day of the script."""
        since = day - story.published_on
        if since < 0:
            return
        if story.withdrawn_on == since:
            self._turn(story, "withdraw")
        if story.reopened_on == since:
            self._turn(story, "reopen")
        if since in {0, _COMPLETED_ON, story.reopened_on}:
            self._look(story, since)
        for rank, bank in enumerate(self._reached.get(story.number, ())):
            if rank == 0 and since == 0 and story.discloses:
                self._grant(story, bank)
            for errand in story.errands(rank):
                if errand.day == (REPAID_ON if day == REPAID_ON else since):
                    self._lead(story, bank, errand.move, errand.body)

    def invite(self) -> None:
        """Plan a matchmaking event of today: whom to invite, and who meets whom when."""
        body = {"theme": "general", "day": self._clock.today().isoformat(), "tables": 4, "slots": 6}
        made = self._wire.call("platform", "POST", "/v1/matchmaking-events/plan", {**body, "include_unknown": True})
        self._event = made.json()

    def attend(self) -> None:
        """Say the day after who came to the matchmaking event: two of three did."""
        met = [{name: one[name] for name in _MEETING} for one in self._event["schedule"]]
        body = {"attended": [one for place, one in enumerate(met) if place % 3], "absent": met[::3]}
        path = f"/v1/matchmaking-events/{self._event['matchmaking_event_id']}/attendance"
        told = self._wire.call("platform", "POST", path, body).json()
        if told["accepted"] != len(met):
            raise UnexpectedAnswerError(f"attendance of {len(met)} meetings: {told}")
        self._ledger.met = {name: len(each) for name, each in body.items()}

    def _look(self, story: Story, since: int) -> None:
        """See which institutions the demand reached, in that order; complete what was returned, in time."""
        document = self._wire.call("platform", "GET", f"/v1/demands/{self.ids[story.number]}").json()
        if document["state"] == "returned" and since == _COMPLETED_ON:
            self._turn(story, "reopen")
        known = self._reached.setdefault(story.number, [])
        for move in document["moves"]:
            if move["after"] == "pushed" and move["lead_id"] and move["institution_id"] not in known:
                known.append(move["institution_id"])

    def _lead(self, story: Story, bank: str, move: str, body: Mapping[str, Any]) -> None:
        if (story.number, bank) in self._ended:
            return
        lead_id = lead_id_of(self.ids[story.number], bank)
        answer = self._wire.call(bank, "POST", f"/v1/leads/{lead_id}/{move}", body)
        if answer.status_code == _CONFLICT:
            self._ended.add((story.number, bank))
            self._ledger.refuse(move)
            return
        self._note(bank, story, bank, move, answer.json()["state"], body)

    def _turn(self, story: Story, move: str) -> None:
        demand_id = self.ids[story.number]
        answer = self._wire.call("platform", "POST", f"/v1/demands/{demand_id}/{move}")
        if answer.status_code == _CONFLICT:
            self._ledger.refuse(move)
            return
        self._note("platform", story, None, move, answer.json()["state"], {})
        if move == "reopen":
            self._ended -= {one for one in self._ended if one[0] == story.number}

    def _note(self, actor: str, story: Story, bank: str | None, move: str, state: str, body: Mapping[str, Any]) -> None:
        self._ledger.moved(
            Acknowledged(
                day=self._clock.today().isoformat(),
                actor=actor,
                demand_id=self.ids[story.number],
                institution_id=bank,
                move=move,
                state=state,
                body=body,
            )
        )

    def _consent(self, story: Story) -> None:
        if story.revokes is None:
            return
        uscc, source = story.body["uscc"], story.revokes
        path = f"/v1/enterprises/{uscc}/consents/{source}?purpose=financing_match&recipient=platform"
        self._wire.call("platform", "DELETE", path)
        self._ledger.granted[uscc, source, "financing_match", "platform"] = False

    def _grant(self, story: Story, bank: str) -> None:
        uscc = story.body["uscc"]
        body = {"purpose": _CONTACT, "recipient": bank}
        self._wire.call("platform", "PUT", f"/v1/enterprises/{uscc}/consents/registry", body)
        self._ledger.granted[uscc, "registry", _CONTACT, bank] = True

    def _recommend(self, story: Story, demand_id: str) -> None:
        answer = self._wire.call("platform", "POST", "/v1/recommendations", {"demand_id": demand_id})
        shown = answer.json()
        self._ledger.recommendations[shown["recommendation_id"]] = hashlib.sha256(answer.content).hexdigest()
        events = _events(story, demand_id, shown, self._clock.now().isoformat())
        if not events:
            return
        told = self._wire.call("platform", "POST", "/v1/events", {"events": events}).json()
        again = self._wire.call("platform", "POST", "/v1/events", {"events": events}).json()
        if (told["accepted"], again["duplicates"]) != (len(events), len(events)):
            raise UnexpectedAnswerError(f"events of {demand_id}: {told}, then {again}")
        self._ledger.sent([_sent(event) for event in events])


def _events(story: Story, demand_id: str, shown: Mapping[str, Any], now: str) -> list[dict[str, Any]]:
    """What the enterprise did with the list it was shown: all seen, some opened, one or two applied for."""
    chance = story.chance("list")
    applied = 0
    events = []
    for item in shown["items"]:
        place = {"position": item["rank"]} | ({"propensity": item["propensity"]} if "propensity" in item else {})
        types = ["exposed"]
        if chance.random() < 0.7 / item["rank"] ** 0.5:
            types.append("clicked")
            if applied < _MOST_APPLICATIONS and chance.random() < 0.7:
                types.append("applied")
                applied += 1
        events += [
            {
                "event_id": f"{demand_id}-{item['product_id']}-{kind}",
                "type": kind,
                "occurred_at": now,
                "demand_id": demand_id,
                "product_id": item["product_id"],
                "recommendation_id": shown["recommendation_id"],
                **place,
            }
            for kind in types
        ]
    return events


def _sent(event: Mapping[str, Any]) -> Sent:
    return Sent(
        event_id=event["event_id"],
        type=event["type"],
        demand_id=event["demand_id"],
        product_id=event["product_id"],
        position=event.get("position"),
        propensity=event.get("propensity"),
    )
