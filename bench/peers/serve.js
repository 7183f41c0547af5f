// The HTTP side that the Node peers share: each POST becomes one call of `run(body)`, which promises
// the result. The body is what JSON text was posted. A GET tells `counts`.
const http = require("http");

exports.serve = (run, counts) => {
    const server = http.createServer((request, response) => {
        if (request.method === "GET") return response.end(JSON.stringify(counts));
        let body = "";
        request.setEncoding("utf8");
        request.on("data", (piece) => { body += piece; });
        request.on("end", () => {
            run(body).then(
                (result) => response.writeHead(200, { "Content-Type": "application/json" }).end(result),
                (error) => response.writeHead(500).end(String(error)));
        });
    });
    server.requestTimeout = 0;
    server.keepAliveTimeout = 600000;
    server.listen(0, "127.0.0.1", 4096, () =>
        console.log(`listening on http://127.0.0.1:${server.address().port}`));
};

// A job's work: at once, or, when asked to hold, after as many milliseconds as it says.
exports.work = async (body, hold) => {
    if (hold) await new Promise((done) => setTimeout(done, Number(body)));
    return body;
};
