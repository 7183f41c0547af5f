"""Where the figures come from."""
import os
import pathlib
import platform
import re

import harness


def first(pattern, path):
    found = re.search(pattern, pathlib.Path(path).read_text(), re.M)
    return found[1].strip() if found else "unknown"


def processor_time():
    """(all, stolen by the host) ticks since boot."""
    ticks = [int(part) for part in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return sum(ticks), ticks[7]


def steal_since(before):
    now = processor_time()
    return (now[1] - before[1]) / max(now[0] - before[0], 1)


def describe(folder):
    return {
        "processors": os.cpu_count(),
        "processor": first(r"^model name\s*:\s*(.*)", "/proc/cpuinfo"),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "kernel": platform.release(),
        "system": first(r'^PRETTY_NAME="(.*)"', "/etc/os-release"),
        "file_system": harness.told("stat", "-f", "-c", "%T", str(folder)),
        "load_before": os.getloadavg()[0],
        "commit": harness.told("git", "-C", str(harness.TREE), "describe", "--always", "--dirty"),
        "compiler": first(r"^CMAKE_CXX_COMPILER:\w+=(.*)", harness.BUILD / "CMakeCache.txt") + " " +
                    harness.told("g++", "-dumpfullversion"),
        "wrk": harness.told("wrk", "-v").partition(" Copyright")[0],
        "processor_time": processor_time(),
    }
