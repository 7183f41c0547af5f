#!/usr/bin/env python3
"""The functions under AWS's own Lambda runtime interface emulator: a front that is called with events of a
REST API, and a worker with those of SQS.

    tests/functions/emulator_test.py BIDE [TEST...]

The emulator runs one invocation at a time and knows no streaming. Exit status 77: it, or the services,
cannot be had here.
"""
import asyncio
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "aws")]
import entry  # noqa: E402
import esm  # noqa: E402
import fleet  # noqa: E402
import function  # noqa: E402
import http1  # noqa: E402
import installs  # noqa: E402
import runtime_api  # noqa: E402
import servers  # noqa: E402
import services  # noqa: E402

CONFIG = """
[server]
anonymous = true

[queues.echo]
native = "echo"
"""


class Emulator(servers.Server):
    """The emulator with a function in it, for all that calls a Function."""

    name = "aws-lambda-rie"

    def __init__(self, folder, handler, task, variables):
        super().__init__(folder)
        self.program, self.task = installs.runtime_emulator(), task
        self.variables = {**variables, "_HANDLER": handler, "LAMBDA_TASK_ROOT": str(task), "BIDE_DATA": str(folder),
                          "AWS_LAMBDA_FUNCTION_TIMEOUT": "30", "PATH": "/usr/bin:/bin"}

    def command(self):
        # It gives the function what it has itself.
        return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in self.variables.items()), self.program,
                "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
                "--runtime-api-address", f"127.0.0.1:{servers.free_port()}", self.task / "bootstrap"]

    async def call(self, event):
        client = http1.Client(self.port)
        try:
            head, payload = await client.ask("POST", "/2015-03-31/functions/function/invocations", body=event)
        finally:
            client.close()
        failed = head.status() != 200 or (payload.startswith(b"{") and "errorType" in json.loads(payload))
        return payload, failed or payload.startswith(b"Task timed out")

    async def idle(self):
        """It answers when the function has asked for the next."""

    async def invoke(self, event, _streams):
        invocation = runtime_api.Invocation(event, False)
        payload, failed = await self.call(event)
        if failed:
            invocation.end(payload)
        else:
            await invocation.give(payload)
            invocation.end()
        return invocation


class Agreement(unittest.IsolatedAsyncioTestCase):
    """What the bench's own Runtime API answers to right and wrong requests is what the emulator answers."""

    CALLS = ("say", "fail", "twice", "unknown", "large", "bad_mode", "crash", "say")

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bide-functions-")))
        self.task = function.make_task(self.folder / "task", HERE / "tiny_bootstrap.py")

    async def outcomes(self, target):
        """Of each call whether it failed."""
        said = []
        for what in self.CALLS:
            said.append((await target.call(json.dumps({"do": what}).encode()))[1])
            await target.idle()
        return said

    async def test_with_the_emulator(self):
        with installs.skipping():
            emulator = Emulator(self.folder / "emulator", "x", self.task, {"AWS_REGION": servers.REGION}).start()
        self.addCleanup(emulator.stop)
        ours = function.Function("tiny", self.task, self.folder)
        self.addAsyncCleanup(ours.stop)
        self.assertEqual(await self.outcomes(emulator), await self.outcomes(ours))
        # The function says which answers it got.
        said = [re.findall(r"^(?:\[\d+, \d+\]|\d{3})$", log, re.M) for log in (
            emulator.log.read_text(encoding="utf-8"), ours.log())]
        self.assertEqual(said[0], said[1])
        self.assertEqual(said[0], ["[202, 403]", "[400, 202]", "413", "400"])


class Emulated(unittest.IsolatedAsyncioTestCase):
    async def test_front_and_worker(self):
        asyncio.get_running_loop().set_debug(False)
        with installs.skipping():
            installs.runtime_emulator()
            environment = self.enterContext(services.start(queues=("echo",)))
        variables = {key: value for key, value in environment.variables().items() if key.startswith("AWS_")}
        task = function.make_task(environment.folder / "task", pathlib.Path(sys.argv[1]).resolve(), {
            "bide.toml": fleet.on_services(environment, 0, CONFIG)})
        running = {}
        for handler in ("front", "worker"):
            running[handler] = Emulator(environment.folder / handler, handler, task, variables).start()
            self.addCleanup(running[handler].stop)
        mapping = await esm.Mapping(environment.servers["sqs"].port, environment.queues["echo"], running["worker"],
                                    concurrency=1).start()
        self.addAsyncCleanup(mapping.stop)
        opened = await entry.Entry(running["front"], "rest_buffered").start()
        self.addAsyncCleanup(opened.stop)
        for body in (b"hello", bytes(range(256)), b""):
            with self.subTest(body[:5]):
                said = await asyncio.to_thread(
                    subprocess.run, ["curl", "-sS", "--max-time", "60", "--data-binary", "@-", opened.url],
                    input=body, capture_output=True, check=False)
                logs = "\n".join(server.log.read_text(errors="replace")[-3000:] for server in running.values())
                self.assertEqual((said.returncode, said.stdout), (0, body), f"{said.stderr}\n{opened.refused}\n{logs}")
        self.assertEqual((mapping.problems, mapping.counts["errors"], opened.refused), ([], 0, []))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    installs.inside()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
