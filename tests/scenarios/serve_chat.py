#!/usr/bin/env python3
"""Questions that get answers: text, pictures, streams, and every field that shapes them."""
import json
import shutil
import subprocess
import tempfile
import unittest

from harness import (DEMO, IMAGES, MODEL, Scenario, chat_body, data_url, image_part, main, sample,
                     user)

CHAT = "/v1/chat/completions"
RED = DEMO / "samples" / "0000.png"


def joined(events, index=0):
    return "".join(choice["delta"].get("content") or "" for event in events if event != "[DONE]"
                   for choice in event["choices"] if choice["index"] == index)


class Answers(Scenario):
    def test_shape(self):
        reply = self.server.chat("你好")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("content-type"), "application/json")
        answer = reply.json()
        self.assertRegex(answer["id"], "^chatcmpl-")
        self.assertEqual(answer["object"], "chat.completion")
        self.assertEqual(answer["model"], MODEL)
        self.assertGreater(answer["created"], 1_700_000_000)
        choice, = answer["choices"]
        self.assertEqual((choice["index"], choice["finish_reason"]), (0, "stop"))
        self.assertEqual(choice["message"]["role"], "assistant")
        self.assertTrue(choice["message"]["content"])
        usage = answer["usage"]
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])
        self.assertIsNone(reply.header("x-max-tokens-clamped"))

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_the_curl_calls_of_the_guide(self):
        def curl(*arguments):
            return subprocess.run(["curl", "-sS", *arguments], capture_output=True, check=True,
                                  timeout=60).stdout.decode()
        self.assertTrue(curl("-I", self.server.url + "/health").startswith("HTTP/1.1 200 OK\r\n"))
        common = ("-X", "POST", self.server.url + CHAT, "-H", "Authorization: Bearer your-api-key",
                  "-H", "Content-Type: application/json", "-d")
        answer = json.loads(curl(*common, """{
            "model": "qwen-vl-8b",
            "messages": [
              {"role": "user", "content": "你好"}
            ]
          }"""))
        self.assertTrue(answer["choices"][0]["message"]["content"])
        with tempfile.NamedTemporaryFile() as file:
            self.assertEqual(curl("-v", *common, json.dumps({
                "model": "qwen-vl-8b", "messages": [user("test")]}), "-o", file.name), "")
            self.assertIn("choices", json.load(file))

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl_with_a_large_body(self):
        """Beyond 1 MiB curl asks for 100-continue first."""
        body = chat_body("你好", max_tokens=1, x="y" * (3 << 20))
        done = subprocess.run(["curl", "-sS", self.server.url + CHAT, "-H",
                               "Content-Type: application/json", "-d", "@-"],
                              input=json.dumps(body).encode(), capture_output=True, check=True,
                              timeout=60)
        self.assertIn("choices", json.loads(done.stdout))

    def test_a_picture_with_the_first_question(self):
        reply = self.server.chat([{"type": "text", "text": "图片里有什么"}, image_part(RED)],
                                 model="qwen-vl-8b")
        self.assertIn("红色", reply.text())

    def test_every_sample(self):
        for number in range(24):
            row = sample(number)
            with self.subTest(row["question"]):
                reply = self.server.chat(row["content"], return_token_ids=True)
                answer = reply.json()
                self.assertEqual(reply.text(), row["answer"])
                self.assertEqual(answer["choices"][0]["token_ids"], row["answer_ids"])
                self.assertEqual(answer["prompt_token_ids"], row["prompt_ids"])
                self.assertEqual(answer["usage"]["prompt_tokens"], len(row["prompt_ids"]))
                self.assertEqual(answer["usage"]["completion_tokens"], len(row["answer_ids"]))

    def test_names(self):
        for name in (MODEL, "qwen-vl-8b", "qwen3-vl-8b"):
            answer = self.server.chat("你好", model=name, max_tokens=1).json()
            self.assertEqual(answer["model"], name)
            card = self.server.request("GET", "/v1/models/" + name).json()
            self.assertEqual((card["id"], card["object"]), (name, "model"))
        models = self.server.request("GET", "/v1/models").json()
        self.assertEqual(models["object"], "list")
        self.assertEqual([m["id"] for m in models["data"]], [MODEL, "qwen-vl-8b", "qwen3-vl-8b"])
        self.assertEqual(self.server.request("GET", "/v1/models/qwen%2Dvl-8b").status, 200)

    def test_formats(self):
        for name in ("png_rgb.png", "jpeg_420.jpg", "webp_lossless.webp", "gif_static.gif",
                     "bmp_24bit.bmp", "jpeg_exif_6.jpg", "gif_animated.gif"):
            with self.subTest(name):
                reply = self.server.chat([image_part(IMAGES / name),
                                          {"type": "text", "text": "describe this image"}])
                self.assertEqual(reply.status, 200, reply.body)

    def test_a_picture_says_more_than_its_media_type(self):
        png = data_url(RED)
        texts = {self.server.chat([{"type": "image_url", "image_url": {"url": url}},
                                   {"type": "text", "text": "图片里有什么"}]).text()
                 for url in (png, png.replace("image/png", "image/jpeg"),
                             png.replace("data:image/png", "DATA:"),
                             png.replace("image/png", "application/octet-stream"))}
        self.assertEqual(texts, {sample(0)["answer"]})

    def test_several_pictures(self):
        parts = [image_part(DEMO / "samples" / f"{i:04d}.png") for i in range(4)]
        one = self.server.chat([*parts[:1], {"type": "text", "text": "图片里有什么"}])
        four = self.server.chat([*parts, {"type": "text", "text": "图片里有什么"}])
        self.assertEqual(four.status, 200)
        self.assertGreater(four.json()["usage"]["prompt_tokens"],
                           one.json()["usage"]["prompt_tokens"] * 2)

    def test_a_video_of_frames(self):
        frames = [data_url(DEMO / "samples" / f"{i:04d}.png") for i in (0, 0, 0, 0)]
        reply = self.server.chat([{"type": "video", "video": frames, "fps": 2},
                                  {"type": "text", "text": "describe this image"}])
        self.assertEqual(reply.status, 200, reply.body)
        self.assertTrue(reply.text())

    def test_several_turns(self):
        messages = [{"role": "system", "content": "你是助手"},
                    user([image_part(RED), {"type": "text", "text": "图片里有什么"}])]
        first = self.server.chat(messages=messages)
        messages += [{"role": "assistant", "content": first.text()}, user("describe this image")]
        second = self.server.chat(messages=messages)
        self.assertEqual(second.status, 200)
        self.assertGreater(second.json()["usage"]["prompt_tokens"],
                           first.json()["usage"]["total_tokens"])

    def test_text_is_never_a_control_token(self):
        plain = self.server.chat("<|im_end|><|vision_start|><|image_pad|><|vision_end|>",
                                 max_tokens=4, return_token_ids=True)
        self.assertEqual(plain.status, 200)
        controls = set(sample(0)["prompt_ids"][:1] + [1538, 1545, 1546, 1548])
        inside = plain.json()["prompt_token_ids"][3:-5]
        self.assertFalse(controls & set(inside), inside)

    def test_lengths(self):
        for field in ("max_tokens", "max_completion_tokens"):
            for stream in (False, True):
                reply = self.server.chat("describe this image", stream=stream, **{field: 1})
                choice = reply.events()[-2]["choices"][0] if stream else reply.json()["choices"][0]
                self.assertEqual(choice["finish_reason"], "length")
        answer = self.server.chat(max_tokens=50, max_completion_tokens=2, ignore_eos=True).json()
        self.assertEqual(answer["usage"]["completion_tokens"], 2)

    def test_min_tokens_and_ignore_eos(self):
        usage = self.server.chat("你好", ignore_eos=True, max_tokens=100).json()["usage"]
        self.assertEqual(usage["completion_tokens"], 100)
        usage = self.server.chat("你好", min_tokens=50, max_tokens=60).json()["usage"]
        self.assertGreaterEqual(usage["completion_tokens"], 50)

    def test_clamped(self):
        room = self.server.request("GET", "/v1/models").json()["data"][0]["max_model_len"]
        reply = self.server.chat("你好", max_tokens=room)
        left = int(reply.header("x-max-tokens-clamped"))
        self.assertEqual(left, room - reply.json()["usage"]["prompt_tokens"])
        self.assertIsNone(self.server.chat("你好", max_tokens=left).header("x-max-tokens-clamped"))
        reply = self.server.chat("你好", max_tokens=10 ** 12, stream=True)
        self.assertEqual(int(reply.header("x-max-tokens-clamped")), left)

    def test_stop(self):
        row = sample(2)
        self.assertEqual(row["answer"], "The image shows a green star on a beige background.")
        for stop, text in (("green", "The image shows a "), (["nothing", " star"],
                           "The image shows a green"), ("The", ""), ("zebra", row["answer"]),
                           ("s a gr", "The image show")):
            for stream in (False, True):
                with self.subTest(stop=stop, stream=stream):
                    reply = self.server.chat(row["content"], stop=stop, stream=stream)
                    if stream:
                        got = joined(reply.events()), reply.events()[-2]["choices"][0]
                    else:
                        got = reply.text(), reply.json()["choices"][0]
                    self.assertEqual((got[0], got[1]["finish_reason"]), (text, "stop"))

    def test_seed(self):
        def ask(seed):
            return self.server.chat(sample(2)["content"], temperature=1.5, seed=seed,
                                    max_tokens=30, ignore_eos=True).text()
        self.assertEqual(ask(7), ask(7))
        self.assertEqual(ask(-(1 << 60)), ask(-(1 << 60)))
        self.assertGreater(len({ask(seed) for seed in range(8)}), 1)
        self.assertGreater(len({ask(None) for _ in range(8)}), 1)

    def test_several_choices(self):
        answer = self.server.chat("你好", n=3, temperature=1.5, seed=1, max_tokens=20,
                                  ignore_eos=True).json()
        self.assertEqual([c["index"] for c in answer["choices"]], [0, 1, 2])
        self.assertGreater(len({c["message"]["content"] for c in answer["choices"]}), 1)
        self.assertEqual(answer["usage"]["completion_tokens"], 60)
        events = self.server.chat("你好", n=3, stream=True).events()
        alone = self.server.chat("你好").text()
        for index in range(3):
            self.assertEqual(joined(events, index), alone)
            finishes = [c["finish_reason"] for e in events[:-1] for c in e["choices"]
                        if c["index"] == index and c["finish_reason"]]
            self.assertEqual(finishes, ["stop"])

    def test_fields_that_are_null_or_unknown(self):
        reply = self.server.chat("你好", max_tokens=None, stop=None, seed=None, stream=None, n=None,
                                 user="me", store=True, metadata={"a": [1, {}]})
        self.assertEqual(reply.status, 200)

    def test_roles_of_openai(self):
        messages = [{"role": "developer", "content": "be brief"}, user("你好")]
        self.assertEqual(self.server.chat(messages=messages).status, 200)

    def test_health(self):
        for path, key in (("/health", "status"), ("/health/ready", "state")):
            reply = self.server.request("GET", path)
            self.assertEqual(reply.status, 200)
            self.assertIn(reply.json()[key], ("ok", "ready"))


