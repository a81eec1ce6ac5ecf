#!/usr/bin/env python3
"""`qvl chat` against a server that gives every kind of answer."""
import base64
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from harness import BINARY, DEADLINE_S, IMAGES, SANITIZER_WORDS, quiet_environment
from scripted_server import (DONE, ScriptedServer, answer, chunk, error, hello, raw, reply, reset,
                             silence, stream)

USAGE, REFUSED, LIMITED, SERVER, CONNECTION, TIMED_OUT, NONSENSE, INTERRUPTED = \
    2, 3, 4, 5, 6, 7, 8, 130
PICTURE = IMAGES / "png_l.png"


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="qvl-chat-")
        self.addCleanup(self.directory.cleanup)
        self.path = pathlib.Path(self.directory.name)

    def chat(self, server, *arguments, stdin=b"", env=None, code=0, retries=0):
        """Runs qvl chat and checks its exit status."""
        begin = time.monotonic()
        url = ["--base-url", server.url] if server else []
        done = subprocess.run([BINARY, "chat", *url, "--retries", str(retries), *arguments],
                              cwd=self.path, env=quiet_environment(**env or {}), input=stdin,
                              capture_output=True, timeout=DEADLINE_S, check=False)
        done.seconds = time.monotonic() - begin
        done.text = done.stdout.decode()
        done.errors = done.stderr.decode()
        for word in SANITIZER_WORDS:
            self.assertNotIn(word, done.errors)
        self.assertEqual(done.returncode, code, done.errors + done.text)
        return done


