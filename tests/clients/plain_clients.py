#!/usr/bin/env python3
"""Clients that know nothing of OpenAI's API: requests, httpx, curl, httpie, as they are."""
import asyncio
import json
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import httpx
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from service import (CHAT, DEADLINE_S, MODEL, ROOT, Clients, Server, Trouble, chat_body, lines_of,
                     quiet_environment, requests_of, sample, wait_until)

HTTP = str(ROOT / ".venv" / "bin" / "http")
ENDLESS = {"max_tokens": 8000, "ignore_eos": True}


def texts(lines):
    """The answer in the lines of server-sent events; they must end as they should."""
    events = [line.removeprefix("data: ") for line in lines if line and not line.startswith(":")]
    assert events[-1] == "[DONE]", events[-1]
    return "".join(json.loads(e)["choices"][0]["delta"].get("content") or "" for e in events[:-1])


class Requests(Clients):
    def post(self, **fields):
        options = {"stream": True} if fields.get("stream") else {}
        return requests.post(self.server.url + CHAT, json=chat_body(**fields), timeout=DEADLINE_S,
                             **options)

    def test_an_answer(self):
        row = sample(0)
        reply = self.post(content=row["content"])
        self.assertEqual(reply.status_code, 200)
        self.assertEqual(reply.json()["choices"][0]["message"]["content"], row["answer"])

    def test_chinese(self):
        reply = self.post(content="你好")
        self.assertEqual(reply.encoding, "utf-8")
        self.assertRegex(reply.text, "[\u4e00-\u9fff]")

    def test_a_stream(self):
        with self.post(content="你好", stream=True) as reply:
            text = texts(reply.iter_lines(decode_unicode=True))
        self.assertEqual(text, self.post(content="你好").json()["choices"][0]["message"]["content"])

    def test_a_stream_that_is_closed_early(self):
        with self.post(stream=True, **ENDLESS) as reply:
            next(reply.iter_lines())
        self.check_left()

    def test_refusals(self):
        reply = self.post(temperature=9)
        self.assertEqual(reply.json()["error"]["param"], "temperature")
        with self.assertRaises(requests.HTTPError):
            reply.raise_for_status()
        with self.assertRaises(requests.Timeout):
            requests.post(self.server.url + CHAT, json=chat_body(n=16, **ENDLESS), timeout=0.3)
        self.check_left(16 * 8000)

    def test_a_session_keeps_its_connection(self):
        with requests.Session() as session:
            for body in (None, "{", json.dumps(chat_body(max_tokens=1)), "[]"):
                if body is None:
                    session.get(self.server.url + "/health", timeout=9)
                else:
                    session.post(self.server.url + CHAT, data=body, timeout=DEADLINE_S,
                                 headers={"Content-Type": "application/json"})
            pool = next(iter(session.adapters["http://"].poolmanager.pools._container.values()))
            self.assertEqual((pool.num_connections, pool.num_requests), (1, 4))

    def test_a_body_in_pieces(self):
        body = json.dumps(chat_body(max_tokens=1)).encode()
        pieces = [body[i:i + 7] for i in range(0, len(body), 7)]
        reply = requests.post(self.server.url + CHAT, data=iter(pieces), timeout=DEADLINE_S,
                              headers={"Content-Type": "application/json"})
        self.assertEqual(reply.status_code, 200)


class RequestsRetries(unittest.TestCase):
    def test_retry_after_is_obeyed(self):
        """urllib3's Retry reads Retry-After: it waits so long, and then has its answer."""
        trouble = Trouble(held=True)
        with Server(env=trouble.environment(), wait=False) as server, requests.Session() as session:
            url = server.wait_line(r"^listening +(\S+)")[1] + CHAT
            session.mount("http://", HTTPAdapter(max_retries=Retry(
                total=3, status_forcelist=[503], allowed_methods=None, backoff_factor=0)))
            refusal = requests.post(url, json=chat_body(), timeout=9)
            self.assertEqual(refusal.status_code, 503)
            threading.Thread(target=self.release, args=(server, trouble), daemon=True).start()
            begin = time.monotonic()
            reply = session.post(url, json=chat_body(max_tokens=1), timeout=DEADLINE_S)
            self.assertEqual(reply.status_code, 200)
            self.assertGreaterEqual(time.monotonic() - begin, int(refusal.headers["Retry-After"]))
            lines_of(server, 3)

    @staticmethod
    def release(server, trouble):
        """The model may be loaded when the session was refused once."""
        wait_until(lambda: len(requests_of(server)) >= 2, what="a second refusal")
        trouble.hold(False)


