#!/usr/bin/env python3
"""The bench holds functions to Lambda's rules: each is broken once, by tiny_bootstrap.py.

    tests/functions/runtime_api_test.py [TEST...]
"""
import asyncio
import http.client
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "aws")]
import entry  # noqa: E402
import function  # noqa: E402

PATIENCE_S = 60


def is_stopped(process):
    state = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    return state == "T"


class Bench(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="bide-functions-")))
        self.task = function.make_task(self.folder / "task", HERE / "tiny_bootstrap.py")
        self.functions = []

    async def asyncTearDown(self):
        for one in self.functions:
            await one.stop()
            self.assertEqual(one.violations, [])
            self.assertEqual(one.exits, [])

    def make(self, **settings):
        made = function.Function("tiny", self.task, self.folder, **{"timeout_s": 20, **settings})
        self.functions.append(made)
        return made

    async def do(self, made, what, **more):
        payload, error = await asyncio.wait_for(made.call(json.dumps({"do": what, **more}).encode()), PATIENCE_S)
        return payload if not error else json.loads(payload)["errorType"]

    async def broken(self, made, *words):
        """The rule with these words was broken, once. It may be seen only when the caller has its answer."""
        await asyncio.wait_for(made.idle(), PATIENCE_S)
        self.assertEqual(made.expect(*words), 1, made.violations)


class Rules(Bench):
    async def test_environment_is_lambdas(self):
        made = self.make(variables={"MINE": "1"})
        said = json.loads(await self.do(made, "say"))
        expected = {"_HANDLER": "tiny", "LAMBDA_TASK_ROOT": str(self.task), "MINE": "1", "TZ": ":UTC",
                    "AWS_LAMBDA_FUNCTION_NAME": "tiny", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}
        self.assertEqual({name: said["environment"].get(name) for name in expected}, expected)
        self.assertNotIn("HOME", said["environment"])
        self.assertIn("lambda-runtime-deadline-ms", said["fields"])
        self.assertIn("lambda-runtime-trace-id", said["fields"])

    async def test_large_events_arrive(self):
        text = "x" * 3_000_000
        self.assertEqual(json.loads(await self.do(self.make(), "say", text=text))["event"]["text"], text)
        with self.assertRaises(function.Refused) as refused:
            await self.functions[0].call(b'"' + b"x" * (7 << 20) + b'"')
        self.assertEqual(refused.exception.status, 413)

    async def test_states(self):
        made = self.make()
        self.assertEqual(await self.do(made, "twice"), b"{}")
        await self.broken(made, "which is answered")
        self.assertEqual(await self.do(made, "unknown"), b"{}")
        await self.broken(made, "which is unknown")
        self.assertEqual(made.log().split("\n")[:2], ["[202, 403]", "[400, 202]"])
        self.assertEqual(await self.do(made, "impatient"), b"{}")
        await self.broken(made, "before it answered")

    async def test_sizes_and_modes(self):
        made = self.make()
        self.assertEqual(await self.do(made, "large"), "Function.ResponseSizeTooLarge")
        await self.broken(made, "over 6 MiB")
        self.assertEqual(await self.do(made, "bad_mode"), "Runtime.InvalidResponseModeHeader")
        await self.broken(made, "response mode")
        self.assertEqual(made.log().split(), ["413", "400"])

    async def test_errors(self):
        made = self.make()
        self.assertEqual(await self.do(made, "fail"), "Function.Bad")
        payload, error = await made.call(b'{"do": "bad_error"}')
        self.assertEqual((payload, error), (b"no JSON", True))
        await asyncio.wait_for(made.idle(), PATIENCE_S)
        self.assertEqual(made.expect("of the type"), 1)
        self.assertEqual(made.expect("without errorMessage"), 1)

    async def test_streams_that_break_the_rules(self):
        made = self.make()
        for what, words in (("unannounced", "not announced"), ("bad_prelude", "headers is"),
                            ("no_delimiter", "no delimiter"), ("reused", "used again"),
                            ("cut_off", "was cut off")):
            with self.subTest(what):
                await made.call(json.dumps({"do": what}).encode())
                if what == "unannounced":  # and its error has no body
                    await asyncio.wait_for(made.idle(), PATIENCE_S)
                    self.assertEqual(made.expect("without errorMessage"), 1)
                await self.broken(made, words)

    async def test_init_error(self):
        made = self.make(variables={"INIT": "fail"})
        self.assertEqual(await self.do(made, "say"), "Runtime.Cold")
        await made.environments[0].watch
        self.assertEqual([status for status, _ in made.exits], [1])
        made.exits.clear()
        self.assertEqual(len(made.init_errors), 1)

    async def test_deadline(self):
        made = self.make(timeout_s=1)
        self.assertEqual(await self.do(made, "hang"), "Sandbox.Timedout")
        self.assertEqual(made.expect("killed at its deadline"), 1)
        self.assertIn(b"environment", await self.do(made, "say"))
        self.assertEqual(made.started, 2)

    async def test_crash(self):
        made = self.make()
        self.assertEqual(await self.do(made, "crash"), "Runtime.ExitError")
        self.assertEqual([status for status, _ in made.exits], [3])
        made.exits.clear()
        hanging = await made.invoke(b'{"do": "hang"}')
        while not hanging.given_on:
            await asyncio.sleep(0.01)
        self.assertEqual(made.kill_busy(), 1)
        self.assertEqual(json.loads((await hanging.payload())[0])["errorType"], "Runtime.ExitError")
        self.assertIn(b"environment", await self.do(made, "say"))

    async def test_one_at_a_time_and_frozen_between(self):
        made = self.make(limit=3)
        calls = [await made.invoke(b'{"do": "streams", "pause": 0.1}') for _ in range(3)]
        with self.assertRaises(function.Refused) as refused:
            await made.invoke(b"{}")
        self.assertEqual(refused.exception.status, 429)
        for call in calls:
            self.assertFalse((await call.payload())[1])
        await asyncio.wait_for(made.idle(), PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):  # a signal is not there at once
            while not all(is_stopped(environment.process) for environment in made.environments):
                await asyncio.sleep(0.01)
        first = json.loads(await self.do(made, "say"))["process"]
        await asyncio.wait_for(made.idle(), PATIENCE_S)
        self.assertEqual(json.loads(await self.do(made, "say"))["process"], first)  # thawed, not a new one
        self.assertEqual(made.started, 3)

    async def test_variables_have_room_for_4_kb(self):
        with self.assertRaises(ValueError):
            self.make(variables={"BIDE_TOML": "x" * 5000})
        self.functions.clear()


