#!/usr/bin/env python3
"""What people send in confidence comes out nowhere: not in logs, not in metrics, not in errors."""
import base64
import itertools
import os
import pathlib
import tempfile
import unittest

from harness import (Closed, Server, chat_body, data_url, endless, main, quiet_environment,
                     request_bytes, wait_until, DEMO)

numbers = itertools.count(1)


class Planted:
    """Words that no program would say by itself."""

    def __init__(self):
        self.words = []

    def __call__(self, what):
        word = f"secret{next(numbers)}of{what}zq"
        self.words.append(word)
        return word

    def in_text(self, text):
        coded = [base64.b64encode(word.encode()).decode().rstrip("=")[:-1] for word in self.words]
        return [word for word in (*self.words, *coded) if word in text]


class Secrets(unittest.TestCase):
    def setUp(self):
        self.secret = Planted()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def headers(self):
        s = self.secret
        basic = base64.b64encode(f"me:{s('Basic')}".encode()).decode()
        return [{"Authorization": "Bearer " + s("Bearer")}, {"Authorization": "Basic " + basic},
                {"X-API-Key": s("ApiKey")}, {"Cookie": "session=" + s("Cookie")},
                {"X-Token": s("Header"), "Referer": "https://a.test/?" + s("Referer")}]

    def bodies(self):
        s = self.secret
        picture = data_url(DEMO / "samples" / "0005.png")
        yield chat_body(s("Prompt"), max_tokens=2)
        yield chat_body(s("Streamed"), max_tokens=2, stream=True)
        yield chat_body([{"type": "text", "text": s("Part")},
                         {"type": "image_url", "image_url": {"url": picture}}], max_tokens=1)
        for url in (f"https://user:{s('Userinfo')}@a.invalid/x", f"http://127.0.0.1:1/{s('Path')}",
                    f"http://a.invalid/x?key={s('Query')}", f"data:image/png;base64,{s('Data')}*",
                    f"ftp://a.invalid/{s('Ftp')}", f"data:text/plain,{s('Plain')}"):
            yield chat_body([{"type": "image_url", "image_url": {"url": url}}])
        yield chat_body("hi", max_tokens=1, user=s("User"), metadata={"a": s("Metadata")})
        yield chat_body("hi", temperature=s("Number"))
        yield chat_body("hi", max_tokens=1, tools=[{"type": "function", "function": {
            "name": "f", "description": s("Tool")}}])
        yield chat_body("hi", model="gpt", user=s("OtherModel"))
        yield {"model": "x", "messages": s("Messages")}

    def provoke(self, server):
        """The texts of all answers that are errors."""
        errors = []

        def keep(reply):
            if reply.status >= 400:
                errors.append(str(reply.headers) + reply.body.decode("utf-8", "replace"))
        for headers in self.headers():
            for method, path in (("GET", "/v1/models"), ("GET", "/nowhere"), ("PUT", "/health"),
                                 ("GET", "/health?token=" + self.secret("Target"))):
                keep(server.request(method, path, headers=headers))
        for body in self.bodies():
            keep(server.request("POST", "/v1/chat/completions", body))
        for path in ("/v1/completions", "/tokenize"):
            keep(server.request("POST", path, {"model": "qwen-vl-8b", "max_tokens": 1,
                                               "prompt": self.secret("Completion")}))
        keep(server.request("POST", "/v1/chat/completions", '{"model": "' + self.secret("Json")))
        self.send_raw(server, keep)
        with server.connect() as connection:
            connection.send(request_bytes("POST", "/v1/chat/completions", endless(
                stream=True, messages=[{"role": "user", "content": self.secret("Left")}])))
            connection.read_head()
            connection.read_chunk()
        wait_until(lambda: any(word in self.logged(server) for word in ("client_closed", '" 499 ')))
        return errors

    def send_raw(self, server, keep):
        s = self.secret
        for text in (f"GET /health HTTP/1.1\r\nHost: a\r\nAuthorization : {s('Colon')}\r\n\r\n",
                     f"GET /health HTTP/1.1\r\nX: {s('LineFeed')}\n\n",
                     f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: "
                     f"999999999\r\nX-API-Key: {s('TooLarge')}\r\n\r\n",
                     f"PROXY TCP4 {s('Proxy')} 1.2.3.4 1 2\r\n",
                     f"\x16\x03\x01{s('Hello')}", f"GET / HTTP/3.0{s('Version')}\r\n\r\n"):
            with server.connect() as connection:
                connection.send(text.encode("latin-1"))
                try:
                    keep(connection.read_reply())
                except Closed:
                    pass

    def logged(self, server):
        files = sorted(pathlib.Path(self.folder.name).glob("*.log"))
        return server.text() + "".join(f.read_text(encoding="utf-8") for f in files)

    def check(self, *flags):
        environment = quiet_environment(QWEN_API_KEY=self.secret("Environment"),
                                        VLLM_KEY=self.secret("Variable"))
        access, error = (os.path.join(self.folder.name, name) for name in ("a.log", "e.log"))
        with Server("--log.access", access, "--log.error", error, *flags,
                    env=environment) as server:
            errors = self.provoke(server)
            metrics = server.request("GET", "/metrics").body.decode()
            server.stop()
            logged = self.logged(server)
        self.assertGreater(len(errors), 15)
        self.assertGreater(logged.count("\n"), 30)
        self.assertGreater(len(self.secret.words), 30)
        self.assertEqual(self.secret.in_text(logged), [])
        self.assertEqual(self.secret.in_text(metrics), [])
        return errors

    def test_json_and_all_messages(self):
        errors = "\n".join(self.check("--log.level", "debug"))
        # What was wrong with a field may be shown to who sent it; credentials never are.
        for kind in ("Bearer", "Basic", "ApiKey", "Cookie", "Userinfo", "Environment", "Variable",
                     "Query", "Colon", "TooLarge", "Referer"):
            words = [w for w in self.secret.words if kind + "zq" in w]
            self.assertTrue(words, kind)
            self.assertEqual([w for w in words if w in errors], [])

    def test_combined(self):
        self.check("--log.format", "combined")

    def test_the_key_of_a_certificate(self):
        key = pathlib.Path(self.folder.name) / "key.pem"
        key.write_text("-----BEGIN PRIVATE KEY-----\n" + self.secret("Key") +
                       "\n-----END PRIVATE KEY-----\n", encoding="ascii")
        server = Server("--server.tls.certificate", key, "--server.tls.key", key, wait=False)
        self.assertEqual(server.wait_end(), 2)
        self.assertEqual(self.secret.in_text(server.text()), [])


if __name__ == "__main__":
    main()
