#!/usr/bin/env python3
"""Trouble around the service: killed while it loads, disks that are full, files that are missing or cut,
limits of the system, clocks that jump. One clear sentence each, in both languages, and nothing is lost.

tests/troubled_libc is loaded in front of the C library; TROUBLED_LIBC_LIBRARY names it."""
import contextlib
import json
import mmap
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from harness import (BINARY, DEMO, SANITIZED, Connection, Server, chat_body, endless, events_of, main,
                     quiet_environment, request_bytes, wait_until)

CHAT = "/v1/chat/completions"
LIBRARY = os.environ.get("TROUBLED_LIBC_LIBRARY", "")


class Trouble:
    """The file that tests/troubled_libc shares with its process."""

    def __init__(self, held=False):
        self.file = tempfile.NamedTemporaryFile()  # pylint: disable=consider-using-with
        self.file.write(bytes(16))
        self.file.flush()
        self.memory = mmap.mmap(self.file.fileno(), 16)
        self.hold(held)

    def environment(self):
        return quiet_environment(LD_PRELOAD=LIBRARY, TROUBLED_LIBC=self.file.name,
                                 ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=1")

    def shift(self, seconds):
        self.memory[0:8] = struct.pack("q", seconds)

    def hold(self, held):
        """While held, opening the weights takes its time."""
        self.memory[8:16] = struct.pack("q", held)


def begin(server, body, request_id="begun"):
    connection = server.connect()
    connection.send(request_bytes("POST", CHAT, body, {"X-Request-Id": request_id}))
    return connection


def begin_stream(server, body, request_id="begun"):
    connection = begin(server, body, request_id)
    assert connection.read_head()[1] == 200
    connection.text = b"".join(connection.read_chunk() for _ in range(3))
    return connection


def rest_of_stream(connection):
    chunk = b"x"
    while chunk:
        chunk = connection.read_chunk()
        connection.text += chunk
    return events_of(connection.text)


class Refusals(unittest.TestCase):
    """What stops it from starting: exit status 2, one sentence and at most one hint."""

    def refused(self, *flags, english, chinese, prepare=None, model=DEMO):
        for language, said in (("en", english), ("zh", chinese)):
            done = subprocess.run(
                [BINARY, "--lang", language, "serve", "--port", "0", "--model", str(model),
                 *map(str, flags)], env=quiet_environment(), capture_output=True, text=True, timeout=60,
                encoding="utf-8", stdin=subprocess.DEVNULL, preexec_fn=prepare, check=False)
            self.assertEqual(done.returncode, 2, done)
            lines = [line for line in done.stderr.splitlines() if not line.startswith(("loading", "加载"))]
            self.assertTrue(lines and lines[0].startswith("qvl: "), done)
            self.assertLessEqual(len(lines), 2, done)
            self.assertIn(said, done.stderr)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refused("--port", port, english=f"Another program already listens at 127.0.0.1:{port}.",
                         chinese=f"已有其他程序在监听 127.0.0.1:{port}。")

    def test_a_certificate_that_is_missing(self):
        self.refused("--server.tls.certificate", "/nonexistent/c.pem", "--server.tls.key",
                     "/nonexistent/k.pem", english="/nonexistent/c.pem", chinese="/nonexistent/c.pem")

    def test_a_model_that_is_missing(self):
        self.refused(model="/nonexistent/model", english="There is no checkpoint folder /nonexistent/model.",
                     chinese="/nonexistent/model")

    def test_weights_that_are_cut(self):
        for size in (0, 7, 100, 20_000, (DEMO / "model.safetensors").stat().st_size - 1):
            with self.subTest(size), tempfile.TemporaryDirectory() as directory:
                shutil.copytree(DEMO, directory, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("samples", "eval"))
                weights = pathlib.Path(directory) / "model.safetensors"
                os.truncate(weights, size)
                self.refused(model=directory, english=str(weights), chinese=str(weights))

    def test_files_of_the_model_that_are_missing(self):
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                shutil.copytree(DEMO, directory, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("samples", "eval", name))
                self.refused(model=directory, english=directory, chinese=directory)

    @unittest.skipIf(SANITIZED, "sanitizers need address space")
    def test_too_little_memory_for_the_model(self):
        """A sentence and no crash, wherever the address space ends."""
        started = 0
        for mebibytes in (4, 16, 24, 32, 48, *range(64, 160, 2), 200, 256, 320, 512, 768, 4096):
            limit = mebibytes << 20
            with self.subTest(mebibytes):
                process = subprocess.Popen(
                    [BINARY, "serve", "--port", "0", "--model", str(DEMO)], env=quiet_environment(),
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                    preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS,
                                                                      (limit, limit)))
                for line in process.stdout:
                    if line.startswith("ready"):
                        process.terminate()
                        started += 1
                error = process.communicate(timeout=60)[1]
                self.assertIn(process.returncode, (0, 2, 127), error)  # 127: of the dynamic linker
                if process.returncode == 2:
                    lines = [x for x in error.splitlines() if not x.startswith("loading")]
                    self.assertRegex(lines[0], "^qvl: .*memory")
                    self.assertLessEqual(len(lines), 2, error)
        self.assertGreaterEqual(started, 1)


