"""The event source mapping: takes messages from SQS and calls a function with them, as Lambda's pollers do.

What the function answered for is removed, unless it is in batchItemFailures. What is in there, or in a
batch whose call failed, or whose answer is not understood, stays and comes again when its visibility time
is over.
"""
import asyncio
import contextlib
import json
import time
import urllib.parse

import function
import http1
import servers

WAIT_S = 1  # of an empty receive; so long stop() may take
POLLERS = 2
EVENT_BYTES_MAX = 6 << 20
SIGNATURE = (f"AWS4-HMAC-SHA256 Credential={servers.KEY_ID}/20261130/{servers.REGION}/sqs/aws4_request, "
             "SignedHeaders=host, Signature=0")  # neither of the servers looks at it


class Sqs:
    """A client that can be cancelled while it waits."""

    def __init__(self, port):
        self.client = http1.Client(port)

    async def call(self, action, **said):
        head, body = await self.client.ask("POST", "/", [
            ("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", f"AmazonSQS.{action}"),
            ("Authorization", SIGNATURE)], json.dumps(said).encode())
        if head.status() != 200:
            raise OSError(f"{action}: {head.status()} {body[:300]!r}")
        return json.loads(body or b"{}")


def attribute(said):
    """Of a message, in the event's spelling."""
    return {name[0].lower() + name[1:]: value for name, value in said.items()} | {
        "stringListValues": [], "binaryListValues": []}


def record(message, arn):
    return {
        "messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: attribute(said) for name, said in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"], "eventSource": "aws:sqs", "eventSourceARN": arn,
        "awsRegion": servers.REGION}


def failed_of(payload, ids):
    """Which of the messages are to come again. None: the answer is not understood, so all of them."""
    try:
        said = json.loads(payload or b"null")
        failures = [] if said is None else said.get("batchItemFailures") or []
        failed = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return failed if failed <= ids else None


class Mapping:
    """From a queue to a function. `partial`: it reports batch item failures."""

    def __init__(self, port, queue_url, target, batch=1, window_s=0, concurrency=50, partial=True):
        self.port, self.queue_url, self.target = port, queue_url, target
        self.batch, self.window_s, self.partial = batch, window_s, partial
        self.arn = f"arn:aws:sqs:{servers.REGION}:{function.ACCOUNT}:{urllib.parse.urlsplit(queue_url).path.split('/')[-1]}"
        self.free, self.concurrency = asyncio.Semaphore(concurrency), concurrency
        self.freed = asyncio.Event()
        self.pollers, self.calls, self.ending = [], set(), False
        self.counts = {"batches": 0, "records": 0, "failed": 0, "errors": 0}
        self.problems = []

    async def start(self):
        self.pollers = [asyncio.create_task(self.poll()) for _ in range(min(POLLERS, self.concurrency))]
        return self

    async def stop(self, patience_s=None):
        """Takes no more; what is under way ends, or is left when the time is over. A receive is waited for:
        the server would give a message to who has gone."""
        self.ending = True
        await asyncio.gather(*self.pollers)
        if self.calls and patience_s != 0:
            await asyncio.wait(self.calls, timeout=patience_s)
        for call in self.calls:
            call.cancel()

    async def poll(self):
        sqs = Sqs(self.port)
        with contextlib.closing(sqs.client):
            while not self.ending:
                if self.free.locked():
                    self.freed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.freed.wait(), WAIT_S)
                    continue
                await self.free.acquire()
                messages = []
                try:
                    messages = await self.receive(sqs)
                except (OSError, http1.Broken, asyncio.IncompleteReadError):
                    await asyncio.sleep(0.2)
                if not messages or self.ending:
                    self.free.release()
                    await self.give_back(sqs, messages)
                    continue
                call = asyncio.create_task(self.hand_over(messages))
                self.calls.add(call)
                call.add_done_callback(self.done)

    async def give_back(self, sqs, messages):
        for message in messages:
            await sqs.call("ChangeMessageVisibility", QueueUrl=self.queue_url, VisibilityTimeout=0,
                           ReceiptHandle=message["ReceiptHandle"])

    def done(self, call):
        self.calls.discard(call)
        self.free.release()
        self.freed.set()
        if not call.cancelled() and call.exception():
            self.problems.append(repr(call.exception()))

    async def receive(self, sqs):
        """A batch: what there is, and with a window what comes within it."""
        messages, size, end = [], 0, None
        while len(messages) < self.batch and size < EVENT_BYTES_MAX // 2:
            wait = WAIT_S if end is None else max(0, int(end - time.monotonic()))
            said = await sqs.call(
                "ReceiveMessage", QueueUrl=self.queue_url, MaxNumberOfMessages=min(10, self.batch - len(messages)),
                WaitTimeSeconds=wait, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"])
            came = said.get("Messages", [])
            messages += came
            size += sum(len(message["Body"]) for message in came)
            end = end or time.monotonic() + self.window_s
            if time.monotonic() >= end:
                break
        return messages

    async def hand_over(self, messages):
        event = json.dumps({"Records": [record(message, self.arn) for message in messages]}).encode()
        self.counts["batches"] += 1
        self.counts["records"] += len(messages)
        try:
            payload, error = await self.target.call(event)
        except function.Refused:
            error = True
        if error:
            self.counts["errors"] += 1
            return
        failed = set()
        if self.partial:
            failed = failed_of(payload, {message["MessageId"] for message in messages})
            if failed is None:
                self.problems.append(f"an answer that is not understood: {payload[:300]!r}")
                return
        self.counts["failed"] += len(failed)
        await self.remove([message for message in messages if message["MessageId"] not in failed])

    async def remove(self, messages):
        sqs = Sqs(self.port)
        with contextlib.closing(sqs.client):
            for start in range(0, len(messages), 10):
                await sqs.call("DeleteMessageBatch", QueueUrl=self.queue_url, Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages[start:start + 10])])
