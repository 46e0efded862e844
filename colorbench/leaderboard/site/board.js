"use strict";
// The table stands in the page itself; this adds sorting, search, filters, columns, comparisons and charts, and keeps the
// state in the address. Text from a record only ever passes through textContent and attributes.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);
  const make = (name, attributes = {}, text = "") => {
    const node = document.createElement(name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    node.textContent = text;
    return node;
  };
  const number = (value, digits) => (value === null ? "" : Number(value.toPrecision(digits)).toLocaleString("en", { useGrouping: false, maximumFractionDigits: 6 }));
  for (const part of document.querySelectorAll(".script")) part.hidden = false;

  // Sorting: rows stay in their group; what was not measured comes last.
  function sortable(table, done) {
    const heads = [...table.tHead.rows[0].cells];
    const value = (row, at) => {
      const cell = row.cells[at];
      return heads[at].classList.contains("text") ? cell.textContent : "v" in cell.dataset ? Number(cell.dataset.v) : null;
    };
    const sort = (at, direction) => {
      const sign = direction === "ascending" ? 1 : -1;
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
        rows.sort((a, b) => {
          const [x, y] = [value(a, at), value(b, at)];
          if (x === null || y === null) return (x === null) - (y === null);
          return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
        });
        body.append(...rows);
      }
      for (const head of heads) head.removeAttribute("aria-sort");
      heads[at].setAttribute("aria-sort", direction);
      done?.(heads[at], direction);
    };
    heads.forEach((head, at) => {
      const button = make("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      head.addEventListener("click", () => {
        const usual = head.dataset.down ? "descending" : "ascending", other = head.dataset.down ? "ascending" : "descending";
        sort(at, head.getAttribute("aria-sort") === usual ? other : usual);
      });
    });
    return sort;
  }

  const table = element("board"), heads = [...table.tHead.rows[0].cells], at = (name) => heads.findIndex((head) => head.dataset.name === name);
  const rows = [...table.querySelectorAll("tbody tr:not(.group)")], primary = data.qualities.length ? data.qualities[0].key : "";
  const home = heads.find((head) => head.getAttribute("aria-sort"));
  const usual = new Map(heads.map((head) => [head.dataset.name, !head.hidden]));
  const state = { sort: home ? home.dataset.name : "", direction: home ? home.getAttribute("aria-sort") : "", search: "", filters: {}, with: "" };
  let metric = primary;
  const show = (name, on) => {
    const k = at(name);
    heads[k].hidden = !on;
    for (const row of rows) row.cells[k].hidden = !on;
  };
  const sort = sortable(table, (head, direction) => {
    Object.assign(state, { sort: head.dataset.name, direction });
    const k = at(head.dataset.name), chosen = data.qualities.find((one) => one.key === head.dataset.name);
    if (chosen) {
      metric = chosen.key;
      if (at("rank") >= 0) {
        heads[at("rank")].firstChild.textContent = metric === primary ? "rank" : "rank by " + metric;
        for (const row of rows) if (row.classList.contains("trained")) row.cells[at("rank")].textContent = row.cells[k].dataset.place || "";
      }
      against();
    }
    remember();
  });
  sortable(element("all-runs"));

  // Search and filters, which the charts follow.
  const visible = () => new Set(rows.filter((row) => !row.hidden).map((row) => Number(row.dataset.number)));
  function filter() {
    const words = state.search.toLowerCase();
    for (const row of rows) {
      const fits = Object.entries(state.filters).every(([name, value]) => !value || row.dataset[name] === value);
      row.hidden = !(fits && row.textContent.toLowerCase().includes(words));
    }
    for (const body of table.tBodies) body.hidden = [...body.rows].slice(1).every((row) => row.hidden);
    element("nothing").hidden = rows.some((row) => !row.hidden);
    chart();
    against();
    remember();
  }
  element("search").addEventListener("input", (event) => { state.search = event.target.value; filter(); });
  for (const box of document.querySelectorAll("[data-filter]"))
    box.addEventListener("change", () => { state.filters[box.dataset.filter] = box.value; filter(); });
  element("search-runs").addEventListener("input", (event) => {
    for (const row of element("all-runs").tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(event.target.value.toLowerCase());
  });
  for (const head of heads) {
    const name = head.dataset.name;
    if (name === "label" || name.startsWith("against")) continue;
    const label = make("label"), tick = make("input", { type: "checkbox", "data-column": name });
    tick.checked = !head.hidden;
    tick.addEventListener("change", () => { show(name, tick.checked); remember(); });
    label.append(tick, head.textContent);
    element("columns").append(label);
  }
  document.addEventListener("keydown", (event) => {
    const open = document.querySelector("details.picker[open]");
    if (event.key === "Escape" && open) { open.open = false; open.querySelector("summary").focus(); }
  });
  document.addEventListener("click", (event) => {
    const open = document.querySelector("details.picker[open]");
    if (open && !open.contains(event.target)) open.open = false;
  });

  // The evidence behind a rank: every entry against a chosen one.
  data.points.forEach((point, k) => element("with").append(make("option", { value: k }, point.label)));
  element("with").parentNode.hidden = !Object.keys(data.pairs).length;
  element("with").addEventListener("change", (event) => { state.with = event.target.value; against(); remember(); });
  function pair(row, column) {
    const pairs = data.pairs[metric];
    if (!pairs || row === column) return null;
    const [difference, half, p] = row > column ? pairs[row][column] : pairs[column][row];
    return { difference: difference === null ? null : row > column ? difference : -difference, half, p };
  }
  const signed = (value, half) => (value < 0 ? "−" : "+") + (half ? Math.abs(value).toFixed(Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(half))))) : number(Math.abs(value), 3));
  const told = (p) => (p === null ? "" : p < 0.001 ? "< 0.001" : number(p, 2));
  function against() {
    const chosen = state.with === "" ? null : Number(state.with), on = chosen !== null && metric in data.pairs;
    for (const name of ["against", "against_p"]) show(name, on);
    element("against").hidden = !on;
    if (!on) return;
    const quality = data.qualities.find((one) => one.key === metric);
    element("against-name").textContent = data.points[chosen].label + ", by " + quality.title;
    const lines = [];
    for (const row of table.querySelectorAll("tbody tr:not(.group)")) {
      const found = pair(Number(row.dataset.number), chosen), [cell, p] = ["against", "against_p"].map((name) => row.cells[at(name)]);
      const known = found && found.difference !== null;
      cell.textContent = known ? signed(found.difference, found.half) + (found.half === null ? "" : " ± " + number(found.half, 2)) : "";
      p.textContent = known ? told(found.p) : "";
      for (const [node, value] of [[cell, known ? found.difference : null], [p, known ? found.p : null]]) value === null ? delete node.dataset.v : (node.dataset.v = value);
      if (known && !row.hidden) lines.push({ ...found, name: data.points[Number(row.dataset.number)].name, kind: data.points[Number(row.dataset.number)].kind });
    }
    differences(lines, quality);
  }

  // Charts.
  const draw = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  function differences(lines, quality) {
    const plot = element("against-chart"), width = Math.max(320, plot.clientWidth || 600);
    const names = Math.max(0, ...lines.map((line) => pen.measureText(line.name).width)), narrow = width < names + 350; // then names stand above
    const left = narrow ? 4 : names + 8, row = narrow ? 36 : 22, height = row * lines.length + (narrow ? 60 : 46);
    plot.replaceChildren();
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (!lines.length) return;
    const ends = lines.filter((line) => line.kind !== "baseline").flatMap((line) => [line.difference - (line.half || 0), line.difference + (line.half || 0)]);
    const all = (ends.length ? ends : lines.map((line) => line.difference)).concat(0);
    const low = Math.min(...all), high = Math.max(...all), span = high - low || 1;
    const x = (value) => left + 10 + ((value - low + 0.05 * span) / (1.1 * span)) * (width - left - 24);
    for (const t of ticks(low, high)) plot.append(draw("line", { class: "tick", x1: x(t), x2: x(t), y1: 4, y2: height - 40 }), draw("text", { x: x(t), y: height - 24, "text-anchor": "middle" }, number(t, 3)));
    plot.append(draw("line", { class: "axis", x1: x(0), x2: x(0), y1: 4, y2: height - 40 }));
    plot.append(draw("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, (quality.higher ? "better →" : "← better")));
    lines.forEach((line, k) => {
      const y = (narrow ? 30 : 16) + row * k, outside = x(line.difference) < left || x(line.difference) > width - 6;
      plot.append(draw("text", narrow ? { x: left, y: y - 9 } : { x: left - 4, y: y + 4, "text-anchor": "end" }, line.name));
      if (outside) return void plot.append(draw("text", { x: line.difference > 0 ? width - 10 : left + 8, y: y + 4, "text-anchor": line.difference > 0 ? "end" : "start" }, (line.difference > 0 ? "" : "← ") + signed(line.difference, line.half) + (line.difference > 0 ? " →" : "")));
      if (line.half !== null) {
        const [from, to] = [x(line.difference - line.half), x(line.difference + line.half)], [least, most] = [left + 6, width - 8];
        plot.append(draw("line", { class: "whisker", x1: Math.max(least, from), x2: Math.min(most, to), y1: y, y2: y }));
        for (const [clipped, end, back] of [[from < least, least, 6], [to > most, most, -6]]) // goes on beyond the edge
          if (clipped) plot.append(draw("path", { class: "whisker clipped", d: `M${end + back},${y - 4}L${end},${y}L${end + back},${y + 4}` }));
      }
      plot.append(draw("circle", { class: "point" + (line.p !== null && line.p < 0.05 ? "" : " hollow"), cx: x(line.difference), cy: y, r: 5 }));
    });
  }
  function ticks(low, high) {
    const raw = (high - low) / 6, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const found = [];
    for (let x = Math.ceil(low / step) * step; x <= high; x += step) found.push(x);
    return found;
  }
  const svg = element("chart");
  if (svg) for (const [id, choices] of [["quality", data.qualities], ["cost", data.costs]]) {
    choices.forEach((choice, k) => element(id).append(make("option", { value: k }, choice.title)));
    element(id).addEventListener("change", chart);
  }
  const box = { left: 64, top: 18 }, pen = make("canvas").getContext("2d");
  pen.font = "12px " + getComputedStyle(document.body).fontFamily;
  function resize() {
    const width = Math.max(320, svg.clientWidth), height = Math.min(440, Math.max(300, width * 0.5));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    Object.assign(box, { width, height, right: width - 14, bottom: height - 54 });
  }
  function scale(low, high, from, to, gap, log = false) { // ticks are at least `gap` apart
    const f = log ? Math.log10 : (x) => x, a = f(low), b = f(high), pad = (b - a || Math.abs(a) || 1) * 0.07;
    const map = (x) => from + ((f(x) - a + pad) / (b - a + 2 * pad)) * (to - from);
    const found = log ? logTicks(10 ** (a - pad), 10 ** (b + pad)) : ticks(a - pad, b + pad);
    map.ticks = found.reduce((kept, t) => (kept.every((k) => Math.abs(map(k) - map(t)) >= gap) ? [...kept, t] : kept), []);
    return map;
  }
  function logTicks(low, high) {
    const found = [];
    for (const m of [1, 5, 2]) // where there is little room, the first ones stay
      for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) if (m * 10 ** e >= low && m * 10 ** e <= high) found.push(m * 10 ** e);
    return found.length > 1 ? found : ticks(low, high);
  }
  function chart() {
    if (!svg || !data.qualities.length || !data.costs.length) return;
    const quality = data.qualities[element("quality").value || 0], cost = data.costs[element("cost").value || 0];
    const color = cost.key === "colorfulness", seen = visible();
    const points = data.points.filter((p, k) => seen.has(k) && (color || p.kind !== "baseline"))
      .map((p) => ({ ...p, x: color ? p.means.colorfulness : p.costs[cost.key], y: p.means[quality.key], half: p.halves[quality.key] }))
      .filter((p) => p.x !== null && p.y !== null);
    svg.replaceChildren();
    resize();
    if (!points.length) return void svg.append(draw("text", { x: box.width / 2, y: box.height / 2, "text-anchor": "middle" }, "No entry has both."));
    const xs = points.map((p) => p.x).concat(color && cost.truth ? [cost.truth] : []), ys = points.flatMap((p) => [p.y - (p.half || 0), p.y + (p.half || 0)]);
    const log = !color && Math.min(...xs) > 0 && Math.max(...xs) > 8 * Math.min(...xs);
    const x = scale(Math.min(...xs), Math.max(...xs), box.left, box.right, 46, log);
    const ends = quality.higher ? [box.bottom, box.top] : [box.top, box.bottom];
    const y = scale(Math.min(...ys), Math.max(...ys), ends[0], ends[1], 20);
    for (const t of y.ticks) svg.append(draw("line", { class: "tick", x1: box.left, x2: box.right, y1: y(t), y2: y(t) }), draw("text", { x: box.left - 8, y: y(t) + 4, "text-anchor": "end" }, number(t, 4)));
    for (const t of x.ticks) svg.append(draw("line", { class: "tick", y1: box.top, y2: box.bottom, x1: x(t), x2: x(t) }), draw("text", { x: x(t), y: box.bottom + 18, "text-anchor": "middle" }, number(t, 3)));
    svg.append(draw("text", { x: (box.left + box.right) / 2, y: box.height - 12, "text-anchor": "middle" }, cost.title), draw("text", { transform: `translate(14 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, quality.title));
    points.sort((a, b) => a.x - b.x || (quality.higher ? b.y - a.y : a.y - b.y));
    const front = [];
    for (const p of points) if (!front.length || (quality.higher ? p.y > front.at(-1).y : p.y < front.at(-1).y)) front.push(p);
    if (color) {
      front.length = 0;
      if (cost.truth) svg.append(draw("line", { class: "truth", x1: x(cost.truth), x2: x(cost.truth), y1: box.top, y2: box.bottom }), draw("text", { x: x(cost.truth) - 6, y: box.bottom - 6, "text-anchor": "end" }, "photos"));
    } else svg.append(draw("path", { class: "front", d: front.map((p, k) => (k ? `H${x(p.x)}V${y(p.y)}` : `M${x(p.x)},${y(p.y)}`)).join("") + `H${box.right}` }));
    const boxes = front.flatMap((p, k) => {
      const next = front[k + 1], end = next ? x(next.x) : box.right;
      return [[x(p.x), y(p.y) - 1, end, y(p.y) + 1], ...(next ? [[end - 1, Math.min(y(p.y), y(next.y)), end + 1, Math.max(y(p.y), y(next.y))]] : [])];
    });
    if (color && cost.truth) boxes.push([x(cost.truth) - 46, box.bottom - 18, x(cost.truth), box.bottom]);
    for (const p of points) mark(p, x, y, front.includes(p), points.length <= 60, cost, quality);
    const named = color ? [...points].sort((a, b) => (b.kind === "baseline") - (a.kind === "baseline")) : [...front, ...points.filter((p) => !front.includes(p))];
    for (const p of named.slice(0, 40)) name(p, x, y, boxes, points);
  }
  function mark(p, x, y, on, whisker, cost, quality) {
    if (whisker && p.half) svg.append(draw("line", { class: "whisker", x1: x(p.x), x2: x(p.x), y1: y(p.y - p.half), y2: y(p.y + p.half) }));
    const words = `${p.label}: ${number(p.y, 4)}${p.half ? " ± " + number(p.half, 2) : ""} ${quality.title}, ${number(p.x, 3)} ${cost.title}${on ? ", on the front" : ""}`;
    const link = draw("a", p.page ? { href: p.page, "aria-label": words } : { tabindex: 0, "aria-label": words });
    link.append(draw("circle", { class: "point" + (p.kind === "baseline" ? " landmark" : ""), cx: x(p.x), cy: y(p.y), r: on ? 7 : 5.5 }));
    link.append(draw("title", {}, words));
    for (const event of ["pointerenter", "focus"]) link.addEventListener(event, () => (element("told").textContent = words));
    svg.append(link);
  }
  function name(p, x, y, boxes, points) {
    const text = p.name, width = pen.measureText(text).width + 3, px = x(p.x), py = y(p.y);
    const spots = [[8, -10, "start"], [8, 20, "start"], [-11, 4, "end"], [-8, -10, "end"], [-8, 20, "end"], [11, 4, "start"], [8, -26, "start"], [-8, -26, "end"], [8, 36, "start"], [-8, 36, "end"]];
    for (const [dx, dy, anchor] of spots) {
      const left = px + dx - (anchor === "end" ? width : anchor === "middle" ? width / 2 : 0), area = [left, py + dy - 12, left + width, py + dy + 4];
      const hit = area[0] < box.left || area[2] > box.width - 4 || area[1] < 2 || area[3] > box.bottom
        || boxes.some((b) => area[0] < b[2] && b[0] < area[2] && area[1] < b[3] && b[1] < area[3])
        || points.some((q) => q !== p && x(q.x) > area[0] - 6 && x(q.x) < area[2] + 6 && y(q.y) > area[1] - 6 && y(q.y) < area[3] + 6);
      if (hit) continue;
      boxes.push(area);
      svg.append(draw("text", { x: px + dx, y: py + dy, "text-anchor": anchor, "aria-hidden": "true" }, text));
      return;
    }
  }

  // The state in the address: a link shows what its sender saw.
  let restoring = true;
  function remember() {
    if (restoring) return;
    const facts = new URLSearchParams();
    if (home && (state.sort !== home.dataset.name || state.direction !== standard)) { facts.set("sort", state.sort); facts.set("direction", state.direction); }
    if (state.search) facts.set("search", state.search);
    for (const [name, value] of Object.entries(state.filters)) if (value) facts.set("only-" + name, value);
    if (state.with !== "") facts.set("with", data.points[Number(state.with)].label);
    const changed = heads.filter((head) => !head.dataset.name.startsWith("against") && usual.get(head.dataset.name) !== !head.hidden);
    if (changed.length) facts.set("columns", changed.map((head) => head.dataset.name).join(","));
    history.replaceState(null, "", "#" + facts.toString());
  }
  const standard = home ? home.getAttribute("aria-sort") : "";
  if (innerWidth < 640) { show("seeds", false); usual.set("seeds", false); }
  const facts = new URLSearchParams(location.hash.slice(1));
  for (const name of (facts.get("columns") || "").split(",")) if (usual.has(name)) show(name, !usual.get(name));
  for (const tick of document.querySelectorAll("[data-column]")) tick.checked = !heads[at(tick.dataset.column)].hidden;
  element("search").value = state.search = facts.get("search") || "";
  for (const box of document.querySelectorAll("[data-filter]")) {
    const value = facts.get("only-" + box.dataset.filter) || "";
    if ([...box.options].some((option) => option.value === value)) box.value = state.filters[box.dataset.filter] = value;
  }
  const chosen = data.points.findIndex((point) => point.label === facts.get("with"));
  if (chosen >= 0) element("with").value = state.with = String(chosen);
  if (at(facts.get("sort")) >= 0) sort(at(facts.get("sort")), facts.get("direction") === "descending" ? "descending" : "ascending");
  filter();
  restoring = false;
  addEventListener("resize", () => { chart(); against(); });
})();
