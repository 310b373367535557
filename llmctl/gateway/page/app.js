// The page: what comes from the gateway, drawn at most once a frame.

import { Chart, sparkline } from "./charts.js";
import { copyable, el, replace, setText } from "./dom.js";
import { clock, count, duration, money, percent, quantile } from "./format.js";
import { ask, follow, storedKey, storeKey } from "./live.js";
import { State } from "./state.js";
import { inflightTable, recentTable, sumsTable, targetOrder, targetsTable } from "./tables.js";

const at = (id) => document.getElementById(id);
const FEW = 50;
const RANGES = { hour: [60, 1, "last hour"], day: [96, 15, "last 24 hours"] };

const state = new State();
const view = { range: "hour", all: false, search: "", onlyFailed: false };

// Cards

const CARDS = [
  ["In flight", (s) => count(s.in_flight), () => (state.workers > 1 ? `${state.workers} workers` : "now"), null],
  ["Requests / min", (s) => count(s.summary.requests_per_minute), (s) => `${count(s.totals.requests)} since start`, (b) => b.requests],
  ["Tokens / min", (s) => count(s.summary.tokens_per_minute), (s) => `${count(s.totals.prompt_tokens + s.totals.completion_tokens)} since start`, (b) => b.prompt_tokens + b.completion_tokens],
  ["Spend today", (s) => money(s.summary.spend_today), (s) => `since ${clock(s.summary.counted_since, false)}`, (b) => b.cost],
  ["Error rate", (s) => percent(s.summary.error_rate), () => "last hour", (b) => (b.requests ? b.errors / b.requests : 0)],
  ["First token, p50", (s) => duration(s.summary.first_token_p50_ms), (s) => `p95 ${duration(s.summary.first_token_p95_ms)}, last hour`, (b) => quantile(b.first, 0.5)],
].map(([title, value, note, trend]) => {
  const [shown, below, line] = [el("span", { class: "value num" }), el("span", { class: "note muted num" }), el("span", { class: "trend" })];
  at("cards").append(el("div", { class: "panel card" }, el("span", { class: "title" }, title), shown, below, line));
  return { title, value, note, trend, shown, below, line };
});

const running = []; // in flight, every two seconds for as long as the page is open

function drawCards() {
  const trend = state.buckets(31, 1).slice(0, 30); // the minute that runs would always look like a fall
  for (const card of CARDS) {
    setText(card.shown, card.value(state));
    setText(card.below, card.note(state));
    replace(card.line, sparkline(card.trend ? trend.map(card.trend) : running));
    if (card.title === "Error rate") card.shown.classList.toggle("bad", state.summary.error_rate >= 0.05);
  }
}

// Charts

const total = (name) => (buckets) => buckets.reduce((sum, bucket) => sum + bucket[name], 0);
const CHARTS = [
  new Chart({
    title: "Requests",
    kind: "bars",
    format: count,
    least: 2,
    series: [
      { name: "ok", tone: "blue", value: (b) => b.requests - b.errors },
      { name: "failed", tone: "red", value: (b) => b.errors },
    ],
    sum: (buckets) => `${count(total("requests")(buckets))}`,
  }),
  new Chart({
    title: "Tokens",
    kind: "bars",
    format: count,
    least: 2,
    series: [
      { name: "in", tone: "blue", value: (b) => b.prompt_tokens },
      { name: "out", tone: "teal", value: (b) => b.completion_tokens },
    ],
    sum: (buckets) => count(total("prompt_tokens")(buckets) + total("completion_tokens")(buckets)),
  }),
  new Chart({
    title: "Spend",
    kind: "bars",
    format: money,
    series: [{ name: "spend", tone: "violet", value: (b) => b.cost }],
    sum: (buckets) => money(total("cost")(buckets)),
  }),
  new Chart({
    title: "First token",
    kind: "lines",
    format: duration,
    least: 1,
    blank: 1000,
    series: [
      { name: "p95", tone: "amber", value: (b) => quantile(b.first, 0.95) },
      { name: "p50", tone: "blue", value: (b) => quantile(b.first, 0.5) },
    ],
    sum: (buckets) => `p50 ${duration(quantile(buckets.flatMap((b) => b.first), 0.5))}`,
  }),
];
at("charts").append(...CHARTS.map((chart) => chart.node));

function drawCharts() {
  const [spans, minutes, label] = RANGES[view.range];
  const buckets = state.buckets(spans, minutes);
  for (const chart of CHARTS) chart.draw(buckets, label);
}

for (const button of document.querySelectorAll("[data-range]")) {
  button.addEventListener("click", () => {
    view.range = button.dataset.range;
    for (const each of document.querySelectorAll("[data-range]")) each.setAttribute("aria-pressed", String(each === button));
    drawCharts();
  });
}

// Tables

async function cancel(id) {
  cancel.going.add(id);
  draw();
  try {
    const reply = await ask(`api/cancel/${encodeURIComponent(id)}`, { method: "POST" });
    toast(reply.ok ? "The request was cancelled." : ((await reply.json()).error?.message ?? `Refused (${reply.status})`));
  } catch {
    toast("The gateway can't be reached.");
  }
  cancel.going.delete(id);
  draw();
}
cancel.going = new Set();

