import { useEffect } from "preact/hooks";

import { useAnswer } from "../answer";
import { useRoute } from "../route";
import { source } from "../source";
import { LOOK } from "../state";
import { said, useStore } from "../store";
import { Explorer } from "./Explorer";
import { Header } from "./Header";
import { Home } from "./Home";
import { KeyDialog } from "./KeyDialog";
import { ReportView } from "./ReportView";
import { SqlView } from "./SqlView";

export function App() {
  const route = useRoute();
  const reports = useAnswer("reports", (signal) => source.reports(signal));
  const only = source.made ? reports.value?.reports[0]?.id : undefined;
  const shown = source.made && route.view !== "report" ? { view: "report" as const, id: only ?? "", look: LOOK } : route;
  const words = useStore(said);

  useEffect(() => {
    if (shown.view !== "report") document.title = { home: "Overview", explore: "Explore measures", sql: "SQL" }[shown.view];
  }, [shown.view]);

  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the content
      </a>
      <Header view={shown.view} hasModel={reports.value?.has_model ?? false} />
      <main id="main" tabIndex={-1}>
        {shown.view === "home" && <Home reports={reports} />}
        {shown.view === "report" && shown.id && <ReportView key={shown.id} id={shown.id} look={shown.look} />}
        {shown.view === "explore" && <Explorer ask={shown.ask} />}
        {shown.view === "sql" && <SqlView typed={shown.typed} />}
      </main>
      <KeyDialog />
      <p class="unseen" role="status" data-testid="said">
        {words}
      </p>
    </>
  );
}
