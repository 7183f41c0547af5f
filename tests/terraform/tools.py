#!/usr/bin/env python3
"""OpenTofu and the AWS provider, built from their Go modules, for the tests of this folder.

    tests/terraform/tools.py     builds what is missing (an hour on two processors, once) and says where it is

They go into the cache of tests/aws/installs.py. The tests never build them: without them they are skipped.
BIDE_TERRAFORM names another program (terraform, tofu) to use instead of the one built here; the provider is
the cached one, or, without it, the one that the program itself installs.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "aws"))
import installs  # noqa: E402
from installs import Missing  # noqa: E402

TOFU = "github.com/opentofu/opentofu@v1.12.6"

# The provider's own module has no version newer than 1.60 that can be asked for. A copy of it that is
# its code of March 2026 can be; its sums are those that its users pin, as no database of sums has it.
PROVIDER = "github.com/hashicorp/terraform-provider-aws"
COPY = "github.com/upbound/terraform-provider-aws"
COPY_VERSION = "v0.0.0-20260305123303-f7691456b787"
COPY_SUMS = f"""\
{COPY} {COPY_VERSION} h1:dJlp2eNgY/iVKTPINdguYlHbHc9CtXBZKmQmqYq0REs=
{COPY} {COPY_VERSION}/go.mod h1:WOPLTXSK2ZhAuuLIh2EVZ9zWib65hkmw1XLc227hsuQ=
"""
PROVIDER_VERSION = "6.34.0"

# Whole, it takes hours and gigabytes to build, for 250 services. Here it has those that deploy/terraform
# asks for, each as it is: the two lists of all services are cut, nothing else is touched.
SERVICES = {"apigateway", "appautoscaling", "cloudwatch", "ec2", "ecs", "elasticache", "elbv2", "iam", "lambda",
            "logs", "meta", "s3", "sqs", "sts", "wafv2"}


def _only(services, work):
    """Takes the other services out of the provider's sources."""
    inside, outside = f"{PROVIDER}/internal/service/", "github.com/aws/aws-sdk-go-v2/service/"
    wanted, left = {outside + "s3"}, [inside + service for service in services]
    while left:  # they use others
        service = left.pop()
        wanted.add(service)
        for path in (work / service.removeprefix(f"{PROVIDER}/")).glob("*.go"):
            if not path.name.endswith("_test.go"):
                imports = set(re.findall(r'"(\S+)"$', path.read_text(encoding="utf-8"), re.M)) - wanted
                wanted |= {name for name in imports if name.startswith(outside)}
                left += [name for name in imports if re.fullmatch(f"{inside}\\w+", name)]

    def cut(path, line_of_service):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        names = {}  # of a Go package here: what it is
        for line in lines:
            if found := re.match(r'\t(?:(\w+) )?"(\S+/(\w+))"$', line):
                names[found[1] or found[3]] = found[2]
        gone = {name for name, path in names.items() if path.startswith((inside, outside)) and path not in wanted}

        def stays(line):
            found = line_of_service.match(line) or re.match(r'\t(?:(?P<name>\w+) )?"\S+?(?P<last>\w+)"$', line)
            return not found or (found["name"] or found["last"]) not in gone

        path.write_text("".join(line for line in lines if stays(line)), encoding="utf-8")

    cut(work / "internal/provider/sdkv2/service_packages_gen.go", re.compile(r"\t\t(?P<name>\w+)\.ServicePackage\("))
    clients = work / "internal/conns/awsclient_gen.go"
    # A function on one line each, to be cut like the rest.
    text = re.sub(r"\{\n\t(return .*)\n\}\n\n?", r"{ \1 }\n", clients.read_text(encoding="utf-8"))
    clients.write_text(text, encoding="utf-8")
    cut(clients, re.compile(r"func \(c \*AWSClient\) \w+\(.*\) \*(?P<name>\w+)\.Client \{"))


def _build(what, source, package, program, change=None):
    """Builds a module where it is the main one, by its own go.mod and go.sum. Modules in Go's cache are
    read-only, so in a copy."""
    with tempfile.TemporaryDirectory(prefix="bide-build-") as folder:
        work = pathlib.Path(folder) / "source"
        shutil.copytree(source, work)
        for path in [work, *work.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
        if change:
            change(work)
        flags = ["-p", "2", "-trimpath", "-ldflags", "-s -w", "-buildvcs=false"]
        installs.run(what, ["nice", "-n", "19", installs.program("go"), "build", *flags, "-o", program, package],
                     cwd=work, env={**os.environ, "CGO_ENABLED": "0"})


def _download(what, module, go_mod, go_sum):
    """The folder of Go's cache with the module's files, which go has compared with its sum."""
    with tempfile.TemporaryDirectory(prefix="bide-get-") as folder:
        work = pathlib.Path(folder)
        (work / "go.mod").write_text(go_mod, encoding="utf-8")
        (work / "go.sum").write_text(go_sum, encoding="utf-8")
        installs.run(what, [installs.program("go"), "mod", "download", module], cwd=work)
        said = subprocess.run([installs.program("go"), "mod", "download", "-json", module], cwd=work,
                              stdout=subprocess.PIPE, check=True)
    return json.loads(said.stdout)["Dir"]


def _folder(name, wanted, build, install):
    folder, there = installs.cached(name, wanted)
    if not there and not build:
        raise Missing(f"{name} is not in the cache; `scripts/test terraform` builds it")
    return folder if there else installs.installed(name, wanted, install)


def tofu(build=False):
    """The program."""
    if own := os.environ.get("BIDE_TERRAFORM"):
        return installs.program(own)

    def install(folder):
        source = _download("OpenTofu", TOFU, "module example.invalid/get\n", "")
        _build("OpenTofu", source, "./cmd/tofu", folder / "tofu")

    return str(_folder("tofu", TOFU, build, install) / "tofu")


def settings(build=False):
    """The file to be named by TF_CLI_CONFIG_FILE: where the provider is."""
    def install(folder):
        source = _download("the AWS provider", PROVIDER, f"module example.invalid/get\n\n"
                           f"require {PROVIDER} v0.0.0-00010101000000-000000000000\n\n"
                           f"replace {PROVIDER} => {COPY} {COPY_VERSION}\n", COPY_SUMS)
        name = f"terraform-provider-aws_v{PROVIDER_VERSION}"
        _build("the AWS provider", source, ".", folder / name, lambda work: _only(SERVICES, work))
        # Terraform and OpenTofu look for it under different names.
        platform = subprocess.run([installs.program("go"), "env", "GOOS", "GOARCH"], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout.split()
        for registry in ("registry.opentofu.org", "registry.terraform.io"):
            place = folder / "mirror" / registry / "hashicorp/aws" / PROVIDER_VERSION / "_".join(platform)
            place.mkdir(parents=True)
            (place / name).symlink_to(folder / name)
        (folder / "tofu.rc").write_text(
            f'disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n'
            f'    path = "{folder / "mirror"}"\n  }}\n}}\n', encoding="utf-8")

    try:
        return str(_folder("terraform-provider-aws", COPY_SUMS, build, install) / "tofu.rc")
    except Missing:
        if os.environ.get("BIDE_TERRAFORM"):
            return os.environ.get("TF_CLI_CONFIG_FILE", "")
        raise


if __name__ == "__main__":
    with installs.skipping():
        print(tofu(build=True))
        print(settings(build=True))
