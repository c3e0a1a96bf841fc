"""Lines of the log that have to fit into a number of bytes."""

from __future__ import annotations

import json
from typing import Any, Dict

#: Marks where a text was cut.
_CUT = "…"
#: What every line has. Of each, escapes and all, there is room for a part.
_USUAL = ("level", "time", "pid", "role", "msg")


def shorten_line(line: str, limit: int) -> str:
    """Cuts the line's longest texts, so that JSON stays JSON. Without its newline, which has its place."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return _cut(line, limit - 1)
    if not isinstance(parsed, dict):
        return _cut(line, limit - 1)
    most = limit
    while most >= 16:
        shorter = _dump(_shortened(parsed, most))
        if _size(shorter) < limit:
            return shorter
        most //= 2
    # It has more fields than fit, even without their texts.
    kept: Dict[str, Any] = {name: parsed[name] for name in _USUAL if isinstance(parsed.get(name), (str, int))}
    return _dump(_shortened(kept, limit // 32))


def _shortened(value: Any, most: int) -> Any:
    if isinstance(value, str):
        return _cut(value, most)
    if isinstance(value, dict):
        return {key: _shortened(item, most) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, most) for item in value]
    return value


def _cut(text: str, most: int) -> str:
    if _size(text) <= most:
        return text
    kept = text.encode("utf-8", "backslashreplace")[: most - _size(_CUT)]
    # Of a character that was cut in two nothing is left.
    return kept.decode("utf-8", "ignore") + _CUT


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
