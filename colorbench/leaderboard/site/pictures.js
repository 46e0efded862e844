"use strict";
// Two pictures of one photo under a handle, their error maps, and all others as tiles. Names only pass through textContent.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent), element = (id) => document.getElementById(id);
  const fixed = [["truth", "true photo"], ["gray", "gray input"]];
  const choices = [...data.entries.map((entry) => [entry.label, entry.name]), ...fixed.map(([key, name]) => ["/" + key, name])];
  const named = new Map(choices);
  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  data.photos.forEach((photo, k) => element("photo").append(option(String(k), "photo " + (k + 1))));
  for (const side of ["a", "b"]) element(side).append(...choices.map(([value, text]) => option(value, text)));

  const address = (photo, key) => (key.startsWith("/") ? photo.fixed[key.slice(1)] : photo.pictures[key]) || "";
  const ready = (image) => image.decode().catch(() => {});
  const load = async (source) => { const image = new Image(); image.src = source; await ready(image); return image; };
  const pixels = (image) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  };
  const linear = Float64Array.from({ length: 256 }, (_, v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const root = (t) => (t > 216 / 24389 ? Math.cbrt(t) : (t * 24389 / 27 + 16) / 116);
  const lab = (d, i) => {
    const [r, g, b] = [linear[d[i]], linear[d[i + 1]], linear[d[i + 2]]];
    const x = root((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047), y = root(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
    const z = root((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  };
  const hot = [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]]; // five stops of magma
  async function map(id, source, true_source) {
    const canvas = element(id);
    const [one, other] = (await Promise.all([load(source), load(true_source)])).map(pixels);
    if (one.width !== other.width || one.height !== other.height) { canvas.hidden = true; return null; }
    let sum = 0;
    const made = new ImageData(one.width, one.height);
    for (let i = 0; i < one.data.length; i += 4) {
      const p = lab(one.data, i), q = lab(other.data, i), error = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
      sum += error;
      const at = Math.min(error / 60, 0.9999) * 4, k = Math.floor(at), share = at - k;
      for (let c = 0; c < 3; c++) made.data[i + c] = hot[k][c] + share * (hot[k + 1][c] - hot[k][c]);
      made.data[i + 3] = 255;
    }
    canvas.hidden = false;
    [canvas.width, canvas.height] = [one.width, one.height];
    canvas.getContext("2d").putImageData(made, 0, 0);
    return sum / (one.width * one.height);
  }

  const fit = slider(document.querySelector(".compare"), element("slide"));
  const score = (photo, key) => (photo.scores[key] ? " " + photo.scores[key] : "");
  async function show() {
    const photo = data.photos[Number(element("photo").value)], [a, b] = [element("a").value, element("b").value];
    history.replaceState(null, "", "#" + new URLSearchParams({ photo: Number(element("photo").value) + 1, a, b }));
    element("left").src = address(photo, a);
    element("right").src = address(photo, b);
    for (const [side, key] of [["a", a], ["b", b]]) element("name-" + side).textContent = named.get(key) + score(photo, key);
    element("said").textContent = "photo " + (Number(element("photo").value) + 1) + " (" + photo.id + ")";
    await Promise.all([ready(element("left")), ready(element("right"))]);
    fit();
    for (const [side, key] of [["a", a], ["b", b]]) {
      const mean = await map("map-" + side, address(photo, key), photo.fixed.truth);
      element("map-" + side + "-said").textContent = named.get(key) + (mean === null ? ": another size" : ": mean error " + mean.toFixed(1));
    }
    element("tiles").replaceChildren(...choices.filter(([key]) => address(photo, key)).map(([key, text]) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.append(Object.assign(new Image(), { src: address(photo, key), alt: "" }), Object.assign(document.createElement("span"), { textContent: text.replaceAll("+", "+\u200b") + score(photo, key) })); // a long name goes on behind a plus
      button.addEventListener("click", () => { element("b").value = key; show(); });
      return button;
    }));
  }
  const facts = new URLSearchParams(location.hash.slice(1)), has = (key) => named.has(key);
  element("photo").value = String(Math.min(Math.max(1, Number(facts.get("photo")) || 1), data.photos.length) - 1);
  element("a").value = has(facts.get("a")) ? facts.get("a") : choices[0][0];
  element("b").value = has(facts.get("b")) ? facts.get("b") : data.entries.length > 1 ? choices[1][0] : "/truth";
  for (const id of ["photo", "a", "b"]) element(id).addEventListener("change", show);
  show();
})();
