#!/usr/bin/env python3
"""The proxies of faults.py do what they are told, to a server that counts what reaches it."""
import collections
import concurrent.futures
import contextlib
import http.client
import http.server
import json
import pathlib
import socket
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import faults  # noqa: E402

PATIENCE_S = 30
LOST = (ConnectionError, http.client.HTTPException)


class Upstream(http.server.ThreadingHTTPServer):
    """Answers with what it was sent; GET of /hang waits until the client has gone."""

    request_queue_size = 64

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Transfer-Encoding"):
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            self.server.got[f"{self.command} {self.path}"] += 1
            if self.path == "/hang":
                with contextlib.suppress(ConnectionError):
                    self.connection.recv(1)
                self.server.left.append(self.path)
                self.close_connection = True
                return
            self.send_response(200)
            if self.path == "/chunked":
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in (body, body, b""):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                return
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = answer

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.got, self.left = collections.Counter(), []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_):
        pass


class Case(unittest.TestCase):
    service = "s3"

    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.server_close)
        self.addCleanup(self.upstream.shutdown)
        self.proxy = faults.Proxy(self.service, self.upstream.server_port, seed=7, ways=2)
        self.addCleanup(self.proxy.stop)

    def connect(self, timeout=PATIENCE_S):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=timeout)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, headers=None, connection=None):
        connection = connection or self.connect()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


class Requests(Case):
    def test_passes_on_what_no_rule_hits(self):
        connection, large = self.connect(), bytes(range(256)) * 8192
        self.assertEqual(self.ask("PUT", "/jobs/a", large, connection=connection), (200, large))
        self.assertEqual(self.ask("HEAD", "/jobs/a", connection=connection), (200, b""))
        self.assertEqual(self.ask("PUT", "/chunked", b"xyz", connection=connection), (200, b"xyzxyz"))
        chunks = iter([b"12", b"345"])
        self.assertEqual(self.ask("PUT", "/jobs/outgoing/q/b", b"hello", {"Expect": "100-continue"}, connection),
                         (200, b"hello"))
        connection.request("PUT", "/jobs/c", chunks, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        self.assertEqual(connection.getresponse().read(), b"12345")
        self.assertEqual(self.proxy.seen()["requests"], {"PUT": 3, "HEAD": 1, "PUT outgoing": 1})

    def test_errors(self):
        self.proxy.rules({"fault": "error", "error": "conflict", "match": "^PUT /jobs/outgoing/", "count": 1})
        connection = self.connect()
        status, body = self.ask("PUT", "/jobs/outgoing/q/1", b"x", connection=connection)
        self.assertEqual(status, 409)
        self.assertIn(b"<Code>ConditionalRequestConflict</Code>", body)
        self.assertEqual(self.ask("PUT", "/jobs/outgoing/q/1", b"x", connection=connection), (200, b"x"))
        self.assertEqual(self.upstream.got["PUT /jobs/outgoing/q/1"], 1)
        self.assertEqual(self.proxy.seen()["faults"], {"conflict": 1})

    def test_cut_before(self):
        self.proxy.rules({"fault": "cut_before"})
        with self.assertRaises(LOST):
            self.ask("PUT", "/jobs/a", b"x")
        self.assertEqual(self.upstream.got["PUT /jobs/a"], 0)

    def test_cut_after(self):
        self.proxy.rules({"fault": "cut_after"})
        with self.assertRaises(LOST):
            self.ask("PUT", "/jobs/a", b"x")
        self.assertEqual(self.upstream.got["PUT /jobs/a"], 1)

    def test_cut_half(self):
        self.proxy.rules({"fault": "cut_half"})
        with self.assertRaises(http.client.IncompleteRead) as lost:
            self.ask("PUT", "/jobs/a", b"x" * 1000)
        self.assertEqual(len(lost.exception.partial), 500)

    def test_twice(self):
        self.proxy.rules({"fault": "twice", "match": "^PUT"})
        self.assertEqual(self.ask("PUT", "/jobs/a", b"once"), (200, b"once"))
        self.assertEqual(self.upstream.got["PUT /jobs/a"], 2)

    def test_delay(self):
        self.proxy.rules({"fault": "delay", "seconds": [0.2, 0.3]})
        before = time.monotonic()
        self.ask("PUT", "/jobs/a", b"x")
        self.assertGreaterEqual(time.monotonic() - before, 0.2)

    def test_drip(self):
        self.proxy.rules({"fault": "drip", "seconds": [0.2, 0.3]})
        before, connection = time.monotonic(), self.connect()
        for body in (b"x" * 100_000, b"x"):
            self.assertEqual(self.ask("PUT", "/jobs/a", body, connection=connection), (200, body))
        self.assertGreaterEqual(time.monotonic() - before, 0.3)

    def test_chance_follows_the_seed(self):
        fates = []
        for _ in range(2):
            proxy = faults.Proxy("s3", self.upstream.server_port, seed=11)
            self.addCleanup(proxy.stop)
            proxy.rules({"fault": "error", "error": "throttled", "share": 0.5})
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE_S)
            self.addCleanup(connection.close)
            fates.append([self.ask("GET", "/jobs/a", connection=connection)[0] for _ in range(64)])
        self.assertEqual(fates[0], fates[1])
        self.assertEqual(set(fates[0]), {200, 503})

    def test_rules_that_make_no_sense(self):
        for rule in ({"fault": "fire"}, {"fault": "error", "error": "no_such"}, {"fault": "delay"},
                     {"fault": "twice", "often": 1},
                     {"fault": "twice", "match": "("}):
            with self.assertRaises(ValueError):
                self.proxy.rules(rule)

    def test_server_notices_that_the_client_has_gone(self):
        connection = self.connect()
        connection.request("GET", "/hang")
        while not self.upstream.got["GET /hang"]:
            time.sleep(0.01)
        connection.close()
        end = time.monotonic() + PATIENCE_S
        while not self.upstream.left:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)


