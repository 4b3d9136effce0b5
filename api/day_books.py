"""The scripted day audits itself: what callers were told, the log, targets, lists, messages and training data."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from api.day_callers import Wire
from api.day_ledger import Acknowledged, Ledger
from api.day_listeners import Inbox
from matcher.policy.targets import Counted
from matcher.store.agreement import Agreement, agreement, same
from matcher.store.books import Books
from matcher.store.leads import lead_id_of

_MET = ("attended", "absent")
_STATES = {
    "claim": ("claimed",),
    "contact": ("contacted",),
    "due-diligence": ("due_diligence",),
    "return": ("returned",),
    "sign": ("signed",),
    "repayment": ("repaid",),
}
_SERVED = {"contacted", "due_diligence", "approved", "signed", "disbursed"}


def of_callers(ledger: Ledger, books: Books) -> list[Agreement]:
    """What callers were told against the log of moves and events."""
    banks = [one for one in ledger.moves if one.institution_id is not None]
    logged = [
        (move.lead_id, move.after)
        for moves in books.lead_moves.values()
        for move in moves
        if move.actor.startswith("institution:")
        and move.after not in {move.before, "closed"}  # what another's disbursement closes was asked for by nobody
        and not _passed(move, moves)
    ]
    turns = [one for one in ledger.moves if one.institution_id is None]
    own = [
        (move.demand_id, move.after)
        for moves in books.own_moves.values()
        for move in moves
        if move.actor.startswith("platform:") and move.institution_id is None and move.after in _TURNED
    ]
    events = ((row.event_id, row.type, row.position, row.propensity) for row in books.events if row.type not in _MET)
    met = Counter(row.type for row in books.events if row.type in _MET)
    sent = ((one.event_id, one.type, one.position, one.propensity) for one in ledger.events)
    kept = {row.recommendation_id: row.digest for row in books.recommendations}
    return [
        agreement(
            "banks_told",
            "银行收到的答复＝流转记录",
            "every move a bank was told of is in the log, and no other",
            len(banks),
            same(((_lead(one), _aim(one)) for one in banks), logged, ("answers", "moves")),
        ),
        agreement(
            "platform_told",
            "平台收到的答复＝流转记录",
            "every turn the platform was told of is in the log, and no other",
            len(turns),
            same(((one.demand_id, _TURN[one.move]) for one in turns), own, ("answers", "moves")),
        ),
        agreement(
            "events_told",
            "受理的事件＝入库的事件（含位置与倾向）",
            "events accepted = events kept, positions and propensities included",
            len(ledger.events),
            same(sent, events, ("sent", "kept")),
        ),
        agreement(
            "attendance_told",
            "对接会出席＝入库事件",
            "attendance of the matchmaking event = events kept",
            sum(ledger.met.values()),
            same(ledger.met.items(), met.items(), ("sent", "kept")),
        ),
        agreement(
            "recommendations_told",
            "答复的推荐＝入库的推荐（逐字节摘要）",
            "recommendations answered = kept, by the digest of their bytes",
            len(ledger.recommendations),
            same(ledger.recommendations.items(), kept.items(), ("answers", "kept")),
        ),
    ]


def of_messages(hooks: Mapping[str, Inbox], streams: Mapping[str, Inbox], books: Books) -> list[Agreement]:
    """What arrived at the banks against the outbox, byte by byte, and with nothing under way."""
    waiting = [f"{row.delivery_id} is {row.state}" for row in books.deliveries if row.state != "delivered"]
    kept = {row.sequence: row for row in books.outbox}
    told = [
        (row.institution_id, f"msg_{row.sequence}", _digest(_body(row).encode()))
        for row in books.outbox
        if row.institution_id in hooks
    ]
    came = [
        (bank, name, _digest(json.dumps(json.loads(body)["data"], sort_keys=True).encode()))
        for bank, inbox in hooks.items()
        for name, body in inbox.bodies.items()
    ]
    streamed = [(row.institution_id, str(row.sequence)) for row in kept.values() if row.institution_id in streams]
    heard = [(bank, name) for bank, inbox in streams.items() for name in inbox.bodies]
    doubts = [f"{bank}: {why}" for bank, inbox in {**hooks, **streams}.items() for why in inbox.refused]
    return [
        agreement(
            "webhooks_received",
            "推送全部送达、验签通过、内容一致",
            "every message of a webhook arrived once, signed, its content the same",
            len(told),
            [*waiting, *same(told, came, ("outbox", "receiver")), *doubts],
        ),
        agreement(
            "stream_received",
            "订阅流无缺失、无重复（断线续传）",
            "the stream missed and repeated nothing, connections cut in between",
            len(streamed),
            same(streamed, heard, ("outbox", "listener")),
        ),
    ]


def of_lists(wire: Wire, banks: Iterable[str], ledger: Ledger, books: Books) -> list[Agreement]:
    """Every bank's lead list against the log, and the names in it against the consents."""
    state = {row.lead_id: row.state for row in books.leads}
    uscc_of = {row.demand_id: row.uscc for row in books.demands}
    rows: list[str] = []
    named: list[str] = []
    shown = 0
    for bank in banks:
        for item in wire.pages(bank, f"/v1/institutions/{bank}/leads?limit=200"):
            shown += 1
            stands = state.get(item["lead_id"], "open")
            if item["status"] != stands or item["lead_id"] != lead_id_of(item["demand_id"], bank):
                rows.append(f"{item['lead_id']} is listed {item['status']}, its moves say {stands}")
            named += _named(item, uscc_of[item["demand_id"]], bank, ledger)
    return [
        agreement("lead_lists", "线索清单状态＝流转记录", "status in every lead list = the log", shown, rows),
        agreement("names_masked", "未授权者不见名称与联系方式", "no name or contact without its consent", shown, named),
    ]


