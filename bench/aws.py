"""bide over AWS's interfaces beside the classic shape, on servers that others wrote (tests/aws)."""
import json
import re
import statistics
import sys
import time
import urllib.request

import harness
import measure
import waiters

sys.path.insert(0, str(harness.TREE / "tests/aws"))
import installs  # noqa: E402
sys.path.insert(0, str(harness.HERE / "peers"))
import node  # noqa: E402
import redis  # noqa: E402

CONNECTIONS = [1, 64, 500]
WAIT_S = 30  # a front asks S3 for each waiter's result once in that time
KINDS = ("send", "receive", "delete", "put", "get", "remove", "publish")
METRICS = {
    "jobs": "bide_sqs_messages_sent",
    "send": "bide_sqs_send_calls", "receive": "bide_sqs_receive_calls",
    "delete": "bide_sqs_delete_calls", "put": "bide_s3_put_calls", "get": "bide_s3_get_calls",
    "publish": "bide_notices"}


class Services:
    """Queues, bucket and cache; they belong to no row."""

    def __init__(self, folder):
        folder.mkdir()
        self.processes = harness.Processes(folder)
        self.log = folder / "services.log"

    def start(self):
        """Their environment; raises Skip."""
        self.processes.start("services", [
            harness.TREE / "tests/aws/services.py", "up", "--sqs", "elasticmq", "--s3", "versitygw",
            "--queue", "jobs", "--queue", "classic"])
        process, end = self.processes.started[0], time.monotonic() + 600
        while "BIDE_S3_BUCKET=" not in (said := self.log.read_text()):
            if process.poll() is not None or time.monotonic() > end:
                raise harness.Skip(self.processes.last_words("services"))
            time.sleep(0.1)
        return dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", said, re.M))

    @staticmethod
    def version():
        pom = (harness.TREE / "tests/aws/elasticmq.xml").read_text()
        queue = re.search(r"<artifactId>elasticmq-server.*?</artifactId>\s*<version>(.*?)<", pom)
        return f"ElasticMQ {queue[1]}, versitygw {installs.VERSITYGW.rpartition('@')[2]}, {redis.version()}"


class Bide(harness.Peer):
    name, title = "bide-aws", "bide front, bide worker, native echo"
    durability = "S3 acknowledged"
    needs = {"aws": "mvn"}
    worker = None  # the URL of its health pages

    def version(self):
        return harness.told(str(harness.BUILD / "bide"), "--version")

    def start(self, hold=False):
        """With `hold` there is no worker yet."""
        given = self.environment
        self.config = self.folder / "bide.toml"
        self.config.write_text(
            f'[server]\nlisten = "127.0.0.1:0"\ndata = "{self.folder}/data"\nlog_level = "warn"\n'
            f'[aws]\nbucket = "{given["BIDE_S3_BUCKET"]}"\nredis = "{given["BIDE_REDIS"]}"\n'
            f'worker_listen = "127.0.0.1:0"\n'
            f'[queues.jobs]\nsqs = "jobs"\ndead_letters = "jobs-dead"\nnative = "echo"\n')
        self.url = self.bide("front")
        if not hold:
            self.start_worker()

    def bide(self, what):
        return self.processes.start(what, [harness.BUILD / "bide", what, "--config", self.config],
                                    listening=True, env=self.environment) + "/"

    def start_worker(self):
        self.worker = self.bide("worker")

    def counts(self):
        made = dict.fromkeys(("jobs", *KINDS), 0)
        for url in filter(None, (self.url, self.worker)):
            text = fetch(url + "metrics")
            for kind, metric in METRICS.items():
                made[kind] += int(re.search(rf"^{metric}_total (\d+)", text, re.M)[1])
        return made


