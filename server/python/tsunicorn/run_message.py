"""What RUN says, checked: it comes from outside of this process."""

from __future__ import annotations

import math
from typing import Any, Dict, Tuple

from .errors import DirtyProtocolError
from .tlv import UNDEFINED

_KINDS: Tuple[Tuple[str, type, str], ...] = (
    ("app", str, "a string"),
    ("action", str, "a string"),
    ("request_id", str, "a string"),
    ("args", list, "a list"),
)


def checked_run(run: Dict[str, Any]) -> Dict[str, Any]:
    """
    The fields of a RUN, which may be a request's or the dirty arbiter's own.
    :raises DirtyProtocolError: when one of them is missing, or of a wrong kind.
    """
    for name, kind, what in _KINDS:
        if not isinstance(run.get(name), kind):
            raise DirtyProtocolError(f'The field "{name}" of a message is not {what}.')
    for name in ("slot", "ms_left"):
        if not is_number(run.get(name)):
            raise DirtyProtocolError(f'The field "{name}" of a message is not a number.')
    if (
        not isinstance(run.get("kwargs", {}), dict)
        or not isinstance(run.get("emitted", []), list)
        or not isinstance(run.get("stream", ""), str)
    ):
        raise DirtyProtocolError("A field of a message is of a wrong kind.")
    if "emitted" in run:
        run["emitted"] = [None if chunk is UNDEFINED else chunk for chunk in run["emitted"]]
    return run


def is_number(value: Any) -> bool:
    """Whether a value is a number with an end, which neither a bool nor NaN is."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
