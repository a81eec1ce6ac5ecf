#!/usr/bin/env python3
"""Starts the services for openai_node.mjs, and counts its tests as tests of this suite."""
import os
import re
import subprocess
import threading
import unittest

from service import DEADLINE_S, DEMO, ROOT, Server, Trouble, requests_of, sample, wait_until

SCRIPT = ROOT / "tests" / "clients" / "openai_node.mjs"


class Node(unittest.TestCase):
    """One test for each of the script's; they are made below."""

    output = ""
    aborted = None

    @classmethod
    def setUpClass(cls):
        row, trouble = sample(0), Trouble(held=True)
        with Server() as server, Server(env=trouble.environment(), wait=False) as slow:
            address = slow.wait_line(r"^listening +(\S+)")[1]
            threading.Thread(target=cls.release, args=(slow, trouble), daemon=True).start()
            env = dict(os.environ, QVL_URL=server.url, QVL_LOADING_URL=address,
                       QVL_CLIENTS=str(ROOT / "build" / "clients"), QVL_QUESTION=row["question"],
                       QVL_PICTURE=str(DEMO / "samples" / row["images"][0]),
                       QVL_ANSWER=row["answer"])
            done = subprocess.run(["node", "--test", "--test-reporter=tap", SCRIPT], env=env,
                                  capture_output=True, text=True, timeout=DEADLINE_S, check=False,
                                  encoding="utf-8")
            cls.output = done.stdout + done.stderr
            cls.aborted = server.access("aborted")
            slow.wait_ready()

    @staticmethod
    def release(server, trouble):
        """The model may be loaded when the first question was refused."""
        wait_until(lambda: requests_of(server), what="a question while loading")
        trouble.hold(False)

    def check(self, name):
        self.assertRegex(self.output, rf"(?m)^\s*ok \d+ - {re.escape(name)}\s*$", self.output)

    def test_all_were_run(self):
        failed = re.findall(r"(?m)^\s*not ok \d+ - (.*)$", self.output)
        self.assertEqual(failed, [], self.output)

    def test_the_service_saw_the_abortion(self):
        self.assertEqual((self.aborted["status"], self.aborted["code"]), (499, "client_closed"))


def names():
    """Of the script's tests, but those that are made in its loop."""
    return re.findall(r'(?m)^test\("(.*?)"', SCRIPT.read_text(encoding="utf-8"))


for title in names():
    setattr(Node, "test_" + re.sub(r"\W+", "_", title),
            lambda self, title=title: self.check(title))

if __name__ == "__main__":
    unittest.main(verbosity=2)
