// How scripts/*.mjs are checked; part of `npm run lint`.
import js from "@eslint/js";

const nodeGlobals = ["clearInterval", "clearTimeout", "console", "process", "setInterval", "setTimeout", "URL"];

export default [
  { ignores: ["artifacts/", "cache/", "forge-out/", "forge-cache/", "node_modules/"] },
  js.configs.recommended,
  {
    languageOptions: { globals: Object.fromEntries(nodeGlobals.map((name) => [name, "readonly"])) },
    rules: { eqeqeq: "error", "no-shadow": "error", "no-var": "error", "prefer-const": "error" },
  },
];
