#!/usr/bin/env python3
"""What a service manager hears (sd_notify), with a socket of ours in systemd's place."""
import pathlib
import re
import signal
import socket
import tempfile
import time
import unittest

from harness import Server, main, quiet_environment, wait_until

WATCHDOG_S = 2


class Manager:
    """Takes datagrams; each with the time that it came."""

    def __init__(self, folder):
        self.path = str(pathlib.Path(folder) / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.heard = []

    def listen(self):
        while True:
            try:
                text = self.socket.recv(4096).decode("utf-8")
            except BlockingIOError:
                return self.heard
            self.heard.append((time.monotonic(), text))

    def wait_for(self, pattern, after=0):
        """The index and the match of the first message from `after` on that fits."""
        def found():
            for at, (_, text) in enumerate(self.listen()):
                match = re.search(pattern, text, re.M)
                if at >= after and match:
                    return at, match
            return None
        return wait_until(found, what=f"a message like {pattern!r}")


class Notify(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.manager = Manager(folder.name)
        self.addCleanup(self.manager.socket.close)

    def start(self, **more):
        return Server(env=quiet_environment(NOTIFY_SOCKET=self.manager.path, **more))

    def test_ready_reload_and_stop(self):
        with self.start() as server:
            loading, _ = self.manager.wait_for(r"^STATUS=Loading the model")
            ready, _ = self.manager.wait_for(r"^READY=1$")
            self.assertLess(loading, ready)
            self.manager.wait_for("^STATUS=Serving .* at " + re.escape(server.url), ready)
            before_us = time.monotonic_ns() // 1000
            server.process.send_signal(signal.SIGHUP)
            reloading, match = self.manager.wait_for(r"^RELOADING=1\nMONOTONIC_USEC=(\d+)", ready + 1)
            self.assertGreaterEqual(int(match[1]), before_us)
            self.assertLessEqual(int(match[1]), time.monotonic_ns() // 1000)
            self.manager.wait_for(r"^READY=1$", reloading + 1)
            server.stop()
        self.manager.wait_for(r"^STOPPING=1$", reloading + 1)

    def test_watchdog_at_half_the_interval(self):
        with self.start(WATCHDOG_USEC=str(WATCHDOG_S * 1000000)):
            after = 0
            for _ in range(3):
                at, _ = self.manager.wait_for(r"^WATCHDOG=1$", after)
                after = at + 1
        times = [when for when, text in self.manager.heard if text == "WATCHDOG=1"]
        mean = (times[2] - times[0]) / 2
        # Half of the interval is meant; the manager's patience is what must not be passed.
        self.assertLess(mean, WATCHDOG_S)
        self.assertGreater(mean, WATCHDOG_S / 8)

    def test_another_process_has_the_watchdog(self):
        with self.start(WATCHDOG_USEC="200000", WATCHDOG_PID="1"):
            self.manager.wait_for(r"^READY=1$")
            time.sleep(0.5)
        self.assertFalse([text for _, text in self.manager.listen() if text == "WATCHDOG=1"])


if __name__ == "__main__":
    main()
