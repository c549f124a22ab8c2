/**
 * The home directory of a scripted engine, with the files of its threads where Codex has them. The runner of durable turns
 * copies these files to its database, and back when the home directory was lost with its machine.
 */
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { dirname, join } from "node:path"
import * as CodexError from "../../domain/CodexError.ts"
import { type ThreadId, TurnId } from "../../domain/Ids.ts"
import * as Turn from "../../domain/Turn.ts"
import type { FoundTurn } from "../../engine/Engine.ts"

const End = Schema.Union([Schema.Literal("completed"), CodexError.TurnInterrupted, CodexError.TurnFailed])

const Line = Schema.fromJsonString(
  Schema.Union([
    Schema.TaggedStruct("Start", { turnId: TurnId, key: Schema.String }),
    Schema.TaggedStruct("Event", { turnId: TurnId, event: Turn.EngineEvent }),
    Schema.TaggedStruct("End", { turnId: TurnId, end: End, at: Schema.Finite })
  ])
)
type Line = typeof Line.Type
const encode = Schema.encodeSync(Line)
const decode = Schema.decodeUnknownSync(Line)

/** A turn of a file. */
export interface WrittenTurn extends FoundTurn {
  readonly key: string
}

export interface ScriptedRollouts {
  /** Returns the home directory. */
  readonly home: () => string
  readonly path: (threadId: ThreadId) => string
  readonly started: (threadId: ThreadId, turnId: TurnId, key: string) => void
  readonly emitted: (threadId: ThreadId, turnId: TurnId, event: Turn.EngineEvent) => void
  readonly ended: (
    threadId: ThreadId,
    turnId: TurnId,
    end: "completed" | CodexError.TurnError,
    at: number
  ) => void
  /** Returns the turns of a thread, or `undefined` if it has no file. A turn without an end ended with its engine. */
  readonly read: (threadId: ThreadId) => ReadonlyArray<WrittenTurn> | undefined
  /** Loses all files with their machine: the next machine has another home directory. */
  readonly lose: () => void
}

/** The history of Codex has the other errors as a failure with a text. */
const toEnd = (end: "completed" | CodexError.TurnError): typeof End.Type =>
  end === "completed" || end._tag === "TurnInterrupted" || end._tag === "TurnFailed"
    ? end
    : new CodexError.TurnFailed({ reason: "Other", detail: end.message })

/** Makes the home directories of the machines below a directory. */
export const make = (directory: string): ScriptedRollouts => {
  let machine = 1
  const home = () => join(directory, `machine-${machine}`)
  const path = (threadId: ThreadId) => join(home(), `sessions/2026/01/01/rollout-${threadId}.jsonl`)
  const append = (threadId: ThreadId, line: Line) => {
    const file = path(threadId)
    Fs.mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    Fs.appendFileSync(file, `${encode(line)}\n`, { mode: 0o600 })
  }
  return {
    home,
    path,
    started: (threadId, turnId, key) => append(threadId, { _tag: "Start", turnId, key }),
    emitted: (threadId, turnId, event) => append(threadId, { _tag: "Event", turnId, event }),
    ended: (threadId, turnId, end, at) => append(threadId, { _tag: "End", turnId, end: toEnd(end), at }),
    read: (threadId) => {
      const file = path(threadId)
      if (!Fs.existsSync(file)) return undefined
      const turns = new Map<TurnId, WrittenTurn>()
      for (const text of Fs.readFileSync(file, "utf8").split("\n").slice(0, -1)) {
        const line = decode(text)
        const { turnId } = line
        const turn = turns.get(turnId)
        if (line._tag === "Start")
          turns.set(turnId, {
            turnId,
            key: line.key,
            events: [],
            end: new CodexError.EngineExited({ signal: "SIGKILL", stderr: "" }),
            endedAt: undefined
          })
        else if (turn !== undefined)
          turns.set(
            turnId,
            line._tag === "Event"
              ? { ...turn, events: [...turn.events, line.event] }
              : { ...turn, end: line.end, endedAt: line.at }
          )
      }
      return [...turns.values()]
    },
    lose: () => {
      Fs.rmSync(home(), { recursive: true, force: true })
      machine++
    }
  }
}
