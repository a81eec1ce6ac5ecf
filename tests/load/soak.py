#!/usr/bin/env python3
"""Many thousand mixed requests at once: every answer is that of its single run, and nothing grows.

First each case of the pool runs alone; what comes back is its truth. Then clients send the cases in
a random order, all at once, while others hang up in mid-stream, read slowly, write slowly, or send
what is no request. At the end of each quarter the service is left alone for a moment: a prompt that
needs every page of the KV cache must still be answered, and resident memory, open files and threads
must be what they were at the end of the first.

    QVL_BINARY=build/src/cli/qvl tests/load/soak.py [--count 20000] [--minutes M] [--clients 16]
"""
import argparse
import collections
import json
import pathlib
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenarios"))
import harness  # noqa: E402
from harness import (DEMO, IMAGES, MODEL, SANITIZED, Closed, Server, chat_body, endless,  # noqa: E402
                     events_of, image_part, request_bytes, user)

harness.DEADLINE_S = 600  # a busy machine may be slow: that is no wrong answer
CHAT = "/v1/chat/completions"
CONTEXT, PAGE = 2048, 32
# Growth that allocators may show without anything being lost.
RSS_SHARE, RSS_BYTES = 1.05, 24 << 20
PERSON = {"type": "object", "properties": {
    "name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
    "tags": {"type": "array", "items": {"enum": ["new", "old"]}, "maxItems": 3}},
    "required": ["name", "age", "tags"], "additionalProperties": False}


class Case:
    """One request, how often it comes, and how its client behaves."""

    def __init__(self, name, data, weight, act="plain"):
        self.name, self.weight, self.act = name, weight, act
        self.data = data if isinstance(data, bytes) else request_bytes("POST", CHAT, data)
        self.truth = None


