#!/usr/bin/env python3
"""Video files: what the model gets of them, and what hostile ones cannot do."""
import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from harness import (BINARY, DEMO, SANITIZED, Scenario, Server, chat_body, main, quiet_environment,
                     request_bytes, wait_until)

CHAT = "/v1/chat/completions"
FILES = tempfile.TemporaryDirectory(prefix="qvl-videos-")
ROOT = pathlib.Path(FILES.name) / "root"
TESTSRC = ("-f", "lavfi", "-i")


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-nostdin", *arguments], cwd=ROOT, check=True,
                   timeout=120)


def make_video(name, *options, seconds=3, size="96x64", rate=30):
    ffmpeg(*TESTSRC, f"testsrc=d={seconds}:s={size}:r={rate}", *options, name)
    return ROOT / name


def data_url(path, media_type="video/mp4"):
    return f"data:{media_type};base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def video_part(url, **fields):
    return {"type": "video_url", "video_url": {"url": url}, **fields}


def file_url(name):
    return f"file://{ROOT}/{name}"


class Tokenizer:
    """The demo model's, backwards."""

    def __init__(self):
        table = json.loads((DEMO / "tokenizer.json").read_text(encoding="utf-8"))
        self.texts = {number: text for text, number in table["model"]["vocab"].items()}
        self.added = {token["id"]: token["content"] for token in table["added_tokens"]}
        printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        others = [byte for byte in range(256) if byte not in printable]
        self.bytes = {chr(byte): byte for byte in printable}
        self.bytes.update({chr(256 + i): byte for i, byte in enumerate(others)})

    def decode(self, numbers):
        raw = b"".join(self.added[number].encode() if number in self.added
                       else bytes(self.bytes[c] for c in self.texts[number]) for number in numbers)
        return raw.decode("utf-8")


