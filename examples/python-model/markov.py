"""A small model in Python: it learns which word follows which, and writes more of the same."""

import asyncio
import logging
import random
from collections import Counter, defaultdict
from pathlib import Path

from tsunicorn import DirtyApp

log = logging.getLogger(__name__)  # its lines are in the server's log


class MarkovModel(DirtyApp):
    workers = 1  # processes that load it; for computing at the same time, more
    concurrency = 8  # requests that one of them serves at once

    def init(self):
        """Once per worker, before it takes requests: a real model is loaded here."""
        words = Path(__file__).with_name("text.txt").read_text(encoding="utf-8").split()
        self.followers = defaultdict(Counter)
        for word, follower in zip(words, words[1:]):
            self.followers[word][follower] += 1

    def generate(self, prompt, words, seed=None):
        """A generator streams. It runs in a thread, and is closed at its next yield when its reader leaves."""
        choose = random.Random(seed)
        word = self._begin(prompt)
        for _ in range(words):
            word = self._follow(word, choose)
            yield word + " "

    async def dictate(self, prompt, words, pace, seed=None):
        """An async generator streams, too. All of them share one asyncio loop, so waiting costs nothing."""
        try:
            for word in self.generate(prompt, words, seed):
                await asyncio.sleep(pace)
                yield word
        except asyncio.CancelledError:  # raised where it waits, when its reader leaves
            log.info("the reader of %r left", prompt)
            raise

    async def followers_of(self, word):
        """Any other function, async or not, gives one result."""
        followers = self.followers.get(word, Counter())
        total = sum(followers.values())
        return [{"word": other, "share": round(count / total, 2)} for other, count in followers.most_common(3)]

    def _begin(self, prompt):  # not an action: its name begins with _
        return next((word for word in reversed(prompt.split()) if word in self.followers), "The")

    def _follow(self, word, choose):
        followers = self.followers.get(word) or self.followers["The"]
        return choose.choices(list(followers), weights=list(followers.values()))[0]
