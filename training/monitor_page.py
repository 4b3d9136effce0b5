"""The monitor's page: one file of HTML with its pictures in it, Chinese first, English beside; and the same as JSON."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from matplotlib.figure import Figure

from training.monitor import (
    CALIBRATION_GAP,
    LEAST_DEMANDS,
    LEAST_OUTCOMES,
    MATURE_DAYS,
    OVER_CAPACITY,
    PSI_ALARM,
    PSI_WATCH,
    REFUSAL_MOVE,
    SEGMENT_LOSS,
    STATUS,
    Finding,
    Window,
    status,
)
from training.plots_monitor import svg

GROUPS = {
    "drift": ("特征与得分漂移", "Drift of features and score"),
    "calibration": ("成熟结果上的校准", "Calibration on matured outcomes"),
    "exposure": ("各机构的曝光与审贷能力", "Exposure and capacity by institution"),
    "segment": ("各类企业得到的列表", "What segments are shown"),
    "refusals": ("按准入规则的排除", "Refusals by rule"),
}
STATES = {
    "fine": ("正常", "fine"),
    "watch": ("关注", "watch"),
    "alarm": ("告警", "alarm"),
    "too_few": ("样本不足", "too few"),
}
_STYLE = """
body{font:15px/1.55 system-ui,"Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif;margin:2rem auto;
max-width:70rem;padding:0 1rem;color:#222}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem;border-bottom:1px solid #ddd}
small,.en{color:#666}svg{max-width:100%;height:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #eee;vertical-align:top}
.alarm{color:#b0302a;font-weight:600}.watch{color:#b26f12}.too_few{color:#888}.fine{color:#1f6f8b}
details{margin:.6rem 0}
"""


def document(reference: Window, since: Window, found: Sequence[Finding], model: str, source: str) -> dict[str, Any]:
    """Everything found as plain values; ``status`` is what the exit status is made of."""
    return {
        "status": status(found),
        "exit_status": STATUS[status(found)],
        "model": model,
        "source": source,
        "reference": _window(reference),
        "since": _window(since),
        "thresholds": {
            "psi_watch": PSI_WATCH,
            "psi_alarm": PSI_ALARM,
            "calibration_gap": CALIBRATION_GAP,
            "over_capacity": OVER_CAPACITY,
            "segment_loss": SEGMENT_LOSS,
            "refusal_move": REFUSAL_MOVE,
            "least_demands": LEAST_DEMANDS,
            "least_outcomes": LEAST_OUTCOMES,
            "mature_days": MATURE_DAYS,
        },
        "alarms": [f"{each.group}:{each.name}" for each in found if each.state == "alarm"],
        "findings": [
            {
                "group": each.group,
                "name": each.name,
                "state": each.state,
                "value": each.value,
                "reference": each.reference,
                "bound": each.bound,
                "text": {"zh": each.text.zh, "en": each.text.en},
            }
            for each in found
        ],
    }


def page(told: Mapping[str, Any], found: Sequence[Finding], pictures: Mapping[str, Figure]) -> str:
    """The page as HTML; it loads nothing from anywhere."""
    zh, en = STATES[told["status"]]
    parts = "".join(_group(group, found, pictures.get(group)) for group in GROUPS)
    none = "<p>没有告警。<span class='en'>No alarm.</span></p>"
    return f"""<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>模型监测 · Model monitor</title>
<style>{_STYLE}</style></head><body>
<h1>模型监测 <span class="en">Model monitor</span> · <span class="{told["status"]}">{zh} {en}</span></h1>
<p>模型 {escape(told["model"])}，来源 {escape(told["source"])}
<br><span class="en">Model {escape(told["model"])}, read from {escape(told["source"])}</span></p>
{_windows(told["reference"], told["since"])}
{_table([each for each in found if each.state == "alarm"]) or none}
{parts}
</body></html>
"""


def _windows(reference: Mapping[str, Any], since: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{zh}<br><span class='en'>{en}</span></td><td>{each['first']} – {each['last']}</td>"
        + "".join(f"<td>{each[name]:,}</td>" for name in ("demands", "lines", "reviews"))
        + "</tr>"
        for zh, en, each in (("基准期", "reference", reference), ("监测期", "since", since))
    )
    heads = (("", ""), ("日期", "days"), ("需求", "demands"), ("展示", "lines shown"), ("已审", "files decided"))
    return f"<table><tr>{''.join(f'<th>{zh} <small>{en}</small></th>' for zh, en in heads)}</tr>{rows}</table>"


def _group(group: str, found: Sequence[Finding], picture: Figure | None) -> str:
    zh, en = GROUPS[group]
    mine = [each for each in found if each.group == group]
    drawn = "" if picture is None else svg(picture)
    rest = _table(mine)
    return (
        f"<h2>{zh} <small>{en}</small></h2>{drawn}"
        f"<details><summary>全部 {len(mine)} 项 <span class='en'>all of them</span></summary>{rest}</details>"
    )


def _table(found: Sequence[Finding]) -> str:
    if not found:
        return ""
    rows = "".join(
        f"<tr><td class='{each.state}'>{STATES[each.state][0]}<br>{STATES[each.state][1]}</td>"
        f"<td>{escape(each.text.zh)}<br><span class='en'>{escape(each.text.en)}</span></td></tr>"
        for each in found
    )
    return f"<table>{rows}</table>"


def _window(window: Window) -> dict[str, Any]:
    return {
        "first": window.first,
        "last": window.last,
        "demands": len(window.demands),
        "lines": len(window.lines),
        "reviews": len(window.reviews),
    }