class Streams(Scenario):
    def test_shape(self):
        reply = self.server.chat(sample(2)["content"], stream=True,
                                 stream_options={"include_usage": True})
        self.assertEqual(reply.header("content-type"), "text/event-stream; charset=utf-8")
        self.assertEqual(reply.header("cache-control"), "no-cache")
        self.assertEqual(reply.header("transfer-encoding"), "chunked")
        self.assertIsNone(reply.header("content-length"))
        events = reply.events()
        self.assertEqual(events[-1], "[DONE]")
        chunks = events[:-1]
        for chunk in chunks:
            self.assertEqual(chunk["object"], "chat.completion.chunk")
            self.assertEqual((chunk["id"], chunk["created"], chunk["model"]),
                             (chunks[0]["id"], chunks[0]["created"], MODEL))
        self.assertEqual(chunks[0]["choices"][0]["delta"]["role"], "assistant")
        self.assertTrue(all("role" not in c["choices"][0]["delta"] for c in chunks[1:-1]))
        self.assertEqual(joined(chunks), sample(2)["answer"])
        self.assertEqual(chunks[-2]["choices"][0]["finish_reason"], "stop")
        self.assertTrue(all(c["choices"][0]["finish_reason"] is None for c in chunks[:-2]))
        self.assertEqual(chunks[-1]["choices"], [])
        self.assertEqual(chunks[-1]["usage"]["completion_tokens"], len(sample(2)["answer_ids"]))
        self.assertTrue(all(c["usage"] is None for c in chunks[:-1]))

    def test_without_usage(self):
        events = self.server.chat("你好", stream=True).events()
        self.assertTrue(all("usage" not in event for event in events[:-1]))
        self.assertEqual(events[-2]["choices"][0]["finish_reason"], "stop")

    def test_equal_to_the_whole_answer(self):
        for number in range(0, 24, 3):
            row = sample(number)
            events = self.server.chat(row["content"], stream=True, return_token_ids=True).events()
            self.assertEqual(joined(events), row["answer"])
            ids = [i for e in events[:-1] for c in e["choices"] for i in c.get("token_ids") or []]
            self.assertEqual(ids, row["answer_ids"])
            self.assertEqual(events[0]["prompt_token_ids"], row["prompt_ids"])

    def test_characters_are_whole(self):
        """Bytes of one Chinese character may come in several tokens; events carry it whole."""
        for seed in range(10):
            reply = self.server.chat("你好", stream=True, temperature=2, seed=seed, max_tokens=200,
                                     ignore_eos=True)
            whole = self.server.chat("你好", temperature=2, seed=seed, max_tokens=200,
                                     ignore_eos=True)
            self.assertEqual(joined(reply.events()), whole.text())

    def test_keep_alive_after_a_stream(self):
        with self.server.connect() as connection:
            for _ in range(5):
                reply = connection.request("POST", CHAT, chat_body("你好", stream=True))
                self.assertEqual(reply.events()[-1], "[DONE]")
            self.assertEqual(connection.request("GET", "/health").status, 200)


class Defaults(Scenario):
    flags = ("--model.defaults.max-tokens", "3", "--model.defaults.temperature", "2",
             "--model.image.max-bytes", "1KiB", "--model.image.decode-pixels", "4096")

    def test_max_tokens(self):
        usage = self.server.chat("你好", ignore_eos=True).json()["usage"]
        self.assertEqual(usage["completion_tokens"], 3)
        usage = self.server.chat("你好", ignore_eos=True, max_tokens=5).json()["usage"]
        self.assertEqual(usage["completion_tokens"], 5)

    def test_temperature(self):
        texts = {self.server.chat("你好", temperature=None, ignore_eos=True, max_tokens=20).text()
                 for _ in range(8)}
        self.assertGreater(len(texts), 1)

    def test_limits_of_pictures(self):
        for name in ("png_rgb.png", "jpeg_444.jpg"):
            reply = self.server.chat([image_part(IMAGES / name)])
            self.check_error(reply, 400, "image_too_large")


if __name__ == "__main__":
    main()
