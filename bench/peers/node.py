"""A Node front and a Node worker, each one process."""
import harness


class NodePair(harness.Peer):
    needs = {"bench-npm": "npm"}
    packages = ()
    folder_name = ""

    def install(self):
        super().install()
        harness.node()
        harness.npm(self.folder_name, *self.packages)

    def version(self):
        return ", ".join((*self.packages, f"node {harness.NODE}"))

    def pair(self, *arguments):
        """Starts worker.js and front.js of the peer's folder."""
        folder = harness.npm(self.folder_name, *self.packages)
        harness.script(harness.HERE / "peers/serve.js", folder)
        for part in ("worker", "front"):
            source = harness.HERE / f"peers/{self.folder_name}/{part}.js"
            url = self.processes.start(
                part, [harness.node(), harness.script(source, folder), *arguments],
                listening=part == "front")
        self.url = url + "/"
