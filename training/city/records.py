"""The raw tables of every source but invoices, as their keepers hand them over, each row with its known-on day."""

import numpy as np
import pandas as pd

from training.city.enterprises import DIVISIONS, INDUSTRIES, Enterprises, Floats, Ints
from training.city.holdings import CASES, RIGHTS, Holdings
from training.city.panel import GRADES, Panel, loan_classes
from training.city.parameters import FIRST_DAY, FIRST_DEMAND_DAY, LAST_DAY, MONTHS, stream

_FIRST = np.datetime64(FIRST_DAY)
_LAST = np.datetime64(LAST_DAY)


def monthly_frames(enterprises: Enterprises, panel: Panel, holdings: Holdings, seed: int) -> dict[str, pd.DataFrame]:
    """Tax, social security, utilities and customs."""
    rng = stream(seed, 4)
    alive = panel.sales > 0
    trades = panel.export > 0
    asked = ~trades & ((np.arange(len(MONTHS)) % 3 == 2)[None, :]) & alive
    return {
        "tax": _monthly(
            rng,
            enterprises,
            panel.filed & alive & holdings.present["tax"][:, None],
            (12, 17),
            taxed_sales_cny=np.round(panel.sales * rng.lognormal(-0.02, 0.03, panel.sales.shape), 2),
            tax_due_cny=np.round(panel.tax_due, 2),
            tax_paid_cny=np.round(panel.tax_paid, 2),
            credit_grade=np.array([*GRADES, None], dtype=object)[panel.grade],
        ),
        "social_security": _monthly(
            rng,
            enterprises,
            alive & holdings.present["social_security"][:, None],
            (8, 14),
            headcount=panel.headcount,
            due_cny=np.round(panel.headcount * 1450.0, 2),
            paid_cny=np.round(panel.headcount * 1450.0 * np.where(panel.social_paid, 1.0, 0.4), 2),
        ),
        "utilities": _monthly(
            rng,
            enterprises,
            alive & holdings.present["utilities"][:, None],
            (4, 10),
            electricity_kwh=np.round(panel.kwh, 1),
            due_cny=np.round(panel.kwh * 0.68, 2),
            paid_cny=np.round(panel.kwh * 0.68 * np.where(panel.utility_paid, 1.0, 0.0), 2),
        ),
        "customs": _monthly(
            rng,
            enterprises,
            (trades | asked) & holdings.present["customs"][:, None],
            (7, 20),
            export_cny=np.round(panel.export, 2),
            import_cny=np.round(panel.imported, 2),
        ),
    }


def credit_frame(enterprises: Enterprises, panel: Panel, holdings: Holdings, seed: int) -> pd.DataFrame:
    """Credit records, after the loans of the log have been entered in the panel."""
    alive = panel.sales > 0
    return _monthly(
        stream(seed, 5),
        enterprises,
        alive & holdings.present["credit"][:, None],
        (3, 9),
        outstanding_cny=np.round(panel.outstanding, 2),
        lenders=panel.lenders,
        ever_borrowed=panel.ever_borrowed,
        overdue_cny=np.round(panel.overdue, 2),
        overdue_days=panel.overdue_days,
        inquiries=panel.inquiries,
        maturing_90d_cny=np.round(panel.outstanding * 0.2, 2),
        loan_class=loan_classes(panel.overdue_days, panel.outstanding),
    )


def _monthly(
    rng: np.random.Generator, enterprises: Enterprises, keep: np.ndarray, lag: tuple[int, int], **columns: np.ndarray
) -> pd.DataFrame:
    row, month = np.nonzero(keep)
    ends = MONTHS.to_numpy().astype("datetime64[M]").astype("datetime64[D]")
    next_month = (MONTHS + pd.offsets.MonthBegin(1)).to_numpy().astype("datetime64[D]")
    known = next_month[month] + rng.integers(*lag, len(row)).astype("timedelta64[D]")
    frame = {"uscc": enterprises.uscc[row], "known_on": known, "period": ends[month]}
    frame |= {name: values[row, month] for name, values in columns.items()}
    rows: pd.DataFrame = pd.DataFrame(frame).loc[known <= _LAST]
    return rows.reset_index(drop=True)


