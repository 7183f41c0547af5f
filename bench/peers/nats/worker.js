// node worker.js NATS_PORT now|hold
const { connect } = require("nats");
const { work } = require("./serve.js");

const [port, when] = process.argv.slice(2);
connect({ servers: `127.0.0.1:${port}` }).then((nats) => nats.subscribe("jobs", {
    queue: "workers",
    callback: (error, message) => {
        if (error) return;
        if (when !== "hold") message.respond(message.data);
        else work(Buffer.from(message.data).toString(), true).then(() => message.respond(message.data));
    },
}));
