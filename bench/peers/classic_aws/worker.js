// node worker.js LOOPS
const Redis = require("ioredis");
const aws = require("./calls.js");
const { serve } = require("./serve.js");

const answers = new Redis(process.env.BIDE_REDIS);

async function work(message) {
    const id = message.Body;
    await aws.put(`out/${id}`, await aws.get(`in/${id}`));
    ++aws.counts.publish;
    await answers.publish(`done:${id}`, "");
    await aws.deleteMessage(message.ReceiptHandle);
    ++aws.counts.jobs;
}

async function loop() {
    for (;;) await Promise.all((await aws.receiveMessages()).map(work));
}

for (let i = 0; i < Number(process.argv[2]); ++i) loop();
serve(async () => "", aws.counts);
