"""bide in its forms. Each writes its result and flushes it before the 200 leaves."""
import harness


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


class Pool(Bide):
    name, title = "bide-pool", "bide, exec pool (one C worker, 64 jobs in flight)"
    queue = f'pool = ["{harness.BUILD}/echo_worker"]\nprocesses = 1\nin_flight = 64'


class Exec(Bide):
    name, title = "bide-exec", "bide, a process per job (/bin/true)"
    queue = 'exec = ["/bin/true"]'
    slow_disk = False


PEERS = [Echo, Keyed, Unkeyed, Http, Pool, Exec]
