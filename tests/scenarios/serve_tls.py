#!/usr/bin/env python3
"""TLS: versions, names, client certificates, another certificate while streams run, rude clients."""
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from harness import (DEADLINE_S, IMAGES, SANITIZED, Server, chat_body, endless, image_part, main,
                     request_bytes, wait_until)


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL, timeout=DEADLINE_S)


class Authority:
    """A certificate authority for one test class, in a folder of its own."""

    def __init__(self, folder, name="ca"):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.path = self.folder / f"{name}.pem"
        self.key = self.folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.path, "-days", "30", "-subj", f"/CN={name}")

    def issue(self, name, names, days=30):
        """A certificate for these names; the paths of it and of its key."""
        key, request, path = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=" + ",".join(names) + "\n", encoding="ascii")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key, "-days",
                days, "-extfile", extensions, "-out", path)
        return path, key


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.ca = Authority(cls.folder)
        cls.certificate, cls.key = cls.ca.issue("first", ["DNS:localhost", "IP:127.0.0.1"])
        cls.flags = ("--server.tls.certificate", cls.certificate, "--server.tls.key", cls.key)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def serve(self, *flags, **options):
        return Server(*self.flags, *flags, **options)

    def context(self, ca=None):
        context = ssl.create_default_context(cafile=str((ca or self.ca).path))
        return context

    @staticmethod
    def port(server):
        return int(server.addresses[0].rsplit(":", 1)[1])

    def connect(self, server, context=None, name="localhost"):
        plain = socket.create_connection(("127.0.0.1", self.port(server)), DEADLINE_S)
        try:
            return (context or self.context()).wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def ask(self, server, method="GET", path="/health", body=None, context=None):
        connection = http.client.HTTPSConnection("localhost", self.port(server),
                                                 timeout=DEADLINE_S,
                                                 context=context or self.context())
        try:
            connection.request(method, path, body and json.dumps(body),
                               {"Content-Type": "application/json"} if body else {})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def test_answers_and_streams(self):
        with self.serve() as server:
            self.assertRegex(server.addresses[0], r"^https://127\.0\.0\.1:\d+$")
            self.assertEqual(self.ask(server)[0], 200)
            content = [image_part(IMAGES / "photo.jpg") if (IMAGES / "photo.jpg").exists()
                       else image_part(next(IMAGES.glob("*.png"))),
                       {"type": "text", "text": "what is this?"}]
            status, body = self.ask(server, "POST", "/v1/chat/completions",
                                    chat_body(content, max_tokens=4))
            self.assertEqual(status, 200, body)
            status, body = self.ask(server, "POST", "/v1/chat/completions",
                                    endless(300, stream=True))
            self.assertEqual(status, 200)
            self.assertTrue(body.endswith(b"data: [DONE]\n\n"))
            self.assertEqual(body.count(b"data: "), body.count(b"\n\n"))

    def test_versions(self):
        with self.serve() as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = self.context()
                context.minimum_version = context.maximum_version = version
                with self.connect(server, context) as connection:
                    self.assertEqual(connection.version(), version.name.replace("_", "."))
            done = subprocess.run(["openssl", "s_client", "-connect",
                                   f"127.0.0.1:{self.port(server)}", "-tls1_1", "-cipher",
                                   "ALL:@SECLEVEL=0"], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=DEADLINE_S, check=False)
            self.assertIn("alert protocol version", done.stderr)
            wait_until(lambda: any('"tls_failed"' in line for line in list(server.err)))
            self.assertEqual(self.ask(server)[0], 200)

    def test_only_http_1_1_is_agreed_on(self):
        with self.serve() as server:
            context = self.context()
            context.set_alpn_protocols(["h2", "http/1.1"])
            with self.connect(server, context) as connection:
                self.assertEqual(connection.selected_alpn_protocol(), "http/1.1")
            context.set_alpn_protocols(["h2"])
            with self.assertRaises(ssl.SSLError):
                self.connect(server, context)

    def test_names_choose_certificates(self):
        second, second_key = self.ca.issue("second", ["DNS:*.example.com", "DNS:example.org"])
        config = self.folder / "names.yaml"
        config.write_text(f"server:\n  tls:\n    certificate: {self.certificate}\n    key: "
                          f"{self.key}\n    others:\n    - {{certificate: {second}, key: "
                          f"{second_key}}}\n", encoding="utf-8")
        with Server("--config", config) as server:
            for name, common in (("localhost", "first"), ("api.example.com", "second"),
                                 ("example.org", "second")):
                with self.connect(server, name=name) as connection:
                    subject = dict(pair[0] for pair in connection.getpeercert()["subject"])
                    self.assertEqual(subject["commonName"], common)
            context = self.context()
            context.check_hostname = False
            with self.connect(server, context, name="unknown.test") as connection:
                subject = dict(pair[0] for pair in connection.getpeercert()["subject"])
                self.assertEqual(subject["commonName"], "first")

    def test_clients_need_certificates(self):
        certificate, key = self.ca.issue("client", ["DNS:client"])
        stranger = Authority(self.folder, "stranger")
        wrong, wrong_key = stranger.issue("wrong", ["DNS:client"])
        with self.serve("--server.tls.client-ca", self.ca.path) as server:
            context = self.context()
            context.load_cert_chain(certificate, key)
            self.assertEqual(self.ask(server, context=context)[0], 200)
            for pair in (None, (wrong, wrong_key)):
                context = self.context()
                if pair:
                    context.load_cert_chain(*pair)
                with self.assertRaises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                    self.ask(server, context=context)
            wait_until(lambda: sum('"tls_failed"' in line for line in list(server.err)) >= 2)

    def test_another_certificate_while_a_stream_runs(self):
        config = self.folder / "reload.yaml"
        pair = self.folder / "now.pem", self.folder / "now.key"

        def put(name):
            certificate, key = self.ca.issue(name, ["DNS:localhost"])
            certificate.rename(pair[0])
            key.rename(pair[1])

        def name_of(connection):
            return dict(p[0] for p in connection.getpeercert()["subject"])["commonName"]
        put("old")
        config.write_text(f"server: {{tls: {{certificate: {pair[0]}, key: {pair[1]}}}}}\n",
                          encoding="utf-8")
        with Server("--config", config) as server:
            with self.connect(server) as stream:
                self.assertEqual(name_of(stream), "old")
                stream.sendall(request_bytes("POST", "/v1/chat/completions",
                                             endless(1000, stream=True)))
                body = stream.recv(1000)
                put("new")
                server.process.send_signal(signal.SIGHUP)
                wait_until(lambda: any("version 2" in line for line in list(server.err)))
                with self.connect(server) as other:
                    self.assertEqual(name_of(other), "new")
                while not body.endswith(b"0\r\n\r\n"):
                    piece = stream.recv(65536)
                    self.assertTrue(piece, "the stream was cut")
                    body += piece
                self.assertIn(b"data: [DONE]", body)
            pair[1].write_text("nonsense", encoding="ascii")
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: any("stays as it was" in line for line in list(server.err)))
            with self.connect(server) as other:
                self.assertEqual(name_of(other), "new")

    def test_the_metrics_get_another_certificate_too(self):
        config = self.folder / "metrics.yaml"
        pair = self.folder / "metrics.pem", self.folder / "metrics.key"

        def put(name):
            certificate, key = self.ca.issue(name, ["DNS:localhost"])
            certificate.rename(pair[0])
            key.rename(pair[1])

        def name_at(port):
            plain = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
            with self.context().wrap_socket(plain, server_hostname="localhost") as connection:
                return dict(p[0] for p in connection.getpeercert()["subject"])["commonName"]
        put("old")
        config.write_text(f"server: {{tls: {{certificate: {pair[0]}, key: {pair[1]}}}}}\n"
                          "metrics: {listen: [127.0.0.1:0]}\n", encoding="utf-8")
        with Server("--config", config) as server:
            port = int(server.wait_line(r"^metrics .*:(\d+)/metrics$")[1])
            self.assertEqual(name_at(port), "old")
            put("new")
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: any("version 2" in line for line in list(server.err)))
            self.assertEqual(name_at(port), "new")

    def test_plain_http_is_told(self):
        with self.serve() as server:
            with socket.create_connection(("127.0.0.1", self.port(server)), DEADLINE_S) as plain:
                plain.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = b""
                while piece := plain.recv(65536):
                    answer += piece
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
            self.assertIn(b"https://", answer)

    def test_nonsense_and_silence(self):
        with self.serve("--server.header-timeout", "300ms") as server:
            with socket.create_connection(("127.0.0.1", self.port(server)), DEADLINE_S) as rude:
                rude.sendall(os.urandom(4096))
                rude.settimeout(DEADLINE_S)
                try:
                    while rude.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
            with socket.create_connection(("127.0.0.1", self.port(server)), DEADLINE_S) as silent:
                begin = time.monotonic()
                self.assertEqual(silent.recv(1), b"")
                self.assertLess(time.monotonic() - begin, DEADLINE_S / 2)
            with socket.create_connection(("127.0.0.1", self.port(server)), DEADLINE_S) as half:
                half.sendall(b"\x16\x03\x01\x02\x00\x01")
                self.assertEqual(half.recv(1), b"")
            self.assertEqual(self.ask(server)[0], 200)

    def test_pipelined_requests_and_every_cut(self):
        with self.serve() as server:
            with self.connect(server) as connection:
                count = 200
                connection.sendall(request_bytes("GET", "/health") * count)
                data = b""
                while data.count(b"HTTP/1.1 200 OK") < count:
                    data += connection.recv(65536)
            with self.connect(server) as connection:
                for byte in request_bytes("GET", "/health"):
                    connection.send(bytes([byte]))
                self.assertIn(b"200 OK", connection.recv(65536))

    def test_a_large_body_and_its_limit(self):
        with self.serve("--server.max-body", "8MiB") as server:
            status, _ = self.ask(server, "POST", "/v1/chat/completions",
                                 chat_body("x", max_tokens=1, user="y" * (6 << 20)))
            self.assertEqual(status, 200)
            status, body = self.ask(server, "POST", "/v1/chat/completions",
                                    chat_body("x", user="y" * (9 << 20)))
            self.assertEqual((status, json.loads(body)["error"]["code"]), (413, "body_too_large"))

    def test_a_client_that_leaves(self):
        with self.serve() as server:
            connection = self.connect(server)
            connection.sendall(request_bytes("POST", "/v1/chat/completions", endless(stream=True)))
            connection.recv(1000)
            connection.close()
            wait_until(lambda: any(line["status"] == 499 for line in server.access_lines()))

    def test_a_slow_reader_stalls_nobody(self):
        with self.serve() as server:
            slow = self.connect(server)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(request_bytes("GET", "/v1/models") * 20000 if not SANITIZED else
                         request_bytes("GET", "/v1/models") * 500)
            for _ in range(20):
                self.assertEqual(self.ask(server)[0], 200)
            slow.close()

    def test_many_at_once(self):
        with self.serve() as server:
            failed = []

            def ask():
                for _ in range(10):
                    try:
                        if self.ask(server)[0] != 200:
                            failed.append("status")
                    except OSError as error:
                        failed.append(error)
            threads = [threading.Thread(target=ask) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(DEADLINE_S)
            self.assertEqual(failed, [])

    def test_plain_and_secure_listeners(self):
        with self.serve(listen=("--listen", "127.0.0.1:0,http://127.0.0.1:0,https://[::1]:0")) \
                as server:
            self.assertEqual([a.split("://")[0] for a in server.addresses],
                             ["https", "http", "https"])
            plain = server.addresses[1].rsplit(":", 1)[1]
            connection = http.client.HTTPConnection("127.0.0.1", int(plain), timeout=DEADLINE_S)
            connection.request("GET", "/health")
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()

    def test_curl(self):
        with self.serve() as server:
            done = subprocess.run(["curl", "-sS", "--cacert", self.ca.path,
                                   f"https://localhost:{self.port(server)}/health"],
                                  capture_output=True, text=True, timeout=DEADLINE_S, check=False)
            self.assertEqual((done.returncode, json.loads(done.stdout or "{}").get("status")),
                             (0, "ok"), done.stderr)

    def test_certificates_that_cannot_be_used(self):
        other, _ = self.ca.issue("mismatch", ["DNS:localhost"])
        locked = self.folder / "locked.key"
        openssl("ec", "-in", self.key, "-aes256", "-passout", "pass:secret", "-out", locked)
        empty = self.folder / "empty.pem"
        empty.write_text("", encoding="ascii")
        for certificate, key, named in (
                ("/no/such.pem", self.key, "/no/such.pem"),
                (self.certificate, "/no/such.key", "/no/such.key"),
                (empty, self.key, "empty.pem"), (self.certificate, empty, "empty.pem"),
                (self.key, self.key, "first.key"), (other, self.key, "does not belong"),
                (self.certificate, locked, "password"), (self.certificate, "", "server.tls.key")):
            flags = ["--server.tls.certificate", str(certificate)]
            flags += ["--server.tls.key", str(key)] if key else []
            server = Server(*flags, wait=False)
            self.assertEqual(server.wait_end(), 2)
            text = "\n".join(server.err)
            self.assertIn(named, text)
            self.assertNotIn("secret", text)
            self.assertLessEqual(len(server.err), 3, text)

    def test_an_expired_certificate_is_told(self):
        certificate, key = self.ca.issue("expired", ["DNS:localhost"], days=-1)
        with Server("--server.tls.certificate", certificate, "--server.tls.key", key) as server:
            wait_until(lambda: any("has expired" in line for line in list(server.err)))


if __name__ == "__main__":
    main()
