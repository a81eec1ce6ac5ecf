"""A server on loopback that plays a script: one function per request, the last one for all further.

A step gets the accepted connection and the request, and writes whatever bytes it likes.
"""
import json
import socket
import struct
import threading
import time


class Request:
    def __init__(self, line, headers, body, connection_number):
        self.method, self.target, _ = line.split(" ", 2)
        self.headers = headers  # names in lower case
        self.body = body
        self.connection_number = connection_number

    def json(self):
        return json.loads(self.body)


def read_request(file, number):
    line = file.readline().decode("latin-1").strip()
    if not line:
        return None
    headers = {}
    while True:
        header = file.readline().decode("latin-1").strip()
        if not header:
            break
        name, value = header.split(":", 1)
        headers[name.strip().lower()] = value.strip()
    body = file.read(int(headers.get("content-length", 0)))
    return Request(line, headers, body, number)


class ScriptedServer:
    def __init__(self, *steps, tls=None):
        self.steps = list(steps)
        self.tls = tls
        self.requests = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self.listener.close()
        for connection in self.open:
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection, self.connections),
                             daemon=True).start()

    def _serve(self, connection, number):
        try:
            if not self.tls and connection.recv(1, socket.MSG_PEEK) == b"\x16":
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                connection.close()  # a TLS handshake on a plain port
                return
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as file:
                while True:
                    request = read_request(file, number)
                    if not request:
                        return
                    self.requests.append(request)
                    step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
                    if step(connection, request) == "close":
                        return
        except (OSError, ValueError):
            pass


def reply(status, body="", *headers, content_type="application/json"):
    """A step: one whole answer."""
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body

    def step(connection, _):
        head = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}",
                f"Content-Length: {len(data)}", *headers]
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + data)
    return step


def answer(text="Hello.", **more):
    """A step: an answer that is not streamed."""
    return reply(200, {"id": "chatcmpl-1", "object": "chat.completion", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        **more})


def error(status, code, message, *headers, kind="x_error", hint=None):
    """A step: an error as OpenAI's API tells it."""
    return reply(status, {"error": {"message": message, "type": kind, "param": None, "code": code,
                                    "request_id": "req-42", "hint": hint}}, *headers)


def chunk(text=None, finish=None, **delta):
    if text is not None:
        delta["content"] = text
    return "data: " + json.dumps({"object": "chat.completion.chunk", "choices": [
        {"index": 0, "delta": delta, "finish_reason": finish}]}) + "\n\n"


DONE = "data: [DONE]\n\n"


def piece(text):
    data = text.encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


STREAM_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
               b"Transfer-Encoding: chunked\r\nX-Request-Id: req-7\r\n\r\n")


def stream(*events, end=True, before=None):
    """A step: server-sent events. `before(i)` runs before event i; without `end` the connection
    closes within the body."""
    def step(connection, _):
        connection.sendall(STREAM_HEAD)
        for i, event in enumerate(events):
            if before:
                before(i)
            connection.sendall(piece(event))
        if not end:
            return "close"
        connection.sendall(b"0\r\n\r\n")
        return None
    return step


def hello(*words):
    """A step: these words as a stream, well ended."""
    return stream(*[chunk(w) for w in words or ["Hel", "lo."]], chunk(finish="stop"), DONE)


def raw(data, close=True):
    def step(connection, _):
        connection.sendall(data)
        return "close" if close else None
    return step


def reset(connection, _):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return "close"


def silence(_connection, _request):
    time.sleep(3600)
