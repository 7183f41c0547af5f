#!/usr/bin/env python3
"""What docs/aws.md shows is so: its first try, its programs in Python, its configuration.

    tests/aws/manual_test.py BIDE [TEST...]

Exit status 77: the services cannot be had here.
"""
import contextlib
import http.client
import io
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import urllib.request
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import installs  # noqa: E402
import servers  # noqa: E402
import services  # noqa: E402

BIDE = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ""
MANUAL = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "aws.md").read_text(encoding="utf-8")
PATIENCE_S = 60


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", MANUAL, re.M | re.S)


class Manual(unittest.TestCase):
    def setUp(self):
        # Anew each time: a message may still be under way to a worker of the test before.
        with installs.skipping():
            self.environment = self.enterContext(services.start(queues=("loud",)))
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bide-manual-")))
        self.variables = self.environment.variables()

    def start(self, kind, *flags):
        """A program of bide with the file of the first try; the first line that it prints."""
        shown = re.search(r"cat > bide\.toml <<END\n(.*?)^ +END$", MANUAL, re.M | re.S)[1]
        text = re.sub(r"\$(\w+)", lambda name: self.variables[name[1]], re.sub("^    ", "", shown, flags=re.M))
        (self.folder / "bide.toml").write_text(text, encoding="utf-8")
        process = subprocess.Popen(
            [BIDE, kind, "--config", "bide.toml", *flags], cwd=self.folder, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **self.variables}, preexec_fn=servers.die_with_parent)

        def stop():
            process.send_signal(signal.SIGTERM)
            process.stdout.close()
            self.assertEqual(process.wait(PATIENCE_S), 0)
        self.addCleanup(stop)
        return process.stdout.readline()

    def test_first_try(self):
        command, answer = re.search(r"^    \$ curl -d '(.*)' http://127\.0\.0\.1:8080/\n    (.*)$", MANUAL, re.M).groups()
        self.start("worker")
        address = re.search(r"127\.0\.0\.1:\d+", self.start("front", "--listen", "127.0.0.1:0"))[0]
        said = subprocess.run(["curl", "-sS", "-d", command, f"http://{address}/"], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=True)
        self.assertEqual(said.stdout, answer)

    def test_foreign_producers(self):
        self.start("worker")
        printed = io.StringIO()
        with unittest.mock.patch.dict(os.environ, self.variables), contextlib.redirect_stdout(printed):
            space = {}
            for code in blocks("python"):
                exec(compile(code, "docs/aws.md", "exec"), space)  # pylint: disable=exec-used
        self.assertEqual(printed.getvalue().splitlines(),
                         ["b'HELLO FROM ELSEWHERE'", "b'WITH AN ID OF MINE'"])

    def test_a_front_is_ready_again_without_a_request(self):
        address = re.search(r"127\.0\.0\.1:\d+", self.start("front", "--listen", "127.0.0.1:0"))[0]

        def status(page, *flags):
            said = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *flags, f"http://{address}{page}"],
                                  capture_output=True, text=True, timeout=PATIENCE_S, check=True)
            return said.stdout
        self.assertEqual(status("/readyz"), "200")
        for service in ("s3", "sqs"):
            with self.subTest(service):
                self.environment.servers[service].stop()
                self.assertEqual(status("/", "-H", "Prefer: respond-async", "-d", "x"), "503")
                self.assertEqual(status("/readyz"), "503")
                self.environment.servers[service].start()
                end = time.monotonic() + PATIENCE_S
                while status("/readyz") != "200":
                    self.assertLess(time.monotonic(), end)
                    time.sleep(0.2)

    def test_configuration(self):
        with socket.socket() as nobody:  # bound, and nobody listens
            nobody.bind(("127.0.0.1", 0))
            nowhere = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            [text] = blocks("toml")
            (self.folder / "bide.toml").write_text(text.replace("cache.example", "127.0.0.1"), encoding="utf-8")
            said = subprocess.run([BIDE, "doctor", "--config", self.folder / "bide.toml"], timeout=120, text=True,
                                  env={**os.environ, **self.variables, "AWS_ENDPOINT_URL": nowhere,
                                       "AWS_ENDPOINT_URL_SQS": nowhere, "AWS_ENDPOINT_URL_S3": nowhere},
                                  capture_output=True, check=False)
        self.assertEqual((said.returncode, said.stderr), (1, ""), said.stdout)
        self.assertIn("queue thumbnail", said.stdout)


