"""What the peers share: processes with an end, packages from registries, memory and time used."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent
BUILD = TREE / "build/release"  # --build
OUTPUT = TREE / "build/bench"  # --output
CACHE = pathlib.Path(os.environ.get("BIDE_BENCH_CACHE") or OUTPUT / "cache")
NODE = "22.23.3"
TICKS = os.sysconf("SC_CLK_TCK")


class Skip(Exception):
    """A peer that cannot be had here, and why."""


def program(name):
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not found:
        raise Skip(f"{name} is not installed")
    return found


def told(*command):
    """What a command prints, on one line; for versions."""
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    return " ".join((made.stdout + made.stderr).split())


def install(folder, command):
    """Runs a registry's client once; a later run finds the folder done."""
    done = folder / ".installed"
    wanted = "\n".join(str(part) for part in command)
    if done.exists() and done.read_text() == wanted:
        return
    print(f"installing {folder.name}: {' '.join(map(str, command))}", flush=True)
    try:
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                              timeout=600)
    except subprocess.TimeoutExpired as late:
        raise Skip(f"{command[0]} took more than 10 minutes") from late
    if made.returncode:
        last = (made.stderr.strip() or made.stdout.strip()).splitlines()[-1:]
        raise Skip(f"{command[0]} failed: {' '.join(last)}")
    done.write_text(wanted)


def npm(name, *packages):
    """Installs packages ("name@version") from the npm registry; returns the folder."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    install(folder, [program("npm"), "install", "--no-audit", "--no-fund", "--loglevel=error",
                     "--prefix", str(folder), *packages])
    return folder


def node():
    return npm("node", f"node@{NODE}") / "node_modules/.bin/node"


def script(source, folder):
    """Copies a peer's script to where its packages are, so that they are found."""
    shutil.copy(source, folder)
    return folder / source.name


def pip(name, *packages):
    """Installs packages from PyPI into an environment of their own; returns its bin folder."""
    folder = CACHE / name
    if not (folder / "bin/pip").exists():
        made = subprocess.run(["python3", "-m", "venv", str(folder)], capture_output=True,
                              text=True, check=False)
        if made.returncode:
            raise Skip(f"python3 -m venv failed: {made.stdout.strip().splitlines()[-1:]}")
    install(folder, [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check",
                     *packages])
    return folder / "bin"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_port(port, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"nothing listens on {port}") from None
            time.sleep(0.05)


def post(url, body='"abcdefghijklmnopqr"', seconds=10):
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return answer.status, answer.read()


def wait_ready(url, body, seconds=60):
    """Posts jobs until one comes back."""
    end = time.monotonic() + seconds
    while True:
        try:
            if post(url, body)[0] == 200:
                return
        except (OSError, urllib.error.URLError) as failed:
            if time.monotonic() > end:
                raise RuntimeError(f"no answer from {url}: {failed}") from None
            time.sleep(0.2)


class Processes:
    """Programs of one peer, each the head of a process group that is killed with it."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def start(self, name, command, listening=False, **options):
        """Starts a program, its output in a file; waits for "listening on URL" if that is said."""
        log = open(self.folder / f"{name}.log", "wb")
        environment = {**os.environ, **options.pop("env", {})}
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stderr=log, env=environment,
            stdout=subprocess.PIPE if listening else log, start_new_session=True, **options)
        log.close()
        process.label = name
        self.started.append(process)
        if listening:
            line = process.stdout.readline().decode()
            if not line.startswith("listening on "):
                raise RuntimeError(f"{name} did not start: {self.last_words(name)}")
            return line.removeprefix("listening on ").strip()
        return None

    def last_words(self, name):
        lines = (self.folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "it said nothing"

    def dead(self):
        return [f"{process.label}: {self.last_words(process.label)}"
                for process in self.started if process.poll() is not None]

    def pids(self):
        """All processes of the peer, with the label of their head."""
        heads = {process.pid: process.label for process in self.started}
        children = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(stat.parent.name))
        found, todo = {}, list(heads.items())
        while todo:
            pid, label = todo.pop()
            found[pid] = label
            todo += [(child, label) for child in children.get(pid, [])]
        return found

    def cpu(self):
        """Processor seconds used so far, with those of children that have ended."""
        used = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                used += sum(map(int, stat[11:15]))
        return used / TICKS

    def memory(self):
        """Proportional resident bytes by label, so that shared pages count once."""
        sizes = {}
        for pid, label in self.pids().items():
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                size = int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) * 1024
                sizes[label] = sizes.get(label, 0) + size
        return sizes

    def settle(self, seconds=10):
        """Waits until what a load has left behind is done."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = self.cpu()
            time.sleep(0.25)
            if self.cpu() - before <= 0.05:
                return

    def stop(self):
        for process in reversed(self.started):
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                try:
                    process.wait(10)
                    break
                except subprocess.TimeoutExpired:
                    continue
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left in its group
            if process.stdout:
                process.stdout.close()
        self.started.clear()


class Peer:
    """One row of the tables. A folder of bench/peers has a peer.py with a list PEERS of these."""
    name = title = durability = ""
    flushed = False        # an answer leaves only after a flush; shown in the charts
    limit = False          # not a competitor: what the machine can do at most
    needs = {}             # purpose in scripts/packages: the program it brings
    ready_body = '"abcdefghijklmnopqr"'
    connections_max = 1000
    holds = False          # can be asked to keep a job for a while: start(hold=True)
    slow_disk = False      # belongs in the table of the slow disk
    header = ""            # sent with each request, with a value of its own
    environment = {}       # of the programs that flush, for the slow disk

    def __init__(self, folder):
        self.folder = folder
        self.url = ""
        folder.mkdir(parents=True, exist_ok=True)
        self.processes = Processes(folder)

    def install(self):
        """Gets what is needed; raises Skip."""
        for name in self.needs.values():
            program(name)

    def version(self):
        return ""

    def start(self, hold=False):
        """Starts all programs and sets self.url."""
        raise NotImplementedError

    def ready(self, hold=False):
        wait_ready(self.url, "1" if hold else self.ready_body)

    def load(self, connections, seconds):
        """One closed loop; {"rate", "p50", "p99", "p999" in ms, "errors"}."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "--latency",
                   "-s", str(HERE / "post.lua"), self.url]
        command += ["--", self.header] if self.header else []
        made = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=seconds + 60)
        last = made.stdout.strip().splitlines()[-1:]
        if made.returncode or not last or not last[0].startswith("{"):
            raise RuntimeError(f"wrk failed: {made.stderr.strip()[-300:]}")
        return json.loads(last[0])

    # How a waiter asks (bench/waiters.py): the bytes it sends, and what an answer begins with.
    def request(self, milliseconds):
        host, _, path = self.url.removeprefix("http://").partition("/")
        body = str(milliseconds)
        return (f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    answer = b"HTTP/1.1 200"

    def port(self):
        return int(self.url.removeprefix("http://").partition("/")[0].rpartition(":")[2])

    def release(self):
        """Lets the waiters go, for peers that do not count milliseconds; true if it did."""
        return False

    def stop(self):
        self.processes.stop()
