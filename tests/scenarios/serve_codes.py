#!/usr/bin/env python3
"""Every code of src/api/errors.def is provoked in the running service, in both languages. A row that is new
fails here until there is a way to provoke it, or it is among LATER."""
import base64
import http.server
import os
import re
import socket
import threading
import time

from harness import DEMO, ROOT, Scenario, Server, chat_body, data_url, endless, main, request_bytes
from serve_errors import huge_png
from serve_trouble import LIBRARY, Trouble

CHAT = "/v1/chat/completions"
PNG = DEMO / "samples" / "0000.png"

# Of capabilities that are not there yet.
LATER = {
    "missing_api_key", "invalid_auth_scheme", "malformed_api_key", "invalid_api_key",
    "expired_api_key", "revoked_api_key", "invalid_jwt", "expired_jwt", "jwt_not_yet_valid",
    "ip_not_allowed", "key_ip_not_allowed", "missing_header", "header_value_not_allowed",
    "model_not_allowed", "feature_not_allowed", "admin_only",
    "rate_limit_exceeded", "token_limit_exceeded", "concurrency_limit_exceeded", "quota_exceeded",
    "too_many_failures",
    "upstream_dns_failed", "upstream_refused", "upstream_reset", "upstream_tls_failed",
    "upstream_invalid_response", "upstream_auth_failed", "upstream_error", "upstream_none_healthy",
    "upstream_unavailable", "upstream_connect_timeout", "upstream_first_byte_timeout",
    "upstream_idle_timeout",
}
# A mistake of the service itself: there is none that we know.
OUR_MISTAKE = {"internal_error"}

ROW = re.compile(r'ROW\((\w+), (\d+), (\w+), (true|false),\s*"([^"]*)", "([^"]*)"\)')


def rows():
    text = (ROOT / "src" / "api" / "errors.def").read_text(encoding="utf-8")
    found = {code: (int(status), retryable == "true")
             for code, status, _, retryable, _, _ in ROW.findall(text)}
    if len(found) != text.count("\nROW("):
        raise AssertionError("a row of errors.def has another form")
    return found


def picture(url):
    return chat_body([{"type": "image_url", "image_url": {"url": url}}])


def bytes_as_picture(data, kind="png"):
    return picture(f"data:image/{kind};base64," + base64.b64encode(data).decode())


SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "nothing"}}}

BODIES = {
    "invalid_json": "{", "missing_field": {}, "invalid_type": chat_body(temperature="0"),
    "invalid_value": chat_body(temperature=3), "model_not_found": chat_body(model="gpt-4o"),
    "unknown_content_part": chat_body([{"type": "smell"}]),
    "unknown_role": chat_body(messages=[{"role": "robot", "content": "x"}]),
    "context_length_exceeded": chat_body("word " * 10000),
    "invalid_data_url": picture("data:image/png;base64,@@@@"),
    "invalid_image": picture(data_url(PNG)[:902]),
    "unsupported_image": bytes_as_picture(b"II*\0" + b"\0" * 60, "tiff"),
    "image_not_an_image": bytes_as_picture(b"hello, world, I am a text"),
    "image_too_large": picture(huge_png()),
    "image_dns_failed": picture("http://nowhere.invalid/a.png"),
    "image_address_blocked": picture("http://169.254.169.254/a.png"),
    "image_scheme_not_supported": picture("ftp://example.com/a.png"),
    "invalid_video": chat_body([{"type": "video_url", "video_url": {
        "url": "data:video/mp4;base64,AAAA"}}]),
    "invalid_schema": chat_body(response_format=SCHEMA),
    "body_too_large": chat_body("x" * (1 << 20)),
}

RAW = {
    "bad_request": b"GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n",
    "route_not_found": b"GET /nowhere HTTP/1.1\r\nHost: x\r\n",
    "method_not_allowed": b"PUT /v1/chat/completions HTTP/1.1\r\nHost: x\r\n",
    "request_timeout": b"GET / HTTP/1.1\r\nHost: x\r\n",
    "uri_too_long": b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: x\r\n",
    "unsupported_media_type": b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                              b"Content-Type: text/plain\r\nContent-Length: 2\r\n",
    "expectation_failed": b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n"
                          b"Content-Type: application/json\r\nContent-Length: 2\r\n",
    "headers_too_large": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"x" * 100_000 + b"\r\n",
    "not_implemented": b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                       b"Transfer-Encoding: gzip, chunked\r\n",
    "http_version_not_supported": b"GET / HTTP/3.0\r\nHost: x\r\n",
}


