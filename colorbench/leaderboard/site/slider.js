"use strict";
// A picture over another of the same size: the part left of the handle is shown. Returns what lays it out again.
function slider(compare, slide) {
  const over = compare.querySelector(".over"), image = over.querySelector("img");
  const fit = () => { image.style.width = compare.clientWidth + "px"; over.style.width = slide.value + "%"; };
  const drag = (event) => {
    const area = compare.getBoundingClientRect();
    slide.value = Math.round((100 * (event.clientX - area.left)) / area.width);
    fit();
  };
  slide.addEventListener("input", fit);
  addEventListener("resize", fit);
  compare.addEventListener("pointerdown", (event) => { compare.setPointerCapture(event.pointerId); drag(event); });
  compare.addEventListener("pointermove", (event) => event.buttons && drag(event));
  compare.addEventListener("dragstart", (event) => event.preventDefault());
  fit();
  return fit;
}
