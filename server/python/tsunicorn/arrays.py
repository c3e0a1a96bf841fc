"""
Arrays of numbers as their memory: what is a typed array in TypeScript.

Whatever shows its memory to Python crosses: `array.array`, an array of numpy, a memoryview, one of ctypes. In Python it
arrives as an `array.array`, or as bytes where the elements are bytes; `numpy.asarray` takes it without a copy.
"""

from __future__ import annotations

import array
import struct
import sys
from typing import Any, NamedTuple, Optional

from .errors import DirtyProtocolError

#: The elements of the wire, by the letters of `struct`. `C` and `A` are JavaScript's alone: clamped bytes, an ArrayBuffer.
_SIZES = {"A": 1, "B": 1, "C": 1, "b": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "e": 2, "f": 4, "d": 8}
_BYTES = "ABC"
#: What numpy calls bools, signed and unsigned ints, and floats.
_KINDS = frozenset("biuf")
#: The letters whose size is the machine's matter, by their size.
_SIGNED = {1: "b", 2: "h", 4: "i", 8: "q"}
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Elements(NamedTuple):
    """The memory of an array, in the order of the wire; without a code it is bytes."""

    code: Optional[str]
    data: bytes


def read(value: Any) -> Any:
    """The elements of an array; the number that a number of numpy is; None where it is neither."""
    # numpy's times show their memory as plain bytes, which would arrive as nothing that makes sense.
    if getattr(getattr(value, "dtype", None), "kind", "f") not in _KINDS:
        return None
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError):
        return None
    with view:
        if view.ndim == 0:
            return _number(view)
        code = _code(view.format, view.itemsize)
        # A table is a list of its rows: only its sender knows which way round it is meant.
        if code is None or view.ndim != 1:
            return None
        data = view.tobytes()
    if code == "B" and not isinstance(value, array.array):
        return Elements(None, data)
    return Elements(code, _ordered(code, data))


def make(code: int, data: bytes) -> Any:
    """
    The array of these elements.
    :raises DirtyProtocolError: when the code is unknown, or the bytes are not a whole number of elements.
    """
    letter = chr(code)
    size = _SIZES.get(letter)
    if size is None:
        raise DirtyProtocolError(f"0x{code:x} is not a type of elements.")
    if len(data) % size:
        raise DirtyProtocolError(f"{len(data)} bytes are not a whole number of elements of {size} bytes.")
    if letter in _BYTES:
        return data
    if letter == "e":
        # Python has no array of half floats: the same numbers in the next larger kind.
        return array.array("f", struct.unpack(f"<{len(data) // 2}e", data))
    return array.array(letter, _ordered(letter, data))


def _number(view: memoryview) -> Any:
    try:
        number = view.tolist()
    except (NotImplementedError, ValueError):
        return None
    return number if isinstance(number, (bool, int, float)) else None


def _code(form: str, size: int) -> Optional[str]:
    native = sys.byteorder == "little"
    letter = form.lstrip("@=" + ("<" if native else ">"))
    if letter in ("e", "f", "d"):
        return letter
    if letter in ("b", "h", "i", "l", "q", "n"):
        return _SIGNED.get(size)
    if letter in ("B", "H", "I", "L", "Q", "N", "c"):
        return _UNSIGNED.get(size)
    return None


def _ordered(code: str, data: bytes) -> bytes:
    if sys.byteorder == "little" or _SIZES[code] == 1:
        return data
    swapped = bytearray(len(data))
    size = _SIZES[code]
    for at in range(size):
        swapped[at::size] = data[size - 1 - at :: size]
    return bytes(swapped)
