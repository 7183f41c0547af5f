#!/usr/bin/env python3
"""The bench's event source mapping does with messages what Lambda's does, on a real SQS server.

    tests/functions/esm_test.py [TEST...]

Exit status 77: the server cannot be had here.
"""
import asyncio
import json
import os
import pathlib
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "aws")]
import esm  # noqa: E402
import function  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

PATIENCE_S = 60
RECEIVES = 3


class Answers(unittest.TestCase):
    def test_which_are_to_come_again(self):
        known = {"a", "b"}
        for payload in (b"", b"null", b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}'):
            self.assertEqual(esm.failed_of(payload, known), set(), payload)
        self.assertEqual(esm.failed_of(b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', known), {"a"})
        for payload in (b"x", b"[]", b'{"batchItemFailures": [{"itemIdentifier": ""}]}', b'{"batchItemFailures": [{}]}',
                        b'{"batchItemFailures": [{"itemIdentifier": "c"}]}', b'{"batchItemFailures": 1}'):
            self.assertIsNone(esm.failed_of(payload, known), payload)


class Mapping(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        with installs.skipping():
            cls.environment = cls.enterClassContext(services.start(s3=None, redis=None, queues=()))

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        self.queue = self.id().rpartition(".")[2]
        self.environment.make_queue(self.queue, visibility_s=1, receives_max=RECEIVES)
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bide-functions-")))
        self.sqs = self.environment.sqs()
        self.seen = []

    async def start(self, failures="", broken="", **settings):
        """The queue's mapping to a function that reports one message as failed, and dies of another."""
        task = function.make_task(self.folder / "task", HERE / "tiny_bootstrap.py")
        made = function.Function("tiny", task, self.folder, variables={"failures": failures})
        self.addAsyncCleanup(made.stop)
        call = made.call

        async def watched(event):
            records = json.loads(event)["Records"]
            self.seen.append([record["body"] for record in records])
            self.last = records
            return await call(b'{"do": "crash"}' if broken in self.seen[-1] else event)

        made.call = watched
        mapping = await esm.Mapping(self.environment.servers["sqs"].port, self.environment.queues[self.queue], made,
                                    **settings).start()
        self.addAsyncCleanup(mapping.stop)
        return mapping, made

    def send(self, *bodies, **more):
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.environment.queues[self.queue], MessageBody=body, **more)

    async def comes_to(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not await asyncio.to_thread(condition):
            self.assertLess(time.monotonic(), end, self.seen)
            await asyncio.sleep(0.05)

    def left(self, dead=""):
        said = self.sqs.get_queue_attributes(QueueUrl=self.environment.queues[self.queue + dead], AttributeNames=["All"])["Attributes"]
        return int(said["ApproximateNumberOfMessages"]) + int(said["ApproximateNumberOfMessagesNotVisible"])

    async def test_records_have_the_form_of_the_sample(self):
        await self.start()
        self.send("plain", MessageAttributes={"kind": {"DataType": "String", "StringValue": "text/plain"},
                                              "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
                  MessageGroupId="tenant")
        await self.comes_to(lambda: self.seen and not self.left())
        record = self.last[0]
        self.assertEqual((record["body"], record["attributes"]["MessageGroupId"]), ("plain", "tenant"))
        self.assertEqual(record["messageAttributes"]["kind"]["stringValue"], "text/plain")
        self.assertEqual(record["messageAttributes"]["raw"]["binaryValue"], "AP8=")
        sample = pathlib.Path(os.environ.get("BIDE_SHARED", HERE.parents[2] / "shared"))
        sample = sample / "vectors/lambda-events/sqs-event.json"
        if sample.exists():
            for name, value in json.loads(sample.read_text(encoding="utf-8"))["Records"][0].items():
                if name != "md5OfMessageAttributes":
                    self.assertIsInstance(record[name], type(value), name)

    async def test_only_the_failed_come_again_until_they_are_dead(self):
        mapping, made = await self.start(failures="bad", batch=10)
        self.send("good", "bad", "fine")
        await self.comes_to(lambda: self.left("-dead") == 1)
        await self.comes_to(lambda: not self.left())
        counts = {body: sum(batch.count(body) for batch in self.seen) for body in ("good", "bad", "fine")}
        self.assertEqual(counts, {"good": 1, "bad": RECEIVES, "fine": 1})
        self.assertEqual((made.violations, made.exits, mapping.problems), ([], [], []))

    async def test_all_of_a_batch_come_again_when_the_function_dies(self):
        mapping, made = await self.start(broken="deadly", batch=10)
        self.send("deadly")
        await self.comes_to(lambda: self.left("-dead") == 1)
        self.assertEqual(self.seen, [["deadly"]] * RECEIVES)
        self.assertEqual(mapping.counts["errors"], RECEIVES)
        self.assertEqual(len(made.exits), RECEIVES)

    async def test_batches_over_ten_with_a_window(self):
        self.send(*map(str, range(25)))
        await self.start(batch=25, window_s=2, concurrency=1)
        await self.comes_to(lambda: not self.left())
        self.assertEqual(sorted(len(batch) for batch in self.seen), [25])

    async def test_no_more_batches_at_once_than_allowed(self):
        self.send(*map(str, range(12)))
        _, made = await self.start(concurrency=2)
        await self.comes_to(lambda: not self.left())
        self.assertLessEqual(made.started, 2)


if __name__ == "__main__":
    installs.inside()
    unittest.main(verbosity=2)
