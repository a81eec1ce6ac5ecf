#!/usr/bin/env python3
"""Every allocation that answering a request takes fails once, in whatever thread: the client gets a
whole answer that says so, the next request is answered as ever, and nothing leaks.

tests/failing_malloc is loaded in front of the C library; FAILING_MALLOC_LIBRARY names it.
QVL_SCENARIO_SCALE tries every allocation (1) or fewer."""
import base64
import ctypes
import http.server
import json
import mmap
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from harness import (BINARY, DEMO, IMAGES, MODEL, SANITIZED, SCALE, Closed, Scenario, Server, chat_body,
                     data_url, image_part, main, quiet_environment, request_bytes, sample, wait_until)

LIBRARY = os.environ.get("FAILING_MALLOC_LIBRARY", "")
CHAT = "/v1/chat/completions"
FRAMES = 24
TOOLS = [{"type": "function", "function": {
    "name": "look", "parameters": {"type": "object", "properties": {
        "where": {"type": "string"}}, "required": ["where"]}}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": {
    "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
    "additionalProperties": False}}}


class Control(ctypes.Structure):
    """As in tests/failing_malloc/failing_malloc.c."""
    _fields_ = [("fail_at", ctypes.c_uint64), ("count", ctypes.c_uint64),
                ("failed", ctypes.c_uint64), ("live", ctypes.c_uint64),
                ("all", ctypes.c_uint64),
                ("bytes", ctypes.c_uint64), ("frames", ctypes.c_uint64 * FRAMES)]


def chat(**fields):
    return request_bytes("POST", CHAT, chat_body(fields.pop("content", "你好"), **fields))


def picture(**fields):
    return chat(content=sample(0)["content"], max_tokens=6, **fields)


REQUESTS = {
    "health": request_bytes("GET", "/health"),
    "ready": request_bytes("GET", "/health/ready"),
    "models": request_bytes("GET", "/v1/models"),
    "one model": request_bytes("GET", "/v1/models/" + MODEL),
    "options": request_bytes("OPTIONS", CHAT),
    "a wrong path": request_bytes("GET", "/v1/model"),
    "a wrong method": request_bytes("GET", CHAT),
    "no request": b"GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n",
    "no JSON": request_bytes("POST", CHAT, "{"),
    "a wrong field": chat(temperature="hot"),
    "a wrong picture": chat(content=[{"type": "image_url", "image_url": {
        "url": "data:image/png;base64,AAAA"}}]),
    "a chunked body": (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nT: v\r\n\r\n"),
    "a chat": chat(max_tokens=8),
    "several answers": chat(max_tokens=4, n=3, return_token_ids=True, logprobs=True, top_logprobs=2),
    "a stream": chat(max_tokens=8, stream=True, stream_options={"include_usage": True}),
    "tools": chat(max_tokens=8, tools=TOOLS),
    "a named tool": chat(max_tokens=40, tools=TOOLS, stream=True,
                         tool_choice={"type": "function", "function": {"name": "look"}}),
    "a schema": chat(max_tokens=20, response_format=SCHEMA),
    "stops and biases": chat(max_tokens=8, stop=["x", "yz"], logit_bias={"5": 1}, seed=1,
                             temperature=0.5, foo=1),
    "a long body": chat(content=" " * 70000 + "你好", max_tokens=1),
    "a completion": request_bytes("POST", "/v1/completions", {
        "model": MODEL, "prompt": "hello", "max_tokens": 6, "temperature": 0}),
    "a completion in a stream": request_bytes("POST", "/v1/completions", {
        "model": MODEL, "prompt": ["hello", "你好"], "max_tokens": 6, "temperature": 0,
        "stream": True}),
    "a scored prompt": request_bytes("POST", "/v1/completions", {
        "model": MODEL, "prompt": ["hello you", "b"], "max_tokens": 0, "echo": True, "logprobs": 2}),
    "a scored prompt in a stream": request_bytes("POST", "/v1/completions", {
        "model": MODEL, "prompt": "hello you", "max_tokens": 3, "echo": True, "logprobs": 2, "n": 2,
        "stream": True, "return_token_ids": True, "temperature": 0}),
    "bad words": chat(max_tokens=3, bad_words=["a b", "c"], stop_token_ids=[1], foo=1),
    "tokens as they are spelled": request_bytes("POST", "/tokenize", {
        "prompt": "<|im_start|>hi", "return_token_strs": True}),
    "text of tokens": request_bytes("POST", "/detokenize", {"model": MODEL, "tokens": [5, 6, 7]}),
    "frames": chat(content=[{"type": "video", "fps": 2, "video": [
        data_url(DEMO / "samples" / "0000.png")] * 4}], max_tokens=2),
    "tokens": request_bytes("POST", "/tokenize", {"model": MODEL, "prompt": "hello 你好"}),
    "a picture": picture(),
    "a picture in a stream": picture(stream=True),
}
for file_name in ("jpeg_420_9x7.jpg", "jpeg_cmyk_adobe.jpg", "png_exif_6.png", "webp_animated.webp",
                  "webp_lossy_alpha.webp", "gif_interlaced.gif", "bmp_8bit.bmp"):
    REQUESTS["a picture: " + file_name.split(".")[0]] = chat(
        content=[image_part(IMAGES / file_name)], max_tokens=2)


class Pictures(http.server.BaseHTTPRequestHandler):
    """What is fetched: a picture, behind a redirect."""

    def do_GET(self):
        body = b"" if self.path == "/from" else (DEMO / "samples" / "0000.png").read_bytes()
        self.send_response(200 if body else 302)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "image/png")
        if not body:
            self.send_header("Location", "/to")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def where(frames):
    """The functions of the program that asked for the memory, innermost first."""
    places = [hex(frame) for frame in frames if frame]
    if not places:
        return "(a library)"
    lines = subprocess.run(["addr2line", "-fse", BINARY, *places], capture_output=True, text=True,
                           check=False).stdout.splitlines()
    return " < ".join(f"{f} {at}" for f, at in zip(lines[::2], lines[1::2]))


