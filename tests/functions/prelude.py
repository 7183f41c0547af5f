"""The beginning of a streamed HTTP answer: JSON, eight NULs, then the body."""
import json

DELIMITER = bytes(8)
BYTES_MAX = 16 << 10  # the delimiter must come within these
CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
KEYS = {"statusCode", "headers", "multiValueHeaders", "cookies"}


class Malformed(Exception):
    """What a gateway answers with 502: it cannot be a prelude."""


def is_text(value):
    return isinstance(value, str)


def is_texts(value):
    return isinstance(value, list) and all(map(is_text, value))


def parse(raw):
    """The JSON of a prelude, which must be what API Gateway takes."""
    try:
        said = json.loads(raw)
    except ValueError as why:
        raise Malformed(f"the prelude is not JSON: {why}") from None
    if not isinstance(said, dict) or set(said) - KEYS:
        raise Malformed(f"the prelude is no object of {sorted(KEYS)}: {raw[:200]!r}")
    status = said.get("statusCode", 200)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise Malformed(f"statusCode is {status!r}")
    for name, holds in (("headers", is_text), ("multiValueHeaders", is_texts)):
        fields = said.get(name, {})
        if not isinstance(fields, dict) or not all(map(holds, fields.values())):
            raise Malformed(f"{name} is {fields!r}")
    if not is_texts(said.get("cookies", [])):
        raise Malformed("cookies is no list of texts")
    return said


class Reader:
    """Takes the prelude off a stream that comes in pieces."""

    def __init__(self):
        self.raw, self.said = b"", None

    def take(self, piece):
        """What of the piece belongs to the body."""
        if self.said is not None:
            return piece
        self.raw += piece
        end = self.raw.find(DELIMITER, 0, BYTES_MAX)
        if end < 0:
            if len(self.raw) >= BYTES_MAX:
                raise Malformed("no delimiter in the first 16 KiB")
            return b""
        self.said = parse(self.raw[:end])
        rest, self.raw = self.raw[end + len(DELIMITER):], b""
        return rest

    def end(self):
        """The stream is over."""
        if self.said is None:
            raise Malformed("the stream ended before its delimiter")


def fields(said):
    """Names and values of a prelude's header fields."""
    several = said.get("multiValueHeaders", {})
    known = {name.lower() for name in several}
    yield from ((name, value) for name, value in said.get("headers", {}).items() if name.lower() not in known)
    yield from ((name, value) for name, values in several.items() for value in values)
    yield from (("Set-Cookie", value) for value in said.get("cookies", []))
