"""bench/peers with a peer that only pretends: pairs, ratios, both kinds of output; bench/made-up."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BINARY = os.environ["QVL_BINARY"]
ROOT = Path(__file__).resolve().parents[2]
NAME = "tiny-c-Q4_K.gguf"
BENCH = """#!/bin/sh
echo "some words before"
echo '[{"n_prompt": 16, "n_gen": 0, "avg_ts": 10.0, "build_commit": "abc"},
       {"n_prompt": 0, "n_gen": 32, "avg_ts": 5.0, "build_commit": "abc"}]'
"""
PICTURE = """#!/bin/sh
test "$(head -c 4 "$6" | tail -c 3)" = PNG || exit 1
echo "image slice encoded in 2000 ms"
"""


class Peers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.peer = Path(folder.name)
        self.program("llama-bench", BENCH)
        self.program("llama-mtmd-cli", PICTURE)

    def program(self, name, text):
        path = self.peer / name
        path.write_text(text, encoding="ascii")
        path.chmod(0o755)

    def run_peers(self, *more):
        model = ROOT / "tests" / "golden" / "models" / "tiny-c" / "gguf"
        return subprocess.run(
            [sys.executable, str(ROOT / "bench" / "peers"), "--peer", str(self.peer), "--qvl", BINARY,
             "--text", str(model / NAME), "--mmproj",
             str(model / "mmproj-F16.gguf"), "--image", "64x64",
             "--prompt", "16", "--long", "64", "--batch", "2", "--rounds", "2",
             "--no-bandwidth", *more],
            capture_output=True, text=True, timeout=300, check=False)

    def test_ratios(self):
        done = self.run_peers("--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        rows = {row["name"]: row for row in result["rows"]}
        self.assertEqual(rows[NAME + ": prompt of 16"]["peer"], [10, 10])
        for name, sign in ((NAME + ": prompt of 16", 1), (NAME + ": decoding", 1),
                           ("picture of 64x64", -1)):
            row = rows[name]
            self.assertEqual(len(row["qvl"]), 2)
            for peer, qvl, ratio in zip(row["peer"], row["qvl"], row["ratios"]):
                self.assertAlmostEqual(ratio, (qvl / peer) ** sign, places=9)
        self.assertEqual(rows["picture of 64x64"]["peer_median"], 2000)
        self.assertGreater(rows["picture of 64x64"]["ratio"], 1)
        self.assertGreater(result["alone"][NAME]["batch_gain"], 0)
        self.assertGreater(result["alone"][NAME]["long_cost"], 0)

    def test_text(self):
        done = self.run_peers()
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("prompt of 16, tokens/s", "decoding", "picture of 64x64, ms", "×",
                     "2 sequences decode", "a token of the long prompt"):
            self.assertIn(word, done.stdout)

    def test_a_peer_that_fails(self):
        self.program("llama-bench", "#!/bin/sh\necho no such flag >&2\nexit 3\n")
        done = self.run_peers()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no such flag", done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class MadeUp(unittest.TestCase):
    def test_wrong_use(self):
        for words in ((), ("text", "x"), ("text", "x", "q9")):
            done = subprocess.run([sys.executable, str(ROOT / "bench" / "made-up"), *words],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("usage:", done.stderr)


if __name__ == "__main__":
    unittest.main()
