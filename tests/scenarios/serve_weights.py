#!/usr/bin/env python3
"""How the weights are used: exactly, quantised when they are loaded, with a stretched context."""
import json
import pathlib
import tempfile
import unittest

from harness import DEMO, MODEL, ROOT, Scenario, Server, image_part, main, run_qvl

MODELS = ROOT / "tests" / "golden" / "models"
GGUF = MODELS / "tiny-c" / "gguf"
STEPS = 32


def golden(case):
    lines = (GGUF / "cases.jsonl").read_text(encoding="utf-8").split("\n")
    return next(row for row in map(json.loads, filter(None, lines)) if row["name"] == case)


def with_pictures(messages):
    """The messages of a case with its picture files as data URLs."""
    def part(item):
        if isinstance(item, dict) and item.get("type") == "image":
            return image_part(MODELS / item["image"])
        return item
    return [{**message, "content": message["content"] if isinstance(message["content"], str)
             else [part(item) for item in message["content"]]} for message in messages]


def ask(server, messages):
    """The ids, and the first step's log-probabilities by rank."""
    reply = server.chat({"model": MODEL, "messages": with_pictures(messages), "temperature": 0,
                         "logprobs": True, "top_logprobs": 20, "max_tokens": STEPS,
                         "ignore_eos": True, "return_token_ids": True})
    if reply.status != 200:
        raise AssertionError(reply.body)
    choice = reply.json()["choices"][0]
    return choice["token_ids"], [[entry["logprob"] for entry in step["top_logprobs"]]
                                 for step in choice["logprobs"]["content"]]


class Exact(unittest.TestCase):
    def farthest(self, case, *flags):
        """From the reference, over the first step's twenty likeliest tokens."""
        row = golden(case)
        files = (MODELS / "tiny-c" / row["text_file"], "--mmproj", MODELS / "tiny-c" /
                 row["mmproj_file"])
        with Server(*files[1:], *flags, model=files[0]) as server:
            ids, steps = ask(server, row["messages"])
        wanted = [logprob for _, logprob in row["top20"]]
        self.assertEqual(len(steps[0]), len(wanted))
        return ids, max(abs(a - b) for a, b in zip(steps[0], wanted))

    def test_equals_the_dequantised_model(self):
        for case in ("Q4_K/text_short", "Q8_0/multi_turn", "Q6_K/text_short", "F16/text_short"):
            with self.subTest(case):
                ids, farthest = self.farthest(case, "--exact")
                self.assertEqual(ids, golden(case)["greedy"])
                self.assertLess(farthest, 3e-4)

    def test_is_more_exact(self):
        _, usual = self.farthest("Q4_K/text_short")
        _, with_kv = self.farthest("Q4_K/text_short", "--exact", "--model.kv-type", "f16")
        _, exact = self.farthest("Q4_K/text_short", "--exact")
        self.assertLess(exact, with_kv)  # the type that was asked for is used
        self.assertLess(exact, usual)
        self.assertLess(usual, 0.1)


class Quantized(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_answers_as_the_quantised_file(self):
        messages = golden("F16/text_short")["messages"]  # the vision part stays in BF16
        for kind in ("q4_k", "q8_0", "q5_1", "f16"):
            with self.subTest(kind):
                file = pathlib.Path(self.folder.name) / f"{kind}.gguf"
                done = run_qvl("model", "quantize", str(MODELS / "tiny-c"), str(file), "--type",
                               kind, "--mmproj-out", self.folder.name + "/eyes.gguf")
                self.assertEqual(done.returncode, 0, done.stderr)
                with Server("--mmproj", self.folder.name + "/eyes.gguf", model=file) as server:
                    self.assertFalse([line for line in server.out if "quantized" in line])
                    wanted = ask(server, messages)
                with Server("--quantize", kind, model=MODELS / "tiny-c") as server:
                    said = server.wait_line(r"^quantized to (\w+): ")
                    self.assertEqual(said[1], kind.upper())
                    self.assertEqual(ask(server, messages), wanted)

    def test_in_chinese(self):
        with Server("--quantize", "q8_0", command=("--lang", "zh"), model=DEMO) as server:
            server.wait_line(r"^已量化为 Q8_0：权重共 ")

    def test_types_that_make_no_sense(self):
        for kind, words in (("q8_0", "The weights are Q4_0 already"),
                            ("q3_k", "model.quantize must be")):
            done = run_qvl("serve", "--port", "0", "--model", str(GGUF / "tiny-c-Q4_0.gguf"),
                           "--mmproj", str(GGUF / "mmproj-F16.gguf"), "--quantize", kind)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 2)  # the message and a hint


class LongContext(Scenario):
    flags = ("--model.yarn-factor", "3", "--context", "20000")

    def test_is_there(self):
        self.server.wait_line(r"^ready .* context 20000$")
        self.assertEqual(self.server.chat("你好", max_tokens=4).status, 200)

    def test_is_not_without_the_factor(self):
        with Server("--context", "20000") as server:
            server.wait_line(r"^ready .* context 8192$")


if __name__ == "__main__":
    main()
