/** The plugins of hub.yaml and how they are. */

import { h } from "../dom.js";
import { age } from "../format.js";
import { Panel } from "../panel.js";

/** @type {Record<string, string>} */
const KIND = {
  ONLINE: "good",
  DEGRADED: "warn",
  STARTING: "info",
  LOADED: "",
  BACKOFF: "warn",
  FAILED: "bad",
  STOPPED: "",
};

/** @param {import("../hub.js").Hub} hub */
export function startPlugins(hub) {
  const panel = new Panel("plugins");
  hub.onState(() =>
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
            h("th", { scope: "col" }, "Plugin"),
            h("th", { scope: "col" }, "State"),
            h("th", { class: "number", scope: "col" }, "Since"),
            h("th", { scope: "col" }, "What it does, or what is wrong"),
          ),
        ),
        h(
          "tbody",
          {},
          hub.plugins.map((plugin) => row(plugin, hub.live.now())),
        ),
      ),
    ),
  );
}

/** @param {import("../hub.js").PluginState} plugin @param {number} now */
function row(plugin, now) {
  const trouble = plugin.state === "ONLINE" ? "" : plugin.reason;
  const again = plugin.state === "BACKOFF" ? ` Try ${plugin.attempt} of ${plugin.attempts}.` : "";
  const faults = plugin.errors ? ` ${plugin.errors} errors so far.` : "";
  return h(
    "tr",
    { "data-key": plugin.plugin },
    h("td", {}, h("strong", {}, plugin.plugin), h("div", { class: "muted small nowrap" }, plugin.type)),
    h(
      "td",
      { "data-label": "State" },
      h(
        "span",
        { class: `pill ${KIND[plugin.state] ?? ""}` },
        h("i", { class: "dot" }),
        plugin.state.toLowerCase(),
      ),
    ),
    h("td", { class: "number muted", "data-label": "Since" }, age(now - Date.parse(plugin.at))),
    h(
      "td",
      { class: trouble ? "text" : "text muted" },
      `${trouble || plugin.summary}${trouble ? again : ""}${faults}`,
    ),
  );
}
