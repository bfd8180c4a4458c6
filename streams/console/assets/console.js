// The console's own script: the search key, plots of decisions by time, and what is said when the server is away.
"use strict";

const ROWS = [
  ["allow", "allowed", "--allow", []],
  ["label", "labelled", "--label", []],
  ["block", "blocked", "--block", []],
  ["tried_label", "only tried: label", "--label", [4, 4]],
  ["tried_block", "only tried: block", "--block", [4, 4]],
];
const EVERY_MS = 2000;
const HEIGHT = 240;
const LABEL = 32; // half a label of time, which may stand at the right end
const LEAST = 50; // pixels of an upright axis, so that plots below each other begin alike
const APART = 70; // pixels between labels of time, each of them narrower
const TIMES = [ // by seconds between labels: their text, and what stands below the first one of a year or of a day
  [365 * 86400, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * 86400, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", null, null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", null, null, "\n{D} {MMM}", null, null, null, 1],
];

function away(isAway) {
  document.getElementById("away").hidden = !isAway;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis() {
  const lines = { stroke: () => colour("--line"), width: 1 };
  return { stroke: () => colour("--text"), grid: lines, ticks: lines };
}

function upright() { // an axis as wide as its longest label: uPlot's own width has room for four digits
  const size = (plot, labels, place) => {
    const { ticks, gap, font } = plot.axes[place];
    plot.ctx.font = font[0];
    const widths = (labels || []).map((label) => plot.ctx.measureText(label).width / devicePixelRatio);
    return Math.ceil(Math.max(LEAST, ticks.size + gap + Math.max(0, ...widths)));
  };
  return { ...axis(), size };
}

function drawn(place, rows, height, { hasPoints = false, x = {} } = {}) {
  const series = rows.map(([, label, variable, dash]) => ({
    label, dash, width: 2, stroke: () => colour(variable), points: { show: hasPoints },
  }));
  const options = {
    width: place.clientWidth || 600, height, padding: [null, LABEL, null, null],
    axes: [{ ...axis(), space: APART, values: TIMES }, upright()],
    cursor: { drag: { x: false, y: false } },
    tzDate: (second) => uPlot.tzDate(new Date(second * 1e3), "Etc/UTC"),
    scales: { x, y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] } },
    series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss} UTC" }, ...series],
  };
  const plot = new uPlot(options, [[], ...rows.map(() => [])], place);
  new ResizeObserver(() => { if (place.clientWidth) plot.setSize({ width: place.clientWidth, height }); }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
  return plot;
}

async function follow(place) {
  const plot = drawn(place, ROWS, HEIGHT);
  for (;;) {
    if (!document.hidden) {
      try {
        const answer = await fetch("/now/series", { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(10000) });
        if (answer.status === 401) { location.assign("/sign-in"); return; }
        const found = await answer.json();
        plot.setData([found.at_s, ...ROWS.map(([row]) => found[row])]);
        away(false);
      } catch { away(true); }
    }
    await new Promise((done) => setTimeout(done, EVERY_MS));
  }
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  const box = document.getElementById("q");
  if (event.key === "/" && !isTyping && box && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    box.focus();
  }
});
for (const trouble of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(trouble, () => away(true));
}
document.addEventListener("htmx:afterOnLoad", () => away(false));

const place = document.getElementById("plot");
if (place) follow(place);
