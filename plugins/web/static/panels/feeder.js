/** The feeder as a one-line diagram, live. */

import { get } from "../api.js";
import { h, show } from "../dom.js";
import { decimal, perUnit } from "../format.js";
import { Drawing } from "../feeder/drawing.js";
import { feederModel } from "../feeder/model.js";
import { Panel, perFrame } from "../panel.js";
import { phaseVoltages } from "../readings.js";
import { DEAD, LIMITS, level } from "../voltage-scale.js";

const STALE_MS = 10000;
const UNKNOWN = {
  name: "",
  site: "home",
  pv: false,
  battery: false,
  ev: false,
  device: "",
  nominal_v: 240,
  phases: [],
  bus: null,
  wallet: null,
};

/**
 * @param {import("../hub.js").Hub} hub
 * @param {(feeder: import("../feeder/model.js").Feeder | null) => void} found called when a feeder is known or gone
 */
export function startFeeder(hub, found) {
  const panel = new Panel("feeder");
  /** @type {import("../feeder/model.js").Feeder | null} */
  let feeder = null;
  /** @type {Drawing | null} */
  let drawing = null;
  let asking = false;
  /** The feeder that was chosen, where there are several. */
  let chosen = "";
  const choice = h("select", { "aria-label": "Feeder shown" });
  choice.addEventListener("change", () => {
    chosen = choice.value;
    look();
  });
  const place = h("div", { class: "diagram" });
  const table = h(
    "details",
    { class: "as-table" },
    h("summary", {}, "As a table"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Voltages of all buses" }),
  );

  const house = (/** @type {string} */ id) => hub.houses[id] ?? { ...UNKNOWN, name: id };
  const siteNow = (/** @type {string} */ id) => {
    const { name, device, site } = house(id);
    const volts = hub.houses[id] ? phaseVoltages(hub.live, hub.houses[id]) : [];
    return {
      name,
      site,
      watts: hub.live.reading(device, "power")?.value,
      dead: volts.length > 0 && volts.every(({ pu }) => pu < DEAD),
    };
  };
  const state = () => (feeder ? hub.live.states.get(`grid/${feeder.name}/state`) : null);

  const build = () => {
    if (!feeder || !panel.body.clientWidth) return;
    panel.body.replaceChildren(place, legend(), table);
    drawing = new Drawing(feeder, place.clientWidth, house);
    place.replaceChildren(drawing.element);
    update();
  };
  const update = perFrame(() => {
    const now = state();
    if (!drawing || !feeder || !now || now.voltages_pu.length === 0) return;
    drawing.update(now, siteNow);
    drawing.element.setAttribute("aria-label", summary(feeder, now));
    if (table.open) show(table.lastElementChild, rows(feeder, now));
    const old = hub.live.now() - Date.parse(now.at);
    if (old > STALE_MS) panel.stale(old);
    else panel.fresh();
    show(
      panel.tools,
      choice.options.length > 1 ? choice : null,
      now.converged ? null : h("span", { class: "pill bad" }, now.problem ?? "power flow did not converge"),
    );
  });

  new ResizeObserver(() => {
    if (drawing && Math.abs(place.clientWidth - drawing.element.width.baseVal.value) > 2) build();
  }).observe(place);
  table.addEventListener("toggle", update);
  hub.live.onChange(({ topics, readings, first }) => {
    if (first || readings || (feeder && topics.has(`grid/${feeder.name}/state`))) update();
  });
  setInterval(update, 2000);
  const look = async () => {
    const names = hub.feeders();
    const name = names.includes(chosen) ? chosen : names[0];
    if (names.join("\n") !== [...choice.options].map((option) => option.value).join("\n"))
      choice.replaceChildren(...names.map((one) => h("option", { value: one }, one)));
    choice.value = name ?? "";
    if (!name) {
      feeder = null;
      drawing = null;
      found(null);
      panel.absent(hub.absence("opendss_grid"));
    } else if (feeder?.name !== name && !asking) {
      asking = true;
      try {
        feeder = feederModel(await get(`/api/feeder?name=${encodeURIComponent(name)}`));
        build();
        found(feeder);
      } catch (error) {
        // No card may go on with the feeder that was shown before: a switch of it would be thrown.
        feeder = null;
        drawing = null;
        found(null);
        panel.failed(error);
      } finally {
        asking = false;
      }
      // Another one may have been chosen meanwhile. The same one again waits for the next state.
      if (chosen && chosen !== name) look();
    }
  };
  hub.onState(look);
}

/** @param {import("../feeder/model.js").Feeder} feeder @param {any} now */
function summary(feeder, now) {
  const live = now.voltages_pu.filter((/** @type {number} */ pu) => pu > 0);
  return `One-line diagram of ${feeder.buses.length} buses. Voltages from ${perUnit(Math.min(...live))} to ${perUnit(Math.max(...live))}.`;
}

/** @param {import("../feeder/model.js").Feeder} feeder @param {any} now */
function rows(feeder, now) {
  return h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", {}, "Bus"),
        ["a", "b", "c"].map((phase) => h("th", { class: "number" }, `Phase ${phase}`)),
      ),
    ),
    h(
      "tbody",
      {},
      feeder.buses.map((bus) =>
        h(
          "tr",
          { "data-key": bus.name },
          h("td", {}, bus.name),
          bus.rows.map((row) => {
            const pu = row === null ? null : now.voltages_pu[row];
            return h("td", { class: "number" }, pu === null ? "–" : `${level(pu).sign} ${decimal(pu, 4)}`);
          }),
        ),
      ),
    ),
  );
}

function legend() {
  const key = (/** @type {number} */ pu, /** @type {string} */ text) =>
    h("span", {}, h("i", { class: `swatch ${level(pu).name}` }, level(pu).sign), text);
  return h(
    "p",
    { class: "legend" },
    key(0.89, `below ${decimal(LIMITS.emergencyLow, 2)}`),
    key(0.93, `below ${decimal(LIMITS.low, 2)}`),
    key(1, "normal"),
    key(1.06, `above ${decimal(LIMITS.high, 2)}`),
    key(1.09, `above ${decimal(LIMITS.emergencyHigh, 2)} pu`),
    key(0, "no voltage"),
  );
}
