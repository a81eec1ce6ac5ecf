#!/usr/bin/env python3
"""OpenAI's SDK for Python, as it is: every call of it that the service answers."""
import asyncio
import unittest
from typing import Literal

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from service import ENDLESS, KEY, MODEL, WEATHER, Clients, sample


class Shape(BaseModel):
    kind: Literal["circle", "square", "triangle"]
    size: int


class Weather(BaseModel):
    city: Literal["Beijing", "Oslo"]
    days: int


def ask(text="hello"):
    return [{"role": "user", "content": text}]


class Sync(Clients):
    def setUp(self):
        self.client = OpenAI(base_url=self.server.url + "/v1", api_key=KEY)
        self.addCleanup(self.client.close)

    def create(self, messages=None, **fields):
        return self.client.chat.completions.create(
            model=MODEL, messages=messages or ask(), temperature=0, **fields)

    def test_models(self):
        models = list(self.client.models.list())
        self.assertEqual([m.id for m in models], [MODEL, "qwen-vl-8b", "qwen3-vl-8b"])
        model = self.client.models.retrieve("qwen-vl-8b")
        self.assertEqual((model.id, model.object, model.owned_by), ("qwen-vl-8b", "model", "qvl"))
        self.assertGreater(model.created, 1_700_000_000)
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.models.retrieve("gpt-4o")
        self.assertEqual(caught.exception.code, "model_not_found")

    def test_an_answer(self):
        answer = self.create()
        choice = answer.choices[0]
        self.assertEqual((answer.object, answer.model), ("chat.completion", MODEL))
        self.assertEqual((choice.message.role, choice.finish_reason), ("assistant", "stop"))
        self.assertTrue(choice.message.content.startswith("Hello!"))
        self.assertEqual(answer.usage.total_tokens,
                         answer.usage.prompt_tokens + answer.usage.completion_tokens)
        self.assertTrue(answer._request_id.startswith("req_"))

    def test_a_picture(self):
        row = sample(0)
        answer = self.create([{"role": "user", "content": row["content"]}])
        self.assertEqual(answer.choices[0].message.content, row["answer"])
        self.assertGreater(answer.usage.prompt_tokens_details.image_tokens, 0)

    def test_several_answers(self):
        answer = self.create(n=3, max_completion_tokens=2)
        self.assertEqual([c.index for c in answer.choices], [0, 1, 2])
        self.assertEqual({c.finish_reason for c in answer.choices}, {"length"})

    def test_a_stream(self):
        whole = self.create().choices[0].message.content
        chunks = list(self.create(stream=True, stream_options={"include_usage": True}))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertEqual(text, whole)
        self.assertEqual(len({c.id for c in chunks}), 1)
        self.assertEqual({c.object for c in chunks}, {"chat.completion.chunk"})
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], "stop")
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.completion_tokens, 5)

    def test_the_helper_for_streams(self):
        with self.client.chat.completions.stream(model=MODEL, messages=ask(), temperature=0,
                                                 logprobs=True) as stream:
            kinds = {event.type for event in stream}
            final = stream.get_final_completion()
        self.assertLessEqual({"chunk", "content.delta", "content.done"}, kinds)
        self.assertEqual(final.choices[0].message.content,
                         self.create().choices[0].message.content)

    def test_a_stream_that_is_closed_early(self):
        stream = self.create(stream=True, **ENDLESS)
        for _ in range(3):
            next(stream)
        stream.close()
        self.check_left()
        with self.create(stream=True, **ENDLESS) as stream:
            next(stream)
        self.check_left()
        self.create(max_tokens=1)

    def test_raw_responses(self):
        raw = self.client.chat.completions.with_raw_response.create(
            model=MODEL, messages=ask(), max_tokens=1, extra_headers={"X-Request-Id": "mine"})
        self.assertEqual(raw.status_code, 200)
        self.assertEqual(raw.headers["x-request-id"], "mine")
        self.assertEqual(raw.headers["content-type"], "application/json")
        self.assertEqual(raw.parse().usage.completion_tokens, 1)
        with self.client.chat.completions.with_streaming_response.create(
                model=MODEL, messages=ask(), stream=True, max_tokens=3) as raw:
            lines = [line for line in raw.iter_lines() if line]
        self.assertEqual(lines[-1], "data: [DONE]")
        self.assertTrue(all(line.startswith("data: ") for line in lines))

    def test_logprobs(self):
        answer = self.create(logprobs=True, top_logprobs=3, max_tokens=4)
        tokens = answer.choices[0].logprobs.content
        self.assertEqual("".join(t.token for t in tokens), answer.choices[0].message.content)
        for token in tokens:
            self.assertEqual(len(token.top_logprobs), 3)
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(token.top_logprobs[0].token, token.token)
            self.assertEqual(bytes(token.bytes).decode(), token.token)

    def test_tools(self):
        for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
            answer = self.create(ask("weather?"), tools=[WEATHER], tool_choice=choice).choices[0]
            call = answer.message.tool_calls[0]
            self.assertEqual((call.type, call.function.name), ("function", "weather"))
            Weather.model_validate_json(call.function.arguments)
        more = ask("weather?") + [answer.message, {"role": "tool", "tool_call_id": call.id,
                                                   "content": "Sunny."}]
        self.assertEqual(self.create(more, tools=[WEATHER], max_tokens=2).choices[0].finish_reason,
                         "length")

    def test_tools_in_a_stream(self):
        with self.client.chat.completions.stream(
                model=MODEL, messages=ask("weather?"), temperature=0, tool_choice="required",
                tools=[openai.pydantic_function_tool(Weather, name="weather")]) as stream:
            events = list(stream)
            final = stream.get_final_completion().choices[0]
        self.assertEqual(final.finish_reason, "tool_calls")
        self.assertIsInstance(final.message.tool_calls[0].function.parsed_arguments, Weather)
        self.assertIn("tool_calls.function.arguments.done", {e.type for e in events})

    def test_structured_output(self):
        answer = self.client.chat.completions.parse(model=MODEL, messages=ask("a shape"),
                                                    temperature=0, response_format=Shape)
        self.assertIsInstance(answer.choices[0].message.parsed, Shape)
        with self.client.chat.completions.stream(model=MODEL, messages=ask("a shape"),
                                                 temperature=0, response_format=Shape) as stream:
            final = stream.until_done().get_final_completion()
        self.assertEqual(final.choices[0].message.parsed, answer.choices[0].message.parsed)
        self.create(response_format={"type": "json_object"}, max_tokens=30)

    def test_a_structured_output_that_is_cut(self):
        with self.assertRaises(openai.LengthFinishReasonError):
            self.client.chat.completions.parse(model=MODEL, messages=ask("a shape"), max_tokens=2,
                                               response_format=Shape)

    def test_completions(self):
        answer = self.client.completions.create(model=MODEL, prompt=["hello", "你好"], max_tokens=4,
                                                temperature=0, echo=True)
        self.assertEqual([c.index for c in answer.choices], [0, 1])
        self.assertTrue(answer.choices[0].text.startswith("hello"))
        answer = self.client.completions.create(model=MODEL, prompt="hello", max_tokens=4, logprobs=2)
        self.assertEqual(len(answer.choices[0].logprobs.tokens),
                         len(answer.choices[0].logprobs.token_logprobs))
        plain = self.client.completions.create(model=MODEL, prompt="hello", max_tokens=6,
                                               temperature=0).choices[0].text
        chunks = self.client.completions.create(model=MODEL, prompt="hello", max_tokens=6,
                                                temperature=0, stream=True)
        self.assertEqual("".join(c.choices[0].text for c in chunks if c.choices), plain)

    def test_fields_that_others_know(self):
        raw = self.client.chat.completions.with_raw_response.create(
            model=MODEL, messages=ask(), max_tokens=1, store=False, service_tier="auto",
            metadata={"a": "b"}, user="me", seed=7, parallel_tool_calls=True, reasoning_effort="low",
            tools=[WEATHER], extra_body={"something": 1})
        self.assertIn("something", raw.headers["x-ignored-parameters"])
        self.assertEqual(raw.parse().usage.completion_tokens, 1)

    def test_routes_that_are_not_there(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.embeddings.create(model=MODEL, input="hello")
        self.assertEqual(caught.exception.code, "route_not_found")
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.create(model=MODEL, input="hello")


class Async(Clients):
    def ask(self, work):
        async def run():
            async with AsyncOpenAI(base_url=self.server.url + "/v1", api_key=KEY) as client:
                return await work(client)
        return asyncio.run(run())

    def test_models(self):
        async def work(client):
            return [m.id async for m in client.models.list()]
        self.assertIn(MODEL, self.ask(work))

    def test_many_at_once(self):
        rows = [sample(i) for i in range(16)]

        async def work(client):
            return await asyncio.gather(*[client.chat.completions.create(
                model=MODEL, messages=ask(row["content"]), temperature=0) for row in rows])
        answers = self.ask(work)
        self.assertEqual([a.choices[0].message.content for a in answers],
                         [row["answer"] for row in rows])

    def test_streams_at_once(self):
        async def text(client, row):
            stream = await client.chat.completions.create(
                model=MODEL, messages=ask(row["content"]), temperature=0, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream])

        async def work(client):
            return await asyncio.gather(*[text(client, sample(i)) for i in range(4)])
        self.assertEqual(self.ask(work), [sample(i)["answer"] for i in range(4)])

    def test_a_cancelled_task(self):
        async def work(client):
            task = asyncio.create_task(client.chat.completions.create(
                model=MODEL, messages=ask(), **ENDLESS))
            await asyncio.sleep(0.3)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
        self.ask(work)
        self.check_left()

    def test_a_stream_that_is_closed_early(self):
        async def work(client):
            async with await client.chat.completions.create(model=MODEL, messages=ask(), stream=True,
                                                            **ENDLESS) as stream:
                async for _ in stream:
                    break
        self.ask(work)
        self.check_left()

    def test_parse(self):
        async def work(client):
            return await client.chat.completions.parse(model=MODEL, messages=ask(),
                                                       response_format=Shape)
        self.assertIsInstance(self.ask(work).choices[0].message.parsed, Shape)


if __name__ == "__main__":
    unittest.main(verbosity=2)