class Queues(Case):
    service = "sqs"

    def test_errors(self):
        self.proxy.rules({"fault": "error", "error": "throttled", "match": "^SendMessage"})
        headers = {"X-Amz-Target": "AmazonSQS.SendMessageBatch"}
        status, body = self.ask("POST", "/", b"{}", headers)
        self.assertEqual((status, json.loads(body)["__type"].rpartition("#")[2]), (400, "ThrottlingException"))
        self.assertEqual(self.ask("POST", "/", b"{}", {"X-Amz-Target": "AmazonSQS.ReceiveMessage"})[0], 200)
        self.assertEqual(self.proxy.seen()["requests"], {"SendMessageBatch": 1, "ReceiveMessage": 1})


class Links(Case):
    """The same for both kinds of proxies."""

    service = "tcp"

    def test_refuse_and_open(self):
        connection = self.connect()
        self.assertEqual(self.ask("PUT", "/a", b"x", connection=connection)[0], 200)
        self.proxy.link("refuse")
        with self.assertRaises(LOST):
            self.ask("PUT", "/a", b"x", connection=connection)
        with self.assertRaises(ConnectionRefusedError):
            self.ask("PUT", "/a", b"x")
        self.proxy.link("open")
        self.assertEqual(self.ask("PUT", "/a", b"x"), (200, b"x"))

    def test_one_of_two_ways_refuses(self):
        self.proxy.link("refuse", 1)
        self.assertEqual(self.ask("PUT", "/a", b"x"), (200, b"x"))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.proxy.ports[1]), PATIENCE_S)
        with self.assertRaises(ValueError):
            self.proxy.link("refuse", 2)

    def test_cut(self):
        connection = self.connect()
        self.ask("PUT", "/a", b"x", connection=connection)
        self.proxy.link("cut")
        with self.assertRaises(LOST):
            self.ask("PUT", "/a", b"x", connection=connection)
        self.assertEqual(self.ask("PUT", "/a", b"x"), (200, b"x"))

    def test_stall(self):
        for mode, arrives in (("stall_up", 0), ("stall_down", 1)):
            with self.subTest(mode), concurrent.futures.ThreadPoolExecutor(1) as pool:
                self.proxy.link(mode)
                path = f"/{mode}"
                with self.assertRaises(socket.timeout):
                    self.ask("PUT", path, b"x", connection=self.connect(timeout=0.5))
                self.assertEqual(self.upstream.got[f"PUT {path}"], arrives)
                late = pool.submit(self.ask, "PUT", f"{path}/late", b"x")
                self.proxy.link("open")
                self.assertEqual(late.result(PATIENCE_S), (200, b"x"))

    def test_end_of_a_side_passes(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), PATIENCE_S) as own:
            own.sendall(b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
            own.shutdown(socket.SHUT_WR)
            got = b""
            while part := own.recv(4096):
                got += part
        self.assertTrue(got.endswith(b"\r\n\r\nx"), got)


class HttpLinks(Links):
    service = "s3"
    test_end_of_a_side_passes = None  # taken for a hang-up


if __name__ == "__main__":
    unittest.main()
