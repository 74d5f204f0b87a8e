/** A refusal, or that there was no answer. */
export class SourceError extends Error {
  override name = "SourceError";

  constructor(
    readonly title: string,
    detail: string,
    readonly status = 0,
    readonly hint: string | null = null,
  ) {
    super(detail);
  }
}
