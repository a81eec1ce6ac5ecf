#!/usr/bin/env python3
"""Pictures and videos by URL: what is fetched, what is refused, and that nothing waits for it."""
import base64
import gzip
import pathlib
import random
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from harness import (IMAGES, SANITIZED, SCALE, Scenario, Server, chat_body, data_url, main,
                     quiet_environment, request_bytes, wait_until)

PNG = next(IMAGES.glob("png_*.png"))
CHAT = "/v1/chat/completions"


def picture(url):
    return {"type": "image_url", "image_url": {"url": url}}


def response(body=b"", status="200 OK", **fields):
    fields = {"Content-Type": "image/png", "Content-Length": len(body), **fields}
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in fields.items() if v is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Visit:
    """One connection to the host: what was asked, and whether the visitor has left."""

    def __init__(self, path, headers):
        self.path, self.headers, self.left = path, headers, threading.Event()


class Host:
    """A web host that plays what `pages` says: path → bytes, or a function of the connection."""

    def __init__(self, pages, address="127.0.0.1", tls=None):
        self.pages, self.tls = pages, tls
        self.visits = []
        self.running = self.most_running = 0
        self.lock = threading.Lock()
        self.ended = threading.Event()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family, backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://{address}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def visit(self, path):
        return next((visit for visit in self.visits if visit.path == path), None)

    def paths(self):
        return [visit.path for visit in self.visits]

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(60)
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
                if head[:1] == b"\x16":  # TLS on a plain port
                    connection.sendall(response(b"", "400 Bad Request"))
                    return
            lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, v in
                       (line.split(":", 1) for line in lines[1:] if ":" in line)}
            visit = Visit(lines[0].split(" ")[1], headers)
            self.visits.append(visit)
            page = self.pages[visit.path.split("?")[0]]
            if callable(page):
                page(self, connection, visit)
            else:
                connection.sendall(page)
        except (OSError, ssl.SSLError, KeyError):
            pass
        finally:
            with self.lock:
                self.running -= 1
            connection.close()


def hold(host, connection, visit):
    """Says nothing until the visitor leaves."""
    del host
    if connection.recv(1) == b"":
        visit.left.set()


