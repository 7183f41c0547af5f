// node worker.js REDIS_PORT CONCURRENCY now|hold
const { Worker } = require("bullmq");
const { work } = require("./serve.js");

const [port, concurrency, when] = process.argv.slice(2);
const connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };
new Worker("jobs", (job) => work(job.data.body, when === "hold"),
    { connection, concurrency: Number(concurrency) });
