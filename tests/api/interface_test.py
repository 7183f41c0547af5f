#!/usr/bin/env python3
"""Usage: interface_test.py BIDE DOCUMENT

Drives a real server from the description of its interface: schemathesis makes requests that follow the
document and requests that do not, and compares what comes back with what the document says. Then the
methods of each page, and the examples that the document gives.
"""
import json, os, pathlib, subprocess, sys, urllib.error, urllib.request

import yaml

from server import Site

HERE = pathlib.Path(__file__).parent

QUEUES = """
[server]
default_queue = "echo"
max_wait = "200ms"
body_max = "1MiB"

[queues.echo]
native = "echo"

[queues.cat]
exec = ["cat"]
content_type = "application/x-cat"

[queues.fail]
exec = ["false"]
attempts = 1

[queues.brief]
native = "echo"
retention = "1s"
"""

METHODS = ("get", "put", "post", "delete")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Each page's own answer; a HEAD would be followed by a GET."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirects)


def ask(method, url, headers):
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with OPENER.open(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def check_methods(site, document):
    """HEAD and OPTIONS, which the document describes once for all pages."""
    headers = {"Authorization": f"Bearer {site.keys['all']}"}
    for path, item in document["paths"].items():
        url = site.url + path.format(
            queue="echo", id="00000000-0000-4000-8000-000000000000", type="conflict")
        named = {method.upper() for method in METHODS if method in item}
        status, answer, body = ask("OPTIONS", url, {})
        allowed = {method.strip() for method in answer["Allow"].split(",")}
        expected = named | ({"HEAD"} if "GET" in named else set())
        assert (status, body, allowed - {"OPTIONS"}) == (204, b"", expected), (path, status, allowed)
        if "GET" not in named:
            continue
        get, get_headers, _ = ask("GET", url, headers)
        head, head_headers, nothing = ask("HEAD", url, headers)
        assert (head, nothing) == (get, b""), (path, get, head)
        assert get_headers["Content-Type"] == head_headers["Content-Type"], path


def check_documents(site, text):
    """The server shows the document that it was built with."""
    assert ask("GET", site.url + "/openapi.yaml", {})[2].decode() == text
    as_json = json.loads(ask("GET", site.url + "/openapi.json", {})[2])
    assert as_json["paths"].keys() == yaml.safe_load(text)["paths"].keys()


def main():
    program, path = sys.argv[1:]
    text = pathlib.Path(path).read_text()
    document = yaml.safe_load(text)
    with Site(program, QUEUES) as site:
        check_documents(site, text)
        check_methods(site, document)
        names = ["echo", "cat", "fail", "brief"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "interface_hooks.py"),
                       "BIDE_QUEUES": " ".join(names), "BIDE_KEY": site.keys["all"],
                       "HYPOTHESIS_STORAGE_DIRECTORY": str(site.directory)}
        ran = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run", path,
             "--url", site.url],
            env=environment, cwd=site.directory, check=False)
        return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