def drip(host, connection, visit):
    """One byte now and then, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while not host.ended.is_set():
            connection.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        visit.left.set()


def endless_body(host, connection, visit):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
    try:
        while not host.ended.is_set():
            connection.sendall(b"x" * 65536)
    except OSError:
        visit.left.set()


def endless_head(host, connection, visit):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    try:
        while not host.ended.is_set():
            connection.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")
    except OSError:
        visit.left.set()


def late(host, connection, visit):
    del host, visit
    time.sleep(1)
    connection.sendall(response(PNG.read_bytes()))


def reset(host, connection, visit):
    del host, visit
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    time.sleep(0.2)  # until it is read: a reset takes back what is not
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def pages_of(inner):
    """`inner`: the URL of a host whose address is not open."""
    png = PNG.read_bytes()
    redirect = {"Content_Type": None, "status": "302 Found"}
    return {
        "/a.png": response(png),
        "/b.png": response(png, Content_Type="text/html"),  # the bytes decide
        "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" %
                    (len(png), png),
        "/until-close": b"HTTP/1.1 200 OK\r\n\r\n" + png,
        "/early": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9999999999\r\n\r\n" + response(png),
        "/once": response(b"never read", Location="/a.png", **redirect),
        "/twice": response(b"", Location="once", **redirect),
        "/thrice": response(b"", Location="/twice?x=1#y", **redirect),
        "/four": response(b"", Location="/thrice", **redirect),
        "/circle": response(b"", Location="/circle", **redirect),
        "/inner": response(b"", Location=inner + "/a.png", **redirect),
        "/inner-decimal": response(b"", Location="http://2130706434/a.png", **redirect),
        "/metadata": response(b"", Location="http://169.254.169.254/latest/meta-data/", **redirect),
        "/file": response(b"", Location="file:///etc/passwd", **redirect),
        "/gopher": response(b"", Location="gopher://127.0.0.1:6379/_INFO", **redirect),
        "/login": response(b"", Location="http://user:word@127.0.0.1/", **redirect),
        "/nowhere": response(b"", **redirect),
        "/page.html": response(b"<!doctype html><title>x</title>",
                               Content_Type="text/html; charset=utf-8"),
        "/text": response(b"hello, I am a text and no picture", Content_Type="text/plain"),
        "/tiff": response(b"II*\0" + b"\0" * 60, Content_Type="image/tiff"),
        "/empty": response(b""),
        "/cut": response(png[:200]),
        "/short": response(png[:200], Content_Length=len(png)),
        "/large": response(b"", Content_Length=30 << 20),
        "/zip": response(gzip.compress(png), Content_Encoding="gzip"),
        "/404": response(b"no", "404 Not Found"),
        "/500": response(b"no", "500 Internal Server Error"),
        "/401": response(b"no", "401 Unauthorized", WWW_Authenticate="Basic"),
        "/304": response(b"", "304 Not Modified"),
        "/ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
        "/silent": hold,
        "/drip": drip,
        "/endless": endless_body,
        "/head": endless_head,
        "/reset": reset,
        "/nothing": lambda *_: None,
        "/late.png": late,
    }


class Fetching(Scenario):
    """127.0.0.1 is open, and nothing else of this machine."""

    flags = ("--model.image.allow-addresses", "127.0.0.1", "--model.image.timeout", "20s",
             "--model.image.max-bytes", "1MiB")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.inner = Host({"/a.png": response(PNG.read_bytes())}, "127.0.0.2")
        cls.host = Host(pages_of(cls.inner.url))

    @classmethod
    def tearDownClass(cls):
        cls.host.close()
        cls.inner.close()
        super().tearDownClass()

    def ask(self, *urls, **fields):
        fields.setdefault("max_tokens", 3)
        return self.server.chat([*map(picture, urls), {"type": "text", "text": "describe"}], **fields)

    def check_refused(self, url, code, words=(), **fields):
        reply = self.ask(url, **fields)
        error = self.check_error(reply, 400, code, "messages[0].content[0].image_url.url")
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, error["message"])
        self.assertEqual(error["type"], "invalid_request_error")
        if code.startswith("image_"):
            self.assertTrue(error["hint"], error)
        return error

    def test_good_ones(self):
        whole = self.ask(data_url(PNG), ignore_eos=True).json()
        for path in ("/a.png", "/b.png", "/chunked", "/until-close", "/early", "/once", "/twice",
                     "/thrice", "/a.png?sig=x%2Fy#z"):
            with self.subTest(path):
                reply = self.ask(self.host.url + path, ignore_eos=True)
                self.assertEqual(reply.status, 200, reply.body)
                self.assertEqual(reply.text(), whole["choices"][0]["message"]["content"])
                self.assertEqual(reply.json()["usage"]["prompt_tokens"],
                                 whole["usage"]["prompt_tokens"])

    def test_what_the_host_sees(self):
        self.ask(self.host.url + "/a.png?x=%2F")
        visit = self.host.visit("/a.png?x=%2F")
        self.assertRegex(visit.headers["user-agent"], r"^qvl/\d")
        self.assertEqual(visit.headers["host"], f"127.0.0.1:{self.host.port}")
        self.assertIn("image/png", visit.headers["accept"])
        for name in ("authorization", "cookie", "referer", "accept-encoding", "x-request-id"):
            self.assertNotIn(name, visit.headers)

    def test_each_step_has_its_code(self):
        for path, code, words in (
                ("/404", "image_http_status", "404"),
                ("/500", "image_http_status", "500"),
                ("/401", "image_http_status", "401"),
                ("/304", "image_http_status", "304"),
                ("/nowhere", "image_http_status", "302"),
                ("/ssh", "image_http_status", "HTTP/1.1"),
                ("/head", "image_http_status", "64 KiB"),
                ("/nothing", "image_connect_failed", "before the answer"),
                ("/reset", "image_connect_failed", "ended early"),
                ("/short", "image_connect_failed", "200 of"),
                ("/large", "image_too_large", ("31457280", "1048576")),
                ("/endless", "image_too_large", "1048576"),
                ("/page.html", "image_not_an_image", "text/html; charset=utf-8"),
                ("/text", "image_not_an_image", "text/plain"),
                ("/zip", "image_not_an_image", "gzip"),
                ("/empty", "image_not_an_image", "/empty"),
                ("/tiff", "unsupported_image", "image/tiff"),
                ("/cut", "invalid_image", "/cut"),
                ("/four", "image_redirects", "3"),
                ("/circle", "image_redirects", "3"),
                ("/inner", "image_address_blocked", "loopback"),
                ("/inner-decimal", "image_address_blocked", "loopback"),
                ("/metadata", "image_address_blocked", "metadata"),
                ("/file", "image_scheme_not_supported", "file:///etc/passwd"),
                ("/gopher", "image_scheme_not_supported", "gopher"),
                ("/login", "invalid_value", "password")):
            with self.subTest(path):
                error = self.check_refused(self.host.url + path + "?secret", code, words)
                self.assertNotIn("secret", str(error))
                self.assertNotIn("word@", str(error))
        self.assertEqual(self.inner.visits, [])

    def test_every_spelling_of_a_closed_address(self):
        port = self.inner.port
        hosts = ("127.0.0.2", "2130706434", "0x7f000002", "0177.0.0.2", "127.2", "127.0.2",
                 "0x7f.0.0.0x2", "127.0.0.2.", "%31%32%37.0.0.2", "１２７.0.0.2", "127。0。0。2",
                 "[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[::1]", "[::]", "0.0.0.0", "0",
                 "[64:ff9b::127.0.0.2]", "[::127.0.0.2]", "[2002:7f00:2::]", "10.0.0.1",
                 "192.168.0.1", "172.16.0.1", "[fd00::1]", "169.254.169.254", "[fe80::1]",
                 "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "255.255.255.255",
                 "224.0.0.1", "192.0.2.1", "100.64.0.1")
        for host in hosts:
            for scheme in ("http", "https"):
                with self.subTest(scheme + host):
                    self.check_refused(f"{scheme}://{host}:{port}/a.png", "image_address_blocked",
                                       "not visited")
        self.assertEqual(self.inner.visits, [])

    def test_urls_that_are_none(self):
        for url in ("http://", "http:///a.png", "http:/127.0.0.1/", "http://127.0.0.1:99999/",
                    "http://user@127.0.0.1/", "http://user:secret@127.0.0.1/", "http://@127.0.0.1/",
                    "http://example.com\\@127.0.0.1/", "http://a b/", "http://1.2.3.999/",
                    "http://[::1", "http://[::1%25lo]/", "http://x\u0000y/", "http://x\ny/"):
            with self.subTest(url):
                error = self.check_refused(url, "invalid_value")
                self.assertNotIn("secret", str(error))
        for port in (1, 22, 25, 6667):
            self.check_refused(f"http://127.0.0.1:{port}/a.png", "image_address_blocked", str(port))

    def test_names(self):
        label = "a" * 70  # no name server is asked for this
        self.check_refused(f"http://{label}.example/a.png", "image_dns_failed")
        # localhost is ::1 and 127.0.0.1, or only one of them: the open one is used.
        reply = self.ask(f"http://localhost:{self.host.port}/a.png")
        self.assertEqual(reply.status, 200, reply.body)

    def test_no_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        self.check_refused(f"http://127.0.0.1:{port}/a.png", "image_connect_failed",
                           ("refused", str(port)))
        self.check_refused(f"https://127.0.0.1:{self.host.port}/a.png", "image_tls_failed")

    def test_in_chinese(self):
        error = self.check_refused(self.host.url + "/404", "image_http_status", ("获取图片", "404"),
                                   headers={"Accept-Language": "zh-CN"})
        self.assertNotIn("could not", error["message"])

    def test_the_same_url_once(self):
        for turn, ask in enumerate((
                lambda url: self.ask(*[url] * 5, data_url(PNG)),
                lambda url: self.server.chat([{"type": "video", "video": [url] * 4}], max_tokens=2),
                lambda url: self.server.chat(messages=[
                    {"role": "user", "content": [picture(url)]},
                    {"role": "assistant", "content": "x"},
                    {"role": "user", "content": [picture(url)]}], max_tokens=2))):
            reply = ask(f"{self.host.url}/a.png?once{turn}")
            self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual(self.host.paths().count(f"/a.png?once{turn}"), 1)

    def test_strange_answers(self):
        """Whatever a host sends: an answer, or an error that names the host's fault."""
        rng = random.Random(7)
        good = [page for page in self.host.pages.values() if isinstance(page, bytes)
                and b"://" not in page]  # which might come to name a real host
        for i in range(max(30, int(400 * SCALE))):
            page = bytearray(rng.choice(good))
            for _ in range(rng.randint(1, 8)):
                at = rng.randrange(min(len(page), 200))
                if rng.random() < 0.5:
                    page[at] = rng.choice(b"\0\r\n :/0123456789xA\xff")
                else:
                    page[at:at + rng.randrange(20)] = rng.choice(good)[:rng.randrange(200)]
            self.host.pages["/strange"] = bytes(page)
            reply = self.ask(f"{self.host.url}/strange?{i}", max_tokens=1)
            self.assertIn(reply.status, (200, 400), (page, reply.body))
            if reply.status == 400:
                self.assertRegex(reply.code(), "image|invalid_value", page)

    def test_too_many(self):
        error = self.check_error(self.ask(*[f"{self.host.url}/a.png?many{i}" for i in range(1025)]),
                                 400, "invalid_value", "messages")
        self.assertIn("1025", error["message"])
        self.assertNotIn("/a.png?many0", self.host.paths())

    def test_by_ipv6(self):
        try:
            host = Host(self.host.pages, "::1")
        except OSError:
            self.skipTest("this machine has no IPv6")
        with host, Server("--model.image.allow-addresses", "::1") as server:
            for url in (f"http://[::1]:{host.port}/a.png", f"http://[0::0:1]:{host.port}/once"):
                self.assertEqual(server.chat([picture(url)], max_tokens=1).status, 200)

    def test_the_place_of_the_fault(self):
        reply = self.ask(self.host.url + "/a.png", self.host.url + "/404", self.host.url + "/404")
        self.check_error(reply, 400, "image_http_status", "messages[0].content[1].image_url.url")
        frames = {"type": "video", "video": [self.host.url + "/a.png", self.host.url + "/404"]}
        self.check_error(self.server.chat([frames]), 400, "image_http_status",
                         "messages[0].content[0].video[1]")
        reply = self.ask(self.host.url + "/a.png", "http://u@x/", self.host.url + "/silent")
        self.check_error(reply, 400, "invalid_value", "messages[0].content[1].image_url.url")

    def test_a_video_that_is_none(self):
        part = {"type": "video_url", "video_url": {"url": self.host.url + "/text"}}
        self.check_error(self.server.chat([part]), 400, "invalid_video",
                         "messages[0].content[0].video_url.url")
        part["video_url"]["url"] = self.host.url + "/404"
        error = self.check_error(self.server.chat([part]), 400, "image_http_status")
        self.assertIn("video", error["message"])

    @unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed")
    def test_a_video(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "a.mp4"
            subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i",
                            "testsrc=duration=2:size=64x64:rate=4", str(file)], check=True,
                           stdin=subprocess.DEVNULL)
            self.host.pages["/a.mp4"] = response(file.read_bytes(), Content_Type="video/mp4")
            inline = "data:video/mp4;base64," + base64.b64encode(file.read_bytes()).decode("ascii")
        texts = []
        for url in (inline, self.host.url + "/a.mp4"):
            part = {"type": "video_url", "video_url": {"url": url}}
            reply = self.server.chat([part, part], max_tokens=3, ignore_eos=True)
            self.assertEqual(reply.status, 200, reply.body)
            texts.append((reply.text(), reply.json()["usage"]["prompt_tokens"]))
        self.assertEqual(*texts)
        self.assertEqual(self.host.paths().count("/a.mp4"), 1)

    def test_a_client_that_leaves(self):
        """The fetch ends with it: the host sees the connection close."""
        with self.server.connect() as connection:
            body = chat_body([picture(self.host.url + "/silent?left")])
            connection.send(request_bytes("POST", CHAT, body))
            visit = wait_until(lambda: self.host.visit("/silent?left"), what="the fetch")
            time.sleep(0.2)  # later than a half-close
            connection.reset()
        self.assertTrue(visit.left.wait(20), "the host still has its visitor")

    def test_many_do_not_stall_others(self):
        threads = [threading.Thread(target=self.ask, args=(self.host.url + f"/late.png?{i}",))
                   for i in range(30)]
        for thread in threads:
            thread.start()
        slowest = 0
        while any(thread.is_alive() for thread in threads):
            begun = time.monotonic()
            self.assertEqual(self.server.request("GET", "/health").status, 200)
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.01)
        for thread in threads:
            thread.join()
        self.assertLess(slowest, 10 if SANITIZED else 2)

    def test_tokenize(self):
        body = {"model": chat_body()["model"],
                "messages": [{"role": "user", "content": [picture(self.host.url + "/a.png")]}]}
        reply = self.server.request("POST", "/tokenize", body)
        self.assertEqual(reply.status, 200, reply.body)
        body["messages"][0]["content"][0]["image_url"]["url"] = self.host.url + "/404"
        self.check_error(self.server.request("POST", "/tokenize", body), 400, "image_http_status")


