"""HTTP entries of AWS before a function: they take requests from clients, call the function with the event
that AWS would make of them, and turn what it answers back into HTTP.

KINDS says what each is like, and its limits, which a test may set lower. What an entry does when the
function fails is AWS's, as far as it is documented.
"""
import asyncio
import contextlib
import dataclasses
import email.utils
import json
import time
import typing
import uuid

import events
import function
import http1
import prelude

MIB = 1 << 20


@dataclasses.dataclass
class Kind:
    """An entry. Times in seconds, sizes in bytes."""

    event: typing.Callable  # of a request
    answer: typing.Callable  # of a payload; None: streamed
    idle_s: float  # that the function may be silent
    total_s: float  # that it may take
    body_max: int  # of a request
    answer_max: int
    late: tuple  # status and body when one of the times is over
    failed: tuple  # when the function fails, or its answer is no answer
    busy: tuple  # when no process can be had
    large: tuple = (413, {"message": "Request Too Long"})
    streams: bool = False
    prefix: str = ""  # of the paths that it serves


def message(text):
    return {"message": text}


STAGE = "dev"
GATEWAY = {"failed": (502, message("Internal server error")), "late": (504, message("Endpoint request timed out")),
           "busy": (500, message("Internal server error"))}
HTTP_API = {"failed": (500, message("Internal Server Error")), "late": (503, message("Service Unavailable")),
            "busy": (503, message("Service Unavailable"))}
URL = {"failed": (502, message("Internal Server Error")), "late": (504, None), "busy": (429, message("Rate Exceeded."))}
BALANCER = {"failed": (502, None), "late": (502, None), "busy": (502, None), "large": (413, None)}

# A function behind a buffered function URL or a load balancer may take as long as its own timeout.
KINDS = {
    # Regional: silent for five minutes, fifteen in all. Requests are not streamed.
    "rest_stream": Kind(lambda request, prefix: events.rest_api(request, STAGE, prefix), None, 300, 900, 10 * MIB, 200 * MIB,
                        streams=True, prefix=f"/{STAGE}", **GATEWAY),
    "rest_buffered": Kind(lambda request, prefix: events.rest_api(request, STAGE, prefix), events.from_rest_api, 29, 29, 10 * MIB,
                          10 * MIB, prefix=f"/{STAGE}", **GATEWAY),
    "http_api": Kind(lambda request, _: events.version_2(request, "$default"), events.from_version_2, 30, 30, 10 * MIB,
                     10 * MIB, **HTTP_API),
    "function_url": Kind(lambda request, _: events.version_2(request, None), events.from_version_2, 900, 900, 6 * MIB,
                         6 * MIB, **URL),
    "function_url_stream": Kind(lambda request, _: events.version_2(request, None), None, 900, 900, 6 * MIB, 200 * MIB,
                                streams=True, **URL),
    "alb": Kind(lambda request, _: events.load_balancer(request, False),
                lambda payload: events.from_load_balancer(payload, False), 900, 900, MIB, MIB, **BALANCER),
    "alb_multi_value": Kind(lambda request, _: events.load_balancer(request, True),
                            lambda payload: events.from_load_balancer(payload, True), 900, 900, MIB, MIB, **BALANCER),
}


class Late(Exception):
    """The function took longer than the entry waits."""


