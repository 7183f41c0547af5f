// node front.js REDIS_PORT memory|stored LOOPS now|hold
const Redis = require("ioredis");
const { serve } = require("./serve.js");

const port = Number(process.argv[2]);
const commands = new Redis(port);
const events = new Redis(port);
const waiting = new Map();
let count = 0;

events.on("message", (channel, result) => {
    const done = waiting.get(channel);
    if (!done) return;
    waiting.delete(channel);
    events.unsubscribe(channel);
    done(result);
});

serve(async (body) => {
    const id = `${process.pid}-${++count}`;
    const result = new Promise((done) => waiting.set(`done:${id}`, done));
    await events.subscribe(`done:${id}`);
    await commands.lpush("jobs", JSON.stringify({ id, body }));
    return result;
});