class Asking(Case):
    def test_streams_an_answer(self):
        with ScriptedServer(hello("你", "好。")) as server:
            done = self.chat(server, "你好", "吗？")
            self.assertEqual(done.text, "你好。\n")
            self.assertEqual(done.errors, "")
            request, = server.requests
            self.assertEqual((request.method, request.target), ("POST", "/v1/chat/completions"))
            self.assertEqual(request.json(), {
                "model": "qwen-vl-8b", "stream": True,
                "messages": [{"role": "user", "content": "你好 吗？"}]})
            self.assertRegex(request.headers["user-agent"], r"^qvl/[0-9.]+ \(app/1\.0\.0\)$")
            self.assertNotIn("authorization", request.headers)
            self.assertNotIn("expect", request.headers)
            self.assertTrue(request.headers["idempotency-key"])

    def test_text_appears_as_it_comes(self):
        seen = threading.Event()
        step = stream(chunk("first"), chunk(" second"), chunk(finish="stop"), DONE,
                      before=lambda i: i == 1 and seen.wait(DEADLINE_S))
        with ScriptedServer(step) as server:
            process = subprocess.Popen([BINARY, "chat", "--base-url", server.url, "hi"],
                                       cwd=self.path, env=quiet_environment(),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            self.assertEqual(os.read(process.stdout.fileno(), 100), b"first")
            seen.set()
            self.assertEqual(process.stdout.read(), b" second\n")
            self.assertEqual(process.wait(), 0)
            process.stdout.close()

    def test_all_options_reach_the_request(self):
        with ScriptedServer(hello()) as server:
            self.chat(server, "--model", "m", "--system", "be brief", "--max-tokens", "5",
                      "--temperature", "0", "--top-p", "0.5", "--seed", "-3", "--param",
                      'stop=["a","b"]', "--param", "temperature=0.25", "--header", "X-A: b c", "q")
            self.assertEqual(server.requests[0].json(), {
                "model": "m", "stream": True, "max_tokens": 5, "temperature": 0.25, "top_p": 0.5,
                "seed": -3, "stop": ["a", "b"],
                "messages": [{"role": "system", "content": "be brief"},
                             {"role": "user", "content": "q"}]})
            self.assertEqual(server.requests[0].headers["x-a"], "b c")

    def test_asks_for_messages_in_its_own_language(self):
        with ScriptedServer(hello(), hello()) as server:
            self.chat(server, "--lang", "zh", "q")
            self.chat(server, "--lang", "en", "q")
            chinese, english = server.requests
            self.assertEqual(chinese.headers["accept-language"], "zh, en;q=0.5")
            self.assertNotIn("accept-language", english.headers)

    def test_pictures(self):
        picture = PICTURE.read_bytes()
        url = "https://example.com/a.jpg"
        with ScriptedServer(hello()) as server:
            self.chat(server, "q", "-i", str(PICTURE), "-i", url, "--image=-",
                      "-i", str(IMAGES / "gif_static.gif"), "-i", str(IMAGES / "jpeg_grey.jpg"),
                      stdin=picture)
            parts = server.requests[0].json()["messages"][0]["content"]
            urls = [p["image_url"]["url"] for p in parts[:-1]]
            encoded = "data:image/png;base64," + base64.b64encode(picture).decode()
            self.assertEqual(urls[:3], [encoded, url, encoded])
            self.assertTrue(urls[3].startswith("data:image/gif;base64,"))
            self.assertTrue(urls[4].startswith("data:image/jpeg;base64,"))
            self.assertEqual(parts[-1], {"type": "text", "text": "q"})

    def test_pictures_that_cannot_be_sent(self):
        (self.path / "a.png").write_bytes(b"not a picture")
        (self.path / "empty.png").write_bytes(b"")
        with ScriptedServer(hello()) as server:
            for name, words in (("a.png", "not a picture"), ("empty.png", "not a picture"),
                                ("none.png", "cannot be read"), (".", "cannot be read")):
                done = self.chat(server, "q", "-i", name, code=USAGE)
                self.assertIn(words, done.errors)
                self.assertIn(name, done.errors)
            self.assertEqual(server.requests, [])

    def test_question_from_standard_input(self):
        with ScriptedServer(hello()) as server:
            self.chat(server, stdin="从标准输入\n".encode())
            self.chat(server, "-", stdin=b"dash")
            self.assertEqual([r.json()["messages"][0]["content"] for r in server.requests],
                             ["从标准输入", "dash"])
            self.assertIn("no question", self.chat(server, code=USAGE).errors)
            done = self.chat(server, stdin=PICTURE.read_bytes(), code=USAGE)
            self.assertIn("-i -", done.errors)

    def test_without_streaming(self):
        with ScriptedServer(answer("Hi.")) as server:
            self.assertEqual(self.chat(server, "--no-stream", "q").text, "Hi.\n")
            self.assertIs(server.requests[0].json()["stream"], False)
            # A server that does not stream although it is asked to.
            self.assertEqual(self.chat(server, "q").text, "Hi.\n")

    def test_json_is_the_whole_answer(self):
        with ScriptedServer(answer("Hi.", extra=[1])) as server:
            done = self.chat(server, "--json", "q")
            self.assertEqual(json.loads(done.text)["extra"], [1])
            self.assertEqual(json.loads(done.text)["choices"][0]["message"]["content"], "Hi.")
            self.assertIs(server.requests[0].json()["stream"], False)

    def test_calls_of_tools(self):
        calls = [{"index": i, "id": f"c{i}", "type": "function", "function": {
            "name": name, "arguments": arguments}} for i, (name, arguments) in
            enumerate((("get_weather", "{\"city\": "), ("now", "{}")))]
        rest = {"index": 0, "function": {"arguments": "\"Oslo\"}\x1b[31m"}}
        whole = {"role": "assistant", "content": None, "tool_calls": [
            {key: call[key] for key in ("id", "type", "function")} for call in calls]}
        message = reply(200, {"choices": [{"index": 0, "message": whole,
                                           "finish_reason": "tool_calls"}]})
        with ScriptedServer(stream(chunk("Well."), chunk(tool_calls=calls), chunk(tool_calls=[rest]),
                                   chunk(finish="tool_calls"), DONE), message, message,
                            message) as server:
            done = self.chat(server, "q")
            self.assertEqual(done.text, "Well.\n")
            self.assertEqual(done.errors.splitlines()[1], "qvl: The model calls now({}).")
            first = done.errors.splitlines()[0]
            self.assertTrue(first.startswith("qvl: The model calls get_weather({\"city\": \"Oslo\"}"))
            self.assertNotIn("\x1b", first)
            done = self.chat(server, "q", "--no-stream", "--lang", "zh")
            self.assertEqual((done.text, done.errors.splitlines()[1]), ("", "qvl: 模型调用 now({})。"))
            self.assertEqual(self.chat(server, "q", "-q").errors, "")
            done = self.chat(server, "q", "--json")
            self.assertEqual(json.loads(done.text)["choices"][0]["message"], whole)
            self.assertEqual(done.errors, "")

    def test_reasoning_is_not_part_of_the_answer(self):
        both = {"reasoning_content": "Hm.", "reasoning": "Hm."}
        with ScriptedServer(
                stream(chunk(**both), chunk("Hi."), chunk(finish="stop"), DONE),
                stream(chunk(**both), chunk(finish="length"), DONE)) as server:
            done = self.chat(server, "q")
            self.assertEqual((done.text, done.errors), ("Hi.\n", ""))
            done = self.chat(server, "q")
            self.assertEqual(done.text, "")
            self.assertIn("still thinking", done.errors)

    def test_a_file_appears_when_the_answer_is_whole(self):
        target = self.path / "answer.txt"
        with ScriptedServer(hello(), stream(chunk("half"), end=False), answer()) as server:
            done = self.chat(server, "q", "-o", "answer.txt")
            self.assertEqual((done.text, target.read_text()), ("", "Hello.\n"))
            self.assertEqual(target.stat().st_mode & 0o777, 0o666 & ~self.umask())
            self.chat(server, "q", "-o", "answer.txt", code=CONNECTION)
            self.assertEqual(target.read_text(), "Hello.\n")
            self.chat(server, "q", "-o", "/dev/null")
            self.chat(server, "q", "-o", "no/such/folder", code=USAGE)
            (self.path / "link").symlink_to("answer.txt")
            self.chat(server, "q", "--json", "-o", "link")
            self.assertEqual(json.loads(target.read_text())["object"], "chat.completion")
            self.assertTrue((self.path / "link").is_symlink())
            self.assertEqual(sorted(os.listdir(self.path)), ["answer.txt", "link"])

    @staticmethod
    def umask():
        mask = os.umask(0)
        os.umask(mask)
        return mask

    def test_ends_of_an_answer_are_told(self):
        with ScriptedServer(stream(chunk("a"), chunk(finish="length"), DONE)) as server:
            self.assertIn("--max-tokens", self.chat(server, "q").errors)
            self.assertEqual(self.chat(server, "-q", "q").errors, "")

    def test_a_stream_without_done_is_whole_when_it_has_a_finish_reason(self):
        with ScriptedServer(stream(chunk("a"), chunk(finish="stop"))) as server:
            self.assertEqual(self.chat(server, "q").text, "a\n")

    def test_a_server_that_leaves_the_stream_open_after_done(self):
        step = stream(chunk("a"), chunk(finish="stop"), DONE, "never",
                      before=lambda i: i == 3 and time.sleep(3600))
        with ScriptedServer(step) as server:
            self.assertEqual(self.chat(server, "q").text, "a\n")

    def test_a_stream_under_another_content_type(self):
        body = chunk("a") + chunk(finish="stop") + DONE
        with ScriptedServer(reply(200, body, content_type="text/plain")) as server:
            self.assertEqual(self.chat(server, "q").text, "a\n")

    def test_usage(self):
        for arguments, words in ((["--max-tokens", "x", "q"], "--max-tokens"),
                                 (["--param", "a", "q"], "NAME=JSON"),
                                 (["--param", "a=b", "q"], "a=\"b\""),
                                 (["--retries", "-1", "q"], "--retries"),
                                 (["--header", "x", "q"], "--header"),
                                 (["--steam", "q"], "--stream"),
                                 (["--base-url", "localhost:1", "q"], "http://localhost:1")):
            self.assertIn(words, self.chat(None, *arguments, code=USAGE).errors)
        done = self.chat(None, "--help")
        self.assertIn("ps", done.text)
        self.assertIn("QWEN_API_KEY", done.text)


class Settings(Case):
    def test_flag_environment_file(self):
        with ScriptedServer(hello()) as server:
            (self.path / ".env").write_bytes(
                b"\xef\xbb\xbfexport QWEN_API_BASE_URL='%s/v1/'\r\nQWEN_API_KEY=file # key\r\n"
                b"QWEN_API_MODEL=m1\r\nAPP_VERSION=3\r\n" % server.url.encode())
            self.chat(None, "q")
            self.chat(None, "q", env={"QWEN_API_KEY": "environment"})
            self.chat(None, "q", "--api-key", "flag", env={"QWEN_API_KEY": "environment"})
            self.assertEqual([r.headers["authorization"] for r in server.requests],
                             ["Bearer file", "Bearer environment", "Bearer flag"])
            self.assertEqual(server.requests[0].json()["model"], "m1")
            self.assertIn("(app/3)", server.requests[0].headers["user-agent"])
            self.assertEqual({r.target for r in server.requests}, {"/v1/chat/completions"})

    def test_a_bad_line_is_named(self):
        with ScriptedServer(hello()) as server:
            (self.path / ".env").write_text("A=1\nnot a line\n")
            self.assertIn(".env:2", self.chat(server, "q").errors)
            (self.path / ".env").write_bytes("A=1".encode("utf-16"))
            self.assertIn("UTF-8", self.chat(server, "q", code=USAGE).errors)
            self.assertIn("none", self.chat(server, "q", "--env-file", "none", code=USAGE).errors)

    def test_a_whole_endpoint_is_taken_and_told(self):
        with ScriptedServer(hello()) as server:
            url = server.url + "/v1/chat/completions"
            self.assertIn(server.url + "/v1 is used", self.chat(None, "q", "--base-url", url).errors)
            self.assertEqual(server.requests[0].target, "/v1/chat/completions")

    def test_proxies(self):
        with ScriptedServer(hello()) as proxy:
            target = "http://qvl.invalid:8123"
            self.chat(None, "q", "--base-url", target, env={"HTTP_PROXY": proxy.url})
            self.assertEqual(proxy.requests[0].target, target + "/v1/chat/completions")
            with ScriptedServer(hello("direct")) as server:
                env = {"http_proxy": proxy.url}
                self.assertEqual(self.chat(server, "q", env=env).text, "Hello.\n")
                env["NO_PROXY"] = "127.0.0.1"
                self.assertEqual(self.chat(server, "q", env=env).text, "direct\n")
                self.assertEqual(self.chat(server, "q", "--proxy", proxy.url, env=env).text,
                                 "Hello.\n")
        done = self.chat(None, "q", "--base-url", target, "--proxy",
                         f"http://me:hunter2@127.0.0.1:{proxy.port}", code=CONNECTION)
        self.assertIn("proxy", done.errors)
        self.assertNotIn("hunter2", done.errors)

    def test_verbose_shows_heads_without_secrets(self):
        with ScriptedServer(hello()) as server:
            done = self.chat(server, "-v", "q", "--api-key", "hunter2", "-H", "X-API-Key: hunter2")
            self.assertIn("> POST /v1/chat/completions HTTP/1.1\n", done.errors)
            self.assertIn("> Authorization: Bearer ***\n", done.errors)
            self.assertIn("> X-API-Key: ***\n", done.errors)
            self.assertIn("< HTTP/1.1 200 OK\n", done.errors)
            self.assertIn("first byte", done.errors)
            self.assertNotIn("hunter2", done.errors)
            self.assertEqual(done.text, "Hello.\n")

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_the_curl_command_sends_the_same(self):
        with ScriptedServer(answer()) as server:
            for name in (PICTURE, IMAGES / "noise_106x45.png"):
                arguments = ["it's \"$HOME\" \\ 你好", "-i", str(name), "-H", "X-A: it's"]
                env = {"QWEN_API_KEY": "hunter2"}
                self.chat(server, *arguments, env=env)
                done = self.chat(server, "--curl", *arguments, env=env)
                self.assertNotIn("hunter2", done.text)
                subprocess.run(["sh", "-c", done.text], env=quiet_environment(**env), check=True,
                               capture_output=True, timeout=DEADLINE_S)
                ours, theirs = server.requests[-2:]
                self.assertEqual(len(server.requests) % 2, 0)
                self.assertEqual(ours.body, theirs.body)
                for header in ("authorization", "x-a", "content-type", "accept"):
                    self.assertEqual(ours.headers[header], theirs.headers[header])


class Failing(Case):
    def test_each_status_has_its_exit_code_and_advice(self):
        rows = [(400, "invalid_value", USAGE, "(400)"), (401, "invalid_api_key", REFUSED, "key"),
                (403, "ip_not_allowed", REFUSED, "(403)"), (404, "model_not_found", USAGE, "--model"),
                (413, "body_too_large", USAGE, "413"), (422, "x", USAGE, "(422)"),
                (429, "rate_limit_exceeded", LIMITED, "429"), (500, "internal_error", SERVER, "log"),
                (502, "x", SERVER, "proxy"), (503, "draining", SERVER, "/health/ready"),
                (504, "x", SERVER, "proxy")]
        for status, code, exit_code, words in rows:
            with self.subTest(status=status), ScriptedServer(
                    error(status, code, "The server's words.", hint="Its hint.")) as server:
                done = self.chat(server, "q", "--api-key", "hunter2", code=exit_code)
                for part in (words, "The server's words.", code, "Its hint.", "req-42", '{"error"'):
                    self.assertIn(part, done.errors)
                self.assertNotIn("hunter2", done.errors)
                self.assertEqual(done.text, "")
                done = self.chat(server, "--json", "q", code=exit_code)
                self.assertEqual(json.loads(done.text)["error"]["code"], code)
                zh = self.chat(server, "--lang", "zh", "q", code=exit_code).errors
                self.assertRegex(zh.splitlines()[0], f"服务.*{status}")

    def test_a_missing_key_names_the_variable(self):
        with ScriptedServer(error(401, "missing_api_key", "No key.")) as server:
            self.assertIn("QWEN_API_KEY", self.chat(server, "q", code=REFUSED).errors)
        done = self.chat(None, "q", "--base-url", "https://api.openai.com/v1", code=USAGE)
        self.assertIn("QWEN_API_KEY", done.errors)

    def test_where_the_refused_key_came_from(self):
        with ScriptedServer(error(401, "invalid_api_key", "Wrong.")) as server:
            (self.path / ".env").write_text("QWEN_API_KEY=hunter2\n")
            done = self.chat(server, "q", code=REFUSED)
            self.assertIn("QWEN_API_KEY in .env", done.errors)
            self.assertNotIn("hunter2", done.errors)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        url = f"http://localhost:{port}"
        done = self.chat(None, "q", "--base-url", url, code=CONNECTION)
        self.assertEqual(done.errors, f"qvl: Nothing listens at {url} (connection refused).\n"
                         f"  → Start it with: qvl serve --port {port}\n")
        done = self.chat(None, "q", "--json", "--base-url", url, code=CONNECTION)
        self.assertEqual(json.loads(done.text)["error"]["code"], "connection_refused")
        done = self.chat(None, "q", "--lang", "zh", "--base-url", url, code=CONNECTION)
        self.assertIn("连接被拒绝", done.errors)

    def test_broken_connections(self):
        for step, words, code in (
                (reset, "broke the connection off", CONNECTION),
                (raw(b""), "without an answer", CONNECTION),
                (raw(b"220 smtp ready\r\n"), "does not speak HTTP", NONSENSE),
                (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "too early", CONNECTION)):
            with self.subTest(words=words), ScriptedServer(step) as server:
                self.assertIn(words, self.chat(server, "q", code=code).errors)

    def test_time_outs(self):
        with ScriptedServer(silence) as server:
            done = self.chat(server, "--timeout", "300ms", "q", code=TIMED_OUT, retries=3)
            self.assertIn("within 0.3 s", done.errors)
            self.assertIn("--timeout", done.errors)
            self.assertEqual(len(server.requests), 1)
        step = stream(chunk("half"), "x", before=lambda i: i == 1 and time.sleep(3600))
        with ScriptedServer(step) as server:
            done = self.chat(server, "--timeout", "300ms", "q", code=TIMED_OUT)
            self.assertEqual(done.text, "half\n")
            self.assertIn("in the middle of its answer", done.errors)

    def test_a_slow_stream_that_never_pauses_long_is_no_time_out(self):
        step = stream(*[": ping\n\n"] * 5, chunk("a"), chunk(finish="stop"), DONE,
                      before=lambda i: time.sleep(0.2))
        with ScriptedServer(step) as server:
            self.assertEqual(self.chat(server, "--timeout", "900ms", "q").text, "a\n")

    def test_streams_that_break_off(self):
        for events, end, text, code in (
                ([chunk("half")], False, "half\n", CONNECTION),
                ([chunk("half")], True, "half\n", CONNECTION),
                ([], True, "", CONNECTION),
                ([], False, "", CONNECTION),
                ([DONE], True, "", CONNECTION),
                ([": ping\n\n"], False, "", CONNECTION),
                (["data: hello\n\n"], True, "", NONSENSE),
                ([chunk("half"), 'data: {"error":{"message":"Bang.","type":"server_error",'
                  '"code":"internal_error"}}\n\n'], True, "half\n", SERVER),
                (['data: {"error":{"message":"Bang.","type":"rate_limit_error"}}\n\n'], True, "",
                 LIMITED)):
            with self.subTest(events=events, end=end), \
                    ScriptedServer(stream(*events, end=end)) as server:
                done = self.chat(server, "q", code=code)
                self.assertEqual(done.text, text)
                self.assertTrue(done.errors.startswith("qvl: "), done.errors)
                if "Bang." in "".join(events):
                    self.assertIn("Bang.", done.errors)

    def test_answers_that_make_no_sense(self):
        page = "<!doctype html><title>Log\x1b[31m in</title>"
        for step, words in (
                (reply(200, page, content_type="text/html"), "HTML"),
                (reply(200, "hello", content_type="text/plain"), "text/plain"),
                (reply(200, "{}"), "chat API"),
                (reply(200, '{"choices":'), "chat API"),
                (reply(302, "", "Location: https://h/login"), "https://h/login"),
                (reply(204), "chat API")):
            with self.subTest(words=words), ScriptedServer(step) as server:
                done = self.chat(server, "q", code=NONSENSE)
                self.assertIn(words, done.errors)
                self.assertNotIn("\x1b", done.errors)
                done = self.chat(server, "--json", "q", code=NONSENSE)
                json.loads(done.text)

    def test_a_body_without_end(self):
        def flood(connection, _):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            for _ in range(70):
                connection.sendall(b" " * (1 << 20))
            return "close"
        with ScriptedServer(flood) as server:
            self.assertIn("larger than", self.chat(server, "q", code=NONSENSE).errors)

    def test_ctrl_c_ends_at_once(self):
        for step in (silence, stream(chunk("half"), "x",
                                     before=lambda i: i == 1 and time.sleep(3600)),
                     error(503, "busy", "Busy.", "Retry-After: 100")):
            with ScriptedServer(step) as server:
                process = subprocess.Popen([BINARY, "chat", "--base-url", server.url, "q"],
                                           cwd=self.path, env=quiet_environment(),
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.PIPE)
                while not server.requests:
                    time.sleep(0.01)
                time.sleep(0.2)
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=DEADLINE_S)
                self.assertEqual(process.returncode, INTERRUPTED, errors)

    def test_ctrl_c_while_waiting_for_standard_input(self):
        process = subprocess.Popen([BINARY, "chat"], cwd=self.path, env=quiet_environment(),
                                   stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(DEADLINE_S), INTERRUPTED)
        process.stdin.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()


