#!/usr/bin/env python3
"""A proxy that does to SQS, S3 or any TCP server what networks and services do on bad days.

    tests/aws/faults.py sqs|s3|tcp UPSTREAM_PORT [--seed N] [--ways N]

It prints its ports, one for each way, and the address that takes orders (below), and runs until it is
ended. Tests use Proxy, which starts one and gives it orders. Each process that is to be cut off alone gets
a way of its own.

    PUT /link   (all ways; /link/0: the first) open, stall, stall_up, stall_down (nothing passes; up is towards the server), refuse
                (connections are cut, new ones refused), cut (those of now are cut)
    PUT /rules  a JSON list of rules, for sqs and s3; each has
        fault   error       answers with an error and passes nothing on
                delay       waits before it passes the request on
                cut_before  cuts the connection, nothing was passed on
                cut_after   cuts the connection when the server has answered: done, but nobody knows
                cut_half    cuts the connection in the middle of the answer
                drip        lets the answer come in small pieces
                twice       passes the request on twice, as SQS may with a message
        error   which one: see ERRORS
        share   of the requests, 1 if not given
        match   a regular expression for "OPERATION /path", as "^SendMessage" or "^PUT /jobs/outgoing/"
        count   how often at most
        seconds of delay and drip, [least, most]
    GET /seen   how many requests there were by operation, and how many faults

Rules are tried in their order; delays add up, of the others the first that hits is taken. Chance comes
from the seed, so that the same requests in the same order meet the same faults.
"""
import argparse
import asyncio
import collections
import contextlib
import http.client
import json
import random
import re
import signal
import socket
import struct
import subprocess
import sys

# Status, and code as the service spells it. For SQS the type in the body; what it also calls the error in
# x-amzn-query-error does not matter here.
ERRORS = {
    "sqs": {
        "internal": (500, "com.amazonaws.sqs#InternalFailure"),
        "unavailable": (503, "com.amazonaws.sqs#ServiceUnavailable"),
        "throttled": (400, "com.amazon.coral.availability#ThrottlingException"),
        "request_throttled": (403, "com.amazonaws.sqs#RequestThrottled"),
        "expired": (403, "com.amazon.coral.service#ExpiredTokenException"),
        "skewed": (403, "com.amazon.coral.service#RequestTimeTooSkewed"),
        "denied": (403, "com.amazon.coral.service#AccessDeniedException"),
    },
    "s3": {
        "internal": (500, "InternalError"),
        "unavailable": (503, "ServiceUnavailable"),
        "throttled": (503, "SlowDown"),
        "conflict": (409, "ConditionalRequestConflict"),
        "timeout": (400, "RequestTimeout"),
        "expired": (400, "ExpiredToken"),
        "skewed": (403, "RequestTimeTooSkewed"),
        "denied": (403, "AccessDenied"),
    },
}
FAULTS = ("error", "delay", "cut_before", "cut_after", "cut_half", "drip", "twice")
PIECES = 8  # of what drips
PART = 64 << 10  # bytes passed on at once


