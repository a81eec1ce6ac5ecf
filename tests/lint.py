#!/usr/bin/env python3
"""The structure of the code, checked: direction of #include, cycles, sizes of files and functions.

Usage: tests/lint.py [SOURCE_ROOT]. Prints one line per finding; exit status 1 if there is any.
"""
import re
import subprocess
import sys
from pathlib import Path

# A folder may include itself, and what stands here, directly or through others.
USES = {
    "base": [],
    "os": ["base"],
    "json": ["base"],
    "config": ["os"],
    "image": ["os"],
    "kernels": ["os"],
    "model": ["kernels", "json"],
    "engine": ["model", "image"],
    "api": ["json"],
    "access": ["config", "json"],
    "http": ["os"],
    "fetch": ["base"],
    "upstream": ["http", "os", "json"],
    "cache": ["json", "os"],
    "server": ["engine", "api", "access", "cache", "upstream", "http", "fetch", "config"],
    "client": ["http", "os", "json", "config"],
    "cli": ["server", "client"],
    "web": [],
}
# Not compiled into the program: may include anything.
ANYWHERE = re.compile(r"(_test|_fuzz|_bench)\.[ch]$|/test\.h$")
MAX_FILE, MAX_FUNCTION = 1000, 100
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def reachable(folder, seen=None):
    seen = set() if seen is None else seen
    for used in USES[folder]:
        if used not in seen:
            seen.add(used)
            reachable(used, seen)
    return seen


def check_directions(root, findings):
    graph = {}
    for path in sorted(root.glob("src/**/*.[ch]")):
        name = str(path.relative_to(root))
        folder = name.split("/")[1]
        if folder not in USES:
            findings.append(f"{name}: folder src/{folder} is not in the table of directions")
            continue
        allowed = reachable(folder) | {folder}
        targets = INCLUDE.findall(path.read_text(encoding="utf-8"))
        graph[name] = ["src/" + t for t in targets]
        if ANYWHERE.search(name):
            continue
        for target in targets:
            top = target.split("/")[0]
            if "/" in target and top in USES and top not in allowed:
                findings.append(f"{name}: src/{folder} must not include {target}")
    return graph


def check_cycles(graph, findings):
    state = {}

    def visit(node, trail):
        if state.get(node) == "done" or node not in graph:
            return
        if node in trail:
            cycle = trail[trail.index(node):] + [node]
            findings.append("include cycle: " + " -> ".join(cycle))
            return
        for target in graph[node]:
            visit(target, trail + [node])
        state[node] = "done"

    for node in graph:
        visit(node, [])


def check_sizes(root, findings):
    files = sorted(str(p.relative_to(root)) for p in root.glob("src/**/*.[ch]"))
    files += sorted(str(p.relative_to(root)) for p in root.glob("tests/**/*.c"))
    for name in files:
        lines = len((root / name).read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE and not name.endswith("_tables.c"):
            findings.append(f"{name}: {lines} lines, more than {MAX_FILE}")
    tags = subprocess.run(
        ["ctags", "-f", "-", "--fields=+ne-k", "--c-kinds=f", "-L", "-"],
        input="\n".join(files), cwd=root, text=True, capture_output=True, check=True).stdout
    for row in tags.splitlines():
        start, end = re.search(r"\tline:(\d+)", row), re.search(r"\tend:(\d+)", row)
        if start and end:
            length = int(end[1]) - int(start[1]) + 1
            if length > MAX_FUNCTION:
                function, name = row.split("\t")[:2]
                findings.append(f"{name}:{start[1]}: {function} has {length} lines, "
                                f"more than {MAX_FUNCTION}")


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    findings = []
    check_cycles(check_directions(root, findings), findings)
    check_sizes(root, findings)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
