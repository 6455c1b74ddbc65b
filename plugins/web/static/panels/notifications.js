/** The messages to people, word for word as they were sent. */

import { get } from "../api.js";
import { empty, h } from "../dom.js";
import { clock } from "../format.js";
import { Panel, repeat } from "../panel.js";

const EVERY_MS = 15000;
const SHOWN = 8;

/** @param {import("../hub.js").Hub} hub */
export function startNotifications(hub) {
  const panel = new Panel("notifications");
  const soon = repeat(async () => {
    await hub.ready;
    if (!hub.has("alerts/recent")) {
      panel.absent(hub.absence("notifier"));
      return;
    }
    try {
      draw(await get(`/api/notifications?limit=40`));
    } catch (error) {
      panel.failed(error);
    }
  }, EVERY_MS);

  /** @param {any[]} sent */
  function draw(sent) {
    panel.show(
      sent.length
        ? h(
            "div",
            { class: "messages", tabindex: "0", role: "region", "aria-labelledby": "notifications-title" },
            merged(sent).slice(0, SHOWN).map(item),
          )
        : empty(
            "No message yet",
            "When a fault is found, substation and homeowner are told here and on their channels.",
          ),
    );
  }

  /** @param {any} message */
  function item(message) {
    return h(
      "article",
      { class: "message", "data-key": `${message.at}${message.audience}` },
      h(
        "div",
        { class: "row" },
        h(
          "strong",
          {},
          message.audience === "substation" ? "To the substation" : `To ${hub.nameOf(message.audience)}`,
        ),
        h("time", { class: "when", datetime: message.at }, clock(message.at)),
      ),
      h("p", {}, withLink(message.text, message.link)),
      h(
        "p",
        { class: "muted small" },
        message.channels.map((/** @type {any} */ c) => `${c.channel}: ${c.status}`).join(" · "),
      ),
    );
  }

  hub.onState(() => {
    if (!panel.body.querySelector(".message")) soon();
  });
  hub.live.onChange(({ events }) => {
    if (events.some((event) => event.topic.startsWith("notification/"))) soon();
  });
}

/** One entry per message, with its channels. @param {any[]} sent */
function merged(sent) {
  /** @type {Map<string, any>} */
  const messages = new Map();
  for (const { channel, status, ...message } of sent) {
    const key = `${message.at} ${message.audience} ${message.text}`;
    const known = messages.get(key) ?? { ...message, channels: [] };
    known.channels.push({ channel, status });
    messages.set(key, known);
  }
  return [...messages.values()];
}

/** The text, with the link to the trading page as a link. @param {string} text @param {string | null} link */
function withLink(text, link) {
  const at = link ? text.indexOf(link) : -1;
  if (!link || at < 0 || !/^https?:\/\//.test(link)) return [text];
  return [text.slice(0, at), h("a", { href: link }, link), text.slice(at + link.length)];
}
