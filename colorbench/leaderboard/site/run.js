"use strict";
(() => {
  for (const figure of document.querySelectorAll("figure")) {
    const slide = figure.querySelector(".slide"), over = figure.querySelector(".over"), compare = figure.querySelector(".compare");
    if (!slide) continue;
    const image = over.querySelector("img");
    image.dataset.first = image.src;
    const fit = () => { image.style.width = compare.clientWidth + "px"; over.style.width = slide.value + "%"; };
    slide.addEventListener("input", fit);
    addEventListener("resize", fit);
    const drag = (event) => {
      const area = compare.getBoundingClientRect();
      slide.value = Math.round((100 * (event.clientX - area.left)) / area.width);
      fit();
    };
    compare.addEventListener("pointerdown", (event) => { compare.setPointerCapture(event.pointerId); drag(event); });
    compare.addEventListener("pointermove", (event) => event.buttons && drag(event));
    compare.addEventListener("dragstart", (event) => event.preventDefault());
    fit();
  }
  const before = document.getElementById("before");
  if (!before) return;
  before.addEventListener("change", () => {
    const words = before.selectedOptions[0].textContent;
    for (const image of document.querySelectorAll(".over img")) {
      image.src = before.value === "1" ? image.dataset.other : image.dataset.first;
      image.alt = words;
    }
    for (const tag of document.querySelectorAll(".tag.l")) tag.textContent = words;
  });
})();
