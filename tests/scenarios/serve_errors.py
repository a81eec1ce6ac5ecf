#!/usr/bin/env python3
"""Refusals: every one has its status, code, place and hint, in two languages, and is never a 500."""
import base64
import json
import re
import struct
import zlib

from harness import (DEMO, IMAGES, MODEL, Scenario, chat_body, data_url, image_part, main,
                     request_bytes, user)

CHAT = "/v1/chat/completions"
PNG = DEMO / "samples" / "0000.png"


def image_url(url):
    return [user([{"type": "image_url", "image_url": {"url": url}}])]


def huge_png():
    """A head that announces 65000 × 65000 pixels, and hardly any data."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + \
            struct.pack(">I", zlib.crc32(kind + data))
    data = b"\x89PNG\r\n\x1a\n" + \
        chunk(b"IHDR", struct.pack(">IIBBBBB", 65000, 65000, 8, 2, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def nested(depth):
    return "[" * depth + "]" * depth


# method, path, status, code, what the hint must name
ROUTES = [
    ("POST", "/v1/chat/completion", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/v1/chat/completionss", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/v1/chats/completions", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/chat/completions", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/v1/v1/chat/completions", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/api/v1/chat/completions", 404, "route_not_found", "/v1/chat/completions"),
    ("GET", "/api/chat/completions", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/V1/Chat/Completions", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/v1/chat/completions/", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/v2/chat/completions", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "//v1/chat/completions", 404, "route_not_found", "/v1/chat/completions"),
    ("POST", "/v1/chat/completoins", 404, "route_not_found", "/v1/chat/completions"),
    ("GET", "/v1/model", 404, "route_not_found", "/v1/models"),
    ("GET", "/v1/models/", 404, "route_not_found", "/v1/models"),
    ("GET", "/models", 404, "route_not_found", "/v1/models"),
    ("GET", "/v1/v1/models", 404, "route_not_found", "/v1/models"),
    ("GET", "/healthz", 404, "route_not_found", "/health"),
    ("GET", "/Health", 404, "route_not_found", "/health"),
    ("GET", "/health/", 404, "route_not_found", "/health"),
    ("GET", "/health/read", 404, "route_not_found", "/health/ready"),
    ("GET", "/favicon.ico", 404, "route_not_found", "/v1/chat/completions"),
    ("GET", "/" + "x" * 5000, 404, "route_not_found", "/v1/chat/completions"),
    ("GET", "/..%2f..%2fetc/passwd", 404, "route_not_found", "/v1"),
    ("DELETE", "/nowhere", 404, "route_not_found", "/v1"),
    ("OPTIONS", "/nowhere", 404, "route_not_found", "/v1"),
    ("GET", "/v1/models/nothing", 404, "model_not_found", MODEL),
    ("GET", "/v1/models/Qwen-VL-8B", 404, "model_not_found", MODEL),
    ("GET", "/v1/models/a/b/c", 404, "model_not_found", MODEL),
    ("GET", "/v1/models/%00", 404, "model_not_found", MODEL),
]

# method, path, what Allow must be
METHODS = [
    ("GET", CHAT, "POST, OPTIONS"), ("PUT", CHAT, "POST, OPTIONS"), ("DELETE", CHAT, "POST, OPTIONS"),
    ("HEAD", CHAT, "POST, OPTIONS"), ("post", CHAT, "POST, OPTIONS"), ("PATCH", CHAT, "POST, OPTIONS"),
    ("POST", "/v1/models", "GET, HEAD, OPTIONS"), ("POST", "/health", "GET, HEAD, OPTIONS"),
    ("TRACE", "/health", "GET, HEAD, OPTIONS"), ("DELETE", "/v1/models/" + MODEL, "GET, HEAD, OPTIONS"),
    ("BREW", "/health/ready", "GET, HEAD, OPTIONS"), ("QUERY", CHAT, "POST, OPTIONS"),
]

# name, body, code, param (None: not looked at)
BODIES = [
    ("empty", "", "invalid_json", None),
    ("blank", " \n", "invalid_json", None),
    ("not JSON", "hello", "invalid_json", None),
    ("cut JSON", '{"model": "', "invalid_json", None),
    ("two values", "{} {}", "invalid_json", None),
    ("single quotes", "{'model': 'x'}", "invalid_json", None),
    ("a trailing comma", '{"model": "x",}', "invalid_json", None),
    ("NaN", '{"temperature": NaN}', "invalid_json", None),
    ("a lone surrogate", r'{"model": "\ud800"}', "invalid_json", None),
    ("ill-formed UTF-8", b'{"model": "\xff"}', "invalid_json", None),
    ("a NUL", b'{"model": "\x00"}', "invalid_json", None),
    ("UTF-16", '{"model": "x"}'.encode("utf-16"), "invalid_json", None),
    ("deep nesting", nested(100000), "invalid_json", None),
    ("nesting inside a message", '{"model":"' + MODEL + '","messages":[{"role":"user","content":'
     + nested(5000) + "}]}", "invalid_json", None),
    ("too many values", "[" + "1," * 400000 + "1]", "invalid_json", None),
    ("an array", [], "invalid_type", None),
    ("a string", '"x"', "invalid_type", None),
    ("null", "null", "invalid_type", None),
    ("nothing in it", {}, "missing_field", None),
    ("no model", {"messages": [user("x")]}, "missing_field", "model"),
    ("a number as model", chat_body(model=3), "invalid_type", "model"),
    ("no messages", {"model": MODEL}, "missing_field", "messages"),
    ("messages is null", {"model": MODEL, "messages": None}, "missing_field", "messages"),
    ("empty messages", {"model": MODEL, "messages": []}, "invalid_value", "messages"),
    ("messages is a string", {"model": MODEL, "messages": "x"}, "invalid_type", "messages"),
    ("messages is an object", {"model": MODEL, "messages": {}}, "invalid_type", "messages"),
    ("a message is a string", {"model": MODEL, "messages": ["x"]}, "invalid_type", "messages[0]"),
    ("no role", {"model": MODEL, "messages": [{"content": "x"}]}, "missing_field",
     "messages[0].role"),
    ("a number as role", {"model": MODEL, "messages": [{"role": 1, "content": "x"}]},
     "invalid_type", "messages[0].role"),
    ("an unknown role", {"model": MODEL, "messages": [{"role": "robot", "content": "x"}]},
     "unknown_role", "messages[0].role"),
    ("no content", {"model": MODEL, "messages": [{"role": "user"}]}, "missing_field",
     "messages[0].content"),
    ("a number as content", {"model": MODEL, "messages": [user(5)]}, "invalid_type",
     "messages[0].content"),
    ("an unknown part", {"model": MODEL, "messages": [user([{"type": "smell"}])]},
     "unknown_content_part", "messages[0].content[0].type"),
    ("a part without type", {"model": MODEL, "messages": [user([{"text": "x"}])]}, "missing_field",
     "messages[0].content[0].type"),
    ("a part is a string", {"model": MODEL, "messages": [user(["x"])]}, "invalid_type",
     "messages[0].content[0]"),
    ("a text part without text", {"model": MODEL, "messages": [user([{"type": "text"}])]},
     "missing_field", "messages[0].content[0].text"),
    ("a picture without url", {"model": MODEL, "messages": [user([{"type": "image_url"}])]},
     "missing_field", None),
    ("the second message", {"model": MODEL, "messages": [user("x"), user(None)]}, None,
     "messages[1].content"),
    ("a wrong temperature", chat_body(temperature=3), "invalid_value", "temperature"),
    ("temperature as text", chat_body(temperature="0"), "invalid_type", "temperature"),
    ("no tokens", chat_body(max_tokens=0), "invalid_value", "max_tokens"),
    ("half a token", chat_body(max_tokens=1.5), "invalid_type", "max_tokens"),
    ("n of 17", chat_body(n=17), "invalid_value", "n"),
    ("n of 0", chat_body(n=0), "invalid_value", "n"),
    ("top_p of 2", chat_body(top_p=2), "invalid_value", "top_p"),
    ("17 stops", chat_body(stop=["x"] * 17), "invalid_value", "stop"),
    ("an empty stop", chat_body(stop=""), "invalid_value", "stop"),
    ("stream as text", chat_body(stream="yes"), "invalid_type", "stream"),
]

# name, messages, code
PICTURES = [
    ("http", image_url("http://127.0.0.1/a.png"), "image_address_blocked"),
    ("https", image_url("HTTPS://127.1/a.png"), "image_address_blocked"),
    ("ftp", image_url("ftp://example.com/a.png"), "image_scheme_not_supported"),
    ("file", image_url("file:///etc/passwd"), "image_scheme_not_supported"),
    ("javascript", image_url("javascript:1"), "image_scheme_not_supported"),
    ("no scheme", image_url("cat.png"), "invalid_value"),
    ("data without comma", image_url("data:image/png;base64"), "invalid_data_url"),
    ("bad base64", image_url("data:image/png;base64,@@@@"), "invalid_data_url"),
    ("cut base64", image_url("data:image/png;base64,iVBOR"), "invalid_data_url"),
    ("empty data", image_url("data:image/png;base64,"), None),
    ("text as picture", image_url(
        "data:image/png;base64," + base64.b64encode(b"hello, world, I am a text").decode()),
     "image_not_an_image"),
    ("HTML as picture", image_url(
        "data:image/png;base64," + base64.b64encode(b"<!doctype html><html>").decode()),
     "image_not_an_image"),
    ("TIFF", image_url("data:image/tiff;base64," + base64.b64encode(b"II*\0" + b"\0" * 60).decode()),
     None),
    ("SVG", image_url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"), None),
    ("a cut PNG", image_url(data_url(PNG)[:902]), "invalid_image"),
    ("a cut JPEG", image_url(data_url(IMAGES / "broken_jpeg_cut.jpg")), None),
    ("a huge announced picture", image_url(huge_png()), "image_too_large"),
    ("the second of two", [user([image_part(PNG), {"type": "image_url", "image_url": {
        "url": "data:image/png;base64,AAAA"}}])], None),
]


class Errors(Scenario):
    def test_routes(self):
        for method, path, status, code, named in ROUTES:
            with self.subTest(f"{method} {path[:60]}"):
                error = self.check_error(self.server.request(method, path), status, code)
                self.assertIn(named, error["hint"])

    def test_methods(self):
        for method, path, allow in METHODS:
            with self.subTest(f"{method} {path}"):
                reply = self.server.request(method, path)
                self.assertEqual(reply.status, 405)
                self.assertEqual(reply.header("allow"), allow)
                self.assertTrue(reply.header("x-request-id"))
                if method == "HEAD":
                    self.assertEqual(reply.body, b"")
                else:
                    self.check_error(reply, 405, "method_not_allowed")

    def test_options(self):
        for path, allow in ((CHAT, "POST, OPTIONS"), ("/health", "GET, HEAD, OPTIONS"),
                            ("*", "GET, HEAD, POST, OPTIONS")):
            with self.server.connect() as connection:
                for _ in range(2):
                    reply = connection.request("OPTIONS", path)
                    self.assertEqual((reply.status, reply.body), (204, b""))
                    self.assertEqual(reply.header("allow"), allow)
                    self.assertIsNone(reply.header("access-control-allow-origin"))
                    self.assertIsNone(reply.header("content-length"))

    def test_bodies(self):
        for name, body, code, param in BODIES:
            with self.subTest(name):
                reply = self.server.request("POST", CHAT, body)
                self.check_error(reply, 400, code or reply.code(), param)

    def test_pictures(self):
        for name, messages, code in PICTURES:
            with self.subTest(name):
                reply = self.server.chat(messages=messages)
                error = self.check_error(reply, 400, code or reply.code())
                self.assertRegex(error["code"], "^(image_|invalid_|unsupported_image)")
                last = len(messages[0]["content"]) - 1
                self.assertEqual(error["param"], f"messages[0].content[{last}].image_url.url")

    def test_no_length_is_an_empty_body(self):
        error = self.check_error(self.server.request("POST", CHAT), 400, "invalid_json")
        self.assertIn("empty", error["message"])

    def test_models(self):
        reply = self.server.chat(model="gpt-4o")
        error = self.check_error(reply, 404, "model_not_found", "model")
        self.assertIn("gpt-4o", error["message"])
        self.assertIn(MODEL, error["hint"])
        self.assertEqual(self.server.chat(model="Qwen-VL-8B").status, 404)

    def test_a_prompt_that_is_too_long(self):
        error = self.check_error(self.server.chat("word " * 40000), 400, "context_length_exceeded")
        counts = [int(n) for n in re.findall(r"\d+", error["message"])]
        models = self.server.request("GET", "/v1/models").json()["data"]
        self.assertIn(models[0]["max_model_len"], counts)
        self.assertTrue(any(n > 40000 for n in counts), counts)

    def test_content_types(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; b=1",
                     "application/jsonx", "json"):
            reply = self.server.chat(headers={"Content-Type": kind})
            error = self.check_error(reply, 415, "unsupported_media_type")
            self.assertIn("application/json", error["hint"])
        for kind in ("application/json; charset=utf-8", "Application/JSON", None,
                     "application/vnd.api+json", "application/json ;x=y"):
            reply = self.server.chat(max_tokens=1, headers={"Content-Type": kind})
            self.assertEqual(reply.status, 200, kind)

    def test_request_ids(self):
        for wanted, kept in (("abc", True), ("A.b_c-9", True), ("x" * 128, True), ("x" * 129, False),
                             ("a b", False), ("a/b", False), ("é", False), ("", False),
                             ("a\tb", False)):
            with self.subTest(wanted):
                got = self.server.request("GET", "/nowhere",
                                          headers={"X-Request-Id": wanted}).error()["request_id"]
                self.assertEqual(got == wanted, kept)
                self.assertRegex(got, r"^[A-Za-z0-9._-]{1,128}$")
        made = {self.server.request("GET", "/health").header("x-request-id") for _ in range(50)}
        self.assertEqual(len(made), 50)
        self.assertEqual(self.server.chat(max_tokens=1, headers={"X-Request-Id": "mine"})
                         .header("x-request-id"), "mine")
        with self.server.connect() as connection:
            connection.send(b"\0")
            self.assertRegex(connection.read_reply().header("x-request-id"), "^req_")

    def test_chinese(self):
        requests = [("GET", "/v1/model", None), ("PUT", CHAT, None), ("POST", CHAT, "{"),
                    ("POST", CHAT, {}), ("POST", CHAT, chat_body(model="?")),
                    ("POST", CHAT, chat_body(messages=image_url("http://[::1]/")))]
        for method, path, body in requests:
            for language, chinese in (("zh", True), ("zh-CN,zh;q=0.9,en;q=0.8", True),
                                      ("en-US,en;q=0.9", False), ("fr, zh;q=0.5, en;q=0.4", True),
                                      ("fr", False), ("en;q=0.1, zh;q=0.2", True), (None, False)):
                with self.subTest(f"{method} {path} {body} {language}"):
                    error = self.server.request(method, path, body,
                                                {"Accept-Language": language}).error()
                    texts = [error["message"]] + ([error["hint"]] if error["hint"] else [])
                    for text in texts:
                        self.assertEqual(bool(re.search("[\u4e00-\u9fff]", text)), chinese, text)

    def test_every_error_has_both_languages(self):
        for _, body, _, _ in BODIES:
            chinese, english = (self.server.request("POST", CHAT, body, {"Accept-Language": language})
                                .error() for language in ("zh", "en"))
            self.assertEqual(chinese["code"], english["code"])
            self.assertEqual(chinese["param"], english["param"])
            self.assertNotEqual(chinese["message"], english["message"])
            self.assertEqual(chinese["hint"] is None, english["hint"] is None)

    def test_errors_of_a_stream_before_its_first_byte(self):
        for body in (chat_body(stream=True, model="?"),
                     chat_body(stream=True, messages=image_url("ftp://x"))):
            reply = self.server.request("POST", CHAT, body)
            self.assertEqual(reply.header("content-type"), "application/json")
            self.assertIn(reply.status, (400, 404))

    def test_strange_names_do_not_break_the_json(self):
        for path in ('/"\\', "/%22%5C%0a", "/{}", "/<script>", "/%s%n%x"):
            self.check_error(self.server.request("GET", path), 404, "route_not_found")
        for model in ('"', "\\", "\n", "\u0000", "%s%n", "é" * 500, "\U0001f600"):
            self.check_error(self.server.chat(model=model), 404, "model_not_found")


class Logs(Scenario):
    SECRETS = ("sk-very-secret-1", "sk-very-secret-2", "sk-very-secret-3", "sk-very-secret-4")

    def test_no_secrets(self):
        header, other, query, cookie = self.SECRETS
        headers = {"Authorization": "Bearer " + header, "X-API-Key": other,
                   "Cookie": "session=" + cookie}
        for method, path, body in (("POST", CHAT, chat_body(max_tokens=1)), ("POST", CHAT, "{"),
                                   ("GET", "/v1/models", None), ("GET", "/nowhere", None),
                                   ("PUT", CHAT, None)):
            reply = self.server.request(method, path + "?api_key=" + query, body, headers)
            self.assertFalse(any(s in reply.body.decode() for s in self.SECRETS))
            self.server.access(reply.header("x-request-id"))
        with self.server.connect() as connection:
            connection.send(f"GET /a?k={query} HTTP/1.1\r\nAuthorization: {header}\r\nbroken\r\n\r\n"
                            .encode())
            self.server.access(connection.read_reply().header("x-request-id"))
        for secret in self.SECRETS:
            self.assertNotIn(secret, self.server.text())

    def test_the_access_line(self):
        reply = self.server.chat("你好", max_tokens=3, headers={"User-Agent": 'a"\\\xff'})
        line = self.server.access(reply.header("x-request-id"))
        usage = reply.json()["usage"]
        for key, value in (("client", "127.0.0.1"), ("method", "POST"), ("path", CHAT),
                           ("status", 200), ("model", MODEL),
                           ("prompt_tokens", usage["prompt_tokens"]),
                           ("output_tokens", usage["completion_tokens"])):
            self.assertEqual(line[key], value)
        self.assertNotIn("code", line)
        self.assertGreater(line["bytes"], len(reply.body))
        self.assertTrue(0 <= line["ttft_ms"] <= line["ms"], line)
        self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertTrue(line["user_agent"].startswith('a"\\'))

    def test_a_refusal_has_its_code(self):
        reply = self.server.request("GET", "/nowhere?x=1")
        line = self.server.access(reply.header("x-request-id"))
        self.assertEqual((line["status"], line["code"], line["path"]),
                         (404, "route_not_found", "/nowhere"))

    def test_every_line_is_json(self):
        for i in range(256):
            with self.server.connect() as connection:
                connection.send(request_bytes("GET", "/x", headers={"Connection": "close"}).replace(
                    b"\r\n\r\n", b"\r\nUser-Agent: " + bytes([i]) + b"\r\n\r\n"))
                connection.read_rest()
        self.server.access(self.server.request("GET", "/health").header("x-request-id"))
        for line in self.server.complaints():
            json.loads(line)


if __name__ == "__main__":
    main()
