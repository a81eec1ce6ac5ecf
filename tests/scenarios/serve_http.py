#!/usr/bin/env python3
"""HTTP/1.1 as it really comes: cut, slow, pipelined, malformed, abandoned."""
import json
import socket
import threading
import time

from harness import (DEADLINE_S, MODEL, Closed, Scenario, chat_body, endless, main, request_bytes,
                     wait_until)

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


class Framing(Scenario):
    def test_cut_at_every_byte(self):
        request = request_bytes("POST", "/v1/chat/completions", {"model": MODEL, "messages": []})
        for cut in range(1, len(request)):
            with self.server.connect() as connection:
                connection.send(request[:cut])
                time.sleep(0.001)
                connection.send(request[cut:])
                self.check_error(connection.read_reply(), 400, "invalid_value", "messages")

    def test_one_byte_at_a_time(self):
        with self.server.connect() as connection:
            for byte in request_bytes("POST", "/v1/chat/completions",
                                      chat_body("你好", max_tokens=2)):
                connection.send(bytes([byte]))
            self.assertEqual(connection.read_reply().status, 200)

    def test_chunked_body_cut_at_every_byte(self):
        body = b"5;x=1\r\n{\"mod\r\n3\r\nel\"\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n"
        head = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for cut in range(1, len(body)):
            with self.server.connect() as connection:
                connection.send(head + body[:cut])
                time.sleep(0.001)
                connection.send(body[cut:])
                self.check_error(connection.read_reply(), 400, "invalid_json")

    def test_two_thousand_pipelined(self):
        count = 2000
        with self.server.connect() as connection:
            requests = b"".join(request_bytes("GET", "/health", headers={"X-Request-Id": f"p{i}"})
                                for i in range(count))
            sender = threading.Thread(target=connection.send, args=(requests,))
            sender.start()
            for i in range(count):
                reply = connection.read_reply()
                self.assertEqual((reply.status, reply.header("x-request-id")), (200, f"p{i}"))
            sender.join()

    def test_pipelined_behind_a_generation(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/chat/completions",
                                          chat_body("你好", max_tokens=8)) + HEALTH
                            + request_bytes("GET", "/nowhere")
                            + request_bytes("POST", "/v1/chat/completions",
                                            chat_body("你好", max_tokens=1, stream=True)) + HEALTH)
            connection.end()
            self.assertIn("choices", connection.read_reply().json())
            self.assertEqual(connection.read_reply().json()["status"], "ok")
            self.check_error(connection.read_reply(), 404, "route_not_found")
            self.assertEqual(connection.read_reply().events()[-1], "[DONE]")
            self.assertEqual(connection.read_reply().status, 200)
            self.assertTrue(connection.is_closed())

    def test_keep_alive_after_errors_with_bodies(self):
        with self.server.connect() as connection:
            for body, code in (({}, "missing_field"), ("{", "invalid_json"), ("", "invalid_json"),
                               (chat_body(model="?"), "model_not_found")):
                reply = connection.request("POST", "/v1/chat/completions", body)
                self.assertEqual(reply.code(), code)
                self.assertIsNone(reply.header("connection"))
                self.assertEqual(connection.request("GET", "/health").status, 200)

    def test_early_refusal_of_a_body_closes(self):
        with self.server.connect() as connection:
            reply = connection.request("POST", "/nowhere", {"a": 1})
            self.check_error(reply, 404, "route_not_found")
            self.assertEqual(reply.header("connection"), "close")
            self.assertTrue(connection.is_closed())

    def test_half_close_is_answered(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/chat/completions",
                                          chat_body("你好", max_tokens=4)))
            connection.end()
            self.assertEqual(connection.read_reply().status, 200)
            self.assertTrue(connection.is_closed())

    def test_end_inside_a_request(self):
        request = request_bytes("POST", "/v1/chat/completions", chat_body())
        for cut in (3, 40, len(request) - 3):
            with self.server.connect() as connection:
                connection.send(request[:cut])
                connection.end()
                self.assertTrue(connection.is_closed())

    def test_absolute_form(self):
        with self.server.connect() as connection:
            connection.send(b"GET http://example.com/health?x=1 HTTP/1.1\r\n"
                            b"Host: example.com\r\n\r\n")
            self.assertEqual(connection.read_reply().status, 200)
            connection.send(b"GET http://example.com/health HTTP/1.1\r\nHost: other\r\n\r\n")
            self.check_error(connection.read_reply(), 400, "bad_request")

    def test_head_has_no_body(self):
        with self.server.connect() as connection:
            get = connection.request("GET", "/health")
            for _ in range(3):
                head = connection.request("HEAD", "/health")
                self.assertEqual(head.header("content-length"), get.header("content-length"))
                self.assertEqual((head.status, head.body), (200, b""))
            self.assertEqual(connection.request("GET", "/health").status, 200)

    def test_http_1_0(self):
        for connection_field, kept in ((b"", False), (b"Connection: keep-alive\r\n", True),
                                       (b"Connection: Close\r\n", False)):
            with self.server.connect() as connection:
                connection.send(b"GET /health HTTP/1.0\r\n" + connection_field + b"\r\n")
                reply = connection.read_reply()
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.header("connection"), "keep-alive" if kept else "close")
                if kept:
                    self.assertEqual(connection.request("GET", "/health").status, 200)
                else:
                    self.assertTrue(connection.is_closed())

    def test_stream_to_http_1_0_ends_with_the_connection(self):
        body = json.dumps(chat_body("你好", stream=True)).encode()
        with self.server.connect() as connection:
            connection.send(b"POST /v1/chat/completions HTTP/1.0\r\nConnection: keep-alive\r\n"
                            b"Content-Type: application/json\r\nContent-Length: "
                            + str(len(body)).encode() + b"\r\n\r\n" + body)
            reply = connection.read_reply()
            self.assertIsNone(reply.header("transfer-encoding"))
            self.assertEqual(reply.header("connection"), "close")
            self.assertEqual(reply.events()[-1], "[DONE]")


