import type { SourceError } from "../problem";
import { Icon } from "./Icon";
import { Words } from "./Words";

/** What went wrong, what to do about it, and trying again. */
export function Trouble({ error, again }: { error: SourceError; again?: () => void }) {
  return (
    <div class="trouble" role="alert">
      <p class="what">
        <Icon name="alert" />
        <b>{error.title}</b>
      </p>
      {error.message && error.message !== error.title && (
        <p>
          <Words text={error.message} />
        </p>
      )}
      {error.hint && (
        <p class="hint">
          Hint: <Words text={error.hint} />
        </p>
      )}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}
