// The dashboard. Everything that comes from the server goes into the page as text, never as markup.
"use strict";

const kRefresh_ms = 2000;
const kShowMax = 64 * 1024; // of a result; more is downloaded
const kBase = new URL("..", location.href); // also behind a proxy that puts a prefix before it

const $ = (id) => document.getElementById(id);
let key = sessionStorage.getItem("bide-key") || "";
let page = ""; // of the job list: its address, or empty for the newest
let at = { queue: "", state: "", job: "" };
let shown = {}; // the job on the page
let keyAsked = false;

class Problem extends Error {
    constructor(status, document) {
        super(document.title || `The server answered ${status}`);
        this.status = status;
        this.detail = document.detail || "";
        this.type = document.type || "";
        this.retry = document.retry || "";
    }
}

// --- the server ---------------------------------------------------------------------------------

function address(path) {
    return new URL(path.replace(/^\//, ""), kBase);
}

async function ask(method, path, headers = {}) {
    if (key) headers.Authorization = `Bearer ${key}`;
    let answer;
    try {
        answer = await fetch(address(path), { method, headers, cache: "no-store", credentials: "omit" });
    } catch {
        throw new Problem(0, { title: "The server does not answer" });
    }
    if (answer.ok) return answer;
    const type = answer.headers.get("Content-Type") || "";
    let said = {};
    if (type.startsWith("application/problem+json")) said = await answer.json().catch(() => ({}));
    throw new Problem(answer.status, said);
}

const read = async (path) => (await ask("GET", path)).json();

// --- parts of the page --------------------------------------------------------------------------

function show(problem) {
    const [title, detail, link] = $("problem").querySelectorAll("strong, span, a");
    title.textContent = `${problem.message}.`;
    detail.textContent = problem.detail || "";
    link.textContent = "";
    if (/^\/errors\/[a-z-]+$/.test(problem.type || "")) {
        link.href = address(problem.type);
        link.textContent = "What to do";
    }
    $("problem").hidden = false;
}

function setText(node, text) {
    if (node.textContent !== text) node.textContent = text; // so that a selection stays
}

// Rows stay where they are between refreshes, so that the focus does.
function fill(body, items, idOf, make, update) {
    const old = new Map([...body.children].map((row) => [row.dataset.id, row]));
    let before = body.firstElementChild;
    for (const item of items) {
        const id = idOf(item);
        let row = old.get(id);
        old.delete(id);
        if (!row) {
            row = make(item);
            row.dataset.id = id;
        }
        if (row === before) before = row.nextElementSibling;
        else body.insertBefore(row, before);
        update(row, item);
    }
    for (const row of old.values()) row.remove();
}

function cell(tag, text, kind) {
    const node = document.createElement(tag);
    node.textContent = text;
    if (kind) node.className = kind;
    return node;
}

function button(text, action) {
    const node = cell("button", text);
    node.type = "button";
    node.addEventListener("click", action);
    return node;
}

function link(text, to, kind) {
    const node = cell("a", text, kind);
    node.href = `#${new URLSearchParams(to)}`;
    return node;
}

const time = (text) => (text ? new Date(text).toLocaleString() : "");

// Resolves to whether the answer was yes.
function confirmed(question, yes) {
    $("ask-text").textContent = question;
    $("ask-yes").textContent = yes;
    const dialog = $("ask");
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
        dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
}

function askKey() {
    keyAsked = true;
    $("key-text").value = key;
    $("key-ask").showModal();
}

function useKey(text) {
    key = text.trim();
    if (key) sessionStorage.setItem("bide-key", key);
    else sessionStorage.removeItem("bide-key");
    $("key-ask").close();
    $("problem").hidden = true;
    refresh();
}

// A change that the user confirms; then the page shows how things are.
async function change(question, yes, path, method = "POST") {
    if (!(await confirmed(question, yes))) return;
    $("problem").hidden = true;
    setText($("told"), "");
    try {
        const answer = await ask(method, path);
        const document = await answer.json();
        setText(
            $("told"),
            document.redriven === undefined
                ? "Done"
                : `${document.redriven} redriven${document.more ? ", there are more" : ""}`,
        );
    } catch (problem) {
        show(problem);
    }
    await refresh();
}

// --- queues -------------------------------------------------------------------------------------

const kOpen = ["scheduled", "ready", "running"];
const kEnded = ["succeeded", "failed", "cancelled", "expired"];

const queuePath = (queue) => `/queues/${encodeURIComponent(queue)}`;

function makeQueue(queue) {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.append(link(queue.name, { queue: queue.name }));
    row.append(name, cell("td", ""));
    for (const state of [...kOpen, ...kEnded]) {
        const number = cell("td", "", "number");
        number.dataset.state = state;
        row.append(number);
    }
    const actions = document.createElement("td");
    const pause = button("", () => {
        const paused = row.dataset.paused === "true";
        return change(
            paused
                ? `Let the queue ${queue.name} start jobs again?`
                : `Pause the queue ${queue.name}? It accepts jobs and starts none until it is resumed.`,
            paused ? "Resume" : "Pause",
            `${queuePath(queue.name)}/${paused ? "resume" : "pause"}`,
        );
    });
    const redrive = button("Redrive", () =>
        change(
            `Run the failed jobs of the queue ${queue.name} again, up to 1000?`,
            "Redrive",
            `${queuePath(queue.name)}/redrive`,
        ),
    );
    redrive.setAttribute("aria-label", `Redrive failed jobs of ${queue.name}`);
    actions.append(pause, redrive);
    row.append(actions);
    return row;
}

function updateQueue(row, queue) {
    row.dataset.paused = queue.paused;
    if (queue.name === at.queue) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    const starts = row.children[1];
    setText(starts, queue.paused ? "paused" : "yes");
    starts.className = queue.paused ? "paused" : "";
    for (const number of row.querySelectorAll("td.number")) {
        const count = queue.jobs[number.dataset.state] ?? queue.since_start[number.dataset.state] ?? 0;
        setText(number, String(count));
        number.classList.toggle("some", number.dataset.state === "failed" && count > 0);
    }
    const pause = row.querySelector("button");
    setText(pause, queue.paused ? "Resume" : "Pause");
    pause.setAttribute("aria-label", `${pause.textContent} ${queue.name}`);
}

async function refreshQueues() {
    const { queues } = await read("/queues");
    fill($("queues").tBodies[0], queues, (queue) => queue.name, makeQueue, updateQueue);
}

// --- jobs ---------------------------------------------------------------------------------------

function makeJob(job) {
    const row = document.createElement("tr");
    const id = document.createElement("th");
    id.scope = "row";
    id.append(link(job.id, { ...at, job: job.id }, "id"));
    row.append(id, ...Array.from({ length: 5 }, () => cell("td", "")));
    return row;
}

function updateJob(row, job) {
    const cells = row.children;
    cells[0].firstChild.href = `#${new URLSearchParams({ ...at, job: job.id })}`;
    const texts = [job.state, String(job.attempts), job.tenant || "", time(job.created), time(job.finished)];
    texts.forEach((text, i) => setText(cells[i + 1], text));
}

async function refreshJobs() {
    $("jobs-part").hidden = !at.queue;
    if (!at.queue) return;
    setText($("jobs-head"), `Jobs of ${at.queue}`);
    $("jobs-state").value = at.state;
    const first = `${queuePath(at.queue)}/jobs?limit=50${at.state ? `&state=${at.state}` : ""}`;
    let list = { jobs: [] };
    try {
        list = await read(page || first);
        setText($("jobs-note"), list.jobs.length ? "" : "There are none.");
    } catch (problem) {
        if (problem.status === 0) throw problem;
        setText($("jobs-note"), `${problem.message}: ${problem.detail}`);
    }
    fill($("jobs").tBodies[0], list.jobs, (job) => job.id, makeJob, updateJob);
    $("jobs-first").hidden = !page;
    $("jobs-next").hidden = !list.next;
    $("jobs-next").dataset.page = list.next || "";
}

// --- a job --------------------------------------------------------------------------------------

function factsOf(job) {
    const facts = {
        State: job.state,
        Queue: job.queue,
        Attempts: job.attempts_max ? `${job.attempts} of ${job.attempts_max}` : String(job.attempts),
        Tenant: job.tenant,
        Priority: job.priority === undefined ? undefined : String(job.priority),
        Position: job.position === undefined ? undefined : `${job.position} before it`,
        Submitted: time(job.created),
        "Not before": time(job.not_before),
        Started: time(job.started),
        Progress: job.progress === undefined ? undefined : JSON.stringify(job.progress),
        Ended: time(job.finished),
        Result: job.result_bytes === undefined ? undefined : `${job.result_bytes} bytes`,
        "Kept until": time(job.expires),
        Failure: job.failure ? `${job.failure.kind}: ${job.failure.detail}` : undefined,
    };
    return Object.entries(facts).filter(([, text]) => text);
}

async function refreshJob() {
    $("job-part").hidden = !at.job;
    if (!at.job) return;
    setText($("job-head"), `Job ${at.job}`);
    let job = {};
    try {
        job = await read(`/jobs/${encodeURIComponent(at.job)}`);
    } catch (problem) {
        if (problem.status === 0) throw problem;
        job.state = `${problem.message}: ${problem.detail}`;
    }
    if (job.state !== shown.state || job.id !== shown.id) $("job-text").hidden = true;
    shown = job;
    const facts = factsOf(job);
    const wanted = facts.flat();
    const list = $("job");
    if (list.children.length !== wanted.length)
        list.replaceChildren(...facts.flatMap(([name, text]) => [cell("dt", name), cell("dd", text)]));
    wanted.forEach((text, i) => setText(list.children[i], text));
    $("job-cancel").disabled = !kOpen.includes(job.state);
    $("job-redrive").disabled = job.state !== "failed";
    $("job-result").disabled = !kEnded.includes(job.state);
    if (job.links) $("job-link").href = address(job.links.result);
    $("job-link").hidden = !job.links;
}

function download(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name; // only ever saved: opened, it would be a page of this server
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// The link alone cannot send the key.
async function showResult() {
    const id = at.job;
    let text;
    try {
        const answer = await ask("GET", shown.links.result, { Prefer: "wait=0, at-limit=timeout" });
        const type = answer.headers.get("Content-Type") || "";
        const readable = /^(text\/|application\/([a-z.-]+\+)?json)/.test(type);
        if (!readable || Number(answer.headers.get("Content-Length")) > kShowMax)
            return download(await answer.blob(), id);
        text = await answer.text();
    } catch (problem) {
        if (!problem.type) return show(problem);
        text = `${problem.message} (${problem.status}): ${problem.detail}`;
    }
    if (at.job !== id) return;
    $("job-text").textContent = text;
    $("job-text").hidden = false;
}

// --- all together -------------------------------------------------------------------------------

let timer = 0;
let silent = false; // the server did not answer last time
let turn = 0;

async function refresh() {
    clearTimeout(timer);
    const mine = ++turn;
    try {
        await refreshQueues();
        await refreshJobs();
        await refreshJob();
        setText($("state"), `as of ${new Date().toLocaleTimeString()}`);
        if (silent) setText($("told"), "");
        silent = false;
    } catch (problem) {
        if (problem.status === 0) setText($("told"), problem.message);
        silent = problem.status === 0;
        if (problem.status === 401 && !keyAsked) askKey();
        else if (problem.status !== 0) show(problem);
    }
    if (mine !== turn) return; // another refresh began meanwhile, and goes on
    setText($("key"), key ? "API key (set)" : "API key");
    if (!document.hidden) timer = setTimeout(refresh, kRefresh_ms);
}

function follow() {
    const said = new URLSearchParams(location.hash.slice(1));
    const before = at;
    const part = (name, form) => (form.test(said.get(name) || "") ? said.get(name) : "");
    at = {
        queue: part("queue", /^[\w.-]{1,64}$/),
        state: part("state", /^[a-z]{1,16}$/),
        job: part("job", /^[0-9a-f-]{36}$/i),
    };
    if (at.queue !== before.queue || at.state !== before.state) page = "";
    if (at.job !== before.job) $("job").replaceChildren();
    refresh().then(() => {
        if (at.job && at.job !== before.job) $("job-head").focus();
    });
}

function go(to) {
    location.hash = new URLSearchParams({ ...at, ...to }).toString();
}

$("key").addEventListener("click", askKey);
$("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useKey($("key-text").value);
});
$("key-none").addEventListener("click", () => useKey(""));
$("ask-yes").addEventListener("click", () => $("ask").close("yes"));
$("ask-no").addEventListener("click", () => $("ask").close("no"));
$("problem").querySelector("button").addEventListener("click", () => ($("problem").hidden = true));
$("jobs-state").addEventListener("change", (event) => go({ state: event.target.value, job: "" }));
$("jobs-next").addEventListener("click", (event) => {
    page = event.target.dataset.page;
    refresh();
});
$("jobs-first").addEventListener("click", () => {
    page = "";
    refresh();
});
$("job-cancel").addEventListener("click", () =>
    change(`Cancel the job ${at.job}? A handler that runs is stopped.`, "Cancel job", `/jobs/${at.job}`, "DELETE"),
);
$("job-redrive").addEventListener("click", () =>
    change(`Run the job ${at.job} again?`, "Run again", `/jobs/${at.job}/redrive`),
);
$("job-result").addEventListener("click", showResult);
document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else refresh();
});
addEventListener("hashchange", follow);
follow();
