"""bide in its forms. Each writes its result and flushes it before the 200 leaves. Beside them what
the workers of its pools do alone, without bide."""
import json
import pathlib
import subprocess

import harness

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = ["python3", str(HERE / "echo_worker.py")]
SHELL = ["sh", str(HERE / "echo_worker.sh")]


class Bide(harness.Peer):
    durability = "fsync before each 200"
    queue = 'native = "echo"'
    flushed = slow_disk = True

    def version(self):
        return harness.told(str(harness.BUILD / "bide"), "--version")

    def start(self, hold=False):
        config = self.folder / "bide.toml"
        config.write_text(
            f'[server]\nlisten = "127.0.0.1:0"\ndata = "{self.folder}/data"\nlog_level = "warn"\n'
            f'[queues.jobs]\n{self.handler(hold)}\n')
        self.url = self.processes.start(
            "bide", [harness.BUILD / "bide", "serve", "--config", config], listening=True,
            env=self.environment) + "/"

    def handler(self, hold):
        return 'native = "sleep"' if hold else self.queue


class Echo(Bide):
    name, title, holds = "bide-echo", "bide, native echo", True


class Keyed(Bide):
    name, title = "bide-keyed", "bide, native echo, Idempotency-Key on every request"
    header = "Idempotency-Key"
    slow_disk = False


class Unkeyed(Bide):
    name, title = "bide-unkeyed", "bide, native echo, another new header on every request (for comparison)"
    header = "X-Request"
    slow_disk = False


class Http(Bide):
    name, title = "bide-http", "bide, http handler (a bare Beast echo server)"

    def handler(self, hold):
        url = self.processes.start("target", [harness.BUILD / "bare_echo"], listening=True)
        return f'http = "{url}/"'


class Http2(Bide):
    name, title = "bide-http2", "bide, http handler over HTTP/2 (a bare nghttp2 echo server)"
    slow_disk = False

    def handler(self, hold):
        url = self.processes.start("target", [harness.BUILD / "bare_echo_http2"], listening=True)
        return f'http = "{url}/"\nhttp2 = true'


class Pool(Bide):
    name, title = "bide-pool", "bide, exec pool (one C worker, 64 jobs in flight)"
    queue = f'pool = ["{harness.BUILD}/echo_worker"]\nprocesses = 1\nin_flight = 64'


class PythonPool(Bide):
    name, title = "bide-python", "bide, exec pool (one Python worker, 64 jobs in flight)"
    queue = f"pool = {json.dumps(PYTHON)}\nprocesses = 1\nin_flight = 64"
    slow_disk = False


class ShellPool(Bide):
    name, title = "bide-shell", "bide, exec pool (one shell worker, 64 jobs in flight)"
    queue = f"pool = {json.dumps(SHELL)}\nprocesses = 1\nin_flight = 64"
    slow_disk = False


class Alone(harness.Peer):
    """A worker fed through pipes: no HTTP, nothing is kept. It knows no latencies but the mean."""
    durability = "nothing is kept, no HTTP"
    limit = True
    command = []

    def start(self, hold=False):
        self.url = "none"

    def ready(self, hold=False):
        pass

    def load(self, connections, seconds):
        in_flight = min(connections, 64)
        made = subprocess.run(
            [harness.BUILD / "feed_worker", str(in_flight), str(seconds), *self.command],
            capture_output=True, text=True, check=False, timeout=seconds + 60)
        if made.returncode:
            raise RuntimeError(f"feed_worker failed: {made.stderr.strip()[-300:]}")
        rate = json.loads(made.stdout)["rate"]
        mean = 1000 * in_flight / rate
        return {"rate": rate, "p50": mean, "p99": mean, "p999": mean, "errors": 0}


class PythonAlone(Alone):
    name, title, command = "python-worker", "that Python worker alone", PYTHON


class ShellAlone(Alone):
    name, title, command = "shell-worker", "that shell worker alone", SHELL


class Exec(Bide):
    name, title = "bide-exec", "bide, a process per job (/bin/true)"
    queue = 'exec = ["/bin/true"]'
    slow_disk = False


PEERS = [Echo, Keyed, Unkeyed, Http, Http2, Pool, PythonPool, PythonAlone, ShellPool, ShellAlone, Exec]
