/** Errors of durable turns: what a worker cannot know, or cannot continue, after a process or a machine died. */
import * as Schema from "effect/Schema"
import * as ReasonText from "../internal/ReasonText.ts"
import { make } from "./ErrorClass.ts"

/**
 * The engine died while the turn ran, and the turn's recovery policy is `fail`: it is not known how far the turn got. `key`
 * is the key of the turn.
 * @since 0.1.0
 * @category errors
 */
export class TurnOutcomeUnknown extends make<TurnOutcomeUnknown>()(
  "TurnOutcomeUnknown",
  { key: Schema.String },
  ({ key }) => ({
    class: "engine",
    retryable: false,
    happened: `the engine died during the turn ${ReasonText.quoted(key)}, and it is not known how far the turn got`,
    nextStep: "check what the turn has already done, then submit a turn with another key"
  })
) {}

/**
 * The process died while a tool ran that must not run twice (`ToolSettings.SideEffects` is `once`). The tool is not run
 * again, and it is not known whether it took effect.
 * @since 0.1.0
 * @category errors
 */
export class ToolOutcomeUnknown extends make<ToolOutcomeUnknown>()(
  "ToolOutcomeUnknown",
  { tool: Schema.String, callId: Schema.String },
  ({ tool }) => ({
    class: "tool",
    retryable: false,
    happened: `the process died while the tool ${tool} ran, and it is not known whether the tool took effect`,
    nextStep: "check whether the tool took effect, then submit a turn that says so"
  })
) {}

/**
 * This machine has no directory for the thread. `cwd` is the directory of the thread on the machine that started it, if the
 * thread names one. `detail` says what was found.
 * @since 0.1.0
 * @category errors
 */
export class WorkspaceMissing extends make<WorkspaceMissing>()(
  "WorkspaceMissing",
  { thread: Schema.String, cwd: Schema.optionalKey(Schema.String), detail: Schema.String },
  ({ cwd, detail, thread }) => ({
    class: "config",
    retryable: false,
    happened: `this machine has no workspace for the thread ${ReasonText.quoted(thread)}${cwd === undefined ? "" : ` (${ReasonText.quoted(cwd)})`}`,
    reason: ReasonText.reason(detail),
    nextStep: "create the directory, or provide a `Workspace` that does"
  })
) {}

/**
 * A turn was started by a worker of another version, and this worker cannot continue it. `found` is the version that
 * started it, `expected` the version of this worker. `what` is `journal` for the format of the stored turn and `program` for
 * the `programVersion` of the worker.
 * @since 0.1.0
 * @category errors
 */
export class IncompatibleJournal extends make<IncompatibleJournal>()(
  "IncompatibleJournal",
  {
    key: Schema.String,
    what: Schema.Literals(["journal", "program"]),
    found: Schema.String,
    expected: Schema.String
  },
  ({ expected, found, key, what }) => ({
    class: "config",
    retryable: false,
    happened: `the turn ${ReasonText.quoted(key)} was started with ${what} version ${found}, and this worker has ${expected}`,
    nextStep:
      "finish the turn with a worker of the version that started it, or submit it again with another key"
  })
) {}
