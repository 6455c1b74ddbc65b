/** The tap changer: where it stands, who moves it and why, and the operator's hand on it. */

import { command, get } from "../api.js";
import { empty, h, on, svg, toast } from "../dom.js";
import { clock, decimal, perUnit } from "../format.js";
import { Panel, perFrame, repeat } from "../panel.js";

const EVERY_MS = 5000;

/** @param {import("../hub.js").Hub} hub @returns {(feeder: import("../feeder/model.js").Feeder | null) => void} tells the panel which feeder to show */
export function startRegulators(hub) {
  const panel = new Panel("regulators");
  /** @type {import("../feeder/model.js").Feeder | null} */
  let feeder = null;
  /** @type {any} */
  let status = null;

  const draw = perFrame(() => {
    if (!feeder) return;
    const { name, regulators } = feeder;
    panel.show(
      regulators.length
        ? h(
            "div",
            { class: "taps" },
            regulators.map((regulator) =>
              item(
                regulator,
                hub.live.reading(regulator.device ?? regulator.name, "tap")?.value,
                hub.handles(`grid/${name}/regulator/${regulator.name}`),
              ),
            ),
          )
        : empty("No regulator", "This feeder has no tap changer."),
      status ? agent(status) : agentAbsent(hub),
    );
  });
  const soon = repeat(async () => {
    await hub.ready;
    const of = feeder?.name;
    const found =
      of && hub.has("taps/status")
        ? await get(`/api/taps?feeder=${encodeURIComponent(of)}`).catch(() => null)
        : null;
    if (of !== feeder?.name) return soon(); // another one was chosen meanwhile
    status = found;
    draw();
  }, EVERY_MS);
  hub.live.onChange(({ topics, events }) => {
    if ([...topics].some((topic) => topic.endsWith("/tap"))) draw();
    if (events.some((event) => event.topic.startsWith("command/grid/"))) soon();
  });
  hub.onState(draw);
  on(panel.body, "click", "[data-tap]", async (button) => {
    const { regulator = "", tap = "0" } = button.dataset;
    button.setAttribute("aria-busy", "true");
    try {
      const done = await command(`grid/${feeder?.name}/regulator/${regulator}`, "set_tap", {
        tap: Number(tap),
      });
      toast(
        `${regulator}: tap ${tap}${done.max_pu_after ? `, highest voltage now ${perUnit(done.max_pu_after)}` : ""}.`,
        "good",
      );
    } catch (error) {
      toast(`${regulator}: ${error instanceof Error ? error.message : error}`, "bad");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return (found) => {
    if (feeder?.name !== found?.name) status = null;
    feeder = found;
    if (found) {
      draw();
      soon();
    } else panel.absent(hub.absence("opendss_grid"));
  };
}

/** @param {any} regulator @param {number | undefined} tap @param {boolean} movable */
function item({ name, lowest, highest }, tap, movable) {
  const known = tap !== undefined;
  const button = (/** @type {number} */ step) => {
    const to = (tap ?? 0) + step;
    return h(
      "button",
      {
        class: "small",
        "data-regulator": name,
        "data-tap": to,
        "data-key": `${name}${step}`,
        disabled: !known || !movable || to < lowest || to > highest,
        "aria-label": `${name}: ${step > 0 ? "raise" : "lower"} by one tap`,
      },
      step > 0 ? "+" : "−",
    );
  };
  const share = known ? (tap - lowest) / (highest - lowest) : 0.5;
  return h(
    "div",
    { class: "tap-row", "data-key": name },
    h("span", { class: "tap-name" }, name),
    button(-1),
    svg(
      "svg",
      { class: "tap-scale", viewBox: "0 0 200 22", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("path", { class: "rail", d: "M4 11H196" }),
      svg("path", { class: "zero", d: "M100 4V18" }),
      known && svg("path", { class: "reach", d: `M100 11H${(4 + 192 * share).toFixed(1)}` }),
      known &&
        svg("rect", {
          class: "thumb",
          x: (4 + 192 * share - 5).toFixed(1),
          y: 3,
          width: 10,
          height: 16,
          rx: 3,
        }),
    ),
    button(1),
    h("b", { class: "tap-value" }, known ? `${tap > 0 ? "+" : ""}${decimal(tap, 0)}` : "–"),
  );
}

/** @param {any} status of the tap controller */
function agent({ state, why, limits, last_decision: last, operations_today: operations, blind }) {
  return h(
    "div",
    { class: "agent" },
    h(
      "p",
      {},
      h("span", { class: `pill ${blind ? "bad" : "good"}` }, h("i", { class: "dot" }), `agent: ${state}`),
      " ",
      h(
        "span",
        { class: "muted small" },
        `keeps ${decimal(limits.low, 2)} to ${decimal(limits.high, 2)} pu · ${operations} operations today`,
      ),
    ),
    why && h("p", { class: "muted small" }, why.charAt(0).toUpperCase() + why.slice(1), "."),
    last &&
      h(
        "p",
        { class: "message" },
        h("strong", {}, `Last move, ${clock(last.at)}: `),
        last.reason,
        ". ",
        Object.entries(last.to ?? {})
          .filter(([name, tap]) => last.from?.[name] !== tap)
          .map(([name, tap]) => `${name} ${last.from?.[name]} → ${tap}`)
          .join(", "),
        last.predicted
          ? `. Highest ${perUnit(last.predicted.before_max)} → ${perUnit(last.predicted.after_max)}.`
          : "",
      ),
  );
}

/** @param {import("../hub.js").Hub} hub */
function agentAbsent(hub) {
  const { title, text } = hub.absence("tap_controller");
  return h("p", { class: "muted small agent" }, `Tap agent: ${title}. ${text}`);
}
