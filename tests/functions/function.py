"""A Lambda function: its settings, its processes, and who calls it."""
import asyncio
import os
import pathlib
import shutil
import subprocess
import zipfile

import runtime_api
import servers

ACCOUNT = "012345678901"
ENVIRONMENT_BYTES_MAX = 4096  # of the variables that a function's owner sets, together
SANITIZERS = ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")
ELF_MACHINES = {62: "x86_64", 183: "aarch64"}  # e_machine


class Refused(Exception):
    """Lambda's own answer to a call: no process has seen the event."""

    def __init__(self, status, kind, message):
        super().__init__(message)
        self.status, self.kind = status, kind


def emulator(program):
    """The name of what runs the program where this machine's processor cannot, or None. Takes a zip, too."""
    if str(program).endswith(".zip"):
        with zipfile.ZipFile(program) as packed, packed.open("bootstrap") as file:
            head = file.read(20)
    else:
        head = pathlib.Path(program).read_bytes()[:20]
    machine = ELF_MACHINES.get(int.from_bytes(head[18:20], "little")) if head.startswith(b"\x7fELF") else None
    return None if machine in (None, os.uname().machine) else f"qemu-{machine}-static"


def make_task(folder, program, files=None):
    """The folder that a function's zip is unpacked into. `program`: the zip, or what is its bootstrap; one for
    another processor gets a bootstrap that has it emulated. Other files by name: a text, or the path of one to
    copy."""
    folder.mkdir(parents=True)
    if str(program).endswith(".zip"):
        with zipfile.ZipFile(program) as packed:
            packed.extractall(folder)
            for entry in packed.infolist():
                (folder / entry.filename).chmod(entry.external_attr >> 16 & 0o777)
    else:
        shutil.copy2(program, folder / "bootstrap")
    if emulated_by := emulator(folder / "bootstrap"):
        (folder / "bootstrap").rename(folder / "emulated")
        (folder / "bootstrap").write_text(f'#!/bin/sh\nexec {emulated_by} "$LAMBDA_TASK_ROOT/emulated"\n')
        (folder / "bootstrap").chmod(0o755)
    for name, content in (files or {}).items():
        if isinstance(content, pathlib.Path):
            shutil.copy2(content, folder / name)
        else:
            (folder / name).write_text(content, encoding="utf-8")
    return folder


