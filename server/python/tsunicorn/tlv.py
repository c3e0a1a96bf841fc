"""
The values that cross the wire, as type-length-value. Numbers are big-endian.

| code | value | body |
|---|---|---|
| 0x00 | None | none |
| 0x01 | bool | 1 byte |
| 0x05 | int of 64 bits | 8 bytes |
| 0x06 | float | 8 bytes |
| 0x10 | bytes | u32 length, bytes |
| 0x11 | str | u32 length, UTF-8 |
| 0x20 | list | u32 count, values |
| 0x21 | dict | u32 count, (str value, value) pairs |
"""

import struct
from typing import Any, Dict, List, Tuple

from .errors import DirtyProtocolError

MAX_PAYLOAD = 64 * 1024 * 1024
MAX_BYTES = MAX_PAYLOAD
MAX_ITEMS = 1_048_576
MAX_DEPTH = 64

_NONE, _BOOL, _INT64, _FLOAT64, _BYTES, _STRING, _LIST, _DICT = 0x00, 0x01, 0x05, 0x06, 0x10, 0x11, 0x20, 0x21
_HEAD = struct.Struct(">BI")
_INT = struct.Struct(">Bq")
_FLOAT = struct.Struct(">Bd")
_U32 = struct.Struct(">I")
_I64 = struct.Struct(">q")
_F64 = struct.Struct(">d")
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def encode(value: Any, depth: int = 0) -> bytes:
    """
    The bytes of a value; `depth` says how many lists and dicts it will stand in.
    :raises DirtyProtocolError: when the value, or one inside it, cannot cross.
    """
    out = _Writer()
    out.value(value, depth)
    return b"".join(out.parts)


