#!/usr/bin/env python3
"""How a function's process starts, and ends.

    tests/functions/process_test.py BIDE [unittest's arguments]

Lambda is a socket here: what the process asks is read, and what it is answered is written out.
"""
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PATIENCE_S = 60
FROZEN_S = 5.5  # more than what is taken for a freeze, less than idle connections are kept anyway
BIDE = sys.argv[1] if len(sys.argv) > 1 else ""

CONFIG = """
[server]
anonymous = true
[aws]
bucket = "jobs"
redis = "redis://127.0.0.1:9"
[queues.echo]
sqs = "http://127.0.0.1:9/1/echo"
dead_letters = "http://127.0.0.1:9/1/dead"
native = "echo"
"""


def event(body, headers=""):
    return (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


class Process(unittest.TestCase):
    def setUp(self):
        self.calls = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(PATIENCE_S)
        self.addCleanup(self.server.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.variables = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % self.server.getsockname()[1],
            "_HANDLER": "front",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "BIDE_DATA": folder.name,
            "BIDE_TOML": CONFIG,
        }

    def start(self, **variables):
        self.process = subprocess.Popen(
            [BIDE], env={**self.variables, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.process.communicate)
        self.addCleanup(self.process.kill)

    def request(self, connection=None):
        """A connection, the head and the body of the request on it."""
        if connection is None:
            connection, _ = self.server.accept()
            self.addCleanup(connection.close)
            connection.settimeout(PATIENCE_S)
        said = b""
        while b"\r\n\r\n" not in said:
            piece = connection.recv(65536)
            self.assertTrue(piece, said)
            said += piece
        head, _, body = said.partition(b"\r\n\r\n")
        sizes = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while sizes and len(body) < sizes[0]:
            body += connection.recv(65536)
        return connection, head.decode(), body

    def next(self, connection=None):
        connection, head, _ = self.request(connection)
        self.assertTrue(head.startswith("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"), head)
        return connection

    def refusal(self, **variables):
        """What it tells Lambda in place of asking; it ends with 1 then."""
        self.start(**variables)
        connection, head, body = self.request()
        self.assertTrue(head.startswith("POST /2018-06-01/runtime/init/error HTTP/1.1\r\n"), head)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.process.wait(PATIENCE_S), 1)
        said = json.loads(body)
        self.assertIn(f"Lambda-Runtime-Function-Error-Type: {said['errorType']}", head)
        return said["errorType"], said["errorMessage"]

    def test_says_why_it_cannot_start(self):
        kind, why = self.refusal(_HANDLER="index.handler")
        self.assertEqual(kind, "Runtime.ConfigInvalid")
        self.assertIn('"front", "worker" or "dead-letter", not "index.handler"', why)
        kind, why = self.refusal(BIDE_TOML=CONFIG + 'timout = "3s"\n')
        self.assertEqual(kind, "Runtime.ConfigInvalid")
        self.assertIn('BIDE_TOML:11: unknown key "timout"; did you mean "timeout"?', why)
        kind, why = self.refusal(BIDE_TOML=CONFIG.replace("anonymous = true", ""))
        self.assertEqual(kind, "Runtime.ConfigInvalid")
        self.assertIn("anonymous = true", why)
        kind, why = self.refusal(AWS_REGION="", BIDE_TOML=CONFIG)
        self.assertIn("region", why)

    def test_ends_within_lambdas_time(self):
        for role in ("front", "worker", "dead-letter"):
            with self.subTest(role):
                self.start(_HANDLER=role)
                self.next()
                before = time.monotonic()
                self.process.send_signal(signal.SIGTERM)
                self.assertEqual(self.process.wait(PATIENCE_S), 0)
                self.assertLess(time.monotonic() - before, 0.5)

    def test_ends_when_lambda_wants_it(self):
        self.start()
        self.next().sendall(b"HTTP/1.1 500 Gone\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.process.wait(PATIENCE_S), 1)
        self.assertIn(b"500", self.process.stderr.read())

    def call(self, connection, method, path, body=""):
        """Hands an HTTP request out on the connection that waits for one."""
        self.calls += 1
        request = {
            "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {"host": "h"},
            "requestContext": {"domainName": "x.lambda-url.eu-central-1.on.aws", "stage": "$default",
                               "http": {"method": method, "path": path, "sourceIp": "1.2.3.4"}},
            "body": body, "isBase64Encoded": False,
        }
        connection.sendall(event(json.dumps(request), f"Lambda-Runtime-Aws-Request-Id: a-{self.calls}\r\n"
                                 f"Lambda-Runtime-Deadline-Ms: {int((time.time() + 60) * 1000)}\r\n"))

    def services(self):
        """The address of SQS and S3, which are whoever accepts here."""
        services = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(services.close)
        services.settimeout(PATIENCE_S)
        return services, {"AWS_ENDPOINT_URL": "http://127.0.0.1:%d" % services.getsockname()[1]}

    def test_an_invocation_under_way_does_not_hold_the_end_up(self):
        services, variables = self.services()
        self.start(**variables)
        self.call(self.next(), "POST", "/queues/echo/jobs", "hi")
        connection, _ = services.accept()
        self.addCleanup(connection.close)
        self.assertIn(b"AmazonSQS.SendMessage", connection.recv(65536))
        before = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        self.assertLess(time.monotonic() - before, 0.5)

    def look_up(self, services, connections):
        """One GET of a job that nobody knows. `connections`: those that stand, by the socket that took
        them. Returns for each request to S3 whether it came on a new one."""
        asked, done = [], False
        self.call(self.asking, "GET", "/jobs/7e2a2c1c-5b5d-4c43-9b4a-0d1f6c6b3f11")
        new = set()
        while not done:
            sockets = [services, self.server, *connections]
            ready = select.select(sockets, [], [], PATIENCE_S)[0]
            self.assertTrue(ready)
            for one in ready:
                if one in (services, self.server):
                    connection, _ = one.accept()
                    self.addCleanup(connection.close)
                    connections[connection] = one
                    new.add(connection)
                elif not one.recv(1, socket.MSG_PEEK):
                    del connections[one]
                elif connections[one] is services:
                    self.request(one)
                    asked.append(one in new)
                    one.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                else:
                    _, head, body = self.request(one)
                    self.assertIn("/response HTTP/1.1", head)
                    self.assertEqual(json.loads(body)["statusCode"], 404)
                    one.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                    done = True
        self.next(self.asking)
        return asked

    def test_thawed_it_uses_no_connection_from_before(self):
        services, variables = self.services()
        self.start(**variables)
        self.asking, connections = self.next(), {}
        self.assertIn(True, self.look_up(services, connections))
        self.assertNotIn(True, self.look_up(services, connections))
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(FROZEN_S)
        self.process.send_signal(signal.SIGCONT)
        self.assertNotIn(False, self.look_up(services, connections))


if __name__ == "__main__":
    if not BIDE:
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
