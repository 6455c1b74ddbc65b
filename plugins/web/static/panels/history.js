/** One quantity of one device over time: the mean as a line, the extremes as a band. */

import uPlot from "/vendor/uplot.js";
import { get } from "../api.js";
import { empty, find, h } from "../dom.js";
import { clock, decimal, words } from "../format.js";
import { Panel, repeat } from "../panel.js";

const EVERY_MS = 10000;
const HEIGHT = 240;
const POINTS = 300;
/** @type {[string, number][]} */
const SPANS = [
  ["10 min", 600],
  ["1 h", 3600],
  ["6 h", 21600],
  ["24 h", 86400],
];
/** @type {Record<string, string>} */
const UNITS = {
  power: "W",
  reactive_power: "var",
  apparent_power: "VA",
  voltage: "V",
  current: "A",
  power_factor: "",
  frequency: "Hz",
  energy_import: "Wh",
  energy_export: "Wh",
  state_of_charge: "%",
  tap: "",
};

/** @param {import("../hub.js").Hub} hub */
export function startHistory(hub) {
  const panel = new Panel("history");
  const device = h("select", { "aria-label": "Device" });
  const quantity = h("select", { "aria-label": "Quantity" });
  const span = h(
    "select",
    { "aria-label": "Time span" },
    SPANS.map(([name, s], i) => h("option", { value: s, selected: i === 0 }, name)),
  );
  const place = h("div", { class: "plot" });
  /** @type {any} */
  let plot = null;
  /** @type {number[][] | null} */
  let data = null;
  /** What is asked for, s. */
  let shown = [0, 1];

  const choices = () => {
    const devices = [...hub.live.readings.keys()].sort();
    options(
      device,
      devices,
      (id) => Object.values(hub.houses).find((house) => house.device === id)?.name ?? words(id),
      devices.includes("head") ? "head" : devices[0],
    );
    const quantities = [...(hub.live.readings.get(device.value)?.keys() ?? [])].sort();
    options(quantity, quantities, words, "power");
  };
  const draw = () => {
    plot?.destroy();
    plot = null;
    if (!data || !data[0].length) {
      place.replaceChildren(empty("Nothing recorded", "This device has no values in this span yet."));
      return;
    }
    place.replaceChildren();
    plot = new uPlot(
      settings(quantity.value, Math.max(260, place.clientWidth), () => shown),
      /** @type {any} */ (data),
      place,
    );
  };
  const soon = repeat(async () => {
    await hub.ready;
    if (!hub.has("history/series")) {
      data = null;
      panel.absent(hub.absence("recorder"));
      return;
    }
    choices();
    if (!device.value || !quantity.value) return;
    try {
      const until = hub.live.now() / 1000;
      shown = [until - Number(span.value), until];
      const since = new Date(shown[0] * 1000).toISOString();
      const series = await get(
        `/api/history?${new URLSearchParams({ device: device.value, quantity: quantity.value, since, points: String(POINTS) })}`,
      );
      data = [
        series.at.map((/** @type {string} */ at) => Date.parse(at) / 1000),
        series.value,
        series.min,
        series.max,
      ];
      if (!place.isConnected) panel.body.replaceChildren(place);
      if (!device.isConnected) panel.tools.replaceChildren(device, quantity, span);
      if (plot && data[0].length) plot.setData(data);
      else draw();
    } catch (error) {
      panel.failed(error);
    }
  }, EVERY_MS);

  const again = () => {
    choices();
    plot?.destroy();
    plot = null;
    soon();
  };
  for (const select of [device, quantity, span]) select.addEventListener("change", again);
  hub.live.onChange(({ first }) => {
    if (first) soon();
  });
  addEventListener("themechange", draw);
  new ResizeObserver(() =>
    plot?.setSize({ width: Math.max(260, place.clientWidth), height: HEIGHT }),
  ).observe(place);
}

/** Fill a choice, keeping what is chosen. @param {HTMLSelectElement} select @param {string[]} values @param {(value: string) => string} name @param {string} usual */
function options(select, values, name, usual) {
  if ([...select.options].map((option) => option.value).join() === values.join()) return;
  const chosen = select.value || usual;
  select.replaceChildren(...values.map((value) => h("option", { value }, name(value))));
  if (values.includes(chosen)) select.value = chosen;
}

/** @param {string} quantity @param {number} width @param {() => number[]} range of the time axis, s @returns {any} */
function settings(quantity, width, range) {
  const base = quantity.replace(/_[abc]$/, "");
  const unit = UNITS[base] ?? "";
  const colour = (/** @type {string} */ name) =>
    getComputedStyle(find("#history")).getPropertyValue(`--${name}`).trim();
  const resolved = (/** @type {string} */ name) => {
    const probe = find("#history");
    const before = probe.style.outlineColor;
    probe.style.outlineColor = colour(name);
    const found = getComputedStyle(probe).outlineColor;
    probe.style.outlineColor = before;
    return found;
  };
  const [line, grid, text] = [resolved("accent"), resolved("line"), resolved("ink-2")];
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    font: "12px system-ui",
  };
  return {
    width,
    height: HEIGHT,
    cursor: { y: false },
    scales: { x: { time: true, range } },
    axes: [
      {
        ...axis,
        space: 76,
        values: (/** @type {any} */ _, /** @type {number[]} */ ticks) =>
          ticks.map((s) => clock(s * 1000, ticks[1] - ticks[0] < 60)),
      },
      {
        ...axis,
        size: 78,
        values: (/** @type {any} */ _, /** @type {number[]} */ ticks) =>
          ticks.map((v) => label(v, unit, ticks)),
      },
    ],
    series: [
      {
        label: "Time",
        value: (/** @type {any} */ _, /** @type {number | null} */ s) => (s === null ? "–" : clock(s * 1000)),
      },
      {
        label: `${words(quantity)}${unit ? ` in ${unit}` : ""}`,
        stroke: line,
        width: 1.8,
        value: (/** @type {any} */ _, /** @type {number | null} */ v) =>
          v === null ? "–" : decimal(v, Math.abs(v) < 10 ? 3 : 1),
      },
      { label: "lowest", stroke: "transparent", points: { show: false } },
      { label: "highest", stroke: "transparent", points: { show: false } },
    ],
    bands: [{ series: [3, 2], fill: line.replace("rgb(", "rgba(").replace(")", ", 0.14)") }],
  };
}

/** @param {number} value @param {string} unit @param {number[]} ticks */
function label(value, unit, ticks) {
  const most = Math.max(...ticks.map(Math.abs));
  const [factor, prefix] =
    !unit || unit === "%" ? [1, ""] : most >= 1e6 ? [1e6, "M"] : most >= 1e4 ? [1e3, "k"] : [1, ""];
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) / factor : 1;
  return `${decimal(value / factor, step >= 1 ? 0 : Math.min(5, Math.ceil(-Math.log10(step))))} ${prefix}${unit}`;
}
