"""A large body up and down again, through bide and through nginx, in turn."""
import os
import socket
import statistics
import time

import harness

PIECE = 1 << 20

BIDE = """[server]
listen = "127.0.0.1:0"
data = "{folder}/data"
log_level = "warn"
[queues.jobs]
exec = ["cat"]
"""

NGINX = """daemon off; worker_processes 1; user root; pid {folder}/pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; root {folder}/files;
    client_body_temp_path {folder}/temp; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 127.0.0.1:{port}; location / {{ dav_methods PUT; }} }}
}}
"""


def read_head(connection):
    """Status, {name: value}, and what has come of the body."""
    text = b""
    while b"\r\n\r\n" not in text:
        some = connection.recv(65536)
        if not some:
            raise RuntimeError("no answer")
        text += some
    head, _, rest = text.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), {name.lower(): value for name, value in fields.items()}, len(rest)


def upload(port, method, path, source, size, prefer=""):
    """MiB/s from the first byte to the answer, and the answer's fields."""
    with socket.create_connection(("127.0.0.1", port)) as connection, open(source, "rb") as file:
        began = time.monotonic()
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: h\r\n{prefer}"
                           f"Content-Length: {size}\r\n\r\n".encode())
        connection.sendfile(file)
        status, fields, _ = read_head(connection)
        if status not in (201, 202, 204):
            raise RuntimeError(f"{method} {path}: {status}")
        return size / 2**20 / (time.monotonic() - began), fields


def download(port, path, size):
    """MiB/s from the question to the last byte."""
    room = bytearray(PIECE)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began = time.monotonic()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        status, _, got = read_head(connection)
        while got < size:
            some = connection.recv_into(room)
            if not some:
                raise RuntimeError(f"GET {path}: {status}, {got} of {size} bytes")
            got += some
        return size / 2**20 / (time.monotonic() - began)


class Bide:
    name, title = "bide", "bide (exec `cat`; up: until the 202, the body flushed)"

    def __init__(self, folder):
        self.processes = harness.Processes(folder)
        config = folder / "bide.toml"
        config.write_text(BIDE.format(folder=folder))
        url = self.processes.start(
            "bide", [harness.BUILD / "bide", "serve", "--config", config], listening=True)
        self.port = int(url.rpartition(":")[2])

    def round(self, source, size):
        up, answer = upload(self.port, "POST", "/queues/jobs/jobs", source, size,
                            "Prefer: respond-async\r\n")
        result = answer["location"] + "/result"
        with socket.create_connection(("127.0.0.1", self.port)) as connection:  # until it is there
            connection.sendall(f"HEAD {result} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            if read_head(connection)[0] != 200:
                raise RuntimeError("the job failed")
        return up, download(self.port, result, size)


class Nginx:
    name, title = "nginx", "nginx, 1 worker (DAV PUT, not flushed; sendfile)"

    def __init__(self, folder):
        self.processes = harness.Processes(folder)
        for part in ("files", "temp"):
            (folder / part).mkdir()
        self.port = harness.free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=self.port))
        self.processes.start("nginx", [harness.program("nginx"), "-c", config, "-e", "stderr"])
        harness.wait_port(self.port)

    def round(self, source, size):
        up, _ = upload(self.port, "PUT", "/body", source, size)
        return up, download(self.port, "/body", size)


def bulk(folder, asked):
    size = asked.body_mib * 2**20
    source = folder / "body"
    with open(source, "wb") as file:
        for _ in range(asked.body_mib):
            file.write(os.urandom(2**20))
    rows, skipped, running = [], [], []
    try:
        for kind in (Bide, Nginx):
            (folder / kind.name).mkdir()
            try:
                running.append(kind(folder / kind.name))
            except harness.Skip as why:
                skipped.append({"name": kind.name, "title": kind.title, "reason": str(why)})
        rates = {server.name: [] for server in running}
        for number in range(asked.rounds):
            for server in running:
                up, down = server.round(source, size)
                rates[server.name].append((up, down))
                print(f"round {number + 1}, {server.name:5}: {up:,.0f} MiB/s up, {down:,.0f} down", flush=True)
        for server in running:
            ups, downs = zip(*rates[server.name])
            rows.append({"name": server.name, "title": server.title, "up": ups, "down": downs,
                         "up_mid": statistics.median(ups), "down_mid": statistics.median(downs)})
    finally:
        for server in running:
            server.processes.stop()
    return {"rows": rows, "skipped": skipped, "body_mib": asked.body_mib}
