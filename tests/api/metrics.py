"""Usage: metrics.py BIDE

Starts a server, gives it work and reads /metrics with the strict parser of prometheus_client.
"""
import subprocess, sys, tempfile, urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

FAMILIES = {
    "bide_jobs": "gauge",
    "bide_queue_paused": "gauge",
    "bide_submissions": "counter",
    "bide_replays": "counter",
    "bide_refusals": "counter",
    "bide_outcomes": "counter",
    "bide_attempts": "counter",
    "bide_retries": "counter",
    "bide_redrives": "counter",
    "bide_queue_seconds": "summary",
    "bide_run_seconds": "summary",
    "bide_waiters": "gauge",
    "bide_open_jobs": "gauge",
    "bide_resident_bytes": "gauge",
    "bide_commits": "counter",
    "bide_connections": "gauge",
}


def value(families, name, **labels):
    found = [sample.value for family in families.values() for sample in family.samples
             if sample.name == name and labels.items() <= sample.labels.items()]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def check(address):
    for queue in ("one", "two"):
        request = urllib.request.Request(f"{address}/queues/{queue}/jobs", data=b"hi", method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.read() == b"hi"
    with urllib.request.urlopen(address + "/metrics", timeout=30) as answer:
        kind = answer.headers["Content-Type"]
        text = answer.read().decode()
    assert kind.startswith("application/openmetrics-text; version=1.0.0"), kind
    assert text.endswith("# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {name: family.type for name, family in families.items()} == FAMILIES, families
    assert value(families, "bide_submissions_total", queue="one") == 1
    assert value(families, "bide_outcomes_total", queue="two", state="succeeded") == 1
    assert value(families, "bide_queue_seconds_count", queue="one") == 1
    assert value(families, "bide_commits_total") >= 2


CONFIG = """
[server]
listen = "127.0.0.1:0"
data = "{data}"
[queues.one]
native = "echo"
[queues.two]
native = "echo"
"""


def main(bide):
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/bide.toml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(data=directory + "/data"))
        server = subprocess.Popen(
            [bide, "serve", "--config", path], stdout=subprocess.PIPE, text=True)
        try:
            check(server.stdout.readline().removeprefix("listening on ").strip())
        finally:
            server.terminate()
            server.wait(timeout=60)


if __name__ == "__main__":
    main(sys.argv[1])
