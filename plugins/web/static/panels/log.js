/** The last lines of the hub's log. */

import { get } from "../api.js";
import { empty, h } from "../dom.js";
import { clock } from "../format.js";
import { Panel, repeat } from "../panel.js";

const EVERY_MS = 5000;
const LINES = 60;
/** @type {Record<string, string>} */
const KIND = { warning: "warn", error: "bad", critical: "bad" };

/** @param {import("../hub.js").Hub} hub */
export function startLog(hub) {
  const panel = new Panel("log");
  repeat(async () => {
    await hub.ready;
    if (!hub.has("hub/log")) {
      panel.absent({ title: "No log here", text: "The hub was started without one." });
      return;
    }
    try {
      const lines = await get(`/api/logs?limit=${LINES}`);
      panel.show(
        lines.length
          ? h(
              "ol",
              { class: "log", tabindex: "0", "aria-label": "Log, newest first" },
              lines.toReversed().map(line),
            )
          : empty("Nothing yet"),
      );
    } catch (error) {
      panel.failed(error);
    }
  }, EVERY_MS);
}

/** @param {any} entry */
function line({ at, level, plugin, message }) {
  return h(
    "li",
    { class: KIND[level] ?? "" },
    h("time", { datetime: at }, clock(at)),
    " ",
    KIND[level] && h("b", {}, `${level} `),
    plugin && h("b", { class: "muted" }, `${plugin}: `),
    message,
  );
}