class Classic(node.NodePair):
    name, title = "classic-aws", "Node front and worker, AWS SDK, an object, a message and a subscription per request"
    durability = "S3 acknowledged"
    needs = {**node.NodePair.needs, **redis.NEEDS}
    packages = ("@aws-sdk/client-s3@3.1175.0", "@aws-sdk/client-sqs@3.1175.0", "ioredis@6.0.0")
    folder_name = "classic_aws"
    loops = 16  # the best of 4, 16 and 64
    worker = ""

    def start(self, hold=False):
        folder = harness.npm(self.folder_name, *self.packages)
        sources = harness.HERE / "peers"
        for shared in ("serve.js", "classic_aws/calls.js"):
            harness.script(sources / shared, folder)
        given = {**self.environment, "CLASSIC_QUEUE": re.sub("jobs$", "classic", self.environment["BIDE_SQS_QUEUE"])}
        for part in ("worker", "front"):
            url = self.processes.start(
                part, [harness.node(), harness.script(sources / f"classic_aws/{part}.js", folder), self.loops],
                listening=True, env=given) + "/"
            if part == "worker":
                self.worker = url
        self.url = url

    def counts(self):
        both = [json.loads(fetch(url)) for url in (self.url, self.worker)]
        return {kind: sum(one[kind] for one in both) for kind in ("jobs", *KINDS)}


PEERS = (Bide, Classic)


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def one_load(peer, connections, seconds):
    """With what it took for each job, those included that wrk did not wait for."""
    before, used = peer.counts(), peer.processes.cpu()
    made = measure.one_load(peer, connections, seconds)
    after, used = peer.counts(), peer.processes.cpu() - used
    jobs = max(after["jobs"] - before["jobs"], 1)
    made["cpu_us"] = used / jobs * 1e6
    made["calls"] = {kind: (after[kind] - before[kind]) / jobs for kind in KINDS}
    return made


def middle(samples):
    return {**measure.median(samples),
            "calls": {kind: statistics.median(one["calls"][kind] for one in samples) for kind in KINDS},
            "samples": samples}


def compare(peers, rows, asked):
    for peer in peers:
        peer.load(64, 5)  # compilers of JavaScript want to have seen some
        peer.processes.settle()
    for connections in asked.aws_connections:
        samples = {peer.name: [] for peer in peers}
        for number in range(asked.rounds):
            for peer in peers:
                made = one_load(peer, connections, asked.seconds)
                samples[peer.name].append(made)
                calls = " ".join(f"{kind} {made['calls'][kind]:.3f}" for kind in KINDS)
                measure.say(f"{connections:5} connections, round {number + 1}, {peer.name:11} {made['rate']:7,.0f}/s "
                            f"p50 {made['p50']:.2f} p99 {made['p99']:.2f} ms, {made['cpu_us']:,.0f} us; {calls}")
        for row in rows:
            row["at"][str(connections)] = middle(samples[row["name"]])


def wait(folder, environment, count):
    """Requests that wait at one front, since there is no worker; then there is one."""
    peer = Bide(folder)
    peer.environment = environment
    crowd = None
    try:
        peer.start(hold=True)
        peer.processes.settle()
        idle = peer.processes.memory()["front"]
        crowd = waiters.Waiters(peer.port(), peer.request(1), peer.answer)
        began = time.monotonic()
        crowd.connect(count, 120)
        peer.processes.settle(30)
        sent, used, calls = time.monotonic() - began, peer.processes.cpu(), peer.counts()
        crowd.wait(lambda: crowd.answered + crowd.failed > 0, WAIT_S)
        used = peer.processes.cpu() - used
        gets = peer.counts()["get"] - calls["get"]
        memory = peer.processes.memory()["front"]
        waiting = crowd.sent - crowd.answered - crowd.failed
        peer.start_worker()
        began, told = time.monotonic(), None
        # The worker has told of all of them when it has published as many notices.
        while crowd.answered + crowd.failed < crowd.sent and time.monotonic() < began + 180:
            crowd.step(0.02)
            if not told and crowd.answered > waiting * 0.9 and peer.counts()["publish"] >= waiting:
                told = time.monotonic()
        last = crowd.last or began
        return {"asked": count, "waiting": waiting, "answered": crowd.answered, "failed": crowd.failed,
                "why": crowd.why, "idle": idle, "total": memory, "bytes_per_waiter": (memory - idle) / max(waiting, 1),
                "cpu": used / WAIT_S, "gets": gets, "seconds_to_send": sent, "seconds_to_answer": last - began,
                "last_late": max(last - told, 0) if told else 0.0}
    finally:
        if crowd:
            crowd.stop()
        peer.stop()


