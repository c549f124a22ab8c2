/**
 * The paths of staged files. They contain the id of a process and random characters, which differ in every run, so a
 * recording has `<attachments>` in their place.
 */
import * as Predicate from "effect/Predicate"
import { basename, dirname } from "node:path"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as Normalizer from "./Normalizer.ts"

/** Returns the directory of the process that staged a file: the file is in a directory that has the name of its hash. */
const stagingDirectory = (path: string): string => {
  const directory = dirname(path)
  return /^[0-9a-f]{64}$/.test(basename(directory)) ? dirname(directory) : directory
}

const pathsOf = (input: TurnOptions.TurnInput): ReadonlyArray<string | undefined> =>
  typeof input === "string"
    ? []
    : input.map((part) => (part._tag === "Attachment" ? part.attachment.path : undefined))

/** Names the directories of the attachments of a recorded input. */
export const name = (normalizer: Normalizer.Normalizer, input: TurnOptions.TurnInput): void => {
  for (const path of pathsOf(input)) if (path !== undefined) normalizer.nameDirectory(stagingDirectory(path))
}

const recordedPath = (part: unknown): string | undefined =>
  Predicate.hasProperty(part, "attachment") &&
  Predicate.hasProperty(part.attachment, "path") &&
  typeof part.attachment.path === "string"
    ? part.attachment.path
    : undefined

/**
 * Maps the directories of the attachments of this run to those of the recorded input. A recording of format version 1 has
 * the directories themselves.
 */
export const bind = (
  normalizer: Normalizer.Normalizer,
  input: TurnOptions.TurnInput,
  recorded: unknown
): void => {
  if (!Array.isArray(recorded)) return
  for (const [index, path] of pathsOf(input).entries()) {
    const expected = recordedPath(recorded[index])
    if (path !== undefined && expected !== undefined)
      normalizer.addDirectory(stagingDirectory(path), stagingDirectory(expected))
  }
}
