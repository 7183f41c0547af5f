#!/usr/bin/env python3
"""Two fronts and three workers, while everything fails that can: no job may be lost or answered in two
ways, and nobody may wait for ever.

    tests/aws/chaos_test.py BIDE SCENARIO [--jobs N] [--clients N] [--seed N]

SCENARIO: calm, kills, redis, sqs, s3, network, or all (at once).

Clients send each job with a key and, when they get no answer, send it again, to whichever front. Some ask
again after the answer and must hear the same. At the end the store has one result for each job, no more,
and it is what the client was told. Exit status 77: the services cannot be had here.
"""
import argparse
import asyncio
import collections
import concurrent.futures
import pathlib
import random
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import faults  # noqa: E402
import fleet  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

FRONTS, WORKERS = 2, 3
WAIT_S = 30  # of one request
SLACK_S = 20  # after that the front has forgotten it
JOB_MS_MAX = 200
LOST = (OSError, asyncio.IncompleteReadError)


class Client:
    """One connection at a time; HTTP as little as is needed."""

    def __init__(self, run):
        self.run, self.connection, self.port = run, None, None

    def close(self):
        if self.connection:
            self.connection[1].close()
        self.connection = None

    async def exchange(self, port, number, ms):
        if self.port != port or not self.connection or self.connection[0].at_eof():
            self.close()
            self.connection, self.port = await asyncio.open_connection("127.0.0.1", port), port
        reader, writer = self.connection
        body = f"{number} {ms}"
        writer.write((f"POST /queues/default/jobs HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n"
                      f"Content-Type: text/plain\r\nPrefer: wait={WAIT_S}\r\n"
                      f"Idempotency-Key: job-{number}\r\n\r\n{body}").encode())
        answer = await faults.Message.read(reader)
        said = b"".join([part async for part in faults.body_of(answer, reader, False)])
        return int(answer.first.split(" ")[1]), answer.fields.get(b"bide-job-id", b"").decode(), said.decode()

    async def ask(self, number, ms):
        """Until there is a result: the job's id and the result. None after a violation."""
        run = self.run
        while True:
            ports = [front.port for front in run.fleet.fronts if front.port]
            if not ports:
                await asyncio.sleep(0.05)
                continue
            try:
                async with asyncio.timeout(WAIT_S + SLACK_S):
                    status, job, said = await self.exchange(run.chance.choice(ports), number, ms)
            except TimeoutError:
                return run.violated(f"job {number}: a wait of {WAIT_S} s did not end on port {self.port}")
            except LOST:
                run.counts["no answer"] += 1
                self.close()
                await asyncio.sleep(run.chance.uniform(0.02, 0.2))
                continue
            if status == 200:
                return job, said
            kind = re.search(r'"type":"[^"]*/([^"/]+)"', said)
            kind = kind[1] if kind else str(status)
            run.counts[kind] += 1
            if status != 503 and kind != "wait-over":  # ask again later
                return run.violated(f"job {number}: {status} {said[:300]}")
            await asyncio.sleep(run.chance.uniform(0.1, 0.5))

    async def work(self, numbers):
        run = self.run
        try:
            for number in numbers:
                ms, before = run.chance.randrange(JOB_MS_MAX), time.monotonic()
                told = await self.ask(number, ms)
                if told is None:
                    continue
                run.times.append(time.monotonic() - before)
                run.told[number] = told
                if not told[1].startswith(f"{number} "):
                    run.violated(f"job {number} was told the result {told[1]!r}")
                if run.chance.random() < 0.05 and (again := await self.ask(number, ms)) != told:
                    run.violated(f"job {number} was told {told}, then {again}")
        finally:
            self.close()


