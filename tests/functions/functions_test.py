#!/usr/bin/env python3
"""The functions of bide in the deployment of deployment.py: what callers get through each entry, also when
processes die, are frozen, or start before the cache.

    tests/functions/functions_test.py BIDE [TEST...]

BIDE may be a zip of scripts/package, also for another processor. Exit status 77: the services, or the emulator
of that processor, cannot be had here. The tests of heavy_test.py take longer.
"""
import asyncio
import contextlib
import functools
import json
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "aws")]
import deployment  # noqa: E402
import entry  # noqa: E402
import function  # noqa: E402
import http1  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

PATIENCE_S = 60
RECEIVES = 3
SPEAK = HERE.parents[1] / "examples/speak"
CONFIG = """
[server]
default_queue = "speak"
heartbeat = "250ms"
anonymous = true

[queues.speak]
exec = "./speak"
content_type = "audio/wav"

[queues.echo]
native = "echo"

[queues.cat]
exec = "cat"

[queues.sleep]
native = "sleep"

[queues.slow_json]
exec = ["sh", "-c", "sleep 5; cat"]
content_type = "application/json"

[queues.nap]
native = "sleep"
attempts = 20

[queues.crash]
exec = ["sh", "-c", "test $BIDE_ATTEMPT -ge 2 && exec cat; kill -9 $PPID"]

[queues.poison]
exec = ["sh", "-c", "kill -9 $PPID"]

[queues.swell]
exec = ["sh", "-c", "read n; head -c $n /dev/zero"]

[queues.refuse]
exec = ["sh", "-c", "echo not with me >&2; exit 65"]
"""
# Seconds until a message comes again whose worker died; of the others long enough for every job here.
VISIBILITY_S = {"nap": 4, "crash": 2, "poison": 2}
# Entries that hear nothing for longer than that give up; fronts know of less.
SHORT = {"idle_s": 4}
SHORT_STREAMING = "[lambda]\nstreaming = true\nidle_limit = \"2s\"\n"
SHORT_BUFFERED = "[lambda]\nidle_limit = \"2s\"\n"


def starts_processes(test):
    """For a test whose handlers are programs."""
    @functools.wraps(test)
    async def checked(self):
        if function.emulator(sys.argv[1]):
            self.skipTest("the emulator of a foreign program does not know the clone() that starts handlers")
        await test(self)
    return checked


class Deployed(unittest.IsolatedAsyncioTestCase):
    """One set of services for all tests of a class, each with its own functions."""

    ways, patience_s = 0, 60

    @classmethod
    def setUpClass(cls):
        with installs.skipping():
            cls.environment = cls.enterClassContext(services.start(queues=(), ways=cls.ways))
        for queue in deployment.queues_of(CONFIG):
            cls.environment.make_queue(queue, VISIBILITY_S.get(queue, 900), 20 if queue == "nap" else RECEIVES)

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        self.deployment, self.clients, self.count = None, [], 0

    async def deploy(self, **settings):
        self.count += 1
        self.deployment = deployment.Deployment(
            pathlib.Path(sys.argv[1]).resolve(), self.environment, CONFIG, files=[SPEAK],
            name=f"{self.id().rpartition('.')[2]}-{self.count}", **settings)
        await self.deployment.__aenter__()

    async def asyncTearDown(self):
        for client in self.clients:
            client.close()
        if self.deployment:
            wrong = self.deployment.wrong()
            await self.deployment.__aexit__()
            if wrong or self.deployment.slow:
                logs = "".join(f"{name}: {one.log()[-2000:]}" for name, one in self.deployment.functions.items())
                wrong += [f"SIGTERM did not end {name} in time" for name in self.deployment.slow]
                self.fail("\n".join([*wrong[:10], logs]))

    def opened(self, kind="rest_stream"):
        return self.deployment.entries[kind]

    async def ask(self, method, page, body=b"", kind="rest_stream", **fields):
        client = http1.Client(self.opened(kind).port)
        self.clients.append(client)
        async with asyncio.timeout(self.patience_s):
            return await client.ask(method, self.opened(kind).kind.prefix + page, [
                (name.replace("_", "-"), value) for name, value in fields.items()], body)

    async def post(self, queue, body, **fields):
        head, said = await self.ask("POST", f"/queues/{queue}/jobs", body, **fields)
        return head.status(), said

    async def comes_to(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), end)
            await asyncio.sleep(0.02)


