/** The choice of who trades: wallets of the browser, or demo accounts on a development chain. */

import { find, h, on, show, toast } from "/static/dom.js";
import { shortAddress } from "/static/format.js";
import { demoAllowed, houseAccount, ownAccount } from "./demo-wallet.js";
import { Refusal } from "./errors.js";
import { remembered, wallets } from "./wallets.js";

export class WalletDialog {
  /**
   * @param {import("./session.js").Session} session @param {() => any} info
   * @param {(house: string) => string} nameOf what people call a house
   */
  constructor(session, info, nameOf) {
    this._session = session;
    this._info = info;
    this._nameOf = nameOf;
    this._dialog = find("#wallets");
    on(this._dialog, "click", "[data-wallet]", (button) => this._choose(button.dataset.wallet ?? ""));
    on(this._dialog, "click", "[data-demo]", (button) => this._demo(button.dataset.demo ?? ""));
    on(this._dialog, "click", "[data-leave]", () => {
      session.disconnect();
      this._dialog.close();
    });
  }

  open() {
    this.draw();
    if (!this._dialog.open) this._dialog.showModal();
  }

  draw() {
    const info = this._info();
    const found = wallets();
    show(
      find("#wallet-list"),
      this._session.account &&
        h(
          "p",
          { class: "row now" },
          h("span", {}, `${this._session.name} `, h("code", {}, shortAddress(this._session.account))),
          h("button", { class: "small", "data-leave": "" }, "Disconnect"),
        ),
      h("h3", {}, "Wallets in this browser"),
      found.length
        ? h(
            "ul",
            { class: "choices" },
            found.map((wallet) =>
              h(
                "li",
                { "data-key": wallet.rdns },
                h(
                  "button",
                  { "data-wallet": wallet.rdns },
                  wallet.icon ? h("img", { src: wallet.icon, alt: "", width: 24, height: 24 }) : null,
                  wallet.name,
                ),
              ),
            ),
          )
        : h(
            "p",
            { class: "muted small" },
            "None was found. Any Ethereum wallet works, such as MetaMask or Rabby.",
          ),
      demoAllowed(info) && [
        h("h3", {}, "Demo accounts"),
        h(
          "p",
          { class: "muted small" },
          "This market runs on a development chain: its coin has no value, and anybody may use these accounts.",
        ),
        h(
          "ul",
          { class: "choices" },
          info.accounts.map((/** @type {any} */ { house }) =>
            h("li", { "data-key": house }, h("button", { "data-demo": house }, this._nameOf(house))),
          ),
          h("li", { "data-key": "own" }, h("button", { "data-demo": "own" }, "A new account")),
        ),
      ],
    );
  }

  /** Take up the account of the last visit, without asking for anything. */
  async resume() {
    await this._session.resume().catch(() => {});
    const last = remembered();
    if (!this._session.kind && last?.startsWith("demo:") && demoAllowed(this._info()))
      await this._demo(last.slice(5), true);
  }

  /** @param {string} rdns */
  async _choose(rdns) {
    const wallet = wallets().find((w) => w.rdns === rdns);
    if (!wallet) return;
    try {
      await this._session.connect(wallet);
      this._dialog.close();
    } catch (error) {
      toast(
        error instanceof Error ? error.message : String(error),
        error instanceof Refusal && error.declined ? "" : "bad",
      );
    }
  }

  /** @param {string} id @param {boolean} [quiet] */
  async _demo(id, quiet = false) {
    try {
      const info = this._info();
      this._session.useDemo(
        id === "own" ? await ownAccount(info) : await houseAccount(info, id, this._nameOf(id)),
      );
      this._dialog.close();
    } catch (error) {
      if (!quiet) toast(error instanceof Error ? error.message : String(error), "bad");
    }
  }
}
