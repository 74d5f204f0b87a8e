import { render } from "preact";

import "./style/base.css";
import "./style/controls.css";
import "./style/report.css";
import "./style/views.css";
import "./style/why.css";
import "./style/print.css";

import { App } from "./components/App";

const root = document.getElementById("app");
if (root) render(<App />, root);
