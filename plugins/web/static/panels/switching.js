/** What on the feeder is not as its file has it, how to put it back, and the operator's events. */

import { command, get } from "../api.js";
import { empty, h, on, show, toast } from "../dom.js";
import { clock } from "../format.js";
import { Panel, repeat } from "../panel.js";

const EVERY_MS = 5000;

/**
 * One thing that an operator can let happen: what the form asks for, and the command it sends.
 * @typedef {{label: string, fields: string[], send: (feeder: string, value: (field: string) => string, free: (kind: string) => string) => [string, string, Record<string, unknown>]}} Act
 */

/** @type {Record<string, Act>} */
const ACTS = {
  fault: {
    label: "Short circuit",
    fields: ["bus", "type", "ohm"],
    send: (feeder, value, free) => [
      `grid/${feeder}/fault/${free("fault")}`,
      "apply",
      { bus: value("bus"), type: value("type"), ohm: Number(value("ohm")) },
    ],
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

/** @param {import("../hub.js").Hub} hub @returns {(feeder: import("../feeder/model.js").Feeder | null) => void} tells the panel which feeder to show */
export function startSwitching(hub) {
  const panel = new Panel("switching");
  /** @type {import("../feeder/model.js").Feeder | null} */
  let feeder = null;
  /** @type {any[]} */
  let changed = [];
  const list = h("div", {});

  const soon = repeat(async () => {
    if (!feeder || !hub.has(`grid/${feeder.name}/network`)) return;
    try {
      ({ changed } = await get(`/api/network?name=${encodeURIComponent(feeder.name)}`));
      show(list, ...entries(feeder.name, changed));
    } catch (error) {
      panel.failed(error);
    }
  }, EVERY_MS);
  hub.live.onChange(({ events }) => {
    const ours = /^(command\/(grid|house)|alarm\/fuse)\//;
    if (events.some((event) => ours.test(event.topic))) soon();
  });

  /** @param {HTMLElement} button @param {string} done @param {Parameters<typeof command>} order */
  const carryOut = async (button, done, ...order) => {
    button.setAttribute("aria-busy", "true");
    try {
      await command(...order);
      toast(done, "good");
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "bad");
    } finally {
      button.removeAttribute("aria-busy");
      soon();
    }
  };
  on(list, "click", "[data-target]", (button) => {
    const { target = "", action = "", args = "{}", text = "" } = button.dataset;
    carryOut(button, `Put back: ${text}.`, target, action, JSON.parse(args));
  });

  /** A name that no fault or motor has. @param {string} kind */
  const free = (kind) => {
    const taken = new Set(changed.filter((entry) => entry.kind === kind).map(({ name }) => name));
    let number = 1;
    while (taken.has(`${kind}${number}`)) number += 1;
    return `${kind}${number}`;
  };

  return (found) => {
    feeder = found;
    if (!found) {
      panel.absent(hub.absence("opendss_grid"));
      return;
    }
    const form = eventForm(found);
    form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const act = ACTS[form.elements.act.value];
      const order = act.send(found.name, (field) => form.elements[field].value, free);
      carryOut(form.querySelector("button"), `Done: ${act.label.toLowerCase()}.`, ...order);
    });
    panel.body.replaceChildren(h("div", { class: "switching" }, list, form));
    soon();
  };
}

/** @param {string} feeder @param {any[]} changed */
function entries(feeder, changed) {
  if (!changed.length) return [empty("All closed", "The feeder is as its file has it.")];
  return [
    h(
      "ul",
      { class: "list" },
      changed.map((entry) =>
        h(
          "li",
          { class: "row", "data-key": `${entry.kind} ${entry.name}` },
          h("span", {}, sentence(entry.text), entry.since && h("span", { class: "when" }, ` since ${clock(entry.since)}`)),
          undo(entry.kind === "fuse" ? "Replace fuse" : "Put back", entry),
        ),
      ),
    ),
    changed.length > 1 &&
      undo("Put everything back", {
        text: "everything",
        target: `grid/${feeder}/feeder`,
        action: "put_back",
        args: {},
      }),
  ];
}

/** @param {string} text */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** @param {string} label @param {{text: string, target: string, action: string, args: unknown}} entry */
const undo = (label, { text, target, action, args }) =>
  h(
    "button",
    {
      class: "small",
      "data-target": target,
      "data-action": action,
      "data-args": JSON.stringify(args),
      "data-text": text,
      "aria-label": `${label}: ${text}`,
    },
    label,
  );

/** @param {import("../feeder/model.js").Feeder} feeder */
function eventForm(feeder) {
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
  const bus = choice(
    "bus",
    buses.map(({ name }) => [name]),
  );
  /** @type {Record<string, [string, any]>} */
  const fields = {
    bus: ["Bus", bus],
    type: ["Type", type],
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
  const acts = Object.entries(ACTS).filter(([id]) => id !== "capacitor" || feeder.capacitors.length > 0);
  const act = choice(
    "act",
    acts.map(([id, { label }]) => [id, label]),
  );
  const typesOfBus = () => {
    const found = buses.find(({ name }) => name === bus.value) ?? buses[0];
    type.replaceChildren(...faultTypes(found?.phases ?? []).map((value) => h("option", { value }, value)));
  };
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
  act.addEventListener("change", fieldsOfAct);
  typesOfBus();
  fieldsOfAct();
  return h(
    "form",
    { class: "events" },
    h("label", {}, "Event", act),
    labels,
    h("button", { class: "primary" }, "Trigger"),
  );
}

/** Every short circuit that the phases of a bus can have. @param {number[]} phases @returns {string[]} */
export function faultTypes(phases) {
  const letters = phases.filter((phase) => phase >= 1 && phase <= 3).map((phase) => "abc"[phase - 1]);
  const pairs = letters.flatMap((first, i) => letters.slice(i + 1).map((second) => first + second));
  return [
    ...letters.map((letter) => `${letter}g`),
    ...pairs,
    ...pairs.map((pair) => `${pair}g`),
    ...(letters.length === 3 ? ["abc", "abcg"] : []),
  ];
}
