#!/usr/bin/env python3
"""Ten thousand malformed requests: the process stays, its memory too, and nothing is a 500.

QVL_SCENARIO_SCALE=10 makes them a hundred thousand."""
import copy
import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

from harness import (DEMO, IMAGES, MODEL, SCALE, Closed, Scenario, chat_body, image_part, main,
                     request_bytes, user)

CHAT = "/v1/chat/completions"
SEED = int(os.environ.get("QVL_SCENARIO_SEED", "1"))
PICTURE = image_part(DEMO / "samples" / "0000.png")

CHATS = [
    chat_body("你好", max_tokens=2),
    chat_body("你好", max_tokens=2, stream=True, stream_options={"include_usage": True}),
    chat_body([PICTURE, {"type": "text", "text": "图片里有什么"}], max_tokens=2),
    chat_body([image_part(IMAGES / "jpeg_420_9x7.jpg"), image_part(IMAGES / "gif_static.gif")],
              max_tokens=1),
    chat_body([image_part(IMAGES / "webp_lossless.webp"), image_part(IMAGES / "bmp_8bit.bmp")],
              max_tokens=1),
    chat_body([{"type": "video", "video": [PICTURE["image_url"]["url"]] * 2}], max_tokens=1),
    chat_body(messages=[{"role": "system", "content": "x"}, user("你好"),
                        {"role": "assistant", "content": None}, user([{"type": "text", "text": ""}])],
              max_tokens=1, temperature=0.7, top_p=0.9, top_k=5, min_p=0.1, seed=3, n=2,
              presence_penalty=1, frequency_penalty=-1, repetition_penalty=1.1, stop=["a", "b"]),
    {"model": MODEL, "max_tokens": 1, "messages": [user("x")], "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]},
    chat_body([{"type": "image_url", "image_url": {**PICTURE["image_url"], "detail": "low",
                                                   "max_pixels": 9000}}], max_tokens=1,
              min_pixels=2000, mm_processor_kwargs={"size": {"longest_edge": 8000}, "fps": 1},
              bad_words=["a", "图"], include_stop_str_in_output=True, skip_special_tokens=False,
              stop_token_ids=[1], logprobs=True, top_logprobs=1, cache_salt="s", user="u"),
]

TEXTS = [
    {"model": MODEL, "prompt": ["hello", "你好"], "max_tokens": 2, "n": 2, "best_of": 2,
     "temperature": 0, "echo": True, "stop": ["a"], "suffix": "", "logit_bias": {"7": 1}},
    {"model": MODEL, "prompt": [[1, 2], [3]], "max_tokens": 1, "logprobs": 2, "stream": True,
     "stream_options": {"include_usage": True}, "allowed_token_ids": [1, 2], "seed": 1},
    {"model": MODEL, "prompt": [4, 5], "max_tokens": 0, "return_token_ids": True},
]

TOKENS = [
    ("/tokenize", {"model": MODEL, "prompt": "<|im_start|>hi", "parse_special": True,
                   "return_token_strs": True, "add_special_tokens": False}),
    ("/tokenize", {"messages": [user([PICTURE, {"type": "text", "text": "x"}])],
                   "add_generation_prompt": False, "max_pixels": 9000}),
    ("/detokenize", {"model": MODEL, "tokens": [1, 2, 3, 400]}),
]

# Chats most often: they have the most to go wrong.
VALID = [(CHAT, body) for body in CHATS] + [("/v1/completions", body) for body in TEXTS] + TOKENS

STRANGE = [None, True, False, 0, -1, 1, 1.5, 1e308, -1e308, 2 ** 31, 2 ** 63, -2 ** 63, 10 ** 400, "",
           "x", "\0", "é" * 300, "\u202e", "\U0001f600", [], {}, [[]], [{}], {"": {}}, [None], ["x"] * 50,
           {"type": "text"}, {"type": "image_url", "image_url": "x"}, "data:,", "data:image/png;base64,",
           "<|im_start|>", "http://[::1", "file:///", "a" * 5000]


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, path + (key,))


def mutate_json(rng):
    """A valid body with a few values replaced, removed, doubled or moved."""
    route, body = copy.deepcopy(rng.choice(VALID))
    for _ in range(rng.randint(1, 3)):
        path = rng.choice(list(places(body)))
        if not path:
            continue
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        act = rng.randrange(5)
        if act == 0:
            del holder[path[-1]]
        elif act == 1 and isinstance(holder, list):
            holder.extend(copy.deepcopy(holder[:10]))
        elif act == 2 and isinstance(holder[path[-1]], str):
            text = holder[path[-1]]
            at = rng.randint(0, len(text))
            holder[path[-1]] = text[:at] + rng.choice(["", "\0", "=", "/", "é"]) + text[at + 1:]
        else:
            holder[path[-1]] = copy.deepcopy(rng.choice(STRANGE))
    if isinstance(body, dict) and route.startswith("/v1"):  # bounds the work, not the shape
        for field, most in (("max_tokens", 4), ("n", 2)):
            if isinstance(body.get(field), (int, float)) and body[field] > most:
                body[field] = rng.choice([most, body[field]]) if field == "n" else most
        body.setdefault("max_tokens", 2)
        if body["max_tokens"] is None:
            body["max_tokens"] = 2
        body.pop("min_tokens", None)
    return request_bytes("POST", route, body)


