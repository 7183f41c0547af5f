#!/usr/bin/env python3
"""What docs/aws.md shows is so: its first try, its programs in Python, its configuration.

    tests/aws/manual_test.py BIDE [TEST...]

Exit status 77: the services cannot be had here.
"""
import contextlib
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
import unittest
import unittest.mock

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


class Text(unittest.TestCase):
    def test_policy_is_json(self):
        [policy] = blocks("json")
        self.assertEqual(json.loads(policy)["Version"], "2012-10-17")


if __name__ == "__main__":
    installs.inside()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
