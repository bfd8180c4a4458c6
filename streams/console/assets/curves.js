// The plots of Model: what a model catches by the share of the labels that it learnt from. It uses what console.js has.
"use strict";

const CURVE_HEIGHT = 220;
const CURVE_LINES = [["--label", []], ["--block", [4, 4]]];

function learningCurve(place) {
  const found = JSON.parse(place.dataset.curve);
  const percent = (_, values) => values.map((value) => `${value} %`);
  const share = (_, value) => (value === null ? "-" : value.toFixed(3));
  const options = {
    width: place.clientWidth || 600, height: CURVE_HEIGHT, cursor: { drag: { x: false, y: false } },
    axes: [{ ...axis(), values: percent, splits: () => [0, 25, 50, 75, 100] }, upright()],
    scales: { x: { time: false, range: () => [0, 104] }, y: { range: () => [0, 1] } },
    series: [
      { label: "labels learnt from", value: (_, at) => (at === null ? "-" : `${at} %`) },
      ...found.rates.map((rate, row) => ({
        label: `caught, 1 in ${Math.round(1 / rate).toLocaleString("en")} lawful calls hit`,
        width: 2, dash: CURVE_LINES[row][1], stroke: () => colour(CURVE_LINES[row][0]), value: share,
      })),
    ],
  };
  const data = [
    found.points.map((one) => Math.round(one.share * 100)),
    ...found.rates.map((_, row) => found.points.map((one) => one.caught[row][0])),
  ];
  const plot = new uPlot(options, data, place);
  new ResizeObserver(() => {
    if (place.clientWidth) plot.setSize({ width: place.clientWidth, height: CURVE_HEIGHT });
  }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
}

document.addEventListener("htmx:load", (event) => {
  for (const one of event.detail.elt.querySelectorAll("[data-curve]")) learningCurve(one);
});