def children(pid):
    """Processes that this one started, and theirs."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(stat.parent.name)
            found += [child, *children(child)]
    return found


def is_running(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return False
    return state.split()[0] != "Z"


def setUpModule():
    if not shutil.which("ffmpeg"):
        raise unittest.SkipTest("no ffmpeg")
    ROOT.mkdir()
    make_video("plain.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")


def tearDownModule():
    FILES.cleanup()


class VideoCase(Scenario):
    def ask(self, *parts, **fields):
        content = [*parts, {"type": "text", "text": "what is this?"}]
        return self.server.chat(content, max_tokens=8, return_token_ids=True, **fields)

    def prompt_of(self, *parts, **fields):
        reply = self.ask(*parts, **fields)
        self.assertEqual(reply.status, 200, reply.body)
        return Tokenizer().decode(reply.json()["prompt_token_ids"])

    def check_nothing_is_left(self):
        self.assertEqual(children(self.server.pid), [])
        links = [os.readlink(path) for path in
                 pathlib.Path(f"/proc/{self.server.pid}/fd").iterdir()]
        self.assertEqual([link for link in links if "qvl-video" in link or str(ROOT) in link], [])


class Answers(VideoCase):
    flags = ("--model.image.file-root", ROOT)

    def tearDown(self):
        self.check_nothing_is_left()
        super().tearDown()

    def check_prompt(self, prompt, times, pads):
        groups = "".join(f"<{time} seconds><|vision_start|>{'<|video_pad|>' * pads}<|vision_end|>"
                         for time in times)
        self.assertIn("<|im_start|>user\n" + groups + "what is this?<|im_end|>", prompt)

    # 90 frames, of which 0 18 36 53 71 89 are looked at; 96 × 64 pixels are six tokens.
    PLAIN = (("0.3", "1.5", "2.7"), 6)

    def test_times_and_pads_are_those_of_the_reference(self):
        url = data_url(ROOT / "plain.mp4")
        self.check_prompt(self.prompt_of(video_part(url)), *self.PLAIN)
        self.check_prompt(self.prompt_of({"type": "video_url", "video_url": url}), *self.PLAIN)
        self.check_prompt(self.prompt_of({"type": "video", "video": url}), *self.PLAIN)
        self.check_prompt(self.prompt_of(video_part(url.replace("video/mp4", "text/plain"))),
                          *self.PLAIN)

    def test_files_below_the_root(self):
        (ROOT / "with blank").mkdir(exist_ok=True)
        shutil.copy(ROOT / "plain.mp4", ROOT / "with blank" / "视频.mp4")
        for url in (file_url("plain.mp4"), file_url("with%20blank/%e8%a7%86%E9%A2%91.mp4"),
                    file_url("with blank/视频.mp4"), f"file:{ROOT}/plain.mp4",
                    f"FILE://localhost{ROOT}/plain.mp4"):
            self.check_prompt(self.prompt_of(video_part(url)), *self.PLAIN)

    def test_fps_and_max_frames(self):
        url = data_url(ROOT / "plain.mp4")
        # 4 frames at least: 0 30 59 89
        self.check_prompt(self.prompt_of(video_part(url, fps=0.1)), ("0.5", "2.5"), 6)
        # 3 frames, the last one twice: 0 44 89
        self.check_prompt(self.prompt_of(video_part(url, max_frames=3)), ("0.7", "3.0"), 6)
        # 2 frames
        self.check_prompt(self.prompt_of(video_part(url, max_frames=2)), ("1.5",), 6)
        # 15 frames; 16 × 96 × 64 pixels are more than the checkpoint's 65536: smaller ones
        prompt = self.prompt_of(video_part(url, fps=5))
        self.assertEqual(prompt.count("<|vision_start|>"), 8)
        self.assertEqual(prompt.count("<|video_pad|>"), 8 * 2)
        # the checkpoint's max_frames is 32
        prompt = self.prompt_of(video_part(url, fps=30, max_frames=1000))
        self.assertEqual(prompt.count("<|vision_start|>"), 16)

    def test_containers(self):
        for name, *options in (("a.webm", "-c:v", "libvpx"), ("b.mkv", "-c:v", "mpeg4"),
                               ("c.avi", "-c:v", "mpeg4"), ("d.ts", "-c:v", "mpeg2video"),
                               ("e.ogv", "-c:v", "libtheora"), ("f.mov", "-c:v", "mjpeg")):
            with self.subTest(name):
                make_video(name, *options)
                self.check_prompt(self.prompt_of(video_part(file_url(name))), *self.PLAIN)

    def test_a_file_is_worth_its_frames(self):
        """The same answer, token for token, from the file and from the frames ffmpeg extracts."""
        make_video("short.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-frames:v", "31",
                   size="130x98")
        for i, frame in enumerate((0, 10, 20, 30)):
            ffmpeg("-i", "short.mp4", "-vf", f"select=eq(n\\,{frame})", "-frames:v", "1",
                   f"frame{i}.png")
        frames = [data_url(ROOT / f"frame{i}.png", "image/png") for i in range(4)]
        of_file = self.ask(video_part(file_url("short.mp4"))).json()
        of_frames = self.ask({"type": "video", "video": frames, "fps": 3}).json()
        self.assertEqual(of_file["prompt_token_ids"], of_frames["prompt_token_ids"])
        self.assertEqual(of_file["choices"][0]["token_ids"], of_frames["choices"][0]["token_ids"])
        self.assertGreater(len(of_file["choices"][0]["token_ids"]), 1)

    def test_pictures_and_videos_together(self):
        ffmpeg("-i", "plain.mp4", "-frames:v", "1", "one.png")
        prompt = self.prompt_of({"type": "image_url", "image_url": {"url": file_url("one.png")}},
                                video_part(file_url("plain.mp4")),
                                {"type": "image_url", "image_url": {"url": file_url("one.png")}},
                                video_part(data_url(ROOT / "plain.mp4"), max_frames=2))
        self.assertRegex(prompt, r"user\n<\|vision_start\|>(<\|image_pad\|>)+<\|vision_end\|>"
                                 r"(<[0-9.]+ seconds><\|vision_start\|>(<\|video_pad\|>)+"
                                 r"<\|vision_end\|>){3}<\|vision_start\|>(<\|image_pad\|>)+"
                                 r"<\|vision_end\|><1.5 seconds>")

    def test_many_at_once(self):
        replies = []

        def ask():
            with self.server.connect() as connection:
                body = chat_body([video_part(data_url(ROOT / "plain.mp4"))], max_tokens=4)
                replies.append(connection.request("POST", CHAT, body))
        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([reply.status for reply in replies], [200] * 12)
        self.assertEqual(len({reply.text() for reply in replies}), 1)


class Refusals(VideoCase):
    flags = ("--model.image.file-root", ROOT, "--model.video.max-bytes", "200KiB")

    def tearDown(self):
        self.check_nothing_is_left()
        super().tearDown()

    def check_refused(self, url, code, words=""):
        error = self.check_error(self.ask(video_part(url)), 400, code,
                                 "messages[0].content[0].video_url.url")
        self.assertIn(words, error["message"])
        return error

    def test_broken_and_other_files(self):
        whole = (ROOT / "plain.mp4").read_bytes()
        ffmpeg(*TESTSRC, "sine=d=1", "sound.m4a")
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{ROOT}/plain.mp4\n" \
                   "#EXT-X-ENDLIST\n"
        secret = "ffconcat version 1.0\nfile /etc/passwd\n"
        for name, content, words in (
                ("cut.mp4", whole[:len(whole) // 2], "cannot read"),
                ("empty.mp4", b"", "cannot read"),
                ("text.mp4", b"hello " * 99, "cannot read"),
                ("list.m3u8", playlist.encode(), "cannot read"),
                ("list.mp4", secret.encode(), "cannot read"),
                ("sound.mp4", (ROOT / "sound.m4a").read_bytes(), "no video stream")):
            with self.subTest(name):
                (ROOT / name).write_bytes(content)
                error = self.check_refused(file_url(name), "invalid_video", words)
                self.assertNotIn("root:", json.dumps(error))
                if content:
                    self.check_refused(data_url(ROOT / name), "invalid_video", words)

    def test_in_chinese(self):
        reply = self.ask(video_part("data:video/mp4,x"), headers={"Accept-Language": "zh-CN"})
        self.assertIn("视频", self.check_error(reply, 400, "invalid_video")["message"])

    def test_urls(self):
        self.check_refused("https://127.0.0.1/a.mp4", "image_address_blocked")
        self.check_refused("http://localhost/a.mp4", "image_address_blocked")
        self.check_refused("ftp://a/b.mp4", "image_scheme_not_supported")
        self.check_refused("concat:a|b", "image_scheme_not_supported")
        self.check_refused("/etc/passwd", "invalid_value")
        self.check_refused("data:video/mp4;base64,%%%", "invalid_data_url")
        self.check_refused("data:video/mp4;base64,", "invalid_data_url")

    def test_files_elsewhere(self):
        outside = ROOT.parent / "outside.mp4"
        shutil.copy(ROOT / "plain.mp4", outside)
        (ROOT / "link.mp4").symlink_to(outside)
        (ROOT / "up").symlink_to("..")
        os.mkfifo(ROOT / "fifo.mp4")
        messages = set()
        for url in (f"file://{outside}", file_url("../outside.mp4"), file_url("link.mp4"),
                    file_url("%2e%2e/outside.mp4"), file_url("up/outside.mp4"), file_url("fifo.mp4"),
                    file_url("absent.mp4"), file_url(""), file_url("plain.mp4%00"),
                    file_url("plain.mp4%0"), "file:plain.mp4", "file://host" + str(ROOT),
                    f"file://{ROOT}", "file:///etc/passwd", "file:///dev/zero", "file:",
                    file_url("a" * 5000)):
            with self.subTest(url[:80]):
                messages.add(self.check_refused(url, "invalid_value")["message"])
                picture = {"type": "image_url", "image_url": {"url": url}}
                self.check_error(self.ask(picture), 400, "invalid_value",
                                 "messages[0].content[0].image_url.url")
        self.assertEqual(len(messages), 1)  # nobody learns what exists

    def test_too_many_bytes(self):
        make_video("large.avi", "-c:v", "rawvideo", "-pix_fmt", "yuv420p")
        self.assertGreater((ROOT / "large.avi").stat().st_size, 200 << 10)
        for url in (file_url("large.avi"), data_url(ROOT / "large.avi")):
            self.check_refused(url, "invalid_video", "more than 204800 bytes")

    def test_pictures_are_no_videos_and_the_other_way(self):
        ffmpeg("-i", "plain.mp4", "-frames:v", "1", "one.png")
        self.check_refused(file_url("one.png"), "invalid_video")
        picture = {"type": "image_url", "image_url": {"url": file_url("plain.mp4")}}
        self.check_error(self.ask(picture), 400, "image_not_an_image")


class WithoutFiles(VideoCase):
    def test_file_urls_are_off(self):
        for kind in ("video_url", "image_url"):
            part = {"type": kind, kind: {"url": file_url("plain.mp4")}}
            self.check_error(self.ask(part), 400, "image_scheme_not_supported")

    def test_the_root_must_be_there(self):
        done = subprocess.run([BINARY, "serve", "--model.image.file-root", str(ROOT / "absent")],
                              capture_output=True, text=True, env=quiet_environment(), timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("is not a directory", done.stderr)


class WithoutFfmpeg(VideoCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(env=quiet_environment(PATH="/nowhere"))

    def test_it_is_said(self):
        error = self.check_error(self.ask(video_part(data_url(ROOT / "plain.mp4"))), 400,
                                 "invalid_video")
        self.assertIn("not installed on the server", error["message"])
        self.assertIn("apt-get install ffmpeg", error["hint"])
        self.assertEqual(self.server.chat("你好", max_tokens=2).status, 200)


class SlowTools(unittest.TestCase):
    """In the place of ffmpeg: a child that never ends by itself."""

    def setUp(self):
        tools = pathlib.Path(FILES.name) / "tools"
        tools.mkdir(exist_ok=True)
        for name in ("ffprobe", "ffmpeg"):
            (tools / name).write_text("#!/bin/sh\nsleep 1000 & sleep 1000\n", encoding="ascii")
            (tools / name).chmod(0o755)
        self.environment = quiet_environment(PATH=f"{tools}:{os.environ['PATH']}")
        self.body = chat_body([video_part(data_url(ROOT / "plain.mp4"))], max_tokens=4)

    def start(self, *flags):
        return Server(*flags, env=self.environment)

    def send(self, server, count=3):
        """Sends the question, and waits for the children of its tool."""
        connection = server.connect()
        connection.send(request_bytes("POST", CHAT, self.body))
        return connection, wait_until(lambda: len(children(server.pid)) == count and
                                      children(server.pid), what="the children")

    def check_gone(self, pids):
        wait_until(lambda: not any(map(is_running, pids)), what="the end of the children")

    def test_a_killed_child_costs_one_answer(self):
        with self.start() as server:
            connection, pids = self.send(server)
            os.kill(pids[0], signal.SIGKILL)
            reply = connection.read_reply("POST")
            self.assertEqual((reply.status, reply.code()), (400, "invalid_video"))
            self.assertIn("signal 9", reply.error()["message"])
            self.check_gone(pids)
            self.assertEqual(server.chat("你好", max_tokens=2).status, 200)

    def test_a_client_that_leaves_ends_the_child(self):
        with self.start() as server:
            connection, pids = self.send(server)
            connection.close()
            self.check_gone(pids)
            self.assertEqual(server.chat("你好", max_tokens=2).status, 200)

    def test_the_deadline_of_the_request_ends_the_child(self):
        with self.start("--server.request-timeout", "1s") as server:
            connection, pids = self.send(server)
            reply = connection.read_reply("POST")
            self.assertEqual((reply.status, reply.code()), (504, "request_deadline"))
            self.check_gone(pids)

    def test_the_end_of_the_service_ends_the_child(self):
        with self.start("--server.drain-timeout", "100ms") as server:
            connection, pids = self.send(server)
            server.terminate()
            reply = connection.read_reply("POST")
            self.assertEqual((reply.status, reply.code()), (503, "draining"))
            self.check_gone(pids)
            self.assertEqual(server.wait_end(), 0)

    def test_the_death_of_the_service_ends_the_child(self):
        with self.start() as server:
            _, pids = self.send(server)
            server.process.kill()
            server.wait_end()
            self.check_gone(pids[:1])  # what that started is left to it
            for pid in filter(is_running, pids[1:]):
                os.kill(pid, signal.SIGKILL)

    def test_text_goes_on_beside_it(self):
        with self.start() as server:
            connection, pids = self.send(server)
            self.assertEqual(server.chat("你好", max_tokens=2).status, 200)
            connection.close()
            self.check_gone(pids)


if __name__ == "__main__":
    main()
