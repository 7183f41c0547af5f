#!/usr/bin/env python3
"""Usage: dashboard_test.py BIDE

Clicks through the dashboard of a real server in a real browser (Debian's chromium), and looks at the
server to see whether it did what the buttons say. Exit status 77: there is no browser.
"""
import contextlib, json, re, shutil, subprocess, sys, tempfile, time, urllib.error, urllib.request

from server import Site

PATIENCE_s = 60

QUEUES = """
[server]
default_queue = "echo"
[queues.echo]
native = "echo"
[queues.sleep]
native = "sleep"
concurrency = 1
[queues.fail]
exec = ["sh", "-c", "echo '<img src=x onerror=\\"document.title=666\\">' >&2; exit 1"]
attempts = 1
"""

HOSTILE = "<script>document.title='666'</script>"


def call(method, url, body=None, headers={}):
    """Status and body of a request; redirects are not of interest here."""
    data = body.encode() if body is not None else None
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_s) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Browser:
    """Speaks WebDriver with a chromedriver of its own."""

    def __init__(self, driver, chromium):
        self.profile = tempfile.mkdtemp(prefix="bide-browser-")
        self.driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
        port = None
        while port is None:
            line = self.driver.stdout.readline()
            if not line:
                raise AssertionError("chromedriver does not start")
            port = re.search(r"started successfully on port (\d+)", line)
        self.base = f"http://127.0.0.1:{port.group(1)}/session"
        options = {"binary": chromium, "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--window-size=1200,1000", f"--user-data-dir={self.profile}"]}
        made = self.send("POST", "", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.base += "/" + made["sessionId"]

    def send(self, method, path, body=None):
        status, text = call(method, self.base + path, None if body is None else json.dumps(body),
                            {"Content-Type": "application/json"})
        if status != 200:
            raise AssertionError(f"{path}: {text}")
        return json.loads(text)["value"]

    def open(self, url):
        self.send("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.send("POST", "/element", {"using": "css selector", "value": selector})

    def click(self, selector):
        """As a user would: it must be in sight and nothing over it."""
        self.send("POST", f"/element/{next(iter(self.find(selector).values()))}/click", {})

    def type(self, selector, text):
        self.send("POST", f"/element/{next(iter(self.find(selector).values()))}/value", {"text": text})

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]);"
                        "return e && e.checkVisibility() ? e.innerText : null", selector)

    def shows(self, selector, pattern):
        """Waits until the element is in sight with a text that fits."""
        eventually(lambda: re.search(pattern, self.text(selector) or ""),
                   lambda: f"{selector} shows {self.text(selector)!r}, not {pattern!r}")

    def console(self):
        return [entry["message"] for entry in self.send("POST", "/se/log", {"type": "browser"})]

    def close(self):
        with contextlib.suppress(AssertionError, OSError):
            self.send("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


def eventually(holds, tell):
    end = time.monotonic() + PATIENCE_s
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(tell())
        time.sleep(0.05)


class Dashboard:
    def __init__(self, site, browser):
        self.site, self.browser = site, browser
        self.headers = {"Authorization": "Bearer " + site.keys["all"]}

    def ask(self, method, path, body=None, **headers):
        return call(method, self.site.url + path, body, {**self.headers, **headers})

    def document(self, path):
        status, text = self.ask("GET", path)
        assert status == 200, text
        return json.loads(text)

    def submit(self, queue, body):
        status, text = self.ask("POST", f"/queues/{queue}/jobs", body,
                                Prefer="respond-async", **{"Content-Type": "text/plain"})
        assert status == 202, text
        return json.loads(text)["id"]

    def comes_to(self, job, state):
        eventually(lambda: self.document(f"/jobs/{job}")["state"] == state,
                   lambda: f"the job is not {state}: {self.document(f'/jobs/{job}')}")

    def confirm(self, question):
        self.browser.shows("#ask-text", question)
        self.browser.click("#ask-yes")

    def asks_for_a_key(self):
        self.browser.open(self.site.url + "/ui/")
        self.browser.shows("#key-head", "API key")
        self.browser.type("#key-text", "bide_wrong\n")
        self.browser.shows("#problem", "the API key is not known")
        self.browser.click("#key")
        self.browser.run("document.getElementById('key-text').value = ''")
        self.browser.type("#key-text", self.site.keys["all"] + "\n")
        self.browser.shows("#queues tr[data-id=echo]", "^echo\tyes")
        assert self.site.keys["all"] not in self.browser.run("return localStorage.length + location.href")

    def pauses_and_resumes(self):
        row = "#queues tr[data-id=echo]"
        self.browser.click(row + " button")
        self.browser.shows("#ask-text", "Pause the queue echo")
        self.browser.click("#ask-no")
        assert not self.document("/queues/echo")["paused"]
        self.browser.click(row + " button")
        self.confirm("Pause the queue echo")
        self.browser.shows(row, "paused")
        assert self.document("/queues/echo")["paused"]
        job = self.submit("echo", HOSTILE)
        self.browser.click(row + " a")
        self.browser.shows("#jobs tbody", job + "\tready")
        self.browser.click(row + " button")
        self.confirm("start jobs again")
        self.browser.shows(row, "yes")
        assert not self.document("/queues/echo")["paused"]
        self.comes_to(job, "succeeded")
        return job

    def shows_a_result(self, job):
        self.browser.open(f"{self.site.url}/ui/#queue=echo&state=succeeded&job={job}")
        self.browser.shows("#job", "State\nsucceeded")
        self.browser.click("#job-result")
        self.browser.shows("#job-text", re.escape(HOSTILE))
        assert self.browser.run("return document.getElementById('job-link').href").endswith(
            f"/jobs/{job}/result")

    def redrives(self):
        job = self.submit("fail", "x")
        self.comes_to(job, "failed")
        self.browser.open(f"{self.site.url}/ui/#queue=fail&state=failed&job={job}")
        self.browser.shows("#job", "onerror")
        self.browser.click("#job-result")
        self.browser.shows("#job-text", "The handler failed")
        failed = lambda: self.document("/queues/fail")["since_start"]["failed"]
        before = failed()
        self.browser.click("#job-redrive")
        self.confirm("again")
        eventually(lambda: failed() == before + 1, lambda: "the job does not run again")
        self.browser.shows("#job", "State\nfailed")
        self.browser.click("#queues tr[data-id=fail] button:last-child")
        self.confirm("failed jobs of the queue fail")
        self.browser.shows("#told", "^1 redriven$")
        eventually(lambda: failed() == before + 2, lambda: "the queue is not redriven")

    def cancels(self):
        running = self.submit("sleep", "600000")
        self.comes_to(running, "running")
        self.browser.open(f"{self.site.url}/ui/#queue=sleep&job={running}")
        self.browser.shows("#job", "State\nrunning")
        self.browser.click("#job-cancel")
        self.confirm("Cancel the job")
        self.browser.shows("#job", "State\ncancelled")
        self.comes_to(running, "cancelled")
        assert not self.browser.run("return document.getElementById('job-redrive').disabled === false")

    def tells_refusals(self):
        self.browser.run("sessionStorage.setItem('bide-key', arguments[0])", self.site.keys["read"])
        self.browser.open(self.site.url + "/ui/?again#queue=echo")
        self.browser.shows("#jobs-note", "no scope")
        self.browser.click("#queues tr[data-id=echo] button")
        self.confirm("Pause")
        self.browser.shows("#problem", "no scope for this page.*What to do")
        assert not self.document("/queues/echo")["paused"]

    def works_by_keyboard(self):
        self.browser.run("document.querySelector('#queues tr[data-id=echo] button').focus()")
        self.browser.run("window.kept = document.activeElement")
        seen = self.browser.text("#state")
        self.browser.shows("#state", f"^(?!{re.escape(seen)}$)as of")
        assert self.browser.run("return document.activeElement === window.kept"), "a refresh took the focus"
        nameless = self.browser.run(
            "return [...document.querySelectorAll('button, a, select, input')].filter(e => "
            "e.checkVisibility() && !(e.getAttribute('aria-label') || e.innerText || "
            "(e.labels && e.labels.length))).map(e => e.outerHTML)")
        assert nameless == [], nameless

    def stays_clean(self):
        assert self.browser.run("return document.title") == "bide", "something from the server ran"
        bad = [line for line in self.browser.console() if "Failed to load resource" not in line]
        assert bad == [], bad


def main():
    driver = shutil.which("chromedriver")
    chromium = shutil.which("chromium")
    if not driver or not chromium:
        print("skipped: needs chromium and chromium-driver")
        return 77
    with Site(sys.argv[1], QUEUES) as site:
        browser = Browser(driver, chromium)
        try:
            dashboard = Dashboard(site, browser)
            dashboard.asks_for_a_key()
            job = dashboard.pauses_and_resumes()
            dashboard.shows_a_result(job)
            dashboard.redrives()
            dashboard.cancels()
            dashboard.tells_refusals()
            dashboard.works_by_keyboard()
            dashboard.stays_clean()
        except AssertionError:
            with contextlib.suppress(AssertionError):
                print(browser.text("body"), browser.console(), sep="\n")
            raise
        finally:
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
