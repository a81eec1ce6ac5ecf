"""qvl complete, and the completions of the shells that ask it."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import quiet_environment, run_qvl

COMPLETIONS = Path(os.environ["QVL_SOURCE_ROOT"]) / "etc/completions"
COMMANDS = ["serve", "chat", "config", "model", "bench", "env"]
TYPES = ["q8_0", "q4_0", "q4_k", "q6_k"]


def lines(*words, **variables):
    done = run_qvl("complete", *words, env=quiet_environment(**variables))
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


def offered(*words):
    return [line[0] for line in lines(*words)]


class Program(unittest.TestCase):
    def test_commands(self):
        self.assertEqual(offered(""), COMMANDS + ["help"])
        self.assertEqual(offered("se"), ["serve"])
        self.assertEqual(offered("--lang", "zh", "-q", "se"), ["serve"])
        self.assertEqual(offered("help", "c"), ["chat", "config"])
        self.assertEqual(offered("help", "serve", ""), [])
        self.assertEqual(offered("nothing", "-"), offered("-"))
        self.assertEqual(offered(), [])

    def test_every_option_of_every_help(self):
        for command in COMMANDS:
            listed = run_qvl(command, "--help", env=quiet_environment()).stdout
            options = re.findall(r"^ +(?:-\w, )?(--[\w.-]+)", listed, re.MULTILINE)
            self.assertGreater(len(options), 5, command)
            missing = set(options) - set(offered(command, "--"))
            self.assertFalse(missing, command)

    def test_every_action_is_one(self):
        for command in COMMANDS:
            for action in offered(command, ""):
                done = run_qvl(command, action, "--no-such-option", env=quiet_environment())
                self.assertRegex(done.stderr, "There is no option --no-such-option", action)

    def test_actions_and_paths(self):
        self.assertEqual(offered("model", ""), ["check", "info", "quantize"])
        self.assertEqual(offered("model", "check", ""), [":files"])
        self.assertEqual(offered("config", "--json", "s"), ["show"])
        self.assertEqual(offered("config", "show", ""), [])

    def test_settings(self):
        self.assertEqual(offered("serve", "--server.max-bo"), ["--server.max-body"])
        self.assertEqual(offered("config", "check", "--po"), ["--port"])
        self.assertIn("--model", offered("serve", "--mo"))
        self.assertIn("--no-metrics.enabled", offered("serve", "--no-"))
        self.assertNotIn("--no-metrics.enabled", offered("serve", "--"))
        self.assertEqual(offered("chat", "--server."), [])

    def test_values(self):
        self.assertEqual(offered("serve", "--log.format", ""), ["json", "combined"])
        self.assertEqual(offered("serve", "--log.format=c"), ["--log.format=combined"])
        self.assertEqual(offered("serve", "--log.format", "=", "c"), ["combined"])
        self.assertEqual(offered("serve", "--log.format", "="), ["json", "combined"])
        self.assertEqual(offered("--color", "a"), ["auto", "always"])
        self.assertEqual(offered("serve", "--lang", "zh", "--log.format", "j"), ["json"])
        self.assertTrue(set(TYPES) < set(offered("model", "quantize", "--type", "")))
        self.assertEqual(offered("chat", "-i", ""), [":files"])
        self.assertIn(":files", offered("serve", "--model", ""))
        self.assertEqual(offered("serve", "--port", ""), [])
        self.assertEqual(offered("serve", "--metrics.enabled", ""), [])

    def test_meanings_in_the_language(self):
        self.assertEqual(lines("se"), [("serve", "run the service")])
        self.assertEqual(lines("se", QVL_LANG="zh"), [("serve", "运行服务")])
        self.assertEqual(run_qvl("--lang", "zh", "complete", "se").stdout, "serve\t运行服务\n")


class Shells(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "qvl").symlink_to(os.environ["QVL_BINARY"])
        (self.folder / "a picture.png").touch()

    def ask(self, *command):
        path = f"{self.folder}:{os.environ['PATH']}"
        done = subprocess.run(command, cwd=self.folder, env=quiet_environment(PATH=path),
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def bash(self, *words):
        script = ('. "$0"; COMP_WORDS=(qvl "$@"); COMP_CWORD=$#; _qvl qvl "${!#}"; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        return self.ask("bash", "-c", script, str(COMPLETIONS / "qvl.bash"), *words)

    def test_bash(self):
        self.assertEqual(self.bash("se"), ["serve"])
        self.assertEqual(self.bash("serve", "--server.max-bo"), ["--server.max-body"])
        self.assertEqual(self.bash("serve", "--log.format", "="), ["json", "combined"])
        self.assertEqual(self.bash("serve", "--log.format", "=", "j"), ["json"])
        self.assertEqual(self.bash("chat", "-i", "a"), ["a picture.png"])
        self.assertEqual(self.ask("bash", "-c", '. "$0"; complete -p qvl',
                                  str(COMPLETIONS / "qvl.bash")), ["complete -F _qvl qvl"])

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        def fish(line):
            script = 'source $argv[1]; complete -C "$argv[2]"'
            return self.ask("fish", "--no-config", "-c", script, str(COMPLETIONS / "qvl.fish"), line)
        self.assertEqual(fish("qvl se"), ["serve\trun the service"])
        self.assertEqual(fish("qvl serve --log.format "), ["combined", "json"])
        self.assertEqual(fish("qvl serve --log.format=j"), ["--log.format=json"])
        self.assertEqual(fish("qvl serve --model=a"), ["--model=a picture.png"])

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        def zsh(*words):
            script = ('compset() { :; }; _files() { print FILES; }; '
                      '_describe() { print -l -- ${(P)2}; }; '
                      'file=$1; shift; words=(qvl "$@"); CURRENT=$#words; . $file')
            return self.ask("zsh", "-f", "-c", script, "zsh", str(COMPLETIONS / "_qvl"), *words)
        self.assertEqual(zsh("se"), ["serve:run the service"])
        self.assertIn("bench:measure the engine", zsh(""))
        self.assertEqual(zsh("serve", "--log.format=j"), ["--log.format=json:"])
        self.assertEqual(zsh("chat", "-i", ""), ["FILES", ""])


if __name__ == "__main__":
    unittest.main()