class Bounds(Scenario):
    flags = ("--model.image.allow-private", "--model.image.timeout", "1500ms",
             "--model.image.fetches", "6", "--model.image.fetches-per-client", "4",
             "--model.image.max-redirects", "0")

    def setUp(self):
        self.host = Host(pages_of("http://127.0.0.2:1"))
        self.addCleanup(self.host.close)

    def test_time(self):
        for path, words in (("/silent", "waiting for the answer"), ("/drip", "receiving")):
            reply = self.server.chat([picture(self.host.url + path)])
            error = self.check_error(reply, 400, "image_timeout")
            self.assertIn(words, error["message"])
            self.assertIn("1.5 s", error["message"])
            self.assertTrue(self.host.visits[-1].left.wait(20))
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection; no TLS
            url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
            error = self.check_error(self.server.chat([picture(url)]), 400, "image_timeout")
            self.assertIn("TLS", error["message"])

    def test_clients_that_leave_at_any_time(self):
        rng = random.Random(3)
        pages = ["/a.png", "/silent", "/thrice", "/late.png", "/404", "/drip", "/endless", "/inner"]
        for i in range(max(40, int(200 * SCALE))):
            urls = [self.host.url + rng.choice(pages) + f"?{i}.{k}" for k in range(rng.randint(1, 6))]
            if rng.random() < 0.3:
                urls.append(f"http://localhost:{self.host.port}/a.png?{i}")
            body = request_bytes("POST", CHAT, chat_body([*map(picture, urls)], max_tokens=2,
                                                         stream=rng.random() < 0.5))
            with self.server.connect() as connection:
                connection.send(body)
                time.sleep(rng.choice((0, 0, 0.005, 0.02, 0.12, 0.2)))
                if rng.random() < 0.5:
                    connection.reset()
        wait_until(lambda: self.host.running == 0, what="the end of all fetches")
        reply = self.server.chat([picture(self.host.url + "/a.png")], max_tokens=1)
        self.assertEqual(reply.status, 200, reply.body)

    def test_no_redirect_at_all(self):
        reply = self.server.chat([picture(self.host.url + "/once")])
        self.check_error(reply, 400, "image_redirects")

    def test_fetches_at_once(self):
        parts = [picture(self.host.url + f"/silent?{i}") for i in range(9)]
        reply = self.server.chat(parts, max_tokens=1)
        self.check_error(reply, 400, "image_timeout")
        self.assertLessEqual(self.host.most_running, 4)

    def test_those_that_wait_have_their_own_time(self):
        running, most, lock = [], [], threading.Lock()

        def slow(host, connection, visit):
            del host, visit
            with lock:
                running.append(1)
                most.append(len(running))
            time.sleep(0.3)
            with lock:
                running.pop()  # before the answer, which lets the next one begin
            connection.sendall(response(PNG.read_bytes()))
        self.host.pages["/slow"] = slow
        parts = [picture(self.host.url + f"/slow?{i}") for i in range(12)]
        reply = self.server.chat(parts, max_tokens=1)
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(len(self.host.visits), 12)
        self.assertIn(max(most), (2, 3, 4))

    def test_private_is_open_and_metadata_is_not(self):
        self.assertEqual(self.server.chat([picture(self.host.url + "/a.png")], max_tokens=1).status,
                         200)
        for host in ("169.254.169.254", "[fe80::1]", "0.0.0.0", "[fd00:ec2::254]", "100.64.0.1"):
            reply = self.server.chat([picture(f"http://{host}/")])
            self.check_error(reply, 400, "image_address_blocked")


