"""Counts words: a function as it would be deployed behind an SQS queue."""
from collections import Counter


def handler(event, context):
    record = event["Records"][0]
    words = Counter(record["body"].lower().split())
    print(f"{record['messageId']}: {words.total()} words")  # the log
    return {"words": words.total(), "most_common": words.most_common(3)}
