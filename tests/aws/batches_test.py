#!/usr/bin/env python3
"""Worker batches from SQS: one process for up to ten messages, each on its own to its caller. And the
batches that callers send, to a front that has no queue for them.

    tests/aws/batches_test.py BIDE [TEST...]

Exit status 77: the services cannot be had here.
"""
import asyncio
import http.client
import json
import os
import pathlib
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import fleet  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

PATIENCE_S = 60
QUEUES = ("pairs", "tens")
WORKER = json.dumps([sys.executable, "-S", "-E", str(HERE.parent / "integration" / "batch_worker.py")])
CONFIG = f"""
[queues.pairs]
exec = {WORKER}
batch = 2
batch_window = "50s"
backoff = "1ms"

[queues.tens]
exec = {WORKER}
batch = 10
batch_window = "5s"
processes = 1
backoff = "1ms"
"""


class Batches(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        with installs.skipping():
            self.environment = self.enterContext(services.start(queues=QUEUES))
        self.fleet = await self.enterAsyncContext(
            fleet.Fleet(pathlib.Path(sys.argv[1]).resolve(), self.environment, 1, 1, CONFIG))

    async def asyncTearDown(self):
        self.assertEqual(await self.fleet.stop(), [])

    def post(self, queue, body):
        """A task for the status, the headers and the body of the answer."""

        def ask():
            connection = http.client.HTTPConnection("127.0.0.1", self.fleet.fronts[0].port, timeout=PATIENCE_S)
            try:
                connection.request("POST", f"/queues/{queue}/jobs", body)
                answer = connection.getresponse()
                return answer.status, answer.headers, answer.read()
            finally:
                connection.close()

        return asyncio.create_task(asyncio.to_thread(ask))

    async def test_a_caller_is_answered_before_its_batch_ends(self):
        fifo = self.environment.folder / "fifo"
        os.mkfifo(fifo)
        slow, quick = self.post("pairs", f"wait {fifo}"), self.post("pairs", "quick")
        status, headers, process = await quick
        self.assertEqual((status, headers["Bide-Attempts"]), (200, "1"))
        stored = self.environment.s3().get_object(
            Bucket=self.environment.bucket, Key=f"outgoing/pairs/{headers['Bide-Job-Id']}")
        self.assertEqual(stored["Body"].read(), process)
        self.assertFalse(slow.done())
        await asyncio.to_thread(fifo.write_text, "go")
        status, headers, other = await slow
        self.assertEqual((status, headers["Bide-Attempts"], other), (200, "1", process))

    async def test_messages_of_one_call_are_one_batch_and_only_failures_run_again(self):
        sqs, s3 = self.environment.sqs(), self.environment.s3()
        bodies = ["good"] * 7 + ["flaky", "silent", "bad"]
        sent = sqs.send_message_batch(QueueUrl=self.environment.queues["tens"], Entries=[
            {"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies)])["Successful"]
        self.assertEqual(len(sent), 10)
        results, end = {}, time.monotonic() + PATIENCE_S
        while len(results) < 10:
            for entry in sent:
                try:
                    results[entry["Id"]] = s3.get_object(
                        Bucket=self.environment.bucket, Key=f"outgoing/tens/{entry['MessageId']}")
                except s3.exceptions.NoSuchKey:
                    self.assertLess(time.monotonic(), end, f"{len(results)} results")
            await asyncio.sleep(0.05)
        attempts = {body: results[str(i)]["Metadata"]["bide-attempts"] for i, body in enumerate(bodies)}
        self.assertEqual(attempts, {"good": "1", "flaky": "2", "silent": "2", "bad": "1"})
        self.assertEqual(results["9"]["Metadata"]["bide-state"], "failed")
        processes = {results[str(i)]["Body"].read() for i in range(7)}
        self.assertEqual(len(processes), 1, "the messages did not come together")

    async def test_without_a_queue_of_batches_a_batch_is_refused_and_changes_nothing(self):
        for asked in ({}, {"Prefer": "respond-async"}):
            connection = http.client.HTTPConnection(
                "127.0.0.1", self.fleet.fronts[0].port, timeout=PATIENCE_S)
            self.addCleanup(connection.close)
            lines = b'{"body":"quick","queue":"tens"}\n'
            connection.putrequest("POST", "/batches")
            for name, value in {"Content-Type": "application/x-ndjson", "Content-Length": len(lines), **asked}.items():
                connection.putheader(name, value)
            connection.endheaders(lines)
            answer = await asyncio.to_thread(connection.getresponse)
            text = answer.read()
            self.assertEqual(answer.status, 501, text)
            said = json.loads(text)
            self.assertEqual((said["type"], said["retry"]), ("/errors/not-implemented", "never"))
            self.assertIn("[aws] batches", said["detail"])
        await self.post("tens", "another")  # with the items in one batch, had they been queued
        kept = self.environment.s3().list_objects_v2(Bucket=self.environment.bucket)
        self.assertEqual([entry["Key"].partition("/")[0] for entry in kept.get("Contents", [])], ["outgoing"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    installs.inside()
    unittest.main(argv=[sys.argv[0], *(f"Batches.{name}" for name in sys.argv[2:])], verbosity=2)