class Httpx(Clients):
    def test_synchronous(self):
        with httpx.Client(base_url=self.server.url, timeout=DEADLINE_S) as client:
            self.assertEqual(client.get("/health").json()["status"], "ok")
            whole = client.post(CHAT, json=chat_body("hello")).json()
            with client.stream("POST", CHAT, json=chat_body("hello", stream=True)) as reply:
                self.assertEqual(texts(reply.iter_lines()), whole["choices"][0]["message"]["content"])
            self.assertEqual(client.post(CHAT, json={}).status_code, 400)
            self.assertEqual(client.options(CHAT).headers["allow"], "POST, OPTIONS")
            self.assertEqual(client.head("/health").content, b"")

    def test_asynchronous(self):
        rows = [sample(i) for i in range(8)]

        async def run():
            async with httpx.AsyncClient(base_url=self.server.url, timeout=DEADLINE_S) as client:
                replies = await asyncio.gather(*[client.post(CHAT, json=chat_body(row["content"]))
                                                 for row in rows])
                async with client.stream("POST", CHAT, json=chat_body(stream=True,
                                                                      **ENDLESS)) as reply:
                    async for _ in reply.aiter_lines():
                        break
                return replies
        self.assertEqual([r.json()["choices"][0]["message"]["content"] for r in asyncio.run(run())],
                         [row["answer"] for row in rows])
        self.check_left()

    def test_deadlines(self):
        with httpx.Client(timeout=0.3) as client, self.assertRaises(httpx.ReadTimeout):
            client.post(self.server.url + CHAT, json=chat_body(n=16, **ENDLESS))
        self.check_left(16 * 8000)


class Commands(Clients):
    def run_command(self, *arguments, stdin=None, status=0):
        done = subprocess.run(arguments, capture_output=True, text=True, encoding="utf-8",
                              input=stdin, timeout=DEADLINE_S, check=False, env=quiet_environment(
                                  HTTPIE_CONFIG_DIR=tempfile.gettempdir() + "/httpie-config"))
        self.assertEqual(done.returncode, status, done)
        return done.stdout

    def curl(self, *arguments, **options):
        return self.run_command("curl", "-sS", *arguments, **options)

    def httpie(self, *arguments, **options):
        return self.run_command(HTTP, "--ignore-stdin", "--pretty=none", *arguments, **options)

    def post(self, **fields):
        return (self.server.url + CHAT, "-H", "Content-Type: application/json", "-d",
                json.dumps(chat_body(**fields)))

    def test_curl(self):
        head = self.curl("-I", self.server.url + "/health")
        self.assertTrue(head.startswith("HTTP/1.1 200 OK\n"), head)
        self.assertIn("choices", json.loads(self.curl(*self.post(max_tokens=2))))
        self.assertTrue(texts(self.curl("-N", *self.post(stream=True)).split("\n\n")))
        for option in ("--http1.0", "--http1.1", "--http2", "--compressed"):
            self.assertIn("choices", json.loads(self.curl(option, *self.post(max_tokens=1))))

    def test_curl_fails_with_refusals(self):
        self.assertIn("temperature", self.curl("--fail-with-body", *self.post(temperature=9),
                                               status=22))

    def test_curl_sends_a_large_picture(self):
        """Over 1 MiB curl asks first (Expect: 100-continue)."""
        with tempfile.NamedTemporaryFile("w") as body:
            json.dump(chat_body(sample(0)["content"], max_tokens=1, user="x" * 3_000_000), body)
            body.flush()
            begin = time.monotonic()
            reply = json.loads(self.curl(self.server.url + CHAT, "-H", "Content-Type: application/json",
                                         "-H", "Expect: 100-continue", "--data-binary",
                                         "@" + body.name))
            self.assertLess(time.monotonic() - begin, 20)
        self.assertIn("choices", reply)

    def test_curl_obeys_retry_after(self):
        with Server("--server.max-connections-per-address", "1") as server:
            first = server.connect()
            first.request("GET", "/health")
            process = subprocess.Popen(["curl", "-sS", "--retry", "3", "--fail", server.url + "/health"],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            wait_until(lambda: any(line["status"] == 503 for line in server.access_lines()),
                       what="a refusal")
            first.close()
            self.assertIn(b"ok", process.communicate(timeout=DEADLINE_S)[0])
            self.assertEqual(process.returncode, 0)

    def test_curl_is_interrupted(self):
        self.curl("-m", "0.3", *self.post(n=16, **ENDLESS), status=28)
        self.check_left(16 * 8000)

    def test_httpie(self):
        url = self.server.url
        self.assertIn('"ok"', self.httpie("GET", url + "/health"))
        answer = json.loads(self.httpie("POST", url + CHAT, "model=" + MODEL, "temperature:=0",
                                        'messages:=[{"role":"user","content":"hello"}]'))
        self.assertTrue(answer["choices"][0]["message"]["content"])
        self.assertIn("[DONE]", self.httpie("--stream", "POST", url + CHAT, "model=" + MODEL,
                                            "stream:=true", 'messages:=[{"role":"user","content":"x"}]'))
        self.httpie("--check-status", "POST", url + CHAT, "model=x", status=4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
