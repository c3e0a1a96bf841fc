"""
Frames: a header of 16 bytes, big-endian, and a payload of one value or none.

 0      2      3      4          8                 16
 +------+------+------+----------+-----------------+
 | "GD" | ver  | type |  length  |   request id    |
 +------+------+------+----------+-----------------+
  u16    u8=1   u8     u32 <=64MiB u64
"""

import struct
from typing import Any, Callable, Iterator, Optional, Tuple

from . import tlv
from .errors import DirtyProtocolError
from .tlv import MAX_PAYLOAD

HEADER_SIZE = 16
_HEADER = struct.Struct(">2sBBIQ")
_MAGIC = b"GD"
_VERSION = 1
_CHUNK_PREFIX = b"\x21\x00\x00\x00\x01\x11\x00\x00\x00\x04data"

RESPONSE, ERROR, CHUNK, END, STASH = 0x02, 0x03, 0x04, 0x05, 0x10
HELLO, WELCOME = 0x20, 0x21
RUN, STARTED, NACK, CANCEL, CREDIT = 0x26, 0x27, 0x28, 0x29, 0x2A
READY, HEARTBEAT, FREE, REVOKE = 0x2B, 0x2C, 0x2D, 0x2E
ATTACH, ATTACHED, END_STREAM, FORGET = 0x31, 0x32, 0x33, 0x34

NOTHING = object()

Frame = Tuple[int, int, bytes]


def frame(kind: int, request_id: int, value: Any = NOTHING) -> bytes:
    """
    The bytes of a frame with one value as its payload, or none.
    :raises DirtyProtocolError: when the value cannot cross.
    """
    return encoded(kind, request_id, b"" if value is NOTHING else tlv.encode(value))


def payload_of(value: Any) -> bytes:
    """
    The payload of a frame with that value.
    :raises DirtyProtocolError: when it cannot cross, or is too large.
    """
    return _checked(tlv.encode(value))


def result_payload(result: Any, wide: bool = False) -> bytes:
    """
    The payload of a RESPONSE; `wide` as in `tlv.encode`.
    :raises DirtyProtocolError: when the result cannot cross, or is too large.
    """
    return _checked(tlv.encode({"result": result}, 0, wide, 1))


def _checked(payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise DirtyProtocolError(f"A message of {len(payload)} bytes is over the limit of {MAX_PAYLOAD}; send it in parts.")
    return payload


def chunk_payload(value: Any, wide: bool = False) -> bytes:
    """
    The payload of a CHUNK: `{"data": value}`, without building the dict, since this runs once a token; `wide` as in
    `tlv.encode`.
    """
    if type(value) is str:
        return _CHUNK_PREFIX + tlv.string(value)
    return _CHUNK_PREFIX + tlv.encode(value, 1, wide)


def encoded(kind: int, request_id: int, payload: bytes) -> bytes:
    """The bytes of a frame whose payload is encoded already."""
    if len(payload) > MAX_PAYLOAD:
        raise DirtyProtocolError(f"A message of {len(payload)} bytes is over the limit of {MAX_PAYLOAD}; send it in parts.")
    return _HEADER.pack(_MAGIC, _VERSION, kind, len(payload), request_id) + payload


def payload_dict(payload: bytes, left_out: Optional[int] = None) -> dict:
    """Reads a payload that must be a dict; `left_out` as in `tlv.decode`."""
    value = tlv.decode(payload, left_out) if payload else None
    if not isinstance(value, dict):
        raise DirtyProtocolError("A message's payload is not a dict.")
    return value


def run_dict(payload: bytes) -> dict:
    """Reads RUN: an argument that was left out is tlv.UNDEFINED."""
    # The payload is a dict, in which `args` is a list.
    return payload_dict(payload, 2)


class FrameReader:
    """Cuts what a socket delivers into frames. It keeps no more than one partial frame."""

    def __init__(self, announced: Optional[Callable[[int, int], None]] = None) -> None:
        """`announced` is told the type and the length of a frame of which nothing is kept yet; what it raises is passed on."""
        self._announced = announced
        self._kept = bytearray()

    def push(self, data: bytes) -> Iterator[Frame]:
        """
        The frames that are whole with these bytes, as (type, request id, payload).
        :raises DirtyProtocolError: on wrong magic, wrong version or a length over 64 MiB.
        """
        kept = self._kept
        kept += data
        at = 0
        try:
            while len(kept) - at >= HEADER_SIZE:
                magic, version, kind, length, request_id = _HEADER.unpack_from(kept, at)
                if magic != _MAGIC:
                    raise DirtyProtocolError(f"The peer does not speak the dirty protocol: magic 0x{magic.hex()}.")
                if version != _VERSION:
                    raise DirtyProtocolError(f"The peer speaks version {version} of the dirty protocol, not {_VERSION}.")
                if length > MAX_PAYLOAD:
                    raise DirtyProtocolError(f"A frame announces {length} bytes; at most {MAX_PAYLOAD} are allowed.")
                if self._announced is not None:
                    self._announced(kind, length)
                start = at + HEADER_SIZE
                if len(kept) - start < length:
                    break
                at = start + length
                yield kind, request_id, bytes(kept[start:at])
        finally:
            del kept[:at]

    def end(self) -> None:
        """:raises DirtyProtocolError: when the peer ended inside a frame."""
        if self._kept:
            raise DirtyProtocolError(f"The peer ended inside a frame, after {len(self._kept)} bytes of it.")
