#!/usr/bin/env python3
"""Behind nginx with the sample of etc/nginx: kept connections, restarts, ids, many at once."""
import pathlib
import socket
import sys
import threading
import time
import unittest

from harness import (DEADLINE_S, Connection, Server, chat_body, endless, main, request_bytes,
                     wait_until)
from nginx import NGINX, Nginx, free_port

CHAT = "/v1/chat/completions"


def connections_to(port):
    """Local ports of connections to a port of this machine, those just closed too."""
    rows = [line.split() for line in
            pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return {row[1] for row in rows if int(row[2].split(":")[1], 16) == port}


class BehindNginx(unittest.TestCase):
    def serve(self, *flags, **options):
        """qvl and nginx before it."""
        server = Server("--access.trusted-proxies", "127.0.0.1", *flags, **options)
        self.addCleanup(server.stop)
        nginx = Nginx(server.port)
        self.addCleanup(nginx.__exit__)
        return server, nginx

    def test_ids(self):
        server, nginx = self.serve()
        for sent in ("mine-1.A_b", None, "not an id", "x" * 129):
            reply = nginx.request("GET", "/v1/models", None, {"X-Request-Id": sent})
            answered = reply.header("x-request-id")
            if sent == "mine-1.A_b":
                self.assertEqual(answered, sent)
            else:
                self.assertRegex(answered, "^[0-9a-f]{32}$")
            self.assertEqual(server.access(answered)["status"], 200)

    def test_head_and_options(self):
        _, nginx = self.serve("--server.cors.origins", "https://a.example")
        self.assertEqual(nginx.request("HEAD", "/v1/models").status, 200)
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        reply = nginx.request("OPTIONS", CHAT, None, asked)
        self.assertIn(reply.status, (200, 204))
        self.assertEqual(reply.header("access-control-allow-origin"), "https://a.example")

    def test_a_stream_is_not_buffered(self):
        _, nginx = self.serve()
        begin = time.monotonic()
        times = nginx.request("POST", CHAT, endless(1500, stream=True)).times
        whole = times[-1] - begin
        self.assertLess(times[0] - begin, whole / 4)
        self.assertGreater(sum(t - begin < whole / 2 for t in times), 5)

    def test_a_body_of_30_mib(self):
        _, nginx = self.serve()
        reply = nginx.request("POST", CHAT, chat_body("x", max_tokens=1, user="y" * (30 << 20)))
        self.assertEqual(reply.status, 200, reply.body)

    def test_whose_413(self):
        server = Server("--server.max-body", "64KiB")
        self.addCleanup(server.stop)
        large = chat_body("x" * 100_000)
        with Nginx(server.port) as nginx:
            reply = nginx.request("POST", CHAT, large)
            self.assertEqual((reply.status, reply.code()), (413, "body_too_large"))
            self.assertEqual(reply.header("x-should-retry"), "false")
        with Nginx(server.port, ("client_max_body_size 65m;", "client_max_body_size 1k;")) as nginx:
            reply = nginx.request("POST", CHAT, large)
            self.assertEqual((reply.status, reply.header("content-type")), (413, "text/html"))

    def test_a_drain(self):
        """The stream that runs ends well; who comes later is told by nginx."""
        with Server("--server.drain-timeout", "10m") as server, Nginx(server.port) as nginx:
            with Connection("127.0.0.1", nginx.port) as stream:
                stream.send(request_bytes("POST", CHAT, endless(1500, stream=True)))
                wait_until(lambda: stream.socket.recv(1, socket.MSG_PEEK))
                server.terminate()
                server.wait_line("^stopping")
                wait_until(lambda: nginx.request("GET", "/v1/models").status in (502, 503))
                self.assertEqual(stream.read_reply().events()[-1], "[DONE]")
            self.assertEqual(server.wait_end(), 0)

    def test_a_client_that_leaves(self):
        server, nginx = self.serve()
        for stream in (True, False):
            name = f"leaves-{stream}"
            with Connection("127.0.0.1", nginx.port) as connection:
                body = endless(n=16, stream=stream)
                connection.send(request_bytes("POST", CHAT, body, {"X-Request-Id": name}))
                if stream:
                    connection.read_head()
                else:
                    time.sleep(0.2)
            line = server.access(name)
            self.assertEqual((line["status"], line["code"]), (499, "client_closed"))

    def test_connections_are_kept(self):
        server, nginx = self.serve()
        for _ in range(20):
            self.assertEqual(nginx.request("GET", "/v1/models").status, 200)
        self.assertEqual(len(connections_to(server.port)), 1)

    def test_idle_connections_that_qvl_closes(self):
        _, nginx = self.serve("--server.idle-timeout", "50ms")
        for number in range(100):
            reply = nginx.request("POST", CHAT, chat_body("x", max_tokens=1))
            self.assertEqual(reply.status, 200, f"request {number}: {reply.body}")
            time.sleep(0.15 * (number % 2))

    def test_a_restart(self):
        port = free_port()
        with Nginx(port) as nginx:
            for _ in range(2):
                self.assertEqual(nginx.request("GET", "/v1/models").status, 502)
                with Server(listen=("--port", str(port))):
                    self.assertEqual(nginx.request("GET", "/v1/models").status, 200)
            self.assertIn(b"nginx", nginx.request("GET", "/v1/models").body)

    def test_many_at_once(self):
        _, nginx = self.serve()
        replies = []
        body = chat_body("x", max_tokens=2)
        threads = [threading.Thread(target=lambda: replies.append(nginx.request("POST", CHAT, body)))
                   for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        self.assertEqual([reply.status for reply in replies], [200] * 200)
        self.assertEqual(len({reply.text() for reply in replies}), 1)


if __name__ == "__main__":
    if not NGINX:
        print("nginx is not installed: nothing was tested")
        sys.exit(77)
    main()
