"""nginx and haproxy between a client and the server, as Debian ships them."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import unittest

from served import (
    ask, die_with_parent, eventually, free_port, fresh_page, need, pattern, run, state_of)

# The plain one is what people write first: HTTP/1.0 to the server, everything collected.
NGINX = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    client_max_body_size 0;
    upstream bide {{ server 127.0.0.1:{server}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{plain};
        location / {{ proxy_pass http://127.0.0.1:{server}; }}
    }}
    server {{
        listen 127.0.0.1:{tuned};
        location / {{
            proxy_pass http://bide;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
        location /batches {{
            proxy_pass http://bide;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_read_timeout 1h;
        }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 500
defaults plain
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
defaults tuned from plain
    option abortonclose
frontend plain from plain
    bind 127.0.0.1:{plain}
    default_backend plain
backend plain from plain
    server bide 127.0.0.1:{server}
frontend tuned from tuned
    bind 127.0.0.1:{tuned}
    default_backend tuned
backend tuned from tuned
    http-reuse always
    server bide 127.0.0.1:{server}
"""


class Proxy:
    def __init__(self, client, server):
        self.folder = tempfile.TemporaryDirectory()
        self.plain, self.tuned = free_port(), free_port()
        text = {"nginx": NGINX, "haproxy": HAPROXY}[client].format(
            folder=self.folder.name, server=server.port, plain=self.plain, tuned=self.tuned,
            user="user root;" if os.geteuid() == 0 else "")
        path = pathlib.Path(self.folder.name) / "conf"
        path.write_text(text, encoding="ascii")
        command = {"nginx": [need("nginx"), "-e", "stderr", "-c", path],
                   "haproxy": [need("haproxy"), "-db", "-f", path]}[client]
        self.process = subprocess.Popen(command, preexec_fn=die_with_parent)
        for port in (self.plain, self.tuned):
            if not eventually(lambda: self.listens(port)):  # pylint: disable=cell-var-from-loop
                raise RuntimeError(f"{client} does not listen")

    def listens(self, port):
        if self.process.poll() is not None:
            raise RuntimeError("the proxy did not start")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.folder.cleanup()


