import { type Departures, SHOWN } from "../departures";
import { airline, city, clock, date, number, percent, words } from "../flight";
import { AIRPORTS } from "../places";
import { href, type Route } from "../route";
import type { Found } from "../search";

interface Props {
  departures: Departures;
  route: Route;
  opened: string | undefined;
  text: string;
  found: Found | undefined;
}

/** The flights that were looked for, or the riskiest. */
export function List({ departures, route, opened, text, found }: Props) {
  const isSearch = text.trim() !== "";
  const ids = isSearch ? found?.ids : departures.riskiest;
  const airport = AIRPORTS[departures.airport] ?? departures.airport;
  const { title, note } = isSearch ? searched(text, found, departures) : riskiest(departures);
  return (
    <section class="list" aria-labelledby="list">
      <h2 id="list">
        {title} <span>from {airport}</span>
      </h2>
      <p class="note" role={isSearch ? "status" : undefined}>
        {note}
      </p>
      {departures.problem !== undefined && (
        <p class="problem" role="alert">
          {departures.problem}
        </p>
      )}
      <ol aria-busy={ids === undefined}>
        {ids === undefined && departures.state !== "offline" && departures.problem === undefined
          ? Array.from({ length: isSearch ? 3 : SHOWN }, (_, index) => <li key={index} class="row is-empty" aria-hidden="true" />)
          : ids?.map((id) => <Row key={id} id={id} departures={departures} route={route} isOpened={id === opened} />)}
      </ol>
    </section>
  );
}

function Row({ id, departures, route, isOpened }: { id: string; departures: Departures; route: Route; isOpened: boolean }) {
  const body = departures.flight(id)?.body;
  if (!body) return <li class="row is-empty" />;
  const was = departures.was(id);
  return (
    <li class="row">
      <a id={`row-${id}`} href={href({ ...route, flight: id })} aria-current={isOpened ? "true" : undefined}>
        <span class="time">{clock(body.departure.scheduled)}</span>
        <span class="what">
          <b>{city(body)}</b>
          <span>
            {number(body)}
            {body.status === "cancelled" ? " · Cancelled" : airline(body) && ` · ${airline(body)}`}
          </span>
        </span>
        <span class="risk">
          <b key={percent(body.risk)} class={was === undefined ? undefined : "is-new"}>
            {percent(body.risk)}
          </b>
          <span>{words(body.risk)}</span>
          <i>
            <i style={{ width: percent(body.risk) }} />
          </i>
        </span>
      </a>
    </li>
  );
}

function riskiest({ day, counts }: Departures) {
  const note =
    day === undefined || counts === undefined
      ? "\u00a0"
      : counts.all === 0
        ? "There are no departures on this day."
        : `${date(day)}: ${counts.all} departures, ${counts.late || "none"} of them likely late`;
  return { title: "Riskiest departures", note };
}

function searched(text: string, found: Found | undefined, { day }: Departures) {
  const on = day === undefined ? "" : ` on ${date(day)}`;
  if (!found) return { title: "Departures", note: "Searching …" };
  const { ids, isPartial } = found;
  const count = ids.length === 0 ? "No flight" : ids.length === 1 ? "1 flight" : `${ids.length} flights`;
  const note = `${count} for “${text.trim()}”${on}${isPartial ? ", of those seen before" : ""}`;
  return { title: "Departures", note };
}