MALFORMED = [
    ("lengths and chunked", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
    ("chunked and length", b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"),
    ("two lengths", b"Content-Length: 2\r\nContent-Length: 3\r\n"),
    ("two equal lengths", b"Content-Length: 2\r\nContent-Length: 2\r\n"),
    ("a list of lengths", b"Content-Length: 2, 2\r\n"),
    ("a signed length", b"Content-Length: +2\r\n"),
    ("a negative length", b"Content-Length: -2\r\n"),
    ("an empty length", b"Content-Length:\r\n"),
    ("a hexadecimal length", b"Content-Length: 0x2\r\n"),
    ("chunked twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    ("chunked in a list twice", b"Transfer-Encoding: chunked, chunked\r\n"),
    ("chunked not last", b"Transfer-Encoding: chunked, gzip\r\n"),
    ("a broken coding", b"Transfer-Encoding: chun\x0bked\r\n"),
    ("a folded header", b"X-A: 1\r\n 2\r\n"),
    ("a folded first header", b" X-A: 1\r\n"),
    ("a bare LF", b"X-A: 1\nX-B: 2\r\n"),
    ("a bare CR", b"X-A: 1\rX-B: 2\r\n"),
    ("a NUL in a value", b"X-A: 1\x002\r\n"),
    ("a NUL in a name", b"X-\x00A: 1\r\n"),
    ("a space before the colon", b"Content-Length : 2\r\n"),
    ("a tab before the colon", b"X-A\t: 2\r\n"),
    ("no colon", b"X-A 1\r\n"),
    ("no name", b": 1\r\n"),
    ("two hosts", b"Host: y\r\n"),
    ("a length with an underscore", b"Content_Length: 2\r\n"),
    ("a coding with an underscore", b"Transfer_Encoding: chunked\r\n"),
    ("a tab beside a length", b"Content-Length:\t2\r\n"),
    ("a tab behind a coding", b"Transfer-Encoding: chunked\t\r\n"),
]

CODINGS = [("gzip", 501), ("identity", 501), ("gzip, chunked", 501), ("xchunked", 501)]

REQUEST_LINES = [
    (b"GET  /health HTTP/1.1", 400), (b"GET /health  HTTP/1.1", 400), (b"GET /health", 400),
    (b"GET\t/health HTTP/1.1", 400), (b"GET /health HTTP/1.1 ", 400), (b" GET /health HTTP/1.1", 400),
    (b"GET /health HTTP/2.0", 505), (b"GET /health HTTP/3.0", 505), (b"GET /health HTTP/1.2", 505),
    (b"GET /health http/1.1", 400), (b"GET /health HTTP/11", 400), (b"G\x01T /health HTTP/1.1", 400),
    (b"GET /he alth HTTP/1.1", 400), (b"GET /h\xc3\xa9 HTTP/1.1", 400), (b"GET health HTTP/1.1", 400),
    (b"GET /a#b HTTP/1.1", 400), (b"CONNECT a:1 HTTP/1.1", 400), (b"GET * HTTP/1.1", 400),
    (b"GET ftp://x/ HTTP/1.1", 400), (b"A" * 33 + b" /health HTTP/1.1", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1", 414),
]


class Malformed(Scenario):
    """Refused with one clear answer, and the connection is closed: nobody can hide a request."""

    def refused(self, data, status, code):
        with self.server.connect() as connection:
            connection.send(data + HEALTH)
            reply = connection.read_reply()
            self.check_error(reply, status, code)
            self.assertEqual(reply.header("connection"), "close")
            self.assertTrue(connection.is_closed())
        return reply

    def test_heads(self):
        for name, lines in MALFORMED:
            with self.subTest(name):
                self.refused(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" + lines +
                             b"\r\n", 400, "bad_request")

    def test_request_lines(self):
        codes = {400: "bad_request", 505: "http_version_not_supported", 414: "uri_too_long"}
        for line, status in REQUEST_LINES:
            with self.subTest(line[:40]):
                self.refused(line + b"\r\nHost: x\r\n\r\n", status, codes[status])

    def test_codings(self):
        for coding, status in CODINGS:
            with self.subTest(coding):
                self.refused(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                             b"Transfer-Encoding: " + coding.encode() + b"\r\n\r\n", status,
                             "not_implemented")

    def test_length_of_http_1_0_with_coding(self):
        self.refused(b"POST /v1/chat/completions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                     400, "bad_request")

    def test_chunks(self):
        head = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n")
        for chunk in (b"x\r\n", b"2\r\nabc\r\n", b"2\nab\r\n", b" 2\r\nab\r\n", b"-2\r\nab\r\n",
                      b"0x2\r\nab\r\n", b"2 \r\nab\r\n", b"+2\r\nab\r\n", b"2;\r\nab\r\n",
                      b"2;\nab\r\n", b"2;a b\r\nab\r\n", b"\r\n", b"fffffffffffffffff\r\n",
                      b"0\r\nContent-Length: 3\r\n\r\n", b"0\r\nbroken\r\n\r\n"):
            with self.subTest(chunk):
                self.refused(head + chunk, 400, "bad_request")
        self.refused(head + b"ffffffffffffffff\r\n", 413, "body_too_large")
        self.refused(head + b"1;" + b"x" * 10000 + b"\r\na\r\n", 431, "headers_too_large")

    def test_too_many_and_too_large_headers(self):
        begin = b"GET /health HTTP/1.1\r\nHost: x\r\n"
        many = b"".join(b"X-%d: y\r\n" % i for i in range(200))
        for lines in (many, b"X: " + b"y" * 20000 + b"\r\n",
                      b"".join(b"X-%d: " % i + b"y" * 9000 + b"\r\n" for i in range(10))):
            self.refused(begin + lines + b"\r\n", 431, "headers_too_large")

    def test_no_host(self):
        self.refused(b"GET /health HTTP/1.1\r\n\r\n", 400, "bad_request")
        self.refused(b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_request")

    def test_http_2_preface(self):
        """The whole of it, with frames; the answer says what is spoken here."""
        reply = self.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\x12\4\0\0\0\0\0" +
                             bytes(18), 505, "http_version_not_supported")
        self.assertIn("HTTP/1.1", reply.error()["message"])
        self.assertIn("HTTP/1.1", reply.error()["hint"])

    def test_an_offered_upgrade_is_not_taken(self):
        """RFC 9110, 7.8: the request is answered as if nothing had been offered."""
        fields = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
                  "HTTP2-Settings": "AAMAAABkAAQAAP__"}
        with self.server.connect() as connection:
            for _ in range(2):
                reply = connection.request("GET", "/health", headers=fields)
                self.assertEqual((reply.status, reply.header("upgrade")), (200, None))

    def test_tls_on_the_plain_port(self):
        with self.server.connect() as connection:
            connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 506)
            reply = connection.read_reply()
            error = self.check_error(reply, 400, "bad_request")
            self.assertIn("TLS", error["message"])
            self.assertIn("http://", error["hint"])
            self.assertTrue(connection.is_closed())

    def test_binary(self):
        for data in (b"\x00" * 100, b"\xff\xfe\xfd", bytes(range(256)), b"\x05\x01\x00"):
            with self.server.connect() as connection:
                connection.send(data)
                self.check_error(connection.read_reply(), 400, "bad_request")

    def test_expectations(self):
        self.refused(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n"
                     b"Content-Length: 2\r\n\r\n", 417, "expectation_failed")

    def test_nothing_hides_behind_a_refusal(self):
        self.server.access(self.server.request("GET", "/health").header("x-request-id"))
        begin = len(self.server.access_lines())
        self.refused(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request")
        last = self.server.request("GET", "/health").header("x-request-id")
        self.server.access(last)
        self.assertEqual(len(self.server.access_lines()) - begin, 2)


class Expect(Scenario):
    flags = ("--server.max-body", "1MiB")

    def head(self, path, length, **headers):
        return request_bytes("POST", path, headers={
            "Content-Type": "application/json", "Content-Length": str(length),
            "Expect": "100-continue", **headers})

    def test_continue(self):
        body = json.dumps(chat_body("你好", max_tokens=2)).encode()
        with self.server.connect() as connection:
            for _ in range(2):
                connection.send(self.head("/v1/chat/completions", len(body)))
                self.assertEqual(connection.read_head(), ("HTTP/1.1", 100, []))
                connection.send(body)
                self.assertEqual(connection.read_reply().status, 200)

    def test_body_sent_without_waiting(self):
        body = json.dumps(chat_body("你好", max_tokens=2)).encode()
        with self.server.connect() as connection:
            connection.send(self.head("/v1/chat/completions", len(body)) + body)
            self.assertEqual(connection.read_reply().status, 200)

    def test_refused_before_the_body(self):
        for path, length, headers, status, code in (
                ("/v1/chat/completions", 2 << 20, {}, 413, "body_too_large"),
                ("/v1/chat/completions", 10 ** 30, {}, 413, "body_too_large"),
                ("/v1/chat/complete", 10, {}, 404, "route_not_found"),
                ("/v1/models", 10, {}, 405, "method_not_allowed"),
                ("/v1/chat/completions", 10, {"Content-Type": "text/plain"}, 415,
                 "unsupported_media_type"),
                ("/v1/chat/completions", 10, {"Content-Encoding": "gzip"}, 415,
                 "unsupported_media_type")):
            with self.subTest(path=path, length=length):
                with self.server.connect() as connection:
                    connection.send(self.head(path, length, **headers))
                    reply = connection.read_reply(informational=True)
                    self.check_error(reply, status, code)
                    self.assertEqual(reply.header("connection"), "close")

    def test_too_large_by_length_needs_no_body(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/chat/completions", headers={
                "Content-Type": "application/json", "Content-Length": str((1 << 20) + 1)}))
            error = self.check_error(connection.read_reply(), 413, "body_too_large")
            self.assertIn(str((1 << 20) + 1), error["message"])
            self.assertIn(str(1 << 20), error["message"])

    def test_too_large_by_chunks(self):
        with self.server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/chat/completions", headers={
                "Content-Type": "application/json", "Transfer-Encoding": "chunked"}))
            for _ in range(20):
                connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
            self.check_error(connection.read_reply(), 413, "body_too_large")

    def test_the_largest_body(self):
        body = chat_body("你好", max_tokens=1)
        padding = (1 << 20) - len(json.dumps(body)) - len(', "x": ""')
        body["x"] = "y" * padding
        self.assertEqual(len(json.dumps(body)), 1 << 20)
        self.assertEqual(self.server.chat(body).status, 200)

    def test_refusal_is_readable_while_the_body_is_sent(self):
        """The client writes all of its 10 MiB before it reads; a reset must not eat the answer."""
        for _ in range(5):
            with self.server.connect() as connection:
                connection.send(request_bytes("POST", "/v1/chat/completions", headers={
                    "Content-Type": "application/json", "Content-Length": str(10 << 20)}))
                try:
                    connection.send(b" " * (10 << 20))
                except ConnectionError:
                    self.fail("the connection was reset while the client sent")
                self.check_error(connection.read_reply(), 413, "body_too_large")


