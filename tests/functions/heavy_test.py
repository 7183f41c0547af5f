#!/usr/bin/env python3
"""The functions under load and for a long time; what functions_test.py does not wait for.

    tests/functions/heavy_test.py BIDE [TEST...]
"""
import asyncio
import json
import os
import pathlib
import random
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "aws")]
import functions_test  # noqa: E402
import http1  # noqa: E402
import installs  # noqa: E402

MIB = 1 << 20
CALLERS = int(os.environ.get("BIDE_CALLERS", "500"))


def memory(environments):
    """Of these processes together, in MiB, shared pages counted once, and of the largest what is its own."""
    together, largest = 0, 0
    for environment in environments:
        said = pathlib.Path(f"/proc/{environment.process.pid}/smaps_rollup").read_text(encoding="ascii")
        sizes = {line.split()[0]: int(line.split()[1]) for line in said.splitlines()[1:]}
        together += sizes["Pss:"]
        largest = max(largest, sizes["Private_Dirty:"] + sizes["Private_Clean:"])
    return round(together / 1024), round(largest / 1024, 1)


class Load(functions_test.Deployed):
    patience_s = 300

    async def test_many_callers(self):
        """One process for each of them, as Lambda does it; the second time they are there already."""
        await self.deploy(front={"limit": CALLERS}, worker={"limit": 100}, mapping={"concurrency": 100})
        self.deployment.patience_s = 60  # of all at once on a few processors
        front = self.deployment.functions["front-stream"]
        for wave in range(2):
            bodies = [f"{number}".encode() for number in range(1000, 1000 + CALLERS)]
            before = time.monotonic()
            said = await asyncio.gather(*(self.post("sleep", body) for body in bodies))
            print(f"wave {wave}: {CALLERS} callers in {time.monotonic() - before:.1f} s; {front.started} fronts, "
                  f"{self.deployment.functions['worker'].started} workers started", flush=True)
            self.assertEqual(said, [(200, body) for body in bodies])
        for name in ("front-stream", "worker"):
            one = self.deployment.functions[name]
            together, largest = memory(one.environments)
            print(f"{len(one.environments)} {name} processes: {together} MiB, the largest {largest} MiB of its own")

    async def test_many_callers_of_one_process(self):
        """As Lambda Managed Instances would have it."""
        await self.deploy(front={"limit": 1, "concurrency": CALLERS}, worker={"limit": 1, "concurrency": 100},
                          mapping={"concurrency": 100})
        bodies = [f"{number}".encode() for number in range(1000, 1000 + CALLERS)]
        before = time.monotonic()
        said = await asyncio.gather(*(self.post("sleep", body) for body in bodies))
        self.assertEqual(said, [(200, body) for body in bodies])
        environments = [one for name in ("front-stream", "worker") for one in self.deployment.functions[name].environments]
        print(f"{CALLERS} callers in {time.monotonic() - before:.1f} s; front and worker: {memory(environments)[0]} MiB")

    async def test_processes_that_die_all_the_time(self):
        """Callers try again, with a key; each job has one result, whatever was killed."""
        await self.deploy(front={"limit": 60}, worker={"limit": 20}, mapping={"concurrency": 20})
        chance, told, done = random.Random(7), {}, asyncio.Event()

        async def call(number):
            while True:
                try:
                    head, said = await self.ask("POST", "/queues/nap/jobs", f"{number % 300}".encode(),
                                                Idempotency_Key=f'"{number}"', Prefer="wait=20")
                except (http1.Broken, ConnectionError):
                    continue
                if head.status() == 200:
                    return told.setdefault(number, set()).add((head.get("bide-job-id"), said))
                self.assertIn(head.status(), (500, 502, 503, 504), said)
                await asyncio.sleep(chance.uniform(0.1, 0.5))

        async def kill():
            while not done.is_set():
                await asyncio.sleep(chance.uniform(0.05, 0.3))
                busy = [environment for one in self.deployment.functions.values() for environment in one.environments
                        if environment.busy() and environment.process]
                if busy:
                    chance.choice(busy).kill()

        killer = asyncio.create_task(kill())
        try:
            for start in range(0, 200, 40):
                async with asyncio.timeout(300):
                    await asyncio.gather(*(call(number) for number in range(start, start + 40)))
        finally:
            done.set()
            await killer
        for number in list(told):
            await call(number)  # and hears the same
        self.assertTrue(all(len(what) == 1 for what in told.values()), told)
        started = {name: one.started for name, one in self.deployment.functions.items()}
        print(f"{len(told)} jobs; processes started: {started}")
        for opened in self.deployment.entries.values():
            opened.refused = [why for why in opened.refused if "Runtime.ExitError" not in why]


class Long(functions_test.Deployed):
    async def test_a_minute_of_silence(self):
        """No limit is scaled down: REST STREAM and a function URL may be silent for that long."""
        await self.deploy(entries=("rest_stream", "function_url"))
        before = time.monotonic()
        said = await asyncio.gather(*(asyncio.to_thread(
            subprocess.run, ["curl", "-sS", "-d", "60000", f"{opened.url}/queues/sleep/jobs"], capture_output=True,
            check=False) for opened in self.deployment.entries.values()))
        self.assertEqual([(one.stdout, one.stderr) for one in said], [(b"60000", b"")] * 2)
        self.assertGreater(time.monotonic() - before, 60)

    async def test_large_results(self):
        await self.deploy(entries=("rest_stream", "rest_buffered", "function_url", "alb"))
        body = random.Random(1).randbytes(4 * MIB)
        status, said = await self.post("cat", body)
        self.assertEqual((status, said == body), (200, True), said[:500])
        for kind in ("rest_buffered", "function_url", "alb"):
            with self.subTest(kind):
                head, said = await self.ask("POST", "/queues/swell/jobs", b"9000000", kind)
                problem = json.loads(said)
                self.assertNotEqual(head.status() // 100, 2, problem)
                page = head.get("content-location").removeprefix(self.opened(kind).kind.prefix)
                self.assertTrue(page.startswith("/jobs/"), head.fields)
                head, said = await self.ask("GET", page, kind=kind, Range="bytes=8999990-")
                self.assertEqual((head.status(), said), (206, bytes(10)))
        status, said = await self.post("swell", b"50000000")
        self.assertEqual((status, len(said)), (200, 50_000_000))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    installs.inside()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
