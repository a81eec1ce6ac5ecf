#!/usr/bin/env python3
"""Who connects, and where: the PROXY protocol, connections of one address, descriptors, IPv6."""
import fcntl
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from harness import (BINARY, DEADLINE_S, DEMO, Closed, Connection, Scenario, Server, chat_body,
                     main, quiet_environment, request_bytes, wait_until)

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command, family, addresses=b"", more=b""):
    return V2 + bytes((0x20 | command, family)) + struct.pack(">H", len(addresses + more)) \
        + addresses + more


def v2_tcp4(client, port=1234, more=b""):
    return v2(1, 0x11, socket.inet_aton(client) + socket.inet_aton("127.0.0.1")
              + struct.pack(">HH", port, 80), more)


class Lines(Scenario):
    """A server that trusts this machine to speak for others."""
    flags = ("--access.trusted-proxies", "127.0.0.0/8", "--access.proxy-protocol",
             "--server.header-timeout", "2s")

    def ask(self, line, cuts=(), request=request_bytes("GET", "/health")):
        with self.server.connect() as connection:
            data = line + request
            for begin, end in zip((0, *cuts), (*cuts, len(data))):
                connection.send(data[begin:end])
            return connection.read_reply()

    def client_of(self, reply):
        return self.server.access(reply.header("x-request-id"))["client"]

    def test_version_1(self):
        for line, client in ((b"PROXY TCP4 203.0.113.9 127.0.0.1 1234 80\r\n", "203.0.113.9"),
                             (b"PROXY TCP6 2001:db8::7 ::1 1234 80\r\n", "2001:db8::7"),
                             (b"PROXY UNKNOWN\r\n", "127.0.0.1")):
            reply = self.ask(line)
            self.assertEqual(reply.status, 200)
            self.assertEqual(self.client_of(reply), client)

    def test_version_2(self):
        for line, client in ((v2_tcp4("203.0.113.9"), "203.0.113.9"),
                             (v2_tcp4("203.0.113.9", more=b"\x04\0\x03abc"), "203.0.113.9"),
                             (v2(0, 0), "127.0.0.1"), (v2(1, 0), "127.0.0.1")):
            reply = self.ask(line)
            self.assertEqual(reply.status, 200)
            self.assertEqual(self.client_of(reply), client)

    def test_every_cut(self):
        for line in (b"PROXY TCP4 203.0.113.9 127.0.0.1 1234 80\r\n", v2_tcp4("203.0.113.9")):
            for cut in range(1, len(line) + 1, 5):
                self.assertEqual(self.client_of(self.ask(line, (cut,))), "203.0.113.9")
            self.assertEqual(self.ask(line, range(1, len(line) + 3)).status, 200)

    def test_several_requests_have_one_line(self):
        with self.server.connect() as connection:
            connection.send(v2_tcp4("203.0.113.9") + request_bytes("GET", "/health") * 3)
            for _ in range(3):
                self.assertEqual(self.client_of(connection.read_reply()), "203.0.113.9")

    def test_without_a_line(self):
        with self.server.connect() as connection:
            reply = connection.request("GET", "/health")
        self.check_error(reply, 400, "bad_request")
        self.assertIn("PROXY", reply.error()["message"])

    def test_a_broken_line(self):
        for line in (b"PROXY TCP4 203.0.113.999 127.0.0.1 1 80\r\n", b"PROXY TCP4 1\r\n",
                     V2 + b"\x21\x11\0\x01x"):
            self.check_error(self.ask(line), 400, "bad_request")

    def test_a_line_that_does_not_come(self):
        with self.server.connect() as connection:
            connection.send(b"PROXY TCP4 203.0")
            with self.assertRaises(Closed):
                connection.read_reply()


class Strangers(unittest.TestCase):
    def test_nobody_else_is_believed(self):
        for flags in ((), ("--access.proxy-protocol", "--access.trusted-proxies", "10.0.0.0/8")):
            with Server(*flags) as server:
                for line in (b"PROXY TCP4 203.0.113.9 127.0.0.1 1234 80\r\n",
                             v2_tcp4("203.0.113.9")):
                    with server.connect() as connection:
                        connection.send(line + request_bytes("GET", "/health"))
                        reply = connection.read_reply()
                    self.assertEqual((reply.status, reply.code()), (400, "bad_request"))
                    self.assertIn("PROXY", reply.error()["message"])
                    line = server.access(reply.header("x-request-id"))
                    self.assertEqual(line["client"], "127.0.0.1")
                self.assertEqual(server.request("GET", "/health").status, 200)

    def test_lists_are_checked(self):
        server = Server("--access.trusted-proxies", "10.0.0.0/33", wait=False)
        self.assertEqual(server.wait_end(), 2)
        self.assertIn("10.0.0.0/33", "\n".join(server.err))