class Retrying(Case):
    def test_errors_that_pass(self):
        with ScriptedServer(error(500, "x", "Bang."), error(503, "y", "Bang.", "Retry-After: 0"),
                            hello()) as server:
            done = self.chat(server, "q", retries=3)
            self.assertEqual(done.text, "Hello.\n")
            self.assertIn("500. Retry 1 of 3 in ", done.errors)
            self.assertIn("503. Retry 2 of 3 in 0.0 s, as the server asks.", done.errors)
            self.assertEqual(len({r.headers["idempotency-key"] for r in server.requests}), 1)
            self.assertEqual(len({r.body for r in server.requests}), 1)

    def test_the_wait_that_the_server_names(self):
        with ScriptedServer(error(429, "rate_limit_exceeded", "Slow.", "retry-after-ms: 700",
                                  "retry-after: 1"), hello()) as server:
            done = self.chat(server, "q", retries=3)
            self.assertIn("in 0.7 s, as the server asks", done.errors)
            self.assertGreaterEqual(done.seconds, 0.7)

    def test_a_wait_that_is_too_long(self):
        with ScriptedServer(error(429, "x", "Slow.", "retry-after: 30")) as server:
            done = self.chat(server, "--max-wait", "5", "q", retries=3, code=LIMITED)
            self.assertIn("30 s", done.errors)
            self.assertIn("--max-wait", done.errors)
            self.assertEqual(len(server.requests), 1)

    def test_what_is_not_tried_again(self):
        for step, code in ((error(400, "x", "No."), USAGE), (error(401, "x", "No."), REFUSED),
                           (error(503, "x", "No.", "x-should-retry: false"), SERVER),
                           (stream(chunk("half"), end=False), CONNECTION),
                           (stream(": ping\n\n", end=False), CONNECTION)):
            with ScriptedServer(step) as server:
                self.chat(server, "q", retries=3, code=code)
                self.assertEqual(len(server.requests), 1)

    def test_a_reset_is_tried_again(self):
        with ScriptedServer(reset, hello()) as server:
            self.assertEqual(self.chat(server, "q", retries=3).text, "Hello.\n")


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class Tls(Case):
    def certificate(self, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                        "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=test",
                        "-addext", f"subjectAltName={name}"],
                       cwd=self.path, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path / "cert.pem", self.path / "key.pem")
        return context

    def test_certificates(self):
        with ScriptedServer(hello(), tls=self.certificate("IP:127.0.0.1")) as server:
            self.assertIn("self-signed", self.chat(server, "q", code=CONNECTION).errors)
            self.chat(server, "q", "--ca-file", "cert.pem")
            self.chat(server, "q", env={"SSL_CERT_FILE": "cert.pem"})
            self.chat(server, "q", "--insecure")
            done = self.chat(server, "q", "--ca-file", "none.pem", code=USAGE)
            self.assertIn("none.pem", done.errors)
        with ScriptedServer(hello(), tls=self.certificate("DNS:other")) as server:
            done = self.chat(server, "q", "--ca-file", "cert.pem", code=CONNECTION)
            self.assertIn("not one for 127.0.0.1", done.errors)

    def test_a_plain_server(self):
        with ScriptedServer(hello()) as server:
            done = self.chat(None, "q", "--base-url", server.url.replace("http:", "https:"),
                             code=CONNECTION)
            self.assertIn("Write http:// instead", done.errors)


