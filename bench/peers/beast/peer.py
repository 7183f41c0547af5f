"""The least that an HTTP server on Beast can be."""
import harness


class Beast(harness.Peer):
    name, title, durability = "beast", "bare Beast echo server, callbacks", "none (no job, no store)"
    limit = True

    def start(self, hold=False):
        self.url = self.processes.start(
            "bare_echo", [harness.BUILD / "bare_echo"], listening=True) + "/"


PEERS = [Beast]
