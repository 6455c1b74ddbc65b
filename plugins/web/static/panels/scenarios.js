/** The scenarios: started here, told step by step as they happen. */

import { get, post } from "../api.js";
import { h, on, toast } from "../dom.js";
import { decimal } from "../format.js";
import { Panel, perFrame } from "../panel.js";

/** @param {import("../hub.js").Hub} hub */
export function startScenarios(hub) {
  const panel = new Panel("scenarios");
  /** @type {{id: string, title: string}[]} */
  let scenarios = [];
  let known = "";

  const draw = perFrame(() => {
    if (!scenarios.length) return;
    const told = hub.live.events.findLast((event) => event.topic.startsWith("scenario/"))?.scenario;
    const running = busy(hub, scenarios);
    panel.show(
      h(
        "ul",
        { class: "list" },
        scenarios.map(({ id, title }) => item(id, title, lastRun(hub, id), running, id === told)),
      ),
    );
    const steps = panel.body.querySelector(".narration");
    if (steps && running) steps.scrollTop = steps.scrollHeight;
  });
  hub.onState(async () => {
    if (!hub.has("scenarios/list")) {
      known = "";
      panel.absent(hub.absence("scenarios"));
    } else if (known !== hub.state.services["scenarios/list"]) {
      known = hub.state.services["scenarios/list"];
      scenarios = await get("/api/scenarios").catch(() => []);
    }
    draw();
  });
  hub.live.onChange(({ events, first }) => {
    if (first || events.some((event) => event.topic.startsWith("scenario/"))) draw();
  });
  on(panel.body, "click", "[data-run]", (button) => {
    const id = button.dataset.run ?? "";
    post(`/api/scenarios/${encodeURIComponent(id)}/run`).catch((error) =>
      toast(`Not started: ${error.message}`, "bad"),
    );
  });
}

/** The steps of the newest run of a scenario. @param {import("../hub.js").Hub} hub @param {string} id */
function lastRun(hub, id) {
  const steps = hub.live.events.filter((event) => event.topic === `scenario/${id}`);
  const run = steps.at(-1)?.run;
  return steps.filter((step) => step.run === run);
}

/** Which scenario is running. @param {import("../hub.js").Hub} hub @param {{id: string}[]} scenarios */
function busy(hub, scenarios) {
  return scenarios.find(({ id }) => lastRun(hub, id).at(-1)?.last === false)?.id ?? null;
}

/** @param {string} id @param {string} title @param {any[]} steps @param {string | null} running @param {boolean} told whether to show its steps */
function item(id, title, steps, running, told) {
  const end = steps.at(-1);
  const state = !end
    ? null
    : !end.last
      ? ["info", "running"]
      : end.outcome === "passed"
        ? ["good", "passed"]
        : ["bad", "failed"];
  return h(
    "li",
    { "data-key": id },
    h(
      "div",
      { class: "row" },
      h("div", {}, h("strong", {}, title), " ", state && h("span", { class: `pill ${state[0]}` }, state[1])),
      h(
        "button",
        {
          class: "small",
          "data-run": id,
          disabled: running !== null,
          "aria-label": `Run scenario: ${title}`,
        },
        running === id ? "Running" : "Run",
      ),
    ),
    told &&
      h(
        "ol",
        { class: "narration", tabindex: "0", "aria-label": `Steps: ${title}` },
        steps.map((step) =>
          h(
            "li",
            {},
            h("span", { class: "when" }, `${decimal(step.elapsed_s, 1)} s`),
            h("span", { class: step.last ? step.outcome : "" }, step.text),
          ),
        ),
      ),
  );
}
