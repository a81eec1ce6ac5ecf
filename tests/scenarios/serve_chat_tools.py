#!/usr/bin/env python3
"""Tool calls and reasoning as parts of their own, whole and streamed."""
import json
import pathlib
import shutil
import tempfile

from harness import DEMO, ROOT, Scenario, Server, main, sample, user

# <tool_call> </tool_call> <think> </think> of the built-in model
CALL, CALL_END, THINK, THINK_END = 1550, 1551, 1560, 1561
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}}, "required": ["city"],
    "additionalProperties": False}}}
LIST = {"type": "function", "function": {"name": "keep", "parameters": {
    "type": "object", "required": ["items"], "additionalProperties": False, "properties": {
        "items": {"type": "array", "minItems": 8, "maxItems": 8, "items": {"enum": [
            "a \"quoted\" word", "</tool_call>", "<tool_call>", "红色", "{[", "\n\t\\"]}}}}}}
NAMED = {"type": "function", "function": {"name": "keep"}}


class Message:
    """A message, put together from a stream as clients do."""

    def __init__(self, reply, index=0):
        self.content, self.reasoning, self.calls, self.finish = "", "", [], None
        self.chunks, self.usage = 0, None
        for event in reply.events():
            if event == "[DONE]":
                continue
            self.usage = event.get("usage") or self.usage
            for choice in event["choices"]:
                if choice["index"] == index:
                    self._take(choice)

    def _take(self, choice):
        delta = choice["delta"]
        self.content += delta.get("content") or ""
        self.reasoning += delta.get("reasoning_content") or ""
        self.finish = choice["finish_reason"] or self.finish
        for piece in delta.get("tool_calls", []):
            self.chunks += 1
            if piece["index"] == len(self.calls):
                assert piece["type"] == "function" and piece["id"].startswith("call_"), piece
                assert piece["function"]["name"], piece
                self.calls.append([piece["function"]["name"], "", piece["id"]])
            else:
                assert set(piece) == {"index", "function"}, piece
                assert set(piece["function"]) == {"arguments"}, piece
            self.calls[piece["index"]][1] += piece["function"]["arguments"]

    def named_calls(self):
        return [(name, arguments) for name, arguments, _ in self.calls]


def calls_of(message):
    for call in message["tool_calls"]:
        assert set(call) == {"id", "type", "function"} and call["type"] == "function", call
    return [(c["function"]["name"], c["function"]["arguments"]) for c in message["tool_calls"]]


