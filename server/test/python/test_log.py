"""Lines of the log where several processes write into one pipe or socket, as every process of the server does."""

import json
import os
import socket
import subprocess
import sys
import unittest

from tsunicorn.shorten_line import shorten_line

WRITER = """
import time
from tsunicorn import log as logs
logs.set_up("info", "json", None)
for n in range(30):
    logs.log.info("%s", "y" * (300 if n % 2 else SIZE))
while any(writer._waiting for writer in logs._standard.values()):
    time.sleep(0.01)
"""


class Log(unittest.TestCase):
    def read_all(self, end, size):
        """What three processes write, while it is read."""
        writers = [
            subprocess.Popen([sys.executable, "-B", "-c", WRITER.replace("SIZE", str(size))], stdout=end)
            for _ in range(3)
        ]
        os.close(end)
        parts = []
        while True:
            part = self.receive()
            if not part:
                break
            parts.append(part)
        self.assertEqual([writer.wait() for writer in writers], [0, 0, 0])
        lines = b"".join(parts).splitlines()
        self.assertEqual(len(lines), 90)
        return [json.loads(line)["msg"] for line in lines]

    def test_lines_of_several_processes_in_a_pipe_are_whole(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.receive = lambda: os.read(reader, 1000)
        texts = self.read_all(writer, 20_000)
        self.assertEqual(sum(text.endswith("…") for text in texts), 45)

    def test_lines_of_several_processes_in_a_socket_are_whole(self):
        reader, writer = socket.socketpair()
        self.addCleanup(reader.close)
        self.receive = lambda: reader.recv(1000)
        texts = self.read_all(writer.detach(), 40_000)
        self.assertEqual(sum(text.endswith("…") for text in texts), 45)

    def test_no_line_has_the_credentials_of_an_address(self):
        script = """
import logging
from tsunicorn import log as logs
logs.set_up("info", FORMAT, None)
address = "http://user:PASSWORD@host/v1?a=b@c"
logs.log.error("cannot reach %s", address, extra={"deep": [{"url": address}]})
logging.getLogger("app").warning(address)
try:
    raise RuntimeError("no answer of " + address)
except RuntimeError:
    logging.exception("failed")
"""
        for form in ("json", "pretty"):
            with self.subTest(form):
                command = [sys.executable, "-B", "-c", script.replace("FORMAT", repr(form))]
                written = subprocess.run(command, capture_output=True, check=True, text=True).stdout
                self.assertNotIn("PASSWORD", written)
                self.assertGreaterEqual(written.count("http://(hidden)@host/v1?a=b@c"), 4)

    def test_a_line_that_is_too_long_is_shortened_and_json_stays_json(self):
        def short(line):
            shorter = shorten_line(line, 4096)
            self.assertLess(len(shorter.encode()), 4096)
            return shorter

        cut = json.loads(short(json.dumps({"msg": "failed", "err": {"stack": "z" * 10_000}})))
        self.assertRegex(cut["err"]["stack"], "^z{1000,}…$")
        fields = {f"field{n}": n for n in range(2000)}
        cut = json.loads(short(json.dumps({"level": "info", **fields, "msg": '"' * 5000})))
        self.assertEqual(list(cut), ["level", "msg"])
        self.assertRegex(cut["msg"], '^"{100,}…$')
        self.assertRegex(short("é" * 5000), "^é{2000,}…$")


if __name__ == "__main__":
    unittest.main()
