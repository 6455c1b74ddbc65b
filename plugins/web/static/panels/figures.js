/** The figures one looks at first. */

import { find, h, show } from "../dom.js";
import { decimal, perUnit, power } from "../format.js";
import { perFrame } from "../panel.js";
import { phaseVoltages } from "../readings.js";
import { DEAD, level } from "../voltage-scale.js";

/** @param {import("../hub.js").Hub} hub */
export function startFigures(hub) {
  const draw = perFrame(() => {
    if (!hub.state) return;
    show(
      find("#figures"),
      figures(hub).map(([name, value, note, kind]) =>
        h(
          "div",
          { class: kind ?? "" },
          h("dt", {}, name),
          h("dd", {}, value),
          h("dd", { class: "note" }, note || "\u00a0"),
        ),
      ),
    );
    drawClock(hub);
  });
  hub.onState(draw);
  hub.live.onChange(draw);
}

/** @param {import("../hub.js").Hub} hub @returns {any[][]} name, value, note, class */
function figures(hub) {
  const { live } = hub;
  const head = live.reading("head", "power")?.value;
  const meters = Object.values(hub.houses).map((house) => ({
    house,
    watts: live.reading(house.device, "power")?.value ?? 0,
    volts: phaseVoltages(live, house),
  }));
  const volts = meters
    .flatMap(({ house, volts: all }) => all.map(({ pu }) => ({ name: house.name, pu })))
    .filter(({ pu }) => pu >= DEAD)
    .sort((x, y) => x.pu - y.pu);
  const [lowest, highest] = [volts[0], volts.at(-1)];
  const exported = meters.reduce((sum, { watts }) => sum - Math.min(0, watts), 0);
  const sellers = meters.filter(({ watts }) => watts < -1).length;
  const without = meters.filter(({ volts: all }) => all.length && all.every(({ pu }) => pu < DEAD));
  const running = hub.plugins.filter((plugin) => plugin.state === "ONLINE").length;
  return [
    ["From the substation", power(head), head !== undefined && head < 0 ? "fed back upstream" : "head meter"],
    ["Highest voltage", highest ? perUnit(highest.pu) : "–", highest?.name, tone(highest?.pu)],
    ["Lowest voltage", lowest ? perUnit(lowest.pu) : "–", lowest?.name, tone(lowest?.pu)],
    ["Houses export", power(exported), sellers === 1 ? "1 house feeds in" : `${sellers} houses feed in`],
    [
      "Without supply",
      String(without.length),
      without.map(({ house }) => house.name).join(", ") || "all houses are live",
      without.length ? "is-bad" : "",
    ],
    [
      "Plugins online",
      h("span", {}, running, h("small", {}, ` of ${hub.plugins.length}`)),
      hub.state.safe ? "safe mode" : "",
      running < hub.plugins.length ? "is-warn" : "",
    ],
  ];
}

/** @param {number | undefined} pu */
function tone(pu) {
  if (pu === undefined) return "";
  const { name } = level(pu);
  return name === "v-normal" ? "" : name === "v-low-1" || name === "v-high-1" ? "is-warn" : "is-bad";
}

/** @param {import("../hub.js").Hub} hub */
function drawClock(hub) {
  const lapse = hub.state.time_lapse;
  const feeder = hub.live.matching("grid/", "/state")[0];
  show(
    find("#feeder-clock"),
    feeder && h("span", {}, "Feeder time ", h("b", {}, feeder.feeder_time.slice(11, 16))),
    lapse !== 1 &&
      h(
        "span",
        { class: "pill info", title: `One second here is ${decimal(lapse, 0)} s on the simulated feeder` },
        `time lapse ${decimal(lapse, 0)}×`,
      ),
  );
}
