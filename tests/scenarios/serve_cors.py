#!/usr/bin/env python3
"""Web pages of other origins: what a browser asks first, and what it lets a page read."""
import unittest

from harness import MODEL, Scenario, chat_body, main, request_bytes

PAGE = "https://page.example"
CHAT = "/v1/chat/completions"
CORS = ("access-control-allow-origin", "access-control-allow-credentials",
        "access-control-expose-headers", "access-control-allow-methods",
        "access-control-allow-headers", "access-control-max-age", "vary")
STAINLESS = "authorization,content-type,x-stainless-lang,x-stainless-retry-count"


def preflight(server, path, origin=PAGE, method="POST", headers=STAINLESS):
    return server.request("OPTIONS", path, headers={
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers})


class WithoutCors(Scenario):
    def test_options(self):
        for path, allow in (("/health", "GET, HEAD, OPTIONS"), (CHAT, "POST, OPTIONS"),
                            ("/v1/models/x", "GET, HEAD, OPTIONS"),
                            ("*", "GET, HEAD, POST, OPTIONS")):
            for headers in ({}, {"Origin": PAGE, "Access-Control-Request-Method": "POST"}):
                reply = self.server.request("OPTIONS", path, headers=headers)
                self.assertEqual((reply.status, reply.body), (204, b""))
                self.assertEqual(reply.header("allow"), allow)
                self.assertTrue(reply.header("x-request-id"))
                for name in CORS:
                    self.assertIsNone(reply.header(name), name)

    def test_no_header_anywhere(self):
        for reply in (self.server.request("GET", "/health", headers={"Origin": PAGE}),
                      self.server.request("GET", "/nowhere", headers={"Origin": PAGE}),
                      self.server.chat("你好", headers={"Origin": PAGE}, max_tokens=1)):
            for name in CORS:
                self.assertIsNone(reply.header(name), name)

    def test_a_page_cannot_avoid_the_preflight(self):
        """Browsers ask first only when a header calls for it; without one nothing is computed."""
        for kind in ("text/plain", "multipart/form-data; boundary=x", "", None,
                     "application/x-www-form-urlencoded"):
            reply = self.server.chat("你好", headers={"Origin": PAGE, "Content-Type": kind},
                                     max_tokens=1)
            self.check_error(reply, 415, "unsupported_media_type")
        reply = self.server.chat("你好", headers={"Content-Type": None}, max_tokens=1)
        self.assertEqual(reply.status, 200)  # a program may leave it out

    def test_options_of_an_unknown_path(self):
        self.check_error(preflight(self.server, "/nowhere"), 404, "route_not_found")


class Readable(unittest.TestCase):
    """What both kinds of settings share: every answer, errors too, can be read by the page."""

    def replies(self, origin):
        """One answer of each kind to requests of a page."""
        headers = {"Origin": origin}
        server = self.server
        yield server.request("GET", "/health", headers=headers)
        yield server.request("HEAD", "/health", headers=headers)
        yield server.request("GET", "/v1/models", headers=headers)
        yield server.request("GET", "/nowhere", headers=headers)
        yield server.request("GET", CHAT, headers=headers)
        yield server.request("POST", CHAT, {"model": MODEL}, headers=headers)
        yield server.request("POST", CHAT, "x", headers=dict(headers, **{
            "Content-Type": "text/plain"}))
        yield server.chat("你好", headers=headers, max_tokens=1)
        yield server.chat("你好", headers=headers, max_tokens=1, stream=True)
        with server.connect() as connection:
            connection.send(request_bytes("POST", CHAT, headers=dict(headers, **{
                "Content-Type": "application/json", "Content-Length": str(1 << 40)})))
            yield connection.read_reply()


class Any(Scenario, Readable):
    flags = ("--server.cors.origins", "*")

    def test_every_answer(self):
        for reply in self.replies(PAGE):
            self.assertEqual(reply.header("access-control-allow-origin"), "*")
            self.assertIsNone(reply.header("access-control-allow-credentials"))
            exposed = reply.header("access-control-expose-headers").split(", ")
            for name in ("x-request-id", "retry-after", "retry-after-ms", "x-should-retry",
                         "x-max-tokens-clamped", "x-ratelimit-remaining-tokens"):
                self.assertIn(name, exposed)

    def test_what_was_no_request(self):
        with self.server.connect() as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: y\r\nbroken\r\n\r\n")
            reply = connection.read_reply()
            self.check_error(reply, 400, "bad_request")
            self.assertEqual(reply.header("access-control-allow-origin"), "*")

    def test_preflight(self):
        reply = preflight(self.server, CHAT)
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertEqual(reply.header("access-control-allow-origin"), "*")
        self.assertEqual(reply.header("access-control-allow-methods"), "POST, OPTIONS")
        self.assertEqual(reply.header("access-control-allow-headers"), STAINLESS)
        self.assertEqual(reply.header("access-control-max-age"), "600")
        self.assertIsNone(reply.header("access-control-allow-credentials"))


class Named(Scenario, Readable):
    flags = ("--server.cors.origins", PAGE + ",http://localhost:5173")

    def test_every_answer(self):
        for origin in (PAGE, "http://localhost:5173"):
            for reply in self.replies(origin):
                self.assertEqual(reply.header("access-control-allow-origin"), origin)
                self.assertEqual(reply.header("access-control-allow-credentials"), "true")
                self.assertEqual(reply.header("vary"), "origin")
                self.assertIn("x-request-id", reply.header("access-control-expose-headers"))

    def test_strangers(self):
        for origin in ("https://other.example", "https://page.example.other", "http://page.example",
                       "https://page.example:444", "null", "*", "https://page.example, *"):
            for reply in self.replies(origin):
                self.assertIsNone(reply.header("access-control-allow-origin"), origin)
                self.assertIsNone(reply.header("access-control-allow-credentials"), origin)
                self.assertEqual(reply.header("vary"), "origin")
            reply = preflight(self.server, CHAT, origin)
            self.assertEqual(reply.status, 204)
            self.assertIsNone(reply.header("access-control-allow-methods"))

    def test_programs_need_no_origin(self):
        reply = self.server.chat("你好", max_tokens=1)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("vary"), "origin")
        self.assertIsNone(reply.header("access-control-allow-origin"))

    def test_preflight(self):
        for path, allow in ((CHAT, "POST, OPTIONS"), ("/v1/models", "GET, HEAD, OPTIONS")):
            reply = preflight(self.server, path)
            self.assertEqual(reply.status, 204)
            self.assertEqual(reply.header("access-control-allow-methods"), allow)
            self.assertEqual(reply.header("access-control-allow-origin"), PAGE)
            self.assertEqual(reply.header("allow"), allow)
            self.assertEqual(reply.header("vary"), "origin")

    def test_the_page_sees_that_a_path_is_wrong(self):
        reply = preflight(self.server, "/v1/chat/completion")
        self.assertEqual(reply.status, 204)
        self.assertIn("POST", reply.header("access-control-allow-methods"))
        reply = self.server.request("POST", "/v1/chat/completion", chat_body(),
                                    {"Origin": PAGE})
        error = self.check_error(reply, 404, "route_not_found")
        self.assertIn(CHAT, error["hint"])
        self.assertEqual(reply.header("access-control-allow-origin"), PAGE)

    def test_headers_that_are_no_names(self):
        reply = preflight(self.server, CHAT, headers="a b")
        self.assertEqual(reply.status, 204)
        self.assertIsNone(reply.header("access-control-allow-headers"))


if __name__ == "__main__":
    main()
