"""Gunicorn's part of the protocol, for the tests: written from the wire's description with the standard library alone,
apart from the server's code, so that a mistake in the server's codec cannot be made here as well."""

import struct

HEADER = struct.Struct(">2sBBIQ")
REQUEST, RESPONSE, ERROR, CHUNK, END = 1, 2, 3, 4, 5
STASH, STATUS, MANAGE = 0x10, 0x11, 0x12
NOTHING = object()


def encode(value):
    """The bytes of a value."""
    if value is None:
        return b"\x00"
    if isinstance(value, bool):
        return b"\x01" + (b"\x01" if value else b"\x00")
    if isinstance(value, int):
        return b"\x05" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\x06" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return b"\x10" + struct.pack(">I", len(value)) + value
    if isinstance(value, str):
        data = value.encode("utf-8")
        return b"\x11" + struct.pack(">I", len(data)) + data
    if isinstance(value, (list, tuple)):
        return b"\x20" + struct.pack(">I", len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        items = b"".join(encode(key) + encode(item) for key, item in value.items())
        return b"\x21" + struct.pack(">I", len(value)) + items
    raise TypeError(type(value))


def decode(data):
    """The value of some bytes, all of them."""
    value, end = _decode(data, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes behind the value")
    return value


def _decode(data, at):
    kind, at = data[at], at + 1
    if kind == 0x00:
        return None, at
    if kind == 0x01:
        return data[at] != 0, at + 1
    if kind == 0x05:
        return struct.unpack_from(">q", data, at)[0], at + 8
    if kind == 0x06:
        return struct.unpack_from(">d", data, at)[0], at + 8
    count, at = struct.unpack_from(">I", data, at)[0], at + 4
    if kind in (0x10, 0x11):
        if at + count > len(data):
            raise ValueError("cut off")
        part = bytes(data[at : at + count])
        return (part if kind == 0x10 else part.decode("utf-8")), at + count
    if kind == 0x20:
        items = []
        for _ in range(count):
            item, at = _decode(data, at)
            items.append(item)
        return items, at
    if kind == 0x21:
        result = {}
        for _ in range(count):
            key, at = _decode(data, at)
            if not isinstance(key, str):
                raise ValueError("a key that is not a string")
            result[key], at = _decode(data, at)
        return result, at
    raise ValueError(f"type {kind:#x}")


def frame(kind, request_id, value=NOTHING):
    """A whole frame; without a value its payload is empty."""
    payload = b"" if value is NOTHING else encode(value)
    return HEADER.pack(b"GD", 1, kind, len(payload), request_id) + payload


def header(data):
    """Type, request id and length of the payload."""
    magic, version, kind, length, request_id = HEADER.unpack(data)
    if (magic, version) != (b"GD", 1):
        raise ValueError((magic, version))
    return kind, request_id, length


def request(app, action, args=(), kwargs=None):
    """The payload of REQUEST."""
    return {"app_path": app, "action": action, "args": list(args), "kwargs": kwargs or {}}


def error(kind, message, **details):
    """The payload of ERROR."""
    return {"error": {"error_type": kind, "message": message, "details": details}}
