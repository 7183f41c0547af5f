"""bide on a store of millions beside bide on an empty one, in turn; and while retention deletes."""
import json
import statistics
import subprocess
import time

import harness

CONFIG = """[server]
listen = "127.0.0.1:0"
data = "{data}"
log_level = "warn"
[queues.jobs]
native = "echo"
retention = "{retention}"
[queues.parked]
native = "echo"
depth_max = 100000000
"""


class Server(harness.Peer):
    def __init__(self, name, title, folder, data, retention="24h"):
        super().__init__(folder / name)
        self.name, self.title = name, title
        self.config = self.folder / "bide.toml"
        self.config.write_text(CONFIG.format(data=data, retention=retention))

    def start(self, hold=False):
        """How long until `listening`, in seconds."""
        began = time.monotonic()
        self.url = self.processes.start(
            "bide", [harness.BUILD / "bide", "serve", "--config", self.config],
            listening=True) + "/queues/jobs/jobs"
        return time.monotonic() - began


def fill(data, asked):
    made = subprocess.run([harness.BUILD / "fill_store", data, str(asked.finished), str(asked.waiting)],
                          check=True, capture_output=True, text=True)
    return json.loads(made.stdout)


def restarts(server, count=3):
    """Seconds to `listening`; the first after a kill."""
    took = [server.start()]
    server.ready()
    for process in server.processes.started:
        process.kill()
    server.stop()
    for number in range(count):
        took.append(server.start())
        if number + 1 < count:
            server.stop()
    return took[1:]


def full_store(folder, asked):
    data = folder / "full-data"
    data.mkdir()
    filled = fill(data, asked)
    print(f"filled with {filled['jobs']:,} jobs in {filled['seconds']:.0f} s", flush=True)
    servers = [Server("empty", "empty store", folder, folder / "empty-data"),
               Server("full", f"{asked.finished:,} finished jobs and {asked.waiting:,} that wait", folder, data),
               Server("retention", "empty store, retention of 1 s: deletes what comes in", folder,
                      folder / "short-data", "1s")]
    empty, full, short = servers
    try:
        took = restarts(full)
        empty.start()
        short.start()
        for server in servers:
            server.ready()
            server.load(64, 2)  # deletes from then on, where there is something to delete
        print(f"restarts: {', '.join(f'{seconds:.2f} s' for seconds in took)}", flush=True)
        rows = [{"name": server.name, "title": server.title, "at": {}} for server in servers]
        for connections in asked.connections:
            samples = {server.name: [] for server in servers}
            for number in range(asked.rounds):
                for server in servers:
                    made = server.load(connections, asked.seconds)
                    samples[server.name].append(made)
                    print(f"{connections:5} connections, round {number + 1}, {server.name:9} "
                          f"{made['rate']:9,.0f}/s p50 {made['p50']:.2f} p99 {made['p99']:.2f} ms", flush=True)
            for row in rows:
                row["at"][str(connections)] = {
                    key: [one[key] for one in samples[row["name"]]]
                    for key in ("rate", "p50", "p99", "p999", "errors")}
        memory = sum(full.processes.memory().values())
    finally:
        for server in servers:
            server.stop()
    return {"rows": rows, "restarts": took, "memory": memory, "finished": asked.finished,
            "waiting": asked.waiting, "fill": filled}


def cells(row, base, connections):
    at, beside = row["at"][connections], base["at"][connections]
    text = (f"{statistics.median(at['rate']):,.0f} "
            f"{'/'.join(f'{statistics.median(at[key]):.2f}' for key in ('p50', 'p99', 'p999'))}")
    if row is base:
        return text
    parts = []
    for key in ("rate", "p99"):
        pairs = sorted(ours / theirs for ours, theirs in zip(at[key], beside[key]) if theirs)
        parts.append(f"{key} {pairs[len(pairs) // 2]:.2f} [{pairs[0]:.2f}-{pairs[-1]:.2f}]")
    return f"{text}; {', '.join(parts)}"


def report(made, table):
    base = made["rows"][0]
    counts = list(base["at"])
    text = (f"Each cell: jobs/s p50/p99/p99.9 in ms, medians of {made['settings']['rounds']} rounds of "
            f"{made['settings']['seconds']} s in turn, native echo, fsync before each 200; then, round by "
            "round, rate and p99 as parts of those of the empty store.\n\n")
    rows = [[row["title"], *(cells(row, base, count) for count in counts)] for row in made["rows"]]
    return (text + table(["", *(f"c={count}" for count in counts)], rows) +
            f"\nStart of the full one to `listening`, the first after `kill -9`: "
            f"{', '.join(f'{seconds:.2f} s' for seconds in made['restarts'])}. Its memory: "
            f"{made['memory'] / 2**20:,.0f} MiB.\n")
