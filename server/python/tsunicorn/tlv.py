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

Ours, between processes that said HELLO:

| code | value | body |
|---|---|---|
| 0x40 | JavaScript's undefined: None, and an argument that was left out | none |
| 0x41 | a bigint: BigInt | 8 bytes, as int64 |
| 0x42 | an array of bytes or of numbers: bytes, or array.array | u8 element, u32 length in bytes, the elements, little-endian |
"""

import struct
from typing import Any, Dict, List, Optional, Tuple, Union

from . import arrays
from .errors import DirtyProtocolError

MAX_PAYLOAD = 64 * 1024 * 1024
MAX_BYTES = MAX_PAYLOAD
MAX_ITEMS = 1_048_576
MAX_DEPTH = 64

_NONE, _BOOL, _INT64, _FLOAT64, _BYTES, _STRING, _LIST, _DICT = 0x00, 0x01, 0x05, 0x06, 0x10, 0x11, 0x20, 0x21
_UNDEFINED, _BIGINT, _ARRAY = 0x40, 0x41, 0x42
_HEAD = struct.Struct(">BI")
_ARRAY_HEAD = struct.Struct(">BBI")
_INT = struct.Struct(">Bq")
_FLOAT = struct.Struct(">Bd")
_U32 = struct.Struct(">I")
_I64 = struct.Struct(">q")
_F64 = struct.Struct(">d")
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
#: The greatest whole number up to which each is a number of its own in JavaScript.
_MAX_SAFE = 2**53 - 1
_ADVICE = "send None, bool, int, float, str, bytes, list, dict, BigInt, or a one-dimensional array of numbers"


class BigInt(int):
    """
    An int of 64 bits that is a bigint in TypeScript, whatever its size. A bigint from there arrives as one of these. Any
    other int is a number there.
    """


class _Undefined:
    def __repr__(self) -> str:
        return "UNDEFINED"


#: Stands for an argument that the caller left out. No app sees it.
UNDEFINED = _Undefined()


class UnsendableError(DirtyProtocolError):
    """
    A value that cannot cross. While it is raised through the lists and dicts that it stands in, each of them adds its
    step, so a value that crosses pays nothing for its path.
    """

    def __init__(self, what: str, advice: str = "", found: Any = None) -> None:
        """`found` is what is at fault, where that may be one of those that it stands in."""
        super().__init__(what)
        self._what = what
        self._advice = advice
        self._found = found
        #: From the inside out.
        self._steps: List[Union[str, int]] = []
        #: How many of them lead from `found` back to itself.
        self._lap = 0

    def within(self, container: Any, step: Union[str, int]) -> None:
        """Adds the step from `container` to what is at fault."""
        self._steps.append(step)
        if container is self._found:
            # Once around says it all.
            self._lap = self._lap or len(self._steps)
            del self._steps[: -self._lap]

    def told(self, skipped: int = 0) -> DirtyProtocolError:
        """The error as it is raised on; `skipped` steps from the outside are the message's, and not the sender's."""
        path = _path(self._steps[::-1][skipped:])
        where = f" ({path})" if path else ""
        cycle = ": it holds itself" if self._lap else ""
        advice = f"; {self._advice}." if self._advice else "."
        return DirtyProtocolError(f"{self._what}{cycle}{where}{advice}", {"path": path} if path else None)


class _OtherKey(str):
    """How a key is written that is not a str."""


def _path(steps: List[Union[str, int]]) -> str:
    text = ""
    for step in steps[:12]:
        if isinstance(step, int):
            text += f"[{step}]"
            continue
        # An exotic str may not be text at all.
        key = step.encode("utf-8", "replace").decode("utf-8")
        key = key if len(key) <= 40 else f"{key[:40]}…"
        if isinstance(step, _OtherKey):
            text += f"[{key}]"
        elif key.isidentifier():
            text += f".{key}" if text else key
        else:
            text += f"[{key!r}]"
    return text + ("…" if len(steps) > 12 else "")


def encode(value: Any, depth: int = 0, wide: bool = False, skipped: int = 0) -> bytes:
    """
    The bytes of a value; `depth` says how many lists and dicts it will stand in. With `wide`, an int of more than 53 bits
    crosses as it is: for a reader in Python.
    :raises DirtyProtocolError: when the value, or one inside it, cannot cross. It says where that stands, without the
        first `skipped` steps.
    """
    out = _Writer(wide)
    try:
        out.value(value, depth)
    except UnsendableError as error:
        raise error.told(skipped) from None
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
    def __init__(self, wide: bool) -> None:
        self.parts: List[bytes] = []
        self.size = 0
        self.wide = wide

    def put(self, part: bytes) -> None:
        # Said while it grows: at its end a value that uses one large part many times would have taken gigabytes.
        self.size += len(part)
        if self.size > MAX_PAYLOAD:
            raise _too_many("value", self.size, MAX_PAYLOAD, "bytes")
        self.parts.append(part)

    def value(self, value: Any, depth: int) -> None:
        if isinstance(value, str):
            self.put(_text_value(value))
        elif value is None:
            self.put(b"\x00")
        elif isinstance(value, bool):
            self.put(b"\x01\x01" if value else b"\x01\x00")
        elif isinstance(value, int):
            self.integer(value)
        elif isinstance(value, float):
            self.put(_FLOAT.pack(_FLOAT64, value))
        elif isinstance(value, (bytes, bytearray)):
            self.bytes(bytes(value))
        elif isinstance(value, (list, tuple)):
            self.list(value, depth)
        elif isinstance(value, dict):
            self.dict(value, depth)
        elif value is UNDEFINED:
            self.put(b"\x40")
        else:
            self.other(value, depth)

    def integer(self, value: int) -> None:
        if not _INT64_MIN <= value <= _INT64_MAX:
            raise UnsendableError("An int beyond 64 bits cannot cross", "send it as a str")
        if isinstance(value, BigInt):
            self.put(_INT.pack(_BIGINT, value))
        elif self.wide or -_MAX_SAFE <= value <= _MAX_SAFE:
            self.put(_INT.pack(_INT64, value))
        else:
            raise UnsendableError(
                "An int beyond 2**53 - 1 cannot cross as a number", "send it as BigInt(value), which is a bigint, or as a str"
            )

    def bytes(self, data: bytes) -> None:
        if len(data) > MAX_BYTES:
            raise _over("byte value", len(data), MAX_BYTES, "bytes")
        self.put(_HEAD.pack(_BYTES, len(data)))
        self.put(data)

    def list(self, value: Any, depth: int) -> None:
        # Taken once: were the count and the items to differ, the peer would lose its place in the stream.
        items = tuple(value)
        self.head(_LIST, len(items), depth, "list", value)
        at = 0
        try:
            for at, item in enumerate(items):
                self.value(item, depth + 1)
        except UnsendableError as error:
            error.within(value, at)
            raise

    def dict(self, value: Dict[Any, Any], depth: int) -> None:
        pairs = tuple(value.items())
        self.head(_DICT, len(pairs), depth, "dict", value)
        key: Any = ""
        try:
            for key, item in pairs:
                if not isinstance(key, str):
                    name = type(key).__name__
                    key = _OtherKey(_shown(key))
                    raise UnsendableError(f"A dict with a key that is {_article(name).lower()} {name} cannot cross", "keys are str")
                self.put(_text_value(key))
                self.value(item, depth + 1)
        except UnsendableError as error:
            error.within(value, key)
            raise

    def other(self, value: Any, depth: int) -> None:
        """A value that is not Python's own: an array of numbers, or one number of such."""
        found = arrays.read(value)
        if found is None:
            name = type(value).__name__
            raise UnsendableError(f"{_article(name)} {name} cannot cross between processes", _ADVICE)
        if not isinstance(found, arrays.Elements):
            self.value(found, depth)
        elif found.code is None:
            self.bytes(found.data)
        else:
            if len(found.data) > MAX_BYTES:
                raise _over("byte value", len(found.data), MAX_BYTES, "bytes")
            self.put(_ARRAY_HEAD.pack(_ARRAY, ord(found.code), len(found.data)))
            self.put(found.data)

    def head(self, kind: int, count: int, depth: int, what: str, value: Any) -> None:
        if depth >= MAX_DEPTH:
            raise UnsendableError(f"A value is nested more than {MAX_DEPTH} levels deep", "", value)
        if count > MAX_ITEMS:
            raise _over(what, count, MAX_ITEMS, "items")
        self.put(_HEAD.pack(kind, count))