class Deadlines(Scenario):
    flags = ("--server.header-timeout", "400ms", "--server.idle-timeout", "1500ms")

    def test_slow_head(self):
        with self.server.connect() as connection:
            begin = time.monotonic()
            connection.send(b"GET /health HTTP/1.1\r\n")
            reply = connection.read_reply()
            self.assertGreater(time.monotonic() - begin, 0.35)
            self.check_error(reply, 408, "request_timeout")
            self.assertTrue(connection.is_closed())

    def test_a_dripping_head_gains_no_time(self):
        with self.server.connect() as connection:
            begin = time.monotonic()
            connection.socket.settimeout(0.02)
            reply = b""
            connection.send(b"GET /health HTTP/1.1\r\nX: ")
            while not reply and time.monotonic() - begin < DEADLINE_S:
                try:
                    reply = connection.socket.recv(65536)
                except TimeoutError:
                    connection.send(b"y")
            self.assertTrue(reply.startswith(b"HTTP/1.1 408 "), reply)

    def test_idle_connections_are_closed(self):
        with self.server.connect() as fresh, self.server.connect() as used:
            self.assertEqual(used.request("GET", "/health").status, 200)
            self.assertTrue(fresh.is_closed())
            self.assertTrue(used.is_closed())

    def test_a_generation_is_not_idle(self):
        with self.server.connect() as connection:
            reply = connection.request("POST", "/v1/chat/completions",
                                       endless(3000 if DEADLINE_S < 100 else 300))
            self.assertEqual(reply.status, 200)


