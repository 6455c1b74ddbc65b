/** The events that an operator can let happen, and the form that asks for them. */

import { h } from "../dom.js";

/**
 * One thing that an operator can let happen: what the form asks for, and the command it sends.
 * @typedef {{label: string, fields: string[], send: (feeder: string, value: (field: string) => string, free: (kind: string) => string) => [string, string, Record<string, unknown>]}} Act
 */

/** @type {Record<string, Act>} */
export const ACTS = {
  fault: {
    label: "Short circuit",
    fields: ["bus", "type", "ohm"],
    send: (feeder, value, free) => [
      `grid/${feeder}/fault/${free("fault")}`,
      "apply",
      { bus: value("bus"), type: value("type"), ohm: Number(value("ohm")) },
    ],
  },
  line: {
    label: "Short circuit on a line",
    fields: ["line", "place", "lineType", "ohm"],
    send: (feeder, value, free) => [
      `grid/${feeder}/fault/${free("fault")}`,
      "apply",
      {
        line: value("line"),
        at: Number(value("place")) / 100,
        type: value("lineType"),
        ohm: Number(value("ohm")),
      },
    ],
  },
  fuse: {
    label: "Blow a service fuse",
    fields: ["house"],
    send: (feeder, value) => [`house/${value("house")}`, "blow_fuse", {}],
  },
  branch: {
    label: "Open a line or switch",
    fields: ["branch", "phase"],
    send: (feeder, value) => [
      `grid/${feeder}/branch/${value("branch")}`,
      "open",
      value("phase") ? { phase: Number(value("phase")) } : {},
    ],
  },
  capacitor: {
    label: "Open a capacitor bank",
    fields: ["bank"],
    send: (feeder, value) => [`grid/${feeder}/capacitor/${value("bank")}`, "open", {}],
  },
  feeder: {
    label: "Open the whole feeder",
    fields: [],
    send: (feeder) => [`grid/${feeder}/feeder`, "open", {}],
  },
  motor: {
    label: "Start a motor",
    fields: ["bus", "kva"],
    send: (feeder, value, free) => [
      `grid/${feeder}/motor/${free("motor")}`,
      "start",
      { bus: value("bus"), kva: Number(value("kva")) },
    ],
  },
  sky: {
    label: "Clouds",
    fields: ["light"],
    send: (feeder, value) => [`grid/${feeder}/sky`, "set", { clearness: Number(value("light")) / 100 }],
  },
};

/** @param {import("../feeder/model.js").Feeder} feeder */
export function eventForm(feeder) {
  const choice = (/** @type {string} */ name, /** @type {string[][]} */ options) =>
    h(
      "select",
      { name },
      options.map(([value, text = value]) => h("option", { value }, text)),
    );
  const number = (/** @type {string} */ name, /** @type {number} */ value, /** @type {number} */ max) =>
    h("input", { name, type: "number", value, min: 0, max, step: "any", required: true });
  const buses = feeder.buses.filter((bus) => bus.phases.length > 0);
  const type = choice("type", []);
  const lineType = choice("lineType", []);
  const lines = feeder.branches.filter(({ name }) => name.startsWith("line."));
  const line = choice(
    "line",
    lines.map(({ name }) => [name]),
  );
  const bus = choice(
    "bus",
    buses.map(({ name }) => [name]),
  );
  /** @type {Record<string, [string, any]>} */
  const fields = {
    bus: ["Bus", bus],
    type: ["Type", type],
    line: ["Line", line],
    place: ["Place, % from its first bus", number("place", 50, 100)],
    lineType: ["Type", lineType],
    house: ["House", choice("house", feeder.sites.map(({ id }) => [id]))],
    ohm: ["Resistance, Ω", number("ohm", 1, 1e6)],
    branch: ["Line or switch", choice("branch", feeder.branches.map(({ name }) => [name]))],
    phase: ["Phase", choice("phase", [["", "all"], ["1", "A"], ["2", "B"], ["3", "C"]])],
    bank: ["Bank", choice("bank", feeder.capacitors.map(({ name }) => [name]))],
    kva: ["Rating, kVA", number("kva", 300, 20000)],
    light: ["Light let through, %", number("light", 30, 100)],
  };
  const labels = Object.entries(fields).map(([name, [label, field]]) =>
    h("label", { "data-field": name }, label, field),
  );
  /** What there is none of cannot be chosen. @type {Record<string, number>} */
  const there = { capacitor: feeder.capacitors.length, line: lines.length, fuse: feeder.sites.length };
  const acts = Object.entries(ACTS).filter(([id]) => there[id] !== 0);
  const act = choice(
    "act",
    acts.map(([id, { label }]) => [id, label]),
  );
  /** @param {HTMLElement} select @param {string[]} letters */
  const offerTypes = (select, letters) =>
    select.replaceChildren(...faultTypes(letters).map((value) => h("option", { value }, value)));
  const typesOfBus = () => {
    const phases = buses.find(({ name }) => name === bus.value)?.phases ?? [];
    offerTypes(type, phases.filter((phase) => phase >= 1 && phase <= 3).map((phase) => "abc"[phase - 1]));
  };
  const typesOfLine = () =>
    offerTypes(lineType, [...(lines.find(({ name }) => name === line.value)?.phases.toLowerCase() ?? "")]);
  const fieldsOfAct = () => {
    for (const label of labels) {
      const away = !ACTS[act.value].fields.includes(label.dataset.field);
      label.hidden = away;
      label.querySelector("select, input").disabled = away;
    }
  };
  // Far out on all phases is where most can happen.
  const far = buses.toSorted(
    (a, b) => b.phases.length - a.phases.length || (b.distanceM ?? 0) - (a.distanceM ?? 0),
  );
  bus.value = far[0]?.name ?? "";
  bus.addEventListener("change", typesOfBus);
  line.addEventListener("change", typesOfLine);
  act.addEventListener("change", fieldsOfAct);
  typesOfBus();
  typesOfLine();
  fieldsOfAct();
  return h(
    "form",
    { class: "events" },
    h("label", {}, "Event", act),
    labels,
    h("button", { class: "primary" }, "Trigger"),
  );
}

/** Every short circuit that these phases can have. @param {string[]} letters @returns {string[]} */
function faultTypes(letters) {
  const pairs = letters.flatMap((first, i) => letters.slice(i + 1).map((second) => first + second));
  return [
    ...letters.map((letter) => `${letter}g`),
    ...pairs,
    ...pairs.map((pair) => `${pair}g`),
    ...(letters.length === 3 ? ["abc", "abcg"] : []),
  ];
}
