"use strict";

const boxes = [...document.querySelectorAll(".chart")];

/* One at a time, so that a large report can be read while its charts are being drawn. */
function draw(place) {
  if (place === boxes.length) {
    document.documentElement.dataset.drawn = String(place);
    return;
  }
  const box = boxes[place];
  const figure = JSON.parse(document.getElementById(box.dataset.figure).textContent);
  Plotly.newPlot(box, figure.data, figure.layout, { displayModeBar: false, responsive: true }).then(
    () => setTimeout(draw, 0, place + 1),
  );
}

/* Folded parts would be missing on paper, and charts are as wide as the window was. */
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  for (const box of boxes) Plotly.Plots.resize(box);
});

draw(0);
