"""The four measurements. Each returns plain data for build/bench/results.json."""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

import harness
import waiters

KEYS = ("rate", "p50", "p99", "p999", "cpu", "cpu_us", "load_us", "idle")


def say(text):
    print(text, flush=True)


def disk(folder, environment=None):
    made = subprocess.run([str(harness.BUILD / "flushes"), str(folder), "1"], check=True,
                          capture_output=True, env={**os.environ, **(environment or {})})
    return json.loads(made.stdout)


def spawns():
    made = subprocess.run([str(harness.BUILD / "spawns"), str(os.cpu_count()), "1"], check=True,
                          capture_output=True)
    return json.loads(made.stdout)


def median(samples):
    """Of each key, and the least and the most of the rate."""
    made = {key: statistics.median(one[key] for one in samples) for key in KEYS}
    rates = [one["rate"] for one in samples]
    made.update(rate_min=min(rates), rate_max=max(rates), errors=sum(one["errors"] for one in samples))
    return made


def describe(peer):
    return {"name": peer.name, "title": peer.title, "durability": peer.durability,
            "flushed": peer.flushed, "limit": peer.limit, "version": peer.version()}


def start_all(kinds, folder, hold=False, environment=None):
    """Starts what can be had; returns the running peers and [{name, title, reason}] of the rest."""
    peers, skipped = [], []
    for kind in kinds:
        peer = kind(folder / kind.name)
        peer.environment = environment or {}
        try:
            peer.install()
            peer.start(hold)
            peer.ready(hold)
            say(f"started {peer.name}")
            peers.append(peer)
        except (harness.Skip, RuntimeError, OSError) as why:
            peer.stop()
            say(f"skipped {peer.name}: {why}")
            skipped.append({"name": peer.name, "title": peer.title, "reason": str(why)})
    return peers, skipped


def idle_seconds():
    """Of all processors together, since the machine began."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = file.readline().split()
    return (int(ticks[4]) + int(ticks[5])) / os.sysconf("SC_CLK_TCK")


def load_seconds():
    """Processor time of the load generators that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def one_load(peer, connections, seconds):
    used, load, idle, began = peer.processes.cpu(), load_seconds(), idle_seconds(), time.monotonic()
    made = peer.load(connections, seconds)
    span, jobs = time.monotonic() - began, max(made["rate"] * seconds, 1)
    used = peer.processes.cpu() - used
    made.update(cpu=used / span, cpu_us=used / jobs * 1e6, load_us=(load_seconds() - load) / jobs * 1e6,
                idle=(idle_seconds() - idle) / span)
    peer.processes.settle()
    if dead := peer.processes.dead():
        raise RuntimeError(f"died: {'; '.join(dead)}")
    return made


def throughput(kinds, folder, asked, environment=None):
    """All peers up, loads in turn, round after round."""
    peers, skipped = start_all(kinds, folder, environment=environment)
    limits = {"flushes": [], "spawns": []}
    rows = {peer.name: {**describe(peer), "at": {}, "failed": ""} for peer in peers}
    try:
        for peer in peers:
            peer.load(16, 1)  # compilers of the scripting languages want to have seen some
            peer.processes.settle()
        for connections in asked.connections:
            samples = {peer.name: [] for peer in peers}
            for number in range(asked.rounds):
                limits["flushes"].append(disk(folder, environment))
                limits["spawns"].append(spawns())
                for peer in peers:
                    row = rows[peer.name]
                    if row["failed"]:
                        continue
                    try:
                        made = one_load(peer, connections, asked.seconds)
                        samples[peer.name].append(made)
                        say(f"{connections:5} connections, round {number + 1}, {peer.name:15} "
                            f"{made['rate']:9,.0f}/s p50 {made['p50']:8.2f} p99 {made['p99']:8.2f} "
                            f"p99.9 {made['p999']:8.2f} ms errors {made['errors']}")
                    except (RuntimeError, OSError, subprocess.TimeoutExpired) as why:
                        row["failed"] = f"at {connections} connections: {why}"
                        say(f"failed {peer.name} {row['failed']}")
            for name, made in samples.items():
                if made:
                    rows[name]["at"][str(connections)] = {**median(made), "samples": made}
        for peer in peers:
            rows[peer.name]["memory_after"] = peer.processes.memory()
    finally:
        for peer in peers:
            peer.stop()
    limits = {
        "flushes_per_s": statistics.median(one["flushes_per_s"] for one in limits["flushes"]),
        "flush_p50_us": statistics.median(one["p50_us"] for one in limits["flushes"]),
        "flush_p99_us": statistics.median(one["p99_us"] for one in limits["flushes"]),
        "spawns_per_s": statistics.median(one["spawns_per_s"] for one in limits["spawns"])}
    return {"rows": list(rows.values()), "skipped": skipped, "limits": limits}


