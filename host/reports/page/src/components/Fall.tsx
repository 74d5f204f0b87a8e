import { Chart } from "../charts/Chart";
import { heightOf, type Waterfall } from "../charts/waterfall";

/** A waterfall, and what its colours say. */
export function Fall({ plot }: { plot: Waterfall }) {
  return (
    <>
      <div class="body" style={{ height: `${heightOf(plot)}px` }}>
        <Chart plot={plot} />
      </div>
      <p class="note keys">
        <span class="key up" /> more than expected <span class="key down" /> less than expected
        {plot.domain[0] * plot.domain[1] > 0 && " · the axis does not begin at zero"}
      </p>
    </>
  );
}
