"""A client of the dirty socket that knows only Gunicorn's part of the protocol.

Steps come as JSON, one a line, on standard input; what is read goes out as JSON, one frame a line. Ids are decimal
text on both ways, because a JSON number would lose bits; bytes are {"hex": "00ff"}.

    {"send": [{"id": "1", "app": "app.mjs:App", "action": "add", "args": [1, 2], "kwargs": {}}]}
    {"send": [{"id": "1", "stash": {"op": 2, "table": "t", "key": "k"}}]}
    {"send": [{"id": "1", "status": true}, {"id": "2", "manage": {"op": 1, "count": 2}}]}
    {"read": 1}      read frames until so many answers are whole
    {"frames": 3}    read so many frames
    {"close": true}  leave
"""

import json
import pathlib
import socket
import sys

# Started with -I, which leaves out the script's own folder.
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gunicorn_wire as wire  # noqa: E402

LAST = (wire.RESPONSE, wire.ERROR, wire.END)


def from_json(value):
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["hex"]:
        return bytes.fromhex(value["hex"])
    return {key: from_json(item) for key, item in value.items()}


def to_json(value):
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError(f"the server closed after {len(data)} of {count} bytes")
        data += part
    return data


def read_frame(connection):
    kind, request_id, length = wire.header(receive(connection, wire.HEADER.size))
    payload = receive(connection, length)
    value = wire.decode(payload) if payload else None
    print(json.dumps({"type": kind, "id": str(request_id), "payload": to_json(value)}), flush=True)
    return kind


def message(step):
    request_id = int(step["id"])
    if "stash" in step:
        return wire.frame(wire.STASH, request_id, from_json(step["stash"]))
    if "status" in step:
        return wire.frame(wire.STATUS, request_id)
    if "manage" in step:
        return wire.frame(wire.MANAGE, request_id, step["manage"])
    args, kwargs = from_json(step.get("args", [])), from_json(step.get("kwargs", {}))
    return wire.frame(wire.REQUEST, request_id, wire.request(step["app"], step["action"], args, kwargs))


def main():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect(sys.argv[1])
    for line in sys.stdin:
        step = json.loads(line)
        if "send" in step:
            connection.sendall(b"".join(map(message, step["send"])))
        for _ in range(step.get("frames", 0)):
            read_frame(connection)
        for _ in range(step.get("read", 0)):
            while read_frame(connection) not in LAST:
                pass
        if step.get("close"):
            connection.close()
            return


main()
