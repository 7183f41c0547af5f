#!/usr/bin/env python3
"""How long a Lambda function takes from its start to its first GET /next.

    bench/cold_start.py [--runs N] [--role front|worker|dead-letter] PROGRAM [ARG...]
    bench/cold_start.py [--runs N] --node

Starts PROGRAM, or the same front in Node with the clients of AWS's SDK and of Redis (which goes to
build/bench/cache), against a Runtime API of this script's own, N times. Prints the least, the median
and the most in milliseconds, what a processor spent of these, and the memory of the process when it
asked (VmRSS). Nothing else is there: SQS, S3 and Redis are addresses nobody listens on.
"""
import argparse, json, os, socket, statistics, subprocess, sys, time

CONFIG = """
[server]
anonymous = true
[aws]
bucket = "jobs"
redis = "{redis}"
[queues.speak]
sqs = "http://127.0.0.1:9/1/speak"
dead_letters = "http://127.0.0.1:9/1/dead"
native = "echo"
"""


PATIENCE = 20  # seconds


def environment(address, role, redis):
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **keep,
        "AWS_LAMBDA_RUNTIME_API": address,
        "_HANDLER": role,
        "LAMBDA_TASK_ROOT": os.getcwd(),
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "BIDE_TOML": CONFIG.format(redis=redis),
        "BIDE_REDIS": redis,
        "BIDE_S3_BUCKET": "jobs",
        "CLASSIC_QUEUE": "http://127.0.0.1:9/1/speak",
    }


def node_front():
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import aws
    import harness
    try:
        folder = harness.npm(aws.Classic.folder_name, *aws.Classic.packages)
        for script in ("calls.js", "function.js"):
            harness.script(harness.HERE / "peers/classic_aws" / script, folder)
        return [str(harness.node()), str(folder / "function.js")]
    except harness.Skip as why:
        sys.exit(f"skipped: {why}")


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def one_start(command, server, variables):
    """Milliseconds until it asks, of which on a processor, and KiB of memory."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=variables, stderr=subprocess.PIPE)
    try:
        connection, _ = server.accept()
    except TimeoutError:
        process.kill()
        sys.exit(f"it did not ask within {PATIENCE} s: {process.stderr.read().decode()}")
    with connection:
        head = connection.recv(65536).decode()
        spent = time.perf_counter() - begun
        memory = memory_kib(process.pid)
        process.kill()  # first: it would ask again
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = -9
        process.stderr.close()
    if not head.startswith("GET /2018-06-01/runtime/invocation/next "):
        sys.exit("it did not ask for an invocation: " + head)
    return spent * 1000, (usage.ru_utime + usage.ru_stime) * 1000, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--role", default="front", choices=("front", "worker", "dead-letter"))
    parser.add_argument("--redis", default="redis://127.0.0.1:9")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--node", action="store_true", help="the same front in Node")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="PROGRAM [ARG...]")
    options = parser.parse_args()
    if options.node:
        options.command = node_front()
    if not options.command:
        parser.error("no program")
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        server.settimeout(PATIENCE)
        address = "127.0.0.1:%d" % server.getsockname()[1]
        variables = environment(address, options.role, options.redis)
        one_start(options.command, server, variables)  # from disk into memory
        runs = [one_start(options.command, server, variables) for _ in range(options.runs)]
    times = sorted(spent for spent, _, _ in runs)
    result = {
        "runs": len(runs),
        "min_ms": round(times[0], 2),
        "median_ms": round(statistics.median(times), 2),
        "max_ms": round(times[-1], 2),
        "cpu_ms": round(statistics.median(cpu for _, cpu, _ in runs), 2),
        "rss_mib": round(statistics.median(kib for _, _, kib in runs) / 1024, 1),
    }
    print(json.dumps(result) if options.json else
          "  ".join(f"{name} {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
