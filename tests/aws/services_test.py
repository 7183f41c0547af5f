#!/usr/bin/env python3
"""Are the servers of the bench good enough to prove something on? Asked with boto3 and redis-cli.

    tests/aws/services_test.py elasticmq|moto|versitygw|seaweedfs|redis [TEST...]

Exit status 77: that server cannot be had here.
"""
import concurrent.futures
import contextlib
import json
import pathlib
import sys
import unittest
import unittest.mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import installs  # noqa: E402
import servers  # noqa: E402
import services  # noqa: E402

NAME = sys.argv[1] if len(sys.argv) > 1 else ""


class Case(unittest.TestCase):
    wanted = {}

    @classmethod
    def setUpClass(cls):
        nothing = {"sqs": None, "s3": None, "redis": None}
        with installs.skipping():
            cls.environment = cls.enterClassContext(services.start(**{**nothing, **cls.wanted}))


class ObjectStore(Case):
    wanted = {"s3": NAME}
    verifies = True
    decides_races = True  # moto looks and then writes, with nothing in between: two may be first
    has_lifecycle = True

    def setUp(self):
        super().setUp()
        self.s3 = self.environment.s3()

    def refusal(self, call, **arguments):
        """Status and code of the error that a call ends with; None when it ends well."""
        from botocore.exceptions import ClientError
        try:
            call(Bucket="jobs", **arguments)
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        return None

    def put(self, key, body=b"first", **more):
        return self.refusal(self.s3.put_object, Key=key, Body=body, **more)

    def test_second_conditional_put_is_refused(self):
        key = "outgoing/default/1"
        self.assertIsNone(self.put(key, IfNoneMatch="*", ContentType="image/png", Metadata={"bide-state": "x"}))
        self.assertEqual(self.put(key, b"second", IfNoneMatch="*"), (412, "PreconditionFailed"))
        stored = self.s3.get_object(Bucket="jobs", Key=key)
        self.assertEqual((stored["Body"].read(), stored["ContentType"], stored["Metadata"]),
                         (b"first", "image/png", {"bide-state": "x"}))

    def test_one_of_many_conditional_puts_wins(self):
        if not self.decides_races:
            self.skipTest("moto does not put conditionally at once")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for key in map(str, range(20)):
                ends = list(pool.map(lambda body: self.put(key, body, IfNoneMatch="*"),
                                     [str(i).encode() for i in range(16)]))
                self.assertEqual(ends.count(None), 1, ends)

    def upload_of_two_parts(self, key):
        where = {"Bucket": "jobs", "Key": key}
        where["UploadId"] = self.s3.create_multipart_upload(**where, Metadata={"bide-state": "x"})["UploadId"]
        parts = [{"PartNumber": number, "ETag": self.s3.upload_part(
            **where, PartNumber=number, Body=bytes(5 << 20))["ETag"]} for number in (1, 2)]
        del where["Bucket"]
        return self.refusal(self.s3.complete_multipart_upload, **where, IfNoneMatch="*",
                            MultipartUpload={"Parts": parts})

    def test_second_conditional_upload_in_parts_is_refused(self):
        self.assertIsNone(self.upload_of_two_parts("outgoing/default/large"))
        self.assertEqual(self.upload_of_two_parts("outgoing/default/large"), (412, "PreconditionFailed"))
        head = self.s3.head_object(Bucket="jobs", Key="outgoing/default/large")
        self.assertEqual((head["ContentLength"], head["Metadata"]), (10 << 20, {"bide-state": "x"}))

    def test_wrong_signature(self):
        self.put("key")
        self.s3._request_signer._credentials.secret_key = "wrong"
        expected = (403, "SignatureDoesNotMatch") if self.verifies else None
        self.assertEqual(self.refusal(self.s3.get_object, Key="key"), expected)
        self.assertEqual(self.put("key"), expected)

    def test_listing_goes_on_after_a_key(self):
        for key in ("a/1", "a/2", "a/3 +%\u00e9", "b/1"):
            self.put(key)
        listed = self.s3.list_objects_v2(Bucket="jobs", Prefix="a/", StartAfter="a/1", MaxKeys=10)
        self.assertEqual([entry["Key"] for entry in listed["Contents"]], ["a/2", "a/3 +%\u00e9"])
        self.assertEqual(self.refusal(self.s3.get_object, Key="a/4"), (404, "NoSuchKey"))

    def test_lifecycle_rules(self):
        rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "incoming/"}, "Expiration": {"Days": 1}}
        self.assertEqual(
            self.refusal(self.s3.put_bucket_lifecycle_configuration, LifecycleConfiguration={"Rules": [rule]}),
            None if self.has_lifecycle else (501, "NotImplemented"))


