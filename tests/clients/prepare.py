#!/usr/bin/env python3
"""Puts the clients in their place: Python's in .venv, Node's in build/clients, as pinned here.

Does nothing, quickly, when they are there. Fails with one sentence; the output of the installers
is in the log that it names. Usage: prepare.py LOG_DIRECTORY
"""
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = ROOT / ".venv"
NODE = ROOT / "build" / "clients"


def fingerprint(*paths):
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run(command, log, where=ROOT):
    with open(log, "ab") as out:
        try:
            done = subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, timeout=600, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            out.write(f"{error}\n".encode())
            return False
    return done.returncode == 0


def install_python(log):
    shutil.rmtree(PYTHON, ignore_errors=True)
    try:
        venv.create(PYTHON, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        log.write_text(f"{error}\n", encoding="utf-8")
        return False
    return run([PYTHON / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input",
                "--disable-pip-version-check", "--no-deps", "-r", HERE / "requirements.txt"], log)


def install_node(log):
    shutil.rmtree(NODE, ignore_errors=True)
    NODE.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, NODE)
    return run(["npm", "ci", "--omit=peer", "--ignore-scripts", "--no-audit", "--no-fund"], log, NODE)


def prepare(what, directory, pins, install, log):
    """True if the clients are there."""
    stamp, wanted = directory / "pinned", fingerprint(*[HERE / pin for pin in pins])
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return True
    log.unlink(missing_ok=True)
    if not install(log):
        print(f"The clients for {what} could not be installed: see {log}.")
        return False
    stamp.write_text(wanted, encoding="ascii")
    return True


def main():
    logs = Path(sys.argv[1])
    logs.mkdir(parents=True, exist_ok=True)
    done = [prepare("Python", PYTHON, ["requirements.txt"], install_python,
                    logs / "clients-python.log"),
            prepare("Node.js", NODE, ["package.json", "package-lock.json"], install_node,
                    logs / "clients-node.log")]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
