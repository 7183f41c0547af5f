#!/usr/bin/env python3
"""Starts the services that bide's aws engine stands on, on this machine, made by others.

    tests/aws/services.py up [OPTION...]                  prints environment lines, runs until Ctrl-C
    tests/aws/services.py run [OPTION...] -- COMMAND...   runs a command in that environment

Options:
    --sqs any|elasticmq|moto|none              the queue service
    --s3 any|versitygw|seaweedfs|moto|none     the object store; moto believes every signature
    --redis any|plain|tls|none                 tls: with a CA, a user and a password
    --queue NAME                               a queue NAME with its dead-letter queue NAME-dead (repeatable)
    --bucket NAME                              a bucket (default: jobs)
    --faults                                   a proxy before each (faults.py): BIDE_FAULTS_SQS, ... are the
                                               addresses that take rules

The environment: AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_REGION, BIDE_REDIS (a URL, with user and password), BIDE_REDIS_CA (tls: the file of its CA),
BIDE_SQS_QUEUE (the URL of the first queue), BIDE_SQS_QUEUE_DEAD, BIDE_S3_BUCKET, BIDE_S3_SERVER. `run` ends with the command's
status, or with 77 when a service cannot be had here.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import installs  # noqa: E402
import servers  # noqa: E402


class Environment:
    """The running services. Clients of tests go past the proxies; what variables() and queue() say leads
    through them, on the way of that number."""

    def __init__(self, folder, ways):
        self.folder, self.ways = pathlib.Path(folder), ways
        self.servers = {}  # "sqs", "s3", "redis": servers.Server
        self.faults = {}  # the same: faults.Proxy
        self.queues = {}  # name: URL, past the proxy
        self.bucket = None

    def start(self, service, name):
        server = self.servers[service] = servers.make(service, name, self.folder / service).start()
        if self.ways:
            import faults
            kind = "tcp" if service == "redis" else service
            self.faults[service] = faults.Proxy(kind, server.port, ways=self.ways)

    def port(self, service, way=0):
        return self.faults[service].ports[way] if self.ways else self.servers[service].port

    def queue(self, name, way=0):
        """Its URL. Both SQS servers name the host that they were asked by."""
        return self.queues[name].replace(f":{self.servers['sqs'].port}/", f":{self.port('sqs', way)}/", 1)

    def variables(self, way=0):
        said = {
            "AWS_ACCESS_KEY_ID": servers.KEY_ID, "AWS_SECRET_ACCESS_KEY": servers.SECRET,
            "AWS_REGION": servers.REGION, "AWS_DEFAULT_REGION": servers.REGION,
            "AWS_EC2_METADATA_DISABLED": "true"}
        for service in self.servers:
            if service == "redis":
                said |= self.servers[service].variables(self.port(service, way))
            else:
                said[f"AWS_ENDPOINT_URL_{service.upper()}"] = f"http://127.0.0.1:{self.port(service, way)}"
        for service, proxy in self.faults.items():
            said[f"BIDE_FAULTS_{service.upper()}"] = proxy.control_url
        for variable, name in zip(("BIDE_SQS_QUEUE", "BIDE_SQS_QUEUE_DEAD"), self.queues):
            said[variable] = self.queue(name, way)
        if self.bucket:
            said["BIDE_S3_BUCKET"] = self.bucket
        if "s3" in self.servers:
            said["BIDE_S3_SERVER"] = self.servers["s3"].name
        return said

    def client(self, service, server=None):
        """A boto3 client that tries once; of moto also for other services than the server's name says."""
        import boto3  # takes half a second
        from botocore.config import Config
        return boto3.client(
            service, endpoint_url=self.servers[server or service].url, region_name=servers.REGION,
            aws_access_key_id=servers.KEY_ID, aws_secret_access_key=servers.SECRET,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1},
                          max_pool_connections=64))

    def sqs(self):
        return self.client("sqs")

    def s3(self):
        return self.client("s3")

    def make_queue(self, name, visibility_s=30, receives_max=5):
        """A queue whose messages go to NAME-dead after that many receives."""
        sqs = self.sqs()
        dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.queues[name] = sqs.create_queue(QueueName=name, Attributes={
            "VisibilityTimeout": str(visibility_s),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(receives_max)}),
        })["QueueUrl"]
        self.queues[f"{name}-dead"] = dead

    def make_bucket(self, name):
        self.s3().create_bucket(Bucket=name)
        self.bucket = name

    def stop(self):
        for running in (*self.faults.values(), *self.servers.values()):
            running.stop()


@contextlib.contextmanager
def start(sqs="any", s3="any", redis="any", queues=("default",), bucket="jobs", ways=0,
          visibility_s=30, receives_max=5):
    """The services for the length of a `with`; None for one that is not wanted. With `ways` a proxy stands
    before each, which has that many. Raises installs.Missing."""
    folder = tempfile.mkdtemp(prefix="bide-aws-")
    environment = Environment(folder, ways)
    try:
        for service, name in (("sqs", sqs), ("s3", s3), ("redis", redis)):
            if name:
                environment.start(service, name)
        for queue in queues if sqs else ():
            environment.make_queue(queue, visibility_s, receives_max)
        if s3 and bucket:
            environment.make_bucket(bucket)
        yield environment
    finally:
        environment.stop()
        shutil.rmtree(folder, ignore_errors=True)


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("up", "run"))
    for service, kinds in servers.KINDS.items():
        parser.add_argument(f"--{service}", choices=("any", *kinds, "none"), default="any")
    parser.add_argument("--queue", action="append", dest="queues")
    parser.add_argument("--bucket", default="jobs")
    parser.add_argument("--visibility", type=int, default=30, metavar="SECONDS")
    parser.add_argument("--receives", type=int, default=5, metavar="COUNT")
    parser.add_argument("--faults", action="store_true")
    command = []
    if "--" in arguments:
        command = arguments[arguments.index("--") + 1:]
        arguments = arguments[:arguments.index("--")]
    chosen = parser.parse_args(arguments)
    if (chosen.action == "run") != bool(command):
        parser.error("a command goes with run, after --")
    return chosen, command


def main():
    chosen, command = options(sys.argv[1:])
    installs.inside()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wanted = {service: None if getattr(chosen, service) == "none" else getattr(chosen, service)
              for service in servers.KINDS}
    status = 0
    with installs.skipping(), contextlib.suppress(KeyboardInterrupt), start(
            **wanted, queues=chosen.queues or ["default"], bucket=chosen.bucket, ways=int(chosen.faults),
            visibility_s=chosen.visibility, receives_max=chosen.receives) as environment:
        if chosen.action == "run":
            inside = {**os.environ, **environment.variables()}
            status = subprocess.run(command, env=inside, check=False).returncode
        else:
            for name, value in environment.variables().items():
                print(f"{name}={value}")
            sys.stdout.flush()
            signal.pause()
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
