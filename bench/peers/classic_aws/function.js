// node function.js: the same front as a Lambda function, up to where it asks for its first invocation.
const http = require("node:http");
const Redis = require("ioredis");
const aws = require("./calls.js");

const events = new Redis(process.env.BIDE_REDIS);
events.on("error", () => {});

async function handler(event) {
    const id = event.requestContext.requestId;
    const done = new Promise((resolve) => events.on("message", resolve));
    await Promise.all([events.subscribe(`done:${id}`), aws.put(`in/${id}`, event.body)]);
    await aws.sendMessage(id);
    await done;
    return { statusCode: 200, body: await aws.get(`out/${id}`) };
}

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
http.get(`${api}/next`, async (response) => {
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    const body = JSON.stringify(await handler(JSON.parse(Buffer.concat(chunks))));
    const id = response.headers["lambda-runtime-aws-request-id"];
    http.request(`${api}/${id}/response`, { method: "POST" }).end(body);
});
