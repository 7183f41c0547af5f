#!/usr/bin/env python3
"""Durable echo against its limits, interleaved in one run.

    bench/durable_echo.py BUILD_DIR [--seconds N] [--rounds N] [--connections 1,64,256,1000]

Serves 20-byte POSTs with (a) bench/bare_echo, a Beast server without a store, and (b) `bide serve
--native echo`, where each 200 leaves after the flush of its commit (Bide-Durability: fsync). wrk
loads them in turn, one thread, closed loop; before each round the disk's own flushes per second
are counted. Prints a Markdown table of medians over the rounds; the ratio is taken pair by pair.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

POST = 'wrk.method = "POST"\nwrk.body = "12345678901234567890"\n'


class Server:
    """A server that prints "listening on URL" when it is ready."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit(f"{command[0]} did not start")
        self.url = line.removeprefix("listening on ").strip() + "/"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def load(url, connections, seconds, script):
    text = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-s", script, url],
        check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"the run had errors:\n{text}")
    return {
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        "p50": milliseconds(re.search(r"^ +50% +(\S+)$", text, re.M)[1]),
        "p99": milliseconds(re.search(r"^ +99% +(\S+)$", text, re.M)[1]),
    }


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("build", type=pathlib.Path)
    options.add_argument("--seconds", type=int, default=4)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--connections", default="1,64,256,1000")
    asked = options.parse_args()

    with tempfile.TemporaryDirectory(dir=asked.build) as folder:
        script = os.path.join(folder, "post.lua")
        pathlib.Path(script).write_text(POST, encoding="ascii")
        bare = Server(str(asked.build / "bare_echo"))
        bide = Server(str(asked.build / "bide"), "serve", "--native", "echo",
                      "--listen", "127.0.0.1:0", "--data", os.path.join(folder, "data"))
        flushes, rows = [], []
        try:
            for connections in map(int, asked.connections.split(",")):
                pairs = []
                for _ in range(asked.rounds):
                    flushes.append(json.loads(subprocess.run(
                        [str(asked.build / "flushes"), folder, "1"],
                        check=True, capture_output=True).stdout))
                    pairs.append((load(bare.url, connections, asked.seconds, script),
                                  load(bide.url, connections, asked.seconds, script)))
                rows.append((connections, pairs))
        finally:
            bare.stop()
            bide.stop()

    print(f"{os.cpu_count()} processors shared with wrk, Linux {platform.release()}, "
          f"{asked.rounds} rounds of {asked.seconds} s.")
    print(f"Disk: {median(flushes, 'flushes_per_s'):,.0f} flushes/s of 4 KiB, "
          f"p50 {median(flushes, 'p50_us'):.0f} us, p99 {median(flushes, 'p99_us'):.0f} us.\n")
    print("| connections | bare Beast echo, no store, jobs/s (p50/p99 ms) "
          "| bide, fsync before each 200, jobs/s (p50/p99 ms) | ratio [min-max] |")
    print("|---|---|---|---|")
    for connections, pairs in rows:
        cells = []
        for side in zip(*pairs):
            cells.append(f"{median(side, 'rate'):,.0f} "
                         f"({median(side, 'p50'):.2f}/{median(side, 'p99'):.2f})")
        ratios = [b["rate"] / a["rate"] for a, b in pairs]
        print(f"| {connections} | {cells[0]} | {cells[1]} | {statistics.median(ratios):.2f} "
              f"[{min(ratios):.2f}-{max(ratios):.2f}] |")


if __name__ == "__main__":
    main()
