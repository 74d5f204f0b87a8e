import type { Model, Report } from "../contract";
import { isTime, rangeOf, valuesOf } from "../queries";
import { source } from "../source";
import type { Look } from "../state";
import { DateFilter } from "./DateFilter";
import { ValuesFilter } from "./ValuesFilter";

interface Props {
  report: Report;
  model: Model;
  look: Look;
  today: string;
  change: (to: Partial<Look>) => void;
}

/** The filters of all tiles. */
export function Filters({ report, model, look, today, change }: Props) {
  const filters = report.filters ?? [];
  if (filters.length === 0) return null;
  const isTouched = Object.keys(look.dates).length + Object.keys(look.values).length > 0;
  return (
    <section class="filters" aria-label="Filters">
      {filters.map((filter) => {
        const { dimension } = filter;
        if (isTime(filter)) {
          const put = (text: string | null) => {
            const { [dimension]: _, ...others } = look.dates;
            change({ dates: text === null ? others : { ...others, [dimension]: text } });
          };
          return (
            <DateFilter
              key={dimension}
              title={filter.title}
              typed={look.dates[dimension]}
              range={rangeOf(filter, look, today)}
              isDisabled={source.made !== null}
              hasDefault
              put={put}
            />
          );
        }
        return (
          <ValuesFilter
            key={dimension}
            filter={filter}
            model={model}
            chosen={valuesOf(filter, look)}
            isDisabled={source.made !== null}
            put={(values) => change({ values: { ...look.values, [dimension]: values } })}
          />
        );
      })}
      {isTouched && (
        <button type="button" class="plain" onClick={() => change({ dates: {}, values: {} })}>
          Reset filters
        </button>
      )}
    </section>
  );
}
