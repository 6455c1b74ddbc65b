/** The trading page: connects its parts. */

import { get } from "/static/api.js";
import { find, h, on, setText, show, toast } from "/static/dom.js";
import { shortAddress, tickDecimals } from "/static/format.js";
import { Hub } from "/static/hub.js";
import { Live } from "/static/live.js";
import { MarketFeed } from "/static/market-feed.js";
import { Panel, perFrame } from "/static/panel.js";
import { startTheme } from "/static/theme.js";
import { accountView, latestView } from "./account-view.js";
import { bookView } from "./book-view.js";
import { MarketContract } from "./contract.js";
import { curveView } from "./curve-view.js";
import { parseDeepLink } from "./deep-link.js";
import { give } from "./demo-wallet.js";
import { Refusal } from "./errors.js";
import { Session } from "./session.js";
import { drawBanners, drawCountdown, drawFigures, drawTransactions, drawTrust } from "./status-view.js";
import { Ticket } from "./ticket.js";
import { Transactions } from "./transactions.js";
import { ethText, kwhText } from "./units.js";
import { WalletDialog } from "./wallet-dialog.js";
import { discover } from "./wallets.js";

const ACCOUNT_EVERY_MS = 4000;

const live = new Live();
const hub = new Hub(live);
const session = new Session();
const draw = perFrame(drawAll);
const feed = new MarketFeed(hub, () => {
  draw();
  if (!resumed) resume();
});
const transactions = new Transactions(session, draw, (tx) => {
  toast(
    `${tx.text}: ${tx.state === "final" ? "done" : tx.state === "reverted" ? "failed on the chain" : "replaced or dropped"}.`,
    tx.state === "final" ? "good" : "bad",
  );
  refreshAccount();
  feed.soon();
});
/** @type {import("./contract.js").Account | null} */
let account = null;
let resumed = false;

const dialog = new WalletDialog(
  session,
  () => feed.info,
  (house) => hub.nameOf(house),
);
const ticket = new Ticket({
  info: () => feed.info,
  offline: () => !live.connected && live.heardAt > 0,
  session,
  funds: () => (account ? account.wallet + account.credit : null),
  credit: () => account?.credit ?? 0n,
  connect: () => dialog.open(),
  place: async (order, checked) => {
    const response = await contract().place(order, checked);
    transactions.add(
      response,
      `${order.isBid ? "Bid" : "Ask"} for ${kwhText(order.qty)} kWh at ${ethText(order.price)} ETH/kWh`,
    );
  },
});
const showBook = bookView((price, isBid) => ticket.suggest(price, isBid));
const showCurve = curveView();
const showLatest = latestView();
const marketPanels = ["book", "curve", "latest"].map((id) => new Panel(id));
const own = accountView({
  cancel: (id) => transact(() => contract().cancel(id, () => {}), `Cancel order ${id}`),
  explain: (id) => get(`/api/explain/${id}`).then(({ text }) => toast(text), report),
  withdraw: () =>
    account &&
    transact(
      () => contract().withdraw(account?.accountId ?? 0n, () => {}),
      `Withdraw ${ethText(account.credit)} ETH`,
    ),
  gift: () =>
    give(session.provider, session.account ?? "").then(refreshAccount, (error) =>
      toast(error.message, "bad"),
    ),
});

startTheme();
prefill();
on(document.body, "click", "[data-switch]", () => session.switchTo(feed.info).catch(report));
on(document.body, "click", "[data-dismiss]", (button) => transactions.dismiss(button.dataset.dismiss ?? ""));
on(document.body, "click", "[data-copy]", (button) =>
  navigator.clipboard.writeText(button.dataset.copy ?? "").then(
    () => toast("Hash copied."),
    () => toast(button.dataset.copy ?? ""),
  ),
);
find("#wallet").addEventListener("click", () => dialog.open());
discover(() => {
  dialog.draw();
  if (resumed) session.resume().catch(() => {});
});
session.onChange(() => {
  account = null;
  draw();
  refreshAccount();
});
hub.onState(draw);
live.onConnection(draw);
setInterval(() => drawCountdown(feed.info, live.now()), 250);
setInterval(draw, 2000);
setInterval(refreshAccount, ACCOUNT_EVERY_MS);
hub.start().then(() => feed.start());
live.connect();

function contract() {
  return new MarketContract(feed.info, session);
}

function onMarketChain() {
  return Boolean(feed.info && session.account && session.chainId === feed.info.chain_id);
}

async function resume() {
  if (!feed.info) return;
  resumed = true;
  dialog.draw(); // it may have been opened before it was known what chain this is
  await dialog.resume();
}

async function refreshAccount() {
  if (!onMarketChain() || document.hidden) return;
  const asked = session.account;
  try {
    const answer = await contract().account();
    if (session.account === asked) account = answer;
  } catch {
    // The node does not answer; what it said before is shown on.
  }
  draw();
}

/** @param {() => Promise<any>} send @param {string} text */
async function transact(send, text) {
  try {
    transactions.add(await send(), text);
  } catch (error) {
    report(error);
  }
}

/** @param {unknown} error */
function report(error) {
  toast(
    error instanceof Error ? error.message : String(error),
    error instanceof Refusal && error.declined ? "" : "bad",
  );
}

function drawAll() {
  const { info, book, trades } = feed;
  const decimals = info ? tickDecimals(info.price_tick_wei) : 6;
  drawFrame();
  drawFigures(feed, decimals);
  drawCountdown(info, live.now());
  drawTransactions(transactions.shown);
  ticket.draw();
  if (book) {
    showBook(book, session.account, decimals);
    showCurve(book, decimals);
    showLatest(trades, decimals, (house, address) => (house ? hub.nameOf(house) : shortAddress(address)));
  } else if (hub.state && !hub.has("market/info")) {
    marketPanels.forEach((panel) => panel.absent(hub.absence("chain_auction")));
  }
  if (!session.account) own.nobody("");
  else if (!onMarketChain()) own.nobody("Your wallet is on another network");
  else if (account) own.show(session, account, trades, decimals, live.now() / 1000);
}

function drawFrame() {
  const { info } = feed;
  const lost = !live.connected && live.heardAt > 0;
  const pill = find("#connection");
  pill.className = `pill ${live.connected ? "good" : "bad"}`;
  setText(pill.lastElementChild, live.connected ? "live" : "offline");
  setText(
    find("#wallet"),
    session.account ? `${session.name} · ${shortAddress(session.account)}` : "Connect a wallet",
  );
  drawBanners(info, session, {
    offline: lost ? Date.now() - live.heardAt : null,
    problem: feed.problem,
    absence: hub.state && !hub.has("market/info") ? hub.absence("chain_auction") : null,
    location,
  });
  drawTrust(info, hub.state);
}

function prefill() {
  const { prefill: wanted, ignored } = parseDeepLink(location.search);
  if (wanted) ticket.fill(wanted);
  if (!wanted && !ignored.length) return;
  show(
    find("#prefill"),
    wanted &&
      h(
        "p",
        { class: "banner info" },
        wanted.fromAlert
          ? "Filled in from an alert. Check it; nothing is sent until you place it."
          : "Filled in from a link. Check it; nothing is sent until you place it.",
      ),
    ignored.length > 0 &&
      h(
        "p",
        { class: "banner warn" },
        `Parts of the link were not understood and are left out: ${ignored.join(", ")}.`,
      ),
  );
}