class SlowBody(Scenario):
    flags = ("--server.body-min-rate", "1KiB/s")

    def begin(self, connection, length):
        connection.send(request_bytes("POST", "/v1/chat/completions", headers={
            "Content-Type": "application/json", "Content-Length": str(length)}))

    def wait_timeout(self, connection):
        begin = time.monotonic()
        self.check_error(connection.read_reply(), 408, "request_timeout")
        self.assertTrue(connection.is_closed())
        return time.monotonic() - begin

    def test_no_body(self):
        with self.server.connect() as connection:
            self.begin(connection, 1000)
            self.assertGreater(self.wait_timeout(connection), 4)

    def test_a_body_that_stops_halfway(self):
        """A quick beginning does not pay for hours of silence."""
        with self.server.connect() as connection:
            self.begin(connection, 8 << 20)
            connection.send(b" " * (4 << 20))
            self.wait_timeout(connection)


class Leaving(Scenario):
    """With one place for a sequence, the next answer comes in time only if the last one stopped."""

    flags = ("--model.max-sequences", "1")

    def left(self, request_id):
        line = self.server.access(request_id)
        self.assertEqual((line["status"], line["code"]), (499, "client_closed"))
        self.assertLess(line.get("output_tokens", 0), 16 * 8000)
        self.assertEqual(self.server.chat(chat_body("你好", max_tokens=1)).status, 200)

    def test_during_a_stream(self):
        for leave in ("close", "reset"):
            with self.subTest(leave):
                connection = self.server.connect()
                connection.send(request_bytes("POST", "/v1/chat/completions", endless(stream=True, n=16),
                                              {"X-Request-Id": "stream-" + leave}))
                connection.read_head()
                for _ in range(5):
                    connection.read_chunk()
                getattr(connection, leave)()
                self.left("stream-" + leave)

    def test_before_the_answer(self):
        for leave in ("close", "reset"):
            with self.subTest(leave):
                connection = self.server.connect()
                connection.send(request_bytes("POST", "/v1/chat/completions", endless(n=16),
                                              {"X-Request-Id": "wait-" + leave}))
                time.sleep(0.3)
                getattr(connection, leave)()
                self.left("wait-" + leave)

    def test_behind_pipelined_requests(self):
        """More requests wait than are read: the end is seen nevertheless."""
        connection = self.server.connect()
        connection.send(request_bytes("POST", "/v1/chat/completions", endless(n=16),
                                      {"X-Request-Id": "behind"}) + HEALTH * 2500)
        time.sleep(0.5)
        connection.close()
        self.left("behind")

    def test_during_prefill(self):
        words = "你好 hello " * 4000
        connection = self.server.connect()
        connection.send(request_bytes("POST", "/v1/chat/completions",
                                      chat_body(words, stream=True),
                                      {"X-Request-Id": "prefill"}))
        time.sleep(0.15)
        connection.close()
        line = self.server.access("prefill")
        self.assertIn((line["status"], line.get("code")), ((499, "client_closed"), (200, None),
                                                           (400, "context_length_exceeded")))

    def test_many_leave_at_once(self):
        connections = [self.server.connect() for _ in range(40)]
        for i, connection in enumerate(connections):
            connection.send(request_bytes("POST", "/v1/chat/completions",
                                          endless(stream=i % 2 == 0)))
        time.sleep(0.2)
        for i, connection in enumerate(connections):
            connection.reset() if i % 3 else connection.close()
        self.assertEqual(self.server.chat(chat_body("你好", max_tokens=1)).status, 200)

    def test_idle_resets(self):
        for _ in range(20):
            self.server.connect().reset()
            connection = self.server.connect()
            connection.send(b"GET /hea")
            connection.reset()
        self.assertEqual(self.server.request("GET", "/health").status, 200)