def valid_bytes(rng):
    return request_bytes("POST", *rng.choice(VALID))


def mutate_bytes(data, rng):
    """Bytes changed, removed, doubled or inserted; anywhere, the head most of all."""
    data = bytearray(data)
    span = len(data) if rng.random() < 0.5 else max(1, data.find(b"\r\n\r\n"))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(span)
        act = rng.randrange(5)
        if act == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif act == 1:
            del data[at:at + rng.choice([1, 1, 2, 20])]
        elif act == 2:
            data[at:at] = data[at:at + rng.choice([1, 4, 40])]
        elif act == 3:
            data[at:at] = rng.choice([b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\xff", b'"',
                                      b"{", b"]", b"\\u0000", b"HTTP/1.1", b"chunked", b"9" * 30])
        elif at < len(data):
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def mutate_cut(rng):
    """A valid request that ends too early."""
    data = valid_bytes(rng)
    return data[:rng.randrange(1, len(data))]


def malformed(rng):
    kind = rng.randrange(10)
    if kind < 5:
        return mutate_json(rng)
    if kind < 9:
        return mutate_bytes(rng.choice([
            valid_bytes(rng), request_bytes("GET", "/health"),
            request_bytes("GET", "/v1/models/" + MODEL, headers={"X-Request-Id": "a"})]), rng)
    return mutate_cut(rng)


class Mutations(Scenario):
    # Caches that fill at once: what still grows is lost.
    flags = ("--model.kv-cache", "8MiB", "--model.image.cache", "1MiB")

    def one(self, data):
        """Sends, ends the input, and reads all that comes; the statuses of the answers."""
        statuses = []
        with self.server.connect() as connection:
            try:
                connection.send(data)
                connection.end()
                while True:
                    reply = connection.read_reply()
                    statuses.append(reply.status)
                    self.assertTrue(reply.header("x-request-id"))
                    if reply.status >= 400 and reply.body:
                        self.assertIn("code", reply.error())
            except (Closed, ConnectionError):
                pass
        return statuses

    def some(self, seed_and_count):
        seed, count = seed_and_count
        rng = random.Random(seed)
        statuses = {}
        for i in range(count):
            data = malformed(rng)
            for status in self.one(data) or [0]:
                statuses[status] = statuses.get(status, 0) + 1
                if status == 500:
                    raise AssertionError(f"500, seed {seed}, request {i}: {data[:2000]!r}")
        self.server.connections.clear()
        return statuses

    def test_ten_thousand(self):
        tasks, count = 8, int(10000 * SCALE / 8)
        with ThreadPoolExecutor(4) as pool:
            for _ in pool.map(self.some, [(SEED * 1000 + 900 + i, max(1, count // 4))
                                          for i in range(tasks)]):
                pass  # what is allocated once: caches, threads, thread arenas
            before, begin = self.server.rss_bytes(), time.monotonic()
            totals = {}
            for statuses in pool.map(self.some, [(SEED * 1000 + i, count) for i in range(tasks)]):
                for status, n in statuses.items():
                    totals[status] = totals.get(status, 0) + n
        seconds, after = time.monotonic() - begin, self.server.rss_bytes()
        print(f"\n{tasks * count} requests in {seconds:.1f} s; RSS {before >> 20} → {after >> 20} MiB; "
              f"statuses {dict(sorted(totals.items()))}")
        self.assertNotIn(500, totals)
        self.assertGreater(totals[400], tasks * count / 4)
        self.assertLess(after, before + (64 << 20) if SCALE >= 1 else before + (512 << 20))
        self.assertEqual(self.server.chat("你好", max_tokens=2).status, 200)
        for line in self.server.complaints():
            json.loads(line)
            self.assertNotIn('"level":"error"', line)

    def test_bodies_that_grow(self):
        """Large bodies of all kinds come and go; memory goes with them."""
        big = json.dumps(chat_body("x" * (24 << 20), max_tokens=1))
        tries = [big, big[:-5], "[" * (8 << 20), '"' + "\\n" * (8 << 20) + '"',
                 json.dumps({"a": [0] * 150000})]

        def ask(text):
            return self.server.request("POST", CHAT, text).status
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(ask, tries))
            before = self.server.rss_bytes()
            for _ in range(max(1, int(4 * SCALE))):
                self.assertEqual(set(pool.map(ask, tries)), {400})
        after = self.server.rss_bytes()
        print(f"\nlarge bodies: RSS {before >> 20} → {after >> 20} MiB")
        self.assertLess(after, before + (256 << 20))


if __name__ == "__main__":
    main()
