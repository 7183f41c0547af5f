"""celery -A tasks worker"""
import os
import time

import celery

app = celery.Celery("tasks", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
app.conf.update(
    task_serializer="json", worker_prefetch_multiplier=4, broker_connection_retry_on_startup=True,
    broker_pool_limit=64, result_expires=3600)


@app.task
def job(body):
    if os.environ["BENCH_HOLD"]:
        time.sleep(int(body) / 1000)
    return body
