#!/usr/bin/python3 -SE
"""A function and its runtime in one, for the bench's own tests: does with the Runtime API what the event says
({"do": NAME}), right or wrong. Anything else is given back."""
import base64
import json
import os
import socket
import sys
import time

HOST, _, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
ROOT = "/2018-06-01/runtime/"
STREAM = ["Lambda-Runtime-Function-Response-Mode: streaming", "Transfer-Encoding: chunked"]
HTTP = ["Content-Type: application/vnd.awslambda.http-integration-response"]
TRAILER = ["Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"]


class Connection:
    def __init__(self):
        self.socket = socket.create_connection((HOST, int(PORT)))
        self.file = self.socket.makefile("rb")

    def send(self, method, page, fields=(), body=b""):
        self.socket.sendall("\r\n".join([f"{method} {ROOT}{page} HTTP/1.1", "Host: x", *fields, "", ""]).encode() + body)

    def read(self):
        """Status, fields and body of an answer."""
        status, fields = int(self.file.readline().split()[1]), {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        if fields.get("transfer-encoding") != "chunked":
            return status, fields, self.file.read(int(fields.get("content-length", 0)))
        body = b""
        while size := int(self.file.readline(), 16):
            body += self.file.read(size)
            self.file.readline()
        self.file.readline()
        return status, fields, body

    def ask(self, method, page, fields=(), body=b""):
        self.send(method, page, [*fields, f"Content-Length: {len(body)}"], body)
        return self.read()


def chunks(*pieces, trailers=()):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + "".join(
        f"{line}\r\n" for line in trailers).encode() + b"\r\n"


class Runtime:
    def __init__(self):
        self.connection, self.id, self.event = Connection(), "", {}

    def respond(self, body=b"{}", fields=(), name=None):
        return self.connection.ask("POST", f"invocation/{name or self.id}/response", fields, body)[0]

    def stream(self, body, fields=()):
        connection = Connection()
        connection.send("POST", f"invocation/{self.id}/response", [*STREAM, *fields], body)
        return connection

    def fail(self, kind="Function.Bad", body=b'{"errorMessage": "no", "errorType": "Function.Bad"}'):
        self.connection.ask("POST", f"invocation/{self.id}/error", [f"Lambda-Runtime-Function-Error-Type: {kind}"], body)

    def prelude(self, **said):
        return json.dumps({"statusCode": 201, "headers": {"X-One": "1"}, **said}).encode() + bytes(8)

    # By name.

    def twice(self):
        print([self.respond(), self.respond()], file=sys.stderr)

    def unknown(self):
        print([self.respond(name="b75b8e4b-2b6e-4d38-a92d-a6d1d7c0f8a0"), self.respond()], file=sys.stderr)

    def large(self):
        print(self.respond(b'"' + b"x" * (7 << 20) + b'"'), file=sys.stderr)

    def bad_mode(self):
        print(self.respond(fields=["Lambda-Runtime-Function-Response-Mode: buffered"]), file=sys.stderr)

    def bad_error(self):
        self.fail("Nonsense", b"no JSON")

    def hang(self):
        time.sleep(1000)

    def crash(self):
        os._exit(3)

    def impatient(self):
        Connection().send("GET", "invocation/next", ["Content-Length: 0"])
        time.sleep(0.2)
        self.respond()

    def streams(self):
        pieces = [f"piece {number}\n".encode() for number in range(3)]
        time.sleep(float(self.event.get("silence", 0)))
        connection = self.stream(b"", HTTP)
        for piece in (self.prelude(cookies=["a=1", "b=2"], multiValueHeaders={"X-Two": ["2", "3"]}), *pieces):
            connection.socket.sendall(chunks(piece).removesuffix(b"0\r\n\r\n"))
            time.sleep(float(self.event.get("pause", 0)))
        connection.socket.sendall(b"0\r\n\r\n")
        connection.read()

    def trailers(self):
        said = base64.b64encode(b'{"errorMessage": "late", "errorType": "Function.Late"}').decode()
        self.stream(chunks(self.prelude(), b"half", trailers=[
            "Lambda-Runtime-Function-Error-Type: Function.Late", f"Lambda-Runtime-Function-Error-Body: {said}"]),
            [*HTTP, *TRAILER]).read()

    def unannounced(self):
        self.stream(chunks(self.prelude(), trailers=["Lambda-Runtime-Function-Error-Type: Function.Late"]), HTTP).read()

    def bad_prelude(self):
        self.stream(chunks(self.prelude(headers={"X": ["1"]})), HTTP).read()

    def no_delimiter(self):
        self.stream(chunks(b'{"statusCode": 200}' + b" " * (20 << 10)), HTTP).read()

    def reused(self):
        connection = self.stream(chunks(self.prelude()), HTTP)
        connection.read()
        self.connection = connection

    def cut_off(self):
        connection = self.stream(chunks(self.prelude()).removesuffix(b"0\r\n\r\n"), HTTP)
        connection.socket.shutdown(socket.SHUT_WR)
        connection.read()

    def run(self):
        if os.environ.get("INIT") == "fail":
            print(self.connection.ask("POST", "init/error", ["Lambda-Runtime-Function-Error-Type: Runtime.Cold"],
                                      b'{"errorMessage": "cold", "errorType": "Runtime.Cold"}')[0], file=sys.stderr)
            return 1
        while True:
            status, fields, event = self.connection.ask("GET", "invocation/next")
            if status != 200:
                return 1
            self.id, self.event = fields["lambda-runtime-aws-request-id"], json.loads(event)
            act = getattr(self, str(self.event.get("do")), None) if isinstance(self.event, dict) else None
            if act:
                act()
            elif "httpMethod" in self.event or "rawPath" in self.event:
                self.respond(json.dumps({"statusCode": 200, "headers": {"Content-Type": "application/json"},
                                         "body": json.dumps(self.event)}).encode())
            elif "failures" in os.environ and "Records" in self.event:
                failures = [{"itemIdentifier": record["messageId"]} for record in self.event["Records"]
                            if record["body"] == os.environ["failures"]]
                self.respond(json.dumps({"batchItemFailures": failures}).encode())
            else:
                self.respond(json.dumps({"event": self.event, "environment": dict(os.environ), "fields": fields,
                                         "process": os.getpid()}).encode())


if __name__ == "__main__":
    sys.exit(Runtime().run())
