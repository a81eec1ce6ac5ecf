#!/usr/bin/env python3
"""What a request may say beside its question: unknown fields, too many tokens, sizes of pictures."""
import base64
import re
import struct
import unittest
import zlib

from harness import MODEL, Scenario, Server, chat_body, main, user

CHAT, HEADER = "/v1/chat/completions", "x-ignored-parameters"


def png(width, height):
    """A picture of one grey, as a data URL."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


class Unknown(Scenario):
    def test_they_are_listed(self):
        for fields, listed in (({}, None), ({"user": "u", "metadata": {}, "store": False}, None),
                               ({"foo": 1}, "foo"), ({"foo": None, "reasoning_effort": "low"},
                                                     "foo,reasoning_effort")):
            for stream in (False, True):
                reply = self.server.chat("hello", max_tokens=1, stream=stream, **fields)
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.header(HEADER), listed)
        refused = self.server.chat("hello", max_tokens=0, foo=1)
        self.check_error(refused, 400, "invalid_value", "max_tokens")
        self.assertEqual(refused.header(HEADER), "foo")
        for path, body in (("/v1/completions", {"model": MODEL, "prompt": "x", "max_tokens": 1}),
                           ("/tokenize", {"prompt": "x"}), ("/detokenize", {"tokens": [1]})):
            self.assertIsNone(self.server.request("POST", path, body).header(HEADER))
            reply = self.server.request("POST", path, {**body, "messaging": 1})
            self.assertEqual((reply.status, reply.header(HEADER)), (200, "messaging"))

    def test_no_name_can_do_harm(self):
        reply = self.server.chat("hello", max_tokens=1, **{"a\r\nset-cookie: x": 1, "é": 2})
        self.assertEqual(reply.header(HEADER), "a??set-cookie??x,??")
        many = {f"unknown_{i}": i for i in range(5000)}
        listed = self.server.chat("hello", max_tokens=1, **many).header(HEADER)
        self.assertLess(len(listed), 256)
        self.assertRegex(listed, r"^[a-z0-9_,]+,\+\d+$")
        self.assertEqual(len(listed.split(",")) - 1 + int(listed.split("+")[1]), 5000)


class Refused(Scenario):
    flags = ("--server.unknown-parameters", "refuse", "--server.excess-tokens", "refuse")

    def test_unknown_fields(self):
        error = self.check_error(self.server.chat("hello", temprature=1), 400, "invalid_value",
                                 "temprature")
        self.assertEqual(error["hint"], "Did you mean temperature?")
        chinese = self.server.request("POST", CHAT, chat_body("hello", temprature=1),
                                      {"Accept-Language": "zh"}).error()
        self.assertIn("temprature", chinese["message"])
        self.assertIn("temperature", chinese["hint"])
        self.assertEqual(self.server.chat("hello", max_tokens=1, user="u", seed=1).status, 200)
        for path, body in (("/v1/completions", {"model": MODEL, "prompt": "x", "messages": []}),
                           ("/tokenize", {"prompt": "x", "max_tokens": 3}),
                           ("/detokenize", {"tokens": [1], "prompt": "x"})):
            name = list(body)[-1]
            self.check_error(self.server.request("POST", path, body), 400, "invalid_value", name)

    def test_more_tokens_than_there_is_room_for(self):
        room = 8192 - self.server.chat("hello", max_tokens=1).json()["usage"]["prompt_tokens"]
        error = self.check_error(self.server.chat("hello", max_tokens=room + 1), 400,
                                 "context_length_exceeded", "max_tokens")
        self.assertEqual(re.findall(r"\d+", error["message"]),
                         [str(room + 1), str(8192 - room), str(room)])
        self.assertIn(str(room), error["hint"])
        fits = self.server.chat("hello", max_tokens=room)
        self.assertEqual(fits.status, 200)
        self.assertIsNone(fits.header("x-max-tokens-clamped"))


class Clamped(Scenario):
    def test_more_tokens_than_there_is_room_for(self):
        room = 8192 - self.server.chat("hello", max_tokens=1).json()["usage"]["prompt_tokens"]
        reply = self.server.chat("hello", max_tokens=room + 1)
        self.assertEqual(reply.header("x-max-tokens-clamped"), str(room))
        reply = self.server.request("POST", "/v1/completions", {
            "model": MODEL, "prompt": ["hello", "hello hello hello"], "max_tokens": 99999,
            "stop": ["a", "e", "。", "的", "色"]})
        self.assertEqual(reply.status, 200)
        self.assertLess(int(reply.header("x-max-tokens-clamped")), 8192)


class Sizes(Scenario):
    """512 × 1024 pixels are 512 tokens; at most 1024 × 1024 are allowed."""

    flags = ("--model.image.max-pixels", 1024 * 1024)
    picture = png(1024, 512)

    def tokens(self, part, **fields):
        messages = [user([part, {"type": "text", "text": "x"}])]
        reply = self.server.chat(messages=messages, max_tokens=1, **fields)
        self.assertEqual(reply.status, 200, reply.body)
        count = self.server.request("POST", "/tokenize", {
            "messages": messages, **{k: v for k, v in fields.items() if "pixels" in k or "mm" in k}})
        usage = reply.json()["usage"]
        self.assertEqual(count.json()["count"], usage["prompt_tokens"])
        return usage["prompt_tokens_details"]["image_tokens"]

    def part(self, url=None, beside=None, **inside):
        return {"type": "image_url", "image_url": {"url": url or self.picture, **inside},
                **(beside or {})}

    def test_detail(self):
        self.assertEqual(self.tokens(self.part()), 512)
        for detail, tokens in (("auto", 512), ("high", 512), ("low", 242)):
            self.assertEqual(self.tokens(self.part(detail=detail)), tokens)
        small = self.part(png(320, 320), detail="low")
        self.assertEqual(self.tokens(small), 100, "low never enlarges")

    def test_pixels_of_a_picture(self):
        self.assertEqual(self.tokens(self.part(max_pixels=128 * 1024)), 128)
        self.assertEqual(self.tokens(self.part(beside={"max_pixels": 128 * 1024})), 128)
        self.assertEqual(self.tokens({"type": "image", "image": self.picture,
                                      "max_pixels": 128 * 1024}), 128)
        self.assertEqual(self.tokens(self.part(png(64, 64), min_pixels=256 * 1024)), 256)
        self.assertEqual(self.tokens(self.part(max_pixels=128 * 1024, detail="low")), 128)
        self.assertEqual(self.tokens(self.part(min_pixels=1000 * 1024, detail="low")), 242)
        self.assertEqual(self.tokens(self.part(max_pixels=1)), 1)

    def test_pixels_of_a_request(self):
        self.assertEqual(self.tokens(self.part(), max_pixels=128 * 1024), 128)
        self.assertEqual(self.tokens(self.part(), mm_processor_kwargs={"max_pixels": 128 * 1024}),
                         128)
        self.assertEqual(self.tokens(self.part(), mm_processor_kwargs={
            "size": {"shortest_edge": 1024, "longest_edge": 128 * 1024}}), 128)
        self.assertEqual(self.tokens(self.part(max_pixels=32 * 1024), max_pixels=128 * 1024), 32)

    def test_the_operator_s_limit_holds(self):
        huge = 1 << 40
        large = png(2048, 1024)
        self.assertEqual(self.tokens(self.part(large)), 990)
        self.assertEqual(self.tokens(self.part(large, max_pixels=huge)), 990)
        self.assertEqual(self.tokens(self.part(large), max_pixels=huge), 990)
        self.assertLessEqual(self.tokens(self.part(png(64, 64), min_pixels=huge)), 1024)

    def test_refusals(self):
        place = "messages[0].content[0].image_url."
        for part, fields, param in (
                (self.part(detail="full"), {}, place + "detail"),
                (self.part(max_pixels=0), {}, place + "max_pixels"),
                (self.part(min_pixels=9, max_pixels=8), {}, place + "min_pixels"),
                (self.part(), {"min_pixels": 9, "max_pixels": 8}, "min_pixels"),
                (self.part(), {"mm_processor_kwargs": {"do_resize": False}},
                 "mm_processor_kwargs.do_resize"),
                (self.part(resized_width=64), {}, place + "resized_width")):
            messages = [user([part, {"type": "text", "text": "x"}])]
            self.check_error(self.server.chat(messages=messages, **fields), 400, "invalid_value",
                             param)

    def test_cached_tokens_are_told(self):
        body = chat_body(messages=[user([self.part(), {"type": "text", "text": "again?"}])],
                         max_tokens=1)
        first, second = (self.server.request("POST", CHAT, body).json()["usage"] for _ in range(2))
        self.assertEqual(first["prompt_tokens"], second["prompt_tokens"])
        self.assertGreater(second["prompt_tokens_details"]["cached_tokens"], 400)
        salted = {**body, "cache_salt": "mine"}
        usages = [self.server.request("POST", CHAT, salted).json()["usage"] for _ in range(2)]
        cached = [usage["prompt_tokens_details"]["cached_tokens"] for usage in usages]
        self.assertEqual(cached[0], 0, "nobody finds another's prompts")
        self.assertGreater(cached[1], 400)


class Fingerprint(unittest.TestCase):
    def test_it_tells_apart_what_may_answer_differently(self):
        seen = []
        for flags in ((), (), ("--model.exact", "true"), ("--model.kv-type", "q8_0")):
            with Server(*flags) as server:
                seen.append(server.chat("hello", max_tokens=1).json()["system_fingerprint"])
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(len(set(seen)), 3)


if __name__ == "__main__":
    main()