class Broken(Exception):
    """What came is no whole answer."""


class Silence(Broken):
    """Nothing came."""


class Answer:
    """What came back, brought to a form that is equal for equal answers."""

    def __init__(self, connection):
        self.status, self.aborted, self.code = 0, False, None
        try:
            self.status, headers = connection.read_head()[1:]
        except (Closed, OSError) as error:
            raise Silence(f"no answer: {error}") from error
        self.headers = dict(headers)
        if self.headers.get("transfer-encoding") == "chunked":
            self.body = self._stream(connection)
        else:
            size = 0 if self.status == 204 else int(self.headers["content-length"])
            self.body = self._whole(connection._take(size) if size else b"")

    def _whole(self, body):
        if not body:
            return None
        value = json.loads(body)
        if "error" in value:
            self._check_error(value["error"])
        return self._plain(value)

    def _check_error(self, error):
        self.code = error["code"]
        if set(error) != {"message", "type", "param", "code", "request_id", "hint", "docs"}:
            raise Broken(f"not the shape of an error: {error}")

    def _stream(self, connection):
        body = b""
        try:
            body = b"".join(iter(connection.read_chunk, b""))
        except (Closed, OSError):
            self.aborted = True
            return None
        texts, events = {}, body.decode("utf-8").split("\n\n")
        for event in events[:-1]:
            value = event[len("data: "):]
            if value == "[DONE]":
                continue
            value = json.loads(value)
            if "error" in value:
                self._check_error(value["error"])
            for choice in value.get("choices", []):
                delta = choice.get("delta", {})
                text = (choice.get("text") or "") + (delta.get("content") or "")
                for call in delta.get("tool_calls") or []:
                    text += call["function"].get("arguments") or ""
                texts[choice["index"]] = texts.get(choice["index"], "") + text
        if events[-1] or (self.code is None) != (events[-2] == "data: [DONE]"):
            raise Broken(f"a stream without its end: {body[-300:]}")
        return texts

    def _plain(self, value):
        """Without what differs from call to call."""
        if isinstance(value, dict):
            return {k: self._plain(v) for k, v in value.items()
                    if k not in ("id", "created", "request_id", "usage", "uptime", "timings")}
        if isinstance(value, list):
            return [self._plain(v) for v in value]
        if isinstance(value, float):
            return round(value, 3)  # what else is in the batch shows far behind the point
        return value


