"""Plans of leads made straight from scores, for tests that must not depend on any planner."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from api import asking
from api.instance import Instance
from matcher.matching import Question
from matcher.store import demands, lead_lists
from matcher.store.lead_lists import LeadRow
from matcher.store.tables_platform import leads

SHARE = 0.8
"""What other institutions leave, in every plan made here."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan for one institution: its rows, best first, and the enterprise behind each demand."""

    version: str
    rows: tuple[LeadRow, ...]
    uscc_of: dict[str, str]


def plan(instance: Instance, institution_id: str, version: str, *, most: int = 30, looked_at: int = 150) -> Planned:
    """Plan the latest demands for an institution: its best product for each, one row an enterprise, and keep it."""
    rows, uscc_of = _scored(instance, institution_id, looked_at)
    rows = rows[:most]
    keep(instance, institution_id, version, rows)
    return Planned(version=version, rows=rows, uscc_of=uscc_of)


def keep(instance: Instance, institution_id: str, version: str, rows: tuple[LeadRow, ...]) -> None:
    """Keep rows as the current plan."""
    now = instance.clock.now()
    instance.store.write(lambda c: lead_lists.keep(c, version, {institution_id: rows}, now))


def forget(instance: Instance, institution_id: str) -> None:
    """Take every row of an institution out of table ``leads``, whoever pushed it."""
    instance.store.write(lambda c: c.execute(leads.delete().where(leads.c.institution_id == institution_id)))


def push(instance: Instance, institution_id: str, row: LeadRow, **columns: object) -> None:
    """A row of table ``leads``, pushed now unless said otherwise."""
    now = instance.clock.now().isoformat(timespec="microseconds")
    values: dict[str, object] = {
        "lead_id": f"{row.demand_id}-{institution_id}",
        "demand_id": row.demand_id,
        "institution_id": institution_id,
        "product_id": row.product_id,
        "state": "pushed",
        "origin": "push",
        "value": None,
        "due_on": None,
        "late": False,
        "pushed_at": now,
        "changed_at": now,
    }

    def change(connection: Connection) -> None:
        where = (leads.c.demand_id == row.demand_id) & (leads.c.institution_id == institution_id)
        connection.execute(leads.delete().where(where))
        connection.execute(leads.insert(), values | columns)

    instance.store.write(change)


def _scored(instance: Instance, institution_id: str, looked_at: int) -> tuple[tuple[LeadRow, ...], dict[str, str]]:
    matcher, day = instance.matcher, instance.clock.today()
    own = [row for row, p in enumerate(matcher.catalog.products) if p.institution_id == institution_id]
    best: dict[str, LeadRow] = {}
    with instance.store.reading() as connection:
        for kept in demands.latest(connection, looked_at):
            if kept.demand.uscc not in instance.names:
                continue
            profile = asking.profile_of(instance, connection, kept.demand.uscc, day)
            verdict = matcher.judge(Question(demand=kept.demand, as_of=day, profile=profile)).verdict
            admitted = np.array([row for row in own if verdict[row] > 0], dtype=np.intp)
            if len(admitted):
                count = len(admitted)
                X = matcher.pair_matrix([profile] * count, [kept.demand] * count, admitted, day)
                scores = matcher.ranker.predict(X)
                top = int((scores.p_apply * scores.p_approve).argmax())
                p, q = float(scores.p_apply[top]), float(scores.p_approve[top])
                row = LeadRow(
                    demand_id=str(kept.demand.demand_id),
                    product_id=matcher.catalog.products[int(admitted[top])].product_id,
                    value=p * q * SHARE,
                    p_apply=p,
                    p_approve=q,
                    origin="outreach",
                )
                if kept.demand.uscc not in best or best[kept.demand.uscc].value < row.value:
                    best[kept.demand.uscc] = row
    uscc_of = {row.demand_id: uscc for uscc, row in best.items()}
    return tuple(sorted(best.values(), key=lambda row: (-row.value, row.demand_id))), uscc_of
