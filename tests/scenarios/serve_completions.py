#!/usr/bin/env python3
"""POST /v1/completions, /tokenize and /detokenize, as OpenAI's and vLLM's clients use them."""
import json
import threading
import time

from harness import (DEMO, MODEL, Scenario, chat_body, image_part, main, request_bytes, sample,
                     user, wait_until)

CHAT = "/v1/chat/completions"


class Texts(Scenario):
    def ask(self, prompt, **fields):
        body = {"model": MODEL, "prompt": prompt, "temperature": 0, **fields}
        return self.server.request("POST", "/v1/completions", body)

    def answer(self, prompt, **fields):
        reply = self.ask(prompt, **fields)
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.header("content-type"), "application/json")
        return reply.json()

    def text(self, prompt, **fields):
        return self.answer(prompt, **fields)["choices"][0]["text"]

    def stream(self, prompt, **fields):
        """The chunks of a stream, and the joined text of each choice."""
        reply = self.ask(prompt, stream=True, **fields)
        self.assertEqual(reply.status, 200, reply.body)
        *chunks, done = reply.events()
        self.assertEqual(done, "[DONE]")
        texts = {}
        for chunk in chunks:
            self.assertEqual(chunk["object"], "text_completion")
            for choice in chunk["choices"]:
                texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
        return chunks, texts

    def tokens(self, body):
        reply = self.server.request("POST", "/tokenize", body)
        self.assertEqual(reply.status, 200, reply.body)
        found = reply.json()
        self.assertEqual(list(found), ["count", "max_model_len", "tokens", "token_strs"])
        self.assertEqual(found["count"], len(found["tokens"]))
        self.assertEqual(found["max_model_len"], 8192)
        return found