class Memory(Scenario):
    flags = ("--model.image.allow-private", "--server.max-buffered", "2MiB")

    def test_files_count_together(self):
        body = b"\x89PNG\r\n\x1a\n" + b"x" * (900 << 10)
        with Host({"/large": response(body)}) as host:
            parts = [picture(f"{host.url}/large?{i}") for i in range(4)]
            reply = self.server.chat(parts)
            self.assertEqual((reply.status, reply.code()), (503, "memory_full"), reply.body)
            for _ in range(5):  # what was held was given back
                reply = self.server.chat(parts[:2])
                self.check_error(reply, 400, "invalid_image")


class Files(unittest.TestCase):
    def test_no_descriptor_left(self):
        """Nothing is blamed on the host, and the service goes on."""
        with Host({"/late.png": late}) as host, \
                Server("--model.image.allow-private", "--model.image.fetches-per-client", "60",
                       "--model.image.fetches", "60", open_files=(40, 40)) as server:
            with server.connect() as connection:
                parts = [picture(f"{host.url}/late.png?{i}") for i in range(50)]
                reply = connection.request("POST", CHAT, chat_body(parts, max_tokens=1))
                self.assertEqual((reply.status, reply.code()), (503, "memory_full"), reply.body)
            wait_until(lambda: server.chat([picture(host.url + "/late.png")], max_tokens=1).status
                       == 200, what="a fetch afterwards")


