#!/usr/bin/env python3
"""qvl behind nginx, with the sample in etc/nginx: streams pass at once, large bodies too, a client that
leaves ends its generation, and it is clear whose refusal a refusal is."""
import json
import time
import unittest

import httpx
from openai import OpenAI

from service import (CHAT, DEADLINE_S, ENDLESS, KEY, MODEL, Server, chat_body, requests_of, sample,
                     wait_until)
from nginx import NGINX, Nginx, free_port

ASK = [{"role": "user", "content": "hello"}]


@unittest.skipUnless(NGINX, "nginx is not installed")
class BehindNginx(unittest.TestCase):
    flags = ("--access.trusted-proxies", "127.0.0.1")

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags)
        cls.nginx = Nginx(cls.server.port)

    @classmethod
    def tearDownClass(cls):
        cls.nginx.__exit__()
        cls.server.stop()

    def setUp(self):
        self.client = OpenAI(base_url=self.nginx.url + "/v1", api_key=KEY)
        self.addCleanup(self.client.close)

    def test_an_answer(self):
        row = sample(0)
        raw = self.client.chat.completions.with_raw_response.create(
            model=MODEL, messages=[{"role": "user", "content": row["content"]}], temperature=0)
        self.assertEqual(raw.parse().choices[0].message.content, row["answer"])
        self.assertRegex(raw.headers["x-request-id"], "^[0-9a-f]{32}$")  # made by nginx, kept by qvl
        self.server.access(raw.headers["x-request-id"])

    def test_tokens_pass_at_once(self):
        """While the stream runs its first tokens are there: far earlier than its end."""
        begin = time.monotonic()
        times = [time.monotonic() for _ in self.client.chat.completions.create(
            model=MODEL, messages=ASK, stream=True, max_tokens=2000,
            extra_body={"ignore_eos": True})]
        whole = times[-1] - begin
        self.assertLess(times[0] - begin, whole / 4)
        self.assertGreater(len([t for t in times if t - begin < whole / 2]), 10)
        self.assertGreater(len({round(t, 2) for t in times}), 10)

    def test_a_large_body(self):
        with httpx.Client(timeout=DEADLINE_S) as client:
            reply = client.post(self.nginx.url + CHAT, json=chat_body(
                sample(0)["content"], max_tokens=1, user="x" * 20_000_000))
            self.assertEqual(reply.status_code, 200, reply.text)
            pieces = iter([json.dumps(chat_body(max_tokens=1)).encode()])
            reply = client.post(self.nginx.url + CHAT, content=pieces,
                                headers={"Content-Type": "application/json"})
            self.assertEqual(reply.status_code, 200, reply.text)

    def test_a_client_that_leaves(self):
        stream = self.client.chat.completions.create(model=MODEL, messages=ASK, stream=True, **ENDLESS)
        next(stream)
        stream.close()
        with httpx.Client(timeout=0.3) as client, self.assertRaises(httpx.ReadTimeout):
            client.post(self.nginx.url + CHAT, json=chat_body(n=16, ignore_eos=True, max_tokens=8000))
        lines = wait_until(lambda: self.left(2), what="two clients that left")
        self.assertEqual({line["status"] for line in lines}, {499})

    def left(self, count):
        lines = [line for line in requests_of(self.server) if line.get("code") == "client_closed"]
        return lines if len(lines) == count else None

    def test_refusals_of_qvl_pass(self):
        with httpx.Client(timeout=DEADLINE_S) as client:
            for method, path, body, status, code in (
                    ("GET", "/v1/model", None, 404, "route_not_found"),
                    ("PUT", CHAT, None, 405, "method_not_allowed"),
                    ("POST", CHAT, {}, 400, "missing_field"),
                    ("POST", CHAT, chat_body(model="x"), 404, "model_not_found")):
                reply = client.request(method, self.nginx.url + path, json=body)
                self.assertEqual((reply.status_code, reply.json()["error"]["code"]), (status, code))
                self.assertEqual(reply.headers["x-should-retry"], "false")


@unittest.skipUnless(NGINX, "nginx is not installed")
class WhoseRefusal(unittest.TestCase):
    """The same status of nginx and of qvl: nginx's is a page of its own, qvl's is JSON with a code."""

    def of_nginx(self, reply, status):
        self.assertEqual(reply.status_code, status)
        self.assertIn("nginx", reply.text)
        self.assertNotIn("x-should-retry", reply.headers)

    def of_qvl(self, reply, status, code):
        self.assertEqual((reply.status_code, reply.json()["error"]["code"]), (status, code))
        self.assertIn("x-should-retry", reply.headers)

    def ask(self, nginx, **fields):
        return httpx.post(nginx.url + CHAT, json=chat_body(**fields), timeout=DEADLINE_S)

    def test_413(self):
        with Server("--server.max-body", "64KiB") as server:
            with Nginx(server.port) as nginx:
                self.of_qvl(self.ask(nginx, content="x" * 100_000), 413, "body_too_large")
            with Nginx(server.port, ("client_max_body_size 65m;", "client_max_body_size 1k;")) as nginx:
                self.of_nginx(self.ask(nginx, content="x" * 100_000), 413)
                self.assertEqual(len(requests_of(server)), 1)

    def test_502(self):
        with Nginx(free_port()) as nginx:
            self.of_nginx(self.ask(nginx), 502)

    def test_503(self):
        with Server("--server.max-connections-per-address", "1") as server, \
                Nginx(server.port) as nginx, server.connect() as first:
            first.request("GET", "/health")
            self.of_qvl(self.ask(nginx), 503, "too_many_connections")

    def test_504(self):
        long = {"n": 16, "ignore_eos": True, "max_tokens": 8000}
        with Server("--server.request-timeout", "400ms") as server, Nginx(server.port) as nginx:
            self.of_qvl(self.ask(nginx, **long), 504, "request_deadline")
        with Server() as server, Nginx(server.port, ("proxy_read_timeout 11m;",
                                                     "proxy_read_timeout 400ms;")) as nginx:
            self.of_nginx(self.ask(nginx, **long), 504)
            line = wait_until(lambda: next(iter(requests_of(server)), None), what="a line in the log")
            self.assertEqual((line["status"], line["code"]), (499, "client_closed"))



if __name__ == "__main__":
    unittest.main(verbosity=2)
