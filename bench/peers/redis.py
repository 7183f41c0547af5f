"""A Redis server for the peers that need one."""
import harness

NEEDS = {"bench-redis": "redis-server"}
SAYS = {
    "always": "Redis AOF, fsync before each write is acknowledged",
    "everysec": "Redis AOF, fsync once a second: up to 1 s can be lost",
    "no": "memory only",
}


def start(peer, fsync):
    port = harness.free_port()
    data = peer.folder / "redis"
    data.mkdir(exist_ok=True)
    peer.processes.start("redis", [
        harness.program("redis-server"), "--port", port, "--bind", "127.0.0.1", "--dir", data,
        "--save", "", "--maxclients", 19900, "--tcp-backlog", 4096,
        "--appendonly", "no" if fsync == "no" else "yes",
        "--appendfsync", fsync], env=peer.environment)
    harness.wait_port(port)
    return port


def version():
    return "Redis " + harness.told(harness.program("redis-server"), "--version").split("v=")[1].split()[0]
