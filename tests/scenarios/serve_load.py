#!/usr/bin/env python3
"""Many at once, deadlines of whole requests, and the end of the service."""
import resource
import signal
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import (SANITIZED, Scenario, Server, chat_body, endless, events_of,
                     main, request_bytes, sample, wait_until)

CHAT = "/v1/chat/completions"


def begin(server, body, request_id=None):
    """Sends a chat request, and waits for nothing."""
    connection = server.connect()
    connection.send(request_bytes("POST", CHAT, body,
                                  {"X-Request-Id": request_id} if request_id else None))
    return connection


def begin_stream(server, body, request_id=None):
    """Returns when the first tokens have come."""
    connection = begin(server, body, request_id)
    _, status, _ = connection.read_head()
    if status != 200:
        raise AssertionError(status)
    connection.text = b"".join(connection.read_chunk() for _ in range(3))
    return connection


def rest_of_stream(connection):
    chunk = b"x"
    while chunk:
        chunk = connection.read_chunk()
        connection.text += chunk
    return events_of(connection.text)


class Together(Scenario):
    def test_two_streams_progress_together(self):
        with ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(lambda _: self.server.request(
                "POST", CHAT, endless(400, stream=True)), range(2)))
        times = sorted((t, i) for i, reply in enumerate(replies) for t in reply.times)
        turns = sum(a[1] != b[1] for a, b in zip(times, times[1:]))
        self.assertGreater(turns, 20, [len(reply.times) for reply in replies])

    def test_a_long_prompt_does_not_stop_a_stream(self):
        stream = begin_stream(self.server, endless(stream=True))
        other = begin(self.server, chat_body("你好 " * 2000, max_tokens=1))
        chunks, done = 0, threading.Event()
        reply = []
        reader = threading.Thread(target=lambda: (reply.append(other.read_reply()), done.set()))
        reader.start()
        while not done.is_set():
            self.assertTrue(stream.read_chunk())
            chunks += 1
        reader.join()
        self.assertEqual(reply[0].status, 200, reply[0].body)
        self.assertGreater(chunks, 3)
        stream.close()

    def test_sixteen_equal_their_single_runs(self):
        bodies = [chat_body(sample(i)["content"]) for i in range(16)]
        with ThreadPoolExecutor(16) as pool:
            for _ in range(3):
                replies = list(pool.map(self.server.chat, bodies))
                self.assertEqual([r.text() for r in replies],
                                 [sample(i)["answer"] for i in range(16)])

    def test_more_than_run_at_once(self):
        with ThreadPoolExecutor(64) as pool:
            replies = list(pool.map(lambda i: self.server.chat(sample(i % 24)["content"],
                                                               stream=i % 2 == 0), range(64)))
        for i, reply in enumerate(replies):
            self.assertEqual(reply.status, 200)
            if i % 2:
                self.assertEqual(reply.text(), sample(i % 24)["answer"])

    def test_health_under_load(self):
        streams = [begin_stream(self.server, endless(stream=True)) for _ in range(8)]
        waits = []
        with self.server.connect() as connection:
            for _ in range(50):
                start = time.monotonic()
                self.assertEqual(connection.request("GET", "/health").status, 200)
                waits.append(time.monotonic() - start)
        for stream in streams:
            stream.close()
        waits.sort()
        print(f"\n/health under 8 generations: median {waits[25] * 1e3:.1f} ms, "
              f"worst {waits[-1] * 1e3:.1f} ms")
        self.assertLess(waits[25], 0.5 if SANITIZED else 0.05)


