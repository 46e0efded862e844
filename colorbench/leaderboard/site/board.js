"use strict";
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

  // Cells: {t: text, v: sort value}; what is shown goes through textContent, never through markup.
  const shown = (cell) => (cell && typeof cell === "object" ? cell.t : cell === null ? "" : String(cell));
  const sorted = (cell) => (cell && typeof cell === "object" ? cell.v : cell);
  const escaped = (text) => make("span", {}, text).innerHTML;

  function table(target, columns, rows, link, order) {
    const name = columns.findIndex((column) => column.name === link);
    const definitions = columns.map((column, index) => ({
      title: escaped(column.title), visible: column.shown !== false, orderSequence: column.down ? ["desc", "asc"] : ["asc", "desc"],
      type: column.number ? "num" : "string",
      className: [column.number ? "" : "text", index === name ? "name" : "", column.primary ? "primary" : ""].join(" ").trim(),
      data: (row, kind) => {
        const cell = row.c[index];
        if (kind === "sort" || kind === "type") {
          const value = sorted(cell);
          return column.number ? (value === null ? (column.down ? -Infinity : Infinity) : value) : (value ?? "");
        }
        return kind === "filter" ? shown(cell) : escaped(shown(cell));
      },
      createdCell: (td, text, row) => {
        if (index !== name) return;
        const words = td.textContent;
        td.textContent = "";
        const place = row.p ? make("a", { href: row.p }) : td;
        words.split("+").forEach((part, k) => place.append(...(k ? ["+", make("wbr"), part] : [part])));
        if (place !== td) td.append(place);
        for (const [kind, text] of row.b || []) td.append(" ", make("span", { class: "badge " + kind }, text));
      },
    }));
    const many = rows.length > 100;
    return new DataTable(target, {
      data: rows, columns: definitions, order, deferRender: true, paging: many, pageLength: 50, autoWidth: false,
      layout: { topStart: null, topEnd: null, bottomStart: many ? "info" : null, bottomEnd: many ? "paging" : null },
      createdRow: (tr, row) => row.k && tr.classList.add(row.k),
      language: { zeroRecords: "Nothing matches.", emptyTable: "Nothing here." },
      orderMulti: true, caption: document.querySelector(target + " caption").textContent,
    });
  }

  if (innerWidth < 640) for (const column of data.columns) if (column.name === "seeds") column.shown = false;
  const board = table("#board", data.columns, data.rows, "label", []);
  const runs = table("#all-runs", data.runColumns, data.runs, "run", []);
  window.colorbench = { board, runs };
  for (const [box, grid] of [["search", board], ["search-runs", runs]])
    element(box).addEventListener("input", (event) => grid.search(event.target.value).draw());
  const index = (name) => data.columns.findIndex((column) => column.name === name);
  for (const box of document.querySelectorAll("[data-filter]"))
    box.addEventListener("change", () => board.column(index(box.dataset.filter)).search(box.value ? (text) => text === box.value : "").draw());
  data.columns.forEach((column, k) => {
    if (column.name === "label") return;
    const label = make("label"), tick = make("input", { type: "checkbox" });
    tick.checked = column.shown !== false;
    tick.addEventListener("change", () => board.column(k).visible(tick.checked));
    label.append(tick, column.title);
    element("columns").append(label);
  });
  document.addEventListener("keydown", (event) => {
    const open = document.querySelector("details.picker[open]");
    if (event.key === "Escape" && open) { open.open = false; open.querySelector("summary").focus(); }
  });
  document.addEventListener("click", (event) => {
    const open = document.querySelector("details.picker[open]");
    if (open && !open.contains(event.target)) open.open = false;
  });

  // The front: quality against cost, points as links.
  const svg = element("chart");
  if (!svg) return;
  const draw = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  for (const [id, choices] of [["quality", data.qualities], ["cost", data.costs]]) {
    choices.forEach((choice, k) => element(id).append(make("option", { value: k }, choice.title)));
    element(id).addEventListener("change", chart);
  }
  const box = { left: 64, top: 18 };
  function resize() {
    const width = Math.max(320, svg.clientWidth), height = Math.min(440, Math.max(300, width * 0.5));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    Object.assign(box, { width, height, right: width - 14, bottom: height - 54 });
  }
  function scale(low, high, from, to, log) {
    const f = log ? Math.log10 : (x) => x, a = f(low), b = f(high), pad = (b - a || Math.abs(a) || 1) * 0.07;
    const map = (x) => from + ((f(x) - a + pad) / (b - a + 2 * pad)) * (to - from);
    map.ticks = log ? logTicks(10 ** (a - pad), 10 ** (b + pad)) : ticks(a - pad, b + pad);
    return map;
  }
  function ticks(low, high) {
    const raw = (high - low) / 6, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const found = [];
    for (let x = Math.ceil(low / step) * step; x <= high; x += step) found.push(x);
    return found;
  }
  function logTicks(low, high) {
    const found = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++)
      for (const m of [1, 2, 5]) if (m * 10 ** e >= low && m * 10 ** e <= high) found.push(m * 10 ** e);
    return found.length > 1 ? found : ticks(low, high);
  }
  function chart() {
    const quality = data.qualities[element("quality").value || 0], cost = data.costs[element("cost").value || 0];
    const points = data.points.map((p) => ({ ...p, x: p.costs[cost.key], y: p.means[quality.key], half: p.halves[quality.key] }))
      .filter((p) => p.x !== null && p.y !== null);
    svg.replaceChildren();
    resize();
    if (!points.length) return void svg.append(draw("text", { x: box.width / 2, y: box.height / 2, "text-anchor": "middle" }, "No entry has both."));
    const xs = points.map((p) => p.x), ys = points.flatMap((p) => [p.y - (p.half || 0), p.y + (p.half || 0)]);
    const log = Math.min(...xs) > 0 && Math.max(...xs) > 8 * Math.min(...xs);
    const x = scale(Math.min(...xs), Math.max(...xs), box.left, box.right, log);
    const ends = quality.higher ? [box.bottom, box.top] : [box.top, box.bottom];
    const y = scale(Math.min(...ys), Math.max(...ys), ends[0], ends[1], false);
    for (const t of y.ticks) svg.append(draw("line", { class: "tick", x1: box.left, x2: box.right, y1: y(t), y2: y(t) }), draw("text", { x: box.left - 8, y: y(t) + 4, "text-anchor": "end" }, number(t, 4)));
    for (const t of x.ticks) svg.append(draw("line", { class: "tick", y1: box.top, y2: box.bottom, x1: x(t), x2: x(t) }), draw("text", { x: x(t), y: box.bottom + 18, "text-anchor": "middle" }, number(t, 3)));
    svg.append(draw("text", { x: (box.left + box.right) / 2, y: box.height - 12, "text-anchor": "middle" }, cost.title), draw("text", { transform: `translate(14 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, quality.title));
    points.sort((a, b) => a.x - b.x || (quality.higher ? b.y - a.y : a.y - b.y));
    const front = [];
    for (const p of points) if (!front.length || (quality.higher ? p.y > front.at(-1).y : p.y < front.at(-1).y)) front.push(p);
    svg.append(draw("path", { class: "front", d: front.map((p, k) => (k ? `H${x(p.x)}V${y(p.y)}` : `M${x(p.x)},${y(p.y)}`)).join("") + `H${box.right}` }));
    const boxes = front.flatMap((p, k) => {
      const next = front[k + 1], end = next ? x(next.x) : box.right;
      return [[x(p.x), y(p.y) - 1, end, y(p.y) + 1], ...(next ? [[end - 1, Math.min(y(p.y), y(next.y)), end + 1, Math.max(y(p.y), y(next.y))]] : [])];
    });
    for (const p of points) mark(p, x, y, front.includes(p), points.length <= 60, cost, quality);
    for (const p of front) name(p, x, y, boxes, points);
  }
  function mark(p, x, y, on, whisker, cost, quality) {
    if (whisker && p.half) svg.append(draw("line", { class: "whisker", x1: x(p.x), x2: x(p.x), y1: y(p.y - p.half), y2: y(p.y + p.half) }));
    const words = `${p.label}: ${number(p.y, 4)}${p.half ? " ± " + number(p.half, 2) : ""} ${quality.title}, ${number(p.x, 3)} ${cost.title}${on ? ", on the front" : ""}`;
    const link = draw("a", p.page ? { href: p.page, "aria-label": words } : { tabindex: 0, "aria-label": words });
    link.append(draw("circle", { class: "point" + (on ? "" : " off"), cx: x(p.x), cy: y(p.y), r: on ? 7 : 5.5 }));
    link.append(draw("title", {}, words));
    for (const event of ["pointerenter", "focus"]) link.addEventListener(event, () => (element("told").textContent = words));
    svg.append(link);
  }
  function name(p, x, y, boxes, points) {
    const text = p.name, width = text.length * 6.6, px = x(p.x), py = y(p.y);
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
  chart();
  addEventListener("resize", chart);
})();
