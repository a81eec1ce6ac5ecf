#!/usr/bin/env python3
"""/metrics: its form, its figures, and who may read it."""
import json
import re
import shutil
import socket
import subprocess
import unittest

from harness import ROOT, Scenario, Server, endless, main, sample, wait_until
from serve_load import begin_stream
from metrics_text import read_metrics, value_of

ROUTES = {"/health", "/health/ready", "/v1/models", "/v1/models/{id}", "/v1/chat/completions",
          "/v1/completions", "/tokenize", "/detokenize", "/metrics", "other"}


def scrape(server, **headers):
    reply = server.request("GET", "/metrics", headers=headers)
    assert reply.status == 200, reply.body
    return read_metrics(reply.body.decode("utf-8"))


class Figures(Scenario):
    def test_form(self):
        self.server.chat(sample(0)["content"], max_tokens=5)
        reply = self.server.request("GET", "/metrics")
        self.assertEqual(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8")
        plain = read_metrics(reply.body.decode("utf-8"))
        reply = self.server.request("GET", "/metrics", headers={
            "Accept": "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"})
        self.assertEqual(reply.header("content-type"),
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        newer = read_metrics(reply.body.decode("utf-8"), open_metrics=True)
        self.assertEqual({name.removesuffix("_total") for name in plain}, set(newer))
        if shutil.which("promtool"):
            done = subprocess.run(["promtool", "check", "metrics"], check=False, capture_output=True,
                                  input=self.server.request("GET", "/metrics").body)
            self.assertEqual(done.stdout + done.stderr, b"")
            self.assertEqual(done.returncode, 0)

    def test_requests_are_counted_by_what_became_of_them(self):
        before = scrape(self.server)
        for _ in range(3):
            self.server.request("GET", "/health")
        self.server.request("GET", "/no/such/route?secret")
        self.server.request("DELETE", "/health")
        self.server.chat({"messages": 7})
        self.server.request("GET", "/v1/models/nobody")
        after = scrape(self.server)

        def grown(**labels):
            return value_of(after, "qvl_requests_total", **labels) - \
                value_of(before, "qvl_requests_total", **labels)
        self.assertEqual(grown(route="/health", status="200", code=""), 3)
        self.assertEqual(grown(route="other", status="404", code="route_not_found"), 1)
        self.assertEqual(grown(status="405", code="method_not_allowed"), 1)
        self.assertEqual(grown(route="/v1/chat/completions", status="400"), 1)
        self.assertEqual(grown(route="/v1/models/{id}", status="404", code="model_not_found"), 1)
        self.assertEqual(value_of(after, "qvl_request_seconds_count") -
                         value_of(before, "qvl_request_seconds_count"), grown())
        routes = {labels["route"] for _, labels, _ in after["qvl_requests_total"].samples}
        self.assertTrue(routes <= ROUTES, routes)
        self.assertGreater(value_of(after, "qvl_sent_bytes_total"),
                           value_of(before, "qvl_sent_bytes_total"))

    def test_tokens_and_times(self):
        before = scrape(self.server)
        reply = self.server.chat(sample(0)["content"], max_tokens=6, ignore_eos=True)
        usage = reply.json()["usage"]
        after = wait_until(lambda: self.settled(before), what="the figures of an answer")

        def grown(name, **labels):
            return value_of(after, name, **labels) - value_of(before, name, **labels)
        self.assertEqual(grown("qvl_prompt_tokens_total"), usage["prompt_tokens"])
        self.assertEqual(grown("qvl_generated_tokens_total"), 6)
        self.assertEqual(grown("qvl_cached_prompt_tokens_total"),
                         usage["prompt_tokens_details"]["cached_tokens"])
        self.assertEqual(grown("qvl_image_tokens_total"),
                         usage["prompt_tokens_details"]["image_tokens"])
        self.assertGreater(grown("qvl_image_tokens_total"), 0)
        for name in ("qvl_queue_seconds", "qvl_time_to_first_token_seconds",
                     "qvl_time_per_output_token_seconds"):
            self.assertEqual(grown(name + "_count"), 1, name)
        first, total = grown("qvl_time_to_first_token_seconds_sum"), grown("qvl_request_seconds_sum")
        per_token = grown("qvl_time_per_output_token_seconds_sum")
        self.assertLessEqual(grown("qvl_queue_seconds_sum"), first)
        self.assertLessEqual(first + 4 * per_token, total)
        self.assertGreaterEqual(grown("qvl_batch_tokens_sum"), usage["prompt_tokens"] -
                                usage["prompt_tokens_details"]["cached_tokens"])
        self.assertEqual(grown("qvl_image_cache_total"), 1)
        line = self.server.access(reply.header("x-request-id"))
        self.assertEqual(line["image_tokens"], usage["prompt_tokens_details"]["image_tokens"])
        self.assertEqual(line["cached_tokens"], usage["prompt_tokens_details"]["cached_tokens"])
        self.assertLessEqual(0, line["queue_ms"])
        self.assertLessEqual(line["queue_ms"], line["ttft_ms"])
        self.assertLessEqual(line["ttft_ms"], line["ms"])

    def settled(self, before):
        after = scrape(self.server)
        grown = value_of(after, "qvl_generated_tokens_total") - \
            value_of(before, "qvl_generated_tokens_total")
        return after if grown >= 6 and value_of(after, "qvl_running_sequences") == 0 else None

    def test_what_runs_is_seen(self):
        with self.server.connect() as idle:
            idle.request("GET", "/health")
            stream = begin_stream(self.server, endless(stream=True))
            seen = wait_until(lambda: (m := scrape(self.server)) and
                              value_of(m, "qvl_running_sequences") == 1 and m, what="a sequence")
            self.assertGreater(value_of(seen, "qvl_kv_pages", state="used"), 0)
            self.assertGreaterEqual(value_of(seen, "qvl_connections", state="answering"), 2)
            self.assertGreaterEqual(value_of(seen, "qvl_connections", state="idle"), 1)
            pages = value_of(seen, "qvl_kv_pages")
            stream.close()
            seen = wait_until(lambda: (m := scrape(self.server)) and
                              value_of(m, "qvl_running_sequences") == 0 and m, what="the end")
            self.assertEqual(value_of(seen, "qvl_kv_pages"), pages)
            self.assertEqual(value_of(seen, "qvl_requests_total", status="499",
                                      code="client_closed"), 1)

    def test_process(self):
        seen = scrape(self.server)
        self.assertAlmostEqual(value_of(seen, "process_resident_memory_bytes") /
                               self.server.rss_bytes(), 1, delta=0.2)
        self.assertGreaterEqual(value_of(seen, "process_open_fds"), 5)
        self.assertGreater(value_of(seen, "process_max_fds"), value_of(seen, "process_open_fds"))
        self.assertGreater(value_of(seen, "process_cpu_seconds_total"), 0)
        self.assertEqual(value_of(seen, "qvl_state", state="ready"), 1)
        self.assertEqual(value_of(seen, "qvl_state"), 1)
        self.assertEqual(value_of(seen, "qvl_build_info", model="qwen3-vl-demo"), 1)
        self.assertEqual(value_of(seen, "qvl_policy_version"), 1)
        self.assertEqual(value_of(seen, "qvl_log_lines_lost_total"), 0)


class Readers(Scenario):
    """Who may read; one server each."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def tearDown(self):
        pass

    @staticmethod
    def outside():
        """An address of this machine that is not loopback; None: there is none."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))
            except OSError:
                return None
            return probe.getsockname()[0]

    def test_only_this_machine(self):
        with Server() as server:
            self.assertEqual(server.request("GET", "/metrics").status, 200)
            self.assertEqual(server.request("HEAD", "/metrics").status, 200)
            for headers in ({"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}):
                reply = server.request("GET", "/metrics", headers=headers)
                self.check_error(reply, 403, "admin_only")

    def test_another_machine(self):
        host = self.outside()
        if not host:
            self.skipTest("this machine has no address but loopback")
        for flags, status in (((), 403), (("--metrics.open", "true"), 200)):
            with Server("--host", host, "--access.require-key", "false", *flags) as server:
                self.assertEqual(server.request("GET", "/metrics").status, status)
                self.assertEqual(server.request("GET", "/health").status, 200)

    def test_switched_off(self):
        with Server("--metrics.enabled", "false") as server:
            self.check_error(server.request("GET", "/metrics"), 404, "route_not_found")
            self.assertNotIn("/metrics", "\n".join(server.out))

    def test_an_address_of_their_own(self):
        with Server("--metrics.listen", "127.0.0.1:0") as server:
            self.check_error(server.request("GET", "/metrics"), 404, "route_not_found")
            port = int(server.wait_line(r"^metrics .*:(\d+)/metrics$")[1])
            public, server.port = server.port, port
            self.assertEqual(value_of(scrape(server), "qvl_state", state="ready"), 1)
            self.check_error(server.request("GET", "/health"), 404, "route_not_found")
            self.check_error(server.chat("hello"), 404, "route_not_found")
            self.check_error(server.request("POST", "/metrics", {}), 405, "method_not_allowed")
            server.port = public
            server.chat("hello", max_tokens=1)
            server.port = port
            self.assertEqual(value_of(scrape(server), "qvl_requests_total",
                                      route="/v1/chat/completions", status="200"), 1)

    def test_the_port_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            server = Server("--metrics.listen", address, wait=False)
            self.assertEqual(server.wait_end(), 2)
            self.assertIn(address, server.text())


class Files(unittest.TestCase):
    """etc/: what it asks for exists."""

    @classmethod
    def setUpClass(cls):
        with Server() as server:
            server.chat("hello", max_tokens=2)
            cls.families = scrape(server)

    @staticmethod
    def names_in(query):
        return set(re.findall(r"\b(?:qvl|process)_[a-z0-9_]+", query))

    def check_query(self, query):
        samples = {name for family in self.families.values() for name, _, _ in family.samples}
        for name in self.names_in(query):
            self.assertIn(name, samples, query)

    def test_dashboard(self):
        dashboard = json.loads((ROOT / "etc/grafana/qvl.json").read_text(encoding="utf-8"))
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        self.assertGreater(len(queries), 12)
        for query in queries:
            self.assertTrue(self.names_in(query), query)
            self.check_query(query)

    def test_alerts(self):
        text = (ROOT / "etc/prometheus/qvl-alerts.yml").read_text(encoding="utf-8")
        alerts = text.split("- alert: ")[1:]
        self.assertGreater(len(alerts), 5)
        for alert in alerts:
            query = re.search(r"\n +expr: (.*?)\n +(?:for|labels|annotations):", alert, re.S)[1]
            self.assertTrue(self.names_in(query), alert)
            self.check_query(query)
            self.assertRegex(alert, r"\n +summary: .*\.\"?\n")

    def test_promtool_agrees(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        for what, name in (("rules", "qvl-alerts.yml"), ("config", "prometheus.yml")):
            done = subprocess.run(["promtool", "check", what, name], check=False,
                                  cwd=ROOT / "etc/prometheus", capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
