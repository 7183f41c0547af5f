#!/usr/bin/env python3
"""The tests of the HTTP contract (tests/contract) against a front and a worker on real services.

    tests/aws/conformance_test.py BIDE CONTRACT_TEST [GOOGLETEST ARGUMENT...]

exceptions.txt lists the tests that cannot hold for this engine, and why. Exit status 77: the services
cannot be had here.
"""
import asyncio
import os
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fleet  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
LINE_BYTES_MAX = 64 << 20  # a failure shows whole bodies
CONFIG = (HERE.parent / "contract/contract.toml").read_text(encoding="utf-8")


def exceptions():
    """Names of tests: why."""
    lines = (HERE / "exceptions.txt").read_text(encoding="utf-8").splitlines()
    return dict((line.split(None, 1) + [""])[:2] for line in lines if line and not line.startswith("#"))


async def ask(program, arguments, port):
    said = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, limit=LINE_BYTES_MAX,
        env={**os.environ, "BIDE_URL": f"http://127.0.0.1:{port}", "BIDE_DURABILITY": "s3"})
    while line := await said.stdout.readline():
        sys.stdout.write(line.decode(errors="replace"))
        sys.stdout.flush()
    return await said.wait()


async def drive(bide, program, arguments, environment):
    known = exceptions()
    batches = f'batches = "{environment.queue("batches")}"'
    async with fleet.Fleet(bide, environment, 1, 1, CONFIG, batches) as processes:
        # The front's HTTP is that of `bide serve`: requests that come in pieces are tested there.
        without = [] if arguments else ["--gtest_brief=1", "--gtest_filter=-Corpus/Raw.IsAnsweredTheSameInPieces*:"
                                        + ":".join(known)]
        status = await ask(program, without or arguments, processes.fronts[0].port)
        wrong = [f"{process.name} ended by itself with {process.ended()}:\n{process.tail()}"
                 for process in processes.all if process.ended() is not None] or await processes.stop()
    for what in wrong:
        print(what)
    for name, why in known.items():
        print(f"not asked: {name}: {why}")
    return 1 if status or wrong else 0


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    bide, program = (str(pathlib.Path(name).resolve()) for name in sys.argv[1:3])
    installs.inside()
    queues = tuple(re.findall(r"^\[queues\.(\w+)\]", CONFIG, re.M)) + ("batches",)
    with installs.skipping(), services.start(queues=queues) as environment:
        status = asyncio.run(drive(bide, program, sys.argv[3:], environment))
    sys.exit(status)


if __name__ == "__main__":
    main()
