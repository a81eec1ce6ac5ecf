#!/usr/bin/env python3
"""What OpenAI's SDK for Python makes of our refusals: the class of the exception, its fields, and
whether it asks again, and when. How often it asked is what the access log says."""
import asyncio
import socket
import threading
import time
import unittest

import openai
from openai import AsyncOpenAI, OpenAI

from service import (CHAT, ENDLESS, KEY, MODEL, Clients, Server, Trouble, chat_body, lines_of,
                     request_bytes, requests_of, wait_until)

ASK = [{"role": "user", "content": "hello"}]


def client_of(server, **options):
    return OpenAI(base_url=server.url + "/v1", api_key=KEY, **options)


class Exceptions(Clients):
    flags = ("--server.max-body", "64KiB")

    def refused(self, kind, code, param=None, **fields):
        """Raises this class, with everything that our body and headers say; was sent once."""
        before = len(requests_of(self.server))
        fields = {"model": MODEL, "messages": ASK, **fields}
        with client_of(self.server) as client, self.assertRaises(kind) as caught:
            client.chat.completions.create(**fields)
        error = caught.exception
        self.assertIs(type(error), kind)
        self.assertEqual((error.code, error.param), (code, param))
        self.assertEqual(error.type, "invalid_request_error")
        self.assertTrue(error.request_id.startswith("req_"))
        self.assertEqual(error.body["request_id"], error.request_id)
        self.assertIn(error.body["message"], str(error))
        line = lines_of(self.server, before + 1)[-1]
        self.assertEqual((line["request_id"], line["code"]), (error.request_id, code))
        return error

    def test_bad_requests(self):
        self.refused(openai.BadRequestError, "invalid_value", "temperature", temperature=3)
        self.refused(openai.BadRequestError, "invalid_value", "messages", messages=[])
        self.refused(openai.BadRequestError, "invalid_value", "temperature", temperature=3,
                     stream=True)
        self.refused(openai.BadRequestError, "invalid_data_url",
                     "messages[0].content[0].image_url.url",
                     messages=[{"role": "user", "content": [
                         {"type": "image_url", "image_url": {"url": "data:x"}}]}])
        self.refused(openai.BadRequestError, "context_length_exceeded", "messages",
                     messages=[{"role": "user", "content": "word " * 10000}])

    def test_not_found(self):
        self.refused(openai.NotFoundError, "model_not_found", "model", model="gpt-4o")
        with OpenAI(base_url=self.server.url, api_key=KEY) as client, \
                self.assertRaises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=MODEL, messages=ASK)
        self.assertEqual(caught.exception.code, "route_not_found")
        self.assertIn("/v1/chat/completions", caught.exception.body["hint"])
        lines_of(self.server, 1, "/chat/completions")

    def test_other_statuses(self):
        self.assertEqual(self.refused(openai.APIStatusError, "body_too_large", messages=[
            {"role": "user", "content": "x" * 70000}]).status_code, 413)
        self.assertEqual(self.refused(openai.APIStatusError, "unsupported_media_type",
                                      extra_headers={"Content-Type": "text/plain"}).status_code, 415)
        with client_of(self.server) as client, self.assertRaises(openai.APIStatusError) as caught:
            client.models.delete(MODEL)
        self.assertEqual((caught.exception.status_code, caught.exception.code),
                         (405, "method_not_allowed"))
        lines_of(self.server, 1, "/v1/models/" + MODEL)

    def test_in_chinese(self):
        error = self.refused(openai.BadRequestError, "invalid_value", "messages", messages=[],
                             extra_headers={"Accept-Language": "zh-CN,zh;q=0.9"})
        self.assertRegex(error.body["message"], "[\u4e00-\u9fff]")

    def test_asynchronous(self):
        async def run():
            async with AsyncOpenAI(base_url=self.server.url + "/v1", api_key=KEY) as client:
                with self.assertRaises(openai.BadRequestError) as caught:
                    await client.chat.completions.create(model=MODEL, messages=ASK, top_p=2)
                self.assertEqual(caught.exception.param, "top_p")
        asyncio.run(run())


class Deadlines(Clients):
    flags = ("--server.request-timeout", "400ms", "--model.max-sequences", "1")

    def test_the_services_deadline(self):
        with client_of(self.server, max_retries=1) as client, \
                self.assertRaises(openai.InternalServerError) as caught:
            client.chat.completions.create(model=MODEL, messages=ASK, n=16, **ENDLESS)
        self.assertEqual((caught.exception.status_code, caught.exception.code),
                         (504, "request_deadline"))
        lines_of(self.server, 2)
        self.server.err.clear()

    def test_an_error_within_a_stream(self):
        with client_of(self.server) as client, self.assertRaises(openai.APIError) as caught:
            for _ in client.chat.completions.create(model=MODEL, messages=ASK, n=16, stream=True,
                                                    **ENDLESS):
                pass
        self.assertEqual(caught.exception.code, "request_deadline")
        lines_of(self.server, 1)
        self.server.err.clear()


