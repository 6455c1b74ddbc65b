/** What on the feeder is not as its file has it, what is held, and how to put it back or let go. */

import { command, get } from "../api.js";
import { empty, h, on, show, toast } from "../dom.js";
import { clock } from "../format.js";
import { Panel, repeat } from "../panel.js";
import { ACTS, eventForm } from "./event-form.js";

const EVERY_MS = 5000;

/** @param {import("../hub.js").Hub} hub @returns {(feeder: import("../feeder/model.js").Feeder | null) => void} tells the panel which feeder to show */
export function startSwitching(hub) {
  const panel = new Panel("switching");
  /** @type {import("../feeder/model.js").Feeder | null} */
  let feeder = null;
  /** @type {any[]} */
  let changed = [];
  /** @type {any[]} */
  let held = [];
  const list = h("div", {});

  const soon = repeat(async () => {
    if (!feeder || !hub.has(`grid/${feeder.name}/network`)) return;
    try {
      ({ changed, held = [] } = await get(`/api/network?name=${encodeURIComponent(feeder.name)}`));
      show(list, ...entries(feeder.name, changed), ...heldEntries(held));
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
    carryOut(button, `${button.textContent}: ${text}.`, target, action, JSON.parse(args));
  });

  /** Names this page has given: the list may not show them yet. @type {Set<string>} */
  const given = new Set();
  /** A name that no fault or motor has. @param {string} kind */
  const free = (kind) => {
    const taken = new Set(changed.filter((entry) => entry.kind === kind).map(({ name }) => name));
    let number = 1;
    while (taken.has(`${kind}${number}`) || given.has(`${kind}${number}`)) number += 1;
    given.add(`${kind}${number}`);
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

/** What houses and their devices are told to do, until it ends or somebody lets go. @param {any[]} held */
function heldEntries(held) {
  if (!held.length) return [];
  return [
    h("h3", {}, "Held set-points"),
    h(
      "ul",
      { class: "list" },
      held.map((entry) =>
        h("li", { class: "row", "data-key": entry.text }, h("span", {}, sentence(entry.text)), undo("Release", entry)),
      ),
    ),
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