class Rights(unittest.TestCase):
    """A front and a worker that may do what the manual's policies say, under moto's IAM. It knows the
    resources of S3; of SQS it knows the actions only, and those of batches by names of their own."""

    def setUp(self):
        with installs.skipping():
            self.environment = self.enterContext(services.start(sqs="moto", s3=None, queues=("loud",)))
        # One server is both, so that it knows the users.
        self.environment.servers["s3"] = self.environment.servers["sqs"]
        self.addCleanup(self.environment.servers.pop, "s3")
        self.environment.make_bucket("jobs")
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bide-manual-")))
        (self.folder / "bide.toml").write_text(f"""
            [aws]
            bucket = "jobs"
            inline_max = 1000
            redis = "{self.environment.variables()['BIDE_REDIS']}"
            [queues.loud]
            sqs = "loud"
            dead_letters = "loud-dead"
            attempts = 1
            exec = ["sh", "-c", 'read line; test "$line" != bad || exit 65; echo $line; cat']
            """, encoding="utf-8")
        policies = {"front": 0, "worker": 1}
        self.keys = {role: self.make_user(role, json.loads(blocks("json")[place])) for role, place in policies.items()}

    def make_user(self, name, policy, without=""):
        """Its key. `without`: an action, or the end of a resource, that it is not given."""
        iam = self.environment.client("iam", "sqs")
        for statement in policy["Statement"]:
            actions, resources = (
                [value] if isinstance(value, str) else value for value in (statement["Action"], statement["Resource"]))
            if actions[0].startswith("sqs:"):
                resources = ["*"]
                actions = actions + [f"{action}Batch" for action in actions]
            resources = [resource.replace("my-jobs", "jobs") for resource in resources]
            statement["Action"] = [action for action in actions if not without or without not in action]
            statement["Resource"] = [resource for resource in resources if not without or not resource.endswith(without)]
        policy["Statement"] = [one for one in policy["Statement"] if one["Action"] and one["Resource"]]
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="bide", PolicyDocument=json.dumps(policy))
        return iam.create_access_key(UserName=name)["AccessKey"]

    def enforce(self, count=0):
        """From now on rights count; with "inf" they do not."""
        server = self.environment.servers["sqs"]
        request = urllib.request.Request(f"{server.url}/moto-api/reset-auth", data=str(count).encode(),
                                         headers={"Content-Type": "text/plain"})
        urllib.request.urlopen(request, timeout=PATIENCE_S).close()

    def variables(self, key):
        return {**os.environ, **self.environment.variables(), "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def doctor(self, role, key):
        said = subprocess.run([BIDE, "doctor", "--config", "bide.toml", "--as", role], cwd=self.folder, text=True,
                              env=self.variables(key), capture_output=True, timeout=120, check=False)
        self.assertEqual(said.stderr, "")
        return said.returncode, said.stdout

    def test_they_suffice(self):
        self.enforce()
        self.addCleanup(self.enforce, "inf")
        for role, key in self.keys.items():
            with self.subTest(role):
                status, said = self.doctor(role, key)
                self.assertEqual((status, "FAIL" in said), (0, False), said)
        started = {}
        for role, key in self.keys.items():
            log = self.enterContext(open(self.folder / f"{role}.log", "w", encoding="utf-8"))
            started[role] = process = subprocess.Popen(
                [BIDE, role, "--config", "bide.toml", *(["--listen", "127.0.0.1:0"] if role == "front" else [])],
                cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True, env=self.variables(key),
                preexec_fn=servers.die_with_parent)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
        address = re.search(r"127\.0\.0\.1:\d+", started["front"].stdout.readline())[0]

        def ask(method, page, body=None, **headers):
            connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
            self.addCleanup(connection.close)
            connection.request(method, page, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()

        self.assertEqual(ask("POST", "/", b"small\n"), (200, b"small\n"))
        large = b"large\n" + bytes(100_000)
        self.assertEqual(ask("POST", "/", large, Idempotency_Key='"k"'), (200, large))
        self.assertEqual(ask("POST", "/", large, Idempotency_Key='"k"'), (200, large))
        self.assertEqual(ask("POST", "/", b"bad\n")[0], 502)
        status, job = ask("POST", "/", b"later\n", Prefer="respond-async")
        self.assertEqual(status, 202, job)
        self.assertEqual(ask("GET", f"/jobs/{json.loads(job)['id']}/result"), (200, b"later\n"))
        status, job = ask("POST", "/", b"never\n", Prefer="respond-async", Bide_Delay="600")
        self.assertEqual(status, 202, job)
        self.assertEqual(ask("DELETE", f"/jobs/{json.loads(job)['id']}")[0], 200)
        self.assertEqual(ask("GET", f"/jobs/{uuid.uuid4()}")[0], 404)
        self.assertEqual(ask("GET", "/readyz")[0], 200)
        for role in started:
            self.assertNotIn("Denied", (self.folder / f"{role}.log").read_text(encoding="utf-8"))

    def test_the_doctor_says_which_is_missing(self):
        cases = [("front", 0, "SendMessage", "not allowed: sqs:SendMessage"),
                 ("front", 0, "/claims/*", "cannot put below claims/"),
                 ("front", 0, "GetObject", "allow s3:GetObject"),
                 ("front", 0, "ListBucket", "allow s3:ListBucket"),
                 ("worker", 1, "ReceiveMessage", "not allowed: sqs:ReceiveMessage"),
                 ("worker", 1, "DeleteMessage", "not allowed: sqs:DeleteMessage"),
                 ("worker", 1, "ChangeMessageVisibility", "not allowed: sqs:ChangeMessageVisibility"),
                 ("worker", 1, "/outgoing/*", "cannot put below outgoing/"),
                 ("worker", 1, "/failed/*", "cannot put below failed/"),
                 ("worker", 1, "/incoming/*", "arn:aws:s3:::jobs/incoming/*")]
        keys = [self.make_user(f"{role}-{number}", json.loads(blocks("json")[place]), without)
                for number, (role, place, without, _) in enumerate(cases)]
        self.enforce()
        self.addCleanup(self.enforce, "inf")
        for (role, _, without, words), key in zip(cases, keys):
            with self.subTest(f"{role} without {without}"):
                status, said = self.doctor(role, key)
                failed = [line for line in said.splitlines() if line.startswith("FAIL")]
                self.assertEqual(status, 1, said)
                self.assertTrue(any(words in line for line in failed), said)


if __name__ == "__main__":
    installs.inside()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
