"""Structured logs: one JSON line a happening, on standard error, with nothing of anybody's data in it.

A request is logged by the template of its route, never by its path; an error by its kind and where it arose, never by
its message: both could carry a code, a name or a number of somebody.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
_PACKAGES = ("api", "matcher", "features")


def configure(level: Level) -> None:
    """Write JSON lines of this level and above to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_messages,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def where(error: BaseException) -> list[str]:
    """The frames of our own code an error went through, outermost first, as ``module:line function``."""
    frames = traceback.extract_tb(error.__traceback__)
    told = [(frame.filename.replace("\\", "/").split("/"), frame) for frame in frames]
    return [
        f"{'/'.join(parts[-(len(parts) - parts.index(package)) :])}:{frame.lineno} {frame.name}"
        for parts, frame in told
        for package in _PACKAGES
        if package in parts
    ]


def _without_messages(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        event["error"], event["where"] = type(error).__name__, where(error)
    return event
