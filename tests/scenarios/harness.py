"""What every scenario uses: the real program, started and stopped, and a client that sees every byte.

QVL_BINARY names the program, QVL_SOURCE_ROOT the checkout with the demo model. A scenario runs alone
by `QVL_BINARY=build/src/cli/qvl tests/scenarios/NAME.py [Class.test]`.
Deadlines are generous: they end a hanging test, and measure nothing.
"""
import base64
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(os.environ.get("QVL_SOURCE_ROOT", pathlib.Path(__file__).resolve().parents[2]))
BINARY = os.environ.get("QVL_BINARY", str(ROOT / "build" / "src" / "cli" / "qvl"))
DEMO = ROOT / "models" / "demo"
IMAGES = ROOT / "tests" / "golden" / "images"
MODEL = "qwen3-vl-demo"


def is_sanitized():
    program = pathlib.Path(BINARY).read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


SANITIZED = is_sanitized()
# How much of the long scenarios to run, 1: all.
SCALE = float(os.environ.get("QVL_SCENARIO_SCALE", "0.1" if SANITIZED else "1"))
DEADLINE_S = 240 if SANITIZED else 60
SANITIZER_WORDS = ("Sanitizer", "runtime error:")
# Every request of every scenario carries it; no log may.
PLANTED = "sk-planted-7f3a9c0d5e1b4826"


