// Tables whose rows stay the same elements while their cells change, so that focus and open rows survive.

import { el, replace, setText } from "./dom.js";
import { clock, count, duration, money, NONE, percent } from "./format.js";

const GOOD = new Set(["ok"]);
const NEUTRAL = new Set(["lost", "client_left", "cancelled", ""]);
const WORDS = { client_left: "client left", "": "running" };

export function tone(status) {
  return GOOD.has(status) ? "good" : NEUTRAL.has(status) ? "plain" : "bad";
}

export function badge(status, http, cancelled) {
  const text = cancelled ? "cancelled" : (WORDS[status] ?? status.replaceAll("_", " "));
  return el("span", { class: `badge ${tone(status)}` }, http && http !== 200 ? `${http} ${text}` : text);
}

/** `columns`: [{name, kind, cell(row)}], kind being "num", "mono", "xwide", "wide" and "mid" (hidden where it is too narrow), "grow". */
export class Table {
  constructor(place, { label, columns, key, empty, detail }) {
    Object.assign(this, { place, columns, key, empty, detail, rows: new Map(), open: new Set() });
    const head = columns.map((each) => el("th", { scope: "col", class: each.kind }, each.hidden ? el("span", { class: "sr" }, each.name) : each.name));
    this.body = el("tbody");
    this.table = el("table", {}, el("caption", { class: "sr" }, label), el("thead", {}, el("tr", {}, ...head)), this.body);
  }

  draw(rows) {
    if (!rows.length) {
      if (this.shown !== "empty") replace(this.place, this.empty());
      this.shown = "empty";
      return;
    }
    if (this.shown !== "table") replace(this.place, this.table);
    this.shown = "table";
    const wanted = new Set(rows.map(this.key));
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      row.node.remove();
      row.below?.remove();
      this.rows.delete(id);
      this.open.delete(id);
    }
    let before = null;
    for (const data of rows) before = this.place_row(data, before);
  }

  place_row(data, before) {
    const id = this.key(data);
    let row = this.rows.get(id);
    if (!row) {
      row = { node: el("tr", { "data-id": id, class: this.detail ? "opens" : undefined }), cells: [], marks: [] };
      row.cells = this.columns.map((each) => el(each.header ? "th" : "td", { class: each.kind, scope: each.header ? "row" : undefined }));
      row.node.append(...row.cells);
      this.rows.set(id, row);
      if (this.detail) this.openable(row, id);
    }
    row.data = data;
    this.fill(row, data);
    const wanted = before ? before.nextSibling : this.body.firstChild;
    if (wanted !== row.node) this.body.insertBefore(row.node, wanted);
    if (!row.below) return row.node;
    this.span(row);
    if (row.node.nextSibling !== row.below) this.body.insertBefore(row.below, row.node.nextSibling);
    return row.below;
  }

  /** As many columns as can be seen: hidden ones would make a narrow table wider. */
  span(row) {
    const seen = [...row.node.cells].filter((cell) => getComputedStyle(cell).display !== "none").length;
    if (row.below.cells[0].colSpan !== seen) row.below.cells[0].colSpan = seen;
  }

  fill(row, data) {
    this.columns.forEach((each, i) => {
      const value = each.cell(data, this.open.has(this.key(data)));
      if (typeof value === "string") setText(row.cells[i], value);
      else if (row.marks[i] !== (row.marks[i] = value.dataset?.mark ?? value.outerHTML)) replace(row.cells[i], value);
    });
  }

  openable(row, id) {
    row.node.addEventListener("click", (event) => {
      if (window.getSelection()?.toString() && !event.target.closest("button")) return; // somebody marks text
      if (this.open.has(id)) {
        this.open.delete(id);
        row.below.remove();
        row.below = null;
      } else {
        this.open.add(id);
        row.below = el("tr", { class: "detail" }, el("td", {}, this.detail(row.data)));
        row.node.after(row.below);
        this.span(row);
      }
      const focused = row.node.contains(document.activeElement);
      this.fill(row, row.data);
      if (focused) row.node.querySelector("button")?.focus();
    });
  }
}

const answeredBy = (entry) => {
  const attempt = entry.attempts.find((each) => each.status === "ok") ?? entry.attempts.at(-1);
  return attempt ? `${attempt.profile}/${attempt.model}` : "";
};

