"""What the Python measure runs, on both sides: generators that say as many tokens as the prompt asks for, as fast."""

import asyncio
import time


def asked(prompt):
    """`TOKENS MS`: how many, and the pause before each, here in seconds."""
    tokens, milliseconds = prompt.split()
    return int(tokens), float(milliseconds) / 1000


class Tokens:
    """A plain generator, as most models in Python have it."""

    concurrency = 64

    def generate(self, prompt):
        tokens, pause = asked(prompt)
        for _ in range(tokens):
            if pause > 0:
                time.sleep(pause)
            yield "token "


class AsyncTokens:
    """The same as an async generator, as clients of other servers have it."""

    concurrency = 64

    async def generate(self, prompt):
        tokens, pause = asked(prompt)
        for _ in range(tokens):
            if pause > 0:
                await asyncio.sleep(pause)
            yield "token "
