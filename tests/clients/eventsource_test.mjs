// EventSource, as in browsers: it comes again by itself until it is told 204.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventSource } from "eventsource";

const url = process.env.BIDE_URL;

async function accepted(queue, body) {
  const answer = await fetch(`${url}/queues/${queue}/jobs`, {
    method: "POST", body, headers: { Prefer: "respond-async" },
  });
  assert.equal(answer.status, 202);
  return url + answer.headers.get("location");
}

/// All events until the source gives up for good.
function follow(address) {
  return new Promise((resolve) => {
    const source = new EventSource(address);
    const events = [];
    for (const name of ["accepted", "attempt", "retry", "progress", "result", "end"])
      source.addEventListener(name, (event) =>
        events.push({ name, id: event.lastEventId, data: JSON.parse(event.data) }));
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) resolve(events);
    });
  });
}

test("follows a job to its result, once, and stops", async () => {
  const events = await follow((await accepted("steps", "x")) + "/result");
  assert.equal(events[0].name, "accepted");
  assert.equal(events.filter((event) => event.name === "result").length, 1);
  const result = events.find((event) => event.name === "result");
  assert.equal(result.id, "done");
  assert.equal(result.data.body, "x");
  assert.ok(events.some((event) => event.name === "progress"));
});

test("is told of a job that has ended", async () => {
  const page = await accepted("echo", "quick");
  await (await fetch(page + "/result")).text();
  const events = await follow(page + "/result");
  assert.equal(events.at(-1).data.body, "quick");
});

test("is told of a failure", async () => {
  const events = await follow((await accepted("refuse", "x")) + "/result");
  assert.equal(events.at(-1).name, "result");
  assert.equal(events.at(-1).data.state, "failed");
});

test("stops at an unknown job", async () => {
  assert.deepEqual(await follow(`${url}/jobs/00000000-0000-4000-a000-000000000000/result`), []);
});
