"use strict";
// Draws the chart from the JSON in the page. All text enters through textContent, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("gantt-data").textContent);
  const chart = document.getElementById("chart");
  const canvas = chart.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const tip = document.getElementById("tip");
  const rows = [...document.querySelectorAll("tbody tr")];
  const few = data.cells.length <= 4, many = data.cells.length > 24;
  const TOP = 52, LABEL = 118, GAP = 3, EDGE = 20;
  const PLAN = few ? 36 : many ? 14 : 24, ACTUAL = few ? 14 : many ? 6 : 10, PAD = few ? 18 : many ? 3 : 10;
  const rowHeight = PAD * 2 + PLAN + (data.has_actual ? GAP + ACTUAL : 0);
  const height = TOP + data.cells.length * rowHeight + 6;
  const whole = (([a, b]) => { const m = (b - a) * 0.015; return [a - m, b + m]; })(data.span);
  const view = { from: whole[0], to: whole[1] };
  const PAPER = 1040; // CSS pixels across A4 landscape
  const MOST_PIXELS = 16000; // longest side of a canvas that every browser draws
  let width = 0, chosen = null, pinned = null, redraw = 0, printing = false, look = {};

  // What a bar covers: setup, plan and deed. Rows are sorted by it, so that a view is a slice of each.
  const begins = data.bars.map((bar) => Math.min(bar.p0 - bar.setup, bar.a0 ?? bar.p0));
  const ends = data.bars.map((bar) => Math.max(bar.p1, bar.a1 ?? bar.a0 ?? bar.p1));
  const lanes = data.cells.map(() => ({ bars: [], longest: 0 }));
  data.bars.forEach((bar, i) => lanes[bar.cell].bars.push(i));
  for (const lane of lanes) {
    lane.bars.sort((a, b) => begins[a] - begins[b]);
    for (const i of lane.bars) lane.longest = Math.max(lane.longest, ends[i] - begins[i]);
  }
  // The first of a lane's bars that begins at or after a second.
  function firstFrom(lane, s) {
    let low = 0, high = lane.bars.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (begins[lane.bars[middle]] < s) low = middle + 1; else high = middle;
    }
    return low;
  }
  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["paper", "ink", "quiet", "line", "closed", "stripe", "now", "bad"])
      look[name] = style.getPropertyValue("--" + name).trim();
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const brush = tile.getContext("2d");
    brush.fillStyle = look.closed;
    brush.fillRect(0, 0, 8, 8);
    brush.strokeStyle = look.stripe;
    brush.lineWidth = 1.5;
    brush.beginPath();
    for (const d of [-8, 0, 8]) { brush.moveTo(d - 1, 9); brush.lineTo(d + 9, -1); }
    brush.stroke();
    look.stripes = pen.createPattern(tile, "repeat");
  }
  const x = (s) => LABEL + (s - view.from) / (view.to - view.from) * (width - LABEL - EDGE);
  const second = (px) => view.from + (px - LABEL) / (width - LABEL - EDGE) * (view.to - view.from);
  const pad = (n) => String(n).padStart(2, "0");

  // Plant time: the page carries the zone's offsets, so no browser needs to know the zone.
  const local = (s) => {
    let offset = data.offsets[0][1];
    for (const [from, value] of data.offsets) if (s >= from) offset = value;
    return new Date((data.epoch + s + offset) * 1000);
  };
  const clock = (s, seconds) => {
    const d = local(s);
    return pad(d.getUTCHours()) + ":" + pad(d.getUTCMinutes()) + (seconds ? ":" + pad(d.getUTCSeconds()) : "");
  };
  const day = (s) => {
    const d = local(s);
    return d.getUTCFullYear() + "-" + pad(d.getUTCMonth() + 1) + "-" + pad(d.getUTCDate());
  };

  const marks = () => {
    const room = Math.max(2, Math.floor((width - LABEL) / 84));
    const step = data.steps.find((s) => (view.to - view.from) / s < room) || data.steps[data.steps.length - 1];
    const begin = local(view.from);
    const midnight = view.from - (begin.getTime() / 1000) % 86400;
    const found = [];
    for (let s = midnight + Math.floor((view.from - midnight) / step) * step; s <= view.to; s += step)
      if (s >= view.from) found.push(s);
    return [found, step];
  };

  const font = (size, weight = 400) => `${weight} ${size}px system-ui, "Segoe UI", Roboto, Arial, sans-serif`;
  function write(text, left, y, colour, size = 11.5, weight = 400, align = "left") {
    pen.font = font(size, weight);
    pen.fillStyle = colour;
    pen.textAlign = align;
    pen.fillText(text, left, y);
  }
  function rule(x0, y0, x1, y1, colour, thick = 1, dash = []) {
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
    pen.setLineDash([]);
  }

  function draw() {
    redraw = 0;
    width = printing ? PAPER : chart.clientWidth || 1000;
    const scale = Math.min(printing ? 2 : devicePixelRatio || 1, MOST_PIXELS / Math.max(width, height));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = height + "px";
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const order = pinned !== null ? pinned : chosen === null ? null : data.bars[chosen].order;
    const [ticks, step] = marks();

    pen.save();
    pen.beginPath();
    pen.rect(LABEL, 0, Math.max(0, width - LABEL), height);
    pen.clip();
    data.cells.forEach((cell, i) => {
      for (const [a, b] of cell.closed) {
        if (b < view.from || a > view.to) continue;
        const left = x(Math.max(a, view.from - 1)), right = x(Math.min(b, view.to + 1));
        pen.fillStyle = look.stripes;
        pen.fillRect(left, TOP + i * rowHeight + 1, Math.max(1, right - left), rowHeight - 1);
      }
    });
    let lastDay = null;
    for (const s of ticks) {
      rule(x(s), TOP - 6, x(s), height - 6, look.line);
      if (day(s) !== lastDay) {
        lastDay = day(s);
        write(lastDay, Math.max(LABEL + 1, x(s) - 14), 16, look.quiet, 11.5, 600);
      }
    }
    let drawn = 0;
    for (const lane of lanes) {
      for (let k = firstFrom(lane, view.from - lane.longest); k < lane.bars.length; k++) {
        const i = lane.bars[k];
        if (begins[i] > view.to) break;
        if (ends[i] < view.from) continue;
        drawBar(data.bars[i], i, order);
        drawn++;
      }
    }
    chart.dataset.drawn = String(drawn);
    data.orders.forEach((some, i) => drawDue(some, i === order));
    if (data.now !== null && data.now >= view.from && data.now <= view.to) {
      rule(x(data.now), TOP - 6, x(data.now), height - 6, look.now, 1.5);
      write("now " + clock(data.now, true), x(data.now) + 5, TOP + 13, look.now, 11.5, 600);
    }
    pen.restore();

    for (const s of ticks) write(clock(s, step < 60), x(s), TOP - 12, look.quiet, 11.5, 400, "center");
    data.cells.forEach((cell, i) => {
      const y = TOP + i * rowHeight;
      rule(0, y + 0.5, width, y + 0.5, look.line);
      const name = cell.name.length > 14 ? cell.name.slice(0, 13) + "…" : cell.name;
      write(name, 16, y + PAD + PLAN / 2 + 4, look.ink, many ? 11 : 13, 600);
      if (data.has_actual && !many) write("actual", 16, y + PAD + PLAN + GAP + ACTUAL - 2, look.quiet);
    });
  }

  function block(left, y, wide, tall, colour) {
    pen.fillStyle = colour;
    if (wide < 4) { pen.fillRect(left, y, wide, tall); return; }
    pen.beginPath();
    pen.roundRect(left, y, wide, tall, Math.min(3, wide / 3));
    pen.fill();
  }

  function drawBar(bar, i, order) {
    const y = TOP + bar.cell * rowHeight + PAD;
    const own = data.orders[bar.order];
    const known = bar.a0 !== null;
    const left = x(bar.p0), wide = Math.max(1, x(bar.p1) - left - (x(bar.p1) - left > 3 ? 1 : 0));
    pen.globalAlpha = pinned !== null && bar.order !== order ? 0.13 : 1;
    const full = pen.globalAlpha;
    if (bar.setup > 0) { // a setup is a thin, striped block in the colour of what it is for
      const from = x(bar.p0 - bar.setup);
      pen.globalAlpha = full * 0.55;
      block(from, y + PLAN * 0.3, Math.max(1, left - from), PLAN * 0.4, own.colour);
      pen.globalAlpha = full;
    }
    if (known) pen.globalAlpha = full * 0.38;
    block(left, y, wide, PLAN, own.colour);
    pen.globalAlpha = full;
    if (known) {
      const a = x(bar.a0), b = x(bar.a1 ?? Math.max(bar.a0, data.now ?? bar.p1));
      block(a, y + PLAN + GAP, Math.max(1.5, b - a - 1), ACTUAL, own.colour);
      if (bar.status === "failed") {
        pen.strokeStyle = look.bad;
        pen.lineWidth = 2;
        pen.strokeRect(a, y + PLAN + GAP, Math.max(1.5, b - a - 1), ACTUAL);
      }
    }
    if (bar.frozen && wide > 2) { // what can no longer change has a dark foot
      pen.fillStyle = look.ink;
      pen.fillRect(left, y + PLAN - 3, wide, 3);
    }
    if (own.due !== null && bar.p1 > own.due) { // what runs after the due date has a red head
      const from = Math.max(left, x(own.due));
      pen.fillStyle = look.bad;
      pen.fillRect(from, y - 3, Math.max(1, left + wide - from), 3);
    }
    if (i === chosen) {
      pen.strokeStyle = look.ink;
      pen.lineWidth = 1.5;
      pen.strokeRect(left, y, wide, PLAN);
    }
    if (wide > 22) {
      const label = [`${bar.name} ${bar.operation}`, bar.name, bar.unit ? String(bar.unit) : bar.name].find((t) => t.length * 6.3 + 10 < wide);
      if (label && !many) write(label, left + 5, y + PLAN / 2 + 4, known ? look.ink : "#14171a", 11);
      else if (label) write(label, left + 4, y + PLAN / 2 + 3.5, "#14171a", 9.5);
    }
    pen.globalAlpha = 1;
  }

  function drawDue(order, lit) {
    if (order.due === null || order.due < view.from || order.due > view.to) return;
    const at = x(order.due);
    pen.globalAlpha = pinned !== null && !lit ? 0.13 : 1;
    pen.fillStyle = order.colour;
    pen.beginPath();
    pen.moveTo(at - 4.5, TOP - 6.5);
    pen.lineTo(at + 4.5, TOP - 6.5);
    pen.lineTo(at, TOP);
    pen.fill();
    if (lit) rule(at, TOP, at, height - 6, order.colour, 1.25, [3, 3]);
    pen.globalAlpha = 1;
  }

  // The bar, or what belongs to it, under a point of the page.
  function barAt(clientX, clientY) {
    const box = canvas.getBoundingClientRect();
    const px = clientX - box.left, row = Math.floor((clientY - box.top - TOP) / rowHeight);
    if (px < LABEL || row < 0 || row >= lanes.length) return null;
    const s = second(px), near = 2 / (width - LABEL - EDGE) * (view.to - view.from);
    const lane = lanes[row];
    let found = null;
    for (let k = firstFrom(lane, s - lane.longest - near); k < lane.bars.length; k++) {
      const i = lane.bars[k];
      if (begins[i] > s + near) break;
      if (ends[i] + near >= s) found = i;
      if (begins[i] <= s && ends[i] >= s) break;
    }
    return found;
  }

  const later = () => { if (!redraw) redraw = requestAnimationFrame(draw); };
  function show(from, to) {
    const least = 4, most = whole[1] - whole[0];
    const span = Math.min(most, Math.max(least, to - from));
    const middle = (from + to) / 2;
    view.from = Math.min(Math.max(whole[0], middle - span / 2), whole[1] - span);
    view.to = view.from + span;
    later();
  }
  const zoom = (factor, at = (view.from + view.to) / 2) =>
    show(at - (at - view.from) * factor, at + (view.to - at) * factor);
  const pan = (share) => { const d = (view.to - view.from) * share; show(view.from + d, view.to + d); };

  function describe(i, px, py) {
    const bar = data.bars[i];
    tip.replaceChildren();
    tip.append(Object.assign(document.createElement("b"), { textContent: `${bar.name} · ${bar.operation}` }));
    const list = document.createElement("dl");
    for (const [term, text] of bar.tip) {
      list.append(Object.assign(document.createElement("dt"), { textContent: term }));
      list.append(Object.assign(document.createElement("dd"), { textContent: text }));
    }
    tip.append(list);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(px + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = Math.max(4, py + 18 + box.height > innerHeight ? py - box.height - 12 : py + 18) + "px";
  }
  function choose(i) { if (chosen !== i) { chosen = i; later(); } }

  let drag = null;
  chart.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    drag = { x: e.clientX, from: view.from, to: view.to };
    chart.setPointerCapture(e.pointerId);
    chart.classList.add("held");
  });
  const release = () => { drag = null; chart.classList.remove("held"); };
  chart.addEventListener("pointerup", release);
  chart.addEventListener("pointercancel", release);
  chart.addEventListener("pointermove", (e) => {
    if (drag) {
      const d = (drag.x - e.clientX) / (width - LABEL - EDGE) * (drag.to - drag.from);
      tip.hidden = true;
      show(drag.from + d, drag.to + d);
      return;
    }
    choose(barAt(e.clientX, e.clientY));
    if (chosen === null) tip.hidden = true;
    else describe(chosen, e.clientX, e.clientY);
  });
  chart.addEventListener("pointerleave", () => { tip.hidden = true; choose(null); });
  chart.addEventListener("dblclick", (e) => zoom(0.5, second(e.clientX - chart.getBoundingClientRect().left)));
  chart.addEventListener("wheel", (e) => {
    // A plain wheel scrolls the page; with Ctrl (or a pinch) it zooms, sideways it pans.
    if (e.ctrlKey || e.metaKey) {
      e.preventDefault();
      zoom(Math.exp(e.deltaY * 0.0022), second(e.clientX - chart.getBoundingClientRect().left));
    } else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
      e.preventDefault();
      pan((e.deltaX || e.deltaY) / 900);
    }
  }, { passive: false });
  const keys = { "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1 / 0.7), "0": () => show(...whole),
    ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), Home: () => pan(-1e9), End: () => pan(1e9),
    n: () => step(1), p: () => step(-1), Escape: () => { tip.hidden = true; choose(null); } };
  // From operation to operation in the order of the table, each shown and described.
  function step(by) {
    if (!data.bars.length) return;
    const i = chosen === null ? (by > 0 ? 0 : data.bars.length - 1) : (chosen + by + data.bars.length) % data.bars.length;
    reveal(i);
    const box = canvas.getBoundingClientRect();
    const y = TOP + data.bars[i].cell * rowHeight + PAD + PLAN;
    draw();
    describe(i, box.left + x(data.bars[i].p0), box.top + y);
  }
  function reveal(i) {
    const bar = data.bars[i], span = view.to - view.from;
    if (bar.p0 < view.from || bar.p1 > view.to) show(bar.p0 - span / 2, bar.p0 + span / 2);
    choose(i);
  }
  chart.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
    e.preventDefault();
    keys[e.key]();
  });
  document.getElementById("zoom-in").addEventListener("click", () => zoom(0.6));
  document.getElementById("zoom-out").addEventListener("click", () => zoom(1 / 0.6));
  document.getElementById("zoom-fit").addEventListener("click", () => show(...whole));

  const buttons = [...document.querySelectorAll(".legend button")];
  buttons.forEach((button, i) => button.addEventListener("click", () => {
    pinned = pinned === i ? null : i;
    buttons.forEach((b, k) => b.setAttribute("aria-pressed", String(k === pinned)));
    later();
  }));

  // The table is the chart's twin for the keyboard: arrows walk, and the chart follows.
  const table = document.querySelector("tbody");
  let current = 0;
  if (rows.length) rows[0].tabIndex = 0;
  table.addEventListener("focusin", (e) => {
    const row = e.target.closest("tr");
    rows[current].tabIndex = -1;
    current = Number(row.dataset.bar);
    row.tabIndex = 0;
    reveal(current);
  });
  table.addEventListener("focusout", () => choose(null));
  table.addEventListener("click", (e) => {
    const row = e.target.closest("tr");
    row.tabIndex = 0;
    row.focus();
  });
  table.addEventListener("keydown", (e) => {
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: rows.length - 1 }[e.key];
    if (to === undefined || !rows[to]) return;
    e.preventDefault();
    rows[to].tabIndex = 0;
    rows[to].focus();
  });

  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
    printing = true;
    show(...whole);
    readColours();
    draw();
  });
  addEventListener("afterprint", () => { printing = false; recolour(); });
  const recolour = () => { readColours(); later(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  matchMedia("print").addEventListener("change", recolour);
  new ResizeObserver(later).observe(chart);
  readColours();
  draw();
})();