class Functions(Deployed):
    @starts_processes
    async def test_curl_gets_its_wav_through_each_entry(self):
        await self.deploy(entries=entry.KINDS)
        for kind, opened in self.deployment.entries.items():
            with self.subTest(kind):
                said = await asyncio.to_thread(
                    subprocess.run, ["curl", "-sS", "--max-time", "60", "-d", '{"message":"hi"}', opened.url],
                    capture_output=True, check=False)
                self.assertEqual((said.returncode, said.stderr), (0, b""))
                self.assertEqual((said.stdout[:4], said.stdout[8:12]), (b"RIFF", b"WAVE"), said.stdout[:500])
                self.assertGreater(len(said.stdout), 10_000)

    @starts_processes
    async def test_bodies_of_every_byte_and_size(self):
        await self.deploy(entries=("rest_stream", "rest_buffered", "http_api", "function_url", "alb"))
        every_byte = bytes(range(256))
        for kind in self.deployment.entries:
            for body in (b"", b"text", "h\u00e9".encode(), every_byte, every_byte * 2000):
                with self.subTest(f"{kind}, {len(body)} bytes"):
                    status, said = await self.post("cat", body, kind=kind, Content_Type="application/octet-stream")
                    self.assertEqual((status, said == body), (200, True), said[:500])

    async def test_locations_lead_back_through_the_entry(self):
        await self.deploy(entries=("rest_stream", "http_api"))
        for kind in self.deployment.entries:
            head, said = await self.ask("POST", "/queues/echo/jobs", b"later", kind, Prefer="respond-async")
            self.assertEqual(head.status(), 202, said)
            prefix = self.opened(kind).kind.prefix
            self.assertTrue(head.get("location").startswith(f"{prefix}/jobs/"), head.get("location"))
            page = head.get("location").removeprefix(prefix)
            head, said = await self.ask("GET", f"{page}/result", kind=kind, Prefer="wait=30")
            self.assertEqual((head.status(), said), (200, b"later"))

    async def test_asked_for_while_its_own_front_is_frozen(self):
        await self.deploy()
        front = self.deployment.functions["front-stream"]
        first = asyncio.create_task(self.post("sleep", b"1500"))
        await self.comes_to(lambda: any(environment.running for environment in front.environments))
        head, said = await self.ask("POST", "/queues/sleep/jobs", b"6000", Prefer="wait=3")
        self.assertEqual((head.status(), front.started), (202, 2), said)
        self.assertEqual(await first, (200, b"1500"))
        before = time.monotonic()
        page = head.get("location").removeprefix(self.opened().kind.prefix)
        head, said = await self.ask("GET", f"{page}/result")
        self.assertEqual((head.status(), said), (200, b"6000"))
        self.assertLess(time.monotonic() - before, 10)  # the next slow look comes after 30 s
        self.assertEqual(front.started, 2)

    @starts_processes
    async def test_failure_of_the_handler_is_told_as_such(self):
        await self.deploy()
        status, said = await self.post("refuse", b"x")
        self.assertEqual((status, json.loads(said)["type"].rpartition("/")[2]), (502, "handler-rejected"))

    @starts_processes
    async def test_worker_that_dies_is_replaced(self):
        await self.deploy()
        self.assertEqual(await self.post("crash", b"survives"), (200, b"survives"))
        worker = self.deployment.functions["worker"]
        self.assertEqual([status for status, _ in worker.exits], [-9])
        worker.exits.clear()

    async def test_killed_while_it_works(self):
        await self.deploy()
        worker = self.deployment.functions["worker"]
        call = asyncio.create_task(self.post("nap", b"1500"))
        await self.comes_to(lambda: any(environment.running for environment in worker.environments))
        worker.kill_busy()
        self.assertEqual(await call, (200, b"1500"))

    @starts_processes
    async def test_poison_is_answered_by_the_dead_letter_function(self):
        await self.deploy()
        status, said = await self.post("poison", b"x")
        self.assertEqual((status, json.loads(said)["type"].rpartition("/")[2]), (502, "handler-lost"), said)
        worker = self.deployment.functions["worker"]
        self.assertEqual([status for status, _ in worker.exits], [-9] * RECEIVES)
        worker.exits.clear()
        self.assertGreaterEqual(self.deployment.functions["dead-letter"].started, 1)

    async def test_foreign_message(self):
        await self.deploy()
        job = self.environment.sqs().send_message(
            QueueUrl=self.environment.queues["echo"], MessageBody="from elsewhere")["MessageId"]
        end = time.monotonic() + PATIENCE_S
        while True:
            head, said = await self.ask("GET", f"/jobs/{job}/result")
            if head.status() == 200:
                break
            self.assertLess(time.monotonic(), end, said)
            await asyncio.sleep(0.1)
        self.assertEqual(said, b"from elsewhere")

    async def test_no_process_left_is_the_entrys_answer(self):
        await self.deploy(front={"limit": 1})
        call = asyncio.create_task(self.post("sleep", b"700"))
        front = self.deployment.functions["front-stream"]
        await self.comes_to(lambda: any(environment.running for environment in front.environments))
        self.assertEqual((await self.post("echo", b"x"))[0], 500)
        self.assertEqual(await call, (200, b"700"))

    async def test_many_in_one_process(self):
        """As on Lambda Managed Instances."""
        await self.deploy(front={"limit": 1, "concurrency": 40}, worker={"limit": 1, "concurrency": 40},
                          mapping={"concurrency": 40})
        bodies = [f"{number}".encode() for number in range(200, 240)]
        said = await asyncio.gather(*(self.post("sleep", body) for body in bodies))
        self.assertEqual(said, [(200, body) for body in bodies])

    async def test_batches_of_messages(self):
        await self.deploy(front={"concurrency": 20}, mapping={"batch": 10, "window_s": 1, "concurrency": 2})
        bodies = [f"{number}".encode() for number in range(20)]
        said = await asyncio.gather(*(self.post("echo", body) for body in bodies))
        self.assertEqual(said, [(200, body) for body in bodies])


