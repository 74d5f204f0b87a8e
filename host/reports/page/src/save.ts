// Files for whoever looks.

import type { Colors } from "./charts/style";
import type { Result } from "./contract";
import { csv } from "./csv";

export function saveCsv(result: Pick<Result, "columns" | "rows">, title: string) {
  // With a mark of the encoding, which spreadsheets look for.
  save(new Blob(["\uFEFF", csv(result)], { type: "text/csv;charset=utf-8" }), `${named(title)}.csv`);
}

/** A chart as a picture, with its title. */
export function savePng(chart: HTMLCanvasElement, title: string, subtitle: string, { card, text, soft }: Colors) {
  const [scale, margin, head] = [2, 16, subtitle ? 56 : 40];
  const canvas = document.createElement("canvas");
  canvas.width = chart.width + 2 * margin * scale;
  canvas.height = chart.height + (head + margin) * scale;
  const draw = canvas.getContext("2d");
  if (!draw) return;
  draw.fillStyle = card;
  draw.fillRect(0, 0, canvas.width, canvas.height);
  draw.fillStyle = text;
  draw.font = `600 ${15 * scale}px system-ui, sans-serif`;
  draw.fillText(title, margin * scale, 26 * scale);
  draw.fillStyle = soft;
  draw.font = `${11.5 * scale}px system-ui, sans-serif`;
  draw.fillText(subtitle, margin * scale, 44 * scale);
  draw.drawImage(chart, margin * scale, head * scale);
  canvas.toBlob((blob) => blob && save(blob, `${named(title)}.png`), "image/png");
}

function save(blob: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function named(title: string): string {
  return (
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, "-")
      .replace(/^-|-$/g, "") || "table"
  );
}
