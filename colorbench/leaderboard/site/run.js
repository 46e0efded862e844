"use strict";
(() => {
  for (const figure of document.querySelectorAll("figure")) {
    const slide = figure.querySelector(".slide");
    if (!slide) continue;
    const image = figure.querySelector(".over img");
    image.dataset.first = image.src;
    slider(figure.querySelector(".compare"), slide);
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
