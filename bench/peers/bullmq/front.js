// node front.js REDIS_PORT CONCURRENCY now|hold
const { Queue, QueueEvents } = require("bullmq");
const { serve } = require("./serve.js");

const connection = { host: "127.0.0.1", port: Number(process.argv[2]), maxRetriesPerRequest: null };
const queue = new Queue("jobs", { connection });
const events = new QueueEvents("jobs", { connection });
events.setMaxListeners(0);
const options = { removeOnComplete: { count: 5000 }, removeOnFail: { count: 5000 } };

events.waitUntilReady().then(() => serve(async (body) => {
    const job = await queue.add("job", { body }, options);
    return job.waitUntilFinished(events);
}));