def event_frames(enterprises: Enterprises, panel: Panel, holdings: Holdings, seed: int) -> dict[str, pd.DataFrame]:
    """Registry, annual reports, court, rights, honours and real estate; event sources say ``none`` when searched."""
    rng = stream(seed, 6)
    return {
        "registry": _registry(rng, enterprises),
        "annual_report": _annual_reports(rng, enterprises, panel, holdings),
        "court": _court(rng, enterprises, holdings),
        "ip": _rights(rng, enterprises, holdings),
        "honours": _honours(rng, enterprises, holdings),
        "real_estate": _titles(rng, enterprises, holdings),
    }


def _registry(rng: np.random.Generator, e: Enterprises) -> pd.DataFrame:
    status = np.where(rng.random(len(e)) < 0.012, "suspended", "active")
    return pd.DataFrame(
        {
            "uscc": e.uscc,
            "known_on": e.registered_on + np.timedelta64(5, "D"),
            "name": e.name,
            "registered_on": e.registered_on,
            "industry_code": np.array([i.code for i in INDUSTRIES], dtype=object)[e.industry],
            "division_code": np.array([d[0] for d in DIVISIONS], dtype=object)[e.division],
            "registered_capital_cny": e.capital_cny,
            "status": status,
            "agri_rural": e.agri_rural,
        }
    )


def _annual_reports(rng: np.random.Generator, e: Enterprises, panel: Panel, holdings: Holdings) -> pd.DataFrame:
    frames = []
    for year, factor in ((2023, 0.94), (2024, 0.97), (2025, None)):
        started = e.registered_on < np.datetime64(f"{year}-07-01")
        rows = np.nonzero(started & holdings.present["annual_report"] & (rng.random(len(e)) < 0.97))[0]
        in_year = np.array([m.year == year for m in MONTHS])
        revenue = e.revenue_cny * (factor or 1.0) * np.exp(0.1 * e.growth * (year - 2025))
        if year == 2025:
            revenue = panel.sales[:, in_year].sum(axis=1)
        revenue = revenue * rng.lognormal(0, 0.03, len(e))
        assets = e.assets_cny * rng.lognormal(0, 0.05, len(e))
        leverage = np.clip(e.leverage + rng.normal(0, 0.03, len(e)), 0.02, 1.6)
        known = np.datetime64(f"{year + 1}-03-01") + rng.integers(0, 120, len(e)).astype("timedelta64[D]")
        frames.append(
            pd.DataFrame(
                {
                    "uscc": e.uscc,
                    "known_on": known,
                    "year": np.full(len(e), year, dtype=np.int64),
                    "revenue_cny": np.round(revenue, 2),
                    "assets_cny": np.round(assets, 2),
                    "liabilities_cny": np.round(assets * leverage, 2),
                    "net_profit_cny": np.round(revenue * (e.margin + rng.normal(0, 0.015, len(e))), 2),
                    "employees": np.maximum(1, np.round(e.employees * rng.lognormal(0, 0.04, len(e)))).astype(np.int64),
                }
            ).iloc[rows]
        )
    return pd.concat(frames, ignore_index=True)


def _searched(rng: np.random.Generator, uscc: np.ndarray, number: str, kind: str = "kind") -> dict[str, np.ndarray]:
    day = _FIRST - rng.integers(1, 120, len(uscc)).astype("timedelta64[D]")
    return {
        "uscc": uscc,
        "known_on": day,
        number: np.array([f"none-{u}" for u in uscc], dtype=object),
        kind: np.full(len(uscc), "none", dtype=object),
    }


def _spread(counts: Ints, present: np.ndarray) -> Ints:
    return np.repeat(np.arange(len(counts)), np.where(present, counts, 0))


def _court(rng: np.random.Generator, e: Enterprises, h: Holdings) -> pd.DataFrame:
    """Cases as filed, and again once closed; an enforcement or an entry in the list stays open."""
    present = h.present["court"]
    shown = present[h.cases.enterprise]
    who, filed = h.cases.enterprise[shown], h.cases.filed_on[shown]
    k = len(who)
    kinds = np.array(CASES, dtype=object)[h.cases.kind[shown]]
    closed = filed + rng.integers(60, 400, k).astype("timedelta64[D]")
    opened = pd.DataFrame(
        {
            "uscc": e.uscc[who],
            "known_on": filed + rng.integers(5, 40, k).astype("timedelta64[D]"),
            "case_no": [f"SIM-CASE-{i:06d}" for i in range(k)],
            "filed_on": filed,
            "role": np.where(h.cases.defendant[shown], "defendant", "plaintiff"),
            "kind": kinds,
            "amount_cny": np.round(e.revenue_cny[who] * rng.lognormal(-4, 1, k), 2),
            "closed_on": np.full(k, np.datetime64("NaT", "s")),
        }
    )
    ended = opened.assign(closed_on=closed, known_on=closed + np.timedelta64(12, "D"))[kinds == "civil"]
    rows = pd.concat([opened, ended], ignore_index=True)
    rows = rows[rows["known_on"] <= pd.Timestamp(LAST_DAY)]
    none = _searched(rng, e.uscc[present], "case_no")
    base = pd.DataFrame(none).assign(filed_on=none["known_on"], role="defendant", amount_cny=np.nan)
    return _stack([base.assign(closed_on=np.datetime64("NaT", "s")), rows])