class Calls(Scenario):
    def both(self, *arguments, **fields):
        """The same question, whole and streamed: (choice, message of the stream). They are equal where
        nothing is drawn; draws may differ by what was in the cache."""
        whole = self.server.chat(*arguments, **fields)
        self.assertEqual(whole.status, 200, whole.body)
        choice = whole.json()["choices"][0]
        stream = Message(self.server.chat(*arguments, stream=True, **fields))
        if fields.get("temperature"):
            return choice, stream
        self.assertEqual(stream.content, choice["message"]["content"] or "")
        self.assertEqual(stream.reasoning, choice["message"].get("reasoning_content") or "")
        self.assertEqual(stream.finish, choice["finish_reason"])
        self.assertEqual(stream.named_calls(), calls_of(choice["message"])
                         if "tool_calls" in choice["message"] else [])
        return choice, stream

    def test_required(self):
        for seed in range(4):
            choice, stream = self.both("hello", tools=[WEATHER, LIST], tool_choice="required",
                                       parallel_tool_calls=False, temperature=seed / 3, seed=seed,
                                       max_tokens=400)
            self.assertEqual((choice["finish_reason"], stream.finish), ("tool_calls",) * 2)
            self.assertIsNone(choice["message"]["content"])
            (name, arguments), = calls_of(choice["message"])
            self.assertIn(name, ("get_weather", "keep"))
            self.assertIsInstance(json.loads(arguments), dict)
            self.assertEqual(len(stream.calls), 1)

    def test_named(self):
        """As OpenAI and vLLM have it, finish_reason is stop."""
        pieces = 0
        for seed in range(4):
            choice, stream = self.both("hello", tools=[WEATHER, LIST], tool_choice=NAMED,
                                       temperature=seed / 2, seed=seed, max_tokens=400)
            self.assertEqual((choice["finish_reason"], stream.finish), ("stop",) * 2)
            for (name, arguments), in (calls_of(choice["message"]), stream.named_calls()):
                self.assertEqual((name, len(json.loads(arguments)["items"])), ("keep", 8))
            pieces = max(pieces, stream.chunks)
        self.assertGreater(pieces, 1)

    def test_several_calls(self):
        """Up to 16, each with an id of its own."""
        choice, stream = self.both("hello", tools=[WEATHER], tool_choice="required",
                                   max_tokens=900, ignore_eos=True)
        self.assertEqual(choice["finish_reason"], "tool_calls")
        self.assertEqual([name for name, _ in calls_of(choice["message"])], ["get_weather"] * 16)
        ids = {call["id"] for call in choice["message"]["tool_calls"]}
        self.assertEqual((len(ids), len({call[2] for call in stream.calls})), (16, 16))

    def test_several_choices(self):
        fields = {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False,
                  "n": 3, "logprobs": True}
        whole = self.server.chat("hello", **fields).json()["choices"]
        stream = self.server.chat("hello", stream=True, **fields)
        for index, choice in enumerate(whole):
            message = Message(stream, index)
            self.assertEqual(message.named_calls(), calls_of(choice["message"]))
            self.assertEqual((message.finish, choice["finish_reason"]), ("tool_calls",) * 2)
            text = "".join(i["token"] for i in choice["logprobs"]["content"])
            self.assertTrue(text.startswith("<tool_call>\n{\"name\": \"get_weather\""), text)

    def test_call_or_answer(self):
        """With a given form the model chooses; the bias makes it call, or answer."""
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {
            "const": {"a": "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>"}}}}
        fields = {"tools": [WEATHER], "response_format": form, "max_tokens": 900}
        choice, _ = self.both("hello", logit_bias={str(CALL): 100}, **fields)
        self.assertEqual(choice["finish_reason"], "tool_calls")
        self.assertEqual(calls_of(choice["message"])[0][0], "get_weather")
        choice, _ = self.both("hello", logit_bias={str(CALL): -100}, **fields)
        self.assertEqual(choice["finish_reason"], "stop")
        self.assertNotIn("tool_calls", choice["message"])
        self.assertIn("<tool_call>", json.loads(choice["message"]["content"])["a"])

    def test_what_is_no_call_stays_text(self):
        for tools in ([WEATHER], None):
            choice, _ = self.both("hello", tools=tools, logit_bias={str(CALL): 100}, max_tokens=3)
            self.assertEqual(choice["message"]["content"], "<tool_call>" * 3)
            self.assertEqual(choice["finish_reason"], "length")
            self.assertNotIn("tool_calls", choice["message"])
        row = sample(2)
        choice, _ = self.both(row["content"], tools=[WEATHER], tool_choice="none")
        self.assertEqual(choice["message"]["content"], row["answer"])

    def test_one_call_ends_the_answer(self):
        for fields, count in (({"parallel_tool_calls": False}, 1), ({}, 5),
                              ({"parallel_tool_calls": False, "tools": None}, 5)):
            reply = self.server.chat("hello", logit_bias={str(CALL_END): 100}, max_tokens=5,
                                     return_token_ids=True, **{"tools": [WEATHER], **fields})
            choice, = reply.json()["choices"]
            self.assertEqual(choice["token_ids"], [CALL_END] * count)
            self.assertEqual(choice["finish_reason"], "stop" if count == 1 else "length")

    def test_a_call_that_is_cut(self):
        choice, stream = self.both("hello", tools=[LIST], tool_choice=NAMED, max_tokens=40)
        self.assertEqual(choice["finish_reason"], "length")
        (name, arguments), = calls_of(choice["message"])
        self.assertEqual(name, "keep")
        self.assertRegex(arguments, r"^\{\s*\"items\"")
        self.assertEqual(stream.named_calls(), [(name, arguments)])
        choice, _ = self.both("hello", tools=[LIST], tool_choice=NAMED, max_tokens=2)
        self.assertTrue(choice["message"]["content"].startswith("<tool_call>"))

    def test_a_conversation_with_calls(self):
        first = self.server.chat("hello", tools=[WEATHER], tool_choice="required",
                                 parallel_tool_calls=False,
                                 thinking_budget=4).json()["choices"][0]["message"]
        messages = [user("hello"), first,
                    {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"],
                     "content": "18 C"}]
        second = self.server.chat(messages=messages, tools=[WEATHER], max_tokens=20)
        self.assertEqual(second.status, 200, second.body)


