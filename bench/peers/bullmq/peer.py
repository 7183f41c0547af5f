"""BullMQ, the front waits with job.waitUntilFinished."""
import redis
from node import NodePair


class BullMq(NodePair):
    packages = ("bullmq@6.7.0", "ioredis@6.0.0")
    folder_name = "bullmq"
    needs = {**NodePair.needs, **redis.NEEDS}
    fsync = ""

    def version(self):
        return f"{super().version()}, {redis.version()}"

    def start(self, hold=False):
        # Concurrency 16 was the best of 1 to 200.
        self.pair(redis.start(self, self.fsync), 20000 if hold else 16, "hold" if hold else "now")


class Always(BullMq):
    name, title = "bullmq-always", "BullMQ, waitUntilFinished"
    durability, fsync = redis.SAYS["always"], "always"
    flushed = holds = slow_disk = True


class EverySecond(BullMq):
    name, title = "bullmq-everysec", "BullMQ, waitUntilFinished"
    durability, fsync = redis.SAYS["everysec"], "everysec"


PEERS = [Always, EverySecond]
