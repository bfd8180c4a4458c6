// The plot of what a number, a trunk group or a campaign did by the hour. It uses what console.js has.
"use strict";

const HISTORY_HEIGHT = 160;

document.addEventListener("htmx:load", (event) => {
  const elt = event.detail.elt;
  for (const one of [...(elt.matches("[data-history]") ? [elt] : []), ...elt.querySelectorAll("[data-history]")]) {
    const found = JSON.parse(one.dataset.history);
    const rows = ROWS.filter(([name]) => name in found);
    drawn(one, rows, HISTORY_HEIGHT, true).setData([found.at_s, ...rows.map(([name]) => found[name])]);
  }
});