class Completions(Texts):
    def test_shape(self):
        answer = self.answer("hello", user="u")
        self.assertTrue(answer["id"].startswith("cmpl-"))
        self.assertEqual(list(answer), ["id", "object", "created", "model", "system_fingerprint",
                                        "choices", "usage"])
        self.assertEqual(answer["model"], MODEL)
        self.assertAlmostEqual(answer["created"], time.time(), delta=100)
        self.assertEqual(list(answer["choices"][0]),
                         ["index", "text", "logprobs", "finish_reason", "stop_reason"])
        self.assertEqual(answer["usage"]["completion_tokens"], 16, "OpenAI's usual max_tokens")
        self.assertEqual(answer["choices"][0]["finish_reason"], "length")

    def test_a_chat_as_tokens_gives_the_chat_s_answer(self):
        row = sample(2)
        question = [user("hello")]
        chat = self.server.chat(messages=question, max_tokens=30, return_token_ids=True).json()
        ids = self.tokens({"model": MODEL, "messages": question})["tokens"]
        self.assertEqual(ids, chat["prompt_token_ids"])
        answer = self.answer(ids, max_tokens=30, return_token_ids=True)
        choice = answer["choices"][0]
        self.assertEqual(choice["text"], chat["choices"][0]["message"]["content"])
        self.assertEqual(choice["token_ids"], chat["choices"][0]["token_ids"])
        self.assertEqual(choice["prompt_token_ids"], ids)
        self.assertEqual((choice["finish_reason"], choice["stop_reason"]), ("stop", None))
        self.assertEqual(answer["usage"]["prompt_tokens"], len(ids))
        self.assertGreater(len(row["answer"]), 0)

    def test_several_prompts_and_answers(self):
        alone = [self.text(prompt, max_tokens=4) for prompt in ("hello", "你好")]
        answer = self.answer(["hello", "你好"], n=2, max_tokens=4)
        self.assertEqual([c["index"] for c in answer["choices"]], [0, 1, 2, 3])
        self.assertEqual([c["text"] for c in answer["choices"]],
                         [alone[0], alone[0], alone[1], alone[1]])
        self.assertEqual(answer["usage"]["completion_tokens"], 16)
        one = self.answer(["hello"], max_tokens=4)["usage"]["prompt_tokens"]
        other = self.answer("你好", max_tokens=4)["usage"]["prompt_tokens"]
        self.assertEqual(answer["usage"]["prompt_tokens"], one + other)
        seeded = self.answer(["hello", "hello"], n=2, max_tokens=8, temperature=1, seed=5)
        texts = [c["text"] for c in seeded["choices"]]
        self.assertEqual(texts[:2], texts[2:], "each prompt's answers use seed, seed + 1")
        ids = self.answer([[1, 2], [3]], max_tokens=2)
        self.assertEqual(ids["usage"]["prompt_tokens"], 3)

    def test_stream_equals_the_whole(self):
        for fields in ({}, {"n": 2, "temperature": 1, "seed": 3}, {"echo": True, "n": 2}):
            whole = self.answer(["hello", "你好"], max_tokens=12, **fields)
            chunks, texts = self.stream(["hello", "你好"], max_tokens=12,
                                        stream_options={"include_usage": True}, **fields)
            self.assertEqual(texts, {c["index"]: c["text"] for c in whole["choices"]})
            *some, last = chunks
            self.assertEqual(last["choices"], [])
            for figure in ("prompt_tokens", "completion_tokens", "total_tokens"):
                self.assertEqual(last["usage"][figure], whole["usage"][figure])
            self.assertTrue(all(chunk["usage"] is None for chunk in some))
            ends = {c["index"]: c["finish_reason"] for chunk in some for c in chunk["choices"]
                    if c["finish_reason"]}
            self.assertEqual(ends, {c["index"]: c["finish_reason"] for c in whole["choices"]})
            self.assertEqual(len({chunk["id"] for chunk in chunks}), 1)

    def test_echo(self):
        usual = self.text("hello", max_tokens=3)
        self.assertEqual(self.text("hello", max_tokens=3, echo=True), "hello" + usual)
        ids = self.tokens({"prompt": "hello you"})["tokens"]
        self.assertTrue(self.text(ids, max_tokens=1, echo=True).startswith("hello you"))
        for stream in (False, True):
            reply = self.ask("hello", max_tokens=0, echo=True, stream=stream)
            body = reply.events()[0] if stream else reply.json()
            self.assertEqual(body["choices"][0]["text"], "hello")
            self.assertEqual(body["choices"][0]["finish_reason"], "length")
        self.assertEqual(self.answer("hello", max_tokens=0)["usage"]["completion_tokens"], 0)

    def test_text_is_never_a_control_token(self):
        text = "<|im_start|>user\nhi<|im_end|>"
        count = self.answer(text, max_tokens=1)["usage"]["prompt_tokens"]
        plain = self.tokens({"prompt": text, "parse_special": False})["count"]
        parsed = self.tokens({"prompt": text})["count"]
        self.assertEqual(count, plain)
        self.assertLess(parsed, plain)

    def test_legacy_logprobs(self):
        answer = self.answer("hello", max_tokens=8, logprobs=3, return_token_ids=True)
        choice = answer["choices"][0]
        lists = choice["logprobs"]
        self.assertEqual(list(lists), ["text_offset", "token_logprobs", "tokens", "top_logprobs"])
        for values in lists.values():
            self.assertEqual(len(values), 8)
        self.assertEqual("".join(lists["tokens"]), choice["text"])
        for i, offset in enumerate(lists["text_offset"]):
            self.assertEqual("".join(lists["tokens"][:i]), choice["text"][:offset])
        for token, logprob, top in zip(lists["tokens"], lists["token_logprobs"],
                                       lists["top_logprobs"]):
            self.assertEqual(len(top), 3)
            self.assertEqual(top[token], logprob, "greedy: the token is the likeliest")
            self.assertEqual(max(top.values()), logprob)
        only = self.answer("hello", max_tokens=2, logprobs=0)["choices"][0]["logprobs"]
        self.assertEqual([list(top) for top in only["top_logprobs"]],
                         [[token] for token in only["tokens"]])
        chunks, _ = self.stream("hello", max_tokens=8, logprobs=3)
        joined = {key: [] for key in lists}
        for chunk in chunks:
            for key, values in (chunk["choices"][0]["logprobs"] or {}).items():
                joined[key] += values
        self.assertEqual(joined, lists)

    def scores(self, prompt, **fields):
        """How likely a prompt is: an echo of it with its log-probabilities, and nothing more."""
        answer = self.answer(prompt, echo=True, logprobs=1, **{"max_tokens": 0, **fields})
        return answer, answer["choices"][0]["logprobs"]

    def test_a_prompt_is_scored(self):
        """What was generated is as likely when it comes as a prompt; whatever is in the cache."""
        start = self.tokens({"prompt": "hello, what is in this picture?"})["tokens"]
        made = self.answer(start, max_tokens=60, logprobs=1, return_token_ids=True, ignore_eos=True)
        ids, wanted = made["choices"][0]["token_ids"], made["choices"][0]["logprobs"]
        for _ in range(2):
            answer, found = self.scores(start + ids)
            self.assertEqual(len(found["tokens"]), len(start) + 60)
            self.assertIsNone(found["token_logprobs"][0])
            self.assertIsNone(found["top_logprobs"][0])
            self.assertEqual(found["tokens"][len(start):], wanted["tokens"])
            for a, b in zip(found["token_logprobs"][len(start):], wanted["token_logprobs"]):
                self.assertAlmostEqual(a, b, delta=0.02)
            for top in found["top_logprobs"][1:]:
                self.assertIn(len(top), (1, 2), "the likeliest, and the token")
            choice = answer["choices"][0]
            self.assertEqual(choice["finish_reason"], "length")
            self.assertEqual(answer["usage"]["completion_tokens"], 0)
            self.assertEqual(answer["usage"]["prompt_tokens"], len(start) + 60)
        more, found = self.scores(start + ids, max_tokens=3, temperature=0)
        self.assertEqual(len(found["tokens"]), len(start) + 63)
        self.assertTrue(more["choices"][0]["text"].startswith(choice["text"]))
        self.assertEqual("".join(found["tokens"]).replace("<|im_end|>", ""),
                         more["choices"][0]["text"])
        self.assertEqual(found["text_offset"][0], 0)

    def test_scores_in_a_stream_and_of_several(self):
        for fields in ({"max_tokens": 0}, {"max_tokens": 4}, {"max_tokens": 2, "n": 2}):
            prompts = ["hello there", "你好", "a"]
            whole = self.answer(prompts, echo=True, logprobs=2, **fields)
            chunks, texts = self.stream(prompts, echo=True, logprobs=2, **fields)
            self.assertEqual(texts, {c["index"]: c["text"] for c in whole["choices"]})
            for choice in whole["choices"]:
                joined = {key: [] for key in choice["logprobs"]}
                for chunk in chunks:
                    for part in chunk["choices"]:
                        if part["index"] == choice["index"]:
                            for key, values in (part["logprobs"] or {}).items():
                                joined[key] += values
                for key in ("tokens", "text_offset"):
                    self.assertEqual(joined[key], choice["logprobs"][key])
                for a, b in zip(joined["token_logprobs"], choice["logprobs"]["token_logprobs"]):
                    self.assertAlmostEqual(a or 0, b or 0, delta=0.02)

    def test_long_prompts_are_scored_while_others_run(self):
        long = self.tokens({"prompt": "the square is red and the circle is blue. " * 120})["tokens"]
        found, results = [], []
        threads = [threading.Thread(target=lambda: found.append(self.scores(long)[1]))
                   for _ in range(3)]
        threads += [threading.Thread(target=lambda: results.append(self.text("hello", max_tokens=30)))
                    for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(results)), 1)
        self.assertEqual([len(f["tokens"]) for f in found], [len(long)] * 3)
        for other in found[1:]:
            for a, b in zip(found[0]["token_logprobs"][1:], other["token_logprobs"][1:]):
                self.assertAlmostEqual(a, b, delta=0.02)

    def test_what_stopped_it(self):
        usual = self.answer("hello", max_tokens=8, return_token_ids=True)["choices"][0]
        text, ids = usual["text"], usual["token_ids"]
        stop = text[3:5]
        for include in (False, True):
            for stream in (False, True):
                fields = {"max_tokens": 8, "stop": ["no such text", stop],
                          "include_stop_str_in_output": include}
                if stream:
                    chunks, texts = self.stream("hello", **fields)
                    got, choice = texts[0], chunks[-1]["choices"][0]
                else:
                    choice = self.answer("hello", **fields)["choices"][0]
                    got = choice["text"]
                end = text.index(stop)
                self.assertEqual(got, text[:end + (len(stop) if include else 0)])
                self.assertEqual((choice["finish_reason"], choice["stop_reason"]), ("stop", stop))
        by_id = self.answer("hello", max_tokens=8, stop_token_ids=[ids[2]])["choices"][0]
        first = ids.index(ids[2])
        self.assertEqual((by_id["finish_reason"], by_id["stop_reason"]), ("stop", ids[2]))
        with_id = self.text("hello", max_tokens=8, stop_token_ids=[ids[2]],
                            include_stop_str_in_output=True)
        self.assertEqual(with_id, self.text("hello", max_tokens=first + 1))
        self.assertEqual(by_id["text"], self.text("hello", max_tokens=first) if first else "")

    def test_bad_words_never_come(self):
        usual = self.answer("hello", max_tokens=12)["choices"][0]["text"]
        word = usual.split()[0]
        changed = self.text("hello", max_tokens=12, bad_words=[word])
        self.assertIn(word, usual)
        self.assertNotIn(word, changed)
        chat = self.server.chat("describe this image", max_tokens=20)
        word = chat.text().split()[-1].strip(".")
        self.assertNotIn(word, self.server.chat("describe this image", max_tokens=20,
                                                bad_words=[word]).text())

    def test_a_given_form(self):
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {
            "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"],
            "additionalProperties": False}}}
        text = self.text("hello", max_tokens=200, response_format=form)
        self.assertIsInstance(json.loads(text)["a"], int)

    def test_refusals(self):
        for prompt, fields, code, param in (
                ("", {}, "invalid_value", "prompt"), ([], {}, "invalid_value", "prompt"),
                (None, {}, "missing_field", "prompt"), ([[1], ["x"]], {}, "invalid_type",
                                                         "prompt[1][0]"),
                ([1, 1 << 30], {}, "invalid_value", "prompt[1]"),
                ([[1], [5000]], {}, "invalid_value", "prompt[1][0]"),
                ([[5000]], {}, "invalid_value", "prompt[0][0]"),
                ("x", {"suffix": "y"}, "invalid_value", "suffix"),
                ("x", {"best_of": 3}, "invalid_value", "best_of"),
                ("x", {"logprobs": 21}, "invalid_value", "logprobs"),
                (["x"] * 129, {}, "invalid_value", "prompt"),
                (["x"] * 100, {"n": 2}, "invalid_value", "n"),
                ("hello " * 10000, {}, "context_length_exceeded", "prompt"),
                (["x", "hello " * 10000], {}, "context_length_exceeded", "prompt[1]")):
            reply = self.ask(prompt, **fields)
            error = self.check_error(reply, 400, code, param)
            if code != "context_length_exceeded":
                self.assertIn(param, error["message"])
        self.check_error(self.server.chat("hello " * 10000), 400, "context_length_exceeded",
                         "messages")
        self.check_error(self.ask("x", model="other"), 404, "model_not_found", "model")

    def test_many_prompts(self):
        answer = self.answer([f"number {i}" for i in range(128)], max_tokens=2)
        self.assertEqual(len(answer["choices"]), 128)
        self.assertEqual(answer["choices"][77]["text"], self.text("number 77", max_tokens=2))


    def test_who_leaves_while_a_large_body_is_read(self):
        body = request_bytes("POST", "/v1/completions", {
            "model": MODEL, "max_tokens": 1, "prompt": [[1] * 300 for _ in range(100)],
            "user": "x" * (3 << 20)})
        for i in range(20):
            connection = self.server.connect()
            connection.send(body)
            if i % 2:
                time.sleep(0.002 * i)
            connection.reset()

        def answered():
            """Those that left may still be on their way out of the queue."""
            status = self.server.request("POST", "/v1/completions", {
                "model": MODEL, "prompt": "hello", "max_tokens": 1}).status
            self.assertIn(status, (200, 503))
            return status == 200
        wait_until(answered)