class Entries(Bench):
    async def open(self, made, kind, **changes):
        opened = await entry.Entry(made, kind, **changes).start()
        self.addAsyncCleanup(opened.stop)
        return opened

    def ask_now(self, opened, method, page, body=None, fields=()):
        connection = http.client.HTTPConnection("127.0.0.1", opened.port, timeout=PATIENCE_S)
        try:
            connection.putrequest(method, opened.kind.prefix + page)
            for name, value in fields:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    async def ask(self, *arguments):
        return await asyncio.to_thread(self.ask_now, *arguments)

    async def test_events_have_the_forms_of_the_samples(self):
        """Every member of AWS's samples is there with a value of the same type, but what bide cannot get:
        who signed the request, client certificates, authorizers."""
        samples = pathlib.Path(os.environ.get("BIDE_SHARED", HERE.parents[2] / "shared")) / "vectors/lambda-events"
        cases = {"rest_buffered": "apigw-request", "http_api": "apigw-v2-request-no-authorizer",
                 "function_url": "lambda-urls-request", "alb": "alb-lambda-target-request-headers-only",
                 "alb_multi_value": "alb-lambda-target-request-multivalue-headers"}
        if not samples.is_dir():
            self.skipTest(f"no samples of events in {samples}")
        for kind, sample in cases.items():
            with self.subTest(kind):
                opened = await self.open(self.functions[0] if self.functions else self.make(), kind)
                status, _, said = await self.ask(opened, "POST", "/my/path?parameter1=a&parameter1=b", b"text", [
                    ("Content-Type", "text/plain"), ("Cookie", "cookie1; cookie2"), ("User-Agent", "x")])
                self.assertEqual(status, 200)
                self.compare(json.loads((samples / f"{sample}.json").read_text(encoding="utf-8")), json.loads(said))

    def compare(self, sample, event, path=""):
        absent = {"authorizer", "authentication", "identity", "stageVariables", "headers", "multiValueHeaders",
                  "queryStringParameters", "multiValueQueryStringParameters"}
        for name, value in sample.items():
            if name in absent and path + name in event | {"authorizer": 0, "authentication": 0}:
                continue
            if name in ("authorizer", "authentication", "identity"):
                continue
            self.assertIn(name, event, path)
            if isinstance(value, dict):
                self.compare(value, event[name], f"{path}{name}.")
            elif value is not None and name != "body":
                self.assertIsInstance(event[name], type(value), f"{path}{name}")

    async def test_requests(self):
        made = self.make()
        fields = [("Content-Type", "text/plain"), ("X-Twice", "1"), ("X-Twice", "2")]

        async def event(kind, body=b"h\xc3\xa9"):
            opened = await self.open(made, kind)
            return json.loads((await self.ask(opened, "POST", "/a/b?q=x%20y&q=z", body, fields))[2])

        said = await event("rest_buffered")
        self.assertEqual((said["path"], said["requestContext"]["path"]), ("/a/b", "/dev/a/b"))
        self.assertEqual((said["body"], said["isBase64Encoded"]), ("aMOp", True))
        self.assertEqual((said["headers"]["X-Twice"], said["multiValueHeaders"]["X-Twice"]), ("2", ["1", "2"]))
        self.assertEqual(said["multiValueQueryStringParameters"], {"q": ["x y", "z"]})
        said = await event("http_api")
        self.assertEqual((said["rawPath"], said["rawQueryString"]), ("/a/b", "q=x%20y&q=z"))
        self.assertEqual((said["body"], said["isBase64Encoded"]), ("h\u00e9", False))
        self.assertEqual(said["headers"]["x-twice"], "1,2")
        said = await event("alb")
        self.assertEqual((said["queryStringParameters"], said["headers"]["x-twice"]), ({"q": "z"}, "2"))
        self.assertEqual((await event("alb_multi_value"))["multiValueQueryStringParameters"], {"q": ["x%20y", "z"]})
        self.assertEqual((await event("function_url", b"\xff"))["body"], "\ufffd")

    async def test_streamed_as_it_comes(self):
        made = self.make()
        opened = await self.open(made, "rest_stream", event=lambda *_: {"do": "streams", "pause": 0.05})
        status, headers, body = await self.ask(opened, "GET", "/")
        self.assertEqual((status, body), (201, b"piece 0\npiece 1\npiece 2\n"))
        self.assertEqual(headers["X-One"], "1")
        self.assertEqual((headers.get_all("X-Two"), headers.get_all("Set-Cookie")), (["2", "3"], ["a=1", "b=2"]))
        opened.kind.event = lambda *_: {"do": "trailers"}
        with self.assertRaises(http.client.IncompleteRead) as cut:
            await self.ask(opened, "GET", "/")
        self.assertEqual(cut.exception.partial, b"half")

    async def test_limits(self):
        made = self.make()
        for kind, status in (("rest_stream", 504), ("rest_buffered", 504), ("http_api", 503), ("function_url", 504),
                             ("alb", 502)):
            with self.subTest(kind):
                opened = await self.open(made, kind, idle_s=0.1, event=lambda *_: {"do": "streams", "silence": 0.5})
                self.assertEqual((await self.ask(opened, "GET", "/"))[0], status)
        opened = await self.open(made, "alb")
        self.assertEqual((await self.ask(opened, "POST", "/", bytes(2 << 20)))[0], 413)
        opened = await self.open(made, "rest_stream", idle_s=0.5, event=lambda *_: {"do": "streams", "pause": 0.1})
        self.assertEqual((await self.ask(opened, "GET", "/"))[0], 201)  # silent for less than that at a time
        await asyncio.wait_for(made.idle(), PATIENCE_S)

    async def test_failures(self):
        made = self.make()
        for kind, status in (("rest_stream", 502), ("rest_buffered", 502), ("http_api", 500), ("function_url", 502),
                             ("alb", 502)):
            with self.subTest(kind):
                opened = await self.open(made, kind, event=lambda *_: {"do": "fail"})
                self.assertEqual((await self.ask(opened, "GET", "/"))[0], status)
                self.assertIn("the function failed", opened.refused[0])
        opened = await self.open(made, "rest_stream", event=lambda *_: {"do": "say"})
        self.assertEqual((await self.ask(opened, "GET", "/"))[0], 502)  # it did not stream
        self.assertEqual((await self.ask(opened, "GET", "/"))[0], 502)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
