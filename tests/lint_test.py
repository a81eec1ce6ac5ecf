#!/usr/bin/env python3
"""lint.py must find what it is there to find: each fault is planted in a small tree of its own."""
import subprocess
import sys
import tempfile
from pathlib import Path

LINT = Path(__file__).parent / "lint.py"

# (files, a piece of the expected finding; None: no finding at all)
CASES = [
    ({"src/base/a.h": "", "src/os/b.c": '#include "base/a.h"\n'}, None),
    ({"src/base/a.c": '#include "os/b.h"\n', "src/os/b.h": ""}, "must not include os/b.h"),
    ({"src/engine/a.c": '#include "http/b.h"\n', "src/http/b.h": ""}, "must not include http/b.h"),
    ({"src/base/a_test.c": '#include "os/b.h"\n', "src/os/b.h": ""}, None),
    ({"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": '#include "base/a.h"\n'},
     "include cycle"),
    ({"src/base/a.c": "int a;\n" * 1001}, "1001 lines"),
    ({"src/base/a.c": "int f(void)\n{\n" + "    ;\n" * 99 + "}\n"}, "f has 102 lines"),
    ({"src/base/a.c": "int f(void)\n{\n" + "    ;\n" * 90 + "}\n"}, None),
    ({"src/other/a.c": ""}, "not in the table"),
]


def main():
    failures = 0
    for files, expected in CASES:
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            result = subprocess.run([sys.executable, LINT, root], text=True, capture_output=True,
                                    check=False)
            good = (result.returncode == 0 and not result.stdout) if expected is None else (
                result.returncode == 1 and expected in result.stdout)
            if not good:
                failures += 1
                print(f"expected {expected!r}, got {result.returncode}: {result.stdout}"
                      f"{result.stderr}")
    print(f"{len(CASES) - failures} of {len(CASES)} planted trees judged right")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
