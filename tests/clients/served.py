"""What the tests of clients share: a server, free ports, and ways to ask the server directly."""
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE_S = 60


class Skip(Exception):
    """The client cannot be had here; says why."""


def die_with_parent():
    """In a child: it must not outlive a test that is killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class Server:
    """bide with clients.toml, on a port and a directory of its own. `more` goes below [server]."""

    def __init__(self, build, more=""):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.log = open(self.path / "log", "w+", encoding="utf-8")
        config = (HERE / "clients.toml").read_text(encoding="utf-8")
        (self.path / "clients.toml").write_text(
            config.replace("[server]\n", "[server]\n" + more, 1), encoding="utf-8")
        self.process = subprocess.Popen(
            [build / "bide", "serve", "--config", self.path / "clients.toml",
             "--listen", "127.0.0.1:0", "--data", self.path / "data"],
            stdout=subprocess.PIPE, stderr=self.log, text=True, preexec_fn=die_with_parent)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.log.seek(0)
            raise RuntimeError("bide did not start:\n" + self.log.read())
        self.url = line.removeprefix("listening on ").strip()
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE_S)
        self.log.seek(0)
        log = self.log.read()
        self.log.close()
        self.process.stdout.close()
        self.folder.cleanup()
        if status != 0:
            raise RuntimeError(f"bide ended with {status}:\n{log}")


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url, method, target, body=None, headers=None):
    """One request on a connection of its own: status, headers, body."""
    host, port = re.fullmatch(r"http://([^:/]+):(\d+)", url).groups()
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def state_of(url, page):
    status, _, body = ask(url, "GET", page)
    return json.loads(body).get("state") if status == 200 else None


def eventually(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def fresh_page():
    return f"/jobs/{uuid.uuid4()}"


def pattern(size):
    """Bytes that are different everywhere."""
    block = b"".join(i.to_bytes(4, "big") for i in range(0, min(size, 1 << 20) // 4 + 1))
    return (block * (size // len(block) + 1))[:size]


def run(*command, **options):
    options.setdefault("timeout", 4 * PATIENCE_S)
    return subprocess.run([str(part) for part in command], capture_output=True, check=False,
                          **options)


def need(program):
    """The path of a program, which may be where only root looks."""
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        path = os.path.join(folder, program)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise Skip(f"there is no {program} (scripts/packages: clients, proxies, lambda)")
