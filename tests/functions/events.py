"""What each HTTP entry of AWS makes of a request for the function behind it, and what it takes as an answer.

The forms are those of AWS's documentation and of its published samples. What is known of AWS only from
hearsay has "unverified" beside it.
"""
import base64
import collections
import json
import time
import urllib.parse
import uuid

import prelude

ACCOUNT, API_ID = "012345678901", "abcdef1234"
HOST = f"{API_ID}.execute-api.us-east-1.amazonaws.com"
# Fields that API Gateway keeps for itself: an answer's come as x-amzn-Remapped-NAME. (unverified: the list)
REMAPPED = {"connection", "content-length", "date", "server", "www-authenticate", "transfer-encoding"}
# What stays text in an event whose entry looks at the type.
TEXTS = ("application/json", "application/javascript", "application/xml")


class Bad(Exception):
    """The function's answer is not what the entry takes."""


Request = collections.namedtuple("Request", "method target fields body source")
Answer = collections.namedtuple("Answer", "status fields body")


def one_of(fields):
    """The last value of each, by names as they came first."""
    names, values = {}, {}
    for name, value in fields:
        values[names.setdefault(name.lower(), name)] = value
    return values


def all_of(fields):
    names, values = {}, collections.defaultdict(list)
    for name, value in fields:
        values[names.setdefault(name.lower(), name)].append(value)
    return dict(values)


def forwarded(request):
    """The fields with those that an entry adds, without those that end at it."""
    gone = {"connection", "transfer-encoding", "expect", "keep-alive", "te", "upgrade", "proxy-connection"}
    return [(name, value) for name, value in request.fields if name.lower() not in gone] + [
        ("X-Forwarded-For", request.source), ("X-Forwarded-Port", "443"), ("X-Forwarded-Proto", "https"),
        ("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}")]


def body_of(request, binary):
    """body and isBase64Encoded. Text that is no UTF-8 is damaged, as it is there."""
    if binary:
        return base64.b64encode(request.body).decode(), True
    return request.body.decode("utf-8", "replace"), False


def is_text(request):
    fields = {name.lower(): value for name, value in request.fields}
    kind = fields.get("content-type", "").split(";")[0].strip().lower()
    return "content-encoding" not in fields and (
        kind.startswith("text/") or kind in TEXTS or kind.endswith(("+json", "+xml")))


def rest_api(request, stage, prefix):
    """Payload 1.0, of a REST API with binary media types */* and a proxy resource. `prefix`: /STAGE, which
    is in the URL and not in `path`, or nothing behind a domain of one's own."""
    path, _, query = request.target.partition("?")
    inside = path[len(prefix):] or "/"
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    fields = forwarded(request)
    body, encoded = body_of(request, True) if request.body else (None, False)
    proxy = inside.lstrip("/")
    return {
        "resource": "/{proxy+}" if proxy else "/", "path": inside, "httpMethod": request.method,
        "headers": one_of(fields), "multiValueHeaders": all_of(fields),
        "queryStringParameters": one_of(pairs) if pairs else None,
        "multiValueQueryStringParameters": all_of(pairs) if pairs else None,
        "pathParameters": {"proxy": urllib.parse.unquote(proxy)} if proxy else None, "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT, "apiId": API_ID, "domainName": HOST, "domainPrefix": API_ID,
            "extendedRequestId": "TWegAcC4EowCHnA=", "httpMethod": request.method, "path": path,
            "protocol": "HTTP/1.1", "requestId": str(uuid.uuid4()), "requestTime": "30/Nov/2026:00:00:00 +0000",
            "requestTimeEpoch": int(time.time() * 1000), "resourceId": "roq9wj",
            "resourcePath": "/{proxy+}" if proxy else "/", "stage": stage,
            "identity": {"sourceIp": request.source, "userAgent": one_of(fields).get("User-Agent"), "apiKey": None,
                         "accountId": None, "user": None, "userArn": None, "caller": None}},
        "body": body, "isBase64Encoded": encoded}