class Limits(unittest.TestCase):
    def test_connections_of_one_address(self):
        with Server("--server.max-connections-per-address", "5") as server:
            held = [server.connect() for _ in range(5)]
            for connection in held:
                self.assertEqual(connection.request("GET", "/health").status, 200)
            with server.connect() as more:
                reply = more.read_reply()
                self.assertEqual((reply.status, reply.code()), (503, "too_many_connections"))
                self.assertEqual(reply.header("x-should-retry"), "true")
                self.assertTrue(more.is_closed())
            held.pop().close()

            def again():
                with server.connect() as connection:
                    try:
                        return connection.request("GET", "/health").status == 200
                    except (Closed, OSError):
                        return False
            wait_until(again)

    def test_trusted_proxies_and_unix_sockets_are_not_counted(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            with Server("--server.max-connections-per-address", "2", "--access.trusted-proxies",
                        "127.0.0.1", listen=("--listen", f"127.0.0.1:0,unix:{path}")) as server:
                for connect in (server.connect, lambda: Connection(path, None)):
                    held = [connect() for _ in range(4)]
                    for connection in held:
                        self.assertEqual(connection.request("GET", "/health").status, 200)
                        connection.close()

    def test_few_descriptors(self):
        """Connections beyond what the system gives wait for those before them."""
        with Server(open_files=(100, 100)) as server:
            held = []
            for _ in range(60):
                held.append(server.connect())
            served = 0
            for connection in held[:30]:
                self.assertEqual(connection.request("GET", "/health").status, 200)
                served += 1
            for connection in held[:30]:
                connection.close()
            for connection in held[30:]:
                self.assertEqual(connection.request("GET", "/health").status, 200)
            reply = server.chat(chat_body("你好", max_tokens=2))
            self.assertEqual(reply.status, 200)

    def test_descriptors_run_out(self):
        """For whatever reason: connections wait, the log says so, and none is lost."""
        with Server() as server:
            used = len(os.listdir(f"/proc/{server.pid}/fd"))
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 26, used + 26))
            held = [server.connect() for _ in range(30)]
            wait_until(lambda: any('"no_descriptors"' in line for line in list(server.err)))
            for connection in held[:8]:
                self.assertEqual(connection.request("GET", "/health").status, 200)
            for number, connection in enumerate(held):
                if number >= 8:
                    self.assertEqual(connection.request("GET", "/health").status, 200)
                connection.close()
            self.assertEqual(server.request("GET", "/health").status, 200)

    def test_ipv6(self):
        with Server(listen=("--listen", "[::1]:0,127.0.0.1:0")) as server:
            self.assertEqual(server.host, "::1")
            reply = server.request("GET", "/health")
            self.assertEqual(reply.status, 200)
            self.assertEqual(server.access(reply.header("x-request-id"))["client"], "::1")


class Activation(unittest.TestCase):
    """Sockets that a service manager opened, as systemd hands them over."""

    ENTER = ("import os,sys; os.environ['LISTEN_PID']=str(os.getpid()); "
             "os.execv(sys.argv[1], sys.argv[1:])")

    def start(self, sockets, *flags):
        """The real program, with these sockets as descriptors 3, 4, …"""
        for number, opened in enumerate(sockets):
            copy = fcntl.fcntl(opened.fileno(), fcntl.F_DUPFD, 100)
            opened.close()
            sockets[number] = copy
        for number, copy in enumerate(sockets):
            os.dup2(copy, 50 + number)
            os.close(copy)
        moved = "".join(f"os.dup2({50 + n}, {3 + n}); " for n in range(len(sockets)))
        enter = "import os; " + moved + self.ENTER
        keep = [50 + n for n in range(len(sockets))]
        try:
            return subprocess.Popen(
                [sys.executable, "-c", enter, BINARY, "serve", "--model", str(DEMO), *flags],
                pass_fds=keep, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True,
                env=quiet_environment(LISTEN_FDS=str(len(sockets))))
        finally:
            for fd in keep:
                os.close(fd)

    @staticmethod
    def finish(process):
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE_S)
        return process.returncode, errors

    def test_sockets_take_the_place_of_addresses(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            tcp = socket.create_server(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            unix = socket.socket(socket.AF_UNIX)
            unix.bind(path)
            unix.listen()
            process = self.start([tcp, unix], "--port", "1")
            with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as early:
                early.sendall(request_bytes("GET", "/health"))
                self.assertIn(b"200 OK", early.recv(65536))
            with Connection(path, None) as connection:
                self.assertEqual(connection.request("GET", "/health").status, 200)
            code, errors = self.finish(process)
            self.assertEqual(code, 0, errors)
            self.assertTrue(os.path.exists(path))

    def test_an_open_socket_needs_words(self):
        process = self.start([socket.create_server(("0.0.0.0", 0))])
        _, errors = process.communicate(timeout=DEADLINE_S)
        self.assertEqual(process.returncode, 2, errors)
        self.assertIn("access.require_key", errors)


if __name__ == "__main__":
    main()