/** The model that was asked for, and who answers where that is somebody else. */
function modelCell(entry) {
  const target = answeredBy(entry);
  const asked = entry.model || NONE;
  return el(
    "span",
    { class: "model" },
    el("span", { class: "mono" }, asked),
    target && target !== asked ? el("span", { class: "via muted mono" }, `→ ${target}`) : null,
  );
}

export function inflightTable(place, cancel) {
  return new Table(place, {
    label: "Requests in flight",
    key: (entry) => entry.id,
    columns: [
      { name: "Elapsed", kind: "num elapsed", cell: (entry) => entry.elapsed },
      { name: "Model", kind: "grow", cell: modelCell },
      { name: "Why", kind: "wide muted", cell: (entry) => entry.attempts.at(-1)?.why ?? "no target asked yet" },
      { name: "Tries", kind: "num xwide", cell: (entry) => `${entry.attempts.length}` },
      { name: "First token", kind: "num wide", cell: (entry) => duration(entry.first_token_ms) },
      { name: "Door", kind: "xwide muted", cell: (entry) => (entry.stream ? `${entry.door} · stream` : entry.door) },
      { name: "Caller", kind: "wide", cell: (entry) => entry.caller || NONE },
      { name: "Id", kind: "mono xwide muted", cell: (entry) => entry.id },
      { name: "Cancel", hidden: true, kind: "act", cell: (entry) => cancelButton(entry, cancel) },
    ],
    empty: () => el("p", { class: "empty" }, "Nothing is being answered right now."),
  });
}

function cancelButton(entry, cancel) {
  const going = cancel.going.has(entry.id);
  const button = el("button", { type: "button", class: "danger", disabled: going && "", "data-mark": String(going), "aria-label": `Cancel the request to ${entry.model}` }, going ? "Cancelling" : "Cancel");
  button.addEventListener("click", () => cancel(entry.id));
  return button;
}

const sum = (entry, name) => {
  const known = entry.attempts.map((each) => each[name]).filter((value) => value != null);
  return known.length ? known.reduce((a, b) => a + b, 0) : null;
};

export function recentTable(place, empty) {
  return new Table(place, {
    label: "Recent requests",
    key: (entry) => entry.id,
    columns: [
      { name: "Details", hidden: true, kind: "act", cell: (entry, open) => chevron(open) },
      { name: "Ended", kind: "num mid", cell: (entry) => clock(entry.ended) },
      { name: "Model", kind: "grow", cell: modelCell },
      { name: "Status", kind: "outcome", cell: statusCell },
      { name: "Tries", kind: "num xwide", cell: (entry) => `${entry.attempts.length}` },
      { name: "In", kind: "num wide", cell: (entry) => count(sum(entry, "prompt_tokens")) },
      { name: "Out", kind: "num wide", cell: (entry) => count(sum(entry, "completion_tokens")) },
      { name: "Cost", kind: "num mid", cell: (entry) => money(entry.cost) },
      { name: "First token", kind: "num wide", cell: (entry) => duration(entry.first_token_ms) },
      { name: "Total", kind: "num", cell: (entry) => duration(entry.total_ms) },
      { name: "Caller", kind: "wide", cell: (entry) => entry.caller || NONE },
    ],
    empty,
    detail: detailOf,
  });
}

function chevron(open) {
  const button = el("button", { type: "button", class: "chevron", "aria-expanded": String(open), "aria-label": "Details", "data-mark": String(open) });
  return button;
}

function statusCell(entry) {
  return el("span", { class: "status" }, badge(entry.outcome, entry.status, entry.outcome === "cancelled"), entry.cache === "hit" ? el("span", { class: "badge info" }, "cache") : null);
}

/** Every attempt with its reason, and when it ran within the request. */
function detailOf(entry) {
  const facts = [
    ["Request", entry.id],
    ["Started", clock(entry.started)],
    ["Door", entry.stream ? `${entry.door}, streamed` : entry.door],
    ["Route", entry.route || NONE],
    ["Caller", entry.caller || NONE],
    ["Cache", entry.cache || "off"],
    ["Overhead", duration(entry.overhead_ms)],
  ].map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", { class: "mono" }, value)));
  const total = Math.max(entry.total_ms ?? 0, ...entry.attempts.map((each) => (each.after_ms ?? 0) + (each.total_ms ?? 0)), 1);
  const rows = entry.attempts.map((attempt) => attemptRow(attempt, total));
  const names = [["#", "num"], ["Target", ""], ["Why", ""], ["Status", ""], ["When", "span"], ["First token", "num"], ["Total", "num"], ["In", "num"], ["Out", "num"], ["Cost", "num"], ["Provider's id", "mono"]];
  const head = names.map(([name, kind]) => el("th", { scope: "col", class: kind }, name));
  const attempts = rows.length
    ? el("div", { class: "scroll" }, el("table", { class: "attempts" }, el("caption", { class: "sr" }, "Attempts"), el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)))
    : el("p", { class: "muted" }, entry.cache === "hit" ? "Answered from the cache; no target was asked." : "No target was asked.");
  return el("div", { class: "inside" }, el("dl", {}, ...facts), attempts);
}

