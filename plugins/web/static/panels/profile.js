/** Voltage over distance from the substation, per phase; and how it was before the last tap change. */

import { empty, h, svg } from "../dom.js";
import { decimal, perUnit } from "../format.js";
import { Panel, perFrame } from "../panel.js";
import { LIMITS } from "../voltage-scale.js";

const PHASES = ["a", "b", "c"];
const MARKS = ["M0-4a4 4 0 1 0 .01 0z", "M-3.500-3.500h7v7h-7z", "M0-4.500 4.300 3.500h-8.600z"];
const HEIGHT = 280;
const EDGE = { left: 46, right: 14, top: 12, bottom: 34 };
/** How long the voltages before a tap change stay in the picture. */
const GHOST_MS = 120_000;

/** @param {import("../hub.js").Hub} hub @returns {(feeder: import("../feeder/model.js").Feeder | null) => void} tells the panel which feeder to show */
export function startProfile(hub) {
  const panel = new Panel("profile");
  /** @type {import("../feeder/model.js").Feeder | null} */
  let feeder = null;
  /** @type {{voltages: number[], taps: string, until: number} | null} */
  let before = null;
  /** @type {any} */
  let last = null;

  const draw = perFrame(() => {
    const state = feeder && hub.live.states.get(`grid/${feeder.name}/state`);
    if (!feeder || !state?.voltages_pu.length) return;
    const taps = JSON.stringify(state.taps);
    if (last && JSON.stringify(last.taps) !== taps)
      before = { voltages: last.voltages_pu, taps, until: Date.now() + GHOST_MS };
    if (before && Date.now() > before.until) before = null;
    last = state;
    panel.show(
      chart(feeder, state.voltages_pu, before?.voltages ?? null, panel.body.clientWidth - 32),
      legend(before !== null),
    );
  });
  hub.live.onChange(({ topics, first }) => {
    if (feeder && (first || topics.has(`grid/${feeder.name}/state`))) draw();
  });
  addEventListener("resize", draw);
  return (found) => {
    feeder = found;
    last = null;
    if (!found) panel.absent(hub.absence("opendss_grid"));
    else if (found.buses.every((bus) => bus.distanceM === null))
      panel.show(empty("No distances", "The feeder's lines have no lengths."));
    else draw();
  };
}

/**
 * @param {import("../feeder/model.js").Feeder} feeder @param {number[]} now @param {number[] | null} ghost @param {number} width px
 */
function chart(feeder, now, ghost, width) {
  const values = [...now, ...(ghost ?? [])].filter((pu) => pu > 0.5);
  const low = Math.min(LIMITS.low - 0.01, Math.min(...values) - 0.005);
  const high = Math.max(LIMITS.high + 0.015, Math.max(...values) + 0.005);
  const far = Math.max(...feeder.buses.map((bus) => bus.distanceM ?? 0)) || 1;
  const x = (/** @type {number} */ m) => EDGE.left + ((width - EDGE.left - EDGE.right) * m) / far;
  const y = (/** @type {number} */ pu) =>
    EDGE.top + ((HEIGHT - EDGE.top - EDGE.bottom) * (high - pu)) / (high - low);
  const limit = (/** @type {number} */ pu) => [
    svg("path", { class: "limit", d: `M${EDGE.left} ${y(pu).toFixed(1)}H${width - EDGE.right}` }),
    svg(
      "text",
      { class: "limit-text", x: width - EDGE.right, y: y(pu) - 5, "text-anchor": "end" },
      `limit ${decimal(pu, 2)}`,
    ),
  ];
  const base = HEIGHT - EDGE.bottom;
  return svg(
    "svg",
    {
      class: "profile",
      viewBox: `0 0 ${width} ${HEIGHT}`,
      width,
      height: HEIGHT,
      role: "img",
      "aria-label": words(feeder, now),
    },
    ticks(low, high).map((pu) => [
      svg("path", { class: "grid-line", d: `M${EDGE.left} ${y(pu).toFixed(1)}H${width - EDGE.right}` }),
      svg("text", { class: "tick", x: EDGE.left - 8, y: y(pu) + 4, "text-anchor": "end" }, decimal(pu, 2)),
    ]),
    (width < 480 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]).map((part) =>
      svg(
        "text",
        {
          class: "tick",
          x: x(far * part),
          y: base + 18,
          "text-anchor": part === 1 ? "end" : part ? "middle" : "start",
        },
        `${decimal((far * part) / 1000, 2)} km`,
      ),
    ),
    svg("path", { class: "axis", d: `M${EDGE.left} ${base}H${width - EDGE.right}` }),
    limit(LIMITS.low),
    limit(LIMITS.high),
    ghost &&
      [0, 1, 2].map((phase) =>
        svg("path", { class: `ghost phase-${PHASES[phase]}`, d: lines(feeder, ghost, phase, x, y) }),
      ),
    [0, 1, 2].map((phase) => [
      svg("path", { class: `trace phase-${PHASES[phase]}`, d: lines(feeder, now, phase, x, y) }),
      feeder.buses.map((bus) => mark(bus, now, phase, x, y)),
    ]),
  );
}

