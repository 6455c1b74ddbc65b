/** The plugins of hub.yaml and how they are. */

import { h } from "../dom.js";
import { age } from "../format.js";
import { Panel } from "../panel.js";

/** @type {Record<string, string>} */
const KIND = { ONLINE: "good", DEGRADED: "warn", STARTING: "info", LOADED: "", BACKOFF: "warn", FAILED: "bad", STOPPED: "" };

/** @param {import("../hub.js").Hub} hub */
export function startPlugins(hub) {
  const panel = new Panel("plugins");
  hub.onState(() => panel.show(
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "plugins-title" },
      h("table", {},
        h("thead", {}, h("tr", {}, h("th", {}, "Plugin"), h("th", {}, "State"), h("th", {}, "What it does, or what is wrong"), h("th", { class: "number" }, "Since"))),
        h("tbody", {}, hub.plugins.map((plugin) => row(plugin, hub.live.now()))))),
  ));
}

/** @param {import("../hub.js").PluginState} plugin @param {number} now */
function row(plugin, now) {
  const trouble = plugin.state === "ONLINE" ? "" : plugin.reason;
  const again = plugin.state === "BACKOFF" ? ` Try ${plugin.attempt} of ${plugin.attempts}.` : "";
  const faults = plugin.errors ? ` ${plugin.errors} errors so far.` : "";
  return h("tr", { "data-key": plugin.plugin },
    h("td", {}, h("strong", {}, plugin.plugin), h("div", { class: "muted small nowrap" }, plugin.type)),
    h("td", {}, h("span", { class: `pill ${KIND[plugin.state] ?? ""}` }, h("i", { class: "dot" }), plugin.state.toLowerCase())),
    h("td", { class: trouble ? "" : "muted" }, `${trouble || plugin.summary}${trouble ? again : ""}${faults}`),
    h("td", { class: "number muted" }, age(now - Date.parse(plugin.at))));
}