class QueueService(Case):
    wanted = {"sqs": NAME}

    def setUp(self):
        super().setUp()
        self.sqs, self.name = self.environment.sqs(), self._testMethodName[:40]
        self.environment.make_queue(self.name, 30, 5)
        self.url, self.dead = (self.environment.queues[name] for name in (self.name, f"{self.name}-dead"))

    def receive(self, url, visibility_s=0):
        return self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5, VisibilityTimeout=visibility_s,
            MessageSystemAttributeNames=["All"]).get("Messages", [])

    def test_send_receive_delete(self):
        sent = self.sqs.send_message_batch(QueueUrl=self.url, Entries=[
            {"Id": str(i), "MessageBody": f"body {i}", "MessageGroupId": "tenant"} for i in range(10)])
        self.assertEqual(len(sent["Successful"]), 10)
        got = {}
        while len(got) < 10:
            got |= {message["Body"]: message["ReceiptHandle"] for message in self.receive(self.url, 60)}
        gone = self.sqs.delete_message_batch(QueueUrl=self.url, Entries=[
            {"Id": body.split()[1], "ReceiptHandle": handle} for body, handle in got.items()])
        self.assertEqual(len(gone["Successful"]), 10)
        counts = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        self.assertEqual((counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]),
                         ("0", "0"))
        self.assertEqual(json.loads(counts["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[1],
                         f"{self.name}-dead")

    def test_messages_nobody_finishes_go_to_the_dead(self):
        self.sqs.send_message(QueueUrl=self.url, MessageBody="poison")
        counts = [int(self.receive(self.url)[0]["Attributes"]["ApproximateReceiveCount"]) for _ in range(5)]
        self.assertEqual(counts, [1, 2, 3, 4, 5])
        self.assertEqual(self.receive(self.url), [])
        self.assertEqual([m["Body"] for m in self.receive(self.dead)], ["poison"])

    def test_sizes(self):
        from botocore.exceptions import ClientError
        self.sqs.send_message(QueueUrl=self.url, MessageBody="x" * (1 << 20))
        with self.assertRaises(ClientError):
            self.sqs.send_message(QueueUrl=self.url, MessageBody="x" * ((1 << 20) + 1))
        # moto takes more than XML can say; SQS does not.
        with self.assertRaises(ClientError) if NAME != "moto" else contextlib.nullcontext():
            self.sqs.send_message(QueueUrl=self.url, MessageBody="\u0001")


class Cache(Case):
    wanted = {"redis": "tls"}

    def setUp(self):
        super().setUp()
        self.redis = self.environment.servers["redis"]

    def test_only_with_the_password(self):
        self.assertEqual(self.redis.cli("ECHO", "hello"), "hello")
        with unittest.mock.patch.object(servers, "REDIS_PASSWORD", "wrong"):
            self.assertIn("NOAUTH", self.redis.cli("PING"))

    def test_killed_it_comes_back_empty_where_it_was(self):
        port = self.redis.port
        self.redis.cli("SET", "key", "value")
        self.redis.stop()
        self.assertIn("refused", self.redis.cli("PING"))
        self.redis.start()
        self.assertEqual((self.redis.port, self.redis.cli("GET", "key")), (port, ""))


def main():
    cases = {"versitygw": [ObjectStore], "seaweedfs": [ObjectStore], "redis": [Cache],
             "elasticmq": [QueueService], "moto": [QueueService, ObjectStore]}
    if NAME not in cases:
        sys.exit(__doc__)
    installs.inside()
    ObjectStore.verifies, ObjectStore.has_lifecycle = NAME != "moto", NAME != "versitygw"
    ObjectStore.decides_races = NAME != "moto"
    loader, chosen = unittest.TestLoader(), sys.argv[2:]
    suite = unittest.TestSuite(case(name) for case in cases[NAME]
                               for name in loader.getTestCaseNames(case) if not chosen or name in chosen)
    sys.exit(0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1)


if __name__ == "__main__":
    main()
