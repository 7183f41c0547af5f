#!/usr/bin/env python3
"""The zip of scripts/package runs where there is nothing but a kernel: its program in an empty root,
in a network of its own, where a name server and a TLS server of this test are all there is.

    tests/packaging/static_test.py FOLDER [TEST...]

Makes the zip, in FOLDER, first. Exit status 77: this user may not change the root.
"""
import contextlib
import fcntl
import http.server
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request
import zipfile

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
INSIDE = "BIDE_TEST_INSIDE"  # set: in the network of its own
NAME = "target.test"


def make_certificates():
    """A CA and a certificate for NAME; the CA where --add wants it."""
    certs = FOLDER / "added/certs"
    shutil.rmtree(FOLDER, ignore_errors=True)
    certs.mkdir(parents=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for command in (
        ["req", "-x509", *key, "-subj", "/CN=CA of a test", "-keyout", FOLDER / "ca.key", "-out", certs / "ca.pem"],
        ["req", "-x509", *key, "-subj", "/CN=" + NAME, "-addext", "subjectAltName=DNS:" + NAME,
         "-addext", "basicConstraints=critical,CA:FALSE", "-CA", certs / "ca.pem", "-CAkey", FOLDER / "ca.key",
         "-keyout", FOLDER / "key.pem", "-out", FOLDER / "cert.pem"],
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True)


def make_zips():
    """Twice that of the functions, and the one with all commands."""
    make_certificates()
    for name, target in (("functions", "bide-function"), ("again", "bide-function"), ("commands", "bide")):
        subprocess.run([TOP / "scripts/package", "lambda", "--target", target, "--add", FOLDER / "added",
                        "--output", FOLDER / f"{name}.zip"], check=True)
    if (FOLDER / "functions.zip").read_bytes() != (FOLDER / "again.zip").read_bytes():
        sys.exit("the zip was made twice and is not the same")


def enter_own_network():
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", *as_root, "--net"]
    if subprocess.run([*command, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        print("skipped: this user may not change the root and the network of a process")
        sys.exit(77)
    make_zips()
    os.execvpe(command[0], [*command, sys.executable, *sys.argv], {**os.environ, INSIDE: "yes"})


def start_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 1)  # IFF_UP
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


class NameServer(threading.Thread):
    """Knows that NAME is 127.0.0.1, and nothing else."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))

    def run(self):
        while True:
            query, sender = self.socket.recvfrom(512)
            end = query.index(0, 12) + 5
            known = query[12:end - 4] == b"".join(
                bytes([len(label)]) + label.encode() for label in [*NAME.split("."), ""])
            has_address = known and query[end - 4:end - 2] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if has_address else b""
            self.socket.sendto(
                query[:2] + bytes([0x85, 0x80 if known else 0x83, 0, 1, 0, int(has_address), 0, 0, 0, 0])
                + query[12:end] + answer, sender)


class Target(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))[::-1]
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Some clients shall not trust it."""


def tls_target():
    server = Server(("127.0.0.1", 0), Target)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "cert.pem", FOLDER / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://{NAME}:{server.server_port}/"


class EmptyRoot(unittest.TestCase):
    """A root directory with the unpacked zip and a place to write, and no more."""

    zip = ""

    @classmethod
    def setUpClass(cls):
        if not hasattr(EmptyRoot, "target"):
            start_loopback()
            NameServer().start()
            EmptyRoot.target = tls_target()

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bide-empty-root-")))
        (self.root / "tmp").mkdir()
        with zipfile.ZipFile(FOLDER / self.zip) as archive:
            archive.extractall(self.root / "task")
        (self.root / "task/bootstrap").chmod(0o755)  # extractall leaves modes out

    def start(self, *args, variables=(), **others):
        def enter():
            os.chroot(self.root)
            os.chdir("/")
        process = subprocess.Popen(
            ["/task/bootstrap", *args], env=dict(variables), text=True, preexec_fn=enter, **others)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process


class Commands(EmptyRoot):
    zip = "commands.zip"

    def serve(self, *args, **variables):
        """Starts `bide serve`; its URL."""
        process = self.start("serve", "--listen", "127.0.0.1:0", "--data", "/tmp/data", *args, variables=variables,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(process.stdout.close)
        line = process.stdout.readline()
        self.assertTrue(line.startswith("listening on "), line)
        return line.removeprefix("listening on ").strip()

    def forward(self, url, **variables):
        """The status and the answer to a job that is forwarded to the URL."""
        (self.root / "tmp/bide.toml").write_text(
            f'[queues.far]\nhttp = "{url}"\nattempts = 1\nhttp_connect_timeout = "20s"\n', encoding="utf-8")
        request = urllib.request.Request(self.serve("--config", "/tmp/bide.toml", **variables), b"abc")
        with contextlib.closing(self.open(request)) as answer:
            return answer.status, answer.read().decode()

    @staticmethod
    def open(request):
        try:
            return urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            return error

    def test_the_program_starts(self):
        process = self.start("--version", stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.assertRegex(process.stdout.read(), r"^bide \d+\.\d+\.\d+\n$")
        self.assertEqual(process.wait(), 0)

    def test_it_serves(self):
        answer = self.open(urllib.request.Request(self.serve("--native", "echo"), b"hello"))
        self.assertEqual((answer.status, answer.read()), (200, b"hello"))

    def test_it_resolves_names_and_trusts_the_certificates_of_the_zip(self):
        (self.root / "etc").mkdir()
        (self.root / "lib").mkdir()
        # A source of names that needs a library, as distributions set it up. Who tries to load it, waits.
        (self.root / "etc/nsswitch.conf").write_text("hosts: myhostname files dns\n")
        os.mkfifo(self.root / "lib/libnss_myhostname.so.2")
        self.assertEqual(self.forward(self.target, LAMBDA_TASK_ROOT="/task"), (200, "cba"))

    def test_it_reads_hosts(self):
        (self.root / "etc").mkdir()
        (self.root / "etc/hosts").write_text(f"127.0.0.1 {NAME}\n")
        (self.root / "etc/resolv.conf").write_text("nameserver 127.0.0.2\n")
        self.assertEqual(self.forward(self.target, LAMBDA_TASK_ROOT="/task"), (200, "cba"))

    def test_it_says_that_a_name_is_unknown(self):
        status, answer = self.forward("https://nowhere.test/", LAMBDA_TASK_ROOT="/task")
        self.assertEqual(status, 502)
        self.assertIn("nowhere.test", json.loads(answer)["detail"])
        self.assertIn("Host not found", json.loads(answer)["detail"])

    def test_it_finds_a_distributions_certificates(self):
        bundle = self.root / "etc/pki/tls/certs/ca-bundle.crt"
        bundle.parent.mkdir(parents=True)
        shutil.copy(FOLDER / "added/certs/ca.pem", bundle)
        self.assertEqual(self.forward(self.target), (200, "cba"))

    def test_it_says_that_there_are_no_certificates(self):
        status, answer = self.forward(self.target)
        self.assertEqual(status, 502)
        self.assertIn("this system has no CA certificates", json.loads(answer)["detail"])


CONFIG = f"""
[server]
anonymous = true
[aws]
bucket = "jobs"
redis = "rediss://{NAME}:1"
[queues.speak]
sqs = "https://{NAME}:2/1/speak"
dead_letters = "https://{NAME}:2/1/dead"
native = "echo"
"""


class Functions(EmptyRoot):
    zip = "functions.zip"

    def test_the_zip_is_small(self):
        self.assertLess((FOLDER / self.zip).stat().st_size, 5 << 20)

    def test_each_asks_for_an_invocation(self):
        for role in ("front", "worker", "dead-letter"):
            with self.subTest(role), socket.create_server(("127.0.0.1", 0)) as server:
                server.settimeout(30)
                process = self.start(variables={
                    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % server.getsockname()[1], "_HANDLER": role,
                    "LAMBDA_TASK_ROOT": "/task", "BIDE_TOML": CONFIG, "AWS_REGION": "eu-central-1",
                    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                    "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": f"https://{NAME}:2",
                }, stderr=subprocess.DEVNULL)
                with server.accept()[0] as connection:
                    self.assertTrue(connection.recv(65536).startswith(b"GET /2018-06-01/runtime/invocation/next "))
                    self.assertIsNone(process.poll())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if INSIDE not in os.environ:
        enter_own_network()
    del sys.argv[1]
    unittest.main()
