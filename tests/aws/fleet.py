"""Fronts and workers of bide as processes of their own, on the services of services.py."""
import asyncio
import contextlib
import json
import pathlib
import re
import signal
import sys

import servers

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE_S = 60
# One whose handler sleeps, 64 jobs at a time.
SLEEPING = f"""
[queues.default]
pool = {json.dumps([sys.executable, "-S", "-E", str(HERE / "chaos_handler.py")])}
processes = 1
in_flight = 64
attempts = 20
"""


def on_services(environment, way, config, aws=""):
    """`config`, a file for `bide serve`, with what makes it one for fronts and workers: where everything
    is. More lines go below [aws]."""
    variables = environment.variables(way)

    def places(found):
        queue = found[1]
        return (f'[queues.{queue}]\nsqs = "{environment.queue(queue, way)}"\n'
                f'dead_letters = "{environment.queue(f"{queue}-dead", way)}"')

    lines = [re.sub(r"^\[queues\.(\w+)\]", places, config, flags=re.M), "[aws]",
             f'bucket = "{environment.bucket}"', 'worker_listen = "127.0.0.1:0"', aws]
    for key, variable in (("redis", "BIDE_REDIS"), ("redis_ca", "BIDE_REDIS_CA")):
        if variable in variables:
            lines.append(f'{key} = "{variables[variable]}"')
    return "\n".join(lines) + "\n"


class Process:
    """A front or a worker. Killed, it can be started again, on another port."""

    def __init__(self, program, kind, name, folder, environment, way, config):
        self.program, self.kind, self.name = program, kind, name
        self.config = folder / f"{name}.toml"
        self.config.write_text(config, encoding="utf-8")
        self.log = folder / f"{name}.log"
        self.variables = environment.variables(way)
        self.port, self.process = None, None

    async def start(self):
        with open(self.log, "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self.program, self.kind, "--config", str(self.config),
                *(["--listen", "127.0.0.1:0"] if self.kind == "front" else []), stdout=asyncio.subprocess.PIPE, stderr=log,
                preexec_fn=servers.die_with_parent, env={"PATH": "/usr/bin:/bin", **self.variables})
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_S)
        found = re.search(rb"listening on http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise RuntimeError(f"{self.name} does not start: {line!r}\n{self.tail()}")
        self.port = int(found[1])

    async def kill(self):
        self.port = None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    def ended(self):
        """Its status, when it has ended by itself."""
        return self.process.returncode

    async def stop(self):
        """Its status after SIGTERM."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]


class Fleet:
    """Each process has a way of its own to the services: fronts first, then workers."""

    def __init__(self, program, environment, fronts, workers, config, aws=""):
        self.environment = environment
        folder = environment.folder / "bide"
        folder.mkdir(exist_ok=True)
        self.all = []
        for kind, count in (("front", fronts), ("worker", workers)):
            for number in range(count):
                way = len(self.all) if environment.ways > 1 else 0
                self.all.append(Process(
                    program, kind, f"{kind}{number}", folder, environment, way,
                    on_services(environment, way, config, aws)))
        self.fronts, self.workers = self.all[:fronts], self.all[fronts:]

    async def __aenter__(self):
        await asyncio.gather(*(process.start() for process in self.all))
        return self

    async def __aexit__(self, *_):
        for process in self.all:
            if process.process:
                await process.kill()

    async def stop(self):
        """All by SIGTERM; says who did not end well."""
        stati = await asyncio.gather(*(process.stop() for process in self.all))
        return [f"{process.name} ended with {status}:\n{process.tail()}"
                for process, status in zip(self.all, stati) if status != 0]