class Failing(Scenario):
    """The server with the library in front, and the loop over its allocations."""

    may_be_silent = False
    all_fail = False

    @classmethod
    def setUpClass(cls):
        cls.file = tempfile.NamedTemporaryFile()
        cls.file.write(bytes(mmap.PAGESIZE))
        cls.file.flush()
        cls.memory = mmap.mmap(cls.file.fileno(), mmap.PAGESIZE)
        cls.control = Control.from_buffer(cls.memory)
        env = quiet_environment(LD_PRELOAD=LIBRARY, FAILING_MALLOC=cls.file.name)
        if SANITIZED:  # which does not see that it is the loader who keeps some memory
            cls.suppressions = tempfile.NamedTemporaryFile("w")
            cls.suppressions.write("leak:dl_open_worker\n")
            cls.suppressions.flush()
            env["ASAN_OPTIONS"] = "verify_asan_link_order=0:detect_leaks=1"
            env["LSAN_OPTIONS"] = "suppressions=" + cls.suppressions.name
        cls.server = Server("--model.threads", "1", "--model.image.allow-private",
                            *cls.flags, env=env)
        cls.pictures = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
        threading.Thread(target=cls.pictures.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.pictures.shutdown()
        cls.pictures.server_close()
        del cls.control
        cls.memory.close()
        cls.file.close()
        if SANITIZED:
            cls.suppressions.close()

    def encrypt(self, connection):
        """Before the request."""

    def disarm(self):
        self.control.fail_at = 0

    def ask(self, request, fail_at=0):
        """`request`: bytes, or a function that makes them anew."""
        data = request() if callable(request) else request
        with self.server.connect() as connection:
            self.control.failed = self.control.count = 0
            self.control.all = self.all_fail
            self.control.fail_at = fail_at
            # A connection that finds no memory is taken when there is some.
            end = threading.Timer(0.3, self.disarm)
            if self.all_fail and fail_at:
                end.start()
            try:
                self.encrypt(connection)
                connection.send(data)
                return Answer(connection)
            except OSError as error:
                raise Silence(f"the connection ended: {error}") from error
            finally:
                end.cancel()
                if fail_at and not self.control.failed:
                    time.sleep(0.01)  # what comes after the answer: the log
                self.disarm()
                self.server.connections.clear()

    def check(self, answer, usual):
        """A failure may also go unnoticed: of a cache, or of a line of the log."""
        if answer.code == "memory_full" or answer.aborted:
            if answer.status not in (503, 200):
                raise Broken(f"status {answer.status}")
            if answer.status == 503 and (answer.headers.get("x-should-retry") != "true" or
                                         "retry-after" not in answer.headers):
                raise Broken(f"not the headers of a refusal: {answer.headers}")
        elif (answer.status, answer.body) != (usual.status, usual.body):
            raise Broken(f"{answer.status} {answer.body}\ninstead of {usual.status} {usual.body}")

    def settled_live(self):
        """How many allocations there are when nothing goes on."""
        def quiet():
            before = self.control.live
            time.sleep(0.05)
            return self.control.live == before
        wait_until(quiet, what="quiet")
        return self.control.live

    def sweep(self, name, request):
        for _ in range(3):
            usual = self.ask(request)
        before, n, aborted = self.settled_live(), 0, 0
        step = 1 if SCALE >= 1 else 7
        while True:
            n += 1 if n < 50 else step
            try:
                try:
                    answer = self.ask(request, n)
                    if not self.control.failed:
                        break
                    self.check(answer, usual)
                    aborted += answer.aborted
                except Silence:
                    if not self.may_be_silent:
                        raise
                    aborted += 1
                again = self.ask(request)
                self.check(again, usual)
                if again.code == "memory_full":
                    raise Broken("the next one fails too")
            except Broken as broken:
                self.assertIsNone(self.server.process.poll(), self.server.text()[-2000:])
                self.fail(f"{name}, allocation {n} of {self.control.bytes} bytes, "
                          f"{where(self.control.frames)}:\n{broken}")
        self.ask(request)
        live = self.settled_live()
        if not SANITIZED:  # which brings a strdup of its own, and looks for leaks at the end
            self.assertLess(live, before + 20, f"{name}: {live - before} of {n} leaked")
        return usual.status, n - 1, aborted, live - before


    def report(self, name, request):
        status, tried, aborted, more = self.sweep(name, request)
        print(f"{name}: {status}, {tried} allocations failed, {aborted} streams were cut, "
              f"{more:+d} are kept", flush=True)
        self.assertGreater(tried, 1)


@unittest.skipIf(not LIBRARY, "FAILING_MALLOC_LIBRARY is not set")
class Memory(Failing):
    def test_a_picture_from_the_web(self):
        url = f"http://127.0.0.1:{self.pictures.server_port}/from"
        self.report("a picture from the web", chat(max_tokens=2, content=[
            {"type": "image_url", "image_url": {"url": url}}]))

    @unittest.skipIf(not shutil.which("ffmpeg"), "ffmpeg is not there")
    def test_a_video(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.mp4")
            subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i",
                            "testsrc=size=64x64:rate=4:duration=1", "-pix_fmt", "yuv420p", path],
                           check=True, stdin=subprocess.DEVNULL)
            with open(path, "rb") as file:
                url = "data:video/mp4;base64," + base64.b64encode(file.read()).decode("ascii")
        self.report("a video", chat(max_tokens=2, content=[
            {"type": "video_url", "video_url": {"url": url}}]))