def _rights(rng: np.random.Generator, e: Enterprises, h: Holdings) -> pd.DataFrame:
    present = h.present["ip"]
    frames = []
    for kind in RIGHTS:
        rows = _spread(h.rights[kind], present)
        k = len(rows)
        granted = np.datetime64(FIRST_DEMAND_DAY) - rng.integers(-300, 2400, k).astype("timedelta64[D]")
        granted = np.maximum(granted, e.registered_on[rows] + np.timedelta64(20, "D"))
        frame = pd.DataFrame(
            {
                "uscc": e.uscc[rows],
                "known_on": granted + rng.integers(3, 30, k).astype("timedelta64[D]"),
                "right_no": [f"SIM-{kind[:3].upper()}-{i:06d}" for i in range(k)],
                "kind": kind,
                "granted_on": granted,
                "expires_on": granted + np.timedelta64(3650 if kind != "invention_patent" else 6200, "D"),
                "own": rng.random(k) < 0.92,
                "pledged": rng.random(k) < 0.06,
            }
        )
        frames.append(frame[frame["known_on"] <= pd.Timestamp(LAST_DAY)])
    none = _searched(rng, e.uscc[present], "right_no")
    base = pd.DataFrame(none).assign(granted_on=none["known_on"], expires_on=np.datetime64("NaT", "s"))
    return _stack([base, *frames])


def _honours(rng: np.random.Generator, e: Enterprises, h: Holdings) -> pd.DataFrame:
    present = h.present["honours"]
    frames = []
    for honour, has in h.honours.items():
        rows = np.nonzero(has & present)[0]
        granted = h.honour_from[honour][rows]
        frame = pd.DataFrame(
            {
                "uscc": e.uscc[rows],
                "known_on": granted + rng.integers(2, 25, len(rows)).astype("timedelta64[D]"),
                "honour": honour,
                "granted_on": granted,
                "expires_on": granted + np.timedelta64(3 * 365, "D"),
            }
        )
        frames.append(frame[frame["known_on"] <= pd.Timestamp(LAST_DAY)])
    none = _searched(rng, e.uscc[present], "_", "honour")
    base = pd.DataFrame(none).drop(columns="_")
    return _stack([base.assign(granted_on=none["known_on"], expires_on=np.datetime64("NaT", "s")), *frames])


def _titles(rng: np.random.Generator, e: Enterprises, h: Holdings) -> pd.DataFrame:
    present = h.present["real_estate"]
    rows = np.nonzero(present & (h.property_value > 0))[0]
    kinds = np.where(e.section == "C", "factory", np.where(e.section == "F", "shop", "office"))
    frame = pd.DataFrame(
        {
            "uscc": e.uscc[rows],
            "known_on": _FIRST - rng.integers(1, 300, len(rows)).astype("timedelta64[D]"),
            "property_no": [f"SIM-RE-{i:06d}" for i in range(len(rows))],
            "kind": kinds[rows],
            "appraised_value_cny": _blank(rng, h.property_value[rows], 0.1),
            "mortgaged_cny": h.mortgaged[rows],
        }
    )
    base = pd.DataFrame(_searched(rng, e.uscc[present], "property_no"))
    return _stack([base.assign(appraised_value_cny=np.nan, mortgaged_cny=np.nan), frame])


def _blank(rng: np.random.Generator, values: Floats, share: float) -> Floats:
    return np.asarray(np.where(rng.random(len(values)) < share, np.nan, values))


def _stack(frames: list[pd.DataFrame]) -> pd.DataFrame:
    columns = frames[-1].columns
    for frame in frames:
        for column in columns:
            if column.endswith("_on"):
                frame[column] = frame[column].astype("datetime64[s]") if column in frame else pd.NaT
    return pd.concat([f.reindex(columns=columns) for f in frames if len(f)], ignore_index=True)
