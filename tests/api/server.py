"""A real server for the tests of this folder, with queues of all fates and API keys."""
import hashlib, os, pathlib, secrets, shutil, subprocess, sys, tempfile

SCOPES = {"all": ["submit", "read", "admin"], "submit": ["submit"], "read": ["read"]}


class Site:
    """Listens on a port of its own until the end of the `with`; its log is printed when it ends badly."""

    def __init__(self, program, queues):
        self.program, self.queues = program, queues
        self.keys = {name: "bide_" + secrets.token_urlsafe(32) for name in SCOPES}
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bide-"))

    def config(self):
        lines = [self.queues]
        for name, key in self.keys.items():
            digest = hashlib.sha256(key.encode()).hexdigest()
            lines += [f"[keys.{name}]", f'hash = "sha256:{digest}"', f"scopes = {SCOPES[name]}"]
        return "\n".join(lines) + "\n"

    def __enter__(self):
        (self.directory / "bide.toml").write_text(self.config())
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BIDE_")}
        with open(self.directory / "log", "w") as log:
            self.process = subprocess.Popen(
                [self.program, "serve", "--listen", "127.0.0.1:0", "--data", self.directory / "data",
                 "--config", self.directory / "bide.toml"],
                stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.process.wait()
            sys.exit("the server does not start:\n" + self.log())
        self.url = line.removeprefix("listening on ").strip()
        return self

    def log(self):
        return (self.directory / "log").read_text()

    def __exit__(self, *_):
        self.process.terminate()
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if status != 0:
            print(self.log())
            raise AssertionError(f"the server ended with {status}")
        shutil.rmtree(self.directory)
