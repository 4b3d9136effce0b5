"""Which of the two languages a caller reads: Chinese unless English is preferred."""

from fastapi import Request


def language_of(request: Request) -> str:
    """``zh-CN`` or ``en``, by ``Accept-Language``."""
    return preferred(request.headers.get("accept-language", ""))


def preferred(header: str) -> str:
    """The language a header prefers; Chinese where it names neither.

    >>> preferred("en-GB,en;q=0.9,zh-CN;q=0.8"), preferred("fr, en;q=0.1"), preferred("zh;q=0.3, en;q=0.2")
    ('en', 'en', 'zh-CN')
    """
    best, language = 0.0, "zh-CN"
    for part in header[:500].split(","):
        tag, _, weight = part.strip().partition(";")
        quality = _quality(weight)
        name = tag.strip().lower()
        if quality > best and name.startswith(("en", "zh")):
            best, language = quality, "en" if name.startswith("en") else "zh-CN"
    return language


def _quality(weight: str) -> float:
    _, _, number = weight.partition("q=")
    try:
        return float(number) if number else 1.0
    except ValueError:
        return 0.0