def reset(writer):
    """Cuts a connection so that the other end sees it at once, whatever it was doing."""
    own = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed already, in uvloop's ways
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def bound(port=0):
    """A socket on a port that another one may listen on, too."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(("127.0.0.1", port))
    return own


class Link:
    """Where clients connect."""

    def __init__(self, serve):
        self.serve, self.live, self.server = serve, {}, None
        self.keeper = bound()  # keeps the port while nobody listens
        self.port = self.keeper.getsockname()[1]
        self.up, self.down = asyncio.Event(), asyncio.Event()

    async def set(self, mode):
        if mode == "cut":
            return self.cut()
        for event, stalled in ((self.up, ("stall", "stall_up")), (self.down, ("stall", "stall_down"))):
            event.clear() if mode in stalled else event.set()
        if mode == "refuse":
            if self.server:
                self.server.close()
            self.server = None
            self.cut()
        elif not self.server:
            self.server = await asyncio.get_running_loop().create_server(
                lambda: Client(self), sock=bound(self.port), backlog=1024)

    def cut(self):
        for writer in list(self.live):
            reset(writer)

    async def accepted(self, reader, writer):
        self.live[writer] = asyncio.current_task()  # else nobody holds one that waits
        try:
            await self.serve(self, reader, writer)
        except (OSError, RuntimeError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.live.pop(writer, None)
            writer.close()


class Client(asyncio.StreamReaderProtocol):
    """A connection of a client. `gone` is called when it hangs up: a server that holds a long poll for
    it should notice."""

    def __init__(self, link):
        super().__init__(asyncio.StreamReader(limit=PART), link.accepted)
        self.gone = None

    def eof_received(self):
        if self.gone:
            self.gone()
        return super().eof_received()

    def connection_lost(self, exc):
        if self.gone:
            self.gone()
        super().connection_lost(exc)


class TcpProxy:
    def __init__(self, upstream, ways):
        self.upstream = upstream
        self.links = [Link(self.serve) for _ in range(ways)]
        self.seen = {"requests": collections.Counter(), "faults": collections.Counter()}

    async def pump(self, reader, writer, event):
        try:
            while part := await reader.read(PART):
                await event.wait()
                writer.write(part)
                await writer.drain()
            await event.wait()
            if writer.can_write_eof():
                writer.write_eof()
        except (OSError, RuntimeError):  # uvloop's word for a transport that is closed
            reset(writer)

    async def serve(self, link, reader, writer):
        self.seen["requests"]["connect"] += 1
        await link.up.wait()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            await asyncio.gather(self.pump(reader, far_writer, link.up),
                                 self.pump(far_reader, writer, link.down))
        finally:
            reset(far_writer)


class Message:
    """The head of a request or an answer, and how its body is delimited."""

    def __init__(self, head):
        self.head = head
        lines = head.split(b"\r\n")
        self.first = lines[0].decode("latin-1")
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.fields[name.strip().lower()] = value.strip()
        self.length = int(self.fields.get(b"content-length", b"-1"))
        self.chunked = self.fields.get(b"transfer-encoding", b"").lower() == b"chunked"
        self.closes = (self.fields.get(b"connection", b"").lower() == b"close"
                       or b"HTTP/1.0" in lines[0])

    def drop(self, name):
        """Leaves a header field out."""
        self.head = re.sub(rb"\r\n" + name + rb":[^\r]*", b"", self.head, flags=re.I)

    @classmethod
    async def read(cls, reader):
        return cls(await reader.readuntil(b"\r\n\r\n"))


async def exactly(reader, size):
    while size > 0:
        part = await reader.readexactly(min(size, PART))
        size -= len(part)
        yield part


async def body_of(message, reader, until_close):
    """The body's bytes as they come, framing included. `until_close`: an answer may end by closing."""
    if message.chunked:
        while True:
            line = await reader.readuntil(b"\r\n")
            yield line
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while line != b"\r\n":  # trailers
                    line = await reader.readuntil(b"\r\n")
                    yield line
                return
            async for part in exactly(reader, size + 2):
                yield part
    elif message.length >= 0:
        async for part in exactly(reader, message.length):
            yield part
    elif until_close:
        while part := await reader.read(PART):
            yield part


async def swallow(parts):
    async for _ in parts:
        pass