def version_2(request, stage):
    """Payload 2.0, of HTTP APIs and function URLs: cookies are apart, fields of one name are joined."""
    path, _, query = request.target.partition("?")
    joined = {name.lower(): ",".join(values) for name, values in all_of(
        pair for pair in forwarded(request) if pair[0].lower() != "cookie").items()}
    cookies = [cookie.strip() for name, value in request.fields if name.lower() == "cookie"
               for cookie in value.split(";")]
    pairs = all_of(urllib.parse.parse_qsl(query, keep_blank_values=True))
    event = {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": joined,
        "requestContext": {
            "accountId": "anonymous" if stage is None else ACCOUNT, "apiId": API_ID, "domainName": HOST,
            "domainPrefix": API_ID,
            "http": {"method": request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": request.source,
                     "userAgent": joined.get("user-agent", "")},
            "requestId": str(uuid.uuid4()), "routeKey": "$default", "stage": stage or "$default",
            "time": "30/Nov/2026:00:00:00 +0000", "timeEpoch": int(time.time() * 1000)}}
    if cookies:
        event["cookies"] = cookies
    if pairs:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in pairs.items()}
    if request.body:
        event["body"], event["isBase64Encoded"] = body_of(request, not is_text(request))
    else:
        event["isBase64Encoded"] = False
    return event


def load_balancer(request, several):
    """`several`: the target group has multi value headers on. The query stays encoded."""
    path, _, query = request.target.partition("?")
    fields = [(name.lower(), value) for name, value in forwarded(request)]
    pairs = [tuple((pair + "=").split("=")[:2]) for pair in query.split("&") if pair]
    body, encoded = body_of(request, bool(request.body) and not is_text(request))
    return {
        "requestContext": {"elb": {"targetGroupArn":
                                   f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/bide/abcdefg"}},
        "httpMethod": request.method, "path": path,
        **({"multiValueQueryStringParameters": all_of(pairs), "multiValueHeaders": all_of(fields)} if several else
           {"queryStringParameters": one_of(pairs), "headers": one_of(fields)}),
        "body": body, "isBase64Encoded": encoded}


# Answers.


def as_object(payload):
    try:
        said = json.loads(payload)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Bad(f"the answer is no JSON object: {payload[:200]!r}")
    return said


def decoded(said, kind=str):
    """The body of a buffered answer, and its status."""
    status, body = said.get("statusCode"), said.get("body", "") or ""
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise Bad(f"statusCode is {status!r}")
    if not isinstance(body, kind):
        raise Bad(f"the body is a {type(body).__name__}")
    if not said.get("isBase64Encoded"):
        return status, body.encode()
    try:
        return status, base64.b64decode(body, validate=True)
    except ValueError:
        raise Bad("the body is not base64") from None


def checked(fields):
    """Field values must be texts; numbers and truth values are taken as such."""
    for name, value in fields:
        if not isinstance(value, (str, int, float, bool)):
            raise Bad(f"the field {name} is {value!r}")
        yield name, str(value)


def remapped(fields):
    return [(f"x-amzn-Remapped-{name}" if name.lower() in REMAPPED else name, value) for name, value in fields]


def from_rest_api(payload):
    said = as_object(payload)
    known = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
    if set(said) - known:
        raise Bad(f"API Gateway takes nothing but {sorted(known)}: {sorted(said)}")
    status, body = decoded(said)
    return Answer(status, remapped(checked(prelude.fields(
        {"headers": said.get("headers") or {}, "multiValueHeaders": said.get("multiValueHeaders") or {}}))), body)


def from_version_2(payload):
    """An HTTP API or a function URL. Without statusCode the whole is the body, with status 200."""
    try:
        said = json.loads(payload)
    except ValueError:
        said = payload.decode("utf-8", "replace")
    if not isinstance(said, dict) or "statusCode" not in said:
        return Answer(200, [("Content-Type", "application/json")], json.dumps(said).encode())
    status, body = decoded(said)
    if said.get("multiValueHeaders"):
        raise Bad("payload 2.0 knows no multiValueHeaders")
    return Answer(status, remapped(checked(prelude.fields(
        {"headers": said.get("headers") or {}, "cookies": said.get("cookies") or []}))), body)


def from_load_balancer(payload, several):
    said = as_object(payload)
    status, body = decoded(said)
    if not str(said.get("statusDescription", f"{status} ")).startswith(f"{status} "):
        raise Bad(f"statusDescription is {said['statusDescription']!r}")
    if several:
        # Those of the other name are passed over.
        fields = prelude.fields({"multiValueHeaders": said.get("multiValueHeaders") or {}})
    else:
        fields = prelude.fields({"headers": said.get("headers") or {}})
    return Answer(status, list(checked(fields)), body)
