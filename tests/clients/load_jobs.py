"""Load generators: no request may fail, in their own opinion."""
import os
import tempfile
import unittest

from served import need, run


class Wrk(unittest.TestCase):
    server = None

    def script(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".lua")
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return file.name

    def wrk(self, script, *arguments):
        done = run("wrk", "-t1", "-c64", "-d2", *arguments, "-s", self.script(script),
                   self.server.url)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("Non-2xx", text)
        self.assertNotIn("Socket errors", text)
        self.assertRegex(text, r"[1-9]\d* requests in")

    def test_post(self):
        self.wrk('wrk.method = "POST"\nwrk.body = "12345678901234567890"\n')

    def test_pipelined(self):
        self.wrk('local one\nfunction init()\none = wrk.format("POST", "/", {}, "x")\nend\n'
                 "function request() return one .. one .. one .. one end\n")

    def test_waiting(self):
        self.wrk('wrk.method = "POST"\nwrk.path = "/queues/sleep/jobs"\nwrk.body = "20"\n')


class Ab(unittest.TestCase):
    server = None

    def ab(self, *arguments, body=b"hello", target="/"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            done = run("ab", "-q", "-p", file.name, "-T", "text/plain", *arguments,
                       self.server.url + target, env=dict(os.environ, PATH=os.environ["PATH"]))
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(text, r"Failed requests:\s+0\n")
        self.assertNotIn("Non-2xx", text)
        return text

    def test_a_connection_each(self):
        self.ab("-n", "1000", "-c", "50")

    def test_kept_connections(self):
        text = self.ab("-n", "2000", "-c", "50", "-k")
        self.assertRegex(text, r"Keep-Alive requests:\s+2000\n")

    def test_waiting(self):
        self.ab("-n", "200", "-c", "100", body=b"50", target="/queues/sleep/jobs")


def prepare(client, server, _build):
    need(client)
    case = {"wrk": Wrk, "ab": Ab}[client]
    case.server = server
    return case
