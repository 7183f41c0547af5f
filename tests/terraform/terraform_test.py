#!/usr/bin/env python3
"""deploy/terraform by OpenTofu (or Terraform) and the AWS provider. Nothing of AWS is asked.

    terraform_test.py format           files as `fmt` would write them
    terraform_test.py unit             valid; deploy/terraform/tests, where the provider's answers are made up
    terraform_test.py apply EXAMPLE [BIDE]
                                       planned, applied and destroyed on a moto server; policy.py holds for the plan
                                       and for what was made, bide doctor agrees, and nothing is left
    terraform_test.py state            init.sh on a moto server: the bucket is as it should be, also the second time

Skipped where tools.py has not built the tools. What moto lacks is not applied: LACKS.
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

# What moto lacks: these are left out of what is applied, and cache.tf is replaced. All of it is planned.
LACKS = {
    "aws_appautoscaling_policy": "tags of Application Auto Scaling, without which the provider waits for ever",
    "aws_appautoscaling_target": "the same",
    "aws_cloudwatch_dashboard": "CloudWatch as the provider speaks to it (RPC over CBOR)",
    "aws_cloudwatch_metric_alarm": "the same",
    "aws_sqs_queue_redrive_allow_policy": "the attribute RedriveAllowPolicy",
}
CACHE = """# Without serverless caches and groups of users, which moto lacks.
locals {
  cache_name     = "${var.name}-cache"
  cache_iam      = nonsensitive(var.cache_password == null)
  cache_user     = "${var.name}-bide"
  cache_arn      = "arn:aws:elasticache:${var.region}:123456789012:serverlesscache:${local.cache_name}"
  cache_address  = "127.0.0.1"
  cache_user_arn = "arn:aws:elasticache:${var.region}:123456789012:user:${local.cache_user}"
}
"""
# What moto takes and then forgets, or tells otherwise, so that a second plan would change it; the rest are
# those that follow from these.
FORGETS = {
    "aws_api_gateway_rest_api": {"binary_media_types"},
    "aws_api_gateway_integration": {"response_transfer_mode"},
    "aws_api_gateway_deployment": {"created_date", "id", "triggers"},
    "aws_api_gateway_stage": {"deployment_id"},
    "aws_iam_role_policy": {"policy"},
    "aws_lambda_function": {"logging_config"},
    "aws_s3_bucket": {"tags_all"},
    "aws_s3_bucket_policy": {"policy"},
    "aws_sqs_queue": {"redrive_policy"},
    "aws_vpc_security_group_egress_rule": {"description", "referenced_security_group_id"},
    "aws_vpc_security_group_ingress_rule": {"description", "referenced_security_group_id"},
}
# So that no request goes to ACCOUNT.127.0.0.1, whose name nobody knows.
PROVIDER = """
terraform {
  backend "local" {}
}
provider "aws" {
  skip_requesting_account_id  = true
  skip_credentials_validation = true # else that tells the account
}
"""


def without_what_moto_lacks(folder):
    for path in folder.rglob("*.tf"):
        text = path.read_text(encoding="utf-8")
        for kind in LACKS:
            text = re.sub(rf'^resource "{kind}" .*?^\}}\n', "", text, flags=re.M | re.S)
        path.write_text(text, encoding="utf-8")
    (folder / "cache.tf").write_text(CACHE, encoding="utf-8")


class Moto(servers.Server):
    """All of AWS that the deployment asks for."""

    name = "moto"

    def __init__(self, folder):
        super().__init__(folder)
        self.bin = installs.packages("terraform", (HERE / "requirements.txt").read_text(encoding="utf-8")) / "bin"

    def command(self):
        return ["env", "MOTO_IAM_LOAD_MANAGED_POLICIES=true", self.bin / "python", "-B", self.bin / "moto_server",
                "-H", "127.0.0.1", "-p", self.port]


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
                              preexec_fn=servers.die_with_parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
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


def changes_nothing(plan):
    """What was made is what was asked for."""
    wrong = []
    for one in plan["resource_changes"]:
        change = one["change"]
        if one["mode"] == "data" or change["actions"] == ["no-op"]:
            continue
        before, after = change["before"] or {}, change["after"] or {}
        names = {name for name in {*before, *after} if (before.get(name) or None) != (after.get(name) or None)}
        names |= {name for name, unknown in change["after_unknown"].items() if unknown is True and before.get(name)}
        if not names <= FORGETS.get(one["type"], set()):
            wrong.append(f"{one['address']}: {change['actions']} {sorted(names)}")
    if wrong:
        sys.exit("a second plan would change:\n" + "\n".join(wrong))


def given_vpc(there):
    """The VPC that examples/database.tfvars speaks of, as variables."""
    vpc = there.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [there.aws("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", f"10.0.{index}.0/26",
                         "--availability-zone", f"{REGION}{'ab'[index]}")["Subnet"]["SubnetId"] for index in range(2)]
    table = there.aws("ec2", "create-route-table", "--vpc-id", vpc)["RouteTable"]["RouteTableId"]
    return {"vpc_id": vpc, "private_subnet_ids": subnets, "private_route_table_ids": [table]}


def test_apply(example, bide=None):
    with deployment() as folder, cloud() as there:
        (folder / "moto_override.tf").write_text(PROVIDER, encoding="utf-8")
        package = folder / "bide-lambda.zip"
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("bootstrap", "")
        text = f'region = "{REGION}"\n'
        if example != "default":
            text = (folder / "examples" / f"{example}.tfvars").read_text(encoding="utf-8")
        # The zips of examples are not there.
        (folder / "terraform.tfvars").write_text(re.sub(r"^ *zip +=.*\n", "", text, flags=re.M), encoding="utf-8")
        more = {"package": str(package), **(given_vpc(there) if example == "database" else {})}
        variables = folder / "test.auto.tfvars.json"
        variables.write_text(json.dumps(more), encoding="utf-8")
        before = there.left()

        tofu = Tofu(folder, **there.variables)
        tofu("init", "-input=false", "-no-color", quiet=True)
        tofu("plan", "-input=false", "-no-color", "-out=plan", quiet=True)
        holds(tofu("show", "-json", "plan", quiet=True), f"{example}, planned")
        without_what_moto_lacks(folder)
        # moto cannot take the gateway's role for logs away again.
        variables.write_text(json.dumps({**more, "gateway_log_role": False}), encoding="utf-8")
        tofu("plan", "-input=false", "-no-color", "-out=plan", quiet=True)
        tofu("apply", "-input=false", "-no-color", "plan")
        shown = tofu("show", "-json", quiet=True)
        holds(shown, f"{example}, applied")
        tofu("plan", "-input=false", "-no-color", "-out=again", quiet=True)
        changes_nothing(json.loads(tofu("show", "-json", "again", quiet=True)))
        if bide:
            examine(bide, json.loads(shown), there)
        tofu("destroy", "-input=false", "-no-color", "-auto-approve", quiet=True)
        after = there.left()
        if after != before:
            sys.exit(f"left: { {kind: those for kind, those in after.items() if those != before[kind]} }")
        print(f"{example}: nothing is left", flush=True)


def examine(bide, shown, there):
    """The configurations of functions and containers are read by bide, whose doctor finds nothing wrong with queues
    and buckets. Without the buckets' policies: moto takes them to forbid everything, as it passes over conditions."""
    for bucket in there.left()["buckets"]:
        there.aws("s3api", "delete-bucket-policy", "--bucket", bucket)
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
                 if re.match("warn|FAIL", line) and re.search("queue|dead letters|bucket", line.split(":")[0])
                 # Looking at dead letters is one function's business.
                 and ("nobody looks" not in line or "dead_letter" in address)]
        if said.returncode == 2 or wrong:
            sys.exit(f"{address}: bide doctor says\n{said.stdout}")
        print(f"{address}: bide doctor has nothing to say about its queues and buckets", flush=True)