class Killed(unittest.TestCase):
    def test_again_at_once(self):
        """SIGKILL while it loads, while it answers, and the next one listens at the same places."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "s")
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            listen = ("--listen", f"127.0.0.1:{port},unix:{path}")
            for held in (True, True, False):
                trouble = Trouble(held)
                server = Server(listen=listen, env=trouble.environment(), wait=not held)
                server.wait_line("^listening")
                if not held:
                    stream = begin_stream(server, endless(stream=True))
                server.process.kill()
                server.wait_end()
                if not held:
                    stream.close()
            with Server(listen=listen) as server:
                self.assertEqual(server.port, port)
                self.assertEqual(server.chat("hello", max_tokens=1).status, 200)
                with Connection(path, None) as connection:
                    self.assertEqual(connection.request("GET", "/health").status, 200)

    def test_terminated_while_loading(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            trouble = Trouble(held=True)
            with Server(env=trouble.environment(), wait=False) as server:
                server.wait_line("^listening")
                server.process.send_signal(number)
                threading.Timer(0.3, trouble.hold, (False,)).start()
                self.assertEqual(server.wait_end(), 0, server.text())
                server.check_clean()

    def test_while_loading_it_says_so(self):
        trouble = Trouble(held=True)
        with Server(env=trouble.environment(), wait=False) as server:
            address = server.wait_line(r"^listening +http://(.*):(\d+)$")
            server.host, server.port = address[1], int(address[2])
            self.assertEqual(server.request("GET", "/health").status, 200)
            self.assertEqual(server.request("GET", "/health/ready").json()["state"], "loading")
            for language, said in (("en", "still being loaded"), ("zh", "仍在加载")):
                reply = server.chat("hello", headers={"Accept-Language": language})
                self.assertEqual((reply.status, reply.code()), (503, "model_loading"))
                self.assertIn(said, reply.error()["message"])
                self.assertGreater(int(reply.header("retry-after")), 0)
                self.assertEqual(reply.header("x-should-retry"), "true")
            trouble.hold(False)
            server.wait_ready()
            self.assertEqual(server.chat("hello", max_tokens=1).status, 200)


class Logs(unittest.TestCase):
    def check_answers(self, server, count=20):
        for _ in range(count):
            self.assertEqual(server.chat("hello", max_tokens=2).status, 200)

    def test_a_full_disk(self):
        """Answers go on; that lines are lost is said once, not for each."""
        with Server("--log.access", "/dev/full") as server:
            self.check_answers(server)
            wait_until(lambda: "/dev/full" in "\n".join(server.err), what="a complaint")
            server.stop()
            complaints = [line for line in server.err if "/dev/full" in line]
            self.assertLessEqual(len(complaints), 3, server.err)

    def test_a_full_disk_for_every_log(self):
        with Server("--log.access", "/dev/full", "--log.error", "/dev/full") as server:
            self.check_answers(server)

    def test_no_more_than_the_limit_of_a_file(self):
        """RLIMIT_FSIZE: SIGXFSZ does not end the service."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "access.log")
            with Server("--log.access", path, prepare=lambda: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (2000, 2000))) as server:
                self.check_answers(server, 40)
            self.assertLessEqual(os.path.getsize(path), 2000)

    def test_a_disk_that_is_full_for_a_while(self):
        if os.getuid() != 0:
            self.skipTest("only root mounts")
        with tempfile.TemporaryDirectory() as directory:
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory],
                              stderr=subprocess.DEVNULL, check=False).returncode != 0:
                self.skipTest("nothing can be mounted here")
            try:
                self.fill_and_free(directory)
            finally:
                subprocess.run(["umount", "-l", directory], check=True)

    def fill_and_free(self, directory):
        path, ballast = os.path.join(directory, "access.log"), os.path.join(directory, "ballast")
        with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1000)):
                pass
        with Server("--log.access", path) as server:
            self.check_answers(server)
            os.remove(ballast)
            server.chat("hello", max_tokens=1, headers={"X-Request-Id": "after"})
            wait_until(lambda: "after" in self.read(path), what="a line when there is room again")
            server.stop()
        for line in self.read(path).splitlines():
            json.loads(line)

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_a_folder_that_is_removed(self):
        with tempfile.TemporaryDirectory() as outer:
            folder = os.path.join(outer, "logs")
            path = os.path.join(folder, "access.log")
            os.mkdir(folder)
            with Server("--log.access", path) as server:
                self.check_answers(server, 2)
                shutil.rmtree(folder)
                self.check_answers(server, 2)
                server.process.send_signal(signal.SIGUSR1)
                wait_until(lambda: path in "\n".join(server.err), what="a complaint")
                self.check_answers(server, 2)
                os.mkdir(folder)
                server.process.send_signal(signal.SIGUSR1)
                wait_until(lambda: os.path.exists(path), what="a new log")
                server.chat("hello", max_tokens=1, headers={"X-Request-Id": "anew"})
                wait_until(lambda: "anew" in self.read(path), what="a line in it")


