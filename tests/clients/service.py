"""The service as the clients' tests see it: the scenarios' harness, what they all ask, and how many
requests really came."""
import json
import mmap
import os
import struct
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

# pylint: disable=wrong-import-position
from harness import (DEADLINE_S, DEMO, MODEL, Server, chat_body, data_url,  # noqa: E402,F401
                     quiet_environment, request_bytes, sample, wait_until)

KEY = "your-api-key"
CHAT = "/v1/chat/completions"
ENDLESS = {"max_tokens": 8000, "extra_body": {"ignore_eos": True}}
WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "enum": ["Beijing", "Oslo"]}, "days": {"type": "integer"}},
                   "required": ["city", "days"], "additionalProperties": False}}}
LIBRARY = os.environ.get("TROUBLED_LIBC_LIBRARY",
                         str(ROOT / "build" / "tests" / "troubled_libc" / "libtroubled_libc.so"))

# The environment of a user: no proxies, no other service's address.
for name in [n for n in os.environ if "proxy" in n.lower() or n.startswith("OPENAI_")]:
    del os.environ[name]


class Trouble:
    """A machine whose wall clock jumps and whose model loads when it may (tests/troubled_libc)."""

    def __init__(self, shift_s=0, held=False):
        self.file = tempfile.NamedTemporaryFile()  # pylint: disable=consider-using-with
        self.file.write(bytes(16))
        self.file.flush()
        self.memory = mmap.mmap(self.file.fileno(), 16)
        self.shift(shift_s)
        self.hold(held)

    def environment(self):
        return quiet_environment(LD_PRELOAD=LIBRARY, TROUBLED_LIBC=self.file.name,
                                 ASAN_OPTIONS="verify_asan_link_order=0")

    def shift(self, seconds):
        self.memory[0:8] = struct.pack("q", seconds)

    def hold(self, held):
        self.memory[8:16] = struct.pack("q", held)


def requests_of(server, path=CHAT):
    """The access lines of a route, oldest first: what a client really sent."""
    return [line for line in server.access_lines() if line["path"] == path]


def lines_of(server, count, path=CHAT):
    """Waits for so many requests of a route; fails if there are more."""
    wait_until(lambda: len(requests_of(server, path)) >= count, what=f"{count} requests")
    lines = requests_of(server, path)
    if len(lines) != count:
        raise AssertionError(f"{len(lines)} requests, not {count}: " + json.dumps(lines))
    return lines


class Clients(unittest.TestCase):
    """Tests that share one server; it must end well."""

    flags = ()
    server = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def check_left(self, output_tokens=8000):
        """The last chat was ended by its client, long before its own end, and the next is answered."""
        line = wait_until(lambda: next((line for line in reversed(requests_of(self.server))
                                        if line.get("code") == "client_closed"), None),
                          what="client_closed in the log")
        self.assertEqual(line["status"], 499)
        self.assertLess(line.get("output_tokens", 0), output_tokens)
        self.server.err.clear()
