// @ts-check
"use strict";

const plotly = /** @type {any} */ (window).Plotly;
/** @type {NodeListOf<HTMLElement>} */
const boxes = document.querySelectorAll(".chart");

/* One chart at a time, so that a large report can be read while its charts are being drawn. */
async function draw() {
  for (const box of boxes) {
    const figure = JSON.parse(document.getElementById(box.dataset.figure).textContent);
    await plotly.newPlot(box, figure.data, figure.layout, {
      displayModeBar: false,
      responsive: true,
    });
    await new Promise((resolve) => setTimeout(resolve));
  }
  document.documentElement.dataset.drawn = String(boxes.length);
}

/* On paper nothing may stay folded, and charts need the width of the page. */
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (const box of boxes) plotly.Plots.resize(box);
});

draw();