class Thinking(Calls):
    """The built-in model with the template of the Thinking checkpoints. It knows nothing of
    reasoning: what it says before </think> is some text, and the end must be put."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="qvl-thinking-")
        model = pathlib.Path(cls.directory.name) / "model"
        shutil.copytree(DEMO, model, ignore=shutil.ignore_patterns("eval", "samples"))
        template = ROOT / "tests" / "golden" / "templates" / "thinking.jinja"
        (model / "chat_template.json").write_text(
            json.dumps({"chat_template": template.read_text(encoding="utf-8")}), encoding="utf-8")
        cls.server = Server(model=model)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.directory.cleanup()

    def both(self, *arguments, **fields):
        return super().both(*arguments, **{"thinking_budget": 6, **fields})

    def test_what_is_no_call_stays_text(self):
        choice, _ = self.both("hello", tools=[WEATHER], logit_bias={str(CALL): 100}, max_tokens=3)
        self.assertEqual(choice["message"]["content"], "<tool_call>" * 3)
        choice, _ = self.both("hello", logit_bias={str(CALL): 100}, max_tokens=3)
        self.assertEqual(choice["message"]["reasoning_content"], "<tool_call>" * 3)

    def test_a_call_that_is_cut(self):
        choice, _ = self.both("hello", tools=[LIST], tool_choice=NAMED, max_tokens=46)
        self.assertEqual(choice["finish_reason"], "length")
        self.assertTrue(choice["message"]["reasoning_content"])
        self.assertEqual(calls_of(choice["message"])[0][0], "keep")

    def test_several_choices(self):
        fields = {"n": 3, "max_tokens": 30, "ignore_eos": True, "thinking_budget": 6}
        whole = self.server.chat("hello", **fields).json()
        stream = self.server.chat("hello", stream=True, **fields)
        self.assertEqual(whole["usage"]["completion_tokens_details"], {"reasoning_tokens": 18})
        for index, choice in enumerate(whole["choices"]):
            message = Message(stream, index)
            self.assertEqual(message.reasoning, choice["message"]["reasoning_content"])
            self.assertEqual(message.content, choice["message"]["content"])

    def test_budget(self):
        for name in ("thinking_budget", "thinking_token_budget"):
            for budget in (0, 1, 7):
                fields = {"max_tokens": 30, "ignore_eos": True, name: budget}
                reply = self.server.chat("hello", return_token_ids=True, **fields)
                choice = reply.json()["choices"][0]
                self.assertEqual(choice["token_ids"].index(THINK_END), budget)
                self.assertEqual(reply.json()["usage"]["completion_tokens_details"],
                                 {"reasoning_tokens": budget})
                self.assertEqual(bool(choice["message"]["reasoning_content"]), budget > 0)
                self.assertTrue(choice["message"]["content"])
                self.assertNotIn("think>", choice["message"]["content"])
        stream = Message(self.server.chat("hello", stream=True, max_tokens=30, ignore_eos=True,
                                          thinking_budget=7,
                                          stream_options={"include_usage": True}))
        self.assertEqual((stream.reasoning, stream.content),
                         (choice["message"]["reasoning_content"], choice["message"]["content"]))
        self.assertEqual(stream.usage["completion_tokens_details"]["reasoning_tokens"], 7)

    def test_reasoning_that_is_cut(self):
        reply = self.server.chat("hello", max_tokens=5, ignore_eos=True)
        choice = reply.json()["choices"][0]
        self.assertEqual(choice["finish_reason"], "length")
        self.assertIsNone(choice["message"]["content"])
        self.assertTrue(choice["message"]["reasoning_content"])
        self.assertEqual(reply.json()["usage"]["completion_tokens_details"]["reasoning_tokens"], 5)

    def test_without_thinking(self):
        for fields in ({"enable_thinking": False},
                       {"chat_template_kwargs": {"enable_thinking": False}}):
            reply = self.server.chat("hello", return_token_ids=True, **fields)
            choice = reply.json()["choices"][0]
            prompt = reply.json()["prompt_token_ids"]
            self.assertLess(prompt.index(THINK), prompt.index(THINK_END))
            self.assertIsNone(choice["message"]["reasoning_content"])
            self.assertTrue(choice["message"]["content"])
        usual = self.server.chat("hello", return_token_ids=True, max_tokens=1,
                                 chat_template_kwargs={"enable_thinking": True}).json()
        self.assertNotIn(THINK_END, usual["prompt_token_ids"])

    def test_calls_after_reasoning(self):
        choice, stream = self.both("hello", tools=[WEATHER], tool_choice="required",
                                   parallel_tool_calls=False)
        self.assertEqual(choice["finish_reason"], "tool_calls")
        self.assertTrue(choice["message"]["reasoning_content"])
        self.assertIsNone(choice["message"]["content"])
        self.assertEqual(calls_of(choice["message"])[0][0], "get_weather")
        self.assertEqual(len(stream.calls), 1)

    def test_reasoning_is_sent_back(self):
        first = self.server.chat("hello", thinking_budget=4, max_tokens=20).json()
        messages = [user("hello"), first["choices"][0]["message"], user("hello")]
        self.assertEqual(self.server.chat(messages=messages, max_tokens=4).status, 200)


class NotThinking(Scenario):
    def test_fields_of_thinking_change_nothing(self):
        row = sample(2)
        for fields in ({"thinking_budget": 3}, {"enable_thinking": True},
                       {"enable_thinking": False}):
            answer = self.server.chat(row["content"], **fields).json()
            self.assertEqual(answer["choices"][0]["message"],
                             {"role": "assistant", "content": row["answer"], "refusal": None})
            self.assertEqual(answer["usage"]["completion_tokens_details"], {"reasoning_tokens": 0})


if __name__ == "__main__":
    main()
