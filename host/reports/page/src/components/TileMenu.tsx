import type { View } from "vega";

import { colors } from "../charts/style";
import type { Result } from "../contract";
import { saveCsv, savePng } from "../save";
import { useTheme } from "../theme";
import { Icon } from "./Icon";
import { Popover } from "./Popover";

interface Props {
  title: string;
  subtitle: string;
  result: Result | null;
  chart: { current: View | null } | null;
  isTable: boolean;
  /** Nothing where there is no chart. */
  onTable: (() => void) | null;
  /** Nothing where it cannot be asked. */
  onWhy?: (() => void) | undefined;
}

/** What can be done with a tile. */
export function TileMenu({ title, subtitle, result, chart, isTable, onTable, onWhy }: Props) {
  const theme = useTheme();
  const picture = async () => {
    const canvas = await chart?.current?.toCanvas(2);
    if (canvas) savePng(canvas, title, subtitle, colors(theme));
  };
  return (
    <Popover button={<Icon name="more" />} name={`${title}: menu`} kind="icon" isDisabled={!result}>
      {(close) => {
        const item = (words: string, run: () => unknown) => (
          <button
            type="button"
            onClick={() => {
              close();
              run();
            }}
          >
            {words}
          </button>
        );
        return (
          <div class="items">
            {onTable && item(isTable ? "Show as chart" : "Show as table", onTable)}
            {onWhy && item("Why?", onWhy)}
            {result && item("Save as CSV", () => saveCsv(result, title))}
            {chart && item("Save as PNG", picture)}
          </div>
        );
      }}
    </Popover>
  );
}