class Host(http.server.BaseHTTPRequestHandler):
    """Of pictures, and not a good one."""

    def do_GET(self):
        if self.path == "/silent":
            time.sleep(2)
        self.send_response(302 if self.path == "/around" else 404)
        self.send_header("Location", "/around")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Codes(Scenario):
    flags = ("--server.max-body", "1MiB", "--server.header-timeout", "300ms",
             "--model.image.allow-private", "true", "--model.image.timeout", "500ms")
    provoked = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
        threading.Thread(target=cls.host.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.host.shutdown()
        cls.host.server_close()
        super().tearDownClass()

    def check(self, code, language, reply):
        """Status, headers, and sentences in this language."""
        status, retryable = rows()[code]
        error = self.check_error(reply, status, code)
        self.assertEqual(reply.header("x-should-retry"), str(retryable).lower())
        if status == 503:
            wait_ms = int(reply.header("retry-after-ms"))
            self.assertGreater(wait_ms, 0)
            self.assertEqual(int(reply.header("retry-after")), -(-wait_ms // 1000))
        for text in filter(None, (error["message"], error["hint"])):
            self.assertEqual(bool(re.search("[\u4e00-\u9fff]", text)), language == "zh", text)
        self.provoked.setdefault(code, set()).add(language)

    def both(self, code, ask):
        for language in ("en", "zh"):
            with self.subTest(code=code, language=language):
                self.check(code, language, ask({"Accept-Language": language}))

    def test_bodies(self):
        for code, body in BODIES.items():
            self.both(code, lambda fields, body=body: self.server.chat(body, headers=fields)
                      if isinstance(body, dict) else
                      self.server.request("POST", CHAT, body, fields))

    def test_heads(self):
        for code, head in RAW.items():
            end = b"" if code in ("bad_request", "request_timeout") else b"\r\n"
            body = b"{}" if b"Content-Length" in head else b""
            for language in ("en", "zh"):
                with self.subTest(code=code, language=language), self.server.connect() as connection:
                    first, rest = head.split(b"\r\n", 1)
                    connection.send(first + b"\r\nAccept-Language: " + language.encode() + b"\r\n" +
                                    rest + end + body)
                    self.check(code, language, connection.read_reply())

    def test_pictures_of_a_bad_host(self):
        host = f"//127.0.0.1:{self.host.server_port}"
        for code, url in (("image_http_status", f"http:{host}/nowhere"),
                          ("image_redirects", f"http:{host}/around"),
                          ("image_timeout", f"http:{host}/silent"),
                          ("image_tls_failed", f"https:{host}/"),
                          ("image_connect_failed", f"http://127.0.0.1:{free_port()}/")):
            self.both(code, lambda fields, url=url: self.server.chat(picture(url), headers=fields))

    def test_no_pictures_by_url(self):
        with Server("--no-model.image.fetch") as server:
            self.both("image_fetch_disabled", lambda fields: server.chat(
                picture("http://example.com/"), headers=fields))

    def test_no_memory(self):
        with Server("--server.max-buffered", "1MiB") as server:
            self.both("memory_full", lambda fields: server.chat("x" * (4 << 20), headers=fields))

    def test_a_full_queue(self):
        with Server("--model.max-sequences", "1") as server:
            stream = server.connect()
            stream.send(request_bytes("POST", CHAT, endless(stream=True)))
            stream.read_head()
            for _ in range(16):
                server.connect().send(request_bytes("POST", CHAT, chat_body(max_tokens=1, n=16)))
            time.sleep(0.3)
            self.both("queue_full", lambda fields: server.chat("x", n=16, headers=fields))
            stream.close()
            server.close_connections()

    def test_a_deadline(self):
        with Server("--server.request-timeout", "300ms") as server:
            self.both("request_deadline", lambda fields: server.chat(endless(n=16), headers=fields))

    def test_too_many_connections(self):
        with Server("--server.max-connections-per-address", "1") as server:
            first = server.connect()
            self.assertEqual(first.request("GET", "/health").status, 200)
            with server.connect() as connection:  # refused before it says its language
                self.check("too_many_connections", "en", connection.read_reply())
        self.provoked["too_many_connections"].add("zh")

    def test_the_end(self):
        with Server("--model.max-sequences", "1", "--server.drain-timeout", "300ms") as server:
            waiting = {language: server.connect() for language in ("en", "zh")}
            for language, connection in waiting.items():
                connection.send(request_bytes("POST", CHAT, endless(n=16),
                                              {"Accept-Language": language}))
            time.sleep(0.2)
            server.terminate()
            for language, connection in waiting.items():
                self.check("draining", language, connection.read_reply())
            self.assertEqual(server.wait_end(), 0)

    def test_while_loading(self):
        self.assertTrue(os.path.exists(LIBRARY), "TROUBLED_LIBC_LIBRARY names no file")
        trouble = Trouble(held=True)
        with Server(env=trouble.environment(), wait=False) as server:
            address = server.wait_line(r"^listening +http://(.*):(\d+)$")
            server.host, server.port = address[1], int(address[2])
            self.both("model_loading", lambda fields: server.chat("x", headers=fields))
            trouble.hold(False)
            server.wait_ready()

    def test_a_client_that_leaves(self):
        connection = self.server.connect()
        connection.send(request_bytes("POST", CHAT, endless(n=16), {"X-Request-Id": "left"}))
        time.sleep(0.3)
        connection.reset()
        line = self.server.access("left")
        self.assertEqual((line["status"], line["code"]), (499, "client_closed"))
        self.provoked["client_closed"] = {"en", "zh"}

    def test_zz_every_code(self):
        """Runs last: all others are in the table."""
        known = rows()
        self.assertLessEqual(LATER | OUR_MISTAKE, set(known))
        self.assertEqual(set(self.provoked) & (LATER | OUR_MISTAKE), set())
        missing = {code: sorted({"en", "zh"} - self.provoked.get(code, set())) for code in known
                   if code not in LATER | OUR_MISTAKE and self.provoked.get(code) != {"en", "zh"}}
        self.assertEqual(missing, {})


if __name__ == "__main__":
    main()
