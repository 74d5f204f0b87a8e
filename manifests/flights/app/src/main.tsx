import { render } from "preact";

import { App } from "./components/App";

const root = document.getElementById("app");
if (root) render(<App />, root);

if (import.meta.env.PROD && "serviceWorker" in navigator) {
  navigator.serviceWorker.register("./sw.js").catch(() => {
    // It is for opening the page without a network only.
  });
}