class Timeouts(Clients):
    def test_the_clients_deadline(self):
        with client_of(self.server, timeout=0.3, max_retries=1) as client, \
                self.assertRaises(openai.APITimeoutError):
            client.chat.completions.create(model=MODEL, messages=ASK, n=16, **ENDLESS)
        for line in lines_of(self.server, 2):
            self.assertEqual((line["status"], line["code"]), (499, "client_closed"))

    def test_nobody_is_there(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_retries=0) as client, \
                self.assertRaises(openai.APIConnectionError):
            client.models.list()


class Retries(unittest.TestCase):
    def test_while_the_model_is_loaded(self):
        """503 model_loading: asked again after the time that we name, and then answered."""
        trouble = Trouble(held=True)
        with Server(env=trouble.environment(), wait=False) as server:
            address = server.wait_line(r"^listening +(\S+)")[1]
            waits, answers = [], []
            client = OpenAI(base_url=address + "/v1", api_key=KEY, max_retries=0)
            with self.assertRaises(openai.InternalServerError) as caught:
                client.chat.completions.create(model=MODEL, messages=ASK)
            self.assertEqual((caught.exception.status_code, caught.exception.code),
                             (503, "model_loading"))
            headers = caught.exception.response.headers
            self.assertEqual(headers["x-should-retry"], "true")
            self.assertGreater(int(headers["retry-after-ms"]), 0)
            self.assertEqual(int(headers["retry-after"]),
                             -(-int(headers["retry-after-ms"]) // 1000))
            client = OpenAI(base_url=address + "/v1", api_key=KEY, max_retries=5)
            thread = threading.Thread(target=lambda: answers.append(
                client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)))
            client._client.event_hooks = {"response": [lambda r: waits.append(
                (time.monotonic(), int(r.headers.get("retry-after-ms", 0))))]}
            thread.start()
            wait_until(lambda: waits, what="a first refusal")
            trouble.hold(False)
            thread.join(60)
            self.assertEqual(answers[0].status_code, 200)
            self.assertGreaterEqual(len(waits), 2)
            lines_of(server, len(waits) + 1)
            for (start, wait_ms), (end, _) in zip(waits, waits[1:]):
                self.assertGreater(wait_ms, 0)
                self.assertGreaterEqual(end - start, wait_ms / 1000 - 0.01)
                self.assertLess(end - start, wait_ms / 1000 + 5)
            client.close()

    def test_a_full_queue(self):
        """503 queue_full: asked again after the time that we name, and then answered."""
        with Server("--model.max-sequences", "1") as server, client_of(server) as holder, \
                client_of(server, max_retries=1) as client:
            stream = holder.chat.completions.create(model=MODEL, messages=ASK, stream=True,
                                                    **ENDLESS)
            next(stream)
            time.sleep(1.5)  # the service gets to know its speed, and so how long a place takes
            for _ in range(16):
                server.connect().send(request_bytes("POST", CHAT, chat_body(max_tokens=1, n=16)))
            time.sleep(0.3)
            seen = []

            def watch(response):
                seen.append((time.monotonic(), response))
                stream.close()
            client._client.event_hooks = {"response": [watch]}
            answer = client.chat.completions.create(model=MODEL, messages=ASK, n=16, max_tokens=1)
            self.assertEqual(len(answer.choices), 16)
            (begin, refusal), (end, _) = seen
            self.assertEqual((refusal.status_code, refusal.headers["x-should-retry"]), (503, "true"))
            wait_s = int(refusal.headers["retry-after-ms"]) / 1000
            self.assertGreaterEqual(end - begin, wait_s - 0.01)
            self.assertLess(end - begin, wait_s + 5)
            self.assertIn("queue_full", [line.get("code") for line in requests_of(server)])

    def test_too_many_connections(self):
        with Server("--server.max-connections-per-address", "1") as server:
            first = server.connect()
            first.request("GET", "/health")
            with client_of(server, max_retries=0) as client, \
                    self.assertRaises(openai.InternalServerError) as caught:
                client.chat.completions.create(model=MODEL, messages=ASK)
            self.assertEqual(caught.exception.code, "too_many_connections")
            with client_of(server, max_retries=4) as client:
                threading.Timer(0.5, first.close).start()
                client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=1)

    def test_a_service_that_ends(self):
        """draining: what still waits is told to ask again, elsewhere or later."""
        with Server("--model.max-sequences", "1", "--server.drain-timeout", "300ms") as server:
            with client_of(server, max_retries=0) as client:
                threading.Timer(0.5, server.terminate).start()
                with self.assertRaises(openai.InternalServerError) as caught:
                    client.chat.completions.create(model=MODEL, messages=ASK, n=16, **ENDLESS)
                self.assertEqual((caught.exception.status_code, caught.exception.code),
                                 (503, "draining"))
                self.assertGreater(int(caught.exception.response.headers["retry-after"]), 0)
            self.assertEqual(server.wait_end(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