class Run:
    def __init__(self, arguments, environment, processes):
        self.arguments, self.environment, self.fleet = arguments, environment, processes
        self.chance = random.Random(arguments.seed)
        self.told, self.times, self.violations = {}, [], []
        self.counts = collections.Counter()

    def violated(self, what):
        if len(self.violations) < 20:
            print(f"VIOLATION: {what}", flush=True)
        self.violations.append(what)

    # What happens meanwhile. Each goes on until it is cancelled, and heal() mends what it left.

    async def calm(self):
        await asyncio.Event().wait()

    async def kills(self):
        """A worker each second, a front each five, started again at once."""
        second = 0
        while True:
            await asyncio.sleep(1)
            second += 1
            victims = [self.fleet.workers[second % WORKERS]]
            if second % 5 == 0:
                victims.append(self.fleet.fronts[second // 5 % FRONTS])
            for victim in victims:
                await victim.kill()
                self.counts[f"{victim.kind}s killed"] += 1
                await victim.start()

    async def redis(self):
        """Killed, stopped without a word, and emptied, in turn."""
        redis = self.environment.servers["redis"]
        while True:
            await asyncio.sleep(2)
            redis.stop()
            await asyncio.sleep(1)
            redis.start()  # from this thread, with which it ends
            await asyncio.sleep(2)
            await asyncio.to_thread(redis.cli, "FLUSHALL")
            await asyncio.sleep(2)
            redis.pause()
            await asyncio.sleep(self.arguments.pause)
            redis.resume()
            self.counts["rounds of Redis"] += 1

    async def sqs(self):
        self.environment.faults["sqs"].rules(
            {"fault": "delay", "seconds": [0.05, 1], "share": 0.05},
            *({"fault": "error", "error": error, "share": 0.03}
              for error in ("internal", "unavailable", "throttled", "request_throttled")),
            *({"fault": fault, "share": 0.03} for fault in ("cut_before", "cut_after", "cut_half", "twice")))
        await asyncio.Event().wait()

    async def s3(self):
        self.environment.faults["s3"].rules(
            {"fault": "delay", "seconds": [0.05, 2], "share": 0.05},
            {"fault": "drip", "seconds": [0.05, 2], "share": 0.02},
            {"fault": "error", "error": "conflict", "share": 0.05, "match": "^PUT"},
            *({"fault": "error", "error": error, "share": 0.03} for error in ("internal", "unavailable", "throttled")),
            *({"fault": fault, "share": 0.03} for fault in ("cut_before", "cut_after", "cut_half")))
        await asyncio.Event().wait()

    async def network(self):
        """Between one process and one service at a time, in all ways that a network has."""
        while True:
            service = self.chance.choice(("sqs", "s3", "redis"))
            way = self.chance.randrange(FRONTS + WORKERS)
            mode = self.chance.choice(("stall", "stall_up", "stall_down", "refuse", "cut"))
            proxy = self.environment.faults[service]
            await asyncio.to_thread(proxy.link, mode, way)
            self.counts[f"network: {mode}"] += 1
            await asyncio.sleep(self.chance.uniform(0.2, 5))
            await asyncio.to_thread(proxy.link, "open", way)
            await asyncio.sleep(self.chance.uniform(0, 0.5))

    async def all(self):
        async with asyncio.TaskGroup() as group:
            for each in (self.kills, self.redis, self.sqs, self.s3, self.network):
                group.create_task(each())

    async def heal(self):
        redis = self.environment.servers["redis"]
        if redis.process.poll() is not None:
            redis.start()  # from this thread, with which it ends
        redis.resume()
        for service, proxy in self.environment.faults.items():
            proxy.link("open")
            if service != "redis":
                proxy.rules()
        for process in self.fleet.all:
            if process.port is None or process.ended() is not None:
                await process.kill()
                await process.start()

    async def progress(self):
        while True:
            await asyncio.sleep(10)
            print(f"  {len(self.told)} jobs answered, {dict(self.counts)}", flush=True)
            for process in self.fleet.all:
                if process.port and process.ended() is not None:
                    self.violated(f"{process.name} ended with {process.ended()}:\n{process.tail()}")

    async def go(self):
        numbers = iter(range(self.arguments.jobs))  # shared: each takes the next
        beside = [asyncio.create_task(getattr(self, self.arguments.scenario)()),
                  asyncio.create_task(self.progress())]
        clients = asyncio.gather(*(Client(self).work(numbers) for _ in range(self.arguments.clients)))
        before = time.monotonic()
        try:
            await asyncio.wait([clients, *beside], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in beside:
                task.cancel()
            stopped = await asyncio.gather(*beside, return_exceptions=True)
        for error in stopped:
            if not isinstance(error, asyncio.CancelledError):
                raise error
        await clients
        self.counts["seconds"] = round(time.monotonic() - before)
        await self.heal()
        await self.queue_is_emptied()
        for what in await self.fleet.stop():
            self.violated(what)

    async def queue_is_emptied(self):
        """Doubled and late messages are dealt with, too."""
        sqs, end = self.environment.sqs(), time.monotonic() + 120
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        while True:
            said = await asyncio.to_thread(sqs.get_queue_attributes, AttributeNames=names,
                                           QueueUrl=self.environment.queues["default"])
            left = sum(int(said["Attributes"][name]) for name in names)
            if not left:
                return
            if time.monotonic() > end:
                return self.violated(f"{left} messages are still in the queue")
            await asyncio.sleep(0.5)

    def check_store(self):
        """The store against what clients were told."""
        s3 = self.environment.s3()
        stored = []
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.environment.bucket,
                                                                 Prefix="outgoing/default/"):
            stored += [entry["Key"].rpartition("/")[2] for entry in page.get("Contents", [])]
        known = {job: said for job, said in self.told.values()}
        if len(known) != len(self.told):
            self.violated(f"{len(self.told)} jobs have {len(known)} ids")
        if sorted(stored) != sorted(known):
            self.violated(f"{len(stored)} results are stored, {len(known)} were told; without a result: "
                          f"{sorted(set(known) - set(stored))[:5]}, of nobody: {sorted(set(stored) - set(known))[:5]}")

        def look(job):
            got = s3.get_object(Bucket=self.environment.bucket, Key=f"outgoing/default/{job}")["Body"].read()
            if got.decode() != known[job]:
                self.violated(f"{job}: stored is {got!r}, told was {known[job]!r}")

        chosen = [job for job in stored if job in known]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(look, self.chance.sample(chosen, min(len(chosen), 2000))))

    def report(self):
        times = sorted(self.times) or [0]
        print(f"{self.arguments.scenario}: {len(self.told)} of {self.arguments.jobs} jobs answered; a client waited "
              + ", ".join(f"{times[int(len(times) * share)]:.2f} s (p{100 * share:g})" for share in (0.5, 0.99, 0.999))
              + f", at most {times[-1]:.2f} s")
        print(f"  {dict(self.counts)}")
        for service, proxy in self.environment.faults.items():
            seen = proxy.seen()
            each = {name: round(count / max(1, len(self.told)), 3) for name, count in seen["requests"].items()}
            print(f"  {service}: calls for a job {each}, faults {seen['faults']}")


async def drive(arguments, environment):
    # The message of a worker that was killed is seen again soon.
    async with fleet.Fleet(arguments.bide, environment, FRONTS, WORKERS, fleet.SLEEPING,
                           aws='lease = "5s"') as processes:
        run = Run(arguments, environment, processes)
        await run.go()
    run.check_store()
    run.report()
    return run.violations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bide", type=pathlib.Path)
    parser.add_argument("scenario", choices=("calm", "kills", "redis", "sqs", "s3", "network", "all"))
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--pause", type=float, default=5, help="seconds that Redis is stopped")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.bide = arguments.bide.resolve()
    installs.inside()
    import uvloop
    uvloop.install()
    # No message is given up.
    with installs.skipping(), services.start(ways=FRONTS + WORKERS, receives_max=100) as environment:
        violations = asyncio.run(drive(arguments, environment))
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
