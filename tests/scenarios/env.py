"""qvl env: what it says of this machine, with the cards and tools that stand on PATH."""
import json
import os
import tempfile
import unittest
from pathlib import Path

from harness import DEMO, quiet_environment, run_qvl

SHAPES = ["qwen3-vl-8b", "qwen3-vl-4b", "qwen3-vl-2b", "qwen3-vl-32b"]
TYPES = ["bf16", "q8_0", "q6_k", "q5_k", "q4_k"]
MIB = 1 << 20


class Env(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def program(self, name, script):
        path = self.folder / name
        path.write_text("#!/bin/sh\n" + script + "\n")
        path.chmod(0o755)

    def env(self, *arguments, code=0, **variables):
        path = f"{self.folder}:{os.environ['PATH']}"
        done = run_qvl("env", *arguments, env=quiet_environment(PATH=path, **variables))
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def facts(self, *arguments, **variables):
        done = self.env("--json", *arguments, **variables)
        self.assertEqual(done.stderr, "")
        return json.loads(done.stdout)

    def test_the_machine(self):
        facts = self.facts()
        self.assertIn("Linux" if "WSL" not in facts["os"] else "WSL", facts["os"])
        self.assertEqual(facts["kernel"], os.uname().release)
        self.assertTrue(1 <= facts["cpu"]["cores"] <= len(os.sched_getaffinity(0)))
        meminfo = {line.split(":")[0]: int(line.split()[1]) << 10
                   for line in Path("/proc/meminfo").read_text().splitlines() if " kB" in line}
        self.assertTrue(0 < facts["memory"]["total"] <= meminfo["MemTotal"])
        self.assertTrue(0 < facts["memory"]["available"] <= facts["memory"]["total"])
        self.assertEqual(facts["memory"]["swap"], meminfo["SwapTotal"])
        self.assertTrue(Path(facts["disk"]["path"]).is_dir())
        self.assertGreater(facts["disk"]["free"], 0)
        self.assertIsNone(facts["measured"])

    def test_the_instruction_sets_are_those_in_use(self):
        everything = self.facts()["cpu"]
        for level in {"c", everything["kernels"]}:
            cpu = self.facts(QVL_CPU=level)["cpu"]
            self.assertEqual(cpu["kernels"], level)
            self.assertEqual(cpu["features"] == [], level == "c")
        self.assertTrue(set(self.facts(QVL_CPU="c")["cpu"]["features"])
                        <= set(everything["features"]))

    def test_every_model_in_every_type(self):
        facts = self.facts()
        cpu = [m for m in facts["modes"] if m["device"] == "cpu"]
        self.assertEqual([(m["model"], m["quantize"]) for m in cpu],
                         [(shape, kind) for shape in SHAPES for kind in TYPES])
        whole = cpu[0]
        self.assertEqual(whole["weights_bytes"], 17534247392)  # the published checkpoint
        for mode in cpu:
            self.assertEqual(mode["needed_bytes"], mode["weights_bytes"] + mode["kv_bytes"]
                             + mode["work_bytes"])
            fits = mode["needed_bytes"] * 1.1 <= facts["memory"]["available"]
            self.assertEqual(mode["verdict"] == "fits", fits, mode)
            if mode["needed_bytes"] > facts["memory"]["total"]:
                self.assertEqual(mode["verdict"], "too_big")
                self.assertIsNone(mode["command"])
            else:
                self.assertTrue(mode["command"].startswith("qvl serve --model models/Qwen3-VL-"))
                self.assertEqual("--quantize" in mode["command"], mode["quantize"] != "bf16")
            self.assertIsNone(mode["predicted_prefill"])
            self.assertIsNone(mode["predicted_decode"])

    def test_cards(self):
        self.program("nvidia-smi", "echo 'NVIDIA GeForce RTX 4080, 16376, 15900'; "
                                   "echo 'NVIDIA GB10, [N/A], [N/A]'")
        facts = self.facts("--model", "8b")
        self.assertEqual(facts["gpus"], [
            {"name": "NVIDIA GeForce RTX 4080", "total": 16376 * MIB, "free": 15900 * MIB},
            {"name": "NVIDIA GB10", "total": None, "free": None}])
        modes = {m["quantize"]: m for m in facts["modes"] if m["device"] == "gpu:0"}
        self.assertEqual(list(modes), TYPES)
        self.assertEqual(modes["bf16"]["verdict"], "too_big")
        self.assertEqual(modes["q8_0"]["verdict"], "fits")
        for mode in modes.values():
            self.assertFalse(mode["supported"])
            self.assertIsNone(mode["command"])
        self.assertFalse([m for m in facts["modes"] if m["device"] == "gpu:1"])
        text = self.env("--model", "8b").stdout
        self.assertIn("0: NVIDIA GeForce RTX 4080, 16.0 GiB, 15.5 GiB free", text)
        self.assertIn("computes on the processor", text)

    def test_cards_that_are_not_there(self):
        for script, result, words in (
                ("echo 'NVIDIA-SMI has failed because it could not reach the driver'; exit 9",
                 "failed", "could not reach the driver"),
                ("sleep 100", "timed_out", "does not answer"),
                ("printf '\\377\\376 \\033[2J'", "failed", "nvidia-smi says")):
            with self.subTest(script=script):
                self.program("nvidia-smi", script)
                facts = self.facts("--model", "2b")
                self.assertEqual(facts["gpus"], [])
                self.assertEqual(facts["nvidia_smi"]["result"], result)
                text = self.env("--model", "2b").stdout
                self.assertIn(words, text)
                self.assertNotIn("\033", text)

    def test_tools(self):
        self.program("python3", "echo python3 3.9.1; echo openai 1.30.0")
        self.program("curl", "echo 'curl 8.5.0 (x86_64)'")
        self.program("http", "exit 1")
        facts = self.facts("--model", "2b")
        self.assertEqual(facts["tools"], {"python3": "3.9.1", "requests": None, "openai": "1.30.0",
                                          "curl": "8.5.0", "httpie": None})
        self.assertIn("requests missing, openai 1.30.0", self.env("--model", "2b").stdout)

    def test_a_context(self):
        mode = self.facts("--model", "qwen3-vl-2b", "--context", "32768")["modes"][4]
        self.assertEqual(mode["kv_bytes"], 32768 * 114688)
        self.assertEqual(mode["context"], 32768)
        self.assertIn("--context 32768 --model.kv-cache 3584MiB", mode["command"])

    def test_the_command_starts_a_service(self):
        """What it recommends for a checkpoint is a command that `qvl serve` understands."""
        facts = self.facts("--model", str(DEMO))
        for mode in facts["modes"]:
            words = mode["command"].split()
            self.assertEqual(words[:4], ["qvl", "serve", "--model", str(DEMO)])
            done = run_qvl(*words[1:], "--frobnicate", env=quiet_environment())
            self.assertIn("frobnicate", done.stderr)  # and nothing before that is wrong

    def test_measuring_a_checkpoint(self):
        done = self.env("--measure", "--model", str(DEMO), "--json")
        facts = json.loads(done.stdout)
        self.assertEqual(facts["measured"]["model"], "demo")
        self.assertGreater(facts["measured"]["read_bytes_per_s"], 0)
        for mode in facts["modes"]:
            for name in ("predicted_prefill", "predicted_decode", "predicted_image_ms"):
                self.assertGreater(mode[name], 0)
        self.assertTrue(facts["best"]["command"].startswith("qvl serve --model "))

    def test_text_in_both_languages(self):
        english, chinese = self.env(), self.env("--lang", "zh")
        for word in ("system", "usable", "available", "qwen3-vl-8b", "needed", "32 GB",
                     "best here", "qvl serve --model", "--measure"):
            self.assertIn(word, english.stdout)
        for word in ("系统", "可用", "权重", "合计", "32 GB", "推荐", "qvl serve --model"):
            self.assertIn(word, chinese.stdout)
        for text in (english.stdout, chinese.stdout):
            self.assertNotIn("\033", text)
            self.assertFalse([line for line in text.splitlines() if line != line.rstrip()])
        self.assertIn("\033[", self.env("--color", "always").stdout)

    def test_wrong_use(self):
        for arguments, word in ((("--model", "9b"), "9b"), (("--context", "-1"), "--context"),
                                (("--frobnicate",), "--frobnicate"), (("x",), "Usage"),
                                (("--mesure",), "--measure"), (("--model", "/nowhere"), "/nowhere"),
                                (("--model", "tests"), "tests")):
            with self.subTest(arguments=arguments):
                done = self.env(*arguments, code=2)
                self.assertEqual(done.stdout, "")
                self.assertTrue(done.stderr.startswith("qvl: "), done.stderr)
                self.assertIn(word, done.stderr)

    def test_help(self):
        for words in (("help", "env"), ("env", "--help")):
            done = run_qvl(*words)
            self.assertEqual(done.returncode, 0)
            for word in ("--measure", "--model", "--context", "--json"):
                self.assertIn(word, done.stdout)
        self.assertIn("  env ", run_qvl("help").stdout)


if __name__ == "__main__":
    unittest.main()
