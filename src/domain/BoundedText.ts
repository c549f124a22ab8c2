/** A text that grows by its end and keeps its start and its end within a limit. Pure; appending takes constant time. */
import * as BoundedContent from "./BoundedContent.ts"

export interface BoundedText {
  readonly start: string
  /** What follows `start`, or the end of the text if something is left out. */
  readonly end: string
  readonly omittedCharacters: number
}

export const empty: BoundedText = { start: "", end: "", omittedCharacters: 0 }

/** Appends text. Keeps at most `length` code units of the start, and between `length` and twice as many of the end. */
export const append = (text: BoundedText, added: string, length: number): BoundedText => {
  if (text.end === "" && text.start.length + added.length <= length)
    return { ...text, start: text.start + added }
  const end = text.end + added
  if (end.length <= 2 * length) return { ...text, end }
  // The end is cut only when it is twice as long as it needs to be, so a text of many parts is copied a few times only.
  const kept = BoundedContent.tail(end, length)
  return { ...text, end: kept, omittedCharacters: text.omittedCharacters + end.length - kept.length }
}

export const toString = ({ end, omittedCharacters, start }: BoundedText): string =>
  omittedCharacters === 0 ? start + end : start + BoundedContent.marker + end
