#!/usr/bin/env python3
"""qvl config: every kind of mistake, what is in force and why, and where a file is wrong."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import DEMO, ROOT, main, quiet_environment, run_qvl

OPEN = "access: {require_key: false}\n"


class Check(unittest.TestCase):
    """Each text is one configuration, and the codes that must be found in it, no others."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        os.chmod(cls.folder, 0o755)
        cls.make_certificates()
        for name, mode in (("open", 0o777), ("pictures", 0o755), ("shut", 0o755)):
            (cls.folder / name).mkdir()
            (cls.folder / name).chmod(mode)
        for name, mode in (("readable.log", 0o644), ("fine.log", 0o640)):
            (cls.folder / name).touch()
            (cls.folder / name).chmod(mode)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def openssl(cls, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=60)

    @classmethod
    def make_certificates(cls):
        f = cls.folder
        cls.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f / "ca.key",
                    "-out", f / "ca.pem", "-days", "400", "-subj", "/CN=authority")
        (f / "ext").write_text("subjectAltName=DNS:localhost\n", encoding="ascii")
        for name, days, bits, digest in (("good", 365, 2048, "sha256"), ("old", -1, 2048, "sha256"),
                                         ("soon", 7, 2048, "sha256"), ("weak", 365, 1024, "sha256"),
                                         ("sha1", 365, 2048, "sha1")):
            cls.openssl("req", "-newkey", f"rsa:{bits}", "-nodes", "-keyout", f / f"{name}.key",
                        "-out", f / "csr", "-subj", f"/CN={name}")
            cls.openssl("x509", "-req", "-in", f / "csr", "-CA", f / "ca.pem", "-CAkey",
                        f / "ca.key", "-days", days, f"-{digest}", "-extfile", f / "ext", "-out",
                        f / f"{name}.pem")
            (f / f"{name}.key").chmod(0o600)
        (f / "loose.key").write_bytes((f / "good.key").read_bytes())
        (f / "loose.key").chmod(0o644)
        (f / "ca.key").chmod(0o600)

    def check(self, text, *flags, mode=0o600, lang="en", env=None):
        path = self.folder / "shut" / "qvl.yaml"
        path.write_text(text.replace("@", str(self.folder)), encoding="utf-8")
        path.chmod(mode)
        done = run_qvl("--lang", lang, "config", "check", "--json", "--config", str(path), *flags,
                       env=env)
        if done.returncode == 2:
            raise AssertionError(done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1 if result["findings"] else 0)
        self.assertEqual(result["ok"], not result["findings"])
        return result["findings"]

    def tls(self, name, key=None, rest=""):
        return (f"server: {{tls: {{certificate: @/{name}.pem, key: @/{key or name}.key{rest}}}}}\n")

    def cases(self):
        public = "server: {listen: [0.0.0.0:8000], "
        door = ("open_without_keys", "open_without_tls")
        return [
            ("", ()),
            ("model: {path: " + str(DEMO) + "}\nlog: {access: @/fine.log}\n", ()),
            (self.tls("good"), ()),
            ("server: {listen: [0.0.0.0:8000]}\n" + OPEN, door),
            ("server: {listen: [\"[::]:8000\"], tls: {certificate: @/good.pem, key: @/good.key}}\n"
             + OPEN, ("open_without_keys",)),
            ("server: {listen: [0.0.0.0:9000, 127.0.0.1:9000]}\n" + OPEN,
             (*door, "listeners_overlap")),
            ("server: {listen: [\"http://127.0.0.1:9\", 127.0.0.1:9]}\n", ("listeners_overlap",)),
            ("server: {listen: [unix:@/open/s]}\n", ("socket_in_open_folder",)),
            (public + "}\nmetrics: {open: true}\n" + OPEN, (*door, "metrics_open")),
            ("metrics: {listen: [0.0.0.0:9100]}\n", ("metrics_public",)),
            (self.tls("good", "soon"), ("certificate_unusable",)),
            (self.tls("missing"), ("certificate_unusable",)),
            (self.tls("old"), ("certificate_expired",)),
            (self.tls("soon"), ("certificate_expires_soon",)),
            (self.tls("ca"), ("certificate_self_signed",)),
            (self.tls("weak"), ("certificate_weak",)),
            (self.tls("sha1"), ("certificate_weak",)),
            (self.tls("good", "loose"), ("key_readable",)),
            (self.tls("good", rest=", others: [{certificate: @/old.pem, key: @/old.key}]"),
             ("certificate_expired",)),
            ("server: {listen: [example.test:8443], tls: {certificate: @/good.pem, key: "
             "@/good.key}}\n" + OPEN, ("open_without_keys", "certificate_other_name")),
            ("server: {tls: {client_ca: @/ca.pem}}\n", ("tls_without_certificate",)),
            ("server: {listen: [\"http://127.0.0.1:8000\"], tls: {certificate: @/good.pem, key: "
             "@/good.key}}\n", ("certificate_unused",)),
            ("access: {trusted_proxies: [0.0.0.0/0]}\n", ("trusts_everybody",)),
            ("access: {trusted_proxies: [\"::/0\"]}\n", ("trusts_everybody",)),
            ("access: {trusted_proxies: [8.0.0.0/8]}\n", ("trusts_wide_range",)),
            ("access: {trusted_proxies: [10.0.0.0/8, 203.0.113.7]}\n", ()),
            ("access: {proxy_protocol: true}\n", ("proxy_protocol_without_proxies",)),
            ("server: {cors: {origins: [\"*\"]}}\n", ("any_origin",)),
            ("server: {cors: {origins: [\"https://example.com/\"]}}\n", ("origin_malformed",)),
            ("server: {cors: {origins: [\"https://example.com:443\"]}}\n", ("origin_malformed",)),
            ("server: {cors: {origins: [example.com]}}\n", ("origin_malformed",)),
            ("server: {cors: {origins: [\"https://example.com\", \"http://localhost:3000\"]}}\n",
             ()),
            (public + "}\nmodel: {image: {allow_private: true}}\n" + OPEN,
             (*door, "fetches_private")),
            ("model: {image: {allow_private: true}}\n", ()),
            ("model: {image: {allow_addresses: [169.254.0.0/16]}}\n", ("fetches_metadata",)),
            ("model: {image: {allow_addresses: [192.168.1.5]}}\n", ()),
            ("model: {image: {file_root: /}}\n", ("file_root_too_wide",)),
            ("model: {image: {file_root: @/shut}}\n", ("file_root_has_secrets",)),
            ("model: {image: {file_root: @/pictures}}\n", ()),
            ("log: {access: @/readable.log}\n", ("log_readable",)),
            ("log: {error: @/open/e.log}\n", ("log_in_open_folder",)),
            ("log: {access: @/none/a.log}\n", ("log_unwritable",)),
            ("log: {format: combined}\n", ("logs_mixed",)),
            ("model: {path: @/none}\n", ("model_missing",)),
            (public + "body_min_rate: 0}\n" + OPEN, (*door, "bodies_without_rate")),
            (public + "header_timeout: 5m}\n" + OPEN, (*door, "headers_without_hurry")),
            (public + "max_connections_per_address: 0}\n" + OPEN, (*door, "connections_unbounded")),
            ("server: {body_min_rate: 0, header_timeout: 5m, max_connections_per_address: 0}\n",
             ()),
            ("server: {max_body: 20MiB}\n", ("body_smaller_than_picture",)),
            ("server: {max_buffered: 32MiB}\n", ("sum_smaller_than_body",)),
            ("model: {image: {timeout: 20m}}\n", ("fetch_longer_than_request",)),
            ("server: {drain_timeout: 5m}\n", ("drain_longer_than_manager",)),
            ("server: {max_connections: 1000000}\n", ("descriptors_too_few",)),
            ("model: {kv_cache: 1024GiB}\n", ("cache_larger_than_memory",)),
            ("model: {name: qwen-vl-8b}\n", ("name_twice",)),
            ("model: {aliases: [a, b, a]}\n", ("name_twice",)),
        ]

    def test_every_kind_is_found_and_nothing_else(self):
        seen = set()
        for text, wanted in self.cases():
            with self.subTest(text):
                codes = sorted(f["code"] for f in self.check(text))
                if "descriptors_too_few" in wanted and not codes:
                    continue  # this machine gives a million
                self.assertEqual(codes, sorted(wanted))
            seen.update(wanted)
        source = "".join(p.read_text(encoding="utf-8")
                         for p in (ROOT / "src" / "config").glob("mistakes_*.c"))
        known = {line.split('"')[1] for line in source.splitlines()
                 if line.startswith('    {"') and "FINDING_" in line}
        self.assertGreaterEqual(len(known), 30)
        # One needs a clock that is wrong, one a user who is not root.
        self.assertEqual(known - seen, {"certificate_too_early", "port_needs_root",
                                        "configuration_writable"})

    def test_a_file_that_others_may_write(self):
        self.assertEqual([f["code"] for f in self.check("", mode=0o666)],
                         ["configuration_writable"])

    def test_ports_that_need_root(self):
        path = self.folder / "low.yaml"
        path.write_text("server: {listen: [127.0.0.1:1]}\n", encoding="utf-8")
        path.chmod(0o644)
        if os.geteuid() != 0:
            self.assertEqual([f["code"] for f in self.check(path.read_text())],
                             ["port_needs_root"])

    def test_findings_say_where_and_what_to_do(self):
        text = "\n\naccess:\n  trusted_proxies: [0.0.0.0/0]\n"
        for lang, words in (("en", "trusts everybody"), ("zh", "冒充")):
            finding, = self.check(text, lang=lang)
            self.assertTrue(finding["place"].endswith("qvl.yaml:4"), finding)
            self.assertEqual((finding["level"], finding["setting"]),
                             ("error", "access.trusted_proxies"))
            self.assertIn(words, finding["message"])
            self.assertTrue(finding["message"].endswith((".", "。")))
            self.assertTrue(finding["hint"])
        finding, = self.check("", "--access.trusted-proxies", "0.0.0.0/0")
        self.assertEqual(finding["place"], "--access.trusted-proxies")
        environment = quiet_environment(QVL_SERVR_MAX_BODY="1MiB")
        finding, = self.check("", env=environment)
        self.assertEqual(finding["code"], "unknown_variable")
        self.assertIn("QVL_SERVER_MAX_BODY", finding["message"])

    def test_text(self):
        done = run_qvl("config", "check", "--access.trusted-proxies", "::/0")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("error: --access.trusted-proxies: "), done.stdout)
        self.assertIn("\n  → ", done.stdout)
        done = run_qvl("config", "check")
        self.assertEqual((done.returncode, done.stdout), (0, "nothing to complain about\n"))

    def test_what_cannot_be_used(self):
        for text, place, words in (("server: {max_bodi: 1}\n", ":1:10", "server.max_body"),
                                   ("server:\n  max_body: much\n", ":2:13", "64MiB"),
                                   ("server: {\n", ":2:1", "not well formed"),
                                   ("server: {listen: [0.0.0.0:1]}\n", ":1", "require_key")):
            path = self.folder / "bad.yaml"
            path.write_text(text, encoding="utf-8")
            done = run_qvl("config", "check", "--config", str(path))
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(f"bad.yaml{place}: ", done.stderr)
            self.assertIn(words, done.stderr)
        self.assertEqual(run_qvl("config", "check", "--config", "/no/file").returncode, 2)


