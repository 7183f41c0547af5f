"""A worker of a bide pool as one writes it in Python: a line in, a line out."""
import json
import sys

for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps({"id": job["id"], "body": job["body"]}), flush=True)
