"use strict";
// Draws the chart from the JSON in the page. All text enters through textContent, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("gantt-data").textContent);
  const chart = document.getElementById("chart");
  const tip = document.getElementById("tip");
  const rows = [...document.querySelectorAll("tbody tr")];
  const few = data.cells.length <= 4;
  const TOP = 52, LABEL = 118, GAP = 3, EDGE = 20;
  const PLAN = few ? 36 : 24, ACTUAL = few ? 14 : 10, PAD = few ? 18 : 10;
  const rowHeight = PAD * 2 + PLAN + (data.has_actual ? GAP + ACTUAL : 0);
  const height = TOP + data.cells.length * rowHeight + 6;
  const whole = (([a, b]) => { const m = (b - a) * 0.015; return [a - m, b + m]; })(data.span);
  const view = { from: whole[0], to: whole[1] };
  const PAPER = 1040; // CSS pixels across A4 landscape
  let width = 0, chosen = null, pinned = null, redraw = 0, printing = false;

  const svg = (name, attributes, parent, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
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

  function draw() {
    redraw = 0;
    width = printing ? PAPER : chart.clientWidth || 1000;
    chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (printing) chart.removeAttribute("height");
    else chart.setAttribute("height", height);
    chart.replaceChildren();
    const defs = svg("defs", {}, chart);
    const stripes = svg("pattern", { id: "stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, defs);
    svg("rect", { width: 6, height: 6, style: "fill: var(--closed)" }, stripes);
    svg("rect", { width: 1.5, height: 6, style: "fill: var(--stripe)" }, stripes);
    const clip = svg("clipPath", { id: "area" }, defs);
    svg("rect", { x: LABEL, y: 0, width: Math.max(0, width - LABEL), height }, clip);
    const area = svg("g", { "clip-path": "url(#area)" }, chart);

    data.cells.forEach((cell, i) => {
      const y = TOP + i * rowHeight;
      for (const [a, b] of cell.closed) {
        if (b < view.from || a > view.to) continue;
        const left = x(Math.max(a, view.from - 1)), right = x(Math.min(b, view.to + 1));
        const shut = svg("rect", { x: left, y: y + 1, width: Math.max(1, right - left), height: rowHeight - 1, class: "closed" }, area);
        svg("title", {}, shut, `closed ${clock(a, true)} – ${clock(b, true)}`);
      }
    });
    const [ticks, step] = marks();
    let lastDay = null;
    for (const s of ticks) {
      svg("line", { x1: x(s), x2: x(s), y1: TOP - 6, y2: height - 6, class: "grid" }, area);
      svg("text", { x: x(s), y: TOP - 12, "text-anchor": "middle" }, chart, clock(s, step < 60));
      if (day(s) !== lastDay) {
        lastDay = day(s);
        svg("text", { x: Math.max(LABEL + 1, x(s) - 14), y: 16, style: "font-weight: 600" }, area, lastDay);
      }
    }
    data.cells.forEach((cell, i) => {
      const y = TOP + i * rowHeight;
      svg("line", { x1: 0, x2: width, y1: y + 0.5, y2: y + 0.5, class: "rule" }, chart);
      const name = svg("text", { x: 16, y: y + PAD + PLAN / 2 + 4, class: "cell" }, chart, cell.name.length > 14 ? cell.name.slice(0, 13) + "…" : cell.name);
      svg("title", {}, name, cell.name);
      if (data.has_actual) svg("text", { x: 16, y: y + PAD + PLAN + GAP + ACTUAL - 2 }, chart, "actual");
    });
    data.bars.forEach((bar, i) => drawBar(area, bar, i));
    data.orders.forEach((order, i) => drawDue(area, order, i));
    if (data.now !== null && data.now >= view.from && data.now <= view.to) {
      svg("line", { x1: x(data.now), x2: x(data.now), y1: TOP - 6, y2: height - 6, class: "now" }, area);
      svg("text", { x: x(data.now) + 5, y: TOP + 13, class: "now-label" }, area, "now " + clock(data.now, true));
    }
    light();
  }

  function drawBar(area, bar, i) {
    const begin = Math.min(bar.p0, bar.a0 ?? bar.p0), end = Math.max(bar.p1, bar.a1 ?? bar.a0 ?? bar.p1);
    if (end < view.from || begin > view.to) return;
    const y = TOP + bar.cell * rowHeight + PAD;
    const order = data.orders[bar.order];
    const group = svg("g", { class: "op " + (bar.status === "failed" ? "failed" : ""), "data-bar": i }, area);
    const left = x(bar.p0), wide = Math.max(1.5, x(bar.p1) - left - 1);
    const known = bar.a0 !== null;
    svg("rect", { x: left, y, width: wide, height: PLAN, rx: Math.min(3, wide / 3), fill: order.colour, class: known ? "plan known" : "plan" }, group);
    if (known) {
      const a = x(bar.a0), b = x(bar.a1 ?? Math.max(bar.a0, data.now ?? bar.p1));
      const w = Math.max(1.5, b - a - 1);
      svg("rect", { x: a, y: y + PLAN + GAP, width: w, height: ACTUAL, rx: Math.min(3, w / 3), fill: order.colour, class: "actual" }, group);
    }
    const label = [`${bar.name} ${bar.operation}`, bar.name, String(bar.unit)].find((t) => t.length * 6.3 + 10 < wide);
    if (label) {
      const text = svg("text", { x: left + 5, y: y + PLAN / 2 + 4 }, group, label);
      if (known) text.style.fill = "var(--ink)";
    }
  }

  function drawDue(area, order, i) {
    if (order.due === null || order.due < view.from || order.due > view.to) return;
    const at = x(order.due);
    const flag = svg("path", { d: `M${at - 4.5} ${TOP - 6.5}h9l-4.5 6.5z`, fill: order.colour, class: "flag", "data-order": i }, area);
    svg("title", {}, flag, `${order.id} due ${day(order.due)} ${clock(order.due, true)}`);
    svg("line", { x1: at, x2: at, y1: TOP, y2: height - 6, stroke: order.colour, class: "due", "data-order": i }, area);
  }

  function light() {
    const order = pinned !== null ? pinned : chosen === null ? null : data.bars[chosen].order;
    chart.classList.toggle("dim", pinned !== null);
    for (const node of chart.querySelectorAll(".op")) {
      const i = Number(node.dataset.bar);
      node.classList.toggle("lit", data.bars[i].order === order);
      node.classList.toggle("chosen", i === chosen);
    }
    for (const node of chart.querySelectorAll("[data-order]"))
      node.classList.toggle("lit", Number(node.dataset.order) === order);
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
  function choose(i) { chosen = i; light(); }

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
    const node = document.elementFromPoint(e.clientX, e.clientY)?.closest(".op");
    if (!node) { tip.hidden = true; choose(null); return; }
    choose(Number(node.dataset.bar));
    describe(chosen, e.clientX, e.clientY);
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
    ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), Home: () => pan(-1e9), End: () => pan(1e9) };
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
    light();
  }));

  // The table is the chart's twin for the keyboard: arrows walk, and the chart follows.
  rows.forEach((row, i) => {
    row.tabIndex = i === 0 ? 0 : -1;
    row.addEventListener("focus", () => {
      rows.forEach((other) => { other.tabIndex = other === row ? 0 : -1; });
      const bar = data.bars[Number(row.dataset.bar)], span = view.to - view.from;
      if (bar.p0 < view.from || bar.p1 > view.to) show(bar.p0 - span / 2, bar.p0 + span / 2);
      choose(Number(row.dataset.bar));
    });
    row.addEventListener("blur", () => choose(null));
    row.addEventListener("keydown", (e) => {
      const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: rows.length - 1 }[e.key];
      if (to === undefined || !rows[to]) return;
      e.preventDefault();
      rows[to].focus();
    });
  });

  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
    printing = true;
    show(...whole);
    draw();
  });
  addEventListener("afterprint", () => { printing = false; later(); });
  new ResizeObserver(later).observe(chart);
  draw();
})();
