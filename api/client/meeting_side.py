"""Calls about matchmaking events, referrals, core enterprises and flags."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal, cast

from api.client import answers
from api.client.nouns import Nouns

Met = Mapping[str, Any]


class MeetingSide(Nouns):
    """Where enterprises and institutions are brought together beyond a list."""

    def themes(self) -> answers.ThemeList:
        """Every theme of matchmaking events."""
        return cast(answers.ThemeList, self._got("GET", "/v1/matchmaking-events/themes"))

    def plan_event(self, plan: Mapping[str, Any]) -> answers.MatchmakingEvent:
        """Plan an event: theme, day, tables, slots; gives invite list and timetable."""
        return cast(answers.MatchmakingEvent, self._made("POST", "/v1/matchmaking-events/plan", body=plan))

    def matchmaking_events(self, *, page_size: int = 200) -> Iterator[answers.MatchmakingSummary]:
        """Every event planned."""
        return self._pages("GET", "/v1/matchmaking-events", {"limit": page_size})

    def matchmaking_event(self, event_id: str) -> answers.MatchmakingEvent:
        """One event."""
        path = "/v1/matchmaking-events/{event_id}"
        return cast(answers.MatchmakingEvent, self._got("GET", path, event_id=event_id))

    def attendance(self, event_id: str, attended: Sequence[Met], absent: Sequence[Met] = ()) -> answers.AttendanceTaken:
        """Say who came and who did not."""
        path = "/v1/matchmaking-events/{event_id}/attendance"
        body = {"attended": list(attended), "absent": list(absent)}
        return cast(answers.AttendanceTaken, self._made("POST", path, body=body, event_id=event_id))

    def own_table(self, institution_id: str, event_id: str) -> answers.OwnTable:
        """The meetings at the institution's own table."""
        path = "/v1/institutions/{institution_id}/matchmaking-events/{event_id}"
        return cast(answers.OwnTable, self._got("GET", path, institution_id=institution_id, event_id=event_id))

    def refer(self, referral: Mapping[str, Any]) -> answers.Referral:
        """Refer an enterprise for equity, guarantee or loan, under its consent to that recipient."""
        return cast(answers.Referral, self._made("POST", "/v1/referrals", body=referral))

    def referrals(self, *, page_size: int = 200) -> Iterator[answers.Referral]:
        """Referrals of the platform, or those addressed to the institution."""
        return self._pages("GET", "/v1/referrals", {"limit": page_size})

    def referral(self, referral_id: str) -> answers.Referral:
        """One referral."""
        return cast(answers.Referral, self._got("GET", "/v1/referrals/{referral_id}", referral_id=referral_id))

    def answer_referral(
        self, referral_id: str, answer: Literal["accepted", "declined", "done"], note: str | None = None
    ) -> answers.Referral:
        """Answer a referral."""
        path = "/v1/referrals/{referral_id}/answer"
        body = {"answer": answer} | ({} if note is None else {"note": note})
        return cast(answers.Referral, self._made("POST", path, body=body, referral_id=referral_id))

    def flags(self, uscc: str, *, as_of: date | None = None) -> answers.Flags:
        """Whether an enterprise is of a supply chain or trades across borders, and what says so."""
        path = "/v1/enterprises/{uscc}/flags"
        return cast(answers.Flags, self._got("GET", path, {"as_of": as_of}, uscc=uscc))

    def anchors(self, *, page_size: int = 200) -> Iterator[answers.Anchor]:
        """Confirmed core enterprises, by code."""
        return self._pages("GET", "/v1/anchors", {"limit": page_size})

    def confirm_anchor(self, uscc: str, anchor: Mapping[str, Any]) -> answers.Anchor:
        """Confirm a core enterprise."""
        return cast(answers.Anchor, self._got("PUT", "/v1/anchors/{uscc}", body=anchor, uscc=uscc))

    def withdraw_anchor(self, uscc: str) -> None:
        """Confirm a core enterprise no longer."""
        self._got("DELETE", "/v1/anchors/{uscc}", uscc=uscc)