def of_consents(wire: Wire, ledger: Ledger) -> Agreement:
    """Consents as they were answered against consents as they stand."""
    differ: list[str] = []
    for (uscc, source, purpose, recipient), granted in ledger.granted.items():
        found = [
            one["state"] == "granted"
            for one in wire.pages("platform", f"/v1/enterprises/{uscc}/consents")
            if (one["source"], one["purpose"], one["recipient"]) == (source, purpose, recipient)
        ]
        if any(found) != granted:
            differ.append(f"{uscc}/{source} for {recipient}: told {granted}, stands {found}")
    return agreement(
        "consents",
        "授权与撤回＝现行授权",
        "consents granted and revoked stand as answered",
        len(ledger.granted),
        differ,
    )


def of_targets(wire: Wire, told: Mapping[str, Counted], ledger: Ledger, books: Books, year: int) -> list[Agreement]:
    """Counters of the plan's targets against the money and the enterprises of the log, counted anew."""
    uscc_of = {row.demand_id: row.uscc for row in books.demands}
    served = {
        uscc_of[move.demand_id]
        for move in books.moves
        if move.lead_id and move.after in _SERVED and move.occurred_on.year == year
    }
    served |= {row.uscc for row in books.events if row.type == "attended"}
    held = Decimal(bool(ledger.met))
    paid = [one for one in ledger.moves if one.move == "disbursement" and one.day.startswith(str(year))]
    sure = open_ = Decimal(0)
    for one in paid:
        size = wire.call("platform", "GET", f"/v1/enterprises/{ledger.usccs[one.demand_id]}/profile").json()
        if size["size_class"] in {"micro", "small"}:
            sure += Decimal(one.body["amount_cny"])
        elif size["size_class"] == "undetermined":
            open_ += Decimal(one.body["amount_cny"])
    return [
        _target(told["enterprises_served"], Decimal(len(served)), Decimal(len(served)), len(served), _SERVED_TEXT),
        _target(told["matchmaking_events"], held, held, sum(ledger.met.values()), _HELD_TEXT),
        _target(told["mse_financing_cny"], sure, sure + open_, len(paid), _MSE_TEXT),
    ]


