"""Calls of an institution: its leads and desk, its products, its webhooks and its stream."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, cast

from api.client import answers
from api.client.events import Event, resumed
from api.client.nouns import Nouns

Money = Decimal | str | int
ListName = Literal["general", "first-loans", "renewals", "bridge"]
_FILES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class BankSide(Nouns):
    """What a key of the role ``institution`` opens."""

    def leads(
        self,
        institution_id: str,
        *,
        list_name: ListName = "general",
        product_id: str | None = None,
        page_size: int = 200,
    ) -> Iterator[answers.Lead]:
        """Every lead of the institution, best first."""
        path = "/v1/institutions/{institution_id}/leads"
        params = {"list": list_name, "product_id": product_id, "limit": page_size}
        return self._pages("GET", path, params, institution_id=institution_id)

    def leads_file(
        self, institution_id: str, form: Literal["csv", "xlsx"], *, list_name: ListName = "general"
    ) -> bytes:
        """The whole list as a file."""
        path = "/v1/institutions/{institution_id}/leads"
        headers = {"Accept": _FILES[form]}
        names = {"institution_id": institution_id}
        return self._calls.send("GET", path, names, params={"list": list_name}, headers=headers).content

    def claim(self, lead_id: str) -> answers.DeskLead:
        """Claim a lead; others may claim the same demand."""
        return self._desk("POST", "/v1/leads/{lead_id}/claim", lead_id)

    def contact(self, lead_id: str) -> answers.DeskLead:
        """Say that the enterprise was contacted."""
        return self._desk("POST", "/v1/leads/{lead_id}/contact", lead_id)

    def due_diligence(self, lead_id: str) -> answers.DeskLead:
        """Say that due diligence has begun."""
        return self._desk("POST", "/v1/leads/{lead_id}/due-diligence", lead_id)

    def give_back(self, lead_id: str, complete: Sequence[str]) -> answers.DeskLead:
        """Return a lead to the enterprise with what it must complete."""
        return self._desk("POST", "/v1/leads/{lead_id}/return", lead_id, {"complete": list(complete)})

    def approve(self, lead_id: str, *, amount_cny: Money, annual_rate: Money) -> answers.DeskLead:
        """Approve with terms."""
        body = {"approved": True, "amount_cny": str(amount_cny), "annual_rate": str(annual_rate)}
        return self._desk("POST", "/v1/leads/{lead_id}/decision", lead_id, body)

    def reject(self, lead_id: str, reason_code: str) -> answers.DeskLead:
        """Reject with a reason from ``refusal_reasons``."""
        body = {"rejected": True, "reason_code": reason_code}
        return self._desk("POST", "/v1/leads/{lead_id}/decision", lead_id, body)

    def sign(self, lead_id: str) -> answers.DeskLead:
        """Say that the contract was signed."""
        return self._desk("POST", "/v1/leads/{lead_id}/sign", lead_id)

    def disburse(
        self, lead_id: str, amount_cny: Money, *, annual_rate: Money | None = None, disbursed_on: date | None = None
    ) -> answers.DeskLead:
        """Say that the money was paid out."""
        rate = None if annual_rate is None else str(annual_rate)
        body = {"amount_cny": str(amount_cny), "annual_rate": rate, "disbursed_on": disbursed_on}
        return self._desk("POST", "/v1/leads/{lead_id}/disbursement", lead_id, body)

    def repay(
        self, lead_id: str, *, amount_cny: Money | None = None, repaid_on: date | None = None, in_full: bool = True
    ) -> answers.DeskLead:
        """Say that the money was paid back, in full or in part."""
        amount = None if amount_cny is None else str(amount_cny)
        body = {"amount_cny": amount, "repaid_on": repaid_on, "in_full": in_full}
        return self._desk("POST", "/v1/leads/{lead_id}/repayment", lead_id, body)

    def refusal_reasons(self) -> answers.RefusalReasons:
        """Every reason of refusal, with who can repair it and how."""
        return cast(answers.RefusalReasons, self._got("GET", "/v1/refusal-reasons"))

    def stream_leads(self, last_event_id: str | None = None) -> Iterator[Event]:
        """Messages to the institution as they come, without end; resumed by itself after the last one received."""
        return resumed(self._calls, self._path("GET", "/v1/stream/leads"), last_event_id)

    def register_webhook(self, url: str, kinds: Sequence[str] | None = None) -> answers.MadeWebhook:
        """Have messages sent to an address; the answer alone holds the secret."""
        body = {"url": url} | ({} if kinds is None else {"kinds": list(kinds)})
        return cast(answers.MadeWebhook, self._made("POST", "/v1/webhooks", body=body))

    def webhooks(self, *, page_size: int = 200) -> Iterator[answers.Webhook]:
        """Webhooks of the institution."""
        return self._pages("GET", "/v1/webhooks", {"limit": page_size})

    def remove_webhook(self, webhook_id: str) -> None:
        """Send nothing more to an address."""
        self._got("DELETE", "/v1/webhooks/{webhook_id}", webhook_id=webhook_id)

    def rotate_secret(self, webhook_id: str) -> answers.MadeSecret:
        """Sign with a new secret, and for 24 hours with the one before it too."""
        path = "/v1/webhooks/{webhook_id}/rotate-secret"
        return cast(answers.MadeSecret, self._made("POST", path, webhook_id=webhook_id))

    def enable_webhook(self, webhook_id: str) -> answers.Webhook:
        """Send again to an address that had answered 410."""
        return cast(answers.Webhook, self._got("POST", "/v1/webhooks/{webhook_id}/enable", webhook_id=webhook_id))

    def send_test(self, webhook_id: str) -> answers.QueuedMessage:
        """Queue a test message."""
        return cast(answers.QueuedMessage, self._got("POST", "/v1/webhooks/{webhook_id}/test", webhook_id=webhook_id))

    def deliveries(
        self, webhook_id: str, *, state: str | None = None, page_size: int = 200
    ) -> Iterator[answers.Delivery]:
        """How each message fared, newest first; ``state="dead"`` lists those given up."""
        path = "/v1/webhooks/{webhook_id}/deliveries"
        return self._pages("GET", path, {"state": state, "limit": page_size}, webhook_id=webhook_id)

    def replay_dead(self, webhook_id: str) -> answers.ReplayedDeliveries:
        """Send every dead message again."""
        path = "/v1/webhooks/{webhook_id}/deliveries/replay"
        return cast(answers.ReplayedDeliveries, self._got("POST", path, webhook_id=webhook_id))

    def replay_delivery(self, webhook_id: str, delivery_id: int) -> answers.ReplayedDeliveries:
        """Send one message again."""
        path = "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"
        told = self._got("POST", path, webhook_id=webhook_id, delivery_id=delivery_id)
        return cast(answers.ReplayedDeliveries, told)

    def subscriptions(self) -> answers.SubscriptionList:
        """Every kind of message, and whether it is wanted."""
        return cast(answers.SubscriptionList, self._got("GET", "/v1/subscriptions"))

    def subscribe(self, kind: str, enabled: bool) -> answers.Subscription:
        """Opt in to a kind of message, or out of it."""
        path = "/v1/subscriptions/{kind}"
        return cast(answers.Subscription, self._got("PUT", path, body={"enabled": enabled}, kind=kind))

    def _desk(self, method: str, path: str, lead_id: str, body: Mapping[str, Any] | None = None) -> answers.DeskLead:
        said = {name: value for name, value in (body or {}).items() if value is not None}
        return cast(answers.DeskLead, self._made(method, path, body=said, lead_id=lead_id))
