"""Python's requests and httpx, from PyPI, below the build directory."""
import asyncio
import concurrent.futures
import json
import re
import site
import sys
import unittest

from served import Skip, eventually, fresh_page, pattern, run, state_of

PACKAGES = ["requests==2.32.3", "httpx[http2]==0.27.2"]
UNREACHABLE = r"(?i)connection|timed out|name resolution|unreachable|proxy"


class Jobs(unittest.TestCase):
    """The two agree on most names."""
    server = None
    client = None  # the module
    redirects = {}  # how it is told to follow

    def setUp(self):
        self.session = self.make_session()
        self.addCleanup(self.session.close)
        self.url = self.server.url

    def make_session(self):
        raise NotImplementedError

    def stream(self, method, target, **options):
        """Yields lines as they come."""
        raise NotImplementedError

    def test_post_json(self):
        answer = self.session.post(self.url + "/", json={"message": "hi"})
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.json(), {"message": "hi"})
        self.assertEqual(answer.headers["Content-Type"], "application/json")

    def test_one_connection_for_many_requests(self):
        for i in range(50):
            self.assertEqual(self.session.post(self.url + "/", data=str(i)).text, str(i))

    def test_large_body(self):
        data = pattern(8_000_000)
        self.assertEqual(self.session.post(self.url + "/queues/cat/jobs", data=data).content, data)

    def test_chunked_upload(self):
        data = pattern(1_000_000)
        pieces = (data[i:i + 70_000] for i in range(0, len(data), 70_000))
        answer = self.send_pieces(self.url + "/queues/cat/jobs", pieces)
        self.assertEqual(answer.content, data)

    def send_pieces(self, url, pieces):
        return self.session.post(url, data=pieces)

    def test_chain_of_redirects(self):
        answer = self.session.post(
            self.url + "/queues/sleep/jobs", data="3500",
            headers={"Prefer": "wait=1, at-limit=redirect"}, **self.redirects)
        self.assertEqual((answer.status_code, answer.text), (200, "3500"))
        self.assertGreaterEqual(len(answer.history), 3)

    def test_async_then_result(self):
        answer = self.session.post(self.url + "/queues/sleep/jobs", data="300",
                                   headers={"Prefer": "respond-async"})
        self.assertEqual(answer.status_code, 202)
        result = self.session.get(self.url + answer.headers["Location"] + "/result")
        self.assertEqual(result.text, "300")

    def test_failure_is_a_problem(self):
        answer = self.session.post(self.url + "/queues/refuse/jobs", data="x")
        self.assertEqual(answer.status_code, 502)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(answer.json()["type"], "/errors/handler-rejected")

    def test_put_twice_is_one_job(self):
        page = self.url + fresh_page()
        first, again = [self.session.put(page, data="mine") for _ in range(2)]
        self.assertEqual((first.text, again.text), ("mine", "mine"))
        self.assertNotIn("Bide-Replayed", first.headers)
        self.assertEqual(again.headers["Bide-Replayed"], "true")

    def test_key(self):
        headers = {"Idempotency-Key": "key-" + fresh_page()[6:]}
        answers = [self.session.post(self.url + "/", data="once", headers=headers)
                   for _ in range(2)]
        self.assertEqual(len({a.headers["Bide-Job-Id"] for a in answers}), 1)
        other = self.session.post(self.url + "/", data="else", headers=headers)
        self.assertEqual(other.status_code, 422)

    def test_range(self):
        made = self.session.post(self.url + "/", data="0123456789")
        part = self.session.get(self.url + made.headers["Content-Location"],
                                headers={"Range": "bytes=2-4"})
        self.assertEqual((part.status_code, part.text), (206, "234"))

    def test_events(self):
        lines = list(self.stream("POST", "/queues/steps/jobs", data="x",
                                 headers={"Accept": "text/event-stream"}))
        names = [line[7:] for line in lines if line.startswith("event: ")]
        self.assertEqual(names[0], "accepted")
        self.assertEqual(names[-1], "result")
        self.assertIn("progress", names)

    def test_batch(self):
        items = "".join(json.dumps({"body": str(i), "ref": i}) + "\n" for i in range(600))
        lines = [json.loads(line) for line in self.stream(
            "POST", "/batches?queue=echo", data=items,
            headers={"Content-Type": "application/x-ndjson"}) if line]
        self.assertEqual(lines[-1]["summary"]["succeeded"], 600)
        self.assertEqual({line["ref"] for line in lines[1:-1]}, set(range(600)))

    def test_many_threads(self):
        def one(i):
            return self.session.post(self.url + "/queues/sleep/jobs", data=str(i)).text
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            self.assertEqual(list(pool.map(one, range(200))), [str(i) for i in range(200)])

    def test_timeout_leaves_the_job(self):
        page = fresh_page()
        with self.assertRaises(self.timeouts()):
            self.session.put(f"{self.url}{page}?queue=sleep", data="1500", timeout=0.5)
        self.assertEqual(self.session.get(self.url + page + "/result").text, "1500")

    def test_timeout_cancels_when_asked(self):
        page = fresh_page()
        with self.assertRaises(self.timeouts()):
            self.session.put(f"{self.url}{page}?queue=sleep", data="60000", timeout=0.5,
                             headers={"Bide-On-Disconnect": "cancel"})
        self.assertTrue(eventually(lambda: state_of(self.url, page) == "cancelled"))


