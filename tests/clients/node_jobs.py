"""Node's own fetch, and EventSource from npm, below the build directory."""
import re
import shutil
import unittest

from served import HERE, Skip, need, run

UNREACHABLE = r"ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|network|proxy"
NODE_MIN = 18


class Node(unittest.TestCase):
    server = None
    folder = None
    script = ""

    def test_all(self):
        done = run("node", "--test", self.folder / self.script,
                   env={"BIDE_URL": self.server.url, "PATH": __import__("os").environ["PATH"]})
        print(done.stdout.decode())
        self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())


def prepare(client, server, build):
    need("node")
    version = run("node", "--version").stdout.decode().strip()
    if int(re.match(r"v(\d+)", version)[1]) < NODE_MIN:
        raise Skip(f"node {version} has no fetch")
    folder = build / "clients-node"
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "fetch_test.mjs", "eventsource_test.mjs"):
        shutil.copy(HERE / name, folder)
    if client == "eventsource":
        need("npm")
        said = run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                   "--fetch-retries", "1", cwd=folder)
        if said.returncode != 0:
            text = said.stdout.decode() + said.stderr.decode()
            if re.search(UNREACHABLE, text):
                raise Skip("the registry cannot be reached")
            raise RuntimeError(text)
    Node.server = server
    Node.folder = folder
    Node.script = client + "_test.mjs"
    return Node
