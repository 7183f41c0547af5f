"""As much of HTTP/1.1 as the bench of the functions speaks, over asyncio's streams."""
import asyncio
import contextlib
import http.client

LIMIT = 256 << 10  # of a StreamReader: a head or a line must fit
PART = 64 << 10  # bytes read at once


class Broken(Exception):
    """What came is not HTTP, or ended in the middle."""


class Head:
    """The first line and the fields, as they came."""

    def __init__(self, first, fields):
        self.first, self.fields = first, fields

    def all(self, name):
        return [value for known, value in self.fields if known.lower() == name]

    def get(self, name, default=""):
        """Of the field with that name, in small letters; of several the last."""
        return (self.all(name) or [default])[-1]

    def closes(self):
        said = self.get("connection").lower()
        return said == "close" or ("HTTP/1.0" in self.first and said != "keep-alive")

    def status(self):
        return int(self.first.split(" ")[1])


async def read_head(reader):
    """None: the other end closed before it began."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as ended:
        if ended.partial.strip():
            raise Broken("the head was cut off") from None
        return None
    except asyncio.LimitOverrunError:
        raise Broken("the head is too large") from None
    lines = raw.decode("latin-1").lstrip("\r\n").split("\r\n")
    fields = []
    for line in lines[1:]:
        if not line:
            continue
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Broken(f"not a field: {line!r}")
        fields.append((name, value.strip()))
    if len(lines[0].split(" ")) < 2:
        raise Broken(f"not a first line: {lines[0]!r}")
    return Head(lines[0], fields)


class Body:
    """The bytes after a head, without their framing; `trailers` when all have been read."""

    def __init__(self, reader, head, answer_to=None):
        """`answer_to`: this is an answer, to a request of that method."""
        self.reader, self.trailers, self.finished = reader, [], False
        self.chunked = head.get("transfer-encoding").lower() == "chunked"
        length = head.get("content-length")
        if length and not length.isdigit():
            raise Broken(f"not a length: {length!r}")
        self.length = int(length) if length else 0
        self.until_close = bool(answer_to) and not length and not self.chunked
        if answer_to and (answer_to == "HEAD" or head.status() in (204, 304) or head.status() < 200):
            self.chunked, self.until_close, self.length = False, False, 0

    async def __aiter__(self):
        try:
            async for piece in self.pieces():
                yield piece
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError) as why:
            raise Broken(f"the body was cut off: {why!r}") from None
        self.finished = True

    async def pieces(self):
        if self.chunked:
            while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
                async for piece in self.exactly(size):
                    yield piece
                if await self.reader.readexactly(2) != b"\r\n":
                    raise ValueError("a chunk has no end")
            while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
                name, _, value = line.decode("latin-1").partition(":")
                self.trailers.append((name.strip().lower(), value.strip()))
        elif self.until_close:
            while piece := await self.reader.read(PART):
                yield piece
        else:
            async for piece in self.exactly(self.length):
                yield piece

    async def exactly(self, size):
        while size:
            piece = await self.reader.read(min(size, PART))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(piece)
            yield piece

    async def read(self, bytes_max=None):
        """All of it; past `bytes_max` the rest is read and thrown away, and it is None."""
        parts, size = [], 0
        async for piece in self:
            size += len(piece)
            if bytes_max is None or size <= bytes_max:
                parts.append(piece)
        return b"".join(parts) if bytes_max is None or size <= bytes_max else None


def head_bytes(first, fields):
    return (first + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n").encode("latin-1")


def status_line(status):
    return f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unknown')}"


def chunk(piece):
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class Client:
    """Requests one after another to a port here, on a connection that is kept while it can be."""

    def __init__(self, port):
        self.port, self.connection = port, None

    async def ask(self, method, target, fields=(), body=b""):
        """The head of the answer and its body."""
        fields = [("Host", f"127.0.0.1:{self.port}"), *fields, ("Content-Length", len(body))]
        fresh = self.connection is None or self.connection[0].at_eof()
        while True:
            if fresh:
                self.close()
                self.connection = await asyncio.open_connection("127.0.0.1", self.port, limit=LIMIT)
            reader, writer = self.connection
            try:
                writer.write(head_bytes(f"{method} {target} HTTP/1.1", fields) + body)
                head = await read_head(reader)
                if head is None:
                    raise Broken("no answer")
                said = await Body(reader, head, method).read()
            except (Broken, ConnectionError):
                self.close()
                if fresh:
                    raise
                fresh = True  # the server closed it meanwhile
                continue
            except BaseException:
                self.close()
                raise
            if head.closes():
                self.close()
            return head, said

    def close(self):
        if self.connection:
            with contextlib.suppress(Exception):
                self.connection[1].transport.abort()
        self.connection = None
