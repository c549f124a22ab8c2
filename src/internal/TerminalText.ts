const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
// All other characters that a terminal interprets, and characters that reorder or hide text.
const controls =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** Removes escape sequences, control and bidi characters from a text. Line breaks and tabs stay. */
export const printable = (text: string): string => text.replace(escapes, "").replace(controls, "")

/** Makes a text printable on one line of at most `width` characters. */
export const oneLine = (text: string, width: number): string => {
  const line = printable(text).replace(/\s+/g, " ").trim()
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line
}