/** The branches as lines of one phase. @param {import("../feeder/model.js").Feeder} feeder @param {number[]} voltages @param {number} phase @param {(m: number) => number} x @param {(pu: number) => number} y */
function lines(feeder, voltages, phase, x, y) {
  const place = new Map(feeder.buses.map((bus) => [bus.name, bus]));
  return feeder.edges
    .map((edge) => {
      const ends = [edge.from, edge.to]
        .map((name) => place.get(name))
        .map((bus) => {
          const row = bus?.rows[phase];
          const pu = row === null || row === undefined ? 0 : voltages[row];
          return bus && pu > 0.5 ? `${x(bus.distanceM ?? 0).toFixed(1)} ${y(pu).toFixed(1)}` : "";
        });
      return ends.every(Boolean) ? `M${ends[0]}L${ends[1]}` : "";
    })
    .join("");
}

/** @param {import("../feeder/model.js").Bus} bus @param {number[]} voltages @param {number} phase @param {(m: number) => number} x @param {(pu: number) => number} y */
function mark(bus, voltages, phase, x, y) {
  const row = bus.rows[phase];
  const pu = row === null ? 0 : voltages[row];
  if (pu < 0.5) return null;
  return svg(
    "path",
    {
      class: `mark phase-${PHASES[phase]}`,
      d: MARKS[phase],
      transform: `translate(${x(bus.distanceM ?? 0).toFixed(1)} ${y(pu).toFixed(1)})`,
    },
    svg("title", {}, `${bus.name} phase ${PHASES[phase]}: ${perUnit(pu, 4)}`),
  );
}

/** @param {number} low @param {number} high */
function ticks(low, high) {
  const step = high - low > 0.2 ? 0.05 : 0.02;
  const found = [];
  for (let pu = Math.ceil(low / step) * step; pu <= high; pu += step) found.push(pu);
  return found;
}

/** @param {import("../feeder/model.js").Feeder} feeder @param {number[]} now */
function words(feeder, now) {
  return PHASES.map((phase, i) => {
    const values = feeder.buses
      .map((bus) => bus.rows[i])
      .filter((row) => row !== null)
      .map((row) => now[/** @type {number} */ (row)])
      .filter((pu) => pu > 0.5);
    return values.length
      ? `Phase ${phase}: ${perUnit(Math.min(...values))} to ${perUnit(Math.max(...values))}.`
      : "";
  }).join(" ");
}

/** @param {boolean} ghost */
function legend(ghost) {
  return h(
    "p",
    { class: "legend" },
    PHASES.map((phase, i) =>
      h(
        "span",
        {},
        svg(
          "svg",
          { class: "key-mark", viewBox: "-6 -6 12 12", width: 12, height: 12, "aria-hidden": "true" },
          svg("path", { class: `mark phase-${phase}`, d: MARKS[i] }),
        ),
        `phase ${phase}`,
      ),
    ),
    ghost && h("span", { class: "ghost-key" }, "before the last tap change"),
  );
}