class SlowReader(Scenario):
    def test_a_reader_that_stops_is_cut_and_stalls_nobody(self):
        with self.server.connect(receive_bytes=4096) as slow:
            slow.send(request_bytes("POST", "/v1/chat/completions",
                                    endless(stream=True, n=16, return_token_ids=True),
                                    {"X-Request-Id": "slow"}))
            slow.read_head()
            for _ in range(3):
                reply = self.server.chat(chat_body("你好", stream=True, max_tokens=4))
                self.assertEqual(reply.events()[-1], "[DONE]")
            line = wait_until(lambda: next((row for row in self.server.access_lines()
                                            if row["request_id"] == "slow"), None),
                              DEADLINE_S * 4, "the end of the slow reader")
            self.assertEqual((line["status"], line["code"]), (499, "slow_reader"))
            self.assertLess(line["output_tokens"], 16 * 8000)
            with self.assertRaises((Closed, ConnectionError)):
                while True:
                    slow.read_chunk()


class Ping(Scenario):
    """A stream with nothing to say says so every 15 s, so that no proxy takes it for dead."""

    flags = ("--model.max-sequences", "1")

    def test_a_stream_that_waits(self):
        with self.server.connect() as busy, self.server.connect() as waiting:
            busy.send(request_bytes("POST", "/v1/chat/completions", endless(n=16)))
            time.sleep(0.2)
            begin = time.monotonic()
            waiting.send(request_bytes("POST", "/v1/chat/completions",
                                       chat_body("你好", stream=True, max_tokens=2)))
            waiting.read_head()
            self.assertIn(b"role", waiting.read_chunk())
            self.assertGreater(time.monotonic() - begin, 4)
            begin = time.monotonic()
            self.assertEqual(waiting.read_chunk(), b": ping\n\n")
            self.assertGreater(time.monotonic() - begin, 13)
            busy.close()
            rest = b"".join(iter(waiting.read_chunk, b""))
            self.assertTrue(rest.endswith(b"data: [DONE]\n\n"), rest)


if __name__ == "__main__":
    main()
