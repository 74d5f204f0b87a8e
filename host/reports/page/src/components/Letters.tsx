import type { Letter } from "../contract";
import { NONE, number, when } from "../format";
import { Words } from "./Words";

const SHOWN = 20;

/** What could not be used, by why. */
export function Letters({ letters, count }: { letters: Letter[]; count: number }) {
  const groups = new Map<string, Letter[]>();
  for (const letter of letters) groups.set(letter.reason, [...(groups.get(letter.reason) ?? []), letter]);
  const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length);
  const most = sorted[0]?.[1].length ?? 1;
  return (
    <section aria-labelledby="letters">
      <div class="heading">
        <h2 id="letters">Dead letters</h2>
        {letters.length < count && (
          <span>
            The newest {number(letters.length)} of {number(count)}
          </span>
        )}
      </div>
      {sorted.length === 0 && <p class="notice">None: every row was used.</p>}
      {sorted.length > 0 && (
        <div class="card groups">
          {sorted.map(([reason, group]) => (
            <details key={reason}>
              <summary>
                <span class="reason">
                  <Words text={reason} />
                </span>
                <span class="meter" aria-hidden="true">
                  <span class="warn" style={{ width: `${(group.length / most) * 100}%` }} />
                </span>
                <b>{number(group.length)}</b>
              </summary>
              <div class="scroll" tabIndex={0} role="group" aria-label={`Rows: ${reason}`}>
                <table class="simple">
                  <thead>
                    <tr>
                      <th scope="col">Event</th>
                      <th scope="col">Step</th>
                      <th scope="col" class="of-number">
                        Row
                      </th>
                      <th scope="col">When</th>
                    </tr>
                  </thead>
                  <tbody>
                    {group.slice(0, SHOWN).map((letter) => (
                      <tr key={letter.id}>
                        <td>{letter.event}</td>
                        <td>{letter.step ?? NONE}</td>
                        <td class="of-number">{letter.row == null ? NONE : number(letter.row)}</td>
                        <td>{when(letter.at)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
                {group.length > SHOWN && <p class="soft">and {number(group.length - SHOWN)} more</p>}
              </div>
            </details>
          ))}
        </div>
      )}
    </section>
  );
}
