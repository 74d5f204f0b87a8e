import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

const nothing = fileURLToPath(new URL("src/charts/nothing.ts", import.meta.url));
// Transforms of Vega that no chart here has. They would be 6 % of the page.
const unused = ["vega-crossfilter", "vega-force", "vega-hierarchy", "vega-label", "vega-regression", "vega-wordcloud"];

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: Number.MAX_SAFE_INTEGER,
    chunkSizeWarningLimit: 2000,
  },
  resolve: { alias: unused.map((find) => ({ find, replacement: nothing })) },
  // For `npm run dev`: a `wasmill up` that answers.
  server: { proxy: { "/v1": process.env.WASMILL_URL ?? "http://127.0.0.1:8080" } },
  plugins: [viteSingleFile({ removeViteModuleLoader: true }), policy()],
});

/** The page says itself what it may do: run its own script, and ask the server it is from. */
function policy() {
  const hashes = (html, tag) => {
    const found = [...html.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, "g"))];
    return found.map(([, text]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`).join(" ");
  };
  const handler = (_, bundle) => {
    const page = bundle["index.html"];
    const withoutScript = page.source.replace(/<script[^>]*>[^]*?<\/script>/g, "");
    const policy = [
      "default-src 'none'",
      `script-src ${hashes(page.source, "script")}`,
      `style-src ${hashes(withoutScript, "style")}`,
      "img-src data: blob:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
    ].join("; ");
    const meta = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
    page.source = page.source.replace('<meta charset="utf-8">', (charset) => `${charset}\n    ${meta}`);
  };
  // After everything is in the page.
  return { name: "content-security-policy", apply: "build", enforce: "post", generateBundle: { order: "post", handler } };
}
