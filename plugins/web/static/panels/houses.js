/** The houses as their meters see them, and the operator's hand on their service. */

import { command } from "../api.js";
import { h, on, svg, toast } from "../dom.js";
import { decimal, energy, perUnit, power } from "../format.js";
import { icon } from "../icons.js";
import { Panel, perFrame } from "../panel.js";
import { phaseVoltages } from "../readings.js";
import { DEAD, level } from "../voltage-scale.js";

const STALE_MS = 10000;
const DRAW_MS = 1000;

/** @param {import("../hub.js").Hub} hub */
export function startHouses(hub) {
  const panel = new Panel("houses");
  const draw = perFrame(() => {
    const houses = Object.entries(hub.houses);
    if (!hub.state) return;
    if (!houses.length) {
      panel.absent({ title: "No houses", text: "hub.yaml names none under “houses:”." });
      return;
    }
    panel.show(
      h(
        "table",
        { class: "stack" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["House", "Power", "Voltage", "Battery", "Imported", "Exported", "Service"].map((title, i) =>
              h("th", { class: i > 0 && i < 6 ? "number" : "", scope: "col" }, title),
            ),
          ),
        ),
        h(
          "tbody",
          {},
          houses.map(([id, house]) => row(hub, id, house)),
        ),
      ),
    );
  });
  hub.onState(draw);
  setInterval(draw, DRAW_MS);
  on(panel.body, "click", "[data-service]", async (button) => {
    const { house = "", service = "" } = button.dataset;
    button.setAttribute("aria-busy", "true");
    try {
      await command(`house/${house}`, service);
      toast(
        `${hub.nameOf(house)}: ${service === "open_service" ? "disconnected" : "connected again"}.`,
        "good",
      );
    } catch (error) {
      toast(`${hub.nameOf(house)}: ${error instanceof Error ? error.message : error}`, "bad");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

/** @param {import("../hub.js").Hub} hub @param {string} id @param {import("../hub.js").House} house */
function row(hub, id, house) {
  const { live } = hub;
  const value = (/** @type {string} */ quantity) => live.reading(house.device, quantity)?.value;
  const at = live.reading(house.device, "power")?.at ?? 0;
  const stale = live.now() - at > STALE_MS;
  const volts = phaseVoltages(live, house);
  const dead = volts.length > 0 && volts.every(({ pu }) => pu < DEAD);
  const watts = value("power");
  return h(
    "tr",
    { "data-key": id, class: stale ? "is-stale" : "" },
    h(
      "td",
      {},
      h(
        "span",
        { class: "house-name" },
        icon(house.site),
        house.name,
        house.pv && icon("pv", { "aria-label": "photovoltaics" }),
        house.battery && icon("battery", { "aria-label": "battery" }),
        house.ev && icon("ev", { "aria-label": "electric vehicle" }),
        dead && h("span", { class: "pill bad" }, icon("outage", { width: 13, height: 13 }), "outage"),
        stale && at > 0 && h("span", { class: "pill warn" }, "no news"),
      ),
    ),
    cell(
      "Power",
      watts === undefined
        ? "–"
        : h(
            "span",
            {},
            power(watts),
            h("span", { class: "visually-hidden" }, watts < 0 ? " exported" : " imported"),
          ),
    ),
    cell("Voltage", voltageCell(volts), "wide"),
    cell("Battery", batteryCell(value("state_of_charge"))),
    cell("Imported", energy(value("energy_import"))),
    cell("Exported", energy(value("energy_export"))),
    h("td", { class: "nowrap" }, serviceButtons(hub, id, house.name, dead)),
  );
}

/** @param {string} label @param {any} content @param {string} [kind] */
const cell = (label, content, kind = "") =>
  h("td", { class: `number ${kind}`, "data-label": label }, content);

/** @param {{phase: string, pu: number}[]} volts */
function voltageCell(volts) {
  if (!volts.length) return "–";
  return h(
    "span",
    { class: "volts" },
    volts.map(({ phase, pu }) => {
      const { name, sign } = level(pu);
      return h(
        "span",
        { class: `volt ${name}`, title: `phase ${phase || "–"}: ${perUnit(pu, 4)}` },
        sign && h("b", {}, sign),
        decimal(pu, 3),
      );
    }),
    " pu",
  );
}

/** @param {number | undefined} percent */
function batteryCell(percent) {
  if (percent === undefined) return "–";
  return h(
    "span",
    {},
    h(
      "span",
      { class: "bar" },
      svg(
        "svg",
        { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", { class: "fill", width: Math.max(0, Math.min(100, percent)).toFixed(1), height: 10 }),
      ),
    ),
    `${decimal(percent, 0)} %`,
  );
}

/** @param {import("../hub.js").Hub} hub @param {string} id @param {string} name @param {boolean} dead */
function serviceButtons(hub, id, name, dead) {
  if (!hub.handles(`house/${id}`)) return h("span", { class: "muted small" }, "not remotely");
  const service = dead ? "close_service" : "open_service";
  return h(
    "button",
    { class: "small", "data-house": id, "data-service": service, "data-key": `${id}-service` },
    dead ? "Reconnect" : "Disconnect",
    h("span", { class: "visually-hidden" }, ` ${name}`),
  );
}