@unittest.skipIf(not LIBRARY, "FAILING_MALLOC_LIBRARY is not set")
class Encrypted(Failing):
    """Without memory there is no TLS, and then no answer; but never one in plain text."""

    may_be_silent = True

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        certificate, key = (os.path.join(cls.folder.name, name) for name in ("c.pem", "k.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                        "-subj", "/CN=localhost"], check=True, capture_output=True)
        cls.flags = ("--server.tls.certificate", certificate, "--server.tls.key", key)
        super().setUpClass()
        cls.server.host, cls.server.port = "127.0.0.1", int(
            cls.server.addresses[0].rsplit(":", 1)[1])
        cls.context = ssl.create_default_context(cafile=certificate)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def encrypt(self, connection):
        try:
            connection.socket = self.context.wrap_socket(connection.socket,
                                                         server_hostname="localhost")
        except OSError as error:
            if "WRONG_VERSION_NUMBER" in str(error):
                raise Broken("an answer in plain text") from error
            raise Silence("no handshake") from error

    def test_health(self):
        self.report("health by TLS", REQUESTS["health"])

    def test_a_stream(self):
        self.report("a stream by TLS", REQUESTS["a stream"])


@unittest.skipIf(not LIBRARY, "FAILING_MALLOC_LIBRARY is not set")
class Dry(Failing):
    """From some allocation on all fail, until the answer is there."""

    all_fail = True

    def test_small_ones(self):
        for name in ("health", "models", "a wrong path", "no JSON", "no request", "tokens"):
            self.report(name, REQUESTS[name])

    def test_chats(self):
        for name in ("a chat", "a stream", "a named tool", "a picture"):
            self.report(name, REQUESTS[name])


@unittest.skipIf(not LIBRARY, "FAILING_MALLOC_LIBRARY is not set")
class Fresh(Failing):
    """Nothing is found in a cache: pictures are encoded, and prompts computed."""

    flags = ("--model.image.cache", "0")

    def anew(self, **fields):
        salts = iter(range(1 << 30))
        return lambda: chat(cache_salt=str(next(salts)), max_tokens=4, **fields)

    def test_a_chat(self):
        self.report("a fresh chat", self.anew(content="describe " * 300))

    def test_pictures(self):
        self.report("fresh pictures", self.anew(content=sample(0)["content"] * 2, stream=True))

    def test_frames(self):
        self.report("fresh frames", self.anew(content=[{"type": "video", "fps": 2, "video": [
            data_url(DEMO / "samples" / "0000.png")] * 4}]))


def add(name, request):
    def test(self):
        self.report(name, request)
    setattr(Memory, "test_" + name.replace(" ", "_").replace(":", ""), test)


for each_name, each_request in REQUESTS.items():
    add(each_name, each_request)

if __name__ == "__main__":
    main()
