/** The trading page. */

import { startTheme } from "/static/theme.js";

startTheme();
