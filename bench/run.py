#!/usr/bin/env python3
"""Measures bide beside what people would pick instead (./scripts/bench builds what this needs).

    bench/run.py [throughput|memory|slow-disk|start|bulk|store|aws|all] [NAME...] [options]
    bench/run.py list        the names; a folder of bench/peers is a name for all of it
    bench/run.py doc         puts the tables of build/bench into docs/performance.md
"""
import argparse
import datetime
import importlib.util
import pathlib
import resource
import shlex
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "peers")]
import aws  # noqa: E402
import bulk  # noqa: E402
import full_store  # noqa: E402
import harness  # noqa: E402
import machine  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402

MODES = ("throughput", "memory", "slow-disk", "start", "bulk", "store", "aws")
FOLDERS = ("bide", "beast", "nginx", "gearmand", "nats", "classic", "bullmq", "celery", "restate")


def peers():
    """{folder: [Peer]} of bench/peers."""
    found = {}
    for folder in FOLDERS:
        path = HERE / "peers" / folder / "peer.py"
        spec = importlib.util.spec_from_file_location(f"{folder}_peer", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[folder] = module.PEERS
    return found


def chosen(names):
    known = peers()
    if not names:
        return [peer for group in known.values() for peer in group]
    every = {peer.name: [peer] for group in known.values() for peer in group}
    wanted = []
    for name in names:
        group = known.get(name) or every.get(name)
        if not group:
            sys.exit(f"no '{name}'; there are {', '.join([*MODES, *known, *every])}")
        wanted += [peer for peer in group if peer not in wanted]
    return wanted


def numbers(text):
    return [int(number) for number in text.split(",")]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=int, default=3, help="of each load [3]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--connections", type=numbers, help="[1,64,256,1000; aws: 1,64,500]")
    parser.add_argument("--waiters", type=numbers, default="1000,5000,19000")
    parser.add_argument("--sync-us", type=int, default=2000, help="slow-disk: added to a flush [2000]")
    parser.add_argument("--starts", type=int, default=20, help="[20]")
    parser.add_argument("--body-mib", type=int, default=1024, help="bulk: size of the body [1024]")
    parser.add_argument("--finished", type=int, default=10_000_000, help="store: finished jobs [10 M]")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="store: jobs that wait [1 M]")
    parser.add_argument("--build", type=pathlib.Path, default=harness.BUILD, help="[build/release]")
    parser.add_argument("--output", type=pathlib.Path, default=harness.OUTPUT, help="[build/bench]")
    parser.add_argument("--packages", action="store_true", help="say what to install, and stop")
    asked = parser.parse_args()
    asked.aws_connections = asked.connections or aws.CONNECTIONS
    asked.connections = asked.connections or [1, 64, 256, 1000]
    asked.modes = [name for name in asked.names if name in MODES]
    rest = [name for name in asked.names if name not in (*MODES, "all")]
    if not asked.modes:
        asked.modes = ["throughput"] if rest and "all" not in asked.names else list(MODES)
    asked.names = rest
    return asked


def packages(kinds):
    """Purposes of scripts/packages of which something is missing."""
    missing = set()
    for kind in kinds:
        for purpose, name in kind.needs.items():
            try:
                harness.program(name)
            except harness.Skip:
                missing.add(purpose)
    print(*sorted(missing))


def measured(mode, kinds, asked):
    with tempfile.TemporaryDirectory(dir=harness.OUTPUT, prefix="run-") as folder:
        folder = pathlib.Path(folder)
        if mode == "start":
            return measure.start(folder, asked)
        if mode == "bulk":
            return bulk.bulk(folder, asked)
        if mode == "store":
            return full_store.full_store(folder, asked)
        if mode == "aws":
            return aws.aws(folder, asked)
        todo = {"throughput": measure.throughput, "memory": measure.memory,
                "slow-disk": measure.slow_disk}[mode]
        return todo(kinds, folder, asked)


def main():
    if sys.argv[1:2] == ["doc"]:
        return report.into_doc(harness.TREE / "docs/performance.md", report.read())
    if sys.argv[1:2] == ["list"]:
        for folder, group in peers().items():
            for peer in group:
                print(f"{folder:10} {peer.name:16} {peer.title} ({peer.durability})")
        return None
    asked = options()
    harness.BUILD, harness.OUTPUT = asked.build.resolve(), asked.output.resolve()
    if not asked.packages and not shutil.which("wrk"):
        print("skipped: wrk is not installed")
        return 77
    kinds = aws.PEERS if asked.modes == ["aws"] else chosen(asked.names)
    if asked.packages:
        return packages(kinds)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    harness.OUTPUT.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["./scripts/bench", *sys.argv[1:]])
    for mode in asked.modes:
        where = machine.describe(harness.OUTPUT)
        made = measured(mode, kinds, asked)
        where["steal"] = machine.steal_since(where.pop("processor_time"))
        report.save(mode, {
            "command": command, "when": datetime.date.today().isoformat(), "machine": where,
            "settings": {"seconds": asked.seconds, "rounds": asked.rounds}, **made})
    print(report.markdown(report.read()))
    return wrong(report.read(), asked)


def wrong(results, asked):
    """Peers may be missing; what is ours may not."""
    for mode in asked.modes:
        for row in results[mode].get("rows", []) + results[mode].get("skipped", []):
            why = row.get("reason") or row.get("failed")
            if why and row["name"].startswith(("bide", "beast")):
                return f"{row['name']}: {why}"
    return None


if __name__ == "__main__":
    sys.exit(main())