class Proxied(unittest.TestCase):
    server = None
    proxy = None
    client = ""

    def each(self):
        return [f"http://127.0.0.1:{port}" for port in (self.proxy.plain, self.proxy.tuned)]

    @property
    def tuned(self):
        return f"http://127.0.0.1:{self.proxy.tuned}"

    def test_connection_is_kept(self):
        for url in self.each():
            connection = http.client.HTTPConnection(url[7:], timeout=60)
            for i in range(30):
                connection.request("POST", "/", str(i))
                answer = connection.getresponse()
                self.assertEqual((answer.status, answer.read()), (200, str(i).encode()))
            connection.close()

    def test_connections_to_the_server_are_reused_under_load(self):
        done = run("wrk", "-t1", "-c32", "-d1", self.tuned + "/healthz")
        self.assertNotIn(b"Non-2xx", done.stdout)
        self.assertNotIn(b"Socket errors", done.stdout)

    def test_long_wait(self):
        for url in self.each():
            self.assertEqual(ask(url, "POST", "/queues/sleep/jobs", "4000")[2], b"4000")

    def test_redirects_stay_behind_the_proxy(self):
        for url in self.each():
            done = run("curl", "-sS", "-L", "-d", "2500", "-H", "Prefer: wait=1, at-limit=redirect",
                       url + "/queues/sleep/jobs")
            self.assertEqual(done.stdout, b"2500")

    def test_large_body(self):
        data = pattern(24_000_000)
        for url in self.each():
            status, headers, body = ask(url, "POST", "/queues/cat/jobs", data)
            self.assertEqual(status, 200)
            self.assertEqual(body, data)
            part = ask(url, "GET", headers["Content-Location"], None,
                       {"Range": "bytes=20000000-20000999"})
            self.assertEqual((part[0], part[2]), (206, data[20_000_000:20_001_000]))

    def test_chunked_upload(self):
        data = pattern(2_000_000)
        for url in self.each():
            done = run("curl", "-sS", "-X", "POST", "-T", "-", url + "/queues/cat/jobs", input=data)
            self.assertEqual(done.stdout, data)

    def test_expect_continue(self):
        data = pattern(2_000_000)
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            for url in self.each():
                done = run("curl", "-sS", "-H", "Expect: 100-continue", "--data-binary",
                           "@" + file.name, url + "/queues/cat/jobs")
                self.assertEqual(done.stdout, data, done.stderr)

    def test_too_large_is_413(self):
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(65 << 20)
            for url in self.each():
                done = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H",
                           "Expect: 100-continue", "--data-binary", "@" + file.name, url + "/")
                self.assertEqual(done.stdout, b"413", done.stderr)

    def test_problems_pass(self):
        for url in self.each():
            status, headers, body = ask(url, "POST", "/queues/refuse/jobs", "x")
            self.assertEqual(status, 502)
            self.assertEqual(headers["Content-Type"], "application/problem+json")
            self.assertEqual(json.loads(body)["type"], "/errors/handler-rejected")

    def test_head_and_not_modified(self):
        for url in self.each():
            location = ask(url, "POST", "/", "twelve bytes")[1]["Content-Location"]
            status, headers, body = ask(url, "HEAD", location)
            self.assertEqual((status, headers["Content-Length"], body), (200, "12", b""))
            again = ask(url, "GET", location, None, {"If-None-Match": headers["ETag"]})
            self.assertEqual((again[0], again[2]), (304, b""))

    def test_events_are_not_collected(self):
        for url in self.each():
            connection = http.client.HTTPConnection(url[7:], timeout=60)
            page = fresh_page()
            connection.request("PUT", page + "?queue=sleep", "60000",
                               {"Accept": "text/event-stream"})
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            line = b""
            while not line.startswith(b"event: accepted"):
                line = answer.readline()
                self.assertTrue(line, "the stream ended")
            while not line.startswith(b": heartbeat"):
                line = answer.readline()
                self.assertTrue(line, "the stream ended")
            self.assertEqual(state_of(self.server.url, page), "running")
            self.assertEqual(ask(url, "DELETE", page)[0], 200)
            self.assertIn(b"event: result", answer.read())
            connection.close()

    def test_batch_streams_both_ways(self):
        connection = http.client.HTTPConnection(self.tuned[7:], timeout=60)
        connection.putrequest("POST", "/batches")
        connection.putheader("Content-Type", "application/x-ndjson")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()

        def send(text):
            connection.send(f"{len(text):x}\r\n{text}\r\n".encode())
        send('{"body":"first"}\n')
        answer = connection.getresponse()
        self.assertIn("batch", json.loads(answer.readline()))
        self.assertEqual(json.loads(answer.readline())["body"], "first")
        send('{"body":"second"}\n')
        connection.send(b"0\r\n\r\n")
        self.assertEqual(json.loads(answer.readline())["body"], "second")
        self.assertIn("summary", json.loads(answer.readline()))
        connection.close()

    def test_batch_whole(self):
        items = "".join(json.dumps({"body": str(i)}) + "\n" for i in range(2000))
        for url in self.each():
            _, _, body = ask(url, "POST", "/batches", items,
                             {"Content-Type": "application/x-ndjson"})
            self.assertEqual(json.loads(body.splitlines()[-1])["summary"]["succeeded"], 2000)

    def hang_up(self, url, said):
        page = fresh_page()
        connection = http.client.HTTPConnection(url[7:], timeout=60)
        connection.request("PUT", page + "?queue=sleep", "60000", {"Bide-On-Disconnect": said})
        self.assertTrue(eventually(lambda: state_of(self.server.url, page) == "running"))
        connection.sock.close()
        connection.close()
        return page

    def test_hang_up_of_the_client_is_seen_through_the_proxy(self):
        stays = self.hang_up(self.tuned, "continue")
        goes = self.hang_up(self.tuned, "cancel")
        self.assertTrue(eventually(lambda: state_of(self.server.url, goes) == "cancelled"))
        self.assertEqual(state_of(self.server.url, stays), "running")
        self.assertEqual(ask(self.server.url, "DELETE", stays)[0], 200)


running = []


def prepare(client, server, _build):
    need("wrk")
    need("curl")
    need(client)
    running.append(Proxy(client, server))
    Proxied.server, Proxied.proxy, Proxied.client = server, running[0], client
    return Proxied


def finish():
    while running:
        running.pop().stop()
