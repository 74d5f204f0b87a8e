import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export type Answer = (request: IncomingMessage & { body: string }, response: ServerResponse) => void | Promise<void>;

export interface Heard {
  method: string;
  url: URL;
  headers: IncomingMessage["headers"];
  body: string;
}

/** A server that gives these answers, one for each request, the last again and again; and what it was asked. */
export async function serve(t: TestContext, ...answers: Answer[]): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const answer = answers[Math.min(heard.length, answers.length - 1)];
    const url = new URL(request.url ?? "", "http://server");
    heard.push({ method: request.method ?? "", url, headers: request.headers, body });
    await answer?.(Object.assign(request, { body }), response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(value));
  };
}

export function refusal(status: number, message: string, headers: Record<string, string> = {}): Answer {
  return json({ error: message }, status, headers);
}

/** Server-sent events, written as they stand, and then an end, a cut, or nothing more. */
export function stream(text: string, then: "end" | "cut" | "stay" = "stay"): Answer {
  return async (_, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.flushHeaders();
    await new Promise((written) => response.write(text, written));
    if (then === "end") response.end();
    if (then === "cut") setImmediate(() => response.destroy());
  };
}

/** A change as the server writes it. */
export function changed(id: string, risk: number | null, token?: string): string {
  const body = risk === null ? null : { risk };
  const data = { id, partition_key: "EWR", version: "1", deleted: body === null, etag: body && "e", body };
  return `event: change\ndata: ${JSON.stringify(data)}\n${token === undefined ? "" : `id: ${token}\n`}\n`;
}

export function found(id: string, risk: number): object {
  return { id, partition_key: "EWR", version: "7", etag: `e-${id}`, body: { risk } };
}
