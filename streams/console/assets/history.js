// The plot of what a number, a trunk group or a campaign did by the hour. It uses what console.js has.
"use strict";

const HISTORY_HEIGHT = 160;
const HOUR_S = 3600;

document.addEventListener("htmx:load", (event) => {
  const elt = event.detail.elt;
  for (const one of [...(elt.matches("[data-history]") ? [elt] : []), ...elt.querySelectorAll("[data-history]")]) {
    const found = JSON.parse(one.dataset.history);
    const rows = ROWS.filter(([name]) => name in found);
    const around = [found.at_s[0] - HOUR_S, found.at_s.at(-1) + HOUR_S]; // else uPlot has years for a single hour
    const plot = drawn(one, rows, HISTORY_HEIGHT, { hasPoints: true, x: { range: () => around } });
    plot.setData([found.at_s, ...rows.map(([name]) => found[name])]);
  }
});
