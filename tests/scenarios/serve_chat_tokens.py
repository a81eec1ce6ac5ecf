#!/usr/bin/env python3
"""Fields about single tokens: bias, allowed and stop tokens, log-probabilities, where answers end."""
import json
import math

from harness import Scenario, Server, main, sample

END = 1538  # <|im_end|> of the built-in model
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {
    "type": "object", "properties": {"a": {"enum": ["red", "blue"]}}, "required": ["a"]}}}


def ids_of(reply):
    return reply.json()["choices"][0]["token_ids"]


def logprobs_of(reply, index=0):
    return reply.json()["choices"][index]["logprobs"]["content"]


def bytes_of(items):
    return b"".join(bytes(item["bytes"]) for item in items)


def chunks_of(reply, index=0):
    """The choices of a stream's chunks that are about choice `index`."""
    return [c for e in reply.events() if e != "[DONE]" for c in e["choices"] if c["index"] == index]


class Tokens(Scenario):
    def ask(self, **fields):
        reply = self.server.chat(sample(2)["content"], return_token_ids=True, **fields)
        self.assertEqual(reply.status, 200, reply.body)
        return reply

    def test_bias(self):
        usual = sample(2)["answer_ids"]
        banned = self.ask(logit_bias={str(usual[3]): -100})
        self.assertEqual(ids_of(banned)[:3], usual[:3])
        self.assertNotIn(usual[3], ids_of(banned))
        forced = self.ask(logit_bias={"100": 100}, max_tokens=5)
        self.assertEqual(ids_of(forced), [100] * 5)
        # Penalties come after the bias, and only token 100 was seen before.
        turns = self.ask(logit_bias={"100": 100, "200": 99}, presence_penalty=2, max_tokens=4)
        self.assertEqual(ids_of(turns), [100, 200, 100, 100])
        many = self.ask(logit_bias={str(i): 0.25 for i in range(1024)})
        self.assertEqual(many.status, 200)

    def test_bias_that_is_refused(self):
        for bias, place in (({"100": 100.5}, "logit_bias.100"), ({"100": "1"}, "logit_bias.100"),
                            ({"red": 1}, "logit_bias.red"), ({"9999999": 1}, "logit_bias.9999999"),
                            ({str(i): 1 for i in range(1025)}, "logit_bias")):
            reply = self.server.chat("hello", logit_bias=bias)
            code = "invalid_type" if bias == {"100": "1"} else "invalid_value"
            self.check_error(reply, 400, code, place)

    def test_stop_and_allowed_tokens(self):
        usual = sample(2)["answer_ids"]
        for stream in (False, True):
            reply = self.ask(stop_token_ids=[7, usual[4]], stream=stream)
            if stream:
                chunks = chunks_of(reply)
                ids = [i for c in chunks for i in c.get("token_ids", [])]
                text = "".join(c["delta"].get("content", "") for c in chunks)
                finish = chunks[-1]["finish_reason"]
            else:
                ids, text = ids_of(reply), reply.text()
                finish = reply.json()["choices"][0]["finish_reason"]
            self.assertEqual((ids, finish), (usual[:5], "stop"))
            self.assertTrue(sample(2)["answer"].startswith(text))
            self.assertLess(len(text), len(sample(2)["answer"]))
        allowed = sorted(set(usual[:3]) | {END})
        self.assertLessEqual(set(ids_of(self.ask(allowed_token_ids=allowed, temperature=2,
                                                 max_tokens=40))), set(allowed))
        for field in ("stop_token_ids", "allowed_token_ids"):
            self.check_error(self.server.chat("hello", **{field: [1 << 30]}), 400, "invalid_value",
                             field + "[0]")

    def test_nothing_ends_before_min_tokens(self):
        usual = sample(2)["answer_ids"]
        answer = sample(2)["answer"]
        least = len(usual) + 5
        self.assertGreater(len(ids_of(self.ask(min_tokens=least, max_tokens=60))), least)
        ids = ids_of(self.ask(min_tokens=3, stop_token_ids=usual[:3], max_tokens=60))
        self.assertFalse(set(ids[:3]) & set(usual[:3]))
        # A stop string within the first tokens is text; behind them it ends the answer.
        word = answer.split()[1]  # The image shows a green star …
        self.assertEqual(self.ask(stop=word).text(), answer.split(word)[0])
        self.assertEqual(self.ask(stop=word, min_tokens=8).text(), answer)
        self.assertEqual(self.ask(stop=[word, "."], min_tokens=8).text(), answer[:-1])

    def check_same(self, items, others):
        """The last digits depend on how much of the prompt was in the cache."""
        self.assertEqual([i["bytes"] for i in items], [i["bytes"] for i in others])
        for item, other in zip(items, others):
            self.assertAlmostEqual(item["logprob"], other["logprob"], delta=0.01)
            self.check_same(item.get("top_logprobs", []), other.get("top_logprobs", []))

    def check_items(self, items, top):
        for item in items:
            self.assertEqual(set(item), {"token", "logprob", "bytes", "top_logprobs"})
            self.assertEqual(bytes(item["bytes"]).decode(errors="replace"), item["token"])
            likeliest = [t["logprob"] for t in item["top_logprobs"]]
            self.assertEqual(likeliest, sorted(likeliest, reverse=True))
            self.assertLessEqual(len(likeliest), top)
            self.assertLess(sum(map(math.exp, likeliest)), 1.0001)
            self.assertLessEqual(item["logprob"], (likeliest or [0])[0])

    def test_logprobs(self):
        row = sample(2)
        reply = self.ask(logprobs=True, top_logprobs=20)
        items = logprobs_of(reply)
        self.check_items(items, 20)
        self.assertEqual(len(items), len(row["answer_ids"]))
        self.assertEqual(len(items), reply.json()["usage"]["completion_tokens"])
        self.assertEqual(bytes_of(items).decode(), row["answer"] + "<|im_end|>")
        for item in items:  # greedy
            first = item["top_logprobs"][0]
            self.assertEqual((first["token"], first["logprob"], first["bytes"]),
                             (item["token"], item["logprob"], item["bytes"]))
            self.assertEqual(len(item["top_logprobs"]), 20)
        self.assertIsNone(reply.json()["choices"][0]["logprobs"]["refusal"])
        bare = logprobs_of(self.ask(logprobs=True))
        self.check_same(bare, [dict(item, top_logprobs=[]) for item in items])
        self.assertIsNone(self.ask().json()["choices"][0]["logprobs"])

    def test_logprobs_are_the_models_own(self):
        """Whatever temperature, bias and penalties do to the draw."""
        usual = logprobs_of(self.ask(logprobs=True, top_logprobs=5, max_tokens=1))[0]
        other = logprobs_of(self.ask(logprobs=True, top_logprobs=5, max_tokens=1, temperature=1.7,
                                     logit_bias={"100": 100}, repetition_penalty=1.5, top_k=3))[0]
        self.check_same(other["top_logprobs"], usual["top_logprobs"])
        self.assertLess(other["logprob"], usual["logprob"])
        self.assertNotEqual(other["token"], usual["token"])

    def test_logprobs_that_are_refused(self):
        self.check_error(self.server.chat("hello", top_logprobs=1), 400, "invalid_value",
                         "top_logprobs")
        for top in (-1, 21):
            self.check_error(self.server.chat("hello", logprobs=True, top_logprobs=top), 400,
                             "invalid_value", "top_logprobs")

    def test_logprobs_of_streams(self):
        """Of every token one item, in the order of the tokens, also of text that is held back."""
        for fields in ({}, {"stop": "s a gr"}, {"stop": ["zebra", "e s"]}, {"n": 3},
                       {"response_format": SCHEMA}, {"max_tokens": 4}):
            fields = dict(fields, logprobs=True, top_logprobs=2)
            whole, stream = self.ask(**fields), self.ask(stream=True, **fields)
            for index in range(fields.get("n", 1)):
                choice = whole.json()["choices"][index]
                chunks = chunks_of(stream, index)
                items = [i for c in chunks if c["logprobs"] for i in c["logprobs"]["content"]]
                self.check_same(items, choice["logprobs"]["content"])
                self.assertEqual(len(items), len(choice["token_ids"]))
                self.assertEqual([i for c in chunks for i in c.get("token_ids", [])],
                                 choice["token_ids"])
                self.check_items(items, 2)
                text = bytes_of(items).decode(errors="replace").removesuffix("<|im_end|>")
                self.assertTrue(text.startswith(choice["message"]["content"]), text)
                for c in chunks:
                    if c["logprobs"]:
                        self.assertEqual(len(c["logprobs"]["content"]), len(c["token_ids"]))

    def test_logprobs_within_a_form(self):
        """Among the tokens that the form allows: a token that must come is certain."""
        items = logprobs_of(self.ask(response_format=SCHEMA, logprobs=True, top_logprobs=3))
        self.assertEqual(json.loads(bytes_of(items).decode().removesuffix("<|im_end|>")).keys(),
                         {"a"})
        self.assertTrue(any(i["logprob"] > -1e-6 and len(i["top_logprobs"]) == 1 for i in items))

    def test_bytes_of_cut_characters(self):
        """Tokens that hold a part of a character give its bytes."""
        seen = 0
        for seed in range(6):
            reply = self.ask(logprobs=True, temperature=2, seed=seed, max_tokens=120,
                             ignore_eos=True)
            items = logprobs_of(reply)
            seen += sum("\ufffd" in i["token"] for i in items)
        self.assertGreater(seen, 0)

    def test_a_seed_gives_the_same_with_any_threads(self):
        def ask(server, seed):
            reply = server.chat(sample(2)["content"], return_token_ids=True, temperature=1.5,
                                seed=seed, max_tokens=40, ignore_eos=True, logprobs=True)
            return ids_of(reply), logprobs_of(reply)
        answers = []
        for threads in (1, 2, 3):  # each with an empty cache at first
            with Server("--threads", threads) as server:
                answers.append([ask(server, seed) for seed in range(4)])
        self.assertEqual(answers[1:], answers[:1] * 2)


if __name__ == "__main__":
    main()
