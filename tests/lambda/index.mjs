// Functions for tests, as a user would write them.
const bodyOf = (event) => event.Records[0].body;

export const shout = async (event) => ({
  statusCode: 201,
  headers: { "Content-Type": "text/plain" },
  body: bodyOf(event).toUpperCase(),
});

export const stream = awslambda.streamifyResponse(async (event, out) => {
  out = awslambda.HttpResponseStream.from(out, {
    statusCode: 202,
    headers: { "Content-Type": "text/csv" },
  });
  for (let line = 0; line < 3; ++line) out.write(`${line},${bodyOf(event)}\n`);
  out.end();
});

export const brokenStream = awslambda.streamifyResponse(async (event, out) => {
  out.write("half of ");
  throw new RangeError("the rest is missing");
});

export const fail = async () => {
  throw new TypeError("not today");
};
