"""HTTP/2 by the book (h2spec, built from the Go module proxy below the build directory) and many
requests on few connections (nghttp2's h2load)."""
import os
import re
import unittest

import served
from served import Skip, need, run

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"
UNREACHABLE = r"(?i)dial tcp|timeout|no such host|unreachable|proxy|connection"

# In clear a connection that does not begin with the preface is one of HTTP/1.1, and is ended as one:
# with 400 in HTTP/1.1's words, which h2spec cannot read. RFC 9113, 3.4 lets GOAWAY be omitted there,
# "since an invalid preface indicates that the peer is not using HTTP/2". Over TLS there is no doubt,
# and no exception.
IN_CLEAR = {"Sends invalid connection preface"}


class H2spec(unittest.TestCase):
    server = None
    program = None
    build = None

    def check(self, port, *options, known=frozenset()):
        done = run(self.program, "--strict", "-h", "127.0.0.1", "-p", port, "--timeout", "10",
                   *options)
        text = done.stdout.decode()
        counts = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", text)
        self.assertIsNotNone(counts, text + done.stderr.decode())
        tests, passed, skipped, _ = map(int, counts.groups())
        self.assertGreaterEqual(tests, 146)
        self.assertEqual(skipped, 0, text)
        self.assertEqual(set(re.findall(r"× \d+: (.*?)\s*$", text, re.M)) - known, set(), text)
        self.assertEqual(passed, tests - len(known), text)

    def test_in_clear(self):
        self.check(self.server.port, known=IN_CLEAR)

    def test_over_tls(self):
        pair = [self.server.path / name for name in ("cert.pem", "key.pem")]
        made = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                   "-out", pair[0], "-keyout", pair[1])
        self.assertEqual(made.returncode, 0, made.stderr)
        server = served.Server(self.build, f'tls_cert = "{pair[0]}"\ntls_key = "{pair[1]}"\n')
        try:
            self.check(server.port, "--tls", "--insecure")
        finally:
            server.stop()


class H2load(unittest.TestCase):
    server = None

    def h2load(self, page, body, requests):
        file = self.server.path / "h2load-body"
        file.write_text(body, encoding="ascii")
        done = run("h2load", "-n", requests, "-c", 10, "-m", 100, "-d", file,
                   self.server.url + page)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        self.assertIn(f"{requests} succeeded, 0 failed, 0 errored, 0 timeout", text)
        self.assertIn(f"status codes: {requests} 2xx", text)

    def test_post(self):
        self.h2load("/", "12345678901234567890", 20000)

    def test_waiting(self):
        self.h2load("/queues/sleep/jobs", "50", 5000)


def build_h2spec(folder):
    program = folder / "h2spec"
    if program.exists():
        return program
    go = need("go")
    environment = dict(os.environ, GOBIN=str(folder), GOFLAGS="-modcacherw")
    said = run(go, "install", H2SPEC, env=environment)
    if said.returncode != 0:
        text = said.stderr.decode()
        if re.search(UNREACHABLE, text):
            raise Skip("the module proxy cannot be reached")
        raise RuntimeError(text)
    return program


def prepare(client, server, build):
    case = {"h2spec": H2spec, "h2load": H2load}[client]
    case.server = server
    if client == "h2load":
        need("h2load")
    else:
        case.build = build
        case.program = build_h2spec(build / "clients-go")
    return case