def aws(folder, asked):
    services = Services(folder / "services")
    try:
        environment = services.start()
    except harness.Skip as why:
        services.processes.stop()
        return {"rows": [], "waiters": None, "services": "",
                "skipped": [{"name": "aws", "title": "all of it", "reason": str(why)}]}
    try:
        # Before the loads, which leave objects by the thousand.
        count = max(asked.waiters)
        held = wait(folder / "waiters", environment, count) if count else None
        measure.say(f"waiters: {json.dumps(held)}")
        peers, skipped = measure.start_all(PEERS, folder, environment=environment)
        try:
            rows = [{**measure.describe(peer), "at": {}, "failed": ""} for peer in peers]
            compare(peers, rows, asked)
        finally:
            for peer in peers:
                peer.stop()
        return {"rows": rows, "skipped": skipped, "waiters": held, "services": services.version()}
    finally:
        services.processes.stop()


def waiters_text(held):
    wrong = f" ({held['failed']:,} failed: {held['why']})" if held["failed"] else ""
    return (f"\n{held['asked']:,} callers wait at one front for a job each, and no worker is there: {held['waiting']:,} wait after "
            f"{held['seconds_to_send']:.1f} s, {held['bytes_per_waiter']:,.0f} bytes of memory for each over the idle front "
            f"({held['idle'] / 1e6:,.0f} MB, then {held['total'] / 1e6:,.0f}; proportional resident size, sockets in the kernel not "
            f"counted), {held['cpu']:.2f} processors while they wait, of which {held['gets'] / WAIT_S:,.0f} looks into S3 each second "
            f"are a part. Then a worker starts: {held['answered']:,} are answered{wrong}, the last {held['seconds_to_answer']:.1f} s "
            f"after its start and {held['last_late'] * 1000:.0f} ms after the last notice was seen published.\n")


def report(made, table):
    text = (f"On {made['services']}; an answer leaves when S3 has acknowledged its result (versitygw puts it into a file and "
            f"does not flush that). Each cell of the first table: jobs/s [least-most] p50/p99 in ms, then processor time (user and system) of "
            f"front and worker for each job; medians of {made['settings']['rounds']} rounds of {made['settings']['seconds']} s in "
            "turn, wrk and the services on the same processors.\n\n")
    counts = list(dict.fromkeys(count for row in made["rows"] for count in row["at"]))
    text += table(["", "durability", *(f"c={count}" for count in counts)], [
        [row["title"], row["durability"], *(cell(row["at"][count]) for count in counts)] for row in made["rows"]])
    text += "\nAPI calls for each job, medians:\n\n" + table(
        ["", "c", "SQS send", "receive", "delete", "S3 put", "get", "delete", "publish"],
        [[row["title"], count, *(f"{row['at'][count]['calls'][kind]:.3f}" for kind in KINDS)]
         for row in made["rows"] for count in counts])
    if made["waiters"]:
        text += waiters_text(made["waiters"])
    text += "".join(f"\nSkipped: {one['title']} (`{one['name']}`): {one['reason']}.\n" for one in made["skipped"])
    return text + f"\nVersions: {'; '.join(row['version'] for row in made['rows'])}.\n"


def cell(at):
    errors = f", {at['errors']} errors" if at["errors"] else ""
    return (f"{at['rate']:,.0f} [{at['rate_min']:,.0f}-{at['rate_max']:,.0f}] {at['p50']:.2f}/{at['p99']:.2f}, "
            f"{at['cpu_us']:,.0f} us{errors}")
