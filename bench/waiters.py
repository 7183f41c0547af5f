"""Many requests that wait at once, from one process: sends them all, says when, counts answers."""
import selectors
import socket
import time

AT_ONCE = 200  # connections on their way, so that no backlog overflows


class Waiters:
    def __init__(self, port, request, answer):
        self.port, self.request, self.answer = port, request, answer
        self.selector = selectors.DefaultSelector()
        self.sent = self.answered = self.failed = 0
        self.why = ""
        self.last = None  # when the last answer came

    def connect(self, count, seconds):
        """Opens all and sends each its request."""
        end = time.monotonic() + seconds
        under_way = opened = 0
        while self.sent + self.failed < count and time.monotonic() < end:
            while under_way < AT_ONCE and opened < count:
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", self.port))
                self.selector.register(client, selectors.EVENT_WRITE)
                under_way += 1
                opened += 1
            before = self.sent + self.failed
            self.step(0.2)
            under_way -= self.sent + self.failed - before
        return self.sent == count

    def step(self, seconds):
        for key, events in self.selector.select(seconds):
            try:
                self.handle(key, events)
            except OSError as failed:
                self.fail(key.fileobj, failed)

    def handle(self, key, events):
        client = key.fileobj
        if events & selectors.EVENT_WRITE:
            if client.send(self.request) != len(self.request):
                raise OSError("a request was not taken whole")
            self.selector.modify(client, selectors.EVENT_READ)
            self.sent += 1
            return
        text = client.recv(4096)
        if text.startswith(self.answer) and not self.is_early(text):
            self.answered += 1
            self.last = time.monotonic()
            self.close(client)
        elif not text.startswith(self.answer):
            self.fail(client, text[:100] or "closed without an answer")

    @staticmethod
    def is_early(text):
        """gearmand's JOB_CREATED, alone, is not the answer yet."""
        return text.startswith(b"\0RES\0\0\0\x08") and b"\0RES" not in text[4:]

    def fail(self, client, why):
        self.failed += 1
        self.why = str(why)
        self.close(client)

    def close(self, client):
        self.selector.unregister(client)
        client.close()

    def wait(self, until, seconds):
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            self.step(0.2)

    def stop(self):
        for key in list(self.selector.get_map().values()):
            self.close(key.fileobj)
        self.selector.close()
