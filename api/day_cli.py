"""``matcher day``: play the scripted day on a throw-away store, and say what happened and whether the books agree."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.day import DayError, Played, day_settings, play
from api.logs import configure
from api.settings import Settings
from api.world import NoWorldError

_WIDTH = 150
_COUNTS = {
    "published": "发布需求 demands published",
    "recommended": "推荐 recommendations",
    "events": "上报事件 events sent",
    "pushed_leads": "推送线索 leads pushed",
    "webhook_messages": "Webhook 送达 webhook messages",
    "stream_messages": "订阅流送达 stream messages",
    "claimed": "认领 claims",
    "claimed_by_several": "多家认领的需求 demands claimed by several",
    "contacted": "已联系 contacts",
    "reminded": "到期提醒 reminders",
    "late": "逾期 leads marked late",
    "escalated": "逾期升级 escalated",
    "late_moves": "逾期后办理 moves made late",
    "returned": "退回补正 returned",
    "reopened": "重新打开 reopened",
    "rejected": "拒绝 rejected",
    "approved": "批准 approved",
    "signed": "签约 signed",
    "disbursed": "放款 disbursed",
    "repaid": "还清 repaid",
    "withdrawn": "撤回 withdrawn",
    "expired": "过期 expired",
    "meetings_held": "对接会洽谈 meetings held",
    "closed_meanwhile": "他行已放款等，409 moves too late, answered 409",
    "consents_changed": "授权变更 consents changed",
    "audit_rows": "审计记录 audit rows",
}


def day(
    demands: Annotated[int, typer.Option(min=1, max=20_000, help="Demands to publish.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed tells the same stories.")] = 7,
    world: Annotated[
        Path | None, typer.Option(help="A world's directory; the default city where none is given.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="Where to keep the store; thrown away where none is given.")] = None,
    database: Annotated[str | None, typer.Option(help="URL of a new, empty store.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write what was found to this file.")] = None,
) -> None:
    """Play a scripted day in the simulated city and hold its books against each other; 1 where any disagrees."""
    from api.cli import ensure_city

    settings = Settings()
    if world is not None:
        settings = settings.model_copy(update={"matcher_city": world})
    ensure_city(settings)
    configure("warning")  # one line a request would bury the table
    with tempfile.TemporaryDirectory(prefix="matcher-day-") as kept:
        chosen = day_settings(settings, home or Path(kept), database)
        try:
            played = _played(chosen, demands, seed)
        except (DayError, NoWorldError) as error:
            typer.echo(f"day: {error}", err=True)
            sys.exit(1)
    if out is not None:
        out.write_text(json.dumps(played.document(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    console = Console()
    show(played, console if console.is_terminal else Console(width=_WIDTH))
    sys.exit(0 if played.holds else 1)


def show(played: Played, console: Console) -> None:
    """What happened, where the demands stand, and what agrees, zh first."""
    console.print(
        f"模拟城市的一天（数据均为模拟） · a scripted day, all data simulated · {played.first_day} – {played.last_day}"
        f" · seed {played.seed} · {played.seconds:.1f} s",
        highlight=False,
    )
    happened = Table("发生 happened", "次数 times")
    for name, count in played.counts.items():
        happened.add_row(_COUNTS[name], str(count))
    console.print(happened)
    states = "  ".join(f"{state} {count}" for state, count in played.states.items())
    console.print(f"需求状态 demands stand: {states}", highlight=False)
    books = Table("核对 held against each other", "", "笔数 compared", "不符 differ")
    for one in played.agreements:
        books.add_row(one.text.zh, one.text.en, str(one.compared), str(len(one.differ)))
    console.print(books)
    for one in played.agreements:
        if not one.holds:
            console.print(one.told(), highlight=False, markup=False)
    verdict = "全部一致 everything agrees" if played.holds else "有不一致 something disagrees"
    console.print(f"{len(played.agreements)} 项核对 agreements · {verdict}", highlight=False)


def _played(settings: Settings, demands: int, seed: int) -> Played:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("…", total=None)

        def advance(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        say: Callable[[str], None] = lambda line: bar.update(task, description=line)  # noqa: E731
        return play(settings, demands, seed, say, advance)
