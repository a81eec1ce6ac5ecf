#!/usr/bin/env python3
"""The calls of a guide that people follow today (how to deploy Qwen3-VL-8B and find out why a call
is refused), word for word: its addresses, models, headers and bodies, typed into a shell and into
Python. They go to port 8000; where that is taken, to another one."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

from service import DEADLINE_S, ROOT, Server, quiet_environment

CURL = {
    "head": "curl -I http://localhost:8000/health",
    "chat": r"""curl -X POST http://localhost:8000/v1/chat/completions \
  -H "Authorization: Bearer your-api-key" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "qwen-vl-8b",
    "messages": [
      {"role": "user", "content": "你好"}
    ]
  }'""",
    "verbose": r"""curl -v -X POST http://localhost:8000/v1/chat/completions \
  -H "Authorization: Bearer your-api-key" \
  -H "Content-Type: application/json" \
  -d '{"model": "qwen-vl-8b", "messages": [{"role": "user", "content": "test"}]}'""",
    "file": r"""curl -X POST http://localhost:8000/v1/chat/completions \
  -H "Authorization: Bearer your-api-key" \
  -H "Content-Type: application/json" \
  -d '{"model": "qwen-vl-8b", "messages": [{"role": "user", "content": "test"}]}' \
  -o response.json""",
}

HTTPIE = """http POST http://localhost:8000/v1/chat/completions \
Authorization:"Bearer your-token" model="qwen-vl-8b" messages:='[{"role":"user","content":"hello"}]'"""

FIRST = """
import requests
api_url = "http://localhost:8000/v1/chat/completions"
response = requests.post(api_url, json={
    "model": "qwen-vl-8b",
    "messages": [{"role": "user", "content": "你好"}]
})
print(f"状态码: {response.status_code}")
print(f"响应内容: {response.text}")
"""

WITH_A_KEY = """
import requests
api_url = "http://localhost:8000/v1/chat/completions"
api_key = "your-api-key-here"
headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
response = requests.post(api_url, headers=headers, json={
    "model": "qwen-vl-8b",
    "messages": [{"role": "user", "content": "描述一下这张图片"}],
    "max_tokens": 100
})
if response.status_code == 200:
    print("请求成功")
    print(response.json())
"""

HEADERS = """
import requests
api_url = "http://localhost:8000/v1/chat/completions"
api_key = "your-api-key-here"
headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json",
           "User-Agent": "MyApp/1.0", "Accept": "application/json"}
multimodal_headers = headers.copy()
multimodal_headers.update({"X-Model-Type": "vision-language", "X-Feature-Flags": "enable_vision"})
response = requests.post(api_url, headers=multimodal_headers, json={
    "model": "qwen-vl-8b",
    "messages": [{"role": "user", "content": [
        {"type": "text", "text": "这是什么动物"},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg"}}
    ]}]
})
print(response.status_code)
if response.status_code != 200:
    print(response.headers)
    print(response.json()["error"]["code"])
"""

OFTEN = """
import requests, time
api_url = "http://localhost:8000/v1/chat/completions"
headers = {"Authorization": "Bearer your-api-key-here", "Content-Type": "application/json"}
for i in range(20):
    response = requests.post(api_url, headers=headers, json={
        "model": "qwen-vl-8b", "messages": [{"role": "user", "content": f"测试消息 {i}"}]})
    print(f"请求 {i+1}: 状态码 {response.status_code}")
    time.sleep(0.1)
"""

NOT_AUTHENTICATED = """
import requests
api_url = "http://localhost:8000/v1/chat/completions"
body = {"model": "qwen-vl-8b", "messages": []}
print(requests.post(api_url, json=body).status_code)
print(requests.post(api_url, headers={"Authorization": "InvalidFormat your-api-key"},
                    json=body).status_code)
print(requests.post(api_url, headers={"Authorization": "Bearer wrong-api-key"},
                    json=body).status_code)
"""

WRONG_URLS = """
import requests
for url in ["http://localhost:8000/v1/chat/completion", "http://localhost:8000/v1/chats/completions",
            "http://localhost:8000/api/chat/completions"]:
    response = requests.get(url.replace("/chat/completions", "/health"))
    print(response.status_code, response.json()["error"]["hint"])
health_response = requests.get("http://localhost:8000/health", timeout=5)
print(health_response.status_code)
"""

WRONG_BODIES = """
import requests
api_url = "http://localhost:8000/v1/chat/completions"
problematic_requests = [
    {"model": "qwen-vl-8b", "messages": "这不是一个列表"},
    {"model": "qwen-vl-8b"},
    {"model": "qwen-vl-8b", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "描述图片"},
        {"type": "image_url", "image_url": {"url": "https://invalid-url/image.jpg"}}]}]},
    {"model": "qwen-vl-8b", "messages": [{"role": "user", "content": "A" * 100000}],
     "max_tokens": 10000},
]
for i, request_body in enumerate(problematic_requests, 1):
    response = requests.post(api_url, json=request_body, timeout=10)
    print(response.status_code, response.json()["error"]["code"])
"""

