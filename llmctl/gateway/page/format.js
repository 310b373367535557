// Figures as people read them. What is unknown is a dash.

export const NONE = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 1234 → "1,234", 1234567 → "1.23M". */
export function count(value) {
  if (value == null) return NONE;
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)}G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (value >= 1e5) return `${(value / 1e3).toFixed(0)}k`;
  return value < 10 && value % 1 ? value.toFixed(1) : whole.format(value);
}

/** US dollars, as many digits as say something. */
export function money(value) {
  if (value == null) return NONE;
  if (value === 0) return "$0";
  if (value >= 1000) return `$${whole.format(value)}`;
  if (value >= 0.995) return `$${value.toFixed(2)}`;
  if (value < 0.000001) return "<$0.000001";
  const digits = Math.min(6, Math.max(2, 1 - Math.floor(Math.log10(value)) + 1));
  return `$${value.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}

/** Milliseconds as ms, s or min. */
export function duration(ms) {
  if (ms == null) return NONE;
  if (ms === 0) return "0";
  if (ms < 10) return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9995) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 99950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export function percent(part) {
  if (part == null) return NONE;
  if (part === 0) return "0%";
  return part < 0.1 ? `${(part * 100).toFixed(1)}%` : `${Math.round(part * 100)}%`;
}

/** Time of day, from seconds since 1970. */
export function clock(seconds, withSeconds = true) {
  const options = { hour: "2-digit", minute: "2-digit", hour12: false };
  if (withSeconds) options.second = "2-digit";
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", options);
}

/** The latency in ms that `part` of all stay under; the buckets are those of sketch.py. */
export function quantile(sketches, part) {
  const counts = new Map();
  for (const sketch of sketches) {
    for (const [name, n] of Object.entries(sketch)) counts.set(+name, (counts.get(+name) ?? 0) + n);
  }
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  if (!total) return null;
  const rank = part * total;
  let seen = 0;
  for (const [bucket, n] of [...counts].sort((a, b) => a[0] - b[0])) {
    if (seen + n >= rank) return 2 ** ((bucket + (rank - seen) / n) / 4);
    seen += n;
  }
  return null;
}