class Limits(unittest.TestCase):
    def test_few_open_files(self):
        """30 files and 100 clients: who gets in is answered, the others wait and come later."""
        with Server(prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))) as server:
            clients = [server.connect() for _ in range(100)]
            begin_cpu = self.cpu_s(server)
            time.sleep(1)
            self.assertLess(self.cpu_s(server) - begin_cpu, 0.5)  # it does not spin
            answered = 0
            for connection in clients:
                connection.send(request_bytes("GET", "/health"))
                self.assertIn(connection.read_reply().status, (200, 503))
                connection.close()
                answered += 1
            self.assertEqual(answered, 100)
            wait_until(lambda: server.chat("hello", max_tokens=1).status == 200, what="an answer")

    @staticmethod
    def cpu_s(server):
        fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


class Descriptors(unittest.TestCase):
    def test_nobody_reads_stdout_and_stderr(self):
        read, write = os.pipe()
        process = subprocess.Popen([BINARY, "serve", "--port", str(self.free_port()), "--model",
                                    str(DEMO)], stdin=subprocess.DEVNULL, stdout=write, stderr=write,
                                   env=quiet_environment())
        os.close(write)
        os.close(read)
        try:
            def answers():
                with contextlib.suppress(OSError), Connection("127.0.0.1", self.port) as connection:
                    return connection.request("GET", "/health/ready").status == 200
                return False
            wait_until(answers, what="the service is ready")
            with Connection("127.0.0.1", self.port) as connection:
                self.assertEqual(connection.request("POST", CHAT, chat_body("hello", max_tokens=1,
                                                    model="qwen-vl-8b")).status, 200)
            process.terminate()
            self.assertEqual(process.wait(60), 0)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def free_port(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        return self.port

    def test_closed_at_the_start(self):
        """Files that are opened later must not become stdin, stdout or stderr."""
        for closed in ((0,), (0, 1), (0, 1, 2)):
            with self.subTest(closed), tempfile.TemporaryDirectory() as directory:
                log = os.path.join(directory, "log")
                port = self.free_port()

                def prepare(closed=closed):
                    for descriptor in closed:
                        os.close(descriptor)
                server = Server("--log.access", log, "--log.error", log, listen=("--port", str(port)),
                                prepare=prepare, wait=False)
                server.host, server.port = "127.0.0.1", port

                def answers(server=server):
                    with contextlib.suppress(OSError):
                        return server.request("GET", "/health/ready").status == 200
                    return False
                wait_until(answers, what="the service is ready")
                self.assertEqual(server.chat("hello", max_tokens=1).status, 200)
                for descriptor in closed:
                    link = f"/proc/{server.pid}/fd/{descriptor}"
                    self.assertEqual(os.readlink(link), "/dev/null", closed)
                server.terminate()
                self.assertEqual(server.wait_end(), 0)
                with open(log, encoding="utf-8") as file:
                    for line in file:
                        json.loads(line)


class Places(unittest.TestCase):
    def test_a_folder_where_nothing_can_be_written(self):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o555)

            def prepare():
                os.chdir(directory)
                if os.getuid() == 0:
                    os.setgid(65534)
                    os.setuid(65534)
            readable = all(os.stat(p).st_mode & 0o005 == 0o005
                           for p in pathlib.Path(BINARY).resolve().parents)
            if os.getuid() == 0 and not readable:
                self.skipTest("the program is where only root can read")
            with Server(prepare=prepare) as server:
                self.assertEqual(server.chat("hello", max_tokens=1).status, 200)
                self.assertEqual(os.listdir(directory), [])

    def test_no_folder_for_temporary_files(self):
        with Server(env=quiet_environment(TMPDIR="/nonexistent")) as server:
            self.assertEqual(server.chat("hello", max_tokens=1).status, 200)

    def test_no_tmp(self):
        hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro,size=4k tmpfs /tmp && exec "$@"', "sh"]
        if str(pathlib.Path(BINARY).resolve()).startswith("/tmp/") or subprocess.run(
                [*hide, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("/tmp cannot be hidden here")
        done = subprocess.run([*hide, BINARY, "model", "check", str(DEMO)], capture_output=True,
                              text=True, env=quiet_environment(), timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done)


class Clock(unittest.TestCase):
    """The wall clock jumps by hours, both ways: nothing but dates may depend on it."""

    JUMPS_S = (5 * 3600, -7 * 3600, 400 * 86400, -30 * 365 * 86400, 0)

    def test_streams_go_on(self):
        trouble = Trouble()
        with Server("--server.idle-timeout", "60s", env=trouble.environment()) as server:
            streams = [begin_stream(server, endless(1500, stream=True), f"s{i}") for i in range(3)]
            idle = server.connect()
            idle.request("GET", "/health")
            for jump in self.JUMPS_S:
                trouble.shift(jump)
                self.assertEqual(server.chat("hello", max_tokens=2).status, 200)
                self.assertEqual(idle.request("GET", "/health").status, 200)
            for i, stream in enumerate(streams):
                self.assertEqual(rest_of_stream(stream)[-1], "[DONE]")
                line = server.access(f"s{i}")
                self.assertTrue(0 < line["ttft_ms"] <= line["ms"] < 120_000, line)

    def test_dates_follow(self):
        trouble = Trouble()
        with Server(env=trouble.environment()) as server:
            for jump in (0, 400 * 86400):
                trouble.shift(jump)
                year = time.gmtime(time.time() + jump).tm_year
                time.sleep(1.1)
                reply = server.chat("hello", max_tokens=1)
                self.assertIn(f" {year} ", reply.header("date"))
                self.assertAlmostEqual(reply.json()["created"], time.time() + jump, delta=30)
                self.assertTrue(server.access(reply.header("x-request-id"))["time"]
                                .startswith(str(year)))

    def test_deadlines_stay(self):
        trouble = Trouble()
        with Server("--server.request-timeout", "1s", "--model.max-sequences", "1",
                    env=trouble.environment()) as server:
            for jump in self.JUMPS_S:
                begun, connection = time.monotonic(), begin(server, endless(n=16))
                trouble.shift(jump)
                reply = connection.read_reply()
                self.assertEqual((reply.status, reply.code()), (504, "request_deadline"))
                self.assertTrue(0.9 <= time.monotonic() - begun < 60)

    def test_the_wait_that_is_named_stays(self):
        trouble = Trouble(held=True)
        with Server(env=trouble.environment(), wait=False) as server:
            address = server.wait_line(r"^listening +http://(.*):(\d+)$")
            server.host, server.port = address[1], int(address[2])
            for jump in self.JUMPS_S:
                trouble.shift(jump)
                self.assertLess(int(server.chat("x").header("retry-after")), 60)
            trouble.hold(False)
            server.wait_ready()

    def test_the_time_for_draining_stays(self):
        trouble = Trouble()
        with Server("--server.drain-timeout", "1s", "--model.max-sequences", "1",
                    env=trouble.environment()) as server:
            stream = begin_stream(server, endless(n=16, stream=True))
            begun = time.monotonic()
            server.terminate()
            server.wait_line("^stopping")
            trouble.shift(-7 * 3600)
            self.assertEqual(rest_of_stream(stream)[-1]["error"]["code"], "draining")
            self.assertGreaterEqual(time.monotonic() - begun, 0.9)
            self.assertEqual(server.wait_end(), 0)


if __name__ == "__main__":
    main()
