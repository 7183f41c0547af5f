#!/usr/bin/env python3
"""A pool's process (docs/handlers.md): a job "NUMBER MILLISECONDS" takes that long, and its result is the
number and something that no other run would say, so that two runs of one job can be told apart."""
import heapq
import json
import os
import select
import time

due, buffer = [], b""
while True:
    wait = max(0, due[0][0] - time.monotonic()) if due else None
    if select.select([0], [], [], wait)[0]:
        part = os.read(0, 1 << 16)
        if not part:
            break
        *lines, buffer = (buffer + part).split(b"\n")
        for line in lines:
            job = json.loads(line)
            number, ms = job["body"].split()[:2]
            heapq.heappush(due, (time.monotonic() + int(ms) / 1000, os.urandom(8).hex(), job["id"], number))
    said = ""
    while due and due[0][0] <= time.monotonic():
        _, token, job, number = heapq.heappop(due)
        said += json.dumps({"id": job, "body": f"{number} {token}", "content_type": "text/plain"}) + "\n"
    data = said.encode()
    while data:
        data = data[os.write(1, data):]