function firstSteps() {
  const model = state.targets[0]?.target ?? "demo/demo";
  const key = storedKey() ? " \\\n  -H 'Authorization: Bearer YOUR-KEY'" : "";
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Say hello" }] });
  const base = new URL(".", location.href).href;
  const line = `curl ${base}v1/chat/completions${key} \\\n  -H 'Content-Type: application/json' \\\n  -d '${body.replaceAll("'", "'\\''")}'`;
  return el("div", { class: "empty" }, el("p", {}, "No requests yet. Point any OpenAI program at ", el("code", {}, `${base}v1`), ", or try:"), copyable(line));
}

const TABLES = {
  inflight: inflightTable(at("inflight"), cancel),
  recent: recentTable(at("recent"), () => (state.recent.length ? el("p", { class: "empty" }, "No request matches.") : firstSteps())),
  targets: targetsTable(at("targets"), () => state.now),
  models: sumsTable(at("models"), "target", "Models", ""),
  callers: sumsTable(at("callers"), "caller", "Callers", "without a key"),
};

function elapsed(entry) {
  return duration(Math.max(0, (state.now - entry.started) * 1000));
}

function drawInflight() {
  const rows = [...state.inflight.values()].sort((a, b) => a.started - b.started);
  TABLES.inflight.draw(rows.map((entry) => ({ ...entry, elapsed: elapsed(entry) })));
  const more = state.in_flight > rows.length ? ` · the ${rows.length} oldest` : "";
  setText(at("inflight-count"), state.in_flight ? `${count(state.in_flight)}${more}` : "");
}

function matches(entry) {
  if (view.onlyFailed && ["ok", "cancelled", "client_left"].includes(entry.outcome)) return false;
  const targets = entry.attempts.map((each) => `${each.profile}/${each.model} ${each.why} ${each.request_id}`);
  const text = [entry.id, entry.model, entry.caller, entry.route, entry.door, entry.outcome, ...targets].join(" ").toLowerCase();
  return view.search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function drawRecent() {
  const found = state.recent.filter(matches);
  TABLES.recent.shown = TABLES.recent.shown === "empty" ? null : TABLES.recent.shown; // its reason may be another
  TABLES.recent.draw(view.all ? found : found.slice(0, FEW));
  setText(at("recent-count"), state.recent.length ? (found.length < state.recent.length ? `${found.length} of ${state.recent.length}` : `last ${found.length}`) : "");
  at("more").hidden = found.length <= FEW;
  setText(at("more"), view.all ? `Show ${FEW}` : `Show all ${found.length}`);
}

at("more").addEventListener("click", () => {
  view.all = !view.all;
  drawRecent();
});
at("search").addEventListener("input", (event) => {
  view.search = event.target.value.trim();
  drawRecent();
});
at("only-failed").addEventListener("change", (event) => {
  view.onlyFailed = event.target.checked;
  drawRecent();
});

function drawTargets() {
  TABLES.targets.draw([...state.targets].sort(targetOrder));
  const sick = state.targets.filter((row) => row.state !== "ok").length;
  setText(at("targets-count"), state.targets.length ? (sick ? `${sick} of ${state.targets.length} not ok` : `${state.targets.length} ok`) : "");
}

const byRequests = (a, b) => b.requests - a.requests;

// Drawing

let due = false;

function draw() {
  if (due || !state.loaded) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    drawCards();
    drawInflight();
    drawRecent();
    drawTargets();
    TABLES.models.draw([...state.models.values()].sort(byRequests));
    TABLES.callers.draw([...state.callers.values()].sort(byRequests));
    drawHeader();
  });
}

function drawHeader() {
  setText(at("uptime"), `up ${duration((state.now - state.started) * 1000)}`);
  setText(at("version"), `llmctl ${state.version} ·`);
  document.title = state.in_flight ? `(${state.in_flight}) llmctl` : "llmctl";
}

setText(at("address"), location.host);
at("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const next = dark === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("llmctl-theme", next);
  } catch {
    // it holds for this page
  }
});

function toast(text) {
  setText(at("toast"), text);
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => setText(at("toast"), ""), 4000);
}

// The key

function askKey(again, status) {
  const dialog = at("ask");
  if (again) setText(at("ask-why"), status !== 401 ? "This key may not look at the gateway. One made with --admin may." : "The gateway does not take this key. Try another one.");
  at("key").value = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.oncancel = (event) => event.preventDefault(); // without a key there is nothing to see
    at("ask-form").onsubmit = () => {
      storeKey(at("key").value.trim());
      at("forget").hidden = false;
      done();
    };
  });
}

at("forget").hidden = !storedKey();
at("forget").addEventListener("click", () => {
  storeKey("");
  location.reload();
});

// The connection

const LINKS = { live: "live", lost: "disconnected, retrying", key: "key needed", wait: "connecting" };

follow({
  askKey,
  onState(link) {
    at("link").dataset.state = link;
    setText(at("link"), LINKS[link]);
    document.body.classList.toggle("stale", link !== "live");
  },
  onMessage(message) {
    state.apply(message);
    draw();
    if (message.type === "snapshot" || message.minutes) drawCharts();
  },
});

setInterval(() => {
  if (!state.loaded || document.hidden) return;
  if (document.body.classList.contains("stale")) return;
  drawInflight();
  drawHeader();
}, 250);
setInterval(() => {
  if (!state.loaded) return;
  running.push(state.in_flight);
  if (running.length > 60) running.shift();
  draw();
}, 2_000);
setInterval(() => {
  if (!state.loaded || document.hidden) return;
  drawCharts();
  draw();
}, 10_000);
