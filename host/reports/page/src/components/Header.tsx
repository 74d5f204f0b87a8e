import { link, ASK, type State, TYPED } from "../state";
import { source } from "../source";
import { choose, useTheme } from "../theme";
import { Icon } from "./Icon";

/** Where one is, and where one can go. */
export function Header({ view, hasModel }: { view: State["view"]; hasModel: boolean }) {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  const to = (name: string, state: State, isHere: boolean) => (
    <a href={link(state)} aria-current={isHere ? "page" : undefined}>
      {name}
    </a>
  );
  return (
    <header class="top">
      <span class="brand">
        <Icon name="logo" />
        Wasmill
      </span>
      {!source.made && (
        <nav aria-label="Views">
          {to("Overview", { view: "home" }, view === "home" || view === "report")}
          {hasModel && to("Explore", { view: "explore", ask: ASK }, view === "explore")}
          {to("SQL", { view: "sql", typed: TYPED }, view === "sql")}
        </nav>
      )}
      <button
        type="button"
        class="icon theme"
        onClick={() => choose(other)}
        aria-label={`Use ${other} colours`}
        title={`Use ${other} colours`}
      >
        <Icon name={theme === "dark" ? "sun" : "moon"} />
      </button>
    </header>
  );
}
