"""Functions for tests, as a user would write them."""
import base64


def words(event, context):
    record = event["Records"][0]
    return {
        "words": len(record["body"].split()),
        "job": record["messageId"],
        "in_time": context.get_remaining_time_in_millis() > 0,
        "function": context.function_name,
    }


def size(event, context):
    record = event["Records"][0]
    encoding = record["messageAttributes"].get("BodyEncoding", {}).get("stringValue", "text")
    body = record["body"].encode()
    if encoding == "base64":
        body = base64.b64decode(body)
    if encoding == "file":
        with open(record["body"], "rb") as file:
            body = file.read()
    return {"encoding": encoding, "size": len(body)}


def moody(event, context):
    """Fails the record at the first attempt, raises at the second, then is done."""
    record = event["Records"][0]
    attempt = int(record["attributes"]["ApproximateReceiveCount"])
    if attempt == 1:
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    if attempt == 2:
        raise KeyError("not yet")
    return {"batchItemFailures": []}


def hopeless(event, context):
    raise ValueError("never")
