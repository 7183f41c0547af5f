"""gunicorn front:app"""
import tasks


def app(environment, start_response):
    size = int(environment.get("CONTENT_LENGTH") or 0)
    body = environment["wsgi.input"].read(size).decode()
    result = tasks.job.delay(body).get(timeout=600).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(result)))])
    return [result]
