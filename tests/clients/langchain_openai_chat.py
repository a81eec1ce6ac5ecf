#!/usr/bin/env python3
"""LangChain's ChatOpenAI, as it is."""
import asyncio
import unittest
from typing import Literal

import openai
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

from service import KEY, MODEL, Clients, sample


class Shape(BaseModel):
    """A shape in a picture."""

    kind: Literal["circle", "square"] = Field(description="what it is")


@tool
def weather(city: Literal["Beijing", "Oslo"]) -> str:
    """The weather in a city."""
    return "Sunny in " + city


class Chat(Clients):
    def chat(self, **fields):
        return ChatOpenAI(base_url=self.server.url + "/v1", api_key=KEY,
                          **{"model": MODEL, "temperature": 0, **fields})

    def test_invoke(self):
        answer = self.chat().invoke([SystemMessage("Be short."), HumanMessage("hello")])
        self.assertTrue(answer.content)
        self.assertEqual(answer.response_metadata["finish_reason"], "stop")
        self.assertEqual(answer.response_metadata["model_name"], MODEL)
        self.assertGreater(answer.usage_metadata["input_tokens"], 0)

    def test_a_picture(self):
        row = sample(0)
        self.assertEqual(self.chat().invoke([HumanMessage(row["content"])]).content, row["answer"])
        head, data = row["content"][0]["image_url"]["url"].split(";base64,")
        block = {"type": "image", "base64": data, "mime_type": head.removeprefix("data:")}
        self.assertEqual(self.chat().invoke([HumanMessage([block, row["content"][1]])]).content,
                         row["answer"])

    def test_streams(self):
        whole = self.chat().invoke("hello").content
        pieces = list(self.chat(stream_usage=True).stream("hello"))
        self.assertEqual("".join(p.content for p in pieces), whole)
        self.assertTrue(any(p.usage_metadata for p in pieces))

        async def read():
            return [p.content async for p in self.chat().astream("hello")]
        self.assertEqual("".join(asyncio.run(read())), whole)

    def test_a_stream_that_is_closed_early(self):
        stream = self.chat(max_tokens=8000, extra_body={"ignore_eos": True}).stream("hello")
        next(stream)
        stream.close()
        self.check_left()

    def test_batch(self):
        rows = [sample(i) for i in range(6)]
        answers = self.chat().batch([[HumanMessage(row["content"])] for row in rows])
        self.assertEqual([a.content for a in answers], [row["answer"] for row in rows])

    def test_bind_tools(self):
        bound = self.chat().bind_tools([weather], tool_choice="any")
        question = HumanMessage("weather?")
        answer = bound.invoke([question])
        call = answer.tool_calls[0]
        self.assertEqual(call["name"], "weather")
        result = weather.invoke(call)
        self.assertIsInstance(result, ToolMessage)
        self.assertTrue(self.chat(max_tokens=3).invoke([question, answer, result]).content)
        whole = None
        for piece in bound.stream([question]):
            whole = piece if whole is None else whole + piece
        self.assertEqual(whole.tool_calls[0]["args"], call["args"])

    def test_structured_output(self):
        for method in ("json_schema", "function_calling"):
            with self.subTest(method):
                answer = self.chat().with_structured_output(Shape, method=method).invoke("a shape")
                self.assertIsInstance(answer, Shape)
        raw = self.chat().with_structured_output(Shape, include_raw=True).invoke("a shape")
        self.assertIsNone(raw["parsing_error"])

    def test_logprobs(self):
        answer = self.chat(logprobs=True, top_logprobs=2, max_tokens=2).invoke("hello")
        self.assertEqual(len(answer.response_metadata["logprobs"]["content"]), 2)

    def test_errors(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat(temperature=3).invoke("hello")
        self.assertEqual(caught.exception.param, "temperature")
        with self.assertRaises(openai.NotFoundError):
            self.chat(model="gpt-4o").invoke("hello")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat().invoke("word " * 40000)
        self.assertEqual(caught.exception.code, "context_length_exceeded")


if __name__ == "__main__":
    unittest.main(verbosity=2)