class Requests(Jobs):
    def make_session(self):
        session = self.client.Session()
        session.trust_env = False
        adapter = self.client.adapters.HTTPAdapter(pool_connections=50, pool_maxsize=50)
        session.mount("http://", adapter)
        return session

    def timeouts(self):
        return self.client.exceptions.Timeout

    def stream(self, method, target, **options):
        with self.session.request(method, self.url + target, stream=True, **options) as answer:
            self.assertEqual(answer.status_code, 200, answer.headers)
            yield from answer.iter_lines(decode_unicode=True)


class Httpx(Jobs):
    redirects = {"follow_redirects": True}

    def make_session(self):
        return self.client.Client(trust_env=False, timeout=60)

    def timeouts(self):
        return self.client.TimeoutException

    def send_pieces(self, url, pieces):
        return self.session.post(url, content=pieces)

    def stream(self, method, target, **options):
        if isinstance(options.get("data"), str):
            options["content"] = options.pop("data").encode()
        with self.session.stream(method, self.url + target, **options) as answer:
            self.assertEqual(answer.status_code, 200, answer.headers)
            yield from answer.iter_lines()


class HttpxHttp2(Httpx):
    def make_session(self):
        return self.client.Client(trust_env=False, timeout=60, http1=False, http2=True)

    # It keeps the connection and does not reset the stream: nobody here can tell that it left.
    test_timeout_cancels_when_asked = None

    # Two threads of its can begin one stream, both with the head of a request (httpcore takes the
    # number of a stream and sends on it without a lock; h2 then says "pseudo-header in trailer").
    test_many_threads = None

    def test_many_tasks(self):
        async def one(session, i):
            return (await session.post(self.url + "/queues/sleep/jobs", data=str(i))).text

        async def all_of_them():
            async with self.client.AsyncClient(trust_env=False, timeout=60, http1=False,
                                               http2=True) as session:
                return await asyncio.gather(*(one(session, i) for i in range(200)))

        self.assertEqual(asyncio.run(all_of_them()), [str(i) for i in range(200)])

    def test_version(self):
        answer = self.session.post(self.url + "/", data="x")
        self.assertEqual((answer.http_version, answer.text), ("HTTP/2", "x"))


def install(folder):
    """A virtual environment with the packages; its packages become importable."""
    done = folder / "installed"
    wanted = " ".join(PACKAGES)
    if not done.exists() or done.read_text(encoding="ascii") != wanted:
        if run(sys.executable, "-m", "venv", "--clear", folder).returncode != 0:
            raise Skip("needs python3-venv")
        said = run(folder / "bin/pip", "install", "--disable-pip-version-check", "--retries", "1",
                   "--timeout", "20", "--only-binary", ":all:", *PACKAGES)
        if said.returncode != 0:
            text = said.stdout.decode() + said.stderr.decode()
            if re.search(UNREACHABLE, text):
                raise Skip("the registry cannot be reached")
            raise RuntimeError(text)
        done.write_text(wanted, encoding="ascii")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = str(folder / "lib" / version / "site-packages")
    site.addsitedir(packages)
    sys.path.insert(0, packages)  # before what the interpreter has of the same name


def prepare(client, server, build):
    install(build / "clients-python")
    case = {"requests": Requests, "httpx": Httpx, "httpx_http2": HttpxHttp2}[client]
    case.client = __import__(client.removesuffix("_http2"))
    case.server = server
    return case
