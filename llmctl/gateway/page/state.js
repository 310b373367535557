// What the page knows: the last snapshot with all changes since.

const RECENT = 200;

export class State {
  constructor() {
    this.loaded = false;
    this.inflight = new Map();
    this.minutes = new Map();
    this.models = new Map();
    this.callers = new Map();
    this.recent = [];
    this.targets = [];
    this.offset = 0;
  }

  /** Seconds since 1970 by the gateway's clock. */
  get now() {
    return Date.now() / 1000 + this.offset;
  }

  apply(message) {
    this.offset = message.now - Date.now() / 1000;
    if (message.type === "snapshot") {
      this.loaded = true;
      for (const name of ["inflight", "minutes", "models", "callers"]) this[name] = new Map();
      this.recent = [];
      this.targets = [];
      Object.assign(this, { version: message.version, started: message.started, workers: message.workers });
    }
    const keys = { inflight: "id", minutes: "time", models: "target", callers: "caller" };
    for (const [name, key] of Object.entries(keys)) {
      for (const row of message[name] ?? []) this[name].set(row[key], row);
    }
    for (const id of message.gone ?? []) this.inflight.delete(id);
    if (message.recent) {
      this.recent = [...message.recent, ...this.recent].sort((a, b) => b.ended - a.ended).slice(0, RECENT);
    }
    for (const name of ["in_flight", "totals", "targets", "summary"]) {
      if (name in message) this[name] = message[name];
    }
    for (const time of this.minutes.keys()) {
      if (time < message.now - 86400) this.minutes.delete(time);
    }
  }

  /** The last `count` spans of `length` minutes, from old to new: {time, length, requests, …, first: [sketches]}. */
  buckets(count, length) {
    const span = length * 60;
    const last = Math.floor(this.now / span) * span;
    const found = Array.from({ length: count }, (_, i) => ({
      time: last - (count - 1 - i) * span,
      length: span,
      requests: 0,
      errors: 0,
      prompt_tokens: 0,
      completion_tokens: 0,
      cost: 0,
      first: [],
    }));
    for (const minute of this.minutes.values()) {
      const bucket = found[Math.floor((minute.time - found[0].time) / span)];
      if (!bucket) continue;
      for (const name of ["requests", "errors", "prompt_tokens", "completion_tokens", "cost"]) bucket[name] += minute[name];
      bucket.first.push(minute.first_token);
    }
    return found;
  }
}
