/**
 * A visitor's text must not move the cursor of an operator's terminal, write lines of its own into a log, or turn a line
 * around: controls, also those above U+007F, and invisible formats become `\\uXXXX`, which JSON reads back as what they
 * were.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  )
}
