// The plot of Now that says how many calls have at least which score. It uses what console.js has.
"use strict";

const SCORES_EVERY_MS = 5000;
const SCORES_HEIGHT = 200;

function logit(score) {
  return Math.log10(score / (1 - score));
}

function scoreCurve(place) {
  const ends = [0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999];
  const options = {
    width: place.clientWidth, height: SCORES_HEIGHT, cursor: { drag: { x: false, y: false } },
    axes: [{ ...axis(), splits: () => ends.map(logit), values: () => ends.map(String) }, upright()],
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] } },
    series: [
      { label: "score at least", value: (_, at) => (at === null ? "-" : (1 / (1 + 10 ** -at)).toPrecision(4)) },
      { label: "calls", width: 2, stroke: () => colour("--label"), points: { show: false } },
    ],
  };
  return new uPlot(options, [[], []], place);
}

async function followScores(place) {
  const plot = scoreCurve(place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: SCORES_HEIGHT })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
  for (;;) {
    if (!document.hidden) {
      try {
        const answer = await fetch("/now/scores", { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(10000) });
        if (answer.status === 401) { location.assign("/sign-in"); return; }
        const found = await answer.json();
        plot.setData([found.threshold.map(logit), found.calls]);
      } catch { /* the plot above says that the console is away */ }
    }
    await new Promise((done) => setTimeout(done, SCORES_EVERY_MS));
  }
}

const scoresPlace = document.getElementById("thresholds-plot");
if (scoresPlace) followScores(scoresPlace);