class Tokens(Texts):
    def untokenize(self, tokens, **fields):
        return self.server.request("POST", "/detokenize", {"tokens": tokens, **fields})

    def test_there_and_back(self):
        for text in ("", "hello", "你好，世界", "a\n\n\tb  c", "\U0001f600é", "<|im_start|>x<think>"):
            for special in (True, False):
                found = self.tokens({"prompt": text, "parse_special": special})
                reply = self.untokenize(found["tokens"], model=MODEL)
                self.assertEqual(reply.json(), {"prompt": text})

    def test_strings(self):
        found = self.tokens({"prompt": "<|im_start|>hi you", "return_token_strs": True})
        self.assertEqual(found["token_strs"], ["<|im_start|>", "hi", "Ġyou"])
        self.assertIsNone(self.tokens({"prompt": "hi"})["token_strs"])
        accent = self.tokens({"prompt": "é", "return_token_strs": True})["token_strs"]
        self.assertEqual("".join(accent), "Ã©")

    def test_messages_with_pictures(self):
        messages = [{"role": "system", "content": "Be brief. <|im_end|>"},
                    user([image_part(DEMO / "samples" / "0000.png"),
                          {"type": "text", "text": "and?"}])]
        found = self.tokens({"messages": messages})
        chat = self.server.chat(messages=messages, max_tokens=1, return_token_ids=True).json()
        self.assertEqual(found["tokens"], chat["prompt_token_ids"])
        pads = max(found["tokens"].count(t) for t in set(found["tokens"]))
        self.assertEqual(pads, chat["usage"]["prompt_tokens_details"]["image_tokens"])
        without = self.tokens({"messages": messages, "add_generation_prompt": False})
        self.assertEqual(found["tokens"][:without["count"]], without["tokens"])
        self.assertLess(without["count"], found["count"])
        # The body of a chat may be sent as it is.
        whole = self.tokens(chat_body(messages=messages, max_tokens=1))
        self.assertEqual(whole["tokens"], found["tokens"])

    def test_refusals(self):
        tokenize = lambda body: self.server.request("POST", "/tokenize", body)
        self.check_error(tokenize({}), 400, "missing_field", "prompt")
        self.check_error(tokenize({"prompt": ["a"]}), 400, "invalid_type", "prompt")
        self.check_error(tokenize({"prompt": "a", "messages": [user("x")]}), 400, "invalid_value",
                         "messages")
        self.check_error(tokenize({"messages": [user([{"type": "image_url"}])]}), 400,
                         "missing_field", "messages[0].content[0].image_url")
        self.check_error(tokenize({"prompt": "a", "model": "other"}), 404, "model_not_found",
                         "model")
        self.check_error(self.untokenize("x"), 400, "invalid_type", "tokens")
        self.check_error(self.untokenize([1, -1]), 400, "invalid_value", "tokens[1]")
        self.check_error(self.untokenize([1, 1600]), 400, "invalid_value", "tokens[1]")
        self.check_error(self.untokenize(None), 400, "missing_field", "tokens")
        for path in ("/tokenize", "/detokenize", "/v1/completions"):
            self.assertEqual(self.server.request("GET", path).header("allow"), "POST, OPTIONS")

    def test_long_texts_do_not_stop_the_others(self):
        text = "hello wide world, 你好。 " * 400000
        replies = []
        ask = lambda: replies.append(self.server.request("POST", "/tokenize", {"prompt": text}))
        thread = threading.Thread(target=ask)
        thread.start()
        slowest = 0
        while thread.is_alive():
            began = time.monotonic()
            self.assertEqual(self.server.request("GET", "/health").status, 200)
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.005)
        thread.join()
        self.assertEqual(replies[0].status, 200)
        self.assertGreater(replies[0].json()["count"], 1000000)
        self.assertLess(slowest, 1.0)
        print(f"\n/health while {len(text) >> 20} Mi characters are tokenized: {slowest * 1000:.0f} ms")


if __name__ == "__main__":
    main()