class Show(unittest.TestCase):
    def test_origins(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "qvl.yaml"
            path.write_text("server:\n  idle_timeout: 5s\n  max_body: 2MiB\n", encoding="utf-8")
            environment = quiet_environment(QVL_SERVER_DRAIN_TIMEOUT="3s")
            done = run_qvl("config", "show", "--json", "--config", str(path), "--server.max-body",
                           "3MiB", env=environment)
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = json.loads(done.stdout)
            self.assertEqual(rows["server.idle_timeout"],
                             {"value": "5s", "origin": "file", "place": f"{path}:2"})
            self.assertEqual(rows["server.max_body"],
                             {"value": "3MiB", "origin": "flag", "place": "--server.max-body"})
            self.assertEqual(rows["server.drain_timeout"]["place"], "QVL_SERVER_DRAIN_TIMEOUT")
            self.assertEqual(rows["server.listen"]["origin"], "default")
            self.assertIsNone(rows["model.path"]["value"])

    def test_what_is_shown_loads_back(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "qvl.yaml"
            first = run_qvl("config", "show", "--port", "9123", "--model.defaults.top-p", "0.5")
            path.write_text(first.stdout, encoding="utf-8")
            again = run_qvl("config", "show", "--json", "--config", str(path))
            rows = json.loads(again.stdout)
            self.assertEqual(rows["server.listen"]["value"], "[127.0.0.1:9123]")
            self.assertEqual(rows["model.defaults.top_p"]["value"], "0.5")


class Reference(unittest.TestCase):
    def test_as_the_documents_have_it(self):
        for arguments, path in (((), "docs/settings.md"), (("--yaml",), "etc/qvl.yaml"),
                                (("--lang", "zh"), "docs/settings.zh.md"),
                                (("--yaml", "--lang", "zh"), "etc/qvl.zh.yaml")):
            done = run_qvl("config", "reference", *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout, (ROOT / path).read_text(encoding="utf-8"))

    def test_the_example_is_clean(self):
        done = run_qvl("config", "check", "--config", str(ROOT / "etc" / "qvl.yaml"))
        findings = [line for line in done.stdout.splitlines() if "may write" not in line
                    and "chmod" not in line]
        self.assertIn(findings, ([], ["nothing to complain about"]))


class Usage(unittest.TestCase):
    def test_wrong_words(self):
        for arguments in ((), ("frobnicate",), ("check", "show"), ("check", "--server.max-bodi")):
            done = run_qvl("config", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertTrue(done.stderr.strip())

    def test_help(self):
        for lang, word in (("en", "Usage:"), ("zh", "用法：")):
            done = run_qvl("--lang", lang, "config", "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(word, done.stdout)


if __name__ == "__main__":
    main()
