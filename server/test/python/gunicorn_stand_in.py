"""Stands in for a running Gunicorn: its dirty arbiter's socket with a few apps behind it, for tests.

    python3 gunicorn_stand_in.py SOCKET NOTES

It does what one sees of Gunicorn 26 through that socket: a connection's messages are served one after the other, ids
are echoed, errors have Gunicorn's names and details, all failures of the stash are called DirtyError, and an action's
arguments must fit its signature. What happens is noted in NOTES, a line of JSON each. Unlike Gunicorn it sees at once
that a client has left, so that tests can see when that was.
"""

import asyncio
import fnmatch
import inspect
import json
import os
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gunicorn_wire as wire  # noqa: E402


def note(what, **more):
    with open(sys.argv[2], "a", encoding="utf-8") as file:
        file.write(json.dumps({"at": time.time() * 1000, "what": what, **more}) + "\n")


class Raw(Exception):
    """Bytes to send in place of an answer, before the connection is closed."""


class Jobs:
    """Actions of every temper."""

    async def add(self, a, b):
        return a + b

    async def echo(self, *args, **kwargs):
        return [list(args), kwargs]

    async def fails(self, message):
        raise ValueError(message)

    async def ticks(self, count, ms):
        for number in range(count):
            yield number
            await asyncio.sleep(ms / 1000)

    async def flood(self, count, size):
        for number in range(count):
            note("yield", n=number)
            yield str(number).zfill(size)

    async def fails_later(self, message):
        yield "a"
        yield "b"
        raise RuntimeError(message)

    async def hangs(self):
        await asyncio.sleep(3600)

    async def says(self, data):
        raise Raw(data)

    async def says_later(self, data):
        yield "first"
        raise Raw(data)

    async def sends_error(self, kind, message, details):
        raise Raw(wire.frame(wire.ERROR, 1, wire.error(kind, message, **details)))

    async def answers_another(self):
        raise Raw(wire.frame(wire.RESPONSE, 2, {"result": "for somebody else"}))

    async def forget_workers(self, forgotten):
        global workers
        workers = [] if forgotten else [["jobs:Jobs", "streaming_chat.chat_app:ChatApp"]]


class ChatApp:
    """With the actions of Gunicorn's streaming chat example."""

    async def generate(self, prompt):
        for word in ("You", " said", ": ", prompt):
            await asyncio.sleep(0.01)
            yield word
        while prompt == "for ever":
            await asyncio.sleep(0.01)
            yield " and ever"

    async def generate_with_thinking(self, prompt):
        yield "[thinking"
        yield "]\n\n"
        async for word in self.generate(prompt):
            yield word


APPS = {"jobs:Jobs": Jobs(), "streaming_chat.chat_app:ChatApp": ChatApp()}
workers = [list(APPS)]
tables = {}


def status():
    rows = [
        {"pid": 4000 + age, "age": age, "apps": apps, "booted": False, "last_heartbeat": 0.01}
        for age, apps in enumerate(workers, 1)
    ]
    return {"arbiter_pid": os.getpid(), "workers": rows, "worker_count": len(rows), "apps": list(APPS)}


def stash(op, name, key, value, pattern):
    """The ten operations. LookupError is what is not there."""
    table = tables.get(name)
    if op in (1, 7):
        table = tables.setdefault(name, {})
        if op == 1:
            table[key] = value
        return True
    if op == 2:
        if table is None or key not in table:
            raise LookupError(f"Key not found: {key}")
        return table[key]
    if op == 3:
        return table is not None and table.pop(key, table) is not table
    if op == 4:
        return [one for one in table or {} if not pattern or fnmatch.fnmatch(one, pattern)]
    if op == 5:
        (table or {}).clear()
        return True
    if op == 6:
        if table is None:
            raise LookupError(f"Table not found: {name}")
        return {"size": len(table), "table": name}
    if op == 8:
        return tables.pop(name, None) is not None
    if op == 9:
        return list(tables)
    if op == 10:
        return table is not None and (key is None or key in table)
    raise LookupError(f"Unknown stash operation: {op}")


async def run(writer, request_id, app_path, action, args, kwargs):
    """One request, until its answer is whole."""

    async def send(kind, value=wire.NOTHING):
        writer.write(wire.frame(kind, request_id, value))
        await writer.drain()

    if not workers:
        return await send(wire.ERROR, wire.error("DirtyError", "No dirty workers available"))
    app = APPS.get(app_path)
    if app is None:
        message = f"No workers available for app: {app_path}"
        return await send(wire.ERROR, wire.error("DirtyNoWorkersAvailableError", message, app_path=app_path))
    try:
        method = getattr(app, action, None)
        if method is None or action.startswith("_"):
            raise ValueError(f"Unknown action: {action}")
        made = method(*args, **kwargs)
        if not inspect.isasyncgen(made):
            return await send(wire.RESPONSE, {"result": await made})
        try:
            async for chunk in made:
                await send(wire.CHUNK, {"data": chunk})
        finally:
            await made.aclose()
        await send(wire.END)
    except Raw:
        raise
    except Exception as error:
        details = {"app_path": app_path, "action": action, "traceback": traceback.format_exc()}
        await send(wire.ERROR, wire.error("DirtyAppError", str(error), **details))


async def serve(reader, writer):
    note("connected")
    try:
        while True:
            try:
                kind, request_id, length = wire.header(await reader.readexactly(wire.HEADER.size))
            except asyncio.IncompleteReadError:
                return
            message = wire.decode(await reader.readexactly(length)) if length else {}
            if kind == wire.STATUS:
                writer.write(wire.frame(wire.RESPONSE, request_id, {"result": status()}))
            elif kind == wire.STASH:
                fields = [message.get(name) for name in ("op", "table", "key", "value", "pattern")]
                try:
                    result = stash(*fields)
                    if isinstance(result, dict) and "error" in result:
                        raise LookupError(str(result))
                    writer.write(wire.frame(wire.RESPONSE, request_id, {"result": result}))
                except LookupError as error:
                    writer.write(wire.frame(wire.ERROR, request_id, wire.error("DirtyError", error.args[0])))
            elif kind == wire.REQUEST:
                note("request", **{name: repr(value) for name, value in message.items()})
                job = asyncio.ensure_future(run(writer, request_id, **message))
                left = asyncio.ensure_future(reader.read(1))
                await asyncio.wait((job, left), return_when=asyncio.FIRST_COMPLETED)
                has_left = not job.done()
                if has_left:
                    note("left")
                    job.cancel()
                left.cancel()
                await asyncio.gather(left, return_exceptions=True)
                if has_left:
                    return
                job.result()
            else:
                raise ValueError(f"a message of type {kind:#x}")
    except Raw as raw:
        writer.write(raw.args[0])
    except OSError:
        note("left")
    finally:
        writer.close()


async def main():
    server = await asyncio.start_unix_server(serve, sys.argv[1])
    print("listening", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
