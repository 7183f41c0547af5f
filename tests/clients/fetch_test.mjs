// Node's fetch.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

const url = process.env.BIDE_URL;
const post = (target, body, headers = {}, more = {}) =>
  fetch(url + target, { method: "POST", body, headers, ...more });

async function* lines(answer) {
  let rest = "";
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    const all = (rest + piece).split("\n");
    rest = all.pop();
    yield* all;
  }
}

async function eventually(condition) {
  for (let i = 0; i < 3000; ++i) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

test("post and read", async () => {
  const answer = await post("/", "hello", { "Content-Type": "text/x-mine" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "text/x-mine");
  assert.equal(await answer.text(), "hello");
});

test("a hundred at once", async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => post("/queues/sleep/jobs", String(100 + i))),
  );
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  assert.deepEqual(texts, Array.from({ length: 100 }, (_, i) => String(100 + i)));
});

test("a chain of redirects is followed", async () => {
  const answer = await post("/queues/sleep/jobs", "2500", { Prefer: "wait=1, at-limit=redirect" });
  assert.equal(answer.redirected, true);
  assert.equal(await answer.text(), "2500");
});

test("large bodies", async () => {
  const body = new Uint8Array(5_000_000).map((_, i) => (i * 31 + i / 255) & 255);
  const answer = await post("/queues/cat/jobs", body);
  assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), body);
});

test("a streamed upload", async () => {
  const body = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 100; ++i) controller.enqueue(new TextEncoder().encode("piece ".repeat(1000)));
      controller.close();
    },
  });
  const answer = await post("/queues/cat/jobs", body, {}, { duplex: "half" });
  assert.equal((await answer.text()).length, 600_000);
});

test("a problem", async () => {
  const answer = await post("/queues/refuse/jobs", "x");
  assert.equal(answer.status, 502);
  assert.equal((await answer.json()).type, "/errors/handler-rejected");
});

test("the same key is the same job", async () => {
  const headers = { "Idempotency-Key": randomUUID() };
  const [one, two] = [await post("/", "x", headers), await post("/", "x", headers)];
  assert.equal(one.headers.get("bide-job-id"), two.headers.get("bide-job-id"));
  assert.equal(two.headers.get("bide-replayed"), "true");
  assert.equal((await post("/", "y", headers)).status, 422);
});

test("an aborted fetch cancels the job when asked", async () => {
  const page = "/jobs/" + randomUUID();
  const controller = new AbortController();
  const waiting = fetch(url + page + "?queue=sleep", {
    method: "PUT", body: "60000", headers: { "Bide-On-Disconnect": "cancel" },
    signal: controller.signal,
  });
  const state = async () => (await (await fetch(url + page)).json()).state;
  assert.ok(await eventually(async () => (await state()) === "running"));
  controller.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  assert.ok(await eventually(async () => (await state()) === "cancelled"));
});

test("events as they come", async () => {
  const answer = await post("/queues/steps/jobs", "x", { Accept: "text/event-stream" });
  const names = [];
  for await (const line of lines(answer)) if (line.startsWith("event: ")) names.push(line.slice(7));
  assert.equal(names[0], "accepted");
  assert.equal(names.at(-1), "result");
  assert.ok(names.includes("progress"));
});

test("a batch", async () => {
  const items = Array.from({ length: 500 }, (_, i) => JSON.stringify({ body: "item " + i, ref: i }));
  const answer = await post("/batches", items.join("\n"), { "Content-Type": "application/x-ndjson" });
  const all = [];
  for await (const line of lines(answer)) all.push(JSON.parse(line));
  assert.equal(all.at(-1).summary.succeeded, 500);
  for (const item of all.slice(1, -1)) assert.equal(item.body, "item " + item.ref);
});
