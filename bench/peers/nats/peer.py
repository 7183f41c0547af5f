"""NATS core request-reply behind a Node front."""
import harness
from node import NodePair


class Nats(NodePair):
    name, title = "nats", "Node front, NATS request-reply"
    durability = "memory only"
    packages = ("nats@2.29.3",)
    folder_name = "nats"
    needs = {**NodePair.needs, "bench-nats": "nats-server"}
    holds = True

    def version(self):
        return f"{super().version()}, {harness.told(harness.program('nats-server'), '--version')}"

    def start(self, hold=False):
        port = harness.free_port()
        self.processes.start("nats", [harness.program("nats-server"), "-a", "127.0.0.1", "-p", port])
        harness.wait_port(port)
        self.pair(port, "hold" if hold else "now")


PEERS = [Nats]