def string(text: str) -> bytes:
    """The bytes of a str."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise DirtyProtocolError("A str with half a surrogate pair cannot cross between processes.") from None
    if len(data) > MAX_BYTES:
        raise _too_many("string", len(data), MAX_BYTES, "bytes")
    return _HEAD.pack(_STRING, len(data)) + data


def dict_of(fields: Dict[str, bytes]) -> bytes:
    """The bytes of a dict whose values are encoded already."""
    return _HEAD.pack(_DICT, len(fields)) + b"".join(string(key) + value for key, value in fields.items())


class _Writer:
    def __init__(self) -> None:
        self.parts: List[bytes] = []
        self.size = 0

    def put(self, part: bytes) -> None:
        # Said while it grows: at its end a value that uses one large part many times would have taken gigabytes.
        self.size += len(part)
        if self.size > MAX_PAYLOAD:
            raise _too_many("value", self.size, MAX_PAYLOAD, "bytes")
        self.parts.append(part)

    def value(self, value: Any, depth: int) -> None:
        if isinstance(value, str):
            self.put(string(value))
        elif value is None:
            self.put(b"\x00")
        elif isinstance(value, bool):
            self.put(b"\x01\x01" if value else b"\x01\x00")
        elif isinstance(value, int):
            if not _INT64_MIN <= value <= _INT64_MAX:
                raise DirtyProtocolError("An int beyond 64 bits cannot cross; send it as a str.")
            self.put(_INT.pack(_INT64, value))
        elif isinstance(value, float):
            self.put(_FLOAT.pack(_FLOAT64, value))
        elif isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value)
            if len(data) > MAX_BYTES:
                raise _too_many("byte value", len(data), MAX_BYTES, "bytes")
            self.put(_HEAD.pack(_BYTES, len(data)))
            self.put(data)
        elif isinstance(value, (list, tuple)):
            # Taken once: were the count and the items to differ, the peer would lose its place in the stream.
            items = tuple(value)
            self.head(_LIST, len(items), depth, "list")
            for item in items:
                self.value(item, depth + 1)
        elif isinstance(value, dict):
            pairs = tuple(value.items())
            self.head(_DICT, len(pairs), depth, "dict")
            for key, item in pairs:
                if not isinstance(key, str):
                    raise DirtyProtocolError(f"A dict with a key that is a {type(key).__name__} cannot cross; keys are str.")
                self.put(string(key))
                self.value(item, depth + 1)
        else:
            raise DirtyProtocolError(
                f"A {type(value).__name__} cannot cross between processes; send None, bool, int, float, str, bytes, list or dict."
            )

    def head(self, kind: int, count: int, depth: int, what: str) -> None:
        if depth >= MAX_DEPTH:
            raise DirtyProtocolError(f"A value is nested more than {MAX_DEPTH} levels deep.")
        if count > MAX_ITEMS:
            raise _too_many(what, count, MAX_ITEMS, "items")
        self.put(_HEAD.pack(kind, count))


def decode(data: bytes) -> Any:
    """
    The one value that these bytes are.
    :raises DirtyProtocolError: when it is truncated, has bytes behind it, or breaks a limit.
    """
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise DirtyProtocolError(f"{len(data) - end} bytes follow the end of a value.")
    return value


def _take(data: bytes, at: int, count: int) -> int:
    end = at + count
    if end > len(data):
        raise DirtyProtocolError(f"A value is cut off: {count} bytes expected, {len(data) - at} left.")
    return end


def _length(data: bytes, at: int, limit: int, what: str, unit: str) -> Tuple[int, int]:
    end = _take(data, at, 4)
    length = _U32.unpack_from(data, at)[0]
    if length > limit:
        raise _too_many(what, length, limit, unit)
    return length, end


def _text(data: bytes, at: int) -> Tuple[str, int]:
    length, at = _length(data, at, MAX_BYTES, "string", "bytes")
    end = _take(data, at, length)
    try:
        return data[at:end].decode("utf-8"), end
    except UnicodeDecodeError:
        raise DirtyProtocolError("A string is no valid UTF-8.") from None


def _count(data: bytes, at: int, depth: int, least: int, what: str) -> Tuple[int, int]:
    count, at = _length(data, at, MAX_ITEMS, what, "items")
    if depth >= MAX_DEPTH:
        raise DirtyProtocolError(f"A value is nested more than {MAX_DEPTH} levels deep.")
    if count * least > len(data) - at:
        raise DirtyProtocolError(f"A {what} announces {count} items, but ends before them.")
    return count, at


def _read(data: bytes, at: int, depth: int) -> Tuple[Any, int]:
    _take(data, at, 1)
    kind = data[at]
    at += 1
    if kind == _STRING:
        return _text(data, at)
    if kind == _NONE:
        return None, at
    if kind == _INT64:
        end = _take(data, at, 8)
        return _I64.unpack_from(data, at)[0], end
    if kind == _DICT:
        count, at = _count(data, at, depth, 6, "dict")
        result = {}
        for _ in range(count):
            _take(data, at, 1)
            if data[at] != _STRING:
                raise DirtyProtocolError("A dict has a key that is no string.")
            key, at = _text(data, at + 1)
            result[key], at = _read(data, at, depth + 1)
        return result, at
    if kind == _LIST:
        count, at = _count(data, at, depth, 1, "list")
        items = []
        for _ in range(count):
            item, at = _read(data, at, depth + 1)
            items.append(item)
        return items, at
    if kind == _FLOAT64:
        end = _take(data, at, 8)
        return _F64.unpack_from(data, at)[0], end
    if kind == _BOOL:
        end = _take(data, at, 1)
        return data[at] != 0, end
    if kind == _BYTES:
        length, at = _length(data, at, MAX_BYTES, "byte value", "bytes")
        end = _take(data, at, length)
        return data[at:end], end
    raise DirtyProtocolError(f"0x{kind:x} is no type of value.")


def _too_many(what: str, count: int, limit: int, unit: str) -> DirtyProtocolError:
    return DirtyProtocolError(f"A {what} of {count} {unit} is over the limit of {limit}.")
