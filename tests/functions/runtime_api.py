"""A Lambda service on this machine: functions, the processes that do them, and the Runtime API that these
are served.

It holds a process to what the Runtime API's documentation and the code of AWS's own emulator say
(aws-lambda-runtime-interface-emulator): states, sizes, streaming, trailers. Whatever breaks a rule is
answered as Lambda answers it and kept in Function.violations: a test that did not expect it has failed.

What a process sees is Lambda's: one invocation at a time, or AWS_LAMBDA_MAX_CONCURRENCY at once; frozen
(SIGSTOP) from its next `next` until there is an invocation; killed at the function's timeout. A new
process starts whenever all are busy, up to a limit; the caller gets 429 then.
"""
import asyncio
import base64
import collections
import contextlib
import json
import re
import signal
import time
import uuid

import http1
import prelude

ROOT = "/2018-06-01/runtime/"
PAYLOAD_BYTES_MAX = 6 * 1024 * 1024 + 100  # of an event, and of a response that is not streamed
STREAM_BYTES_MAX = 200 << 20
PIECES_MAX = 16  # that a slow caller has not taken
INIT_S = 10  # from a process's start to its first `next`
MODE, ERROR_TYPE, ERROR_BODY = (f"lambda-runtime-function-{name}" for name in ("response-mode", "error-type",
                                                                             "error-body"))
ERROR_TYPES = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


class Invocation:
    """An event on its way through a function. Its answer comes as `pieces`, the last of which is None, and
    then `ended` says how it ended: None, or the error as JSON."""

    def __init__(self, event, streams):
        self.id, self.event, self.streams = str(uuid.uuid4()), event, streams
        self.pieces, self.taken = asyncio.Queue(), asyncio.Event()
        self.ended = asyncio.get_running_loop().create_future()
        self.content_type, self.deadline, self.claimed, self.wanted = "", None, False, True
        self.given_on = None  # the connection that the process got it on

    async def give(self, piece):
        """To the caller, as long as there is one; waits while it is slow."""
        if self.wanted:
            self.pieces.put_nowait(piece)
        while self.wanted and self.pieces.qsize() > PIECES_MAX:
            self.taken.clear()
            await self.taken.wait()

    def end(self, error=None):
        if not self.ended.done():
            self.ended.set_result(error)
            self.pieces.put_nowait(None)

    def fail(self, error_type, message):
        self.end(json.dumps({"errorType": error_type, "errorMessage": message}).encode())

    def leave(self):
        """The caller is gone. Lambda does not tell the function."""
        self.wanted = False
        self.taken.set()

    async def __aiter__(self):
        while (piece := await self.pieces.get()) is not None:
            self.taken.set()
            yield piece

    async def payload(self):
        """Of a caller that wants it whole: the payload, and whether it is an error."""
        whole = b"".join([piece async for piece in self])
        error = await self.ended
        return (whole, False) if error is None else (error, True)


def refusal(status, kind, message):
    return status, json.dumps({"errorMessage": message, "errorType": kind}).encode()


