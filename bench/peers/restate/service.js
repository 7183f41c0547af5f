// node service.js PORT
const restate = require("@restatedev/restate-sdk");

const jobs = restate.service({
    name: "jobs",
    handlers: {
        echo: async (context, body) => body,
        hold: async (context, milliseconds) => {
            await new Promise((done) => setTimeout(done, milliseconds));
            return milliseconds;
        },
    },
});
restate.endpoint().bind(jobs).listen(Number(process.argv[2]));
