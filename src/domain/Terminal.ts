/** Commands of a thread that run in the background: they continue when the turn that started them ends. */
import * as Schema from "effect/Schema"
import { ItemId } from "./Ids.ts"
import { CommandExecution } from "./Item.ts"

const optionalKey = Schema.optionalKey

/**
 * A running command of a thread.
 * @since 0.1.0
 * @category schemas
 */
export class Terminal extends Schema.Opaque<Terminal>()(
  Schema.Struct({
    /** Codex's id of the process, which `Thread.terminals.terminate` takes. It is no process id of the system. */
    processId: Schema.String,
    /** The command's item in the turn that started it. */
    itemId: ItemId,
    /** The command without the shell wrapper. */
    command: Schema.String,
    cwd: Schema.String,
    /** The process id of the system, the share of the processor in percent, and the memory, if Codex knows them. */
    osPid: optionalKey(Schema.Int),
    cpuPercent: optionalKey(Schema.Finite),
    residentKilobytes: optionalKey(Schema.Finite)
  })
) {}

/**
 * What happens to the background terminals of a thread: a turn ended while its command continues, the command wrote
 * output, or the command ended. `at` is in milliseconds since the epoch.
 * @since 0.1.0
 * @category schemas
 */
export const TerminalEvent = Schema.TaggedUnion({
  TerminalStarted: { item: CommandExecution, at: Schema.Finite },
  TerminalOutput: { itemId: ItemId, delta: Schema.String, at: Schema.Finite },
  TerminalEnded: { item: CommandExecution, at: Schema.Finite }
})
export type TerminalEvent = typeof TerminalEvent.Type
