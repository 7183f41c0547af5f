// node front.js NATS_PORT now|hold
const { connect, StringCodec } = require("nats");
const { serve } = require("./serve.js");

const text = StringCodec();
connect({ servers: `127.0.0.1:${process.argv[2]}` }).then((nats) => serve(async (body) => {
    const reply = await nats.request("jobs", text.encode(body), { timeout: 600000 });
    return text.decode(reply.data);
}));
