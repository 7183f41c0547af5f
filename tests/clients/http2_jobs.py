"""HTTP/2 by the book (h2spec, built from the Go module proxy below the build directory) and many
requests on few connections (nghttp2's h2load)."""
import os
import re
import unittest

from served import Skip, need, run

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"
UNREACHABLE = r"(?i)dial tcp|timeout|no such host|unreachable|proxy|connection"

# What nghttp2 does otherwise, and why it may: without a memory of closed streams (a closed one costs
# as much as an open one) frames on them are ignored, as RFC 9113, 5.1 allows for a time that it
# does not bound, and priorities of RFC 7540 are gone from RFC 9113. In clear the first case is
# answered in HTTP/1.1, which the client may have meant.
KNOWN = {
    "Sends invalid connection preface",
    "closed: Sends a DATA frame after sending RST_STREAM frame",
    "closed: Sends a HEADERS frame after sending RST_STREAM frame",
    "closed: Sends a DATA frame",
    "closed: Sends a HEADERS frame",
    "Sends stream identifier that is numerically smaller than previous",
    "Sends a WINDOW_UPDATE frame with a flow control window increment of 0 on a stream",
    "Sends PRIORITY frame that depend on itself",
    "Sends a PRIORITY frame with 0x0 stream identifier",
}


class H2spec(unittest.TestCase):
    server = None
    program = None

    def test_all(self):
        done = run(self.program, "-h", "127.0.0.1", "-p", self.server.port, "--timeout", "2")
        text = done.stdout.decode()
        counts = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", text)
        self.assertIsNotNone(counts, text + done.stderr.decode())
        self.assertGreaterEqual(int(counts[2]), 130)
        failed = set(re.findall(r"× \d+: (.*?)\s*$", text, re.M))
        self.assertEqual(failed - KNOWN, set(), text)


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
        case.program = build_h2spec(build / "clients-go")
    return case
