/** A sentence in which `names` are set as such. */
export function Words({ text }: { text: string }) {
  return <>{text.split(/(`[^`]+`)/).map((part) => (/^`.+`$/.test(part) ? <code>{part.slice(1, -1)}</code> : part))}</>;
}
