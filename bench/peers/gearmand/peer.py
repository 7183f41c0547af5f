"""gearmand with foreground jobs, in its own protocol: no HTTP is in between. Its clients and workers
are bench/peers/gearmand/gearman_bench.cpp, which is quicker than libgearman's."""
import json
import subprocess

import harness

WORKERS = 4


class Gearmand(harness.Peer):
    name, title = "gearmand", "gearmand, foreground jobs, own protocol (no HTTP)"
    durability = "memory only"
    needs = {"bench-gearmand": "gearmand"}
    bench = harness.BUILD / "gearman_bench"
    holds = True
    answer = b"\0RES"

    def version(self):
        return " ".join(harness.told(harness.program("gearmand"), "--version").split()[:2])

    def start(self, hold=False):
        self.gearman = harness.free_port()
        self.processes.start("gearmand", [
            harness.program("gearmand"), "--listen", "127.0.0.1", "--port", self.gearman,
            "--log-file", "stderr", "--threads", 1, "--backlog", 4096])
        harness.wait_port(self.gearman)
        if not hold:
            self.release()

    def release(self):
        """Waiters wait for a worker to come."""
        self.processes.start("workers", [self.bench, "work", self.gearman, WORKERS])
        return True

    def ready(self, hold=False):
        if not hold:
            self.load(1, 0.1)

    def load(self, connections, seconds):
        made = subprocess.run(
            [str(self.bench), "load", str(self.gearman), str(connections), str(seconds)],
            capture_output=True, text=True, check=False, timeout=seconds + 60)
        if made.returncode:
            raise RuntimeError(f"the clients failed: {made.stderr.strip()[-300:]}")
        return json.loads(made.stdout)

    def request(self, milliseconds):
        data = b"echo\0\0" + str(milliseconds).encode()
        return b"\0REQ" + (7).to_bytes(4, "big") + len(data).to_bytes(4, "big") + data

    def port(self):
        return self.gearman


PEERS = [Gearmand]