def wait_until(condition, seconds=DEADLINE_S, what="the condition"):
    """Waits for a condition to become true, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.01)


def quiet_environment(**more):
    """The environment without anything that would change what the program does."""
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith(("QVL_", "QWEN_", "OPENAI_", "LC_")) and "proxy" not in k.lower()}
    kept["LANG"] = "C.UTF-8"
    kept.update(more)
    return kept


def run_qvl(*arguments, env=None, stdin=None, timeout=DEADLINE_S):
    """A command that ends by itself."""
    done = subprocess.run([BINARY, *arguments], env=env or quiet_environment(), timeout=timeout,
                          input=stdin, capture_output=True, text=True, encoding="utf-8",
                          stdin=None if stdin is not None else subprocess.DEVNULL, check=False)
    for word in SANITIZER_WORDS:
        if word in done.stderr:
            raise AssertionError(done.stderr)
    return done


class Server:
    """`qvl serve` with the demo model, on a port that the system chose."""

    def __init__(self, *flags, model=DEMO, listen=("--port", "0"), command=(), env=None, wait=True,
                 open_files=None, prepare=None):
        """`prepare` runs in the new process, before the program."""
        self.out, self.err, self.connections = [], [], []
        self.flags = [str(flag) for flag in flags]
        arguments = [BINARY, *command, "serve", *listen]
        if model:
            arguments += ["--model", str(model), "--name", MODEL]
        self.process = subprocess.Popen([*arguments, *map(str, flags)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        encoding="utf-8", env=env or quiet_environment(),
                                        preexec_fn=prepare or open_files and (
                                            lambda: resource.setrlimit(
                                                resource.RLIMIT_NOFILE, open_files)))
        self.pid = self.process.pid
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in
                        ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()
        if wait:
            self.wait_ready()

    @staticmethod
    def _read(pipe, lines):
        for line in pipe:
            lines.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            if kind is None:
                self.stop()
            else:
                self.process.kill()
        self._forget()

    def wait_line(self, pattern):
        """The match of the first line of stdout that fits."""
        def found():
            for line in self.out:
                match = re.search(pattern, line)
                if match:
                    return match
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.process.returncode}\n" + self.text())
            return None
        return wait_until(found, what=f"a line like {pattern!r} in\n{self.text()}")

    def wait_ready(self):
        self.wait_line(r"^ready ")
        self.addresses = [re.split(r"\s+", line)[1] for line in self.out
                          if line.startswith(("listening", "监听"))]
        self.url = next((a for a in self.addresses if a.startswith("http")), None)
        match = re.match(r"http://(.*):(\d+)$", self.url or "")
        self.host, self.port = (match[1].strip("[]"), int(match[2])) if match else (None, None)

    def text(self):
        return "\n".join(self.out + self.err)

    def complaints(self):
        """Lines of stderr other than the progress of a slow start."""
        return [line for line in self.err if not line.startswith("loading: ")]

    def access_lines(self):
        """The access log, as far as it is JSON."""
        return [json.loads(line) for line in list(self.err) if line.startswith('{"time"')
                and '"request_id"' in line and '"status"' in line]

    def access(self, request_id):
        """The line of one request; waits for it."""
        return wait_until(lambda: next((line for line in self.access_lines()
                                        if line["request_id"] == request_id), None),
                          what=f"the access line of {request_id}")

    def rss_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_end(self):
        code = self.process.wait(DEADLINE_S)
        self._forget()
        return code

    def close_connections(self):
        """Of tests that did not close them themselves."""
        for connection in self.connections:
            connection.close()
        self.connections.clear()

    def _forget(self):
        self.close_connections()
        self.process.wait(DEADLINE_S)
        for reader in self.readers:
            reader.join(DEADLINE_S)
        self.process.stdout.close()
        self.process.stderr.close()

    def check_clean(self):
        text = "\n".join(self.err)
        for word in SANITIZER_WORDS:
            if word in text:
                raise AssertionError(text)
        if PLANTED in self.text() or any(PLANTED in log for log in self.log_files()):
            raise AssertionError("a secret is in a log")

    def log_files(self):
        """The contents of the files that flags named as logs."""
        paths = [pathlib.Path(path) for flag, path in zip(self.flags, self.flags[1:])
                 if flag in ("--log.access", "--log.error")]
        return [path.read_text(encoding="utf-8", errors="replace") for path in paths
                if path.is_file()]

    def stop(self):
        """SIGTERM, and nothing to complain about."""
        if self.process.poll() is None:
            self.terminate()
        code = self.wait_end()
        self.check_clean()
        if code != 0:
            raise AssertionError(f"exit status {code}\n{self.text()}")

    def connect(self, receive_bytes=None):
        connection = Connection(self.host, self.port, receive_bytes)
        self.connections.append(connection)
        return connection

    def request(self, *arguments, **options):
        with self.connect() as connection:
            return connection.request(*arguments, **options)

    def chat(self, content="describe this image", headers=None, **fields):
        """One answer to a chat request: the content of its message, or its whole body."""
        body = content if isinstance(content, dict) else chat_body(content, **fields)
        return self.request("POST", "/v1/chat/completions", body, headers)


class Reply:
    """One answer, every byte of it checked for form."""

    def __init__(self, version, status, headers, body, times):
        self.version, self.status, self.headers, self.body = version, status, headers, body
        self.times = times  # of streams: when each piece came

    def header(self, name):
        values = [v for k, v in self.headers if k == name.lower()]
        if len(values) > 1:
            raise AssertionError(f"{name} comes {len(values)} times")
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def error(self):
        return self.json()["error"]

    def code(self):
        return self.error()["code"]

    def text(self):
        return self.json()["choices"][0]["message"]["content"]

    def events(self):
        """The data of server-sent events; comments are dropped."""
        return events_of(self.body)


def events_of(body):
    text = body.decode("utf-8")
    if text and not text.endswith("\n\n"):
        raise AssertionError("the last event is not complete: " + text[-200:])
    events = []
    for block in text.split("\n\n")[:-1]:
        if block.startswith(":"):
            continue
        if not block.startswith("data: ") or "\n" in block:
            raise AssertionError("not an event: " + block)
        data = block[len("data: "):]
        events.append(data if data == "[DONE]" else json.loads(data))
    return events


class Closed(Exception):
    """The server ended the connection where a reply, or more of it, was expected."""


class Connection:
    """One connection; reads replies strictly."""

    def __init__(self, host, port, receive_bytes=None):
        family = socket.AF_UNIX if port is None else \
            socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(DEADLINE_S)
        try:
            self.socket.connect(host if port is None else (host, port))
        except OSError:
            self.socket.close()
            raise
        if port is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def end(self):
        """No more input; the answer may still come."""
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise Closed(self.data)
        self.data += piece

    def _line(self):
        while b"\r\n" not in self.data:
            self._more()
        line, self.data = self.data.split(b"\r\n", 1)
        return line.decode("utf-8")

    def _take(self, count):
        while len(self.data) < count:
            self._more()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def read_rest(self):
        """All bytes up to the end of the connection."""
        try:
            while True:
                self._more()
        except Closed:
            rest, self.data = self.data, b""
            return rest

    def is_closed(self):
        """Waits for the end; False if there are more bytes instead."""
        try:
            return not self.data and not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def read_head(self):
        version, status, _ = self._line().split(" ", 2)
        headers = []
        while True:
            line = self._line()
            if not line:
                return version, int(status), headers
            name, value = line.split(":", 1)
            if name != name.strip() or not name:
                raise AssertionError("a bad header: " + line)
            headers.append((name.lower(), value.strip()))

    def read_chunk(self):
        """One chunk of a chunked body; b"" at its end."""
        size = int(self._line(), 16)
        chunk = self._take(size)
        if self._line():
            raise AssertionError("a chunk is not followed by CRLF")
        return chunk

    def read_reply(self, method="GET", informational=False):
        version, status, headers = self.read_head()
        while status == 100 and not informational:
            version, status, headers = self.read_head()
        named, body, times = dict(headers), b"", []
        if version != "HTTP/1.1" or len(named) != len(headers):
            raise AssertionError(f"{version} {headers}")
        if status >= 200 and status != 204 and method != "HEAD":
            if "content-length" in named:
                body = self._take(int(named["content-length"]))
            elif named.get("transfer-encoding") == "chunked":
                while True:
                    chunk = self.read_chunk()
                    if not chunk:
                        break
                    times.append(time.monotonic())
                    body += chunk
            else:
                body = self.read_rest()
        return Reply(version, status, headers, body, times)

    def request(self, method, path, body=None, headers=None):
        self.send(request_bytes(method, path, body, headers))
        return self.read_reply(method)


def request_bytes(method, path, body=None, headers=None):
    """A request as a careful client writes it. `body`: bytes, text, or what becomes JSON."""
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode("utf-8")
    fields = {"Host": "localhost", "Authorization": "Bearer " + PLANTED}
    if body is not None:
        fields["Content-Type"] = "application/json"
        fields["Content-Length"] = str(len(body))
    fields.update(headers or {})
    lines = [f"{method} {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in fields.items() if v is not None]
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + (body or b"")


def user(content):
    return {"role": "user", "content": content}


def chat_body(content="describe this image", messages=None, **fields):
    """The body of a chat request with one message; greedy unless the fields say otherwise."""
    body = {"model": MODEL, "messages": messages or [user(content)], "temperature": 0}
    body.update(fields)
    return body


def endless(max_tokens=8000, **fields):
    """A request that runs until its limit, or until somebody stops it."""
    return chat_body("你好", ignore_eos=True, max_tokens=max_tokens, **fields)


TYPES = {"png": "png", "jpg": "jpeg", "webp": "webp", "gif": "gif", "bmp": "bmp"}


def data_url(path):
    path = pathlib.Path(path)
    kind = TYPES[path.suffix[1:]]
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def image_part(path):
    return {"type": "image_url", "image_url": {"url": data_url(path)}}


def sample(number):
    """A line of the demo model's samples: its question with pictures, and the reference's answer."""
    lines = (DEMO / "samples" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[number])
    row["content"] = [image_part(DEMO / "samples" / name) for name in row["images"]]
    row["content"].append({"type": "text", "text": row["question"]})
    return row


class Scenario(unittest.TestCase):
    """Tests that share one server, started with `flags`. It must end well."""

    flags = ()
    server = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def tearDown(self):
        self.server.close_connections()

    def check_error(self, reply, status, code, param=None):
        """The reply is this error, of OpenAI's shape, with the headers that belong to it."""
        self.assertEqual(reply.status, status, reply.body)
        error = reply.error()
        self.assertEqual(error["code"], code, error)
        self.assertEqual(set(error), {"message", "type", "param", "code", "request_id", "hint",
                                      "docs"})
        self.assertEqual(list(reply.json()), ["error"])
        self.assertTrue(error["message"].endswith((".", "。", "?", "？")), error["message"])
        self.assertEqual(error["request_id"], reply.header("x-request-id"))
        self.assertEqual(error["docs"], "docs/errors.md#" + code)
        self.assertEqual(reply.header("content-type"), "application/json")
        self.assertIn(reply.header("x-should-retry"), ("true", "false"))
        self.assertTrue(reply.header("date"))
        if param is not None:
            self.assertEqual(error["param"], param, error)
        return error


def main():
    unittest.main(verbosity=2, argv=sys.argv)
