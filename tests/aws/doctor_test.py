#!/usr/bin/env python3
"""bide doctor finds what is wrong with real services, and says how to mend it.

    tests/aws/doctor_test.py BIDE [TEST...]

Exit status 77: the services cannot be had here.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import installs  # noqa: E402
import servers  # noqa: E402
import services  # noqa: E402

BIDE = sys.argv[1] if len(sys.argv) > 1 else ""
NEVER = 1  # a port where nobody listens


class Case(unittest.TestCase):
    wanted = {}

    @classmethod
    def setUpClass(cls):
        with installs.skipping():
            cls.environment = cls.enterClassContext(services.start(queues=("speak",), **cls.wanted))

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="bide-doctor-test-"))
        self.file = pathlib.Path(folder) / "bide.toml"
        self.variables = {**os.environ, **self.environment.variables(), "HOME": folder, "TMPDIR": folder}
        self.aws = {"bucket": "jobs"}
        if "redis" in self.environment.servers:
            self.aws["redis"] = self.variables["BIDE_REDIS"]
        if "BIDE_REDIS_CA" in self.variables:
            self.aws["redis_ca"] = self.variables["BIDE_REDIS_CA"]
        self.queue = {"sqs": "speak", "dead_letters": "speak-dead"}

    def doctor(self, status):
        """Its lines, as (word, about, rest)."""
        def table(values):
            return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        self.file.write_text(f"[aws]\n{table(self.aws)}[queues.speak]\n{table(self.queue)}", encoding="utf-8")
        said = subprocess.run([BIDE, "doctor", "--config", self.file], env=self.variables, text=True,
                              capture_output=True, timeout=120, check=False)
        self.assertEqual((said.returncode, said.stderr), (status, ""), said.stdout)
        self.assertNotIn("\x1b", said.stdout)
        self.assertNotIn(servers.SECRET, said.stdout)
        self.assertNotIn(servers.REDIS_PASSWORD, said.stdout)
        lines = said.stdout.splitlines()
        self.assertRegex(lines[-1], r"^\d+ ok, \d+ skipped, \d+ to look at, \d+ to mend$")
        parts = [re.fullmatch(r"(ok|skip|warn|FAIL) +([^:]+): (.+)", line) for line in lines[:-1]]
        self.assertNotIn(None, parts, said.stdout)
        return [part.groups() for part in parts]

    def finds(self, lines, word, about, *texts):
        """One line of this kind about this has all the texts."""
        of_kind = [rest for kind, what, rest in lines if (kind, what) == (word, about)]
        self.assertTrue(any(all(text in rest for text in texts) for rest in of_kind),
                        f"no {word} about {about} with {texts} in\n" + "\n".join(map(str, lines)))

    def fails_with(self, about, *texts):
        lines = self.doctor(1)
        self.finds(lines, "FAIL", about, *texts)
        return lines

    def queue_with(self, name, **attributes):
        sqs = self.environment.sqs()
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.queue["sqs"] = url
        return url

    def redrive(self, count):
        dead = self.environment.sqs().get_queue_attributes(
            QueueUrl=self.environment.queue("speak-dead"), AttributeNames=["QueueArn"])
        return json.dumps({"deadLetterTargetArn": dead["Attributes"]["QueueArn"], "maxReceiveCount": str(count)})


class AllIsWell(Case):
    wanted = {"redis": "tls"}

    def test_everything_is_looked_at(self):
        lines = self.doctor(0)
        self.finds(lines, "ok", "region", "us-east-1")
        self.finds(lines, "ok", "credentials", "from environment", servers.KEY_ID)
        self.finds(lines, "skip", "identity", "STS")
        self.finds(lines, "ok", "queue speak", "not forbidden: sqs:SendMessage")
        self.finds(lines, "ok", "queue speak", "maxReceiveCount 5 for 3 attempts")
        self.finds(lines, "ok", "queue speak", "visibility timeout 30s", "not used")
        self.finds(lines, "ok", "bucket jobs", "may be listed")
        for prefix in ("outgoing/", "incoming/", "claims/", "failed/"):
            self.finds(lines, "ok", "bucket jobs", prefix, "put, not put twice (412)", "removed")
        if self.environment.servers["s3"].name == "versitygw":
            self.finds(lines, "warn", "bucket jobs", "this service has no lifecycle rules")
            self.assertNotIn("s3:GetLifecycleConfiguration", str(lines))
        self.finds(lines, "ok", "cache", "rediss://")
        self.finds(lines, "ok", "cache", "keys bide:*")
        self.finds(lines, "ok", "cache", "notices arrive")
        self.finds(lines, "ok", "cache", "eviction policy noeviction")

    def test_it_leaves_nothing_behind(self):
        self.doctor(0)
        self.assertNotIn("Contents", self.environment.s3().list_objects_v2(Bucket="jobs"))
        self.assertEqual([path.name for path in self.file.parent.iterdir()], ["bide.toml"])
        url = self.environment.queue("speak")
        said = self.environment.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        self.assertEqual(said["ApproximateNumberOfMessages"], "0")

    def test_a_message_that_waits_is_not_touched(self):
        sqs = self.environment.sqs()
        url = self.queue_with("waiting", RedrivePolicy=self.redrive(5))
        sqs.send_message(QueueUrl=url, MessageBody="x")
        self.doctor(0)
        got = sqs.receive_message(QueueUrl=url, AttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
        self.assertEqual(got[0]["Attributes"]["ApproximateReceiveCount"], "1")

    def test_wrong_password(self):
        self.aws["redis"] = self.aws["redis"].replace(servers.REDIS_PASSWORD, "wrong")
        self.fails_with("cache", "WRONGPASS", "password")

    def test_certificate_of_a_ca_that_is_not_trusted(self):
        del self.aws["redis_ca"]
        self.fails_with("cache", "certificate")

    def test_cache_that_forbids_our_keys(self):
        self.user("~other:*", "&*", "+@all")
        self.fails_with("cache", "NOPERM", "~bide:*")

    def test_cache_that_forbids_our_channels(self):
        self.user("~*", "&other:*", "+@all")
        self.fails_with("cache", "notices do not arrive", "&bide:*")

    def test_what_the_manual_says_is_enough(self):
        manual = pathlib.Path(__file__).resolve().parents[2] / "docs" / "aws.md"
        [rules] = re.findall(r"ACL SETUSER bide on >secret (.+)", manual.read_text(encoding="utf-8"))
        self.user(*rules.split())
        lines = self.doctor(0)
        self.finds(lines, "ok", "cache", "notices arrive")
        self.finds(lines, "skip", "cache", "cannot be read")

    def user(self, *rules):
        redis = self.environment.servers["redis"]
        self.assertEqual(redis.cli("ACL", "SETUSER", "narrow", "reset", "on", ">narrow", *rules), "OK")
        self.aws["redis"] = re.sub("//.*@", "//narrow:narrow@", self.aws["redis"])

    def test_cache_is_down(self):
        self.aws["redis"] = f"redis://127.0.0.1:{NEVER}"
        self.fails_with("cache", "refused")

    def test_without_a_cache_it_warns(self):
        del self.aws["redis"]
        self.finds(self.doctor(0), "warn", "cache", "looking into the store", "redis")

    def test_wrong_secret(self):
        self.variables["AWS_SECRET_ACCESS_KEY"] = "wrong"
        self.fails_with("bucket jobs", "SignatureDoesNotMatch")

    def test_no_credentials(self):
        del self.variables["AWS_ACCESS_KEY_ID"]
        lines = self.fails_with("credentials", "environment", "AWS_ACCESS_KEY_ID")
        self.finds(lines, "ok", "cache", "notices arrive")

    def test_no_region(self):
        del self.variables["AWS_REGION"], self.variables["AWS_DEFAULT_REGION"]
        self.fails_with("configuration", "no AWS region", "AWS_REGION")

    def test_missing_bucket(self):
        self.aws["bucket"] = "nowhere"
        self.fails_with("bucket nowhere", "is not there", "make it")

    def test_missing_bucket_of_results(self):
        del self.aws["bucket"]
        self.aws |= {"incoming_bucket": "jobs", "outgoing_bucket": "nowhere"}
        lines = self.fails_with("bucket nowhere", "is not there")
        self.finds(lines, "ok", "bucket jobs", "claims/")
        self.assertFalse([line for line in lines if line[2].startswith("outgoing/: put")])

    def test_missing_queue(self):
        self.queue["sqs"] = "nowhere"
        self.fails_with("queue speak", "no queue nowhere", "create-queue")

    def test_missing_dead_letter_queue(self):
        self.queue["dead_letters"] = "nowhere"
        self.fails_with("dead letters of speak", "no queue nowhere")

    def test_nobody_looks_at_dead_letters(self):
        del self.queue["dead_letters"]
        self.finds(self.doctor(0), "warn", "dead letters of speak", "never answered", "dead_letters")

    def test_wrong_dead_letter_queue(self):
        self.queue["dead_letters"] = "speak"
        self.fails_with("dead letters of speak", "speak-dead", "dead_letters")

    def test_the_queue_of_batches_goes_by_its_key(self):
        self.aws["batches"] = "absent"
        lines = self.fails_with("batches in [aws]", "absent")
        self.assertNotIn("~batches", str(lines))

    def test_no_redrive_policy(self):
        self.queue_with("endless")
        self.fails_with("queue speak", "no redrive policy", "maxReceiveCount 5")

    def test_too_few_receives(self):
        self.queue_with("few", RedrivePolicy=self.redrive(2))
        self.fails_with("queue speak", "maxReceiveCount 2 for 3 attempts", "raise")
        self.queue["attempts"] = 1
        self.finds(self.doctor(0), "warn", "queue speak", "maxReceiveCount 2 for 1 attempts", "3")

    def test_queue_that_delays(self):
        self.queue_with("late", RedrivePolicy=self.redrive(5), DelaySeconds="7")
        self.finds(self.doctor(0), "warn", "queue speak", "7s", "DelaySeconds")

    def test_attempts_longer_than_a_lease_can_be(self):
        self.queue["timeout"] = "12h"
        self.fails_with("queue speak", "hides a message for 12 h at most")

    def test_sqs_is_down(self):
        self.variables["AWS_ENDPOINT_URL_SQS"] = f"http://127.0.0.1:{NEVER}"
        lines = self.fails_with("queue speak", "refused", "reach SQS")
        self.finds(lines, "ok", "bucket jobs", "outgoing/")

    def test_s3_is_down(self):
        self.variables["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{NEVER}"
        lines = self.fails_with("bucket jobs", "refused", "reach S3")
        self.finds(lines, "ok", "queue speak", "not forbidden: sqs:SendMessage")


class Moto(Case):
    """It knows lifecycle rules, public access, FIFO queues, sizes and identities."""

    wanted = {"sqs": "moto", "s3": "moto"}

    def setUp(self):
        super().setUp()
        self.environment.s3().delete_bucket_lifecycle(Bucket="jobs")

    def rules(self, **days):
        self.environment.s3().put_bucket_lifecycle_configuration(
            Bucket="jobs", LifecycleConfiguration={"Rules": [
                {"ID": name, "Status": "Enabled", "Filter": {"Prefix": f"{name}/"},
                 "Expiration": {"Days": count}} for name, count in days.items()]})

    def test_lifecycle(self):
        lines = self.doctor(0)
        for name, days in (("outgoing", 1), ("incoming", 14), ("claims", 5), ("failed", 14)):
            self.finds(lines, "warn", "bucket jobs", f"no lifecycle rule for {name}/",
                       f'"Prefix":"{name}/"}},"Expiration":{{"Days":{days}}}')
        # The rules it prints are rules that S3 takes, and then all is well.
        rules = [json.loads(line[2].split("to mend: add ")[1]) for line in lines if "no lifecycle" in line[2]]
        self.environment.s3().put_bucket_lifecycle_configuration(
            Bucket="jobs", LifecycleConfiguration={"Rules": rules})
        self.finds(self.doctor(0), "ok", "bucket jobs", "claims/ is kept for 5 days")
        self.rules(outgoing=7, claims=7, incoming=14, failed=14)
        self.fails_with("bucket jobs", "claims/ is kept for 7 days", "key", "make it 11 days")
        self.rules(outgoing=7, claims=8, incoming=3, failed=14)
        self.fails_with("bucket jobs", "incoming/ is kept for 3 days", "lost its body")

    def test_public_access(self):
        self.finds(self.doctor(0), "warn", "bucket jobs", "public access is not blocked")
        self.environment.s3().put_public_access_block(Bucket="jobs", PublicAccessBlockConfiguration={
            name: True for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                    "RestrictPublicBuckets")})
        self.finds(self.doctor(0), "ok", "bucket jobs", "public access is blocked")

    def test_fifo_queue(self):
        self.queue_with("speak.fifo", FifoQueue="true")
        self.fails_with("queue speak", "FIFO", "standard queue")

    def test_queue_that_keeps_long_enough(self):
        self.finds(self.doctor(0), "ok", "queue speak", "keeps messages for 4d")

    def test_messages_too_small(self):
        self.queue_with("small", RedrivePolicy=self.redrive(5), MaximumMessageSize="65536")
        self.fails_with("queue speak", "65536 bytes only", "lower inline_max to 61440")
        self.aws["inline_max"] = 61440
        self.doctor(0)

    def test_queue_that_forgets(self):
        self.queue |= {"timeout": "10h", "attempts": 3}
        self.queue_with("short", RedrivePolicy=self.redrive(5), MessageRetentionPeriod="3600")
        self.fails_with("queue speak", "keeps messages for", "MessageRetentionPeriod")

    def test_identity(self):
        self.variables["AWS_ENDPOINT_URL_STS"] = self.variables["AWS_ENDPOINT_URL_SQS"]
        self.finds(self.doctor(0), "ok", "identity", "arn:aws:")


class WrongUse(unittest.TestCase):
    def test_statuses(self):
        for flags in ([], ["--config", "/nonexistent"], ["--nonsense"]):
            said = subprocess.run([BIDE, "doctor", *flags], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((said.returncode, said.stdout), (2, ""), flags)
            self.assertNotEqual(said.stderr, "")


if __name__ == "__main__":
    installs.inside()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
