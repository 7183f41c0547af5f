"""The servers of the bench as processes: each in a folder of its own, on a port of its own.

Seen of the S3 servers (services_test.py holds them to it): versitygw and SeaweedFS refuse a wrong
signature and a second conditional PUT (412), also of 40 times 16 at once and of multipart uploads;
moto does the latter but lets every signature pass. versitygw has no lifecycle rules (501). None answers
409 to a race. ElasticMQ and moto let every signature pass, too.
"""
import contextlib
import ctypes
import json
import pathlib
import random
import re
import signal
import socket
import subprocess
import time

import installs

PATIENCE_S = 60
KEY_ID, SECRET, REGION = "bide-test", "only-for-servers-on-loopback", "us-east-1"
REDIS_USER, REDIS_PASSWORD = "bide", "only-for-redis-on-loopback"


def die_with_parent():
    """In a child: it must not outlive a test that is killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def free_port():
    """A port for a server that cannot be told to take any. It lies below those that the kernel gives to
    clients: a server that is killed and started again finds it free, and nobody connects to himself."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as range_file:
        first = int(range_file.read().split()[0])
    while True:
        port = random.randrange(10000, max(first, 20000))
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """A process. `announces` finds its port in what it says; otherwise it gets one of free_port()."""

    name = ""
    announces = None
    scheme = "http"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.port, self.process = 0, None

    def command(self):
        raise NotImplementedError

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self):
        """Starts it, on the port it had if it ran before, and waits until it answers."""
        fixed, tries = self.port, 3
        while True:
            tries -= 1
            if not self.announces and not fixed:
                self.port = free_port()
            with open(self.log, "wb") as log:
                self.process = subprocess.Popen(
                    [str(part) for part in self.command()], stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, cwd=self.folder, preexec_fn=die_with_parent)
            end = time.monotonic() + PATIENCE_S
            while self.process.poll() is None and time.monotonic() < end:
                if self.ready():
                    return self
                time.sleep(0.02)
            self.stop()
            if not tries:  # else somebody may have taken the port meanwhile
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text(errors='replace')}")

    def ready(self):
        if self.announces:
            found = re.search(self.announces, self.log.read_text(errors="replace"))
            if found:
                self.port = int(found.group(1))
            return bool(found)
        with contextlib.suppress(OSError), contextlib.closing(
                socket.create_connection(("127.0.0.1", self.port), 1)):
            return True
        return False

    def stop(self):
        """At once: nothing here is kept."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


class ElasticMQ(Server):
    name = "elasticmq"
    announces = r"Started SQS rest server, bind address 127\.0\.0\.1:(\d+)"

    def __init__(self, folder):
        super().__init__(folder)
        self.java, self.classes = installs.program("java"), installs.elasticmq()
        # Host "*": a queue's URL names the host that the caller asked, so that it leads through a proxy.
        (self.folder / "elasticmq.conf").write_text("""
            include classpath("application.conf")
            node-address { protocol = http, host = "*", port = 0, context-path = "" }
            rest-sqs { enabled = true, bind-port = 0, bind-hostname = "127.0.0.1", sqs-limits = strict }
            rest-stats { enabled = false }
        """, encoding="utf-8")

    def command(self):
        return [self.java, "-Xmx2g", f"-Dconfig.file={self.folder / 'elasticmq.conf'}", "-cp", self.classes,
                "org.elasticmq.server.Main"]


class Moto(Server):
    """Serves SQS and S3 alike; closes every connection after its answer."""

    name = "moto"
    announces = r"Running on http://127\.0\.0\.1:(\d+)"

    def command(self):
        return [installs.python(), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]


class VersityGw(Server):
    name = "versitygw"

    def __init__(self, folder):
        super().__init__(folder)
        self.path = installs.versitygw()

    def command(self):
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        return [self.path, "--access", KEY_ID, "--secret", SECRET, "--region", REGION, "--keep-alive",
                "--quiet", "--port", f"127.0.0.1:{self.port}", "posix", data]


class SeaweedFs(Server):
    name = "seaweedfs"

    def __init__(self, folder):
        super().__init__(folder)
        self.path = installs.seaweedfs()
        allowed = {"identities": [{
            "name": "test", "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
        (self.folder / "s3.json").write_text(json.dumps(allowed), encoding="utf-8")

    def command(self):
        ports = [f"-{part}={free_port()}" for part in (
            "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
            "filer.port.grpc", "s3.port.grpc")]
        return [self.path, "server", f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
                f"-s3.port={self.port}", f"-s3.config={self.folder / 's3.json'}", "-s3.port.iceberg=0",
                "-s3.port.lance=0", "-volume.max=8", "-master.volumeSizeLimitMB=64",
                "-master.telemetry=false", *ports]

    def ready(self):
        return super().ready() and "Start Seaweed S3 API Server" in self.log.read_text(errors="replace")


class Redis(Server):
    """Nothing is kept on disk: killed, it has forgotten everything."""

    name = "redis"
    scheme = "redis"

    def __init__(self, folder):
        super().__init__(folder)
        self.path, self.client = installs.program("redis-server"), installs.program("redis-cli")

    def settings(self):
        return ["--port", self.port]

    def command(self):
        return [self.path, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder,
                "--maxclients", "10000", *self.settings()]

    def access(self):
        return []

    def cli(self, *words):
        """What redis-cli prints."""
        said = subprocess.run([self.client, "--no-auth-warning", "-h", "127.0.0.1", "-p", str(self.port),
                               *self.access(), *map(str, words)], capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)
        return (said.stdout or said.stderr).strip()

    def ready(self):
        return self.cli("PING") == "PONG"

    def variables(self, port):
        """What tells others how to reach it, at a port that leads there."""
        return {"BIDE_REDIS": f"redis://127.0.0.1:{port}"}


class TlsRedis(Redis):
    """Only over TLS, with a certificate of a CA of its own, and only for a user with a password."""

    scheme = "rediss"

    def __init__(self, folder):
        super().__init__(folder)
        make_certificates(self.folder)
        # The user may do what an application does; nobody else may do anything.
        (self.folder / "users.acl").write_text(
            f"user default off\nuser {REDIS_USER} on >{REDIS_PASSWORD} ~* &* +@all\n", encoding="utf-8")

    def settings(self):
        return ["--port", "0", "--tls-port", self.port, "--tls-cert-file", self.folder / "server.pem",
                "--tls-key-file", self.folder / "server.key", "--tls-ca-cert-file", self.folder / "ca.pem",
                "--tls-auth-clients", "no", "--aclfile", self.folder / "users.acl"]

    def access(self):
        return ["--tls", "--cacert", str(self.folder / "ca.pem"), "--user", REDIS_USER, "--pass", REDIS_PASSWORD]

    def variables(self, port):
        return {"BIDE_REDIS": f"rediss://{REDIS_USER}:{REDIS_PASSWORD}@127.0.0.1:{port}",
                "BIDE_REDIS_CA": str(self.folder / "ca.pem")}


def make_certificates(folder):
    """ca.pem, server.pem and server.key for 127.0.0.1 and localhost, by openssl."""
    openssl, quiet = installs.program("openssl"), {"check": True, "capture_output": True, "cwd": folder}
    new = [openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*new, "-x509", "-days", "2", "-subj", "/CN=bide tests", "-keyout", "ca.key", "-out",
                    "ca.pem"], **quiet)
    subprocess.run([*new, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"], **quiet)
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="utf-8")
    subprocess.run([openssl, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem"], **quiet)


SQS = {"elasticmq": ElasticMQ, "moto": Moto}
S3 = {"versitygw": VersityGw, "seaweedfs": SeaweedFs, "moto": Moto}
REDIS = {"plain": Redis, "tls": TlsRedis}
# The first of them that can be had here. moto needs only Python, but believes every signature.
ANY = {"sqs": ("elasticmq", "moto"), "s3": ("versitygw", "seaweedfs"), "redis": ("plain",)}
KINDS = {"sqs": SQS, "s3": S3, "redis": REDIS}


def make(service, name, folder):
    """An instance of the server `name` of "sqs", "s3" or "redis", not started yet."""
    whys = []
    for candidate in ANY[service] if name == "any" else (name,):
        try:
            return KINDS[service][candidate](folder)
        except installs.Missing as why:
            whys.append(str(why))
    raise installs.Missing("; ".join(whys))
