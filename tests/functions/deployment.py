#!/usr/bin/env python3
"""The all-managed deployment on this machine: HTTP entries, the front, worker and dead-letter functions, the
event source mappings, on the services of tests/aws.

    tests/functions/deployment.py up BIDE CONFIG [OPTION...]     prints each entry's URL, runs until Ctrl-C

CONFIG is a file for `bide serve`; where its queues, buckets and cache are is added. Options:
    --entry KIND[:PORT]   one of entry.KINDS (repeatable; default: rest_stream)
    --bare                without the stage in the URLs, as behind a domain of one's own
    --file PATH           goes beside bootstrap, as from a zip with --add (repeatable)
"""
import argparse
import asyncio
import contextlib
import os
import pathlib
import re
import signal
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "aws")]
import entry  # noqa: E402
import esm  # noqa: E402
import fleet  # noqa: E402
import function  # noqa: E402
import installs  # noqa: E402
import services  # noqa: E402

# What the fronts are told of their entries; a test that lowers an entry's times lowers these, too.
STREAMING = "[lambda]\nstreaming = true\nidle_limit = \"290s\"\n"
BUFFERED = "[lambda]\nidle_limit = \"28s\"\n"
PATIENT = "[lambda]\nidle_limit = \"890s\"\n"


def queues_of(config):
    return tuple(re.findall(r"^\[queues\.(\w+)\]", config, re.M))


class Deployment:
    """`entries`: kinds, or (kind, {changes}) pairs; with one of them comes the front function that it needs.
    The functions have ways of their own to the services: fronts, then worker, then dead letters."""

    def __init__(self, program, environment, config, entries=("rest_stream",), files=(), streaming=STREAMING,
                 buffered=BUFFERED, front=None, worker=None, mapping=None, aws="", name="functions"):
        """`front`, `worker`, `mapping`: settings of Function and Mapping. `name`: of the folder that all goes
        into; a second deployment on the same services has another."""
        self.environment = environment
        self.folder = environment.folder / name
        self.front_lines = {"front-stream": streaming, "front-buffered": buffered, "front-patient": PATIENT}
        self.program, self.config, self.files, self.aws = program, config, files, aws
        self.functions, self.mappings, self.entries = {}, [], {}
        self.patience_s, self.slow = 0.5, []  # after SIGTERM; who took longer
        self.front, self.worker, self.mapping = front or {}, worker or {}, mapping or {}
        for chosen in entries:
            kind, changes = (chosen, {}) if isinstance(chosen, str) else chosen
            opened = self.entries[kind] = entry.Entry(None, kind, **changes)
            name = "front-stream" if opened.kind.streams else (
                "front-patient" if opened.kind.idle_s >= 900 else "front-buffered")
            if name not in self.functions:
                self.add(name, "front", 0, **self.front)
            opened.target = self.functions[name]
        self.add("worker", "worker", 1, **self.worker)
        self.add("dead-letter", "dead-letter", 2)

    def add(self, name, handler, way, **settings):
        way = way if self.environment.ways > 1 else 0
        config = fleet.on_services(self.environment, way, self.config, self.aws) + self.front_lines.get(name, "")
        task = function.make_task(self.folder / name, self.program, {
            "bide.toml": config, **{path.name: path for path in self.files}})
        variables = {key: value for key, value in self.environment.variables(way).items()
                     if key.startswith("AWS_") and "REGION" not in key}
        self.functions[name] = function.Function(
            name, task, self.folder, handler=handler, **{"variables": variables, "timeout_s": 900, **settings})

    async def __aenter__(self):
        port = self.environment.servers["sqs"].port
        for queue in queues_of(self.config):
            for name, target in ((queue, "worker"), (f"{queue}-dead", "dead-letter")):
                settings = self.mapping if target == "worker" else {"batch": 10}
                self.mappings.append(await esm.Mapping(
                    port, self.environment.queues[name], self.functions[target], **settings).start())
        for opened in self.entries.values():
            await opened.start()
        return self

    async def __aexit__(self, *_):
        """As at the end of a test: what is under way is not waited for."""
        await asyncio.gather(*(mapping.stop(0) for mapping in self.mappings))
        for opened in self.entries.values():
            await opened.stop()
        self.slow = [name for one in self.functions.values() for name in await one.stop(self.patience_s)]

    def wrong(self):
        """What broke a rule or failed unasked, so far."""
        found = []
        for one in self.functions.values():
            found += one.violations
            found += [f"{one.name} ended by itself with {status}:\n{tail}" for status, tail in one.exits]
            found += [f"{one.name} could not start: {said}" for said in one.init_errors]
        for mapping in self.mappings:
            found += mapping.problems
        for opened in self.entries.values():
            found += opened.refused
        return found


async def serve(arguments, environment):
    entries = []
    for chosen in arguments.entries or ["rest_stream"]:
        kind, _, port = chosen.partition(":")
        entries.append((kind, {"port": int(port or 0), "bare": arguments.bare}))
    config = arguments.config.read_text(encoding="utf-8")
    async with Deployment(arguments.bide, environment, config, entries, arguments.files) as deployment:
        for kind, opened in deployment.entries.items():
            print(f"{kind}: {opened.url}", flush=True)
        end = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end.set)
        said = set()
        while not end.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), 1)
            for what in deployment.wrong():
                if what not in said:
                    print(what, file=sys.stderr, flush=True)
                said.add(what)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("up",))
    parser.add_argument("bide", type=pathlib.Path)
    parser.add_argument("config", type=pathlib.Path)
    parser.add_argument("--entry", action="append", dest="entries")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--file", action="append", dest="files", default=[], type=pathlib.Path)
    arguments = parser.parse_args()
    installs.inside()
    queues = queues_of(arguments.config.read_text(encoding="utf-8"))
    with installs.skipping(), services.start(queues=queues) as environment:
        asyncio.run(serve(arguments, environment))


if __name__ == "__main__":
    os.umask(0o022)
    main()