class Terminal(Case):
    """qvl chat on a terminal of its own."""

    def start(self, server, *arguments, term="dumb"):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(self.path)
            os.execve(BINARY, [BINARY, "chat", "--base-url", server.url, "--retries", "0",
                               *arguments], quiet_environment(TERM=term))
        self.seen = ""
        self.addCleanup(os.close, self.fd)

    def expect(self, text):
        """Reads until the text has come; forgets what stands before it."""
        end = time.monotonic() + DEADLINE_S
        while text not in self.seen:
            if time.monotonic() > end or not select.select([self.fd], [], [], DEADLINE_S)[0]:
                self.fail(f"{text!r} does not come; there is {self.seen!r}")
            try:
                self.seen += os.read(self.fd, 4096).decode(errors="replace")
            except OSError:
                self.fail(f"{text!r} does not come; there is {self.seen!r}")
        before, self.seen = self.seen.split(text, 1)
        return before

    def type(self, line):
        os.write(self.fd, (line + "\n").encode())
        self.expect(line + "\r\n")

    def end(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def test_reasoning_is_dim(self):
        document = reply(200, {"choices": [{"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": "Hi.", "reasoning_content": "Hm."}}]})
        with ScriptedServer(stream(chunk(reasoning_content="H"), chunk(reasoning_content="m."),
                                   chunk("Hi", reasoning_content=""), chunk("."),
                                   chunk(finish="stop"), DONE), document) as server:
            dim, usual = "\x1b[2m", "\x1b[0m"
            self.start(server, "q", term="xterm")
            self.expect(f"{dim}H{usual}{dim}m.{usual}\r\n\r\nHi.\r\n")
            self.assertEqual(self.end(), 0)
            self.start(server, "--no-stream", "q", term="xterm")
            self.expect(f"{dim}Hm.{usual}\r\n\r\nHi.\r\n")
            self.assertEqual(self.end(), 0)

    def test_a_conversation(self):
        with ScriptedServer(hello("one"), hello("two"), error(500, "x", "Bang."),
                            hello("three")) as server:
            self.start(server, "--system", "s", "-i", str(PICTURE))
            for question, words in (("a", "one\r\n"), ("b", "two\r\n"), ("lost", "Bang."),
                                    ("c", "three\r\n")):
                self.expect("> ")
                self.type(question)
                self.expect(words)
            self.expect("> ")
            self.type("/clear")
            self.expect("> ")
            self.type("/system")
            self.expect("> ")
            self.type(f"/image {PICTURE}")
            self.expect("> ")
            self.type("/image none.png")
            self.expect("cannot be read")
            self.expect("> ")
            self.type("d")
            self.expect("three\r\n")
            self.expect("> ")
            self.type("/what")
            self.expect("/help")
            self.type("/quit")
            self.assertEqual(self.end(), 0)
            messages = [[(m["role"], m["content"] if isinstance(m["content"], str)
                          else m["content"][-1]["text"]) for m in r.json()["messages"]]
                        for r in server.requests]
            start = [("system", "s"), ("user", "a"), ("assistant", "one"), ("user", "b")]
            self.assertEqual(messages[1], start)
            self.assertEqual(messages[3], start + [("assistant", "two"), ("user", "c")])
            self.assertEqual(messages[4], [("user", "d")])
            self.assertEqual(len(server.requests[0].json()["messages"][1]["content"]), 2)
            self.assertEqual(len(server.requests[4].json()["messages"][0]["content"]), 2)
            self.assertEqual(server.connections, 1)

    def test_ctrl_c_stops_an_answer_and_not_the_conversation(self):
        step = stream(chunk("half"), "x", before=lambda i: i == 1 and time.sleep(3600))
        with ScriptedServer(step, hello("whole")) as server:
            self.start(server)
            self.expect("> ")
            self.type("a")
            self.expect("half")
            os.write(self.fd, b"\x03")
            self.expect("> ")
            os.write(self.fd, b"typed\x03")
            self.expect("> ")
            self.type("b")
            self.expect("whole")
            self.expect("> ")
            os.write(self.fd, b"\x04")
            self.assertEqual(self.end(), 0)
            self.assertEqual(server.requests[1].json()["messages"],
                             [{"role": "user", "content": "b"}])

    def test_an_answer_cannot_drive_the_terminal(self):
        with ScriptedServer(hello("a\x1b]0;x\x07b\u009b31mc\n\td")) as server:
            self.start(server, "q")
            self.assertEqual(self.expect("d"), "a]0;xb31mc\r\n\t")
            self.assertEqual(self.end(), 0)


if __name__ == "__main__":
    unittest.main()
