"""
The other side of the Python measure: what the same generator costs in one plain Python process, behind the least of a
server that asyncio makes. One `write` per token, and a turn of the loop between tokens where the generator does not wait.

    python3 bench/bare-server.py PORT
"""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "apps"))
from tokens_app import AsyncTokens, asked  # noqa: E402

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\ntransfer-encoding: chunked\r\n\r\n"
)
READY = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nready"

app = AsyncTokens()


def chunk(text):
    data = text.encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


async def answer(prompt, writer):
    waits = asked(prompt)[1] > 0
    writer.write(HEAD)
    async for token in app.generate(prompt):
        writer.write(chunk(f'data: {{"token": {json.dumps(token)}}}\n\n'))
        await writer.drain()
        if not waits:
            await asyncio.sleep(0)
    writer.write(chunk("data: [DONE]\n\n") + b"0\r\n\r\n")


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if head.startswith("GET "):
                writer.write(READY)
                continue
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = json.loads(await reader.readexactly(int(fields["content-length"])))
            await answer(body["prompt"], writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())
