"""qvl bench engine: the figures it promises, on made-up weights and on a checkpoint."""
import json
import os
import subprocess
import unittest
from pathlib import Path

BINARY = os.environ["QVL_BINARY"]
ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments):
    return subprocess.run([BINARY, "bench", "engine", *arguments], capture_output=True, text=True,
                          timeout=300, check=False)


class Engine(unittest.TestCase):
    def test_made_up_weights(self):
        done = bench("--shape", "qwen3-vl-2b", "--layers", "1", "--quantize", "q4_k",
                     "--prompt-tokens", "300", "--generate", "2", "--batch", "2", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = json.loads(done.stdout)
        for name in ("prefill_tokens_per_s", "decode_tokens_per_s", "load_ms", "rss_bytes",
                     "weights_bytes"):
            self.assertGreater(figures[name], 0, name)
        self.assertEqual(figures["vision_ms"], 0)
        # A layer of 50 million weights, most in 4.5 bits, and the embedding in 6.5625.
        self.assertAlmostEqual(figures["weights_bytes"] / 1e6, 30 + 255, delta=15)

    def test_a_checkpoint_with_a_picture(self):
        done = bench("--model", str(ROOT / "models/demo"), "--prompt-tokens", "16", "--generate",
                     "4", "--image", "256x256", "--lang", "zh")
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("预填充", "解码", "视觉", "tokens/s"):
            self.assertIn(word, done.stdout)

    def test_wrong_use(self):
        for arguments in ((), ("--shape", "qwen3-vl-9b"), ("--shape", "qwen3-vl-2b", "--quantize",
                          "q9"), ("--shape", "qwen3-vl-2b", "--image", "0x5"),
                          ("--shape", "qwen3-vl-2b", "--batch", "0"),
                          ("--model", "x", "--shape", "qwen3-vl-2b"), ("--model", "/nowhere")):
            with self.subTest(arguments=arguments):
                done = bench(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stdout, "")
                self.assertTrue(done.stderr.startswith("qvl: "))


if __name__ == "__main__":
    unittest.main()
