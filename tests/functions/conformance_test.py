#!/usr/bin/env python3
"""The tests of the HTTP contract (tests/contract) through the entries, the functions and real services.

    tests/functions/conformance_test.py BIDE CONTRACT_TEST ENTRY... [-- GOOGLETEST ARGUMENT...]

ENTRY: of entry.KINDS. exceptions.txt lists the tests that cannot hold for an entry, and why; those of
tests/aws cannot hold here either. Exit status 77: the services cannot be had here.
"""
import asyncio
import os
import pathlib
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "aws"), str(HERE)]
import conformance_test as of_the_engine  # noqa: E402  (that of tests/aws)
import deployment  # noqa: E402
import entry  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

CONFIG = of_the_engine.CONFIG


def exceptions(kind):
    """Names of tests: why. A section [KIND KIND...] is for these entries only."""
    known, applies = of_the_engine.exceptions(), True
    for line in (HERE / "exceptions.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            applies = kind in line.strip("[]").split()
        elif applies and line and not line.startswith("#"):
            known |= dict([(line.split(None, 1) + [""])[:2]])
    return known


async def drive(bide, program, kinds, arguments, environment):
    failed = False
    for kind in kinds:
        known = exceptions(kind)
        deployed = deployment.Deployment(
            bide, environment, CONFIG, entries=[(kind, {"bare": True})], front={"limit": 200},
            mapping={"batch": 5, "concurrency": 100}, name=kind)
        async with deployed:
            without = [] if arguments else ["--gtest_brief=1", "--gtest_filter=-" + ":".join(known)]
            print(f"{kind}:", flush=True)
            os.environ.pop("BIDE_EVENTS_COLLECTED", None)
            if not entry.KINDS[kind].streams:
                os.environ["BIDE_EVENTS_COLLECTED"] = "1"
            status = await of_the_engine.ask(program, without or arguments, deployed.entries[kind].port)
            wrong = deployed.wrong()
        for what in wrong:
            print(what)
        for name, why in known.items():
            print(f"not asked of {kind}: {name}: {why}")
        failed = failed or status or wrong
    return 1 if failed else 0


def main():
    words = sys.argv[1:]
    arguments = words[words.index("--") + 1:] if "--" in words else []
    words = words[:words.index("--")] if "--" in words else words
    if len(words) < 3 or any(kind not in entry.KINDS for kind in words[2:]):
        sys.exit(__doc__)
    bide, program = (str(pathlib.Path(name).resolve()) for name in words[:2])
    installs.inside()
    with installs.skipping(), services.start(queues=deployment.queues_of(CONFIG)) as environment:
        status = asyncio.run(drive(bide, program, words[2:], arguments, environment))
    sys.exit(status)


if __name__ == "__main__":
    main()
