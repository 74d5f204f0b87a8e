import { createParser } from "eventsource-parser";

/** A server-sent event; without data if it only moves on where to resume. */
export interface ServerEvent {
  event: string | undefined;
  data: string | undefined;
  id: string | undefined;
}

/** Makes events of a stream's bytes. What is cut off in the middle of an event is left out. */
export class Events {
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({ onEvent: ({ event, data, id }) => this.#events.push({ event, data, id }) });
  #events: ServerEvent[] = [];
  #line = "";
  #id: string | undefined;

  /** The events that are complete with these bytes. */
  push(bytes: Uint8Array): ServerEvent[] {
    const lines = (this.#line + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#line = lines.pop() ?? "";
    for (const line of lines) this.#end(line.replace(/\r$/, ""));
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** A line. The parser says nothing of an id without data, which the server sends when there is no change for us. */
  #end(line: string): void {
    const before = this.#events.length;
    this.#parser.feed(`${line}\n`);
    if (line.startsWith("id:")) this.#id = line.slice(3).trimStart();
    if (line !== "") return;
    if (this.#id !== undefined && this.#events.length === before) {
      this.#events.push({ event: undefined, data: undefined, id: this.#id });
    }
    this.#id = undefined;
  }
}
