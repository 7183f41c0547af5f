"""A worker for batches and pools alike: does what the body of each job says."""
import json
import os
import sys
import threading

writing = threading.Lock()


def act(job):
    what, _, argument = job["body"].partition(" ")
    answer = {"id": job["id"], "body": str(os.getpid()), "content_type": "text/plain"}
    if what == "wait":
        open(argument).read()  # a FIFO
    if what == "flaky" and job["attempt"] == 1:
        answer = {"id": job["id"], "error": "not this time"}
    if what == "silent" and job["attempt"] == 1:
        return
    if what == "bad":
        answer = {"id": job["id"], "error": "never", "retry": False, "status": 422}
    with writing:
        print(json.dumps(answer), flush=True)


for line in sys.stdin:
    threading.Thread(target=act, args=[json.loads(line)]).start()