def slow_disk(kinds, folder, asked):
    shim = harness.BUILD / "bench/libslow_sync.so"
    environment = {"LD_PRELOAD": str(shim), "BENCH_SYNC_US": str(asked.sync_us)}
    made = throughput([kind for kind in kinds if kind.slow_disk], folder, asked, environment)
    return {**made, "sync_us": asked.sync_us}


def hold(peer, count):
    """One peer, `count` requests that wait."""
    # Long enough for the slowest to have taken them all, then 4 s of quiet.
    milliseconds = 6000 + int(count * 1.3)
    crowd = waiters.Waiters(peer.port(), peer.request(milliseconds), peer.answer)
    try:
        idle = peer.processes.memory()
        began = time.monotonic()
        crowd.connect(count, milliseconds / 1000)
        sent = time.monotonic() - began
        # An answer may come from the first request's time on: measured just before that.
        crowd.wait(lambda: crowd.answered + crowd.failed > 0, milliseconds / 1000 - sent - 3)
        before = peer.processes.cpu()
        crowd.wait(lambda: crowd.answered + crowd.failed > 0, 2)
        cpu = (peer.processes.cpu() - before) / 2
        busy = peer.processes.memory()
        released = time.monotonic()
        waiting = crowd.sent - crowd.answered - crowd.failed
        due = released if peer.release() else began + sent + milliseconds / 1000
        crowd.wait(lambda: crowd.answered + crowd.failed >= crowd.sent, 120)
        late = max((crowd.last or due) - due, 0)
        parts = {label: (busy[label] - idle.get(label, 0)) / max(waiting, 1) for label in busy}
        return {"asked": count, "waiting": waiting, "answered": crowd.answered, "failed": crowd.failed,
                "why": crowd.why, "seconds_to_send": sent, "cpu": cpu, "idle": sum(idle.values()), "total": sum(busy.values()),
                "bytes_per_waiter": sum(parts.values()), "parts": parts,
                "last_late": late}
    finally:
        crowd.stop()


def memory(kinds, folder, asked):
    """One peer at a time, started anew for each count, so that nothing is left of the one before."""
    rows, skipped = [], []
    for kind in kinds:
        if not kind.holds:
            continue
        row = None
        for count in asked.waiters:
            peers, failed = start_all([kind], folder / str(count), hold=True)
            if failed:
                skipped += failed
                break
            peer = peers[0]
            try:
                row = row or {**describe(peer), "at": {}, "failed": ""}
                peer.processes.settle()
                made = row["at"][str(count)] = hold(peer, count)
                say(f"{peer.name}: {made['waiting']} of {count} wait, "
                    f"{made['bytes_per_waiter']:,.0f} bytes each, {made['answered']} answered, "
                    f"{made['failed']} failed {made['why']}")
            except (RuntimeError, OSError) as why:
                row["failed"] = f"at {count} waiters: {why}"
            finally:
                peer.stop()
        if row:
            rows.append(row)
    return {"rows": rows, "skipped": skipped}


def switches(pid):
    """Context switches so far, of all threads: each wake-up is one."""
    return sum(int(number) for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")
               for number in re.findall(r"ctxt_switches:\s+(\d+)", status.read_text()))


def start(folder, asked):
    """bide alone: from nothing to `listening`, and what it is when it idles."""
    binary = harness.BUILD / "bide"
    took = []
    for number in range(asked.starts):
        processes = harness.Processes(folder)
        before = time.monotonic()
        processes.start("bide", [binary, "serve", "--native", "echo", "--listen", "127.0.0.1:0",
                                 "--data", folder / f"data{number}"], listening=True)
        took.append((time.monotonic() - before) * 1000)
        if number + 1 < asked.starts:
            processes.stop()
    time.sleep(2)
    pid = processes.started[0].pid
    woken, cpu = switches(pid), processes.cpu()
    time.sleep(10)
    idle = {"wakeups_per_s": (switches(pid) - woken) / 10, "cpu": (processes.cpu() - cpu) / 10,
            "memory": sum(processes.memory().values())}
    processes.stop()
    stripped = folder / "bide"
    shutil.copy(binary, stripped)
    subprocess.run(["strip", str(stripped)], check=True)
    took.sort()
    return {"starts": len(took), "p50_ms": statistics.median(took),
            "p95_ms": took[int(len(took) * 0.95)], "max_ms": took[-1], **idle,
            "binary": stripped.stat().st_size}
