/** One card of the page: where it draws, and what it shows when there is nothing to draw. */

import { empty, find, h, show, skeleton } from "./dom.js";
import { age } from "./format.js";

export class Panel {
  /** @param {string} id of the card's section */
  constructor(id) {
    /** @type {HTMLElement} */
    this.section = find(`#${id}`);
    /** @type {HTMLElement} */
    this.body = find(".body", this.section);
    /** @type {HTMLElement} */
    this.tools = find(".tools", this.section);
    show(this.body, skeleton());
  }

  /** @param {...any} children */
  show(...children) {
    show(this.body, ...children);
  }

  /** Nothing to show, and why. @param {{title: string, text: string}} why */
  absent(why) {
    this.fresh();
    show(this.tools);
    show(this.body, empty(why.title, why.text));
  }

  /** It went wrong. @param {unknown} error */
  failed(error) {
    show(
      this.body,
      h("p", { class: "banner bad", role: "status" }, error instanceof Error ? error.message : String(error)),
    );
  }

  /** What is shown is this old, ms. @param {number} ms */
  stale(ms) {
    this.section.classList.add("stale");
    const header = find("header", this.section);
    const mark = header.querySelector(".age") ?? header.appendChild(h("span", { class: "age pill warn" }));
    mark.textContent = `${age(ms)} old`;
  }

  /** What is shown is new. */
  fresh() {
    this.section.classList.remove("stale");
    this.section.querySelector(".age")?.remove();
  }
}

/**
 * Call a function at most once per animation frame and not while the page is hidden.
 * @param {() => void} draw
 */
export function perFrame(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

/**
 * Run an async function now and at intervals; runs never overlap, and hidden pages rest.
 * @param {() => Promise<void>} work @param {number} ms
 * @returns {() => void} runs it soon, out of turn
 */
export function repeat(work, ms) {
  let timer = 0;
  let running = false;
  let again = false;
  const run = async () => {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      if (!document.hidden) await work();
    } finally {
      running = false;
      timer = window.setTimeout(run, again ? 200 : ms);
      again = false;
    }
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) run();
  });
  run();
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(run, 200);
  };
}
