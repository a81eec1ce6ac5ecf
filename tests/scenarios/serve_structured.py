#!/usr/bin/env python3
"""Answers in a given form: JSON objects, JSON schemas, tool calls that must come."""
import concurrent.futures
import json
import unittest

from harness import Scenario, main, user

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["new", "old"]}, "maxItems": 3},
        "address": {"anyOf": [{"$ref": "#/$defs/address"}, {"type": "null"}]},
    },
    "required": ["name", "age", "tags", "address"],
    "additionalProperties": False,
    "$defs": {"address": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 8}},
                          "required": ["city"], "additionalProperties": False}},
}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}}, "required": ["city"],
    "additionalProperties": False}}}
CLOCK = {"type": "function", "function": {"name": "get_time"}}


def schema_format(schema, **fields):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **fields}}


def calls_of(reply):
    """Names and arguments of the calls of an answer."""
    return [(call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in reply.json()["choices"][0]["message"].get("tool_calls", [])]


class Structured(Scenario):
    def check_person(self, text):
        value = json.loads(text)
        self.assertEqual(list(value), ["name", "age", "tags", "address"])
        self.assertLessEqual(len(value["name"]), 12)
        self.assertTrue(0 <= value["age"] <= 150)
        self.assertTrue(set(value["tags"]) <= {"new", "old"} and len(value["tags"]) <= 3)
        if value["address"] is not None:
            self.assertEqual(list(value["address"]), ["city"])

    def test_schema(self):
        for seed in range(8):
            reply = self.server.chat("describe this image", temperature=1.5 * (seed > 0), seed=seed,
                                     max_tokens=400, response_format=schema_format(PERSON, strict=True))
            self.assertEqual(reply.status, 200)
            self.assertEqual(reply.json()["choices"][0]["finish_reason"], "stop")
            self.check_person(reply.text())

    def test_stream_and_many_choices(self):
        reply = self.server.chat("hello", stream=True, n=3, temperature=1, seed=5, max_tokens=400,
                                 response_format=schema_format(PERSON))
        texts = ["", "", ""]
        for event in reply.events():
            if event != "[DONE]":
                for choice in event["choices"]:
                    texts[choice["index"]] += choice["delta"].get("content") or ""
        for text in texts:
            self.check_person(text)

    def test_many_at_once_equal_one(self):
        def ask(seed):
            return self.server.chat("hello", temperature=1, seed=seed, max_tokens=400,
                                    response_format=schema_format(PERSON)).text()
        alone = [ask(seed) for seed in range(6)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            self.assertEqual(list(pool.map(ask, range(6))), alone)

    def test_json_object(self):
        reply = self.server.chat("hello", max_tokens=4, response_format={"type": "json_object"})
        self.assertEqual(reply.json()["choices"][0]["finish_reason"], "length")
        self.assertTrue(reply.text().startswith("{"))
        ended = 0
        for seed in range(6):
            reply = self.server.chat("hello", temperature=1.2, seed=seed, max_tokens=250,
                                     response_format={"type": "json_object"})
            if reply.json()["choices"][0]["finish_reason"] == "stop":
                self.assertIsInstance(json.loads(reply.text()), dict)
                ended += 1
        self.assertGreater(ended, 0)

    def test_constant(self):
        reply = self.server.chat("hello", min_tokens=3, ignore_eos=True, max_tokens=50,
                                 response_format=schema_format({"const": {"answer": [1, True, "é\n"]}}))
        self.assertEqual(reply.text(), '{"answer":[1,true,"é\\n"]}')
        self.assertEqual(reply.json()["choices"][0]["finish_reason"], "stop")

    def test_refusals(self):
        rows = [
            ({"type": "object", "not": {}}, "response_format.json_schema.schema.not"),
            ({"type": "array", "items": {"$ref": "#/x"}}, "response_format.json_schema.schema.items.$ref"),
            ({"type": "integer", "minimum": 3, "maximum": 2}, "response_format.json_schema.schema"),
        ]
        for schema, place in rows:
            self.check_error(self.server.chat("hello", response_format=schema_format(schema)), 400,
                             "invalid_schema", place)
        self.check_error(self.server.chat("hello", stream=True, tool_choice="required", tools=[
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "x": 1}}}]),
            400, "invalid_schema", "tools[0].function.parameters.x")
        self.check_error(self.server.chat("hello", response_format={"type": "yaml"}), 400,
                         "invalid_value", "response_format.type")


class Calls(Scenario):
    def test_required(self):
        for seed in range(4):
            reply = self.server.chat("hello", tools=[WEATHER, CLOCK], tool_choice="required",
                                     parallel_tool_calls=False, temperature=1, seed=seed,
                                     max_tokens=250)
            if reply.json()["choices"][0]["finish_reason"] == "length":
                continue  # get_time takes any arguments
            (name, arguments), = calls_of(reply)
            self.assertIn(name, ("get_weather", "get_time"))
            if name == "get_weather":
                self.assertIn(arguments, ({"city": "Oslo"}, {"city": "Rome"}))

    def test_named(self):
        reply = self.server.chat(
            messages=[user("hello")], tools=[CLOCK, WEATHER], max_tokens=200,
            tool_choice={"type": "function", "function": {"name": "get_weather"}})
        (name, arguments), = calls_of(reply)
        self.assertEqual(name, "get_weather")
        self.assertIn(arguments, ({"city": "Oslo"}, {"city": "Rome"}))

    def test_call_or_answer(self):
        reply = self.server.chat("hello", tools=[WEATHER], max_tokens=800,
                                 response_format=schema_format(PERSON))
        calls = calls_of(reply)
        for name, _ in calls:
            self.assertEqual(name, "get_weather")
        if not calls:
            json.loads(reply.text())


if __name__ == "__main__":
    main()
