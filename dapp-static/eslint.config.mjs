/** Rules for the scripts of all pages; run from the root of the tree by `make lint`. */

import js from "@eslint/js";

export default [
  { ignores: ["**/node_modules/", ".venv/", "contracts/", "site/"] },
  {
    files: ["dapp-static/**/*.js", "plugins/**/*.js"],
    rules: {
      ...js.configs.recommended.rules,
      eqeqeq: "error",
      "max-lines": ["error", 330],
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-shadow": ["error", { allow: ["error"] }],
      "no-undef": "off", // the type checker knows the names of a browser
      "no-var": "error",
      "prefer-const": "error",
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
  },
];