class Limits(Deployed):
    """Entries that are patient for some seconds only, and fronts that know it."""

    async def deploy_short(self, kind, lines=""):
        await self.deploy(entries=[(kind, SHORT)], streaming=SHORT_STREAMING + lines, buffered=SHORT_BUFFERED + lines)

    async def test_wait_ends_before_the_entry_gives_up(self):
        for kind in ("rest_stream", "rest_buffered", "http_api"):
            with self.subTest(kind):
                await self.deploy_short(kind)
                head, said = await self.ask("POST", "/queues/sleep/jobs", b"4000", kind)
                self.assertEqual((head.status(), json.loads(said)["type"].rpartition("/")[2]), (504, "wait-over"), said)
                page = head.get("location").removeprefix(self.opened(kind).kind.prefix)
                end = time.monotonic() + PATIENCE_S
                while head.status() == 504:
                    self.assertLess(time.monotonic(), end)
                    head, said = await self.ask("GET", f"{page}/result", kind=kind)
                self.assertEqual((head.status(), said), (200, b"4000"))
                await self.asyncTearDown()
                self.deployment = None

    async def test_see_other_leads_to_the_result(self):
        await self.deploy_short("rest_buffered")
        opened = self.opened("rest_buffered")
        said = await asyncio.to_thread(
            subprocess.run, ["curl", "-sSL", "--max-time", "60", "-H", "Prefer: at-limit=redirect", "-d", "5000",
                             f"{opened.url}/queues/sleep/jobs"], capture_output=True, check=False)
        self.assertEqual((said.stdout, said.stderr), (b"5000", b""))

    async def test_events_outlast_the_limit(self):
        await self.deploy_short("rest_stream")
        head, said = await self.ask("POST", "/queues/sleep/jobs", b"5000", Accept="text/event-stream")
        self.assertEqual(head.status(), 200)
        self.assertRegex(said.decode(), r"(?s)event: accepted.*\n:.*event: result.*5000")

    @starts_processes
    async def test_white_space_outlasts_the_limit(self):
        # A space comes after two seconds, and the next fifteen later.
        await self.deploy_short("rest_stream", "whitespace = true\n")
        head, said = await self.ask("POST", "/queues/slow_json/jobs", b"[1]", Accept="application/json")
        self.assertEqual((head.status(), said), (200, b" [1]"))


class Connections(Deployed):
    """Every process has its ways to the services cut while it is frozen, or finds no cache."""

    ways = 3

    async def test_thawed_with_dead_connections(self):
        await self.deploy()
        self.assertEqual(await self.post("echo", b"before"), (200, b"before"))
        for one in self.deployment.functions.values():
            await asyncio.wait_for(one.idle(), PATIENCE_S)
        for proxy in self.environment.faults.values():
            proxy.link("cut")
        before = time.monotonic()
        self.assertEqual(await self.post("echo", b"after"), (200, b"after"))
        self.assertLess(time.monotonic() - before, 5)
        self.assertEqual([one.started for one in self.deployment.functions.values()], [1, 1, 0])

    async def test_no_cache_at_first(self):
        cache = self.environment.faults["redis"]
        cache.link("refuse")
        self.addCleanup(cache.link, "open")
        await self.deploy()
        call = asyncio.create_task(self.post("sleep", b"1000"))
        self.assertEqual(await call, (200, b"1000"))
        cache.link("open")
        self.assertEqual(await self.post("echo", b"with it"), (200, b"with it"))
        # The line that deploy/terraform has an alarm for; written after the answer, so perhaps after a thaw.
        logs = [one.log() for name, one in self.deployment.functions.items() if name.startswith("front")]
        self.assertIn('"message":"rescued: ', "".join(logs))

    async def test_cache_that_forgot_everything(self):
        await self.deploy()
        self.assertEqual(await self.post("echo", b"one", Idempotency_Key='"a"'), (200, b"one"))
        self.environment.servers["redis"].cli("FLUSHALL")
        self.assertEqual(await self.post("echo", b"one", Idempotency_Key='"a"'), (200, b"one"))
        self.assertEqual(await self.post("echo", b"two"), (200, b"two"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if (emulated_by := function.emulator(sys.argv[1])) and not shutil.which(emulated_by):
        print(f"skipped: there is no {emulated_by} (of Debian's qemu-user-static)")
        sys.exit(installs.SKIPPED)
    installs.inside()
    with contextlib.suppress(ImportError):
        import uvloop
        uvloop.install()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
