"""curl, as people type it."""
import json
import tempfile
import pathlib
import unittest

from served import Skip, ask, eventually, fresh_page, need, pattern, run, state_of


class Curl(unittest.TestCase):
    server = None
    version = "--http1.1"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.url = self.server.url

    def curl(self, *arguments, status=0):
        done = run("curl", "-sS", self.version, *arguments)
        self.assertEqual(done.returncode, status, (done.stderr + done.stdout)[:2000])
        return done.stdout

    def file(self, data, name="body"):
        (self.path / name).write_bytes(data)
        return self.path / name

    def test_post(self):
        self.assertEqual(self.curl("-d", "hello", self.url + "/"), b"hello")

    def test_http_1_0(self):
        self.assertEqual(self.curl("--http1.0", "-d", "old", self.url + "/"), b"old")
        self.assertEqual(self.curl("--http1.0", "-d", "900", self.url + "/queues/sleep/jobs"), b"900")

    def test_binary_body(self):
        data = bytes(range(256)) * 40
        self.assertEqual(
            self.curl("--data-binary", f"@{self.file(data)}", self.url + "/queues/cat/jobs"), data)

    def test_redirects_are_followed_to_the_result_of_a_job_longer_than_any_wait(self):
        facts = self.curl("-L", "-d", "3500", "-H", "Prefer: wait=1, at-limit=redirect",
                          "-w", "\n%{http_code} %{num_redirects}", self.url + "/queues/sleep/jobs")
        body, numbers = facts.decode().split("\n")
        status, redirects = map(int, numbers.split())
        self.assertEqual((body, status), ("3500", 200))
        self.assertGreaterEqual(redirects, 3)

    def test_upload_of_a_file_by_put(self):
        data = pattern(3_000_000)
        page = fresh_page()
        got = self.curl("-T", self.file(data), f"{self.url}{page}?queue=cat")
        self.assertEqual(got, data)
        self.assertEqual(state_of(self.url, page), "succeeded")

    def test_upload_from_a_pipe_is_chunked(self):
        data = pattern(500_000)
        done = run("curl", "-sS", self.version, "-X", "POST", "-T", "-", self.url + "/queues/cat/jobs", input=data)
        self.assertEqual(done.stdout, data)

    def test_slow_upload_and_download(self):
        data = pattern(600_000)
        got = self.curl("--limit-rate", "400k", "--data-binary", f"@{self.file(data)}",
                        self.url + "/queues/cat/jobs")
        self.assertEqual(got, data)

    def test_expect_continue(self):
        data = pattern(2_000_000)
        done = run("curl", "-sSv", self.version, "-H", "Expect: 100-continue", "--data-binary",
                   f"@{self.file(data)}", self.url + "/queues/cat/jobs")
        self.assertEqual(done.stdout, data)
        self.assertRegex(done.stderr, rb"< HTTP/(1.1|2) 100 ")

    def test_too_large_is_refused_before_it_is_sent(self):
        big = self.path / "big"
        with open(big, "wb") as file:
            file.truncate(70 << 20)
        done = run("curl", "-sS", self.version, "-H", "Expect: 100-continue", "--data-binary", f"@{big}",
                   "-w", "\n%{http_code} %{size_upload}", self.url + "/")
        status, sent = map(int, done.stdout.decode().rsplit("\n", 1)[1].split())
        self.assertEqual(status, 413)
        self.assertEqual(sent, 0)

    def test_broken_download_is_resumed(self):
        data = pattern(2_000_000)
        _, headers, _ = ask(self.url, "POST", "/queues/cat/jobs", data)
        result = self.url + headers["Content-Location"]
        file = self.path / "part"
        file.write_bytes(data[:700_000])
        self.curl("-C", "-", "-o", file, result)
        self.assertEqual(file.read_bytes(), data)

    def test_etag_saves_a_second_download(self):
        _, headers, _ = ask(self.url, "POST", "/", b"cached")
        result, tag = self.url + headers["Content-Location"], self.path / "etag"
        self.assertEqual(self.curl("--etag-save", tag, result), b"cached")
        facts = self.curl("--etag-compare", tag, "-w", "%{http_code}", result)
        self.assertEqual(facts, b"304")

    def test_compressed_does_no_harm(self):
        self.assertEqual(self.curl("--compressed", "-d", "plain", self.url + "/"), b"plain")

    def test_failure_with_its_body(self):
        done = run("curl", "-sS", self.version, "--fail-with-body", "-d", "x", self.url + "/queues/refuse/jobs")
        self.assertEqual(done.returncode, 22)
        self.assertIn(b"handler-rejected", done.stdout)

    def test_head(self):
        self.assertRegex(self.curl("-I", self.url + "/healthz"), rb"^HTTP/(1.1|2) 200")

    def test_retry_heeds_retry_after(self):
        _, headers, _ = ask(self.url, "POST", "/queues/lane/jobs", b"1500",
                            {"Prefer": "respond-async"})
        got = self.curl("--retry", "10", "-d", "1", self.url + "/queues/lane/jobs")
        self.assertTrue(got.endswith(b"1"), got)
        self.assertEqual(state_of(self.url, headers["Location"]), "succeeded")

    def test_retry_with_a_key_makes_one_job(self):
        answers = [self.curl("-D", "-", "-o", "/dev/null", "-H", "Idempotency-Key: from-curl",
                             "-d", "once", self.url + "/") for _ in range(2)]
        ids = {line for answer in answers for line in answer.split(b"\r\n")
               if line.lower().startswith(b"bide-job-id")}
        self.assertEqual(len(ids), 1)
        self.assertIn(b"bide-replayed: true", answers[1].lower())

    def test_events_are_shown_as_they_come(self):
        text = self.curl("-N", "-H", "Accept: text/event-stream", "-d", "x",
                         self.url + "/queues/steps/jobs").decode()
        for event in ("accepted", "attempt", "progress", "result"):
            self.assertIn(f"event: {event}\n", text)

    def test_batch(self):
        items = "".join(json.dumps({"body": str(i)}) + "\n" for i in range(100)).encode()
        text = self.curl("-H", "Content-Type: application/x-ndjson", "--data-binary",
                         f"@{self.file(items)}", self.url + "/batches")
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertIn("batch", lines[0])
        self.assertEqual(lines[-1]["summary"]["succeeded"], 100)
        self.assertEqual(sorted(int(line["body"]) for line in lines[1:-1]), list(range(100)))

    def test_many_at_once(self):
        done = run("curl", "-sS", self.version, "-Z", "--parallel-max", "50", "-d", "100",
                   *[self.url + "/queues/sleep/jobs"] * 200)
        self.assertEqual(done.stdout, b"100" * 200, done.stderr)

    def test_hanging_up_cancels_when_asked(self):
        page = fresh_page()
        body = self.file(b"60000")
        done = run("curl", "-sS", self.version, "-m", "1", "-H", "Bide-On-Disconnect: cancel", "-T", body,
                   f"{self.url}{page}?queue=sleep")
        self.assertEqual(done.returncode, 28)
        self.assertTrue(eventually(lambda: state_of(self.url, page) == "cancelled"))


class CurlHttp2(Curl):
    """The same over one version that both sides know of beforehand."""
    version = "--http2-prior-knowledge"

    test_http_1_0 = None
    # curl 7.88 cannot use a connection of this kind a second time in one run.
    test_redirects_are_followed_to_the_result_of_a_job_longer_than_any_wait = None
    test_retry_heeds_retry_after = None
    test_many_at_once = None

    def test_version_and_names(self):
        text = self.curl("-i", "-d", "x", self.url + "/")
        self.assertTrue(text.startswith(b"HTTP/2 200"), text)
        head = text.split(b"\r\n\r\n")[0]
        names = [line.split(b":")[0] for line in head.split(b"\r\n")[1:]]
        self.assertEqual(names, [name.lower() for name in names])
        self.assertIn(b"content-length", names)
        self.assertNotIn(b"connection", names)


def prepare(client, server, _build):
    need("curl")
    case = {"curl": Curl, "curl_http2": CurlHttp2}[client]
    if client == "curl_http2" and b"HTTP2" not in run("curl", "--version").stdout:
        raise Skip("this curl has no HTTP/2")
    case.server = server
    return case