def _text_value(text: str) -> bytes:
    try:
        return string(text)
    except DirtyProtocolError as error:
        raise UnsendableError(str(error).rstrip(".")) from None


def _article(word: str) -> str:
    return "An" if word[:1] in "aeiouAEIOU" else "A"


def _shown(key: Any) -> str:
    # Anything can be a key, also what has no text at all.
    try:
        return repr(key)
    except Exception:
        return type(key).__name__


def _over(what: str, count: int, limit: int, unit: str) -> UnsendableError:
    return UnsendableError(str(_too_many(what, count, limit, unit)).rstrip("."))


def decode(data: bytes, left_out: Optional[int] = None) -> Any:
    """
    The one value that these bytes are. An undefined is None, and UNDEFINED in the lists and dicts of the level `left_out`.
    :raises DirtyProtocolError: when it is truncated, has bytes behind it, or breaks a limit.
    """
    value, end = _read(data, 0, 0, left_out)
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
        raise DirtyProtocolError("A string is not valid UTF-8.") from None


def _count(data: bytes, at: int, depth: int, least: int, what: str) -> Tuple[int, int]:
    count, at = _length(data, at, MAX_ITEMS, what, "items")
    if depth >= MAX_DEPTH:
        raise DirtyProtocolError(f"A value is nested more than {MAX_DEPTH} levels deep.")
    if count * least > len(data) - at:
        raise DirtyProtocolError(f"A {what} announces {count} items, but ends before them.")
    return count, at


def _read(data: bytes, at: int, depth: int, left_out: Optional[int]) -> Tuple[Any, int]:
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
                raise DirtyProtocolError("A dict has a key that is not a string.")
            key, at = _text(data, at + 1)
            result[key], at = _read(data, at, depth + 1, left_out)
        return result, at
    if kind == _LIST:
        count, at = _count(data, at, depth, 1, "list")
        items = []
        for _ in range(count):
            item, at = _read(data, at, depth + 1, left_out)
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
    if kind == _ARRAY:
        head = _take(data, at, 1)
        length, start = _length(data, head, MAX_BYTES, "byte value", "bytes")
        end = _take(data, start, length)
        return arrays.make(data[at], data[start:end]), end
    if kind == _BIGINT:
        end = _take(data, at, 8)
        return BigInt(_I64.unpack_from(data, at)[0]), end
    if kind == _UNDEFINED:
        return UNDEFINED if depth == left_out else None, at
    raise DirtyProtocolError(f"0x{kind:x} is not a type of value.")


def _too_many(what: str, count: int, limit: int, unit: str) -> DirtyProtocolError:
    return DirtyProtocolError(f"A {what} of {count} {unit} is over the limit of {limit}.")
