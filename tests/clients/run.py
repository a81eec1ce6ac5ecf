#!/usr/bin/env python3
"""Runs the tests of real clients against the real service, one line each; started by
`./test clients` with the Python of .venv. Usage: run.py [FILE[.CLASS[.TEST]]…]"""
import sys
import time
import unittest
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
FILES = ["openai_python", "openai_errors", "openai_node", "langchain_openai_chat", "plain_clients",
         "guide", "behind_nginx"]


class Lines(unittest.TestResult):
    """A line for each test; the trace of what failed."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.begin = time.monotonic()

    def startTest(self, test):
        self.begin = time.monotonic()
        super().startTest(test)

    def line(self, word, test):
        print(f"{word:4} {test.id()} ({time.monotonic() - self.begin:.1f} s)", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self.line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line("FAIL", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.line("FAIL", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("skip", test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.line("FAIL", subtest)


def main():
    warnings.simplefilter("ignore")
    result = Lines()
    unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:] or FILES).run(result)
    faults = result.failures + result.errors
    for test, trace in faults:
        print(f"\nFAIL {test.id()}\n{trace}")
    print(f"{result.passed} passed, {len(faults)} failed, {len(result.skipped)} skipped")
    return 1 if faults or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
