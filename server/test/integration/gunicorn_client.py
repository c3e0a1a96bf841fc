"""A client of the dirty socket that knows only Gunicorn's part of the protocol.

It is written with the standard library alone, apart from the server's code, so that a mistake in the server's
codec cannot be made here as well. Steps come as JSON, one a line, on standard input; what is read goes out as
JSON, one frame a line. Ids are decimal text on both ways, because a JSON number would lose bits.

    {"send": [{"id": "1", "app": "app.mjs:App", "action": "add", "args": [1, 2], "kwargs": {}}]}
    {"send": [{"id": "1", "op": 2, "table": "t", "key": "k"}]}    the same for STASH
    {"read": 1}      read frames until so many answers are whole
    {"frames": 3}    read so many frames
    {"close": true}  leave
"""

import json
import socket
import struct
import sys

HEADER = struct.Struct(">2sBBIQ")
REQUEST, RESPONSE, ERROR, CHUNK, END = 1, 2, 3, 4, 5
STASH = 0x10
LAST = (RESPONSE, ERROR, END)


def encode(value):
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
    if isinstance(value, list):
        return b"\x20" + struct.pack(">I", len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        if list(value) == ["hex"]:
            return encode(bytes.fromhex(value["hex"]))
        items = b"".join(encode(key) + encode(item) for key, item in value.items())
        return b"\x21" + struct.pack(">I", len(value)) + items
    raise TypeError(type(value))


def decode(data, at=0):
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
    if kind == 0x10:
        return {"hex": data[at : at + count].hex()}, at + count
    if kind == 0x11:
        return data[at : at + count].decode("utf-8"), at + count
    if kind == 0x20:
        items = []
        for _ in range(count):
            item, at = decode(data, at)
            items.append(item)
        return items, at
    if kind == 0x21:
        result = {}
        for _ in range(count):
            key, at = decode(data, at)
            result[key], at = decode(data, at)
        return result, at
    raise ValueError(f"type {kind:#x}")


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError(f"the server closed after {len(data)} of {count} bytes")
        data += part
    return data


def read_frame(connection):
    magic, version, kind, length, request_id = HEADER.unpack(receive(connection, HEADER.size))
    assert (magic, version) == (b"GD", 1), (magic, version)
    payload = receive(connection, length)
    value, end = decode(payload) if payload else (None, 0)
    assert end == length, f"{length - end} bytes behind the value"
    print(json.dumps({"type": kind, "id": str(request_id), "payload": value}), flush=True)
    return kind


def request(step):
    if "op" in step:
        fields = {name: value for name, value in step.items() if name != "id"}
        payload = encode(fields)
        return HEADER.pack(b"GD", 1, STASH, len(payload), int(step["id"])) + payload
    payload = encode(
        {
            "app_path": step["app"],
            "action": step["action"],
            "args": step.get("args", []),
            "kwargs": step.get("kwargs", {}),
        }
    )
    return HEADER.pack(b"GD", 1, REQUEST, len(payload), int(step["id"])) + payload


def main():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect(sys.argv[1])
    for line in sys.stdin:
        step = json.loads(line)
        if "send" in step:
            connection.sendall(b"".join(map(request, step["send"])))
        for _ in range(step.get("frames", 0)):
            read_frame(connection)
        for _ in range(step.get("read", 0)):
            while read_frame(connection) not in LAST:
                pass
        if step.get("close"):
            connection.close()
            return


main()
