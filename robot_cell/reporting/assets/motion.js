"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["#1f6feb", "#d1742f", "#2da44e", "#a371f7", "#d4a72c", "#e85aad", "#39c5cf"];
const LEFT = 64, RIGHT = 12, TOP = 20, HEIGHT = 132, BAND = 46;
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
let view = [0, data.duration], cursor = null, drag = null;
const panels = [];
const host = document.getElementById("charts");
const legend = document.getElementById("legend");

function add(kind, height, chart) {
  const canvas = document.createElement("canvas");
  host.append(canvas);
  panels.push({ kind, canvas, height, chart });
}
add("band", BAND, null);
for (const chart of data.charts) add("chart", HEIGHT, chart);

function indexAt(t) {
  let low = 0, high = data.times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (data.times[middle] <= t) low = middle; else high = middle - 1;
  }
  return low;
}
function nice(span, count) {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((k) => k * power).find((step) => step >= raw);
}
function hue(reason) {
  if (reason === 0) return null;
  if (reason === 1) return "#8c959f";
  return COLOURS[(reason - 2) % Math.round((data.reasons.length - 2) / 3)];
}
function draw(panel) {
  const { canvas, height, chart } = panel;
  const width = canvas.clientWidth, ratio = devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const g = canvas.getContext("2d");
  g.scale(ratio, ratio);
  g.font = "11px system-ui, sans-serif";
  const x = (t) => LEFT + (width - LEFT - RIGHT) * (t - view[0]) / (view[1] - view[0]);
  const first = Math.max(indexAt(view[0]) - 1, 0), last = Math.min(indexAt(view[1]) + 2, data.times.length);
  g.save();
  if (panel.kind === "band") {
    g.beginPath(); g.rect(LEFT, 0, width - LEFT - RIGHT, height); g.clip();
    for (const step of data.steps) {
      const a = x(step.start), b = x(step.end);
      g.strokeStyle = colour("--line"); g.strokeRect(a, 1, b - a, 22);
      g.fillStyle = colour("--ink");
      const shown = b - a > 150 ? step.label : step.label.split(" ")[0];
      if (b - a > 16) g.fillText(shown, a + 3, 16, b - a - 6);
    }
    for (let k = first; k < last - 1; k++) {
      const fill = hue(data.held[k]);
      if (fill) { g.fillStyle = fill; g.fillRect(x(data.times[k]), 28, x(data.times[k + 1]) - x(data.times[k]) + 0.6, 12); }
    }
    g.restore();
    g.fillStyle = colour("--dim"); g.textAlign = "right";
    g.fillText("step", LEFT - 6, 16); g.fillText("held by", LEFT - 6, 38);
  } else {
    let low = Infinity, high = -Infinity;
    for (const curve of chart.curves) for (let k = first; k < last; k++) { low = Math.min(low, curve[k]); high = Math.max(high, curve[k]); }
    if (chart.limit !== undefined) { if (chart.below) low = 0; else { low = Math.min(low, -104); high = Math.max(high, 104); } }
    if (low === high) { low -= 1; high += 1; }
    const pad = chart.limit === undefined ? 0.06 * (high - low) : 0.02 * (high - low);
    low -= pad; high += pad;
    const y = (v) => TOP + (height - TOP - 6) * (high - v) / (high - low);
    const step = nice(high - low, 4);
    g.textAlign = "right"; g.lineWidth = 1;
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) {
      g.strokeStyle = colour("--line"); g.beginPath(); g.moveTo(LEFT, y(v)); g.lineTo(width - RIGHT, y(v)); g.stroke();
      g.fillStyle = colour("--dim"); g.fillText(String(+v.toPrecision(6)), LEFT - 6, y(v) + 4);
    }
    g.textAlign = "left"; g.fillStyle = colour("--ink");
    g.fillText(`${chart.title}, ${chart.unit}`, LEFT, 13);
    g.beginPath(); g.rect(LEFT, TOP - 2, width - LEFT - RIGHT, height - TOP); g.clip();
    if (chart.limit !== undefined) {
      g.strokeStyle = colour("--limit"); g.setLineDash([5, 4]);
      for (const v of chart.below ? [chart.limit] : [chart.limit, -chart.limit]) { g.beginPath(); g.moveTo(LEFT, y(v)); g.lineTo(width - RIGHT, y(v)); g.stroke(); }
      g.setLineDash([]);
    }
    g.lineWidth = 1.4;
    chart.curves.forEach((curve, n) => {
      g.strokeStyle = COLOURS[n % COLOURS.length]; g.beginPath();
      for (let k = first; k < last; k++) { if (k === first) g.moveTo(x(data.times[k]), y(curve[k])); else g.lineTo(x(data.times[k]), y(curve[k])); }
      g.stroke();
    });
    g.restore();
  }
  g.save();
  if (drag) { g.fillStyle = "rgba(127,127,127,.2)"; g.fillRect(x(drag[0]), 0, x(drag[1]) - x(drag[0]), height); }
  if (cursor !== null) { g.strokeStyle = colour("--dim"); g.beginPath(); g.moveTo(x(cursor), 0); g.lineTo(x(cursor), height); g.stroke(); }
  g.restore();
}
function tell(panel) {
  legend.replaceChildren();
  const key = (text, fill) => {
    const span = document.createElement("span"); span.className = "key";
    if (fill) { const mark = document.createElement("i"); mark.style.background = fill; span.append(mark); }
    span.append(text); legend.append(span);
  };
  const k = cursor === null ? null : indexAt(cursor);
  if (k !== null) {
    const step = data.steps.find((s) => cursor < s.end) || data.steps[data.steps.length - 1];
    key(`${cursor.toFixed(3)} s`); key(`step ${step.label}`);
    key(`held by: ${data.reasons[data.held[k]]}`, hue(data.held[k]));
    legend.append(document.createElement("br"));
  }
  const chart = panel && panel.chart ? panel.chart : data.charts[0];
  chart.names.forEach((name, n) => key(k === null ? name : `${name} ${chart.curves[n][k]} ${chart.unit}`, COLOURS[n % COLOURS.length]));
}
function redraw(panel) { panels.forEach(draw); tell(panel); }
for (const panel of panels) {
  const time = (event) => {
    const box = panel.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    return view[0] + Math.min(Math.max(share, 0), 1) * (view[1] - view[0]);
  };
  panel.canvas.addEventListener("pointermove", (event) => { cursor = time(event); if (drag) drag[1] = cursor; redraw(panel); });
  panel.canvas.addEventListener("pointerdown", (event) => { drag = [time(event), time(event)]; panel.canvas.setPointerCapture(event.pointerId); });
  panel.canvas.addEventListener("pointerup", () => {
    const [a, b] = [Math.min(...drag), Math.max(...drag)]; drag = null;
    if (b - a > 0.005) view = [a, b];
    redraw(panel);
  });
  panel.canvas.addEventListener("pointerleave", () => { cursor = null; redraw(panel); });
  panel.canvas.addEventListener("dblclick", () => { view = [0, data.duration]; redraw(panel); });
}
addEventListener("resize", () => redraw());
redraw();
