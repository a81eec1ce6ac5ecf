#!/usr/bin/env python3
"""The second question about the same long prompt, or the same picture: what was computed is found."""
import concurrent.futures

from harness import DEMO, Scenario, image_part, main, user

LONG = "The quick brown fox jumps over the lazy dog. " * 40
RED = DEMO / "samples" / "0000.png"
BLUE = DEMO / "samples" / "0001.png"
PAGE = 32


def usage(reply):
    return reply.json()["usage"]


def cached(reply):
    return usage(reply)["prompt_tokens_details"]["cached_tokens"]


def about(picture, question):
    return [image_part(picture), {"type": "text", "text": question + LONG}]


class Prefixes(Scenario):
    def ask(self, content, **fields):
        reply = self.server.chat(content, temperature=0, max_tokens=8, **fields)
        self.assertEqual(reply.status, 200, reply.body)
        return reply

    def test_a_long_prompt(self):
        first = self.ask("long " + LONG + "one?")
        self.assertLess(cached(first), 2 * PAGE)  # the template's first words at most
        again = self.ask("long " + LONG + "one?")
        self.assertEqual(again.text(), first.text())
        prompt = usage(again)["prompt_tokens"]
        self.assertEqual(cached(again), (prompt - 1) // PAGE * PAGE)
        other = self.ask("long " + LONG + "And something else: two?")
        self.assertGreater(cached(other), prompt - 2 * PAGE)
        self.assertLess(cached(other), usage(other)["prompt_tokens"])

    def test_a_picture(self):
        first = self.ask(about(RED, "describe this image"))
        again = self.ask(about(RED, "describe this image"))
        self.assertEqual(again.text(), first.text())
        self.assertGreater(cached(again), 0)
        self.assertEqual(cached(self.ask(about(BLUE, "describe this image"))), 0)

    def test_the_next_turn(self):
        question = user("turn " + LONG)
        first = self.ask({"model": "qwen3-vl-demo", "messages": [question], "temperature": 0,
                          "max_tokens": 40})
        answer = {"role": "assistant", "content": first.text()}
        second = self.ask({"model": "qwen3-vl-demo", "temperature": 0, "max_tokens": 8,
                           "messages": [question, answer, user("And then?")]})
        self.assertGreaterEqual(cached(second), usage(first)["prompt_tokens"] // PAGE * PAGE - PAGE)

    def test_streams_tell_it_too(self):
        content = "stream " + LONG
        self.ask(content)
        reply = self.ask(content, stream=True, stream_options={"include_usage": True})
        last = [event for event in reply.events() if event != "[DONE]"][-1]
        self.assertGreater(last["usage"]["prompt_tokens_details"]["cached_tokens"], 10 * PAGE)

    def test_sixteen_at_once_answer_as_one(self):
        contents = [f"together {LONG} {i % 4}?" for i in range(16)]
        alone = {content: self.ask(content).text() for content in contents[:4]}
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for content, reply in zip(contents, pool.map(self.ask, contents)):
                self.assertEqual(reply.text(), alone[content])
                self.assertGreater(cached(reply), 0)


if __name__ == "__main__":
    main()
