"""What a loop found, as plain numbers, as a table and in the record."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from training.city.parameters import DEMAND_MONTH_0, MONTHS, world_named
from training.loop import Loop
from training.loop_gate import Verdict
from training.loop_measures import Difference, Month, compared
from training.plots_loop import loop_picture
from training.record import Record, Report

EXPERIMENT = "credit-matcher-loop"


def report(loop: Loop) -> dict[str, Any]:
    """Everything as plain values; ``months[0]`` is the launch, where both cities are served by the first model.

    Every comparison gives ``retrained``, ``frozen``, ``difference`` and its 95 % interval ``low`` to ``high``.
    """
    verdicts = (None, *loop.verdicts)
    months = [_month(month, verdict) for month, verdict in zip(loop.months, verdicts, strict=True)]
    later = loop.months[1:]
    return {
        "simulated": True,
        "settings": {
            name: getattr(loop.settings, name)
            for name in ("world", "seed", "cycles", "warm_up", "enterprises", "demands", "institutions", "products")
        }
        | {"break_in": _break_in(loop.settings.world)},
        "months": months,
        "all_cycles": _compared(later, np.concatenate),
        "promoted": sum(verdict.passed for verdict in loop.verdicts),
        "refused": sum(not verdict.passed for verdict in loop.verdicts),
        "planted": _gate(loop.planted) | {"what": "labels of first-time borrowers turned round"},
        "rollback": {
            "before": loop.way_back.before,
            "after": loop.way_back.after,
            "restored": loop.way_back.restored,
        },
    }


def write(found: dict[str, Any], out: Path) -> None:
    """Write ``loop.json``, ``loop.png`` and ``loop.svg``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "loop.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    picture = loop_picture(found)
    picture.savefig(out / "loop.png", dpi=150)
    picture.savefig(out / "loop.svg", metadata={"Date": None})


def keep(found: dict[str, Any]) -> str:
    """Keep a loop in MLflow, every measure by cycle; gives the run's id."""
    series = {
        f"{name}.{part}": [month[name][part] for month in found["months"]]
        for name in ("funded", "ndcg_at_10", "value")
        for part in ("retrained", "frozen", "difference", "low", "high")
    }
    series |= {f"ece.{name}": [month["ece"][name] for month in found["months"]] for name in found["months"][0]["ece"]}
    series["promoted"] = [float(month["gate"]["passed"]) for month in found["months"][1:]]
    return Record().keep_report(
        Report(
            experiment=EXPERIMENT,
            name=f"loop-{found['settings']['world']}-{found['settings']['seed']}",
            parameters=found["settings"],
            series=series,
            documents={"loop.json": found},
            pictures={"loop.png": loop_picture(found)},
        )
    )


def table(found: dict[str, Any]) -> Table:
    """One row per month: who was funded, ranking, calibration of the retrained and the frozen, what the gate said."""
    shown = Table(title=f"retrained against frozen, world {found['settings']['world']} (simulated)")
    heads = ("month", "funded", "paired difference", "NDCG@10", "paired difference", "ECE of p", "ECE of q", "gate")
    for name in heads:
        shown.add_column(name, no_wrap=name in {"month", "funded"})
    for month in [*found["months"], found["all_cycles"]]:
        funded, ranking, ece = month["funded"], month["ndcg_at_10"], month.get("ece")
        shown.add_row(
            month["first_day"][:7] if "first_day" in month else "all cycles",
            f"{funded['retrained']:.0f} / {funded['frozen']:.0f}",
            f"{funded['difference']:+.0f} [{funded['low']:+.0f}, {funded['high']:+.0f}]",
            f"{ranking['retrained']:.4f} / {ranking['frozen']:.4f}",
            f"{ranking['difference']:+.4f} [{ranking['low']:+.4f}, {ranking['high']:+.4f}]",
            f"{ece['p_retrained']:.3f} / {ece['p_frozen']:.3f}" if ece else "",
            f"{ece['q_retrained']:.3f} / {ece['q_frozen']:.3f}" if ece else "",
            _said(month.get("gate")) if "first_day" in month else f"{found['promoted']} of {len(found['months']) - 1}",
        )
    return shown


def _break_in(world: str) -> str | None:
    """Month in which the world redraws its appetites, as 2026-07."""
    month = world_named(world).break_month
    return f"{MONTHS[DEMAND_MONTH_0 + month - 1]:%Y-%m}" if month else None


def _month(month: Month, verdict: Verdict | None) -> dict[str, Any]:
    return {
        "first_day": month.first_day,
        "demands": month.demands,
        "champion": month.champion,
        **_compared((month,), lambda parts: parts[0]),
        "ece": month.ece,
        "gate": None if verdict is None else _gate(verdict),
    }


def _compared(months: tuple[Month, ...], join: Callable[[list[Any]], Any]) -> dict[str, dict[str, float]]:
    def both(name: str, *, total: bool = False) -> dict[str, float]:
        sides = [join([getattr(month, f"{name}_{side}") for month in months]) for side in ("retrained", "frozen")]
        return _plain(compared(sides[0], sides[1], total=total))

    return {"funded": both("funded", total=True), "ndcg_at_10": both("ndcg"), "value": both("value")}


def _plain(difference: Difference) -> dict[str, float]:
    return {name: getattr(difference, name) for name in ("retrained", "frozen", "difference", "low", "high")}


def _gate(verdict: Verdict) -> dict[str, Any]:
    return {
        "judged": verdict.judged,
        "challenger": verdict.ruling.challenger,
        "champion": verdict.ruling.champion,
        "passed": verdict.passed,
        "gates": len(verdict.ruling.gates),
        "ranking": next((each.text.en for each in verdict.ruling.gates if each.name == "ranking"), None),
        "failing": [
            {
                "name": each.name,
                "value": each.value if math.isfinite(each.value) else None,
                "bound": each.bound,
                "text": {"zh": each.text.zh, "en": each.text.en},
            }
            for each in verdict.failing
        ],
    }


def _said(gate: dict[str, Any] | None) -> str:
    if gate is None:
        return "launch"
    return "promoted" if gate["passed"] else "refused: " + ", ".join(each["name"] for each in gate["failing"])