def test_state():
    """init.sh, twice."""
    with deployment() as folder, cloud() as there:
        shutil.rmtree(folder / "tests")
        tofu = Tofu(folder, **there.variables)
        bucket = f"bide-terraform-123456789012-{REGION}"
        # moto passes over the condition of the policy, and would let nobody in.
        program = folder / "terraform"
        program.write_text(f"""#!/bin/sh -e
aws --endpoint-url {there.moto.url} s3api get-bucket-policy --bucket {bucket} --query Policy > policy.json
aws --endpoint-url {there.moto.url} s3api delete-bucket-policy --bucket {bucket}
exec {tofu.program} "$@"
""", encoding="utf-8")
        program.chmod(0o755)
        path = f"{there.moto.bin}:{os.environ['PATH']}"
        for time in ("first", "second"):
            said = subprocess.run(["./init.sh", "--region", REGION], cwd=folder, check=False, text=True,
                                  env={**tofu.variables, "TERRAFORM": str(program), "PATH": path},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            print(f"{time}:\n{said.stdout}", flush=True)
            if said.returncode:
                sys.exit(1)
        about = ("--bucket", bucket)
        assert there.left()["buckets"] == [bucket], there.left()
        assert there.aws("s3api", "get-bucket-versioning", *about)["Status"] == "Enabled"
        block = there.aws("s3api", "get-public-access-block", *about)["PublicAccessBlockConfiguration"]
        assert len(block) == 4 and all(block.values()), block
        there.aws("s3api", "get-bucket-encryption", *about)
        assert "SecureTransport" in (folder / "policy.json").read_text(encoding="utf-8")
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
        tools.tofu()  # before anything else is installed
        tools.settings()
        globals()[f"test_{sys.argv[1]}"](*sys.argv[2:])