def of_training(url: str, ledger: Ledger, books: Books) -> list[Agreement]:
    """What a learner would read, exported by a process of its own, against what was sent and decided."""
    with tempfile.TemporaryDirectory(prefix="day-log-") as out:
        command = [sys.executable, "-m", "training.cli", "log", "--store", url, "--out", out]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            text = done.stderr.strip().splitlines()[-1:] or ["no word"]
            return [agreement("training_export", "训练数据导出", "training data can be exported", 0, text)]
        tables = {
            name: pq.read_table(Path(out) / f"{name}.parquet").to_pylist() for name in ("exposures", "applications")
        }
    exposed = {(one.demand_id, one.product_id): one for one in ledger.events if one.type == "exposed"}
    types = {(one.demand_id, one.product_id, one.type) for one in ledger.events}
    wanted = (
        (*pair, one.position, one.propensity, (*pair, "clicked") in types, (*pair, "applied") in types)
        for pair, one in exposed.items()
        if one.propensity is not None
    )
    given = (
        tuple(row[name] for name in ("demand_id", "product_id", "position", "propensity", "clicked", "applied"))
        for row in tables["exposures"]
    )
    return [
        agreement(
            "training_exposures",
            "训练曝光＝上报事件",
            "exposures to learn from = events sent, with position and propensity",
            len(tables["exposures"]),
            same(wanted, given, ("sent", "exported")),
        ),
        agreement(
            "training_applications",
            "训练审批结果＝流转记录；未审者不作拒绝",
            "applications to learn from = the log; what nobody decided is no refusal",
            len(tables["applications"]),
            _applications(tables["applications"], ledger, books),
        ),
    ]


def _applications(rows: list[dict[str, Any]], ledger: Ledger, books: Books) -> Iterator[str]:
    wanted = [(one.demand_id, one.product_id) for one in ledger.events if one.type == "applied"]
    yield from same(wanted, ((row["demand_id"], row["product_id"]) for row in rows), ("sent", "exported"))
    product_of = {row.lead_id: row.product_id for row in books.leads}
    for row in rows:
        lead_id = lead_id_of(row["demand_id"], row["institution_id"])
        moves = books.lead_moves.get(lead_id, []) if product_of.get(lead_id) == row["product_id"] else []
        after = [move.after for move in moves if move.before != move.after]
        decided = [state for state in after if state in {"approved", "rejected"}]
        approved = decided[-1] == "approved" if decided else None
        outcome = "repaid" if "repaid" in after else "outstanding" if "disbursed" in after else "none"
        if (row["reviewed"], row["approved"], row["outcome"]) != (bool(decided), approved, outcome):
            yield f"{row['application_id']}: {row['reviewed']}/{row['approved']}/{row['outcome']}, log {after}"


def _target(told: Counted, low: Decimal, high: Decimal, count: int, names: tuple[str, str, str]) -> Agreement:
    name, zh, en = names
    fits = told.lowest == low and told.highest in {None, high}  # no upper bound where counting began within the year
    why = [] if fits else [f"counted {told.lowest} to {told.highest}, the log says {low} to {high}"]
    return agreement(name, zh, en, count, why)


_SERVED_TEXT = ("target_served", "年度目标：服务企业数＝流转记录", "target: enterprises served = the log")
_HELD_TEXT = ("target_matchmaking", "年度目标：对接活动＝所办", "target: matchmaking events = the one held")
_MSE_TEXT = (
    "target_mse_financing",
    "年度目标：小微融资额＝放款答复",
    "target: small enterprises' financing = disbursed",
)


def _named(item: Mapping[str, Any], uscc: str, bank: str, ledger: Ledger) -> list[str]:
    granted = ledger.granted.get((uscc, "registry", "contact_disclosure", bank), False)
    told = [not item["masked"], item["uscc"] is not None, item["contact"] is not None]
    return [] if all(one == granted for one in told) else [f"{item['lead_id']}: granted {granted}, told {told}"]


def _passed(move: Any, moves: list[Any]) -> bool:
    """Whether a state was only passed on the way to another, in one call."""
    following = next((other for other in moves if other.move_id > move.move_id), None)
    return (
        following is not None
        and following.occurred_at == move.occurred_at
        and (move.after, following.after) in {("due_diligence", "approved"), ("signed", "disbursed")}
    )


def _lead(one: Acknowledged) -> str:
    return lead_id_of(one.demand_id, str(one.institution_id))


def _aim(one: Acknowledged) -> str:
    if one.move == "decision":
        return "approved" if one.body.get("approved") else "rejected"
    return "disbursed" if one.move == "disbursement" else _STATES[one.move][0]


_TURN = {"draft": "draft", "published": "published", "publish": "published", "withdraw": "withdrawn"} | {
    "reopen": "reopened"
}
_TURNED = set(_TURN.values())


def _body(row: Any) -> str:
    return json.dumps(msgspec.json.decode(row.payload), sort_keys=True)


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def demand_states(books: Books, ids: Iterable[str]) -> Counter[str]:
    """How many of some demands stand where."""
    wanted = set(ids)
    return Counter(row.state for row in books.demands if row.demand_id in wanted)
