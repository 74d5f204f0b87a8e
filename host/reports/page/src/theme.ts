// Light or dark: as the system has it, unless somebody chose.

import { Store, useStore } from "./store";

const KEY = "wasmill-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export type Theme = "light" | "dark";

const chosen = new Store<Theme | null>(saved());
const preferred = new Store<Theme>(system.matches ? "dark" : "light");
system.addEventListener("change", () => preferred.set(system.matches ? "dark" : "light"));
apply();

export function useTheme(): Theme {
  const common = useStore(preferred);
  return useStore(chosen) ?? common;
}

export function choose(theme: Theme) {
  chosen.set(theme === preferred.value ? null : theme);
  try {
    if (chosen.value) localStorage.setItem(KEY, chosen.value);
    else localStorage.removeItem(KEY);
  } catch {
    // It lasts as long as the page then.
  }
  apply();
}

function apply() {
  if (chosen.value) document.documentElement.dataset.theme = chosen.value;
  else delete document.documentElement.dataset.theme;
}

function saved(): Theme | null {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "light" || theme === "dark" ? theme : null;
  } catch {
    return null;
  }
}
