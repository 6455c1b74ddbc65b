/** The operator's page: connects its panels to the hub. */

import { find, h, setText, show } from "./dom.js";
import { age } from "./format.js";
import { Hub } from "./hub.js";
import { Live } from "./live.js";
import { startTheme } from "./theme.js";
import { startAlarms } from "./panels/alarms.js";
import { startFeeder } from "./panels/feeder.js";
import { startFigures } from "./panels/figures.js";
import { startHistory } from "./panels/history.js";
import { startHouses } from "./panels/houses.js";
import { startLog } from "./panels/log.js";
import { startMarket } from "./panels/market.js";
import { startNotifications } from "./panels/notifications.js";
import { startPlugins } from "./panels/plugins.js";
import { startProfile } from "./panels/profile.js";
import { startRegulators } from "./panels/regulators.js";
import { startScenarios } from "./panels/scenarios.js";
import { startSwitching } from "./panels/switching.js";

const live = new Live();
const hub = new Hub(live);

startTheme(() => dispatchEvent(new Event("themechange")));
for (const start of [
  startFigures,
  startScenarios,
  startAlarms,
  startNotifications,
  startHouses,
  startMarket,
  startHistory,
  startPlugins,
  startLog,
])
  start(hub);
const ofFeeder = [startProfile(hub), startRegulators(hub), startSwitching(hub)];
startFeeder(hub, (feeder) => ofFeeder.forEach((tell) => tell(feeder)));

live.onConnection(showConnection);
hub.start();
live.connect();
setInterval(showConnection, 1000);

function showConnection() {
  const pill = find("#connection");
  const silent = live.silent();
  pill.className = `pill ${!live.connected ? "bad" : silent ? "warn" : "good"}`;
  setText(pill.lastElementChild, !live.connected ? "offline" : silent ? "silent" : "live");
  show(
    find("#banners"),
    !live.connected && live.heardAt
      ? h(
          "p",
          { class: "banner bad", role: "alert" },
          `The hub does not answer. What you see is ${age(Date.now() - live.heardAt)} old; the page keeps trying.`,
        )
      : null,
  );
}