ACCEPTED = (202, b'{"status":"OK"}\n')
INVALID_ID = refusal(400, "InvalidRequestID", "Invalid request ID")
TRUNCATED = refusal(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
TOO_LARGE = refusal(413, "RequestEntityTooLarge",
                    f"Exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes).")
BAD_MODE = refusal(400, "InvalidFunctionResponseMode", "Invalid function response mode")


def forbidden(state, wish):
    return refusal(403, "InvalidStateTransition", f"Transition from {state} to {wish} failed for runtime")


class Environment:
    """A process of a function, and the Runtime API that it alone talks to."""

    def __init__(self, function, number):
        self.function, self.number = function, number
        self.folder = function.folder / f"{function.name}-{number}"
        self.inbox = collections.deque()  # invocations that nobody has fetched yet
        self.running = {}  # invocations by id
        self.answered = set()
        self.nexts = collections.deque()  # futures of connections that wait for an invocation
        self.process, self.server, self.watch = None, None, None
        self.starting, self.ready, self.frozen, self.dead, self.asked_to_end = False, False, False, False, False
        self.timers = {}

    # The process.

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0, limit=http1.LIMIT)
        port = self.server.sockets[0].getsockname()[1]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = await self.function.spawn(self, f"127.0.0.1:{port}")
        self.watch = asyncio.create_task(self.wait())
        self.timers["init"] = asyncio.get_running_loop().call_later(INIT_S, self.overdue, None)

    async def wait(self):
        status = await self.process.wait()
        self.dead = True
        self.server.close()
        if not self.asked_to_end:
            self.function.exits.append((status, self.tail()))
        for timer in self.timers.values():
            timer.cancel()
        how = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        for invocation in [*self.running.values(), *self.inbox]:
            invocation.fail("Runtime.ExitError",
                            f"RequestId: {invocation.id} Error: Runtime exited with error: {how}")
        self.running.clear()
        self.function.forget(self)

    def tail(self):
        with contextlib.suppress(OSError):
            return (self.folder / "log").read_text(errors="replace")[-3000:]
        return ""

    def send(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self):
        """As when the machine fails. Who waits for an answer learns it when the process has gone."""
        self.asked_to_end = self.dead = True
        self.send(signal.SIGKILL)

    async def stop(self, patience_s):
        """As Lambda does with an extension present: SIGTERM, and SIGKILL later. True: the first was enough."""
        self.asked_to_end = True
        self.thaw()
        self.send(signal.SIGTERM)
        done, _ = await asyncio.wait([self.watch], timeout=patience_s)
        self.send(signal.SIGKILL)
        await self.watch
        return bool(done)

    def overdue(self, invocation):
        """It has not done in time what it had to."""
        self.asked_to_end = True
        self.dead = True  # takes no more
        if invocation is None:
            self.function.violated(f"no `next` within {INIT_S} s of the start:\n{self.tail()}")
        else:
            self.function.violated(f"killed at its deadline, {self.function.timeout_s} s")
            invocation.fail("Sandbox.Timedout", f"RequestId: {invocation.id} Error: Task timed out after "
                                                f"{self.function.timeout_s:.2f} seconds")
        self.send(signal.SIGKILL)

    def freeze(self):
        if self.function.freezes and not self.running and not self.inbox and not self.frozen:
            self.frozen = True
            self.send(signal.SIGSTOP)

    def thaw(self):
        if self.frozen:
            self.frozen = False
            self.send(signal.SIGCONT)

    # Invocations.

    def busy(self):
        return len(self.running) + len(self.inbox)

    def free(self):
        """Whether it can be given one now. A process that has not asked yet could not begin."""
        if self.dead or self.function.concurrency > 1:
            return not self.dead and self.busy() < self.function.concurrency
        return len(self.nexts) > len(self.inbox)

    def give(self, invocation):
        self.inbox.append(invocation)
        self.hand_out()

    def hand_out(self):
        while self.inbox and self.nexts:
            waiting = self.nexts.popleft()
            if not waiting.done():
                invocation = self.inbox.popleft()
                self.thaw()
                invocation.deadline = time.time() + self.function.timeout_s
                self.running[invocation.id] = invocation
                self.timers[invocation.id] = asyncio.get_running_loop().call_later(
                    self.function.timeout_s, self.overdue, invocation)
                waiting.set_result(invocation)

    def finished(self, invocation):
        """Answered; the time limit holds until it asks for the next one."""
        self.running.pop(invocation.id, None)
        self.answered.add(invocation.id)

    # The Runtime API.

    async def accept(self, reader, writer):
        self.function.connections.add(asyncio.current_task())  # else nobody holds one that waits
        streamed = False
        try:
            while head := await http1.read_head(reader):
                if streamed:
                    self.violated("a connection was used again after a streamed response")
                streamed = head.get(MODE) == "streaming"
                if not await self.request(head, reader, writer) or head.closes():
                    break
        except http1.Broken as why:
            self.violated(f"the Runtime API was sent no HTTP: {why}")
        except ConnectionError:
            pass
        finally:
            self.function.connections.discard(asyncio.current_task())
            writer.close()

    def violated(self, what):
        self.function.violated(f"{self.number}: {what}")

    async def request(self, head, reader, writer):
        """Answers it; False: the connection is of no more use."""
        method, target, *_ = head.first.split(" ")
        body = http1.Body(reader, head)
        if head.get("expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        page = target.removeprefix(ROOT) if target.startswith(ROOT) else ""
        found = re.fullmatch(r"invocation/([^/]+)/(response|error)", page)
        if (method, page) == ("GET", "invocation/next"):
            await body.read()
            return await self.next(reader, writer)
        if (method, page) == ("POST", "init/error"):
            status, said = await self.init_error(head, body)
        elif method == "POST" and found:
            status, said = await self.answer(found[1], found[2], head, body)
        else:
            self.violated(f"asked for {method} {target}")
            status, said = 404, b"404 page not found\n"
        if not body.finished:
            with contextlib.suppress(http1.Broken):
                await body.read()
        writer.write(http1.head_bytes(http1.status_line(status), [
            ("Content-Type", "application/json"), ("Content-Length", len(said))]) + said)
        await writer.drain()
        return body.finished

    async def next(self, reader, writer):
        if len(self.nexts) + len(self.running) >= self.function.concurrency:
            lost = [known for known in self.running.values() if not known.claimed]
            if not lost or not lost[0].given_on.is_closing():
                self.violated("asked for the next invocation before it answered the last")
            if not lost:
                return False
            self.deliver(lost[0], writer)  # once more, as Lambda does
            return True
        self.ready = True
        for known in [known for known in self.timers if known == "init" or known in self.answered]:
            self.timers.pop(known).cancel()
        waiting = asyncio.get_running_loop().create_future()
        self.nexts.append(waiting)
        self.hand_out()
        self.function.freed.set()
        self.freeze()
        more = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((waiting, more), return_when=asyncio.FIRST_COMPLETED)
        finally:
            more.cancel()
            [came] = await asyncio.gather(more, return_exceptions=True)
        if isinstance(came, bytes) and came:
            self.violated("sent more while it waits for the next invocation")
        if not waiting.done():
            waiting.cancel()
            self.nexts.remove(waiting)
            return False
        self.deliver(waiting.result(), writer)
        return True

    def deliver(self, invocation, writer):
        invocation.given_on = writer
        fields = [("Content-Type", "application/json"), ("Lambda-Runtime-Aws-Request-Id", invocation.id),
                  ("Lambda-Runtime-Deadline-Ms", int(invocation.deadline * 1000)),
                  ("Lambda-Runtime-Invoked-Function-Arn", self.function.arn),
                  ("Lambda-Runtime-Trace-Id", f"Root=1-{int(time.time()):08x}-{invocation.id.replace('-', '')[:24]};"
                                              "Parent=53995c3f42cd8ad8;Sampled=0")]
        event = invocation.event
        if len(event) > 2048:  # what AWS's emulator, which is Lambda's code, does with larger ones
            framing, event = ("Transfer-Encoding", "chunked"), http1.chunk(event) + http1.chunk(b"")
        else:
            framing = ("Content-Length", len(event))
        writer.write(http1.head_bytes("HTTP/1.1 200 OK", [*fields, framing]) + event)

    async def init_error(self, head, body):
        said = await body.read(PAYLOAD_BYTES_MAX)
        if self.ready:
            self.violated("init/error after the first `next`")
            return forbidden("Ready", "InitError")
        self.check_error(head.get(ERROR_TYPE), said)
        self.function.init_errors.append(said)
        for invocation in self.inbox:
            invocation.end(said)
        self.inbox.clear()
        return ACCEPTED

    async def answer(self, name, kind, head, body):
        invocation = self.running.get(name)
        if invocation is None or invocation.claimed:
            self.violated(f"a {kind} to {name}, which is " + (
                "answered" if invocation or name in self.answered else "unknown"))
            twice = self.function.concurrency == 1 and (invocation or name in self.answered)
            return forbidden("ResponseSent", "InvocationResponse") if twice else INVALID_ID
        invocation.claimed = True
        try:
            if kind == "error":
                said = await body.read(PAYLOAD_BYTES_MAX)
                self.check_error(head.get(ERROR_TYPE), said)
                invocation.end(said or b"{}")
                return ACCEPTED if said is not None else TOO_LARGE
            return await self.respond(invocation, head, body)
        except http1.Broken as why:
            self.violated(f"a {kind} was cut off: {why}")
            invocation.fail("Runtime.TruncatedResponse", "the response was cut off")
            return TRUNCATED
        finally:
            self.finished(invocation)

    def check_error(self, error_type, said):
        """An error must say what it is."""
        if not ERROR_TYPES.fullmatch(error_type):
            self.violated(f"an error of the type {error_type!r}")
        try:
            parsed = json.loads(said or b"")
            right = isinstance(parsed["errorMessage"], str) and isinstance(parsed["errorType"], str)
        except (ValueError, KeyError, TypeError):
            right = False
        if not right:
            self.violated(f"an error without errorMessage and errorType: {(said or b'')[:200]!r}")

    async def respond(self, invocation, head, body):
        mode, invocation.content_type = head.get(MODE), head.get("content-type")
        if mode not in ("", "streaming"):
            self.violated(f"the response mode {mode!r}")
            invocation.fail("Runtime.InvalidResponseModeHeader", "")
            return BAD_MODE
        if mode == "streaming":
            return await self.respond_in_pieces(invocation, head, body)
        if body.trailers or (ERROR_TYPE in head.get("trailer").lower()):
            self.violated("trailers without streaming")
        said = await body.read(PAYLOAD_BYTES_MAX)
        if said is None:
            self.violated("a response over 6 MiB")
            invocation.fail("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed "
                                                             f"payload size ({PAYLOAD_BYTES_MAX} bytes).")
            return TOO_LARGE
        await invocation.give(said)
        invocation.end()
        return ACCEPTED

    async def respond_in_pieces(self, invocation, head, body):
        if not body.chunked:
            self.violated("a streamed response that is not chunked")
        http = head.get("content-type") == prelude.CONTENT_TYPE
        reader, size = prelude.Reader() if http else None, 0
        limit = STREAM_BYTES_MAX if invocation.streams else PAYLOAD_BYTES_MAX
        async for piece in body:
            size += len(piece)
            if size > limit:
                self.violated(f"a streamed response over {limit} bytes")
                invocation.fail("Function.ResponseSizeTooLarge", "")
                return TOO_LARGE
            if reader:
                reader = self.check_prelude(reader, piece)
            await invocation.give(piece)
        trailers = dict(body.trailers)
        if trailers and not all(name in head.get("trailer").lower() for name in trailers):
            self.violated(f"trailers that were not announced: {trailers}")
        if error_type := trailers.get(ERROR_TYPE):
            try:
                said = base64.b64decode(trailers.get(ERROR_BODY, ""), validate=True)
            except ValueError:
                self.violated("an error trailer that is not base64")
                said = b""
            self.check_error(error_type, said)
            invocation.end(said or b"{}")
        else:
            if reader and reader.said is None:
                self.violated("a streamed response that ended before its delimiter")
            invocation.end()
        return ACCEPTED

    def check_prelude(self, reader, piece):
        try:
            reader.take(piece)
        except prelude.Malformed as why:
            self.violated(str(why))
            return None
        return reader
