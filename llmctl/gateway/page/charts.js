// Charts as SVG: bars that stack, or lines. The arrow keys move over them as the mouse does.

import { clock } from "./format.js";
import { el, replace } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 132;
const PAD = { top: 8, right: 8, bottom: 20, left: 52 };

function shape(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** A round number at or above the value, whose half is round too. */
function rounded(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.9999);
}

/** A line of a few values, without axes. */
export function sparkline(values, width = 96, height = 26) {
  const known = values.filter((value) => value != null);
  const svg = shape("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  if (known.length < 2) return svg;
  const most = Math.max(...known) || 1;
  const points = values
    .map((value, i) => (value == null ? null : [(i / (values.length - 1)) * width, height - 2 - (value / most) * (height - 4)]))
    .filter(Boolean);
  const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const [first, last] = [points[0][0], points[points.length - 1][0]];
  svg.append(
    shape("polygon", { class: "spark-fill", points: `${first},${height} ${line} ${last},${height}` }),
    shape("polyline", { class: "spark-line", points: line, "vector-effect": "non-scaling-stroke" }),
  );
  return svg;
}

export class Chart {
  /** `series`: [{name, tone, value(bucket)}]; `kind` is "bars" (stacked) or "lines"; `sum(buckets)` is the headline.
   *  The axis goes up to `least` at least, and to `blank` where there is nothing. */
  constructor({ title, kind, series, format, sum, least = 0, blank = 1 }) {
    Object.assign(this, { kind, series, format, sum, title, least, blank, buckets: [], at: null });
    this.total = el("span", { class: "chart-total num" });
    this.plot = el("div", { class: "plot", tabindex: "0", role: "img" });
    this.tip = el("div", { class: "tip", hidden: "" });
    const legend = series.length > 1 ? series.map((each) => el("span", { class: `key tone-${each.tone}` }, each.name)) : [];
    this.node = el(
      "figure",
      { class: "panel chart" },
      el("figcaption", {}, el("span", { class: "chart-title" }, title), el("span", { class: "legend" }, ...legend), this.total),
      this.plot,
      this.tip,
    );
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => this.show(null));
    this.plot.addEventListener("blur", () => this.show(null));
    this.plot.addEventListener("keydown", (event) => this.step(event));
    new ResizeObserver(() => this.render()).observe(this.plot);
  }

  /** Buckets: [{time, length, …}] from old to new. */
  draw(buckets, range) {
    this.buckets = buckets;
    this.range = range;
    this.render();
  }

  render() {
    const width = this.plot.clientWidth;
    if (!width || !this.buckets.length) return;
    const values = this.buckets.map((bucket) => this.series.map((each) => each.value(bucket)));
    const tops = values.map((row) => (this.kind === "bars" ? row.reduce((sum, v) => sum + (v ?? 0), 0) : Math.max(0, ...row.map((v) => v ?? 0))));
    const top = Math.max(...tops);
    const most = rounded(Math.max(top || this.blank, this.least));
    const inner = { w: width - PAD.left - PAD.right, h: HEIGHT - PAD.top - PAD.bottom };
    this.scale = { step: inner.w / this.buckets.length, y: (value) => PAD.top + inner.h * (1 - value / most), bottom: PAD.top + inner.h };
    const svg = shape("svg", { width, height: HEIGHT, "aria-hidden": "true" });
    this.axes(svg, most, width);
    (this.kind === "bars" ? this.bars : this.lines).call(this, svg, values);
    this.cursor = shape("line", { class: "cursor", y1: PAD.top, y2: this.scale.bottom, visibility: "hidden" });
    svg.append(this.cursor);
    replace(this.plot, svg);
    const headline = this.sum(this.buckets);
    this.total.textContent = headline;
    this.plot.setAttribute("aria-label", `${this.title}, ${this.range}: ${headline}`);
    if (this.at !== null) this.show(this.at);
  }

  axes(svg, most, width) {
    for (const part of [0, 0.5, 1]) {
      const y = this.scale.y(most * part);
      svg.append(
        shape("line", { class: part ? "grid" : "grid base", x1: PAD.left, x2: width - PAD.right, y1: y, y2: y }),
        shape("text", { class: "tick", x: PAD.left - 8, y: y + 4, "text-anchor": "end" }, this.format(most * part)),
      );
    }
    const every = Math.ceil(this.buckets.length / Math.max(2, Math.floor(width / 90)));
    this.buckets.forEach((bucket, i) => {
      if (i % every !== Math.floor(every / 2)) return;
      const x = PAD.left + (i + 0.5) * this.scale.step;
      svg.append(shape("text", { class: "tick", x, y: HEIGHT - 4, "text-anchor": "middle" }, clock(bucket.time, false)));
    });
  }

  bars(svg, values) {
    const width = Math.max(1, this.scale.step - Math.min(2, this.scale.step * 0.25));
    values.forEach((row, i) => {
      let below = 0;
      row.forEach((value, s) => {
        if (!value) return;
        const [y, bottom] = [this.scale.y(below + value), this.scale.y(below)];
        const x = PAD.left + i * this.scale.step + (this.scale.step - width) / 2;
        const height = Math.max(1, bottom - y);
        svg.append(shape("rect", { class: `bar tone-${this.series[s].tone}`, x, y: bottom - height, width, height, rx: Math.min(1.5, width / 3) }));
        below += value;
      });
    });
  }

  lines(svg, values) {
    this.series.forEach((each, s) => {
      let run = [];
      const flush = () => {
        if (run.length > 1) svg.append(shape("polyline", { class: `line tone-${each.tone}`, points: run.map((p) => p.join(",")).join(" ") }));
        else if (run.length) svg.append(shape("circle", { class: `dot tone-${each.tone}`, cx: run[0][0], cy: run[0][1], r: 2 }));
        run = [];
      };
      values.forEach((row, i) => {
        if (row[s] == null) flush();
        else run.push([(PAD.left + (i + 0.5) * this.scale.step).toFixed(1), this.scale.y(row[s]).toFixed(1)]);
      });
      flush();
    });
  }

  point(event) {
    const x = event.clientX - this.plot.getBoundingClientRect().left - PAD.left;
    const at = Math.floor(x / (this.scale?.step || 1));
    this.show(at >= 0 && at < this.buckets.length ? at : null);
  }

  step(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move || !this.buckets.length) return;
    event.preventDefault();
    const last = this.buckets.length - 1;
    this.show(Math.min(last, Math.max(0, this.at === null ? last : this.at + move)));
  }

  show(at) {
    this.at = at;
    const bucket = at === null ? null : this.buckets[at];
    this.tip.hidden = !bucket;
    this.cursor?.setAttribute("visibility", bucket ? "visible" : "hidden");
    if (!bucket) return;
    const x = PAD.left + (at + 0.5) * this.scale.step;
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    const span = bucket.length > 60 ? `${clock(bucket.time, false)}–${clock(bucket.time + bucket.length, false)}` : clock(bucket.time, false);
    const rows = this.series.map((each) => el("span", { class: `key tone-${each.tone}` }, `${each.name} `, el("b", { class: "num" }, this.format(each.value(bucket)))));
    replace(this.tip, el("span", { class: "muted num" }, span), ...rows);
    const left = Math.min(Math.max(0, x - this.tip.offsetWidth / 2), this.plot.clientWidth - this.tip.offsetWidth);
    this.tip.style.left = `${left + this.plot.offsetLeft}px`;
  }
}
