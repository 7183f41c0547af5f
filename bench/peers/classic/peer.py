"""The pattern as it is usually built by hand: a Node front subscribes to a channel per job, pushes
the job to a Redis list and waits; a worker pops, works and publishes."""
import redis
from node import NodePair


class Classic(NodePair):
    packages = ("ioredis@6.0.0",)
    folder_name = "classic"
    needs = {**NodePair.needs, **redis.NEEDS}
    fsync = "no"

    def version(self):
        return f"{super().version()}, {redis.version()}"

    def start(self, hold=False):
        # 64 loops of blocking pops were the best of 1, 4, 16 and 64.
        self.pair(redis.start(self, self.fsync), "stored" if self.fsync != "no" else "memory", 64,
                  "hold" if hold else "now")


class Memory(Classic):
    name, title = "classic-memory", "Node front, Redis list, SUBSCRIBE per job"
    durability = redis.SAYS["no"]
    holds = True


class Always(Classic):
    name, title = "classic-always", "Node front, Redis list (BLMOVE), SUBSCRIBE per job, result stored"
    durability, fsync = redis.SAYS["always"], "always"
    flushed = slow_disk = True


PEERS = [Memory, Always]