class Function:
    """`task`: the folder of its zip, with bootstrap. `limit`: how many processes at once. `concurrency`:
    how many invocations each of them takes at once. `freezes`: a process is stopped between them, as in
    Lambda; off to tell what a test is about."""

    def __init__(self, name, task, folder, handler="", variables=None, timeout_s=900, memory_mb=128,
                 limit=1000, concurrency=1, freezes=True):
        self.name, self.task, self.folder, self.handler = name, task, folder, handler or name
        self.variables, self.timeout_s, self.memory_mb = dict(variables or {}), timeout_s, memory_mb
        self.limit, self.concurrency = limit, concurrency
        self.freezes = freezes and concurrency == 1
        self.arn = f"arn:aws:lambda:{servers.REGION}:{ACCOUNT}:function:{name}"
        self.environments, self.started = [], 0
        self.connections, self.freed = set(), asyncio.Event()
        self.violations, self.exits, self.init_errors = [], [], []
        if sum(len(key) + len(value) for key, value in self.variables.items()) > ENVIRONMENT_BYTES_MAX:
            raise ValueError(f"the variables of {name} are over {ENVIRONMENT_BYTES_MAX} bytes")

    def violated(self, what):
        self.violations.append(f"{self.name}-{what}")

    def expect(self, *words):
        """Forgets the violations with one of these words, and how many they were."""
        kept = [what for what in self.violations if not any(word in what for word in words)]
        count = len(self.violations) - len(kept)
        self.violations = kept
        return count

    # Called by the environments.

    def forget(self, environment):
        if environment in self.environments:
            self.environments.remove(environment)
        self.freed.set()

    def own_variables(self, environment, api):
        """What a process's environment is in Lambda; nothing of ours but how sanitizers report."""
        said = {
            "AWS_LAMBDA_RUNTIME_API": api, "_HANDLER": self.handler, "LAMBDA_TASK_ROOT": str(self.task),
            "LAMBDA_RUNTIME_DIR": "/var/runtime", "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
            "AWS_LAMBDA_FUNCTION_NAME": self.name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"2026/11/30/[$LATEST]{environment.number:032x}",
            "AWS_REGION": servers.REGION, "AWS_DEFAULT_REGION": servers.REGION,
            "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC",
            "LD_LIBRARY_PATH": f"/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:{self.task}:{self.task}/lib:/opt/lib",
            # A process has a /tmp of its own there.
            "BIDE_DATA": str(environment.folder / "data"), "TMPDIR": str(environment.folder),
        }
        if self.concurrency > 1:
            said["AWS_LAMBDA_MAX_CONCURRENCY"] = str(self.concurrency)
        said.update({name: os.environ[name] for name in SANITIZERS if name in os.environ})
        return {**self.variables, **said}

    async def spawn(self, environment, api):
        # setpriv, so that it dies with us: a function of ours between fork and exec costs ten times as much.
        with open(environment.folder / "log", "ab") as log:
            return await asyncio.create_subprocess_exec(
                "/usr/bin/setpriv", "--pdeathsig", "KILL", str(self.task / "bootstrap"), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.task, env=self.own_variables(environment, api))

    # Called from outside.

    async def take(self):
        """A process that is free, or a new one."""
        for environment in self.environments:
            if environment.free():
                return environment
        if len(self.environments) >= self.limit:
            raise Refused(429, "TooManyRequestsException", "Rate Exceeded.")
        environment = runtime_api.Environment(self, self.started)
        self.started += 1
        self.environments.append(environment)
        return environment

    async def invoke(self, event, streams=False):
        """The invocation, under way. `streams`: the caller takes the answer as it comes."""
        if len(event) > runtime_api.PAYLOAD_BYTES_MAX:
            raise Refused(413, "RequestTooLargeException", f"Request must be smaller than "
                          f"{runtime_api.PAYLOAD_BYTES_MAX} bytes for the InvokeFunction operation")
        environment = await self.take()
        invocation = runtime_api.Invocation(event, streams)
        environment.give(invocation)
        if environment.process is None and not environment.starting:
            environment.starting = True
            try:
                await environment.start()
            except OSError as why:
                self.forget(environment)
                invocation.fail("Runtime.InvalidEntrypoint", str(why))
        return invocation

    async def call(self, event):
        """The payload of the answer, and whether it is an error."""
        return await (await self.invoke(event)).payload()

    async def idle(self):
        """Returns when no invocation is under way and every process waits for the next."""
        while not all(environment.free() or environment.dead for environment in self.environments):
            self.freed.clear()
            await self.freed.wait()

    def kill_busy(self):
        """Kills the processes that have an invocation; how many."""
        busy = [environment for environment in self.environments if environment.busy()]
        for environment in busy:
            environment.kill()
        return len(busy)

    async def stop(self, patience_s=0.5):
        """Ends all processes. Those that SIGTERM did not end in time, which is half a second in Lambda."""
        alive = [environment for environment in self.environments if environment.process and not environment.dead]
        ended = await asyncio.gather(*(environment.stop(patience_s) for environment in alive))
        for environment in list(self.environments):
            if environment.watch:
                await environment.watch
        for task in list(self.connections):
            task.cancel()
        return [environment.folder.name for environment, well in zip(alive, ended) if not well]

    def log(self):
        """Of all processes, also of those that are gone."""
        return "".join(path.read_text(errors="replace") for path in sorted(
            self.folder.glob(f"{self.name}-*/log"), key=os.path.getmtime))
