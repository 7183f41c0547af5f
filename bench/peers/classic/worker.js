// node worker.js REDIS_PORT memory|stored LOOPS now|hold
const Redis = require("ioredis");
const { work } = require("./serve.js");

const [port, mode, loops, when] = process.argv.slice(2);
const stored = mode === "stored";
const hold = when === "hold";
const answers = new Redis(Number(port));

async function run(text) {
    const { id, body } = JSON.parse(text);
    const result = await work(body, hold);
    if (!stored) return answers.publish(`done:${id}`, result);
    return answers.multi().set(`result:${id}`, result, "EX", 3600).lrem("running", 1, text)
        .publish(`done:${id}`, result).exec();
}

async function loop() {
    const jobs = new Redis(Number(port));
    for (;;) {
        const text = stored ? await jobs.blmove("jobs", "running", "RIGHT", "LEFT", 0)
            : (await jobs.brpop("jobs", 0))[1];
        const done = run(text);
        if (!hold) await done;
    }
}

for (let i = 0; i < Number(loops); ++i) loop();
