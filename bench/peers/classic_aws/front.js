// node front.js: a request is an object, a message, and a subscription on a connection of its own.
const Redis = require("ioredis");
const aws = require("./calls.js");
const { serve } = require("./serve.js");

let count = 0;

async function run(body) {
    const id = `${process.pid}-${++count}`;
    const events = new Redis(process.env.BIDE_REDIS);
    try {
        const done = new Promise((resolve) => events.on("message", resolve));
        await Promise.all([events.subscribe(`done:${id}`), aws.put(`in/${id}`, body)]);
        await aws.sendMessage(id);
        await done;
    } finally {
        events.disconnect();
    }
    const result = await aws.get(`out/${id}`);
    aws.remove(`in/${id}`);
    return result;
}

serve(run, aws.counts);