function attemptRow(attempt, total) {
  const bar = el("span", { class: `run ${tone(attempt.status)}` });
  const left = Math.min(99, ((attempt.after_ms ?? 0) / total) * 100);
  bar.style.left = `${left}%`;
  bar.style.width = `${Math.max(1, Math.min(100 - left, ((attempt.total_ms ?? 0) / total) * 100))}%`;
  const cells = [
    el("td", { class: "num muted" }, String(attempt.number)),
    el("td", { class: "mono" }, `${attempt.profile}/${attempt.model}`),
    el("td", { class: "why" }, attempt.why),
    el("td", {}, badge(attempt.status, attempt.http_status)),
    el("td", { class: "span" }, el("span", { class: "track", title: `from ${duration(attempt.after_ms ?? 0)} for ${duration(attempt.total_ms)}` }, bar)),
    ...[duration(attempt.first_token_ms), duration(attempt.total_ms), count(attempt.prompt_tokens), count(attempt.completion_tokens), money(attempt.cost)].map((text) => el("td", { class: "num" }, text)),
    el("td", { class: "mono muted" }, attempt.request_id || NONE),
  ];
  return el("tr", {}, ...cells);
}

const STATES = ["ok", "failing", "half-open", "cooling", "open", "dead key"];
const MEANING = { ok: "good", failing: "warn", "half-open": "warn", cooling: "warn", open: "bad", "dead key": "bad" };

/** Those in trouble first, then by requests. */
export function targetOrder(a, b) {
  return STATES.indexOf(b.state) - STATES.indexOf(a.state) || b.requests - a.requests || a.target.localeCompare(b.target);
}

export function targetsTable(place, now) {
  const until = (row) => (row.until && row.until > now() ? `${duration((row.until - now()) * 1000)} left` : "");
  const why = (row) => [row.why, until(row)].filter(Boolean).join(" · ");
  const targetCell = (row) => el("span", { class: "model" }, el("span", { class: "mono" }, row.target), el("span", { class: "narrow muted" }, why(row)));
  return new Table(place, {
    label: "Targets",
    key: (row) => `${row.target} ${row.door}`,
    columns: [
      { name: "State", kind: "outcome", cell: (row) => el("span", { class: `state ${MEANING[row.state] ?? "plain"}` }, row.state) },
      { name: "Target", kind: "grow", header: true, cell: targetCell },
      { name: "Door", kind: "muted mid", cell: (row) => row.door },
      { name: "Why", kind: "why muted mid", cell: (row) => why(row) || NONE },
      { name: "Failures", kind: "num wide", cell: (row) => count(row.failures) },
      { name: "p50", kind: "num mid", cell: (row) => duration(row.p50_ms) },
      { name: "p95", kind: "num mid", cell: (row) => duration(row.p95_ms) },
      { name: "Requests", kind: "num", cell: (row) => count(row.requests) },
    ],
    empty: () => el("p", { class: "empty" }, "No target was asked yet. Profiles are added with ", el("code", {}, "llmctl profile add"), "."),
  });
}

export function sumsTable(place, key, label, nobody) {
  return new Table(place, {
    label,
    key: (row) => row[key],
    columns: [
      { name: key === "caller" ? "Caller" : "Model", kind: "mono grow", header: true, cell: (row) => row[key] || nobody },
      { name: "Requests", kind: "num", cell: (row) => count(row.requests) },
      { name: "Failed", kind: "num mid", cell: (row) => (row.errors ? `${count(row.errors)} · ${percent(row.errors / row.requests)}` : "0") },
      { name: "Tokens", kind: "num", cell: (row) => count(row.prompt_tokens + row.completion_tokens) },
      { name: "Cost", kind: "num", cell: (row) => money(row.cost) },
    ],
    empty: () => el("p", { class: "empty" }, "Nothing yet."),
  });
}