class Deadline(Scenario):
    flags = ("--model.image.allow-private", "--server.request-timeout", "1s",
             "--model.image.timeout", "60s")

    def test_the_request_ends_first(self):
        with Host({"/silent": hold}) as host:
            reply = self.server.chat([picture(host.url + "/silent")])
            self.assertEqual(reply.code(), "request_deadline", reply.body)
            self.assertTrue(host.visits[0].left.wait(20))


class Off(Scenario):
    flags = ("--no-model.image.fetch",)

    def test_nothing_is_fetched(self):
        with Host({}) as host:
            for url in (host.url + "/a.png", "https://example.com/a.png", "http://user@x/"):
                self.check_error(self.server.chat([picture(url)]), 400, "image_fetch_disabled")
            self.assertEqual(host.visits, [])


class Drain(unittest.TestCase):
    def test_fetches_do_not_hold_the_end(self):
        with Server("--model.image.allow-private", "--model.image.timeout", "10m") as server, \
                Host({"/silent": hold}) as host:
            replies = []
            thread = threading.Thread(target=lambda: replies.append(
                server.chat([picture(host.url + "/silent")])))
            thread.start()
            visit = wait_until(lambda: host.visits, what="the fetch")[0]
            server.terminate()
            self.assertEqual(server.wait_end(), 0)
            thread.join()
            self.assertEqual((replies[0].status, replies[0].code()), (503, "draining"))
            self.assertTrue(visit.left.wait(20))
            server.check_clean()

    def test_proxies_of_the_environment_are_not_used(self):
        with Host({"/a.png": response(PNG.read_bytes())}) as host, Host({}) as proxy, \
                Server("--model.image.allow-private", env=quiet_environment(
                    http_proxy=proxy.url, all_proxy=proxy.url, HTTPS_PROXY=proxy.url)) as server:
            self.assertEqual(server.chat([picture(host.url + "/a.png")], max_tokens=1).status, 200)
            self.assertEqual(proxy.visits, [])


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class Tls(unittest.TestCase):
    """An authority of our own, and certificates by it that are wrong in one way each."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        cls.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out",
                    "ca.pem", "-days", "30", "-subj", "/CN=test authority")
        cls.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "self.key", "-out",
                    "self.pem", "-days", "30", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1")
        cls.sign("good", "IP:127.0.0.1,DNS:localhost")
        cls.sign("other", "DNS:other.example")
        cls.sign("old", "IP:127.0.0.1", "-days", "-1")
        cls.server = Server("--model.image.allow-addresses", "127.0.0.1",
                            env=quiet_environment(SSL_CERT_FILE=str(cls.root / "ca.pem")))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    @classmethod
    def openssl(cls, *arguments):
        subprocess.run(["openssl", *arguments], cwd=cls.root, check=True, capture_output=True)

    @classmethod
    def sign(cls, name, names, *options):
        cls.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
                    f"{name}.csr", "-subj", "/CN=test")
        (cls.root / "extensions").write_text(f"subjectAltName={names}\n", encoding="ascii")
        cls.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-CAcreateserial", "-out", f"{name}.pem", "-extfile", "extensions",
                    *(options or ("-days", "30")))

    def host(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.root / f"{name}.pem", self.root / f"{name}.key")
        host = Host({"/a.png": response(PNG.read_bytes())}, tls=context)
        self.addCleanup(host.close)
        return host

    def ask(self, url):
        return self.server.chat([picture(url)], max_tokens=1)

    def test_good(self):
        host = self.host("good")
        self.assertEqual(self.ask(host.url + "/a.png").status, 200)
        self.assertEqual(self.ask(f"https://localhost:{host.port}/a.png").status, 200)

    def test_bad(self):
        for name, words in (("self", "self"), ("other", "127.0.0.1"), ("old", "expired")):
            with self.subTest(name):
                reply = self.ask(self.host(name).url + "/a.png")
                self.assertEqual((reply.status, reply.code()), (400, "image_tls_failed"), reply.body)
                self.assertIn(words, reply.error()["message"])

    def test_plain_where_tls_is_meant(self):
        reply = self.ask(self.host("good").url.replace("https", "http") + "/a.png")
        self.assertIn(reply.code(), ("image_connect_failed", "image_http_status"))

    def test_from_https_to_http_and_back(self):
        plain = Host({"/a.png": response(PNG.read_bytes())})
        self.addCleanup(plain.close)
        host = self.host("good")
        host.pages["/plain"] = response(b"", "302 Found", Location=plain.url + "/a.png")
        plain.pages["/tls"] = response(b"", "301 Moved", Location=host.url + "/a.png")
        self.assertEqual(self.ask(host.url + "/plain").status, 200)
        self.assertEqual(self.ask(plain.url + "/tls").status, 200)


if __name__ == "__main__":
    main()
