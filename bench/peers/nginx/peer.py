"""nginx that answers each request with a constant."""
import harness

CONFIG = """daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{ worker_connections 4096; multi_accept on; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "abcdefghijklmnopqr"; }} }}
}}
"""


class Nginx(harness.Peer):
    name, title, durability = "nginx", "nginx, return 200, 1 worker", "none (no job, no store)"
    limit = True
    needs = {"bench-nginx": "nginx"}

    def version(self):
        return harness.told(harness.program("nginx"), "-v").partition("nginx version: ")[2]

    def start(self, hold=False):
        port = harness.free_port()
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=self.folder, port=port))
        self.processes.start("nginx", [harness.program("nginx"), "-c", config, "-e", "stderr"])
        self.url = f"http://127.0.0.1:{port}/"


PEERS = [Nginx]
