#!/usr/bin/env python3
"""A target for jobs forwarded over HTTP (http_handler_test.cpp): what it does is in the path.

    http_target.py [CERTIFICATE KEY]

Prints its port, and later what the tests want to know. Serves TLS when given a certificate.
"""
import email.utils
import hashlib
import http.server
import json
import ssl
import sys
import time
import urllib.parse


class Target(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    requests = 0

    def do_POST(self):
        self.requests += 1
        path = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(path.query))
        getattr(self, path.path.strip("/"))(asked)

    def body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def headers_seen(self, _):
        self.body()
        seen = json.dumps(dict(self.headers.items())).encode()
        self.answer(200, seen, Content_Type="application/json")

    def echo(self, _):
        self.answer(201, self.body(), Content_Type="text/x-echo")

    def count(self, _):
        self.body()
        self.answer(200, f"{self.client_address[1]} {self.requests}".encode())

    def status(self, asked):
        """The status `is`, with Retry-After: `after`; with `then`, that from the second attempt. The first
        attempt's answer is padded to `size` bytes."""
        self.body()
        again = int(self.headers["Bide-Attempt"]) > 1
        status = int(asked["then"] if again and "then" in asked else asked["is"])
        fields = {"Content_Type": "text/x-said"}
        if "after" in asked:
            fields["Retry_After"] = asked["after"]
        if "date" in asked:
            fields["Retry_After"] = email.utils.formatdate(time.time() + int(asked["date"]), usegmt=True)
        if 300 <= status < 400:
            fields["Location"] = "/echo"
        size = 0 if again else int(asked.get("size", 0))
        self.answer(status, f"said {status}".encode().ljust(size), **fields)

    def closes(self, _):
        """Answers, and then ends the connection without having said so."""
        self.body()
        self.answer(200, str(self.client_address[1]).encode())
        self.close_connection = True

    def hold(self, _):
        """Does not answer; says when it was asked and when the client went away."""
        self.body()
        print("held", flush=True)
        try:
            self.rfile.read(1)
        except OSError:
            pass
        print("gone", flush=True)
        self.close_connection = True

    def large(self, asked):
        """Answers with `size` bytes and the digest of what came."""
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left:
            piece = self.rfile.read(min(left, 1 << 20))
            digest.update(piece)
            left -= len(piece)
        size = int(asked["size"])
        self.send_response(200)
        self.send_header("Content-Type", "digest/" + digest.hexdigest())
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while size:
            piece = b"0123456789abcdef" * (min(size, 1 << 20) // 16)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            size -= len(piece)
        self.wfile.write(b"0\r\n\r\n")

    def raw(self, asked):
        """Sends what it is told, and ends the connection."""
        self.body()
        self.wfile.write(asked["bytes"].encode())
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass  # clients that go away are what the tests are about


def main():
    server = Server(("127.0.0.1", 0), Target)
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