class Connections(unittest.TestCase):
    def test_more_than_the_usual_soft_limit_of_open_files(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 4000:
            self.skipTest(f"only {hard} files may be open")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with Server("--server.max-connections-per-address", "0",
                    open_files=(1024, hard)) as server:
            idle = [server.connect() for _ in range(1500)]
            for connection in (idle[0], idle[1100], idle[-1]):
                self.assertEqual(connection.request("GET", "/health").status, 200)
            self.assertEqual(server.chat("你好", max_tokens=1).status, 200)


class Queue(Scenario):
    flags = ("--model.max-sequences", "1")

    def test_full(self):
        """One runs, 256 wait, the next are refused; all are answered when the first has ended."""
        first = begin_stream(self.server, endless(stream=True))
        waiting = [begin(self.server, chat_body("你好", max_tokens=1, n=16)) for _ in range(20)]
        reply = wait_until(lambda: self.refusal(), what="queue_full")
        self.check_error(reply, 503, "queue_full")
        self.assertEqual(reply.header("x-should-retry"), "true")
        self.assertEqual(int(reply.header("retry-after")),
                         -(-int(reply.header("retry-after-ms")) // 1000))
        self.assertGreater(int(reply.header("retry-after")), 0)
        self.assertRegex(reply.error()["message"], r"\d+")
        first.close()
        statuses = [connection.read_reply().status for connection in waiting]
        self.assertTrue(set(statuses) <= {200, 503}, statuses)
        self.assertGreaterEqual(statuses.count(200), 10)
        self.assertEqual(self.server.chat("你好", max_tokens=1).status, 200)

    def refusal(self):
        reply = self.server.chat("你好", max_tokens=1, n=16)
        return reply if reply.status == 503 else None


class Deadline(Scenario):
    flags = ("--server.request-timeout", "1s", "--model.max-sequences", "1")

    def test_whole_answer(self):
        reply = self.server.chat(endless(n=16))
        error = self.check_error(reply, 504, "request_deadline")
        self.assertIn("request_timeout", error["hint"])
        self.assertEqual(self.server.chat("你好", max_tokens=1).status, 200)

    def test_stream(self):
        reply = self.server.chat(endless(n=16, stream=True), headers={"X-Request-Id": "late"})
        self.assertEqual(reply.status, 200)
        events = reply.events()
        self.assertEqual(events[-1]["error"]["code"], "request_deadline")
        self.assertEqual(events[-1]["error"]["request_id"], "late")
        self.assertNotIn("[DONE]", events)
        line = self.server.access("late")
        self.assertEqual((line["status"], line["code"]), (200, "request_deadline"))


class Drain(unittest.TestCase):
    def ended(self, server, code=0):
        self.assertEqual(server.wait_end(), code)
        server.check_clean()

    def test_a_running_stream_ends_well(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Server("--model.max-sequences", "2", "--server.drain-timeout", "10m") as server:
                stream = begin_stream(server, endless(300 if SANITIZED else 1500, stream=True))
                whole = begin(server, chat_body("你好"))
                idle = server.connect()
                idle.request("GET", "/health")
                time.sleep(0.2)
                server.process.send_signal(number)
                server.wait_line("^stopping")
                with self.assertRaises(ConnectionRefusedError):
                    wait_until(lambda: server.connect().close())
                self.assertTrue(idle.is_closed())
                self.assertEqual(rest_of_stream(stream)[-1], "[DONE]")
                self.assertEqual(whole.read_reply().status, 200)
                self.ended(server)

    def test_requests_that_wait_are_answered(self):
        with Server("--model.max-sequences", "1", "--server.drain-timeout", "10m") as server:
            first = begin_stream(server, endless(500, stream=True))
            waiting = [begin(server, chat_body("你好", max_tokens=2)) for _ in range(5)]
            time.sleep(0.3)
            server.terminate()
            self.assertEqual(rest_of_stream(first)[-1], "[DONE]")
            for connection in waiting:
                self.assertIn(connection.read_reply().status, (200, 503))
            self.ended(server)

    def test_a_request_that_comes_too_late(self):
        """Its head is in when the service begins to drain: it gets 503, not silence."""
        with Server() as server:
            stream = begin_stream(server, endless(stream=True))
            late = server.connect()
            late.send(b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: x\r\n")
            time.sleep(0.2)
            server.terminate()
            server.wait_line("^stopping")
            late.send(b"Content-Length: 2\r\n\r\n{}")
            reply = late.read_reply()
            self.assertEqual((reply.status, reply.code()), (503, "draining"))
            self.assertTrue(reply.header("retry-after"))
            self.assertEqual(reply.header("connection"), "close")
            stream.close()
            self.ended(server)

    def test_the_time_for_draining_ends(self):
        with Server("--server.drain-timeout", "300ms", "--model.max-sequences", "1") as server:
            stream = begin_stream(server, endless(stream=True, n=16))
            whole = begin(server, endless(n=16))
            time.sleep(0.2)
            server.terminate()
            events = rest_of_stream(stream)
            self.assertEqual(events[-1]["error"]["code"], "draining")
            self.assertNotIn("[DONE]", events)
            reply = whole.read_reply()
            self.assertEqual((reply.status, reply.code()), (503, "draining"))
            self.ended(server)

    def test_asked_twice(self):
        with Server("--server.drain-timeout", "1h", "--model.max-sequences", "1") as server:
            stream = begin_stream(server, endless(stream=True, n=16))
            stuck = server.connect()
            stuck.send(b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            time.sleep(0.2)
            server.terminate()
            server.wait_line("^stopping")
            self.assertIsNone(server.process.poll())
            server.terminate()
            self.assertEqual(rest_of_stream(stream)[-1]["error"]["code"], "draining")
            self.ended(server)

    def test_while_loading(self):
        for delay in (0, 0.02, 0.05):
            with Server(wait=False) as server:
                server.wait_line("^listening")
                time.sleep(delay)
                server.terminate()
                self.ended(server)

    def test_a_client_that_reads_nothing_does_not_hold_the_end(self):
        with Server("--server.drain-timeout", "500ms") as server:
            connections = [begin(server, endless(stream=True)) for _ in range(4)]
            time.sleep(0.5)
            server.terminate()
            self.ended(server)
            for connection in connections:
                connection.close()


if __name__ == "__main__":
    main()
