"""A real nginx with the sample of etc/nginx, before a server."""
import pathlib
import shutil
import socket
import subprocess
import tempfile

from harness import DEADLINE_S, ROOT, Connection, wait_until

SAMPLE = ROOT / "etc" / "nginx" / "qvl.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
FRAME = """daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/qvl.conf;
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Nginx:
    """nginx with the sample, in a folder of its own; `changes`: (directive in it, another one)."""

    def __init__(self, upstream_port, *changes):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        text = SAMPLE.read_text(encoding="utf-8")
        for old, new in (("listen 80;", f"listen 127.0.0.1:{self.port};"),
                         ("server 127.0.0.1:8000;", f"server 127.0.0.1:{upstream_port};"), *changes):
            if text.count(old) != 1:
                raise AssertionError(f"the sample has no single {old!r}")
            text = text.replace(old, new)
        path = pathlib.Path(self.folder.name)
        path.chmod(0o755)  # of root's workers, which run as another user
        (path / "qvl.conf").write_text(text, encoding="utf-8")
        (path / "nginx.conf").write_text(FRAME.format(folder=path), encoding="utf-8")
        self.process = subprocess.Popen(
            [NGINX, "-p", path, "-c", path / "nginx.conf", "-e", path / "error.log"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.url = f"http://127.0.0.1:{self.port}"
        wait_until(self.answers, what="nginx")

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(self.process.stdout.read().decode())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=DEADLINE_S)
        self.folder.cleanup()

    def request(self, *arguments):
        with Connection("127.0.0.1", self.port) as connection:
            return connection.request(*arguments)
