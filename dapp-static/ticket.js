/** The order form: what is typed, what it costs, and the one button. */

import { find, h, on, setText, show } from "/static/dom.js";
import { Refusal } from "./errors.js";
import { costOf, energyField, nextStep, priceField, rulesOf } from "./rules.js";
import { ethText, kwhText } from "./units.js";

const NO_FIELD = { value: null, problem: "", offers: [] };

/**
 * @typedef {object} Surroundings
 * @property {() => any} info the market or null
 * @property {() => boolean} offline
 * @property {import("./session.js").Session} session
 * @property {() => bigint | null} funds wallet and credit, wei
 * @property {() => bigint} credit wei
 * @property {() => void} connect opens the choice of wallets
 * @property {(order: {isBid: boolean, price: bigint, qty: bigint, ttl: number}, checked: () => void) => Promise<void>} place
 */

export class Ticket {
  /** @param {Surroundings} around */
  constructor(around) {
    this._around = around;
    /** @type {"" | "checking" | "signing"} */
    this._busy = "";
    this._energy = find("#energy");
    this._price = find("#price");
    const form = find("#order");
    form.addEventListener("input", () => {
      this._refuse("");
      this.draw();
    });
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this._act();
    });
    on(form, "click", "[data-offer]", (button) => {
      find(`#${button.dataset.field}`).value = button.dataset.offer;
      this.draw();
    });
  }

  get isBid() {
    return find("#side-buy").checked;
  }

  /** Fill the form; nothing is sent. @param {{side: string, qtyWh: bigint | null, priceWei: bigint | null}} prefill */
  fill({ side, qtyWh, priceWei }) {
    find(`#side-${side}`).checked = true;
    if (qtyWh !== null) this._energy.value = kwhText(qtyWh);
    if (priceWei !== null) this._price.value = ethText(priceWei);
    this.draw();
  }

  /** Take over a price of the book. @param {string | bigint} priceWei @param {boolean} isBid */
  suggest(priceWei, isBid) {
    this.fill({ side: isBid ? "buy" : "sell", qtyWh: null, priceWei: BigInt(priceWei) });
    this._energy.focus();
  }

  _read() {
    const info = this._around.info();
    if (!info) return { rules: null, energy: NO_FIELD, price: NO_FIELD, cost: null };
    const rules = rulesOf(info);
    const energy = energyField(this._energy.value, rules);
    const price = priceField(this._price.value, rules);
    const cost =
      energy.value !== null && price.value !== null
        ? costOf(this.isBid, price.value, energy.value, rules)
        : null;
    return { rules, energy, price, cost };
  }

  _step() {
    const { session, info, offline, funds } = this._around;
    const { energy, price, cost } = this._read();
    return nextStep({
      info: info(),
      offline: offline(),
      account: session.account,
      chainId: session.chainId,
      isBid: this.isBid,
      energy,
      price,
      cost,
      funds: funds(),
      busy: this._busy,
    });
  }

  draw() {
    const { rules, energy, price, cost } = this._read();
    setText(find("#price-label"), this.isBid ? "Highest price you pay" : "Lowest price you take");
    hint(
      this._energy,
      find("#energy-hint"),
      energy,
      kwhText,
      rules ? `At least ${kwhText(rules.minQty)} kWh` : "",
    );
    hint(
      this._price,
      find("#price-hint"),
      price,
      ethText,
      rules ? `In steps of ${ethText(rules.priceTick)}` : "",
    );
    show(find("#sum"), cost ? this._sum(cost) : null);
    const step = this._step();
    const button = find("#place");
    setText(button, step.label);
    button.disabled = step.action === "none";
    button.classList.toggle("sell", !this.isBid);
    button.setAttribute("aria-busy", String(this._busy !== ""));
  }

  /** @param {import("./rules.js").Cost} cost */
  _sum({ payment, deposit, escrow }) {
    const credit = this._around.credit();
    const fromCredit = credit < escrow ? credit : escrow;
    const line = (/** @type {string} */ name, /** @type {bigint} */ wei, kind = "") =>
      h("div", { class: kind }, h("dt", {}, name), h("dd", {}, `${ethText(wei)} ETH`));
    return [
      line(this.isBid ? "Payment at most" : "Revenue at least", payment),
      line("Deposit, returned after delivery", deposit),
      fromCredit > 0n && line("Taken from your credit", fromCredit),
      line(this.isBid ? "Total held" : "Held now", escrow, "total"),
    ];
  }

  async _act() {
    const { session, info, connect, place } = this._around;
    const { action } = this._step();
    const { energy, price } = this._read();
    this._refuse("");
    try {
      if (action === "connect") connect();
      else if (action === "switch") await session.switchTo(info());
      else if (action === "place" && energy.value !== null && price.value !== null) {
        this._busy = "checking";
        this.draw();
        const order = {
          isBid: this.isBid,
          price: price.value,
          qty: energy.value,
          ttl: Number(find("#ttl").value),
        };
        await place(order, () => {
          this._busy = "signing";
          this.draw();
        });
        this._energy.value = "";
      }
    } catch (error) {
      this._refuse(
        error instanceof Error ? error.message : String(error),
        error instanceof Refusal && error.declined,
      );
    } finally {
      this._busy = "";
      this.draw();
    }
  }

  /** @param {string} text @param {boolean} [neutral] declined by the person, which is no error */
  _refuse(text, neutral = false) {
    const line = find("#refusal");
    line.hidden = text === "";
    line.classList.toggle("neutral", neutral);
    line.setAttribute("role", neutral ? "status" : "alert");
    setText(line, text);
  }
}

/**
 * Say under a field what is wrong with it, and offer the nearest values that are not.
 * @param {HTMLInputElement} input @param {Element} place @param {import("./rules.js").Field} field
 * @param {(value: bigint) => string} write @param {string} usual
 */
function hint(input, place, field, write, usual) {
  if (field.problem) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  show(
    place,
    field.problem ? h("span", { class: "problem" }, field.problem) : usual,
    field.offers.map((value) =>
      h(
        "button",
        { type: "button", class: "small", "data-field": input.id, "data-offer": write(value) },
        `Use ${write(value)}`,
      ),
    ),
  );
}