class Entry:
    """Listens on a port of this machine. `kind`: of KINDS; changes to it go by name (idle_s=2)."""

    def __init__(self, target, kind, port=0, bare=False, **changes):
        """`bare`: without the prefix, as behind a domain of one's own."""
        self.target, self.name = target, kind
        self.kind = dataclasses.replace(KINDS[kind], **changes)
        if bare:
            self.kind = dataclasses.replace(self.kind, prefix="")
        self.port, self.server, self.live, self.rest = port, None, set(), set()
        self.refused = []  # why answers of the function were none

    async def start(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port, limit=http1.LIMIT, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.kind.prefix}"

    async def stop(self):
        self.server.close()
        for task in [*self.live, *self.rest]:
            task.cancel()
        await asyncio.gather(*self.live, *self.rest, return_exceptions=True)

    async def accept(self, reader, writer):
        self.live.add(asyncio.current_task())  # else nobody holds one that waits
        try:
            while head := await http1.read_head(reader):
                if not await self.exchange(head, reader, writer) or head.closes():
                    break
        except http1.Broken:
            with contextlib.suppress(ConnectionError):
                await self.say(writer, "GET", 400, [], b"", False)
        except ConnectionError:
            pass
        finally:
            self.live.discard(asyncio.current_task())
            writer.close()

    async def exchange(self, head, reader, writer):
        """One request and its answer; False: the connection ends with it."""
        method, target, *_ = head.first.split(" ")
        body = http1.Body(reader, head)
        if head.get("expect").lower() == "100-continue" and body.length <= self.kind.body_max:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        keep, old = not head.closes(), "HTTP/1.0" in head.first
        read = await body.read(self.kind.body_max)
        if read is None:
            return await self.own(writer, method, self.kind.large, keep)
        if not target.startswith("/"):
            return await self.own(writer, method, (400, message("Bad Request")), keep)
        if self.kind.prefix and not (target + "/").startswith((self.kind.prefix + "/", self.kind.prefix + "?")):
            return await self.own(writer, method, (403, message("Forbidden")), keep)
        source = writer.get_extra_info("peername")[0]
        event = self.kind.event(events.Request(method, target, head.fields, read, source), self.kind.prefix)
        try:
            invocation = await self.target.invoke(json.dumps(event).encode(), self.kind.streams)
        except function.Refused as why:
            return await self.own(writer, method, self.kind.busy if why.status == 429 else self.kind.large, keep)
        try:
            if self.kind.streams:
                return await self.pass_on(writer, method, invocation, keep and not old, old)
            return await self.pass_whole(writer, method, invocation, keep)
        except Late:
            return await self.own(writer, method, self.kind.late, keep)
        except (events.Bad, prelude.Malformed) as why:
            self.refused.append(f"{self.name}: {method} {target}: {why}")
            return await self.own(writer, method, self.kind.failed, keep)
        finally:
            # The function is not told that nobody wants the rest.
            invocation.leave()
            rest = asyncio.ensure_future(self.swallow(invocation))
            self.rest.add(rest)
            rest.add_done_callback(self.rest.discard)

    async def swallow(self, invocation):
        if not invocation.ended.done():
            await asyncio.wait([invocation.ended])

    async def own(self, writer, method, answer, keep):
        """An answer of the entry itself."""
        status, said = answer
        body = b"" if said is None else json.dumps(said).encode()
        return await self.say(writer, method, status, [("Content-Type", "application/json")] if said else [], body, keep)

    def head(self, status, fields, keep):
        return http1.head_bytes(http1.status_line(status), [
            *fields, ("Date", email.utils.formatdate(usegmt=True)), ("x-amzn-RequestId", uuid.uuid4()),
            ("Connection", "keep-alive" if keep else "close")])

    async def say(self, writer, method, status, fields, body, keep):
        bare = status in (204, 304) or status < 200
        fields = [(name, value) for name, value in fields if name.lower() not in ("content-length", "connection")]
        if not bare:
            fields.append(("Content-Length", len(body)))
        writer.write(self.head(status, fields, keep) + (b"" if bare or method == "HEAD" else body))
        await writer.drain()
        return keep

    async def pass_whole(self, writer, method, invocation, keep):
        try:
            async with asyncio.timeout(min(self.kind.idle_s, self.kind.total_s)):
                payload, failed = await invocation.payload()
        except TimeoutError:
            raise Late from None
        if failed:
            raise events.Bad(f"the function failed: {payload[:500]!r}")
        answer = self.kind.answer(payload)
        if len(answer.body) > self.kind.answer_max or len(payload) > self.kind.answer_max:
            raise events.Bad("the answer is too large for this entry")
        return await self.say(writer, method, answer.status, answer.fields, answer.body, keep)

    async def pass_on(self, writer, method, invocation, keep, old):
        """As it comes. `old`: to HTTP/1.0, whose answers end with the connection."""
        end, pieces, taken = time.monotonic() + self.kind.total_s, aiter(invocation), prelude.Reader()
        body = b""
        while taken.said is None:
            piece = await self.next_piece(pieces, end)
            if piece is None:
                if error := invocation.ended.result():
                    raise events.Bad(f"the function failed: {error[:500]!r}")
                taken.end()
            body = taken.take(piece)
            if invocation.content_type != prelude.CONTENT_TYPE:
                raise events.Bad(f"streamed as {invocation.content_type!r}")
        status, fields = taken.said.get("statusCode", 200), events.remapped(prelude.fields(taken.said))
        bare = method == "HEAD" or status in (204, 304)
        chunked = not bare and not old
        if chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        writer.write(self.head(status, fields, keep))
        try:
            while body is not None:
                if body and not bare:
                    writer.write(http1.chunk(body) if chunked else body)
                await writer.drain()
                body = await self.next_piece(pieces, end)
        except Late:
            self.refused.append(f"{self.name}: cut off after its time")
            return False
        if await invocation.ended:
            return False  # the client sees a body that is cut off
        if chunked:
            writer.write(http1.chunk(b""))
        await writer.drain()
        return keep

    async def next_piece(self, pieces, end):
        """None: that was all."""
        try:
            async with asyncio.timeout(max(0, min(self.kind.idle_s, end - time.monotonic()))):
                return await anext(pieces, None)
        except TimeoutError:
            raise Late from None
