"""Restate: its server and one service on its SDK, called through its ingress."""
import json
import time
import urllib.error
import urllib.request

import harness

PACKAGES = ("@restatedev/restate-server@1.7.12", "@restatedev/restate-sdk@1.17.2")


class Restate(harness.Peer):
    name, title = "restate", "Restate, 1 partition"
    durability = "its log, fsync (rocksdb-disable-wal-fsync = false, its default)"
    needs = {"bench-npm": "npm"}
    flushed = holds = True

    def install(self):
        super().install()
        harness.node()
        self.packages()

    def packages(self):
        return harness.npm("restate", *PACKAGES)

    def version(self):
        return f"{', '.join(PACKAGES)}, node {harness.NODE}"

    def start(self, hold=False):
        folder = self.packages()
        service, ingress, admin, fabric = (harness.free_port() for _ in range(4))
        self.processes.start("service", [
            harness.node(), harness.script(harness.HERE / "peers/restate/service.js", folder), service])
        self.processes.start("server", [
            folder / "node_modules/.bin/restate-server", "--base-dir", self.folder / "data",
            "--node-name", "bench"],
            env={"RESTATE_DEFAULT_NUM_PARTITIONS": "1", "RUST_LOG": "warn",  # 1: best of 1, 4, 24
                 "RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT": "20000",  # default 1000
                 "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
                 "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
                 "RESTATE_BIND_ADDRESS": f"127.0.0.1:{fabric}",
                 "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{fabric}"})
        for port in (service, admin, ingress):
            harness.wait_port(port, 60)
        self.register(admin, service)
        self.url = f"http://127.0.0.1:{ingress}/jobs/{'hold' if hold else 'echo'}"

    @staticmethod
    def register(admin, service):
        body = json.dumps({"uri": f"http://127.0.0.1:{service}"})
        for left in range(60, -1, -1):
            try:
                return harness.post(f"http://127.0.0.1:{admin}/deployments", body)
            except (OSError, urllib.error.URLError) as failed:
                if not left:
                    raise RuntimeError(f"the service could not be registered: {failed}") from None
                time.sleep(0.5)


PEERS = [Restate]
