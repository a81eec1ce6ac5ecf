#!/usr/bin/env python3
"""Starting: what is printed, where it listens, and what stops it from starting."""
import os
import re
import socket
import stat
import tempfile
import time
import unittest

from harness import DEMO, MODEL, Connection, Server, chat_body, main, quiet_environment, run_qvl

GGUF = DEMO.parent.parent / "tests/golden/models/tiny-c/gguf"


class Start(unittest.TestCase):
    def refused(self, *flags, env=None):
        """Does not start: one sentence and at most one hint on stderr, exit status 2."""
        done = run_qvl("serve", *flags, env=env)
        self.assertEqual(done.returncode, 2, done)
        lines = done.stderr.splitlines()
        self.assertTrue(lines and lines[0].startswith("qvl: "), done)
        self.assertLessEqual(len(lines), 2, done)
        return done

    def test_output(self):
        with Server() as server:
            text = "\n".join(server.out)
            self.assertRegex(server.out[0], r"^listening  http://127\.0\.0\.1:\d+$")
            ready = server.out[-1]
            for pattern in (r"^ready  http://127\.0\.0\.1:\d+ ", r"  model " + MODEL + " ",
                            r"  kernels \w+", r"  threads \d+", r"  context \d+"):
                self.assertRegex(ready, pattern)
            self.assertNotIn(":0 ", ready)
            for route in ("GET   /health ", "GET   /health/ready ", "GET   /v1/models ",
                          "GET   /v1/models/{id} ", "POST  /v1/chat/completions ",
                          "POST  /v1/completions ", "POST  /tokenize ", "POST  /detokenize "):
                self.assertIn(route, text)
            self.assertRegex(text, r"/health +open\n")
            self.assertRegex(text, r"/v1/chat/completions +open: no keys are configured\n")
            server.stop()
            self.assertEqual(server.out[-1], "stopping")
            self.assertEqual(server.complaints(), [])

    def test_quiet_lists_no_routes(self):
        with Server(command=("-q",)) as server:
            self.assertNotIn("/v1/models", "\n".join(server.out))

    def test_chinese(self):
        for options in ({"command": ("--lang", "zh")},
                        {"env": quiet_environment(QVL_LANG="zh")},
                        {"env": quiet_environment(LC_ALL="zh_CN.UTF-8")}):
            with Server(**options) as server:
                self.assertRegex(server.out[0], r"^监听  http://127\.0\.0\.1:\d+$")
                self.assertIn("公开：未配置密钥", "\n".join(server.out))
                server.stop()
                self.assertEqual(server.out[-1], "正在停止")

    def test_language_of_messages_is_the_clients(self):
        with Server(command=("--lang", "zh")) as server:
            self.assertTrue(server.request("GET", "/nowhere").error()["message"].isascii())

    def test_gguf(self):
        with Server("--mmproj", GGUF / "mmproj-F16.gguf", "--model", GGUF / "tiny-c-Q8_0.gguf",
                    model=None) as server:
            self.assertIn("  model tiny-c-Q8_0 ", server.out[-1])
            answer = server.chat("hi", model="tiny-c-Q8_0", max_tokens=4)
            self.assertEqual(answer.json()["usage"]["completion_tokens"], 4)

    def test_gguf_without_vision_part(self):
        with Server("--model", GGUF / "tiny-c-Q8_0.gguf", model=None, wait=False) as server:
            server.process.wait(20)
            self.assertNotEqual(server.process.returncode, 0)
            self.assertIn("there are 2 files mmproj*.gguf", "\n".join(server.err))
            self.assertIn("--mmproj", "\n".join(server.err))

    def test_port_in_use(self):
        with Server() as server:
            done = self.refused("--port", str(server.port), "--model", str(DEMO))
            self.assertEqual(done.stdout, "")
            self.assertIn(f"Another program already listens at 127.0.0.1:{server.port}.",
                          done.stderr)
            self.assertIn("--port", done.stderr)

    def test_port_in_use_chinese(self):
        with Server() as server:
            done = self.refused("--lang", "zh", "--port", str(server.port), "--model", str(DEMO))
            self.assertIn(f"已有其他程序在监听 127.0.0.1:{server.port}。", done.stderr)

    def test_wrong_flags(self):
        for flag, near in (("--prot", "--port"), ("--modle", "--model"),
                           ("--server.max-bdoy", "--server.max-body"), ("--thread", "--threads")):
            with self.subTest(flag):
                self.assertIn(near, self.refused(flag, "1").stderr)
        self.assertIn("There is no option --xyzzy-plugh", self.refused("--xyzzy-plugh").stderr)

    def test_wrong_values(self):
        for flags in (("--port", "65536"), ("--port", "x"), ("--port",), ("--port", "-1"),
                      ("--threads", "0"), ("--server.max-body", "many"), ("--context", "1"),
                      ("--listen", "localhost"), ("--listen", "unix:relative"),
                      ("--listen", "[::1:80"), ("--log.format", "xml"), ("extra",)):
            with self.subTest(flags):
                self.refused(*flags)

    def test_bad_model_paths(self):
        with tempfile.TemporaryDirectory() as directory:
            for path in ("/nonexistent/model", directory, "/dev/null", str(DEMO / "config.json")):
                with self.subTest(path):
                    done = run_qvl("serve", "--port", "0", "--model", path)
                    self.assertEqual(done.returncode, 2, done)
                    self.assertIn(path, done.stderr)
                    self.assertLessEqual(len(done.stderr.splitlines()), 2, done)

    def test_unknown_settings_in_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("server:\n  max_boby: 1MiB\n")
            file.flush()
            done = self.refused("--config", file.name)
            self.assertIn(file.name + ":2", done.stderr)
            self.assertIn("max_body", done.stderr)

    def test_configuration_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("server: {max_body: 1KiB}\nmodel: {aliases: [other]}\n")
            file.flush()
            with Server("--config", file.name) as server:
                reply = server.chat(chat_body("x" * 2000))
                self.assertEqual(reply.status, 413)
                self.assertEqual(server.chat(chat_body("hi", model="other")).status, 200)

    def test_ipv6(self):
        if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("no IPv6")
        with Server(listen=("--listen", "[::1]:0")) as server:
            self.assertRegex(server.url, r"^http://\[::1\]:\d+$")
            self.assertEqual(server.request("GET", "/health").status, 200)
            request = server.request("GET", "/nowhere").header("x-request-id")
            self.assertEqual(server.access(request)["client"], "::1")

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "qvl.sock")
            with Server(listen=("--listen", "unix:" + path)) as server:
                self.assertEqual(server.addresses, ["unix:" + path])
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700)
                with Connection(path, None) as connection:
                    reply = connection.request("POST", "/v1/chat/completions",
                                               chat_body("你好", max_tokens=2))
                    self.assertEqual(reply.status, 200)
                self.assertEqual(server.access(reply.header("x-request-id"))["client"], "unix")
                self.refused("--listen", "unix:" + path, "--model", str(DEMO))
                server.stop()
            self.assertFalse(os.path.exists(path))

    def test_unix_socket_left_over(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "qvl.sock")
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path)
            with Server(listen=("--listen", "unix:" + path)):
                with Connection(path, None) as connection:
                    self.assertEqual(connection.request("GET", "/health").status, 200)

    def test_unix_socket_while_loading(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "qvl.sock")
            for delay in (0, 0.02):
                with Server(listen=("--listen", "unix:" + path), wait=False) as server:
                    server.wait_line("^listening")
                    time.sleep(delay)
                    server.stop()
                self.assertFalse(os.path.exists(path))

    def test_a_file_in_the_sockets_place_stays(self):
        with tempfile.NamedTemporaryFile() as file:
            self.refused("--listen", "unix:" + file.name, "--model", str(DEMO))
            self.assertTrue(os.path.exists(file.name))

    def test_several_listeners(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "s")
            listen = f"127.0.0.1:0,localhost:0,unix:{path}"
            with Server(listen=("--listen", listen)) as server:
                self.assertEqual(len(server.addresses), 3)
                for address in server.addresses:
                    match = re.match(r"http://\[?(.*?)\]?:(\d+)$", address)
                    place = (match[1], int(match[2])) if match else (path, None)
                    with Connection(*place) as connection:
                        self.assertEqual(connection.request("GET", "/health").status, 200)

    def test_one_of_several_listeners_is_taken(self):
        with Server() as server:
            self.refused("--listen", f"127.0.0.1:0,127.0.0.1:{server.port}", "--model", str(DEMO))

    def test_open_to_the_world_only_in_so_many_words(self):
        done = self.refused("--host", "0.0.0.0", "--port", "0", "--model", str(DEMO))
        self.assertIn("access.require_key", done.stderr)
        with Server("--access.require-key", "false", listen=("--listen", "0.0.0.0:0")) as server:
            self.assertRegex(server.url, r"^http://0\.0\.0\.0:\d+$")
            self.assertEqual(server.request("GET", "/health").status, 200)

    def test_ready_when_it_says_so(self):
        with Server() as server:
            reply = server.request("GET", "/health/ready")
            self.assertEqual((reply.status, reply.json()["state"]), (200, "ready"))

    def test_log_files(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "access.log")
            with Server("--log.access", path, "--log.format", "combined") as server:
                server.request("GET", "/health", headers={"User-Agent": 'a"b'})
                server.stop()
                self.assertEqual(server.complaints(), [])
            with open(path, encoding="ascii") as log:
                lines = log.read().splitlines()
            self.assertEqual(len(lines), 1)
            self.assertRegex(lines[0], r'^127\.0\.0\.1 - - \[[^]]+\] "GET /health HTTP/1\.1" 200 '
                                       r'\d+ "-" "a\\x22b"$')
        self.refused("--log.access", "/nonexistent/x.log", "--model", str(DEMO))


if __name__ == "__main__":
    main()
