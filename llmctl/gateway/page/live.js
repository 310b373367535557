// The connection to the gateway: a stream of snapshots and changes, and the key that it may ask for.
// Read with fetch, because an EventSource can't send an Authorization header.

const KEY = "llmctl-key";
const SILENCE = 40_000; // the gateway says something every 15 s
const LONGEST_WAIT = 5_000;

let memory = "";

export function storedKey() {
  try {
    return sessionStorage.getItem(KEY) ?? memory;
  } catch {
    return memory;
  }
}

export function storeKey(key) {
  memory = key;
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch {
    // without storage it lasts as long as the page
  }
}

/** fetch with the key. Paths are relative, so that a proxy may serve us below a path. */
export function ask(path, options = {}) {
  const key = storedKey();
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  return fetch(path, { ...options, headers, cache: "no-store", credentials: "same-origin" });
}

/** Follows the gateway for as long as the page is open, and connects again when it was gone.
 *  onMessage gets each message; onState "live", "lost"; askKey(again) resolves once there is a key. */
export async function follow({ onMessage, onState, askKey }) {
  let wait = 500;
  for (;;) {
    const stop = new AbortController();
    let watch = 0;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => stop.abort(), SILENCE);
    };
    try {
      alive();
      const reply = await ask("api/events", { signal: stop.signal, headers: { Accept: "text/event-stream" } });
      if ([401, 403, 404].includes(reply.status)) {
        clearTimeout(watch);
        onState("key");
        await askKey(storedKey() !== "", reply.status);
        continue;
      }
      if (!reply.ok) throw new Error(`status ${reply.status}`);
      wait = 500;
      onState("live");
      await read(reply.body, alive, onMessage);
    } catch (error) {
      console.debug("the stream ended:", error);
    }
    clearTimeout(watch);
    onState("lost");
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

async function read(body, alive, onMessage) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    held += value;
    const events = held.split("\n\n");
    held = events.pop();
    for (const event of events) {
      if (event.startsWith("data: ")) onMessage(JSON.parse(event.slice(6)));
    }
  }
}
