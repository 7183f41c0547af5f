#!/usr/bin/env python3
"""Programs that know nothing of bide use the same queue and bucket, with boto3.

    tests/aws/foreign_test.py BIDE [TEST...]

Exit status 77: the services cannot be had here.
"""
import asyncio
import base64
import http.client
import json
import pathlib
import sys
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fleet  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

PATIENCE_S = 60
QUEUES = ("default", "png", "refuse")
CONFIG = """
[server]
default_queue = "default"

[queues.default]
native = "echo"

[queues.png]
exec = ["cat"]
content_type = "image/png"

[queues.refuse]
exec = ["sh", "-c", "echo not with me >&2; exit 65"]
"""

OPERATOR = {"Authorization": "Bearer bide_zGQUCL_6JBHtxU1zNUaU7JKFMRXrnaTfJ6aRdxL5ozwH"}
# No wait lasts as long as the calls of one redrive.
HURRIED = CONFIG.replace("[server]", """
[keys.operator]
hash = "sha256:25c7cf7add0a353301128f0a16295c3685923394a65d7d1610a21fa004a86157"
scopes = ["admin"]

[server]
anonymous = true
max_wait = "1ms"
""")


class Case(unittest.IsolatedAsyncioTestCase):
    config = CONFIG

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        with installs.skipping():
            self.environment = self.enterContext(services.start(queues=QUEUES))
        self.sqs, self.s3 = self.environment.sqs(), self.environment.s3()
        self.fleet = await self.enterAsyncContext(
            fleet.Fleet(pathlib.Path(sys.argv[1]).resolve(), self.environment, 1, 1, self.config))

    async def asyncTearDown(self):
        self.assertEqual(await self.fleet.stop(), [])

    def ask(self, method, page, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.fleet.fronts[0].port, timeout=PATIENCE_S)
        try:
            connection.request(method, page, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    async def stored(self, queue, job):
        """The result object, when there is one."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.s3.get_object(Bucket=self.environment.bucket, Key=f"outgoing/{queue}/{job}")
            except self.s3.exceptions.NoSuchKey:
                self.assertLess(time.monotonic(), end, f"no result of {job}")
                await asyncio.sleep(0.05)


class Foreign(Case):
    async def test_text_sent_straight_into_the_queue(self):
        for text in ("plain", "h\u00e9llo <&> \"\u4e16\u754c\"\n\ttab", '{"json": [1, 2]}', "x" * 500_000):
            with self.subTest(text[:20]):
                job = self.sqs.send_message(
                    QueueUrl=self.environment.queues["default"], MessageBody=text)["MessageId"]
                stored = await self.stored("default", job)
                self.assertEqual(stored["Body"].read().decode(), text)
                self.assertEqual((stored["Metadata"]["bide-state"], stored["Metadata"]["bide-queue"]),
                                 ("succeeded", "default"))
                status, headers, body = await asyncio.to_thread(self.ask, "GET", f"/jobs/{job}/result")
                self.assertEqual((status, body.decode()), (200, text))
                self.assertEqual(headers["Content-Type"], stored["ContentType"])

    async def test_many_sent_at_once(self):
        sent = {}
        for start in range(0, 100, 10):
            said = self.sqs.send_message_batch(QueueUrl=self.environment.queues["default"], Entries=[
                {"Id": str(i), "MessageBody": f"job {i}", "MessageGroupId": f"tenant{i % 3}"}
                for i in range(start, start + 10)])
            sent |= {entry["MessageId"]: f"job {entry['Id']}" for entry in said["Successful"]}
        self.assertEqual(len(sent), 100)
        for job, text in sent.items():
            self.assertEqual((await self.stored("default", job))["Body"].read().decode(), text)

    async def test_results_as_boto3_sees_them(self):
        every_byte = bytes(range(256))
        for body in (b"", b"small", every_byte, every_byte * 4096):  # the last is in neither message nor notice
            with self.subTest(len(body)):
                status, headers, said = await asyncio.to_thread(
                    self.ask, "POST", "/queues/png/jobs", body, {"Content-Type": "image/x-raw"})
                self.assertEqual((status, said, headers["Content-Type"]), (200, body, "image/png"))
                stored = await self.stored("png", headers["Bide-Job-Id"])
                self.assertEqual((stored["Body"].read(), stored["ContentType"]), (body, "image/png"))
                facts = stored["Metadata"]
                self.assertEqual((facts["bide-state"], facts["bide-attempts"], facts["bide-queue"]),
                                 ("succeeded", "1", "png"))
                self.assertLessEqual(int(facts["bide-created"]), int(facts["bide-finished"]))

    async def test_failures_are_stored_too(self):
        job = self.sqs.send_message(QueueUrl=self.environment.queues["refuse"], MessageBody="x")["MessageId"]
        facts = (await self.stored("refuse", job))["Metadata"]
        self.assertEqual((facts["bide-state"], facts["bide-kind"]), ("failed", "rejected"))
        self.assertIn(b"not with me", base64.b64decode(facts["bide-detail64"]))  # it has a line break
        status, headers, body = await asyncio.to_thread(self.ask, "GET", f"/jobs/{job}/result")
        self.assertEqual((status, json.loads(body)["type"].rpartition("/")[2]), (502, "handler-rejected"))


class Hurried(Case):
    config = HURRIED

    async def test_a_redrive_ends_with_the_wait_for_it(self):
        for body in ("one", "two", "three"):
            status, _, said = await asyncio.to_thread(
                self.ask, "POST", "/queues/refuse/jobs", body, {"Prefer": "respond-async"})
            self.assertEqual(status, 202, said)
            await self.stored("refuse", json.loads(said)["id"])
        status, _, said = await asyncio.to_thread(self.ask, "POST", "/queues/refuse/redrive", None, OPERATOR)
        self.assertEqual((status, json.loads(said)), (200, {"redriven": 1, "more": True}))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    installs.inside()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
