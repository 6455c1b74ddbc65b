/** What is wrong now, and what was. */

import { get } from "../api.js";
import { empty, h } from "../dom.js";
import { clock } from "../format.js";
import { Panel, repeat } from "../panel.js";

const EVERY_MS = 15000;
const SHOWN = 6;
/** @type {Record<string, string>} */
const KIND = { info: "info", warning: "warn", critical: "bad" };

/** @param {import("../hub.js").Hub} hub */
export function startAlarms(hub) {
  const panel = new Panel("alarms");
  const soon = repeat(async () => {
    await hub.ready;
    if (!hub.has("faults/alarms")) {
      panel.absent(hub.absence("fault_detector"));
      return;
    }
    try {
      draw(await get("/api/alarms"));
    } catch (error) {
      panel.failed(error);
    }
  }, EVERY_MS);

  /** @param {{active: any[], recent: any[]}} alarms */
  function draw({ active, recent }) {
    const past = recent
      .filter((alarm) => !active.some((a) => a.id === alarm.id && !alarm.cleared))
      .slice(0, SHOWN);
    panel.show(
      active.length
        ? h(
            "ul",
            { class: "list", role: "alert" },
            active.map((alarm) => item(alarm, false)),
          )
        : empty("No alarm", "Every meter has voltage within its limits."),
      past.length > 0 &&
        h(
          "details",
          {},
          h("summary", { class: "muted small" }, `Earlier (${past.length})`),
          h(
            "ul",
            { class: "list" },
            past.map((alarm) => item(alarm, true)),
          ),
        ),
    );
  }

  let known = false;
  hub.onState(() => {
    if (hub.has("faults/alarms") !== known) {
      known = hub.has("faults/alarms");
      soon();
    } else if (!known) soon();
  });
  hub.live.onChange(({ events }) => {
    if (events.some((event) => event.topic.startsWith("alarm/"))) soon();
  });
}

/** @param {any} alarm @param {boolean} past */
function item(alarm, past) {
  return h(
    "li",
    { "data-key": `${alarm.id}${alarm.cleared}` },
    h(
      "div",
      { class: "row" },
      h(
        "span",
        { class: `pill ${past || alarm.cleared ? "" : (KIND[alarm.severity] ?? "warn")}` },
        alarm.cleared ? "cleared" : alarm.kind.replaceAll("_", " "),
      ),
      h("time", { class: "when", datetime: alarm.at }, clock(alarm.at)),
    ),
    h("p", { class: past ? "muted small" : "" }, alarm.text),
  );
}
