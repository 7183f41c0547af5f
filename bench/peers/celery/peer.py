"""Celery on Redis, the front waits with result.get(). Both sides on gevent, which was the quickest
way that can also wait for thousands of results at once."""
import harness
import redis

PACKAGES = ("celery[redis]==5.7.0", "gunicorn==27.0.1", "gevent==26.9.0")
WORKERS = 8  # the best of 1, 4 and 8


class Celery(harness.Peer):
    name, title = "celery-always", "Celery, result.get (gunicorn, gevent)"
    durability = redis.SAYS["always"]
    needs = redis.NEEDS
    flushed = holds = slow_disk = True

    def install(self):
        super().install()
        harness.pip("celery", *PACKAGES)

    def version(self):
        return f"{', '.join(PACKAGES)}, {redis.version()}"

    def start(self, hold=False):
        programs = harness.pip("celery", *PACKAGES)
        here = harness.HERE / "peers/celery"
        port = harness.free_port()
        environment = {"BENCH_REDIS": f"redis://127.0.0.1:{redis.start(self, 'always')}/0",
                       "BENCH_HOLD": "1" if hold else "", "PYTHONDONTWRITEBYTECODE": "1"}
        # A worker fetches and acknowledges one message at a time, each a flush: several overlap.
        for number in range(1 if hold else WORKERS):
            self.processes.start(f"worker{number}", [
                programs / "celery", "-A", "tasks", "worker", "--pool", "gevent", "--concurrency",
                20000 if hold else 16, "--without-gossip", "--without-mingle", "--without-heartbeat",
                "--loglevel", "WARNING", "--hostname", f"worker{number}@bench"],
                env=environment, cwd=here)
        self.processes.start("front", [
            programs / "gunicorn", "--worker-class", "gevent", "--workers", 1, "--worker-connections",
            20000, "--backlog", 4096, "--keep-alive", 600, "--timeout", 600, "--bind",
            f"127.0.0.1:{port}", "front:app"], env=environment, cwd=here)
        harness.wait_port(port)
        self.url = f"http://127.0.0.1:{port}/"


PEERS = [Celery]
