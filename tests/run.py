#!/usr/bin/env python3
"""Runs the whole suite: structure, units, scenarios, clients, sanitizers, threads, NEON, fuzzers.

Each step prints one line; a failure prints the end of its log. The last line is
"N passed, N failed" (", N skipped" when the processor lacks what a test needs).
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
FUZZ_SECONDS = 10
# What it finds is mostly a difference to be explained; http/llhttp_test reads a million fixed requests.
FUZZED_BY_HAND = {"http_llhttp"}


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, ok):
        if ok:
            self.passed += 1
        else:
            self.failed += 1


def run(command, log, env=None, timeout=1500):
    """Runs a command with its output in a log file; returns its exit status."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as out:
        try:
            return subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, env=env, timeout=timeout,
                                  check=False).returncode
        except subprocess.TimeoutExpired:
            return 124
        except FileNotFoundError as error:
            out.write(str(error).encode())
            return 127


def tail(log, lines=30):
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in text[-lines:]:
        print("    | " + line)


def step(tally, name, command, env=None, timeout=1500):
    """One command that is one test."""
    log = LOGS / (name.replace("/", "-").replace(" ", "-") + ".log")
    begin = time.monotonic()
    ok = run(command, log, env, timeout) == 0
    print(f"{'ok  ' if ok else 'FAIL'} {name} ({time.monotonic() - begin:.1f} s)", flush=True)
    if not ok:
        tail(log)
    tally.add(ok)
    return ok


def configure(directory, options, env=None):
    """Sets a build directory up, or brings its options up to date; True if it worked."""
    log = LOGS / f"{directory}-build.log"
    if not (ROOT / directory / "build.ninja").exists():
        if run(["meson", "setup", directory, *options], log, env) != 0:
            print(f"FAIL set up {directory}")
            tail(log)
            return False
    elif run(["meson", "configure", directory, *[o for o in options if o.startswith("-D")]], log,
             env) != 0:
        tail(log)
        return False
    return True


def build(directory, options, env=None):
    """Configures and builds everything; True if it worked."""
    begin = time.monotonic()
    if not configure(directory, options, env):
        return False
    log = LOGS / f"{directory}-build.log"
    ok = run(["ninja", "-C", directory], log, env) == 0
    print(f"{'ok  ' if ok else 'FAIL'} build {directory} ({time.monotonic() - begin:.1f} s)",
          flush=True)
    if not ok:
        tail(log)
    return ok


def meson_tests(tally, directory, arguments=(), env=None, timeout_multiplier=1):
    """Runs the tests of one build directory; counts each."""
    log = LOGS / f"{directory}-tests.log"
    begin = time.monotonic()
    results = ROOT / directory / "meson-logs" / "testlog.json"
    results.unlink(missing_ok=True)
    run(["meson", "test", "-C", directory, "--print-errorlogs", "-t", str(timeout_multiplier),
         *arguments], log, env)
    rows = []
    if results.exists():
        rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    counts = {"OK": 0, "SKIP": 0}
    for row in rows:
        result = row["result"]
        counts[result] = counts.get(result, 0) + 1
        if result not in ("OK", "SKIP", "EXPECTEDFAIL"):
            print(f"FAIL {directory}: {row['name']} ({result}, {row['duration']:.1f} s)")
            for line in (row.get("stdout", "") + row.get("stderr", "")).splitlines()[-30:]:
                print("    | " + line)
    failed = len(rows) - counts["OK"] - counts["SKIP"] - counts.get("EXPECTEDFAIL", 0)
    if not rows:
        print(f"FAIL {directory}: no test ran")
        tail(log)
        failed = 1
    tally.passed += counts["OK"] + counts.get("EXPECTEDFAIL", 0)
    tally.skipped += counts["SKIP"]
    tally.failed += failed
    print(f"{'ok  ' if not failed else 'FAIL'} tests in {directory}: {counts['OK']} passed, "
          f"{failed} failed, {counts['SKIP']} skipped ({time.monotonic() - begin:.1f} s)",
          flush=True)


def structure(tally):
    step(tally, "structure", [sys.executable, "tests/lint.py"])
    step(tally, "lint finds faults", [sys.executable, "tests/lint_test.py"])
    sources = subprocess.run(["git", "ls-files", "src/*.[ch]", "include/*.h", "tests/*.[ch]",
                              "examples/*.[ch]"], cwd=ROOT, text=True, capture_output=True,
                             check=True).stdout.split()
    sources = [s for s in sources if not s.endswith("_tables.c")]
    step(tally, "format", ["clang-format-14", "--dry-run", "--Werror", *sources])