DEBUGGER = """
import requests, time
class QwenAPIDebugger:
    def __init__(self, base_url="http://localhost:8000", api_key=None):
        self.base_url = base_url.rstrip("/")
        self.session = requests.Session()
        self.session.headers.update({"Authorization": f"Bearer {api_key}",
                                     "Content-Type": "application/json"})
    def check_health(self):
        response = self.session.get(f"{self.base_url}/health", timeout=5)
        return "healthy" if response.status_code == 200 else "unhealthy"
    def test_auth(self):
        response = self.session.post(f"{self.base_url}/v1/chat/completions", json={
            "model": "qwen-vl-8b", "messages": [{"role": "user", "content": "ping"}],
            "max_tokens": 5}, timeout=10)
        return response.status_code
    def benchmark_request(self, num_requests=5):
        results = []
        for i in range(num_requests):
            response = self.session.post(f"{self.base_url}/v1/chat/completions", json={
                "model": "qwen-vl-8b", "messages": [{"role": "user", "content": f"测试消息 {i}"}],
                "max_tokens": 10}, timeout=30)
            results.append(response.status_code == 200)
            time.sleep(0.5)
        return results
debugger = QwenAPIDebugger(base_url="http://localhost:8000", api_key="your-api-key-here")
print(debugger.check_health(), debugger.test_auth(), debugger.benchmark_request(3))
"""

CLIENT = """
import os, requests
from requests.adapters import HTTPAdapter
from requests.packages.urllib3.util.retry import Retry
session = requests.Session()
session.headers.update({"Authorization": "Bearer your-api-key", "Content-Type": "application/json",
                        "User-Agent": f"MyApp/{os.getenv('APP_VERSION', '1.0.0')}"})
retry_strategy = Retry(total=3, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504])
adapter = HTTPAdapter(max_retries=retry_strategy)
session.mount("http://", adapter)
session.mount("https://", adapter)
response = session.post("http://localhost:8000/v1/chat/completions", json={
    "model": "qwen-vl-8b", "messages": [{"role": "user", "content": "你好"}]}, timeout=30)
response.raise_for_status()
print(response.json()["choices"][0]["message"]["content"])
"""


class Guide(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        for port in ("8000", "0"):
            cls.server = Server("--host", "localhost", "--port", port, model=None, listen=(),
                                wait=False, env=quiet_environment(QVL_MODEL_PATH=str(
                                    ROOT / "models" / "demo")))
            try:
                cls.server.wait_ready()
                return
            except AssertionError:
                cls.server.process.wait()
        raise AssertionError("the service does not start")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def at_the_port(self, text):
        return text.replace("localhost:8000", f"localhost:{self.server.port}")

    def shell(self, command):
        path = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ["PATH"]])
        """As typed at a terminal: httpie would take another stdin for the body."""
        terminal, stdin = os.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, stdin)
        done = subprocess.run(self.at_the_port(command), shell=True, capture_output=True, text=True,
                              encoding="utf-8", stdin=stdin, cwd=self.folder.name,
                              timeout=DEADLINE_S, check=False, env=quiet_environment(
                                  PATH=path, HTTPIE_CONFIG_DIR=self.folder.name + "/httpie"))
        self.assertEqual(done.returncode, 0, done)
        return done

    def python(self, script):
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", self.at_the_port(script)],
                              capture_output=True, text=True, encoding="utf-8", check=False,
                              timeout=DEADLINE_S, env=quiet_environment())
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.splitlines()

    def check_answer(self, text):
        answer = json.loads(text)
        self.assertEqual(answer["model"], "qwen-vl-8b")
        self.assertTrue(answer["choices"][0]["message"]["content"])

    def test_curl_head(self):
        self.assertTrue(self.shell(CURL["head"]).stdout.startswith("HTTP/1.1 200 OK\n"))

    def test_curl(self):
        self.check_answer(self.shell(CURL["chat"]).stdout)

    def test_curl_verbose(self):
        done = self.shell(CURL["verbose"])
        self.check_answer(done.stdout)
        self.assertIn("< HTTP/1.1 200 OK", done.stderr)
        self.assertIn("< x-request-id: req_", done.stderr)

    def test_curl_into_a_file(self):
        self.shell(CURL["file"])
        with open(self.folder.name + "/response.json", encoding="utf-8") as file:
            self.check_answer(file.read())

    def test_httpie(self):
        self.check_answer(self.shell(HTTPIE).stdout)

    def test_a_first_request(self):
        status, body = self.python(FIRST)
        self.assertEqual(status, "状态码: 200")
        self.check_answer(body.removeprefix("响应内容: "))

    def test_with_a_key(self):
        self.assertEqual(self.python(WITH_A_KEY)[0], "请求成功")

    def test_all_headers(self):
        lines = self.python(HEADERS)  # without a network the picture's host cannot be found
        if lines[0] != "200":
            self.assertEqual(lines[0], "400")
            self.assertIn("x-request-id", lines[1])
            self.assertRegex(lines[2], "^image_")

    def test_twenty_requests(self):
        self.assertEqual(self.python(OFTEN), [f"请求 {i + 1}: 状态码 200" for i in range(20)])

    def test_credentials_where_none_are_needed(self):
        """No keys are configured: what is wrong is the empty list of messages."""
        self.assertEqual(self.python(NOT_AUTHENTICATED), ["400"] * 3)

    def test_wrong_urls(self):
        *wrong, health = self.python(WRONG_URLS)
        for line in wrong:
            self.assertTrue(re.match(r"404 .*/(v1/chat/completions|health)", line), line)
        self.assertEqual(health, "200")

    def test_wrong_bodies(self):
        lines = self.python(WRONG_BODIES)
        self.assertEqual(lines[:3], ["400 invalid_type", "400 missing_field", "400 image_dns_failed"])
        self.assertEqual(lines[3], "400 context_length_exceeded")

    def test_the_debugger(self):
        self.assertEqual(self.python(DEBUGGER), ["healthy 200 [True, True, True]"])

    def test_the_client_with_retries(self):
        self.assertTrue(self.python(CLIENT)[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
