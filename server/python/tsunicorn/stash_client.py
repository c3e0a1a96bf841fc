"""Tables that all processes of the server share."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any, Callable, Dict, List, Optional

from .errors import StashKeyNotFoundError

_PUT, _GET, _DELETE, _KEYS, _CLEAR, _INFO, _ENSURE, _DELETE_TABLE, _TABLES, _EXISTS = range(1, 11)
_INCR, _COMPARE_AND_SET = 0x20, 0x21

_Ask = Callable[[Dict[str, Any]], "Future[Any]"]
_ask: Optional[_Ask] = None


def connect(ask: _Ask) -> None:
    """Called by the worker: how operations reach the dirty arbiter."""
    global _ask
    _ask = ask


class Stash:
    """
    The operations, each of which waits for its answer. `aio` has the same for `async` code, to be awaited.

    Every operation raises a StashError when it cannot be done, DirtyProtocolError when a value cannot cross, and
    DirtyTimeoutError or DirtyConnectionError when there is no answer within 10 s. A table is made with its first entry.
    """

    def __init__(self, settle: Callable[["Future[Any]", Callable[[Any], Any], Any], Any]) -> None:
        self._settle = settle

    def put(self, table: str, key: str, value: Any, ttl: Optional[float] = None) -> Any:
        """Puts a value in place of what was there. `ttl`: seconds that it lives."""
        return self._do(_PUT, table, _nothing, key=key, value=_Value(value), ttl=ttl)

    def get(self, table: str, key: str, default: Any = None) -> Any:
        """The value, or `default` where there is none."""
        return self._do(_GET, table, _same, default, key=key)

    def delete(self, table: str, key: str) -> Any:
        """Deletes an entry. Returns whether there was one."""
        return self._do(_DELETE, table, bool, key=key)

    def exists(self, table: str, key: Optional[str] = None) -> Any:
        """Whether there is such an entry; without a key, such a table."""
        return self._do(_EXISTS, table, bool, key=key)

    def keys(self, table: str, pattern: Optional[str] = None) -> Any:
        """The table's keys, or those that match a glob. It looks at every key."""
        return self._do(_KEYS, table, _same, pattern=pattern)

    def clear(self, table: str) -> Any:
        """Deletes all entries of a table."""
        return self._do(_CLEAR, table, _nothing)

    def info(self, table: str) -> Any:
        """A dict of what a table holds: size, bytes, max_entries, max_bytes, ttl."""
        return self._do(_INFO, table, _same)

    def ensure(
        self,
        table: str,
        max_entries: Optional[int] = None,
        max_bytes: Optional[int] = None,
        ttl: Optional[float] = None,
    ) -> Any:
        """Makes a table unless it is there, and gives it the bounds that are named."""
        return self._do(_ENSURE, table, _nothing, max_entries=max_entries, max_bytes=max_bytes, ttl=ttl)

    def delete_table(self, table: str) -> Any:
        """Deletes a table. Returns whether there was one."""
        return self._do(_DELETE_TABLE, table, bool)

    def tables(self) -> Any:
        """The names of all tables."""
        return self._do(_TABLES, "", _same)

    def incr(self, table: str, key: str, by: float = 1, ttl: Optional[float] = None) -> Any:
        """Adds to a number, as one step; an entry that is not there is 0 before. Returns the number after it."""
        return self._do(_INCR, table, _same, key=key, by=by, ttl=ttl)

    def compare_and_set(self, table: str, key: str, expected: Any, value: Any, ttl: Optional[float] = None) -> Any:
        """
        Sets an entry if it is what was expected, as one step. `MISSING` stands for no entry: as `expected` it sets only
        what is not there, as `value` it deletes. Returns whether it was set.
        """
        fields = {"expected": _Value(expected), "value": _Value(value)}
        given = {name: field for name, field in fields.items() if field.value is not MISSING}
        return self._do(_COMPARE_AND_SET, table, bool, key=key, ttl=ttl, **given)

    def _do(self, op: int, table: str, read: Callable[[Any], Any], default: Any = None, **fields: Any) -> Any:
        if _ask is None:
            raise RuntimeError("The stash is only there in a dirty worker.")
        for name in ("key", "pattern"):
            if fields.get(name) is not None and not isinstance(fields[name], str):
                raise TypeError(f"The {name} of a stash operation is not a str.")
        if not isinstance(table, str):
            raise TypeError("The table of a stash operation is not a str.")
        ttl = fields.get("ttl")
        if ttl is not None and not ttl > 0:
            raise TypeError(f"ttl of a stash entry is {ttl!r}; it must be a number of seconds above 0.")
        given = {name: _plain(value) for name, value in fields.items() if value is not None}
        return self._settle(_ask({"op": op, "table": table, **given}), read, default)


class _Value:
    """A value that crosses also when it is None."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _plain(field: Any) -> Any:
    return field.value if isinstance(field, _Value) else field


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


#: Stands for no entry in `compare_and_set`.
MISSING = _Missing()


def _same(result: Any) -> Any:
    return result


def _nothing(_result: Any) -> None:
    return None


def _wait(future: "Future[Any]", read: Callable[[Any], Any], default: Any) -> Any:
    try:
        return read(future.result())
    except StashKeyNotFoundError:
        return default


async def _await(future: "Future[Any]", read: Callable[[Any], Any], default: Any) -> Any:
    try:
        return read(await asyncio.wrap_future(future))
    except StashKeyNotFoundError:
        return default


class _Stash(Stash):
    """The stash; `aio` is the one for `async` code."""

    aio = Stash(_await)


stash = _Stash(_wait)


def make_tables(declared: Dict[str, Dict[str, Any]]) -> List[Any]:
    """Makes the tables that an app declares."""
    return [stash.ensure(name, **bounds) for name, bounds in declared.items()]