def release(tally):
    if build("build", ["-Dtests=true"]):
        meson_tests(tally, "build")
    else:
        tally.add(False)


def clients(tally):
    """Real clients, unchanged, against the real service; each test counts."""
    begin = time.monotonic()
    log = LOGS / "clients.log"
    if run([sys.executable, "tests/clients/prepare.py", LOGS], log) != 0:
        tail(log)
        print("skip clients", flush=True)
        tally.skipped += 1
        return
    if not build("build", ["-Dtests=true"]):
        tally.add(False)
        return
    run([".venv/bin/python", "tests/clients/run.py"], log,
        dict(os.environ, QVL_BINARY=str(ROOT / "build/src/cli/qvl")), timeout=600)
    text = log.read_text(encoding="utf-8", errors="replace")
    counts = re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped$", text.rstrip())
    passed, failed, skipped = map(int, counts.groups()) if counts else (0, 1, 0)
    tally.passed += passed
    tally.failed += failed
    tally.skipped += skipped
    print(f"{'FAIL' if failed else 'ok  '} clients: {passed} passed, {failed} failed, "
          f"{skipped} skipped ({time.monotonic() - begin:.1f} s)", flush=True)
    if failed:
        tail(log, 60)


def sanitizers(tally):
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    common = ["--buildtype=debugoptimized", "-Dwerror=false", "-Db_lundef=false", "-Dtests=true"]
    if build("build-asan", [*common, "-Db_sanitize=address,undefined"]):
        meson_tests(tally, "build-asan", env=env, timeout_multiplier=6)
    else:
        tally.add(False)


def threads(tally):
    """Data races: only the tests of the suite `threads`, and only what they need is built."""
    env = dict(os.environ, TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1")
    options = ["--buildtype=debugoptimized", "-Dwerror=false", "-Db_lundef=false", "-Dtests=true",
               "-Db_sanitize=thread"]
    if configure("build-tsan", options):
        meson_tests(tally, "build-tsan", ["--suite", "threads"], env=env, timeout_multiplier=6)
    else:
        tally.add(False)


def aarch64(tally):
    """The kernels of AArch64, on an emulated processor."""
    step(tally, "kernels of AArch64", ["tests/kernels/aarch64.sh"], timeout=600)


def fuzz_target(name):
    """Fuzzes one target for a short time; the exit status and the log."""
    log = LOGS / f"fuzz-{name}.log"
    return run(["fuzz/run", name, "--seconds", str(FUZZ_SECONDS)], log, timeout=120), log


def fuzz(tally):
    """Every target of fuzz/run, two at a time; longer runs are made by hand."""
    log = LOGS / "fuzz-build.log"
    begin = time.monotonic()
    status = run(["fuzz/run", "--list"], log)
    targets = [t for t in log.read_text(encoding="utf-8").split() if t not in FUZZED_BY_HAND]
    if status != 0 or not targets:
        print("FAIL build the fuzzers")
        tail(log)
        tally.add(False)
        return
    print(f"ok   build the fuzzers ({time.monotonic() - begin:.1f} s)", flush=True)
    with ThreadPoolExecutor(2) as pool:
        for name, (status, log) in zip(targets, pool.map(fuzz_target, targets)):
            text = log.read_text(encoding="utf-8", errors="replace")
            tries = re.search(r"number_of_executed_units: (\d+)", text)
            tally.add(status == 0)
            if status == 0:
                print(f"ok   fuzz {name} ({tries[1] if tries else 'no'} inputs)", flush=True)
                continue
            found = re.search(r"Test unit written to (\S+)", text)
            print(f"FAIL fuzz {name}" + (f": run fuzz/run {name} {found[1]}" if found else ""))
            tail(log)


STEPS = {"structure": structure, "release": release, "clients": clients, "sanitizers": sanitizers,
         "threads": threads, "aarch64": aarch64, "fuzz": fuzz}


def main():
    parser = argparse.ArgumentParser(prog="./test", description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP",
                        help="any of: " + ", ".join(STEPS) + " (default: all)")
    arguments = parser.parse_args()
    unknown = [s for s in arguments.steps if s not in STEPS]
    if unknown:
        parser.error(f"there is no step {unknown[0]}; there are: {', '.join(STEPS)}")
    tally = Tally()
    begin = time.monotonic()
    for name in arguments.steps or STEPS:
        STEPS[name](tally)
    print(f"{time.monotonic() - begin:.0f} s in all; logs in {LOGS.relative_to(ROOT)}")
    print(f"{tally.passed} passed, {tally.failed} failed" +
          (f", {tally.skipped} skipped" if tally.skipped else ""))
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
