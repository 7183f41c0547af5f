#!/usr/bin/env python3
"""deploy/terraform by OpenTofu (or Terraform) and the AWS provider. Nothing of AWS is asked.

    terraform_test.py format           files as `fmt` would write them
    terraform_test.py unit             valid; deploy/terraform/tests, where the provider's answers are made up
    terraform_test.py apply EXAMPLE [BIDE]
                                       planned, applied and destroyed on a moto server; policy.py holds for the plan
                                       and for what was made, bide doctor agrees, and nothing is left
    terraform_test.py state            init.sh on a moto server: the bucket is as it should be, also the second time

Skipped where tools.py has not built the tools. What moto cannot do is left out: CACHE.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "aws")]
import installs  # noqa: E402
import policy  # noqa: E402
import servers  # noqa: E402
import tools  # noqa: E402

REGION = "eu-central-1"

# moto has neither serverless caches nor groups of users: where things are applied, this is there instead of
# cache.tf. Planned is all of it.
CACHE = """
locals {
  cache_name     = "${var.name}-cache"
  cache_iam      = nonsensitive(var.cache_password == null)
  cache_user     = "${var.name}-bide"
  cache_arn      = "arn:aws:elasticache:${var.region}:123456789012:serverlesscache:${local.cache_name}"
  cache_address  = "127.0.0.1"
  cache_user_arn = "arn:aws:elasticache:${var.region}:123456789012:user:${local.cache_user}"
}
"""


class Moto(servers.Server):
    """All of AWS that the deployment asks for."""

    name = "moto"

    def __init__(self, folder):
        super().__init__(folder)
        self.bin = installs.packages("terraform", (HERE / "requirements.txt").read_text(encoding="utf-8")) / "bin"

    def command(self):
        return [self.bin / "python", "-B", self.bin / "moto_server", "-H", "127.0.0.1", "-p", self.port]


@contextlib.contextmanager
def deployment():
    """A copy of deploy/terraform, with its state in it."""
    with tempfile.TemporaryDirectory(prefix="bide-terraform-") as folder:
        copy = pathlib.Path(folder) / "deploy/terraform"
        shutil.copytree(ROOT / "deploy/terraform", copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        yield copy


class Tofu:
    def __init__(self, folder, **variables):
        self.program, self.folder = tools.tofu(), folder
        self.variables = {**{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))},
                          "AWS_EC2_METADATA_DISABLED": "true", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        if settings := tools.settings():
            self.variables["TF_CLI_CONFIG_FILE"] = settings
        self.variables.update(variables)

    def __call__(self, *words, quiet=False):
        said = subprocess.run([self.program, *words], cwd=self.folder, env=self.variables, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not quiet or said.returncode:
            print(f"$ tofu {' '.join(words)}\n{said.stdout}", flush=True)
        if said.returncode:
            sys.exit(1)
        return said.stdout


def test_format():
    Tofu(ROOT / "deploy/terraform")("fmt", "-check", "-diff", "-recursive", "-no-color")


def test_unit():
    with deployment() as folder:
        tofu = Tofu(folder)
        tofu("init", "-backend=false", "-input=false", "-no-color", quiet=True)
        tofu("validate", "-no-color")
        tofu("test", "-no-color")


def holds(shown, what):
    wrong = policy.check(json.loads(shown))
    for text in wrong:
        print(f"{what}: {text}", flush=True)
    if wrong:
        sys.exit(1)
    print(f"{what}: {len(policy.resources(json.loads(shown)))} resources, the policy holds", flush=True)


class Cloud:
    """A moto server, and the AWS command line for it."""

    def __init__(self, folder):
        self.moto = Moto(folder).start()
        self.variables = {"AWS_ENDPOINT_URL": self.moto.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                          "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}

    def aws(self, *words):
        said = subprocess.run([self.moto.bin / "aws", "--endpoint-url", self.moto.url, "--output", "json", *words],
                              check=True, stdout=subprocess.PIPE,
                              env={"PATH": os.environ["PATH"], "HOME": str(self.moto.folder), **self.variables})
        return json.loads(said.stdout or "{}")

    def left(self):
        """What there is, by kind; of a new account nothing but what AWS makes itself."""
        return {
            "buckets": [bucket["Name"] for bucket in self.aws("s3api", "list-buckets")["Buckets"]],
            "queues": self.aws("sqs", "list-queues").get("QueueUrls", []),
            "functions": [one["FunctionName"] for one in self.aws("lambda", "list-functions")["Functions"]],
            "mappings": self.aws("lambda", "list-event-source-mappings")["EventSourceMappings"],
            "roles": [role["RoleName"] for role in self.aws("iam", "list-roles")["Roles"]],
            "logs": [group["logGroupName"] for group in self.aws("logs", "describe-log-groups")["logGroups"]],
            "VPCs": [vpc["VpcId"] for vpc in self.aws("ec2", "describe-vpcs")["Vpcs"] if not vpc["IsDefault"]],
            "addresses": self.aws("ec2", "describe-addresses")["Addresses"],
            "gateways": self.aws("apigateway", "get-rest-apis").get("items", []),
            "balancers": self.aws("elbv2", "describe-load-balancers")["LoadBalancers"],
            "caches": self.aws("elasticache", "describe-replication-groups")["ReplicationGroups"],
            "alarms": self.aws("cloudwatch", "describe-alarms")["MetricAlarms"],
            "dashboards": self.aws("cloudwatch", "list-dashboards")["DashboardEntries"],
        }


@contextlib.contextmanager
def cloud():
    with tempfile.TemporaryDirectory(prefix="bide-moto-") as folder:
        there = Cloud(folder)
        try:
            yield there
        finally:
            there.moto.stop()


def given_vpc(there):
    """The VPC that examples/database.tfvars speaks of, as variables."""
    vpc = there.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [there.aws("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", f"10.0.{index}.0/26",
                         "--availability-zone", f"{REGION}{'ab'[index]}")["Subnet"]["SubnetId"] for index in range(2)]
    table = there.aws("ec2", "create-route-table", "--vpc-id", vpc)["RouteTable"]["RouteTableId"]
    return {"vpc_id": vpc, "private_subnet_ids": subnets, "private_route_table_ids": [table]}


def test_apply(example, bide=None):
    with deployment() as folder, cloud() as there:
        (folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")
        package = folder / "bide-lambda.zip"
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("bootstrap", "")
        text = f'region = "{REGION}"\n'
        if example != "default":
            text = (folder / "examples" / f"{example}.tfvars").read_text(encoding="utf-8")
        # The zips of examples are not there.
        (folder / "terraform.tfvars").write_text(re.sub(r"^ *zip +=.*\n", "", text, flags=re.M), encoding="utf-8")
        more = {"package": str(package), **(given_vpc(there) if example == "database" else {})}
        (folder / "test.auto.tfvars.json").write_text(json.dumps(more), encoding="utf-8")
        before = there.left()

        tofu = Tofu(folder, **there.variables)
        tofu("init", "-input=false", "-no-color", quiet=True)
        tofu("plan", "-input=false", "-no-color", "-out=plan", quiet=True)
        holds(tofu("show", "-json", "plan", quiet=True), f"{example}, planned")
        (folder / "cache.tf").write_text(CACHE, encoding="utf-8")
        tofu("plan", "-input=false", "-no-color", "-out=plan", quiet=True)
        tofu("apply", "-input=false", "-no-color", "plan")
        shown = tofu("show", "-json", quiet=True)
        holds(shown, f"{example}, applied")
        # What was made is what was asked for: another plan changes nothing.
        tofu("plan", "-input=false", "-no-color", "-detailed-exitcode")
        if bide:
            examine(bide, json.loads(shown), there)
        tofu("destroy", "-input=false", "-no-color", "-auto-approve", quiet=True)
        after = there.left()
        if after != before:
            sys.exit(f"left: { {kind: those for kind, those in after.items() if those != before[kind]} }")
        print(f"{example}: nothing is left", flush=True)


def examine(bide, shown, there):
    """The configurations of functions and containers are read by bide, whose doctor finds nothing wrong with queues
    and buckets."""
    configurations = {}
    for address, kind, values in policy.resources(shown):
        if kind == "aws_lambda_function":
            configurations[address] = values["environment"][0]["variables"]["BIDE_TOML"]
        if kind == "aws_ecs_task_definition":
            variables = json.loads(values["container_definitions"])[0]["environment"]
            configurations[address] = next(one["value"] for one in variables if one["name"] == "BIDE_TOML")
    for address, text in configurations.items():
        said = subprocess.run([bide, "doctor"], env={"PATH": os.environ["PATH"], **there.variables, "BIDE_TOML": text},
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wrong = [line for line in said.stdout.splitlines()
                 if re.match("warn|FAIL", line) and re.search("queue|bucket", line.split(":")[0])]
        if said.returncode == 2 or wrong:
            sys.exit(f"{address}: bide doctor says\n{said.stdout}")
        print(f"{address}: bide doctor has nothing to say about its queues and buckets", flush=True)


def test_state():
    """init.sh, twice."""
    with deployment() as folder, cloud() as there:
        shutil.rmtree(folder / "tests")
        tofu = Tofu(folder, **there.variables)
        path = f"{there.moto.bin}:{os.environ['PATH']}"
        for time in ("first", "second"):
            said = subprocess.run(["./init.sh", "--region", REGION], cwd=folder, check=False, text=True,
                                  env={**tofu.variables, "TERRAFORM": tofu.program, "PATH": path},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            print(f"{time}:\n{said.stdout}", flush=True)
            if said.returncode:
                sys.exit(1)
        bucket = f"bide-terraform-123456789012-{REGION}"
        about = ("--bucket", bucket)
        assert there.left()["buckets"] == [bucket], there.left()
        assert there.aws("s3api", "get-bucket-versioning", *about)["Status"] == "Enabled"
        block = there.aws("s3api", "get-public-access-block", *about)["PublicAccessBlockConfiguration"]
        assert len(block) == 4 and all(block.values()), block
        there.aws("s3api", "get-bucket-encryption", *about)
        assert "SecureTransport" in there.aws("s3api", "get-bucket-policy", *about)["Policy"]
        backend = json.loads((folder / ".terraform/terraform.tfstate").read_text(encoding="utf-8"))["backend"]["config"]
        assert backend["use_lockfile"] and backend["encrypt"] and backend["key"] == "bide.tfstate", backend
        # A bucket of somebody's own is left as it is.
        there.aws("s3api", "create-bucket", "--bucket", "mine", "--create-bucket-configuration",
                  f"LocationConstraint={REGION}")
        subprocess.run(["./init.sh", "--region", REGION, "--bucket", "mine"], cwd=folder, check=True,
                       env={**tofu.variables, "TERRAFORM": tofu.program, "PATH": path, "TF_CLI_ARGS_init": "-reconfigure"})
        assert "Status" not in there.aws("s3api", "get-bucket-versioning", "--bucket", "mine")


if __name__ == "__main__":
    with installs.skipping():
        globals()[f"test_{sys.argv[1]}"](*sys.argv[2:])
