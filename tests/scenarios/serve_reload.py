#!/usr/bin/env python3
"""HUP and USR1: another configuration, and logs opened anew, while requests run."""
import json
import os
import pathlib
import signal
import tempfile
import threading
import time

from harness import (DEADLINE_S, SCALE, Scenario, Server, chat_body, endless, main, request_bytes,
                     wait_until)


class Reloading(Scenario):
    """A server with a configuration file of its own."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "qvl.yaml"
        self.addCleanup(self.folder.cleanup)

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def tearDown(self):
        pass

    def write(self, text):
        self.path.write_text(text, encoding="utf-8")

    def serve(self, *flags, **options):
        return Server("--config", self.path, *flags, **options)

    @staticmethod
    def messages(server):
        return [json.loads(line) for line in list(server.err) if '"message"' in line]

    def reload(self, server, wanted="The configuration was read anew"):
        """HUP; the messages that it brought."""
        before = len(self.messages(server))
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any(wanted in m["message"] for m in self.messages(server)[before:]),
                   what=wanted)
        server.request("GET", "/health")
        return [m["message"] for m in self.messages(server)[before:]]

    def test_new_limits_hold_for_the_next_request(self):
        self.write("server: {max_body: 1MiB}\n")
        with self.serve() as server:
            body = chat_body("x" * 5000, max_tokens=1)
            self.assertEqual(server.chat(body).status, 200)
            with server.connect() as kept:
                self.assertEqual(kept.request("GET", "/health").status, 200)
                self.write("server: {max_body: 4KiB}\n")
                told = self.reload(server)
                self.assertIn("The configuration was read anew: version 2.", told)
                self.assertIn("Changed: server.max_body.", told)
                reply = kept.request("POST", "/v1/chat/completions", body)
                self.check_error(reply, 413, "body_too_large")
            self.write("server: {max_body: 1MiB}\n")
            self.reload(server)
            self.assertEqual(server.chat(body).status, 200)

    def test_a_running_request_keeps_its_settings(self):
        self.write("server: {request_timeout: 10m}\n")
        with self.serve() as server:
            with server.connect() as stream:
                body = json.dumps(endless(1500, stream=True)).encode()
                stream.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: "
                            b"%d\r\n\r\n" % len(body) + body)
                stream.read_head()
                stream.read_chunk()
                self.write("server: {request_timeout: 10ms}\n")
                self.reload(server)
                self.assertEqual(server.chat(endless()).status, 504)
                last = b""
                while chunk := stream.read_chunk():
                    last = chunk
                self.assertEqual(last, b"data: [DONE]\n\n")

    def test_a_mistake_changes_nothing_and_is_named(self):
        self.write("server: {max_body: 1MiB}\n")
        with self.serve() as server:
            for text, named in (("server: {max_bodi: 4KiB}\n", "max_body"),
                                ("server: {max_body: 4 elephants}\n", "max_body"),
                                ("server: [\n", "qvl.yaml:"),
                                ("log: {access: /no/such/folder/log}\n", "/no/such/folder/log")):
                self.write(text)
                told = self.reload(server, "stays as it was")
                self.assertEqual(len(told), 1, told)
                self.assertIn(named, told[0])
                self.assertEqual(server.chat(chat_body("x" * 5000, max_tokens=1)).status, 200)
            self.path.unlink()
            self.reload(server, "stays as it was")
            self.assertEqual(self.messages(server)[-1]["level"], "error")

    def test_a_mistake_lets_no_proxy_in(self):
        self.write("access: {proxy_protocol: true, trusted_proxies: [192.0.2.1]}\n")
        with self.serve() as server:
            def speak_as_proxy():
                with server.connect() as connection:
                    connection.send(b"PROXY TCP4 203.0.113.9 192.0.2.1 5555 80\r\n"
                                    b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                    return connection.read_head()[1]
            self.assertEqual(speak_as_proxy(), 400)
            self.write("access: {proxy_protocol: true, trusted_proxies: [127.0.0.1]}\n"
                       "log: {access: /no/such/folder/log}\n")
            self.reload(server, "stays as it was")
            self.assertEqual(speak_as_proxy(), 400)

    def test_what_needs_a_restart_is_named(self):
        self.write("model: {context: 1000}\n")
        with self.serve() as server:
            self.write("model: {context: 500, name: other}\nserver: {max_body: 2MiB}\n")
            told = self.reload(server)
            self.assertIn("Changed: server.max_body.", told)
            self.assertIn("Changed, but as before until a restart: model.context.", told)
            models = [m["id"] for m in server.request("GET", "/v1/models").json()["data"]]
            self.assertNotIn("other", models)
            self.write("model: {context: 1000}\nserver: {max_body: 2MiB}\n")
            self.assertEqual(len(self.reload(server)), 1)

    def test_logs_follow(self):
        first, second = (os.path.join(self.folder.name, name) for name in ("a.log", "b.log"))
        self.write(f"log: {{access: {first}}}\n")
        with self.serve() as server:
            server.request("GET", "/health?1")
            self.write(f"log: {{access: {second}, format: combined}}\n")
            self.reload(server)
            server.stop()
        self.assertEqual(json.loads(pathlib.Path(first).read_text())["path"], "/health")
        self.assertIn("GET /health HTTP/1.1", pathlib.Path(second).read_text())

    def test_renamed_logs_are_opened_anew(self):
        access, error = (os.path.join(self.folder.name, name) for name in ("a.log", "e.log"))
        self.write(f"log: {{access: {access}, error: {error}}}\n")
        with self.serve() as server:
            total = 0
            for turn in range(3):
                for _ in range(20):
                    self.assertEqual(server.request("GET", "/health").status, 200)
                    total += 1
                os.rename(access, f"{access}.{turn}")
                os.rename(error, f"{error}.{turn}")
                server.process.send_signal(signal.SIGUSR1)
                wait_until(lambda: os.path.exists(access) and os.path.exists(error))
            server.request("GET", "/health")
            server.stop()
        lines = sum(len(pathlib.Path(p).read_text().splitlines())
                    for p in [access] + [f"{access}.{turn}" for turn in range(3)])
        self.assertEqual(lines, total + 1)

    def test_a_storm_of_reloads_drops_nothing(self):
        self.write("server: {max_body: 1MiB}\n")
        with self.serve() as server:
            failed, stop = [], threading.Event()

            def ask():
                with server.connect() as connection:
                    while not stop.is_set():
                        reply = connection.request("POST", "/v1/chat/completions",
                                                   chat_body("你好", max_tokens=3))
                        if reply.status != 200:
                            failed.append(reply.body)
            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            files = len(os.listdir(f"/proc/{server.pid}/fd"))
            count = max(10, int(100 * SCALE))
            for i in range(count):
                self.write(f"server: {{max_body: {1 + i % 2}MiB}}\n")
                wanted = f"version {i + 2}."
                server.process.send_signal(signal.SIGHUP)
                wait_until(lambda: any(wanted in m["message"] for m in self.messages(server)),
                           what=wanted)
            self.assertLessEqual(len(os.listdir(f"/proc/{server.pid}/fd")), files + 2)
            stop.set()
            for thread in threads:
                thread.join(DEADLINE_S)
            self.assertEqual(failed, [])

    def test_while_the_model_is_loaded(self):
        """What is sized when the service starts is as the first configuration says."""
        self.write("model: {context: 1000}\n")
        server = self.serve(wait=False)
        with server:
            server.wait_line("^listening")
            self.write("model: {context: 500}\nserver: {max_body: 2MiB}\n")
            for _ in range(20):
                server.process.send_signal(signal.SIGHUP)
            server.wait_line("^ready .*context 1000$")
            server.wait_ready()
            self.reload(server)
            models = server.request("GET", "/v1/models").json()["data"]
            self.assertEqual({m["max_model_len"] for m in models}, {1000})

    def test_while_it_ends(self):
        self.write("server: {drain_timeout: 100ms}\n")
        for _ in range(max(1, int(3 * SCALE))):
            with self.serve() as server:
                streams = [server.connect() for _ in range(8)]
                for stream in streams:
                    stream.send(request_bytes("POST", "/v1/chat/completions",
                                              endless(stream=True, n=4)))
                    stream.read_head()
                server.terminate()
                while server.process.poll() is None:
                    server.process.send_signal(signal.SIGHUP)
                    time.sleep(0.001)
                self.assertEqual(server.process.returncode, 0, server.text())

    def test_without_a_file(self):
        with Server() as server:
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: any("version 2" in m["message"] for m in self.messages(server)))
            self.assertEqual(server.request("GET", "/health").status, 200)


if __name__ == "__main__":
    main()