class HttpProxy:
    def __init__(self, service, upstream, seed, ways):
        self.service, self.upstream = service, upstream
        self.chance = random.Random(seed)
        self.rules = []
        self.links = [Link(self.serve) for _ in range(ways)]
        self.seen = {"requests": collections.Counter(), "faults": collections.Counter()}

    def order(self, rules):
        """Takes rules; the old ones are gone."""
        taken = []
        for rule in rules:
            known = {"fault", "error", "share", "match", "count", "seconds"}
            if rule.get("fault") not in FAULTS or set(rule) - known:
                raise ValueError(f"not a rule: {rule}")
            if rule["fault"] == "error" and rule.get("error") not in ERRORS[self.service]:
                raise ValueError(f"no such error: {rule}")
            if rule["fault"] in ("delay", "drip") and len(rule.get("seconds", ())) != 2:
                raise ValueError(f"without seconds: {rule}")
            taken.append({**rule, "match": re.compile(rule.get("match", ""))})
        self.rules = taken

    def name(self, request):
        """The operation and the path, and what the operation is counted as."""
        method, target, _ = request.first.split(" ", 2)
        path = target.partition("?")[0]
        if self.service == "sqs":
            operation = request.fields.get(b"x-amz-target", b"?").decode("latin-1").rpartition(".")[2]
            return f"{operation} {path}", operation
        if "list-type=" in target:
            method = "LIST"
        prefix = path.split("/")[2] if path.count("/") > 2 else ""
        return f"{method} {path}", f"{method} {prefix}".strip()

    def pick(self, name):
        """How long to wait, and the rule that is to be applied."""
        delay = 0.0
        for rule in self.rules:
            if not rule["match"].search(name) or rule.get("count", 1) <= 0:
                continue
            if self.chance.random() >= rule.get("share", 1):
                continue
            if "count" in rule:
                rule["count"] -= 1
            self.seen["faults"][rule.get("error", rule["fault"])] += 1
            if rule["fault"] != "delay":
                return delay, rule
            delay += self.chance.uniform(*rule["seconds"])
        return delay, None

    def error(self, name):
        status, code = ERRORS[self.service][name]
        if self.service == "sqs":
            kind, body = "application/x-amz-json-1.0", json.dumps({"__type": code, "message": f"made up: {name}"})
        else:
            kind = "application/xml"
            body = ('<?xml version="1.0" encoding="UTF-8"?>\n'
                    f"<Error><Code>{code}</Code><Message>made up: {name}</Message>"
                    "<RequestId>FAULT</RequestId><HostId>FAULT</HostId></Error>")
        reason = http.client.responses[status]
        return (f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                f"x-amzn-RequestId: FAULT\r\n\r\n{body}").encode()

    async def serve(self, link, reader, writer):
        gone = []  # the connection to the server, while there is one
        writer.transport.get_protocol().gone = lambda: [reset(far) for far in gone]
        far = None
        try:
            while True:
                request = await Message.read(reader)
                await link.up.wait()
                if b"expect" in request.fields:
                    request.drop(b"expect")
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                name, counted = self.name(request)
                self.seen["requests"][counted] += 1
                delay, rule = self.pick(name)
                if delay:
                    await asyncio.sleep(delay)
                fault = rule["fault"] if rule else None
                if fault == "cut_before":
                    return reset(writer)
                if fault == "error":
                    await swallow(body_of(request, reader, False))
                    await link.down.wait()
                    writer.write(self.error(rule["error"]))
                    continue
                if not far or far[0].at_eof():
                    if far:
                        reset(far[1])
                    far = await asyncio.open_connection("127.0.0.1", self.upstream, limit=PART)
                    gone[:] = [far[1]]
                if await self.exchange(link, request, reader, writer, far, fault,
                                       self.chance.uniform(*rule["seconds"]) if fault == "drip" else 0):
                    return None
        finally:
            if far:
                reset(far[1])

    async def exchange(self, link, request, reader, writer, far, fault, drip):
        """Passes a request and its answer on. True: the connection has ended."""
        far_reader, far_writer = far
        far_writer.write(request.head)
        kept = [request.head]
        async for part in body_of(request, reader, False):
            await link.up.wait()
            far_writer.write(part)
            await far_writer.drain()
            if fault == "twice":
                kept.append(part)
        answer = await Message.read(far_reader)
        bodiless = request.first.startswith("HEAD ") or answer.first.split(" ")[1] in ("204", "304")
        if fault == "twice" and not answer.closes:
            if not bodiless:
                await swallow(body_of(answer, far_reader, True))
            far_writer.write(b"".join(kept))
            answer = await Message.read(far_reader)
        parts = [answer.head]
        if fault in ("cut_after", "cut_half", "drip"):
            if not bodiless:
                parts += [part async for part in body_of(answer, far_reader, True)]
            whole = b"".join(parts)
            if fault == "drip":
                for start in range(0, len(whole), size := len(whole) // PIECES + 1):
                    await asyncio.sleep(drip / PIECES)
                    await link.down.wait()
                    writer.write(whole[start:start + size])
                    await writer.drain()
                return answer.closes or request.closes
            if fault == "cut_half":
                writer.write(whole[:(len(whole) + (len(answer.head) if len(parts) > 1 else 0)) // 2])
                await writer.drain()
                writer.close()  # not reset: what was written shall arrive
            else:
                reset(writer)
            return True
        await link.down.wait()
        writer.write(answer.head)
        if not bodiless:
            async for part in body_of(answer, far_reader, True):
                await link.down.wait()
                writer.write(part)
                await writer.drain()
        return answer.closes or request.closes


class Control:
    """Takes the orders."""

    def __init__(self, proxy):
        self.proxy = proxy

    async def obey(self, request, body):
        order = request.first.rsplit(" ", 1)[0]
        way = re.fullmatch(r"PUT /link(?:/(\d+))?", order)
        if way:
            mode = body.decode()
            if mode not in ("open", "stall", "stall_up", "stall_down", "refuse", "cut"):
                raise ValueError(f"no such mode: {mode}")
            for link in self.proxy.links if way[1] is None else [self.proxy.links[int(way[1])]]:
                await link.set(mode)
        elif order == "PUT /rules" and isinstance(self.proxy, HttpProxy):
            self.proxy.order(json.loads(body))
        elif order != "GET /seen":
            raise ValueError(f"no such order: {order}")
        return {**self.proxy.seen, "connections": sum(len(link.live) for link in self.proxy.links)}

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = await Message.read(reader)
            body = b"".join([part async for part in body_of(request, reader, False)])
            try:
                status, said = "200 OK", json.dumps(await self.obey(request, body))
            except (ValueError, LookupError, TypeError, re.error) as error:
                status, said = "400 Bad Request", json.dumps({"error": str(error)})
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(said)}\r\nContent-Type: application/json\r\n"
                         f"Connection: close\r\n\r\n{said}".encode())
            await writer.drain()
        writer.close()


async def serve(arguments):
    if arguments.service == "tcp":
        proxy = TcpProxy(arguments.upstream, arguments.ways)
    else:
        proxy = HttpProxy(arguments.service, arguments.upstream, arguments.seed, arguments.ways)
    for link in proxy.links:
        await link.set("open")
    control = await asyncio.start_server(Control(proxy).serve, "127.0.0.1", 0)
    port = control.sockets[0].getsockname()[1]
    ports = " ".join(str(link.port) for link in proxy.links)
    print(f"listening on 127.0.0.1: {ports}, orders to http://127.0.0.1:{port}", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


class Proxy:
    """A proxy process before a server's port, and a way to give it orders."""

    def __init__(self, service, upstream, seed=1, ways=1):
        import servers
        self.process = subprocess.Popen(
            [sys.executable, "-B", __file__, service, str(upstream), "--seed", str(seed),
             "--ways", str(ways)],
            stdout=subprocess.PIPE, text=True, preexec_fn=servers.die_with_parent)
        found = re.search(r": ([\d ]+), orders to (http://127\.0\.0\.1:(\d+))", self.process.stdout.readline())
        self.ports = [int(port) for port in found[1].split()]
        self.port, self.control_url, self.control_port = self.ports[0], found[2], int(found[3])

    def order(self, method, path, body=""):
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=60)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            said = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(said["error"])
        return said

    def link(self, mode, way=None):
        return self.order("PUT", "/link" if way is None else f"/link/{way}", mode)

    def rules(self, *rules):
        return self.order("PUT", "/rules", json.dumps(rules))

    def seen(self):
        return self.order("GET", "/seen")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", choices=("sqs", "s3", "tcp"))
    parser.add_argument("upstream", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ways", type=int, default=1)
    with contextlib.suppress(ImportError):  # twice as fast
        import uvloop
        uvloop.install()
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
