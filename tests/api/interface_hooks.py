"""What interface_test.py adds to schemathesis: the document as it holds for that server, and two checks."""
import copy, json, os

import schemathesis

# Every connection and every answer may have these.
GENERAL = {
    "connection", "content-length", "content-type", "date", "keep-alive", "transfer-encoding", "allow"}

# What the server under test may answer with 5xx, and why that is no fault of it.
FAILURES = {
    (502, "/errors/handler-failed"),  # the queue `fail`
    (503, "/errors/overloaded"),  # a deadline that the backlog does not allow
    (504, "/errors/wait-over"),  # a delay, a pause
    (504, "/errors/job-expired"),
}

document = None


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    items = value if isinstance(value, list) else [value]  # */* comes here, too
    return "".join(json.dumps(item) + "\n" for item in items).encode()


# Any text is a value of these headers, so that by chance hardly one would mean something.
MEANINGFUL = {
    "Prefer": ["respond-async", "wait=0", "wait=1", "respond-async, wait=1", "wait=0, at-limit=redirect",
               "at-limit=timeout, wait=0", "handling=strict"],
    "Accept": ["*/*", "text/event-stream", "application/json"],
    "Range": ["bytes=0-0", "bytes=1-", "bytes=-1", "bytes=900-", "lines=1-2", "bytes=0-0,2-3"],
    "Last-Event-ID": ["done", "1-1"],
    "Bide-Tenant": ["acme"],
}


@schemathesis.hook
def map_headers(context, headers):
    chosen = dict(headers or {})
    for name, values in MEANINGFUL.items():
        if name in chosen:
            chosen[name] = values[len(str(chosen[name])) % len(values)]
    # A deadline before the delay is over is refused, which the document says in words only.
    if "Bide-Deadline" in chosen:
        chosen.pop("Bide-Delay", None)
    return chosen


@schemathesis.hook
def before_call(context, case, kwargs):
    """Ids are also taken from what a job answered, which the queue `echo` lets anybody write. And
    what one tenant made another would not find."""
    if case.path_parameters.get("id", "") in (None, "null"):
        case.path_parameters["id"] = "00000000-0000-4000-8000-000000000000"
    if case.method == "GET" or case.path.endswith("/redrive"):
        case.headers.pop("Bide-Tenant", None)  # who says none sees the jobs of all


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Handlers of this server choose no statuses, so that every status must be named. And a queue is
    one of those that are there."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict):
                for status in ("2XX", "3XX", "4XX", "5XX"):
                    operation.get("responses", {}).pop(status, None)
    names = os.environ["BIDE_QUEUES"].split()
    for parameter in ("Queue", "QueueInQuery"):
        raw_schema["components"]["parameters"][parameter]["schema"] = {"type": "string", "enum": names}
    upload = raw_schema["paths"]["/batches"]["post"]["requestBody"]["content"]["application/x-ndjson"]
    upload.pop("example")
    upload["schema"] = {
        "type": "array", "maxItems": 20, "items": {"$ref": "#/components/schemas/BatchItem"}}
    # The stream of a batch goes on until its last item is done.
    raw_schema["components"]["schemas"]["BatchItem"]["properties"]["delay"]["maximum"] = 0.1
    global document
    document = copy.deepcopy(raw_schema)


def see(node):
    while "$ref" in node:
        found = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


@schemathesis.check
def headers_are_documented(context, response, case):
    # Of methods that the document does not name the checks of schemathesis know enough.
    responses = document["paths"][case.operation.path].get(response.request.method.lower(), {})
    answer = responses.get("responses", {}).get(str(response.status_code))
    if answer is None:
        return
    known = {name.lower() for name in see(answer).get("headers", {})} | GENERAL
    unknown = [name for name in response.headers if name.lower() not in known]
    assert not unknown, f"undocumented headers: {', '.join(unknown)}"


@schemathesis.check
def failures_are_meant(context, response, case):
    if response.status_code < 400:
        return
    kind = (response.headers.get("content-type") or [""])[0]
    if response.status_code in (401, 404, 405) and response.request.method in ("HEAD", "OPTIONS"):
        return
    assert kind == "application/problem+json", f"{response.status_code} with {kind}"
    said = json.loads(response.content)
    assert said["status"] == response.status_code, said
    source = (response.headers.get("bide-error-source") or [""])[0]
    assert source in ("bide", "handler"), source
    if response.status_code >= 500:
        assert (response.status_code, said["type"]) in FAILURES, said
