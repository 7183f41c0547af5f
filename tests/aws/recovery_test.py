#!/usr/bin/env python3
"""The cache goes while hundreds wait, their results come meanwhile, and it comes back: how long until all
of them are answered?

    tests/aws/recovery_test.py BIDE [--waiters N] [--seconds N]

Measured from when both fronts have subscribed again. Exit status 77: the services cannot be had here.
"""
import argparse
import asyncio
import pathlib
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import chaos_test  # noqa: E402
import fleet  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

JOB_MS = 1500
PATIENCE_S = 60


async def until(condition, pause_s=0.02):
    end = time.monotonic() + PATIENCE_S
    while not await asyncio.to_thread(condition):
        if time.monotonic() > end:
            raise AssertionError("it never came to that")
        await asyncio.sleep(pause_s)
    return time.monotonic()


class Recovery:
    def __init__(self, arguments, environment, processes):
        arguments.seed, arguments.scenario = 1, "calm"
        self.arguments, self.environment = arguments, environment
        self.run = chaos_test.Run(arguments, environment, processes)
        self.answered = {}  # number: when

    async def wait_for(self, number, ms):
        client = chaos_test.Client(self.run)
        try:
            self.run.told[number] = await client.ask(number, ms)
            self.answered[number] = time.monotonic()
        finally:
            client.close()

    def stored(self):
        pages = self.environment.s3().get_paginator("list_objects_v2").paginate(
            Bucket=self.environment.bucket, Prefix="outgoing/default/")
        return sum(len(page.get("Contents", [])) for page in pages)

    def all_sent(self):
        said = self.environment.sqs().get_queue_attributes(
            QueueUrl=self.environment.queues["default"], AttributeNames=["All"])["Attributes"]
        waiting = int(said["ApproximateNumberOfMessages"]) + int(said["ApproximateNumberOfMessagesNotVisible"])
        return waiting + self.stored() >= self.arguments.waiters

    def subscribed(self):
        channels = self.environment.servers["redis"].cli("PUBSUB", "CHANNELS", "bide:reply:*")
        return len(channels.split()) >= chaos_test.FRONTS

    async def go(self):
        proxy = self.environment.faults["redis"]
        waits = [asyncio.create_task(self.wait_for(number, JOB_MS)) for number in range(self.arguments.waiters)]
        await until(self.all_sent)
        proxy.link("refuse")
        cut = time.monotonic()
        print(f"the cache is gone, {len(self.answered)} of {self.arguments.waiters} have been answered", flush=True)
        await until(lambda: self.stored() >= self.arguments.waiters, 0.2)
        await asyncio.sleep(max(0, cut + self.arguments.seconds - time.monotonic()))
        stranded = self.arguments.waiters - len(self.answered)
        print(f"all results are stored, {stranded} waiters are stranded", flush=True)
        proxy.link("open")
        opened = time.monotonic()
        restored = await until(self.subscribed)
        await asyncio.gather(*waits)
        last = max(self.answered.values())
        print(f"subscribed again {restored - opened:.2f} s after the cache came back; the last waiter was answered "
              f"{max(0, last - restored):.2f} s later ({last - opened:.2f} s after it came back)")
        if last - restored > 5:  # one on a machine with nothing else to do
            self.run.violated("stranded waiters were not rescued in time")


async def drive(arguments, environment):
    async with fleet.Fleet(arguments.bide, environment, chaos_test.FRONTS, chaos_test.WORKERS,
                           fleet.SLEEPING) as processes:
        recovery = Recovery(arguments, environment, processes)
        await recovery.go()
        for what in await processes.stop():
            recovery.run.violated(what)
    recovery.run.check_store()
    return recovery.run.violations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bide", type=pathlib.Path)
    parser.add_argument("--waiters", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=3, help="that the cache is gone at least")
    arguments = parser.parse_args()
    arguments.bide = arguments.bide.resolve()
    installs.inside()
    ways = chaos_test.FRONTS + chaos_test.WORKERS
    with installs.skipping(), services.start(ways=ways, receives_max=100) as environment:
        violations = asyncio.run(drive(arguments, environment))
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