def text_of(tokens):
    return "ping " * (tokens // 3)


def eval_cases():
    lines = (DEMO / "eval" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    for i, row in enumerate(map(json.loads, lines[:120])):
        content = [image_part(DEMO / "eval" / name) for name in row["images"]]
        content.append({"type": "text", "text": row["question"]})
        stream = {"stream": True, "stream_options": {"include_usage": True}} if i % 3 == 0 else {}
        act = ("plain", "slow_write", "plain", "slow_read")[i % 4] if stream or i % 4 == 1 else "plain"
        yield Case(f"eval {i}", chat_body(content, **stream), 5, act)


def format_cases():
    """Every format that is read, the refused files among them."""
    for path in sorted(IMAGES.iterdir()):
        if path.suffix[1:] in ("png", "jpg", "gif", "webp", "bmp") and not path.name.startswith("big_"):
            yield Case(path.name, chat_body([image_part(path), {"type": "text", "text": "describe"}],
                                            max_tokens=12), 1)


def text_cases():
    for i, question in enumerate(("hello", "你好", "ping", "How are you?", "谢谢", "What can you do?")):
        yield Case(question, chat_body(question, max_tokens=40), 6)
        yield Case(question + " streamed", chat_body(question, max_tokens=40, stream=True), 6)
        yield Case(question + " sampled", chat_body(question, max_tokens=30, temperature=0.9, seed=i,
                                                    top_p=0.9, n=3), 4)
        yield Case(question + " ×4", chat_body(question, max_tokens=30, n=4, ignore_eos=True), 4)
        yield Case(question + " stop", chat_body(question, max_tokens=60, ignore_eos=True,
                                                 stop=["the", "。", "\n"]), 4)
        yield Case(question + " schema", chat_body(question, max_tokens=150, response_format={
            "type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}), 4)
        yield Case(question + " long answer", endless(120, stream=True), 2, "slow_read")


def long_cases():
    """From beyond 256 tokens up to the context and past it."""
    for tokens in (300, 600, 1500, 2020):
        yield Case(f"{tokens} tokens", chat_body(text_of(tokens), max_tokens=8), 1)
    yield Case("beyond the context", chat_body(text_of(3000), max_tokens=8), 2)
    shared = "你好 " * 200
    for i in range(4):
        yield Case(f"shared beginning {i}", chat_body(shared + str(i) * (i + 1), max_tokens=12), 4)


def bad_cases():
    bodies = [b"", b"{", b"[]", b'{"model":"x"}', b'{"messages":[]}', b"\xff\xfe", b'{"a":' * 200,
              json.dumps(chat_body("hi", max_tokens=-1)).encode(),
              json.dumps(chat_body("hi", temperature="hot")).encode(),
              json.dumps(chat_body("hi", n=1000)).encode(),
              json.dumps(chat_body([{"type": "image_url", "image_url": {
                  "url": "data:image/png;base64,AAAA"}}])).encode(),
              json.dumps(chat_body("hi", response_format={"type": "json_schema", "json_schema": {
                  "name": "x", "schema": {"type": "nothing"}}})).encode(),
              json.dumps(dict(chat_body("hi"), model="another")).encode()]
    for i, body in enumerate(bodies):
        yield Case(f"bad body {i}", request_bytes("POST", CHAT, body), 2)
    yield Case("no such path", request_bytes("GET", "/v1/nothing"), 2)
    yield Case("no such method", request_bytes("PUT", CHAT, b"{}"), 2)
    yield Case("health", request_bytes("GET", "/health"), 4)
    yield Case("models", request_bytes("GET", "/v1/models"), 2)
    for i, data in enumerate((b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n",
                              b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
                              b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 2000 + b"\r\n")):
        yield Case(f"no request {i}", data, 2, "raw")


def leaving_cases():
    """Clients that do not wait for the end."""
    for act, weight in (("leave_stream", 20), ("reset_stream", 20), ("leave_at_once", 20),
                        ("half_body", 10)):
        yield Case(act, endless(2000, stream=act.endswith("stream")), weight, act)
    picture = [image_part(IMAGES / "size_256x256.png"), {"type": "text", "text": "describe"}]
    yield Case("leave a picture", chat_body(picture), 10, "leave_at_once")
    yield Case("leave a long prompt", chat_body(text_of(1800)), 5, "leave_at_once")
    yield Case("leave four", endless(2000, stream=True, n=4), 10, "leave_stream")


def outcome_of(reply):
    """What must be equal: status, error code, texts and ends, tokens used."""
    if reply.status != 200:
        return reply.status, reply.code() if reply.body else None
    if (reply.header("content-type") or "").startswith("text/event-stream"):
        return outcome_of_stream(events_of(reply.body))
    value = reply.json()
    if "choices" not in value:
        return reply.status, sorted(value)
    usage = value["usage"]
    return (200, tuple((c["message"]["content"], c["finish_reason"]) for c in value["choices"]),
            usage["prompt_tokens"], usage["completion_tokens"])


def outcome_of_stream(events):
    texts, ends, usage = collections.defaultdict(str), {}, {}
    if events[-1] != "[DONE]":
        return 200, "no end", str(events[-1])
    for event in events[:-1]:
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            texts[choice["index"]] += choice["delta"].get("content") or ""
            ends[choice["index"]] = choice["finish_reason"] or ends.get(choice["index"])
    return (200, tuple((texts[i], ends[i]) for i in sorted(ends)),
            usage.get("prompt_tokens"), usage.get("completion_tokens"))


class Clients:
    """How requests are sent. Each returns an outcome, or None where there is none to compare."""

    def __init__(self, server):
        self.server = server
        self.kept = threading.local()

    def connection(self):
        """The thread's own, kept from request to request."""
        if getattr(self.kept, "connection", None) is None:
            self.kept.connection = self.fresh()
        return self.kept.connection

    def fresh(self, **options):
        connection = self.server.connect(**options)
        self.server.connections.remove(connection)
        return connection

    def drop(self):
        if getattr(self.kept, "connection", None) is not None:
            self.kept.connection.close()
        self.kept.connection = None

    def run(self, case, rng):
        return getattr(self, case.act)(case.data, rng)

    def plain(self, data, rng):
        connection = self.connection()
        try:
            connection.send(data)
            reply = connection.read_reply()
        except (Closed, OSError):
            self.drop()
            raise
        if reply.header("connection") == "close" or rng.random() < 0.1:
            self.drop()
        return outcome_of(reply)

    def slow_write(self, data, rng):
        with self.fresh() as connection:
            for at in range(0, len(data), 1 + len(data) // 5):
                connection.send(data[at:at + 1 + len(data) // 5])
                time.sleep(rng.random() * 0.02)
            return outcome_of(connection.read_reply())

    def slow_read(self, data, rng):
        with self.fresh(receive_bytes=2048) as connection:
            connection.send(data)
            time.sleep(0.05 + rng.random() * 0.2)
            return outcome_of(connection.read_reply())

    def raw(self, data, _rng):
        with self.fresh() as connection:
            connection.send(data)
            try:
                return outcome_of(connection.read_reply())
            except (Closed, ConnectionResetError):
                return "closed"

    def leave_stream(self, data, rng, reset=False):
        with self.fresh() as connection:
            connection.send(data)
            if connection.read_head()[1] == 200:
                for _ in range(rng.randrange(6)):
                    connection.read_chunk()
            if reset:
                connection.reset()

    def reset_stream(self, data, rng):
        self.leave_stream(data, rng, reset=True)

    def leave_at_once(self, data, rng):
        with self.fresh() as connection:
            connection.send(data)
            time.sleep(rng.random() * 0.1)

    def half_body(self, data, rng):
        with self.fresh() as connection:
            connection.send(data[:rng.randrange(len(data))])


class Soak:
    def __init__(self, server, options):
        self.server, self.options = server, options
        self.clients = Clients(server)
        # The truths of all cases would take longer than a short soak.
        step = 1 if options.count >= 2000 else 6
        self.cases = [case for make in (eval_cases, format_cases, text_cases, long_cases, bad_cases,
                                        leaving_cases)
                      for case in list(make())[::1 if make is leaving_cases else step]]
        self.wrong, self.done, self.lock = [], collections.Counter(), threading.Lock()
        self.quarters, self.slowest = [], (0, "")

    def learn(self):
        rng = random.Random(0)
        for case in self.cases:
            case.truth = self.clients.run(case, rng)
            self.clients.drop()

    def one(self, number):
        rng = random.Random(f"{self.options.seed}/{number}")
        case = rng.choices(self.cases, [case.weight for case in self.cases])[0]
        begin = time.monotonic()
        try:
            outcome = self.clients.run(case, rng)
            for _ in range(200):  # the queue is bounded: a client comes again
                if not (isinstance(outcome, tuple) and outcome[:2] == (503, "queue_full")):
                    break
                time.sleep(0.05)
                outcome = self.clients.run(case, rng)
        except Exception as error:  # whatever it is, it is a finding
            outcome = repr(error)
        with self.lock:
            self.slowest = max(self.slowest, (time.monotonic() - begin, case.name))
            self.done[case.act] += 1
            if outcome != case.truth:
                self.wrong.append((number, case.name, case.truth, outcome))
                if len(self.wrong) <= 10:
                    print(f"request {number}, {case.name}:\n  alone    {case.truth}\n"
                          f"  together {outcome}", flush=True)
            if sum(self.done.values()) % 1000 == 0:
                print(f"{sum(self.done.values())} requests, {len(self.wrong)} wrong", flush=True)

    def rest(self):
        """Nothing runs: the figures of the process."""
        whole = chat_body(text_of(CONTEXT - 20), max_tokens=1)
        time.sleep(1)  # for those who left to be noticed
        reply = self.server.chat(whole)
        if reply.status != 200 or reply.json()["usage"]["prompt_tokens"] < CONTEXT - PAGE:
            raise AssertionError(f"the whole context: {reply.status} {reply.body[:300]}")
        proc = pathlib.Path(f"/proc/{self.server.pid}")
        time.sleep(0.5)
        return {"rss": self.server.rss_bytes(), "files": len(list((proc / "fd").iterdir())),
                "threads": len(list((proc / "task").iterdir()))}

    def run(self):
        start, count = time.monotonic(), self.options.count
        end = start + self.options.minutes * 60 if self.options.minutes else None
        number = 0
        for quarter in range(4):
            until = count * (quarter + 1) // 4
            with ThreadPoolExecutor(self.options.clients, initializer=self.clients.drop) as pool:
                for _ in pool.map(self.one, range(number, until)):
                    if end and time.monotonic() > start + (end - start) * (quarter + 1) / 4:
                        pool.shutdown(cancel_futures=True)
                        break
            number = until
            self.quarters.append(self.rest())
            print(f"quarter {quarter + 1}: {sum(self.done.values())} requests, "
                  f"{len(self.wrong)} wrong, {time.monotonic() - start:.0f} s, " +
                  ", ".join(f"{k} {v}" for k, v in self.quarters[-1].items()), flush=True)

    def findings(self):
        if self.wrong:
            yield f"{len(self.wrong)} answers are not those of the single runs"
        first, last = self.quarters[0], self.quarters[-1]
        if last["rss"] > first["rss"] * RSS_SHARE + RSS_BYTES:
            yield f"resident memory grew from {first['rss']} to {last['rss']} bytes"
        for what in ("files", "threads"):
            if last[what] != first[what]:
                yield f"{what}: {first[what]}, and in the end {last[what]}"


def kv_bytes():
    """Of one whole context: pages that are lost are missed at once."""
    config = json.loads((DEMO / "config.json").read_text(encoding="utf-8"))["text_config"]
    return (CONTEXT * config["num_hidden_layers"] * config["num_key_value_heads"] *
            config["head_dim"] * 2 * 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=0, help="stop each quarter at its share")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with Server("--model.context", CONTEXT, "--model.kv-cache", kv_bytes(),
                "--log.access", "off") as server:
        soak = Soak(server, options)
        begin = time.monotonic()
        soak.learn()
        print(f"{len(soak.cases)} cases alone: {time.monotonic() - begin:.0f} s", flush=True)
        soak.run()
        findings = list(soak.findings())
    print(f"{sum(soak.done.values())} requests: " +
          ", ".join(f"{v} {k}" for k, v in sorted(soak.done.items())))
    print(f"slowest: {soak.slowest[0]:.1f} s, {soak.slowest[1]}")
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings" + (" (sanitized)" if SANITIZED else ""))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
